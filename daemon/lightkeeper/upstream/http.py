"""HTTP to Lighthouse with one deadline a call, over kept connections.

`requests` limits the time between two bytes, not the sum, so an answer that trickles could take
for ever. Here every read of the socket, headers included, has what is left of the call's deadline.
"""

import io
import socket
import ssl
import time
import zlib
from base64 import b64encode
from collections.abc import Callable, Mapping
from contextlib import closing
from http import HTTPStatus
from http.client import HTTPResponse
from typing import Any, Final, NamedTuple, Protocol
from urllib.parse import unquote_to_bytes, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from lightkeeper.upstream.transport_errors import BodyTooLarge, CallTimeout, broken

CALL_DEADLINE_SECONDS: Final = 10.0
CONNECT_TIMEOUT_SECONDS: Final = 3.05
MAX_BODY_BYTES: Final = 8 * 1024 * 1024
_CHUNK = 256 * 1024

Monotonic = Callable[[], float]


class Response(NamedTuple):
    """A complete answer: status, headers (looked up without regard to case), decoded body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class _Deadline:
    """The moment by which the current call must have ended."""

    def __init__(self, monotonic: Monotonic) -> None:
        self._monotonic = monotonic
        self._at = 0.0

    def start(self, seconds: float) -> None:
        self._at = self._monotonic() + seconds

    def left(self) -> float:
        left = self._at - self._monotonic()
        if left <= 0:
            raise TimeoutError("deadline of the call passed")
        return left


class _DeadlineReader(io.RawIOBase):
    """Raw bytes of a socket: at most so many, and no read of them outlasts the deadline."""

    def __init__(self, sock: socket.socket, raw: io.RawIOBase, deadline: _Deadline) -> None:
        self._sock = sock
        self._raw = raw
        self._deadline = deadline
        self._room = MAX_BODY_BYTES + _CHUNK

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(self._deadline.left())
        size = self._raw.readinto(buffer)
        # http.client reads without end where a chunk claims to have -1 bytes.
        self._room -= size or 0
        if self._room < 0:
            raise BodyTooLarge
        return size

    def close(self) -> None:
        # The raw file counts as a user of the socket, which closes with its last user.
        self._raw.close()
        super().close()


class _FinalResponse(HTTPResponse):
    """A response after any number of interim ones: http.client skips only 100 itself."""

    def _read_status(self) -> tuple[str, int, str]:
        while True:
            version, status, reason = super()._read_status()  # type: ignore[misc]
            if not 100 < status < 200 or status == HTTPStatus.SWITCHING_PROTOCOLS:
                return version, status, reason
            while self.fp.readline(_CHUNK).strip():
                pass


def _connection_classes(
    deadline: _Deadline,
) -> tuple[type[HTTPConnection], type[HTTPSConnection]]:
    """Connection classes whose answers are read against `deadline`."""

    def response_class(sock: socket.socket, *args: Any, **kwargs: Any) -> HTTPResponse:
        response = _FinalResponse(sock, *args, **kwargs)
        raw = response.fp.detach()
        response.fp = io.BufferedReader(_DeadlineReader(sock, raw, deadline), _CHUNK)
        return response

    class Plain(HTTPConnection):
        pass

    class Secure(HTTPSConnection):
        pass

    for cls in (Plain, Secure):
        cls.response_class = staticmethod(response_class)  # type: ignore[assignment]
    return Plain, Secure


class _DeadlineAdapter(HTTPAdapter):
    def __init__(self, deadline: _Deadline, ca: str | None) -> None:
        plain, secure = _connection_classes(deadline)
        self._pool_classes = {
            "http": type("PlainPool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
            "https": type("SecurePool", (HTTPSConnectionPool,), {"ConnectionCls": secure}),
        }
        self._context = _tls_context(ca)
        super().__init__(pool_connections=2, pool_maxsize=1)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, ssl_context=self._context, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pool_classes

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, ssl_context=self._context, **kwargs)
        manager.pool_classes_by_scheme = self._pool_classes
        return manager

    def proxy_headers(self, proxy: str) -> dict[str, str]:
        """The login in the proxy's URL, of any bytes; requests drops one without a password."""
        login, at, _ = urlsplit(proxy).netloc.rpartition("@")
        name, _, password = login.partition(":")
        both = unquote_to_bytes(name) + b":" + unquote_to_bytes(password)
        return {"Proxy-Authorization": f"Basic {b64encode(both).decode()}"} if at else {}


def _tls_context(ca: str | None) -> ssl.SSLContext:
    """TLS 1.2 or newer with verified certificates; requests adds the public roots to `ca`.

    Made here because urllib3's own would write the keys of all traffic to `SSLKEYLOGFILE`.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # A network's re-signing certificate may be given without the root above it.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if ca is not None:
        context.load_verify_locations(cadata=ca)
    return context


class Transport(Protocol):
    """Sends requests to Lighthouse: the real one below, or one that answers in process."""

    def begin(self) -> None:
        """Start the deadline that everything sent from here on shares."""

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | Mapping[str, str] | None = None,
    ) -> Response:
        """Send one request and read the whole answer before the deadline that `begin` set.

        Raises a `TransportError`, whose message carries neither URL queries nor headers.
        """

    def close(self) -> None:
        """Close what is open."""


class HTTPTransport:
    """One kept connection a host; follows no redirect and reads no setting of the environment.

    `ca` are certificates (PEM) to trust beside the public roots; `proxy` is the URL of a proxy
    through which HTTPS goes, encrypted from end to end. Plain HTTP goes to this host alone, and
    never through it: the proxy would see the token.

    The deadline does not cover looking up a host's name, and trying its second address after
    the first.
    """

    def __init__(
        self,
        *,
        ca: str | None = None,
        proxy: str | None = None,
        deadline_seconds: float = CALL_DEADLINE_SECONDS,
        monotonic: Monotonic = time.monotonic,
    ) -> None:
        self._seconds = deadline_seconds
        self._deadline = _Deadline(monotonic)
        # A session would give the bearer token to the environment's proxies, keep cookies, and
        # read a redirect's whole body and its Location even where it follows none.
        self._adapter = _DeadlineAdapter(self._deadline, ca)
        self._proxies = {} if proxy is None else {"https": proxy}

    def close(self) -> None:
        self._adapter.close()

    def begin(self) -> None:
        """Start the deadline that everything sent from here on shares."""
        self._deadline.start(self._seconds)

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | Mapping[str, str] | None = None,
    ) -> Response:
        """Send one request and read the whole answer before the deadline that `begin` set.

        Raises `CallTimeout`, `ConnectionBroken` or `BodyTooLarge`, whose messages carry neither
        URL queries nor headers.
        """
        try:
            left = self._deadline.left()
            request = requests.Request(method, url, headers=dict(headers), data=body).prepare()
            timeout = (min(CONNECT_TIMEOUT_SECONDS, left), left)
            sent = self._adapter.send(request, stream=True, timeout=timeout, proxies=self._proxies)
            with closing(sent) as answer:
                return Response(answer.status_code, answer.headers, self._read(answer.raw))
        except (requests.Timeout, urllib3.exceptions.TimeoutError, TimeoutError) as exc:
            raise CallTimeout(f"no complete answer within {self._seconds:g} s") from exc
        except (
            requests.RequestException,
            urllib3.exceptions.HTTPError,
            OSError,
            ValueError,  # http.client's, at a chunk of a negative size
            zlib.error,
        ) as exc:
            proxied = bool(self._proxies) and url.startswith("https:")
            raise broken(exc, proxied=proxied) from exc

    def _read(self, raw: Any) -> bytes:
        chunks: list[bytes] = []
        size = 0
        while chunk := raw.read(_CHUNK, decode_content=True):
            size += len(chunk)
            if size > MAX_BODY_BYTES:
                raise BodyTooLarge
            chunks.append(chunk)
        return b"".join(chunks)
