"""HTTP/1.1 for the simulated Lighthouse: keep-alive, one write an answer, broken answers.

Not `http.server`, which spends longer on parsing the headers than a whole answer takes here.
"""

import contextlib
import http
import socket
import socketserver
import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Final, Literal, NamedTuple, Self

Manner = Literal["whole", "refuse", "hang", "trickle", "close_mid_body"]

JSON: Final = "application/json"

_POLL_SECONDS = 0.02  # how long stop() may wait for the accepting thread
_TRICKLE_SECONDS = 1.0
_LONGEST_LINE = 65_536


class Request(NamedTuple):
    """One request; header names are in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


class Reply(NamedTuple):
    """One answer and the manner in which it is given: refuse and hang never send it."""

    status: int
    body: bytes
    headers: Mapping[str, str] = {}
    content_type: str = JSON
    manner: Manner = "whole"


Application = Callable[[Request], Reply]


class Server(socketserver.ThreadingTCPServer):
    """Serves an application from its own threads, from `start()` until `stop()`."""

    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, host: str, port: int, application: Application) -> None:
        self.application = application
        self._connections: dict[Any, threading.Thread] = {}
        super().__init__((host, port), _Client)
        self._acceptor = threading.Thread(
            target=self.serve_forever, args=(_POLL_SECONDS,), daemon=True
        )

    def start(self) -> None:
        self._acceptor.start()

    def stop(self) -> None:
        """Close every connection, answered or not, and wait for the threads to end."""
        self.shutdown()
        self._acceptor.join()
        self.server_close()
        for connection, thread in list(self._connections.items()):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            thread.join()

    def process_request(self, request: Any, client_address: Any) -> None:
        thread = threading.Thread(
            target=self.process_request_thread, args=(request, client_address), daemon=True
        )
        self._connections[request] = thread
        thread.start()

    def close_request(self, request: Any) -> None:
        super().close_request(request)
        self._connections.pop(request, None)


class Listening:
    """What answers at an address, by `_serve`, from `start` to `stop` or inside of `with`."""

    host: str
    port: int
    _server: Server | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The address before every path, once started."""
        return f"http://{self.host}:{self.port}"

    def start(self) -> None:
        """Listen; OSError where the port cannot be had."""
        if self._server is not None:
            raise RuntimeError("it is listening already")
        self._server = Server(self.host, self.port, self._serve)
        self.port = self._server.server_address[1]
        self._server.start()

    def stop(self) -> None:
        """Close the port and every connection, answered or not."""
        if self._server is not None:
            self._server.stop()
            self._server = None

    def _serve(self, request: Request) -> Reply:
        raise NotImplementedError


class _Client(socketserver.StreamRequestHandler):
    """One client, from its first request to its last."""

    server: Server
    disable_nagle_algorithm = True

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):  # the client has gone
            while self._serve_one():
                pass

    def _serve_one(self) -> bool:
        """Answer one request; return whether the connection is to be kept."""
        line = self.rfile.readline(_LONGEST_LINE)
        if not line:
            return False
        headers = self._headers()
        try:
            method, target, version = line.decode("ascii").split()
            length = int(headers.get("content-length", "0"))
        except ValueError:
            return self._send(Reply(400, b'{"message":"Bad Request"}'), keep=False)
        if "transfer-encoding" in headers:
            return self._send(Reply(411, b'{"message":"Length Required"}'), keep=False)
        if headers.get("expect", "").lower() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        path, _, query = target.partition("?")
        body = self.rfile.read(length) if length else b""
        reply = self.server.application(Request(method, path, query, headers, body))
        closing = version != "HTTP/1.1" or headers.get("connection", "").lower() == "close"
        return self._send(reply, keep=not closing)

    def _headers(self) -> dict[str, str]:
        headers = {}
        while (line := self.rfile.readline(_LONGEST_LINE)) not in (b"\r\n", b"\n", b""):
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        return headers

    def _send(self, reply: Reply, *, keep: bool) -> bool:
        if reply.manner == "refuse":
            return False
        if reply.manner == "hang":
            while self.connection.recv(_LONGEST_LINE):
                pass
            return False
        head = _head(reply, keep)
        if reply.manner == "trickle":
            self._trickle(head + reply.body)
            return False
        if reply.manner == "close_mid_body":
            self.wfile.write(head + reply.body[: len(reply.body) // 2])
            return False
        self.wfile.write(head + reply.body)
        return keep

    def _trickle(self, answer: bytes) -> None:
        """Send a byte at a time for as long as the other side stays."""
        self.connection.settimeout(_TRICKLE_SECONDS)
        for index in range(len(answer)):
            self.wfile.write(answer[index : index + 1])
            with contextlib.suppress(TimeoutError):
                if not self.connection.recv(_LONGEST_LINE):
                    return


def _head(reply: Reply, keep: bool) -> bytes:
    lines = [
        f"HTTP/1.1 {reply.status} {phrase(reply.status)}",
        f"Content-Type: {reply.content_type}",
        f"Content-Length: {len(reply.body)}",
        *(f"{name}: {value}" for name, value in reply.headers.items()),
    ]
    if not keep:
        lines.append("Connection: close")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def phrase(status: int) -> str:
    """The usual words for a status, "Unknown" for one that HTTP does not define."""
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
