"""What every request passes: a bound on its body in size and time, and on what a mistake shows."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lightkeeper.web import problems
from lightkeeper.web.problems import HttpProblem

MAX_BODY_BYTES: Final = 1024 * 1024
BODY_SECONDS: Final = 10.0
"""How long a body may take to arrive."""
_READ_PAST_BYTES: Final = 16 * MAX_BODY_BYTES
"""Of a body that is too large: a caller that is cut off at once would not see why."""

Observe = Callable[[str, int, float], None]
"""Told of each answer: the operation, the status, and the seconds that it took."""

log = structlog.get_logger()


class RequestLimits:
    """An ASGI application around the routes."""

    def __init__(self, app: ASGIApp, observe: Observe) -> None:
        self._app, self._observe = app, observe

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request; a request that breaks a limit does not reach the routes."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 0

        async def sent(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            try:
                if any(name in _HAS_BODY for name, _ in scope["headers"]):
                    receive = _given(await _body(receive))
                await self._app(scope, receive, sent)
            except HttpProblem as exc:
                await exc.response()(scope, receive, sent)
        except Exception as exc:  # noqa: BLE001  # the program's own boundary
            mistake = problems.of_mistake(exc)
            log.error("web.mistake", reason=mistake.detail)
            if not status:
                await mistake.response()(scope, receive, sent)
        finally:
            operation = getattr(scope.get("route"), "name", "other")
            if status:  # else the caller is gone
                self._observe(operation, status, time.perf_counter() - began)


_HAS_BODY: Final = frozenset({b"content-length", b"transfer-encoding"})


async def _body(receive: Receive) -> bytes:
    """The whole body; raises `HttpProblem`."""
    close = {"Connection": "close"}
    body, is_whole, size = bytearray(), False, 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while not is_whole and size <= _READ_PAST_BYTES:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise HttpProblem(400, "the body ended early", headers=close)
                some = message.get("body", b"")
                size += len(some)
                if size <= MAX_BODY_BYTES:
                    body += some
                is_whole = not message.get("more_body", False)
    except TimeoutError:
        text = f"the body did not arrive within {BODY_SECONDS:g} s"
        raise HttpProblem(408, text, headers=close) from None
    if size > MAX_BODY_BYTES:
        text = f"the body is longer than {MAX_BODY_BYTES:,} bytes: send fewer items at once"
        raise HttpProblem(413, text, headers=close)
    return bytes(body)


def _given(body: bytes) -> Receive:
    """What a route receives: the body, and then nothing."""
    messages: list[Message] = [
        {"type": "http.request", "body": body, "more_body": False},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Message:
        return messages.pop(0) if len(messages) > 1 else messages[0]

    return receive
