"""One connection: uvicorn's, with what it lacks: headers are bounded, and so is every wait."""

from asyncio import AbstractEventLoop, TimerHandle, Transport
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from lightkeeper.web.problems import MEDIA_TYPE, HttpProblem

MAX_HEAD_BYTES: Final = 16 * 1024
"""Of a request's first line and its headers."""
HEAD_SECONDS: Final = 10.0
"""How long they may take to arrive."""
DRAIN_SECONDS: Final = 10.0
"""How long a caller may take to read what it was sent."""
LINGER_SECONDS: Final = 2.0
"""How long what a refused caller still sends is read: closed at once, it would not see why."""
MAX_CONNECTIONS: Final = 500
SPARED_SECONDS: Final = 1.0
"""How long a connection may be idle before it gives way to a new one, where there are so many."""


class BoundedConnection(HttpToolsProtocol):
    """A connection that refuses large headers and does not wait for slow callers."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._head_bytes = 0
        """Since the last request or piece of a body: of headers, or of what parts the pieces."""
        self._is_in_head = False
        self._is_refused = False
        self._refusal = HttpProblem(400, "this is not HTTP/1.1")
        self._timer: TimerHandle | None = None
        """Ends the wait for headers, or for the end of a caller that was refused."""
        self._drain_timer: TimerHandle | None = None
        """Ends the wait for a caller that does not read."""
        self.idle_since = self.loop.time()
        """When it last began to wait for its caller."""

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Take a caller, unless there are too many that are not idle."""
        super().connection_made(transport)
        if len(self.connections) > MAX_CONNECTIONS and not self._takes_the_place_of_another():
            self._refuse(HttpProblem(503, "too many callers are connected: try again later"))
        else:
            self._await_head()

    def _takes_the_place_of_another(self) -> bool:
        """Close the connection that has been idle for longest; whether there was one."""
        before = self.loop.time() - SPARED_SECONDS
        others: set[BoundedConnection] = self.connections - {self}  # type: ignore[assignment]
        idle = [each for each in others if each.idle_since <= before and each.is_idle()]
        if idle:
            min(idle, key=lambda each: each.idle_since).transport.close()
        return bool(idle)

    def is_idle(self) -> bool:
        """Whether its caller asks for nothing."""
        return not (
            self._is_in_head
            or (self.cycle and not self.cycle.response_complete)
            or self._is_refused
            or self.transport.is_closing()
            or self.transport.get_write_buffer_size()
        )

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the caller, and what was waited for."""
        self._stop_timer()
        self._stop_drain_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, unless the caller was refused: then it is read past."""
        if self._is_refused:
            return
        self._head_bytes += len(data)
        super().data_received(data)
        if self._head_bytes > MAX_HEAD_BYTES and not self._is_refused:
            self._refuse(_TOO_LARGE)

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._is_in_head, self._head_bytes = True, 0
        if self._timer is None:
            self._await_head()

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header is there; what is raised here ends as `send_400_response`.

        What follows a body in pieces (trailers) is no header of the request.
        """
        if not self._is_in_head:
            return
        super().on_header(name, value)
        if len(self.url) + sum(len(a) + len(b) for a, b in self.headers) > MAX_HEAD_BYTES:
            self._refusal = _TOO_LARGE
            raise ValueError("headers too large")

    def on_headers_complete(self) -> None:
        """The headers are there: the request is handed on."""
        self._is_in_head, self._head_bytes = False, 0
        self._stop_timer()
        if len(self.url) > MAX_HEAD_BYTES:
            self._refusal = _TOO_LARGE
            raise ValueError("address too large")
        super().on_headers_complete()
        transport = _InOne(self.transport, self.loop)
        self.cycle.transport = transport  # type: ignore[assignment]  # all that it uses

    def on_body(self, body: bytes) -> None:
        """A piece of the body is there."""
        self._head_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._head_bytes = 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """The answer was handed over."""
        self.idle_since = self.loop.time()
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  # uvicorn's own words
        """Refuse what cannot be read."""
        self._refuse(self._refusal)

    def pause_writing(self) -> None:
        """The caller does not read its answer."""
        super().pause_writing()
        self._stop_drain_timer()
        self._drain_timer = self.loop.call_later(DRAIN_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """The caller reads again."""
        self._stop_drain_timer()
        super().resume_writing()

    def timeout_keep_alive_handler(self) -> None:
        """The caller asks for nothing more; what it has not read by now is thrown away."""
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        super().timeout_keep_alive_handler()

    def _await_head(self) -> None:
        too_slow = HttpProblem(408, f"the headers did not arrive within {HEAD_SECONDS:g} s")
        self._timer = self.loop.call_later(HEAD_SECONDS, self._refuse, too_slow)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _stop_drain_timer(self) -> None:
        if self._drain_timer is not None:
            self._drain_timer.cancel()
            self._drain_timer = None

    def _refuse(self, problem: HttpProblem) -> None:
        """Answer, hear the caller out for a moment, and close."""
        self._is_refused = True
        self._stop_timer()
        self._unset_keepalive_if_required()
        if self.transport.is_closing():
            return
        response = problem.response()
        head = STATUS_LINE[problem.status]
        head += b"content-type: " + MEDIA_TYPE.encode() + b"\r\nconnection: close\r\n"
        head += b"content-length: %d\r\n\r\n" % len(response.body)
        self.transport.write(head + bytes(response.body))
        self.transport.write_eof()
        self._timer = self.loop.call_later(LINGER_SECONDS, self.transport.abort)

    def eof_received(self) -> None:
        """The caller has sent all."""
        if self._is_refused:
            self.transport.close()


class _InOne:
    """The transport of one answer: sends its head with its body, as sending costs the most."""

    def __init__(self, transport: Transport, loop: AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._head = b""
        self.is_closing = transport.is_closing

    def write(self, data: bytes) -> None:
        """Send what was held back with this; else hold this back, for a moment."""
        if self._head:
            self._transport.write(self._head + data)
            self._head = b""
        else:
            self._head = data
            self._loop.call_soon(self._send)

    def _send(self) -> None:
        if self._head:
            self._transport.write(self._head)
            self._head = b""

    def close(self) -> None:
        """Send what was held back, and close."""
        self._send()
        self._transport.close()


_TOO_LARGE: Final = HttpProblem(
    431, f"address and headers are longer than {MAX_HEAD_BYTES:,} bytes: send shorter ones"
)
