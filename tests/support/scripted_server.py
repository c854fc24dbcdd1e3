"""A server whose answers are written byte by byte by the test: for what no honest server sends."""

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable
from typing import NamedTuple, Self

CLOSE = object()


class ScriptedRequest(NamedTuple):
    """One request as it came in, and on which connection, counted from 1."""

    connection: int
    line: str
    headers: dict[str, str]
    body: bytes


class ScriptedServer:
    """Serves from `with` to its end; after each request `reply` writes to the connection.

    `reply` is called with the connection and the request; it returns `CLOSE` to close. Bytes
    instead of a function are sent as they are. `tls` makes it HTTPS.
    """

    def __init__(
        self,
        reply: bytes | Callable[[socket.socket, ScriptedRequest], object] = b"",
        *,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.reply = reply
        self.requests: list[ScriptedRequest] = []
        self.connections = 0
        self._tls = tls
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    @property
    def url(self) -> str:
        scheme = "http" if self._tls is None else "https"
        return f"{scheme}://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        for sock in [self._listener, *self._open]:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if self._tls is not None:
                    sock = self._tls.wrap_socket(
                        sock, server_side=True, do_handshake_on_connect=False
                    )
                self.connections += 1
                self._open.append(sock)
                self._start(self._serve, sock, self.connections)

    def _serve(self, sock: socket.socket, number: int) -> None:
        # A client that gave up, and a handshake it refused, are what the tests are about.
        with contextlib.suppress(OSError), sock, sock.makefile("rb") as incoming:
            while request := _read(incoming, number):
                self.requests.append(request)
                if isinstance(self.reply, bytes):
                    sock.sendall(self.reply)
                elif self.reply(sock, request) is CLOSE:
                    return


def _read(incoming, number: int) -> ScriptedRequest | None:
    line = incoming.readline().decode("latin-1").strip()
    if not line:
        return None
    headers = {}
    while header := incoming.readline().decode("latin-1").strip():
        name, _, value = header.partition(":")
        headers[name.lower()] = value.strip()
    return ScriptedRequest(
        number, line, headers, incoming.read(int(headers.get("content-length", 0)))
    )


def answer(body: bytes = b"{}", *headers: str, status: int = 200) -> bytes:
    """A whole and honest answer; `headers` are further lines."""
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def trickle(sock: socket.socket, data: bytes, pause: float = 0.01) -> None:
    """Send a byte at a time for as long as the other side takes them."""
    for at in range(len(data)):
        sock.sendall(data[at : at + 1])
        time.sleep(pause)
