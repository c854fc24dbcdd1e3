"""What every request passes: bounds on its body, slow refusals, and what a mistake shows.

A body is read once its route asks for it; one that no route asks for is read past, and not kept.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final

import structlog
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lightkeeper.web import problems
from lightkeeper.web.problems import HttpProblem

MAX_BODY_BYTES: Final = 1024 * 1024
MAX_BYTES_OF_BODIES: Final = 16 * MAX_BODY_BYTES
"""Of all bodies that are in memory at once."""
BODY_SECONDS: Final = 10.0
"""How long a body may take to arrive."""
REFUSED_AFTER_SECONDS: Final = 0.5
"""How long the refusal of a token takes, so that guessing does too."""
_READ_PAST_BYTES: Final = 16 * MAX_BODY_BYTES
"""Of a body that is refused: a caller that is cut off at once would not see why."""
_REFUSALS: Final = frozenset({401, 403})

Observe = Callable[[str, int, float], None]
"""Called for each answer: the operation, the status, and the seconds that it took."""

log = structlog.get_logger()


class RequestLimits:
    """An ASGI application around the routes."""

    def __init__(self, app: ASGIApp, observe: Observe) -> None:
        self._app, self._observe = app, observe
        self._bodies = _Bodies()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request; a body that breaks a limit does not reach its route."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 0
        body = _RequestBody(scope, receive, self._bodies)

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                is_whole = await body.read_past()
                if status in _REFUSALS:
                    await asyncio.sleep(began + REFUSED_AFTER_SECONDS - time.perf_counter())
                if not is_whole:
                    MutableHeaders(scope=message)["Connection"] = "close"
            await send(message)

        try:
            await self._app(scope, body.receive, sent)
        except Exception as exc:  # noqa: BLE001  # the program's own boundary
            mistake = problems.of_mistake(exc)
            log.error("web.mistake", reason=mistake.detail)
            if not status:
                await mistake.response()(scope, receive, sent)
        finally:
            body.forget()
            operation = getattr(scope.get("route"), "name", "other")
            if status:  # else the caller is gone
                self._observe(operation, status, time.perf_counter() - began)


_HAS_BODY: Final = frozenset({b"content-length", b"transfer-encoding"})


class _Bodies:
    """How many bytes of bodies are in memory."""

    size = 0


class _RequestBody:
    """The body of one request, which is whole or not in memory at all once it was received."""

    def __init__(self, scope: Scope, receive: Receive, bodies: _Bodies) -> None:
        names = {name for name, _ in scope["headers"]}
        self._receive, self._bodies = receive, bodies
        self._is_whole = not names & _HAS_BODY
        self._is_awaited = b"expect" in names  # the caller sends it once it is asked for
        self._is_gone = self._is_late = self._is_handed_on = False
        self._kept = bytearray()
        self._size = 0

    async def receive(self) -> Message:
        """What a route receives: the body, and then nothing. Raises `HttpProblem`."""
        if self._is_handed_on:
            return {"type": "http.disconnect"}
        self._is_handed_on = True
        await self._read(self._keep, MAX_BODY_BYTES)
        if self._size > MAX_BODY_BYTES:
            self.forget()
            text = f"the body is longer than {MAX_BODY_BYTES:,} bytes: send fewer items at once"
            raise HttpProblem(413, text, headers={"Connection": "close"})
        if self._is_gone:
            raise HttpProblem(400, "the body ended early")
        if self._is_late:
            raise HttpProblem(408, f"the body did not arrive within {BODY_SECONDS:g} s")
        return {"type": "http.request", "body": bytes(self._kept), "more_body": False}

    async def read_past(self) -> bool:
        """Read what is left and keep nothing of it; returns whether the end was reached."""
        if not self._is_awaited or self._is_handed_on:
            await self._read(lambda _: None, _READ_PAST_BYTES)
        return self._is_whole

    def forget(self) -> None:
        """Free what was kept."""
        self._bodies.size -= len(self._kept)
        self._kept = bytearray()

    def _keep(self, some: bytes) -> None:
        if self._bodies.size + len(some) > MAX_BYTES_OF_BODIES:
            self.forget()
            raise HttpProblem(503, "too much is sent at once: repeat this later")
        self._bodies.size += len(some)
        self._kept += some

    async def _read(self, keep: Callable[[bytes], None], most: int) -> None:
        """Read until the end, the caller is gone, it takes too long, or `most` is exceeded."""
        if self._is_whole:
            return
        try:
            async with asyncio.timeout(BODY_SECONDS):
                while not (self._is_whole or self._is_gone or self._is_late or self._size > most):
                    message = await self._receive()
                    self._is_gone = message["type"] == "http.disconnect"
                    some = message.get("body", b"")
                    self._size += len(some)
                    self._is_whole = not self._is_gone and not message.get("more_body", False)
                    keep(some)
        except TimeoutError:
            self._is_late = True
