"""The server: it listens on a Unix socket or on loopback, until it is asked to stop."""

import errno
import socket
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import uvicorn

from lightkeeper.config.web_address import WebAddress
from lightkeeper.domain.errors import ExitStatus, LightkeeperError
from lightkeeper.web.access import StoreAccess
from lightkeeper.web.connection import BoundedConnection

STOP_SECONDS: Final = 5
"""How long a stop waits for the answers that are under way."""
IDLE_SECONDS: Final = 30
"""How long a connection stays open without a request."""
_ALIVE_EVERY_SECONDS: Final = 1


class CannotListen(LightkeeperError):
    """The address is in use or not allowed."""

    exit_status = ExitStatus.IN_THE_WAY


class WebServer(uvicorn.Server):
    """uvicorn's server, which ends when it is asked to or loses the store."""

    def __init__(
        self,
        app: Any,
        store: StoreAccess,
        *,
        is_stopped: Callable[[], bool],
        ready: Callable[[], None] = lambda: None,
        alive: Callable[[], None] = lambda: None,
    ) -> None:
        async def is_alive() -> None:
            alive()

        super().__init__(
            uvicorn.Config(
                app,
                loop="uvloop",
                http=BoundedConnection,
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="critical",  # each wrong request would be a line
                access_log=False,
                proxy_headers=False,
                server_header=False,
                workers=1,
                timeout_keep_alive=IDLE_SECONDS,
                timeout_graceful_shutdown=STOP_SECONDS,
                timeout_notify=_ALIVE_EVERY_SECONDS,
                callback_notify=is_alive,
            )
        )
        self._store, self._is_stopped, self._ready = store, is_stopped, ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and say so."""
        await super().startup(sockets)
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let the callers go that wait for a change; answer the others, and close."""
        self._store.change_signal.end()
        await super().shutdown(sockets)

    async def on_tick(self, counter: int) -> bool:
        """Whether to stop: asked to, or without a store."""
        is_over = self._is_stopped() or self._store.lost is not None
        return await super().on_tick(counter) or is_over

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the caller, who says when to stop."""
        yield

    def serve_at(self, listener: socket.socket) -> None:
        """Serve until asked to stop. Raises `StoreLost` where another process has to go on."""
        self.run(sockets=[listener])
        if self._store.lost is not None:
            raise self._store.lost


@contextmanager
def listening(address: WebAddress) -> Iterator[tuple[socket.socket, WebAddress]]:
    """A socket at this address, and its address with the port that it has.

    Raises `CannotListen`. A Unix socket is removed at the end.
    """
    try:
        listener = _bound(address)
    except OSError as exc:
        raise CannotListen(
            f"cannot listen at {address}: {exc.strerror}: {_remedy(address, exc.errno)}"
        ) from exc
    with listener:
        port = 0 if address.path is not None else listener.getsockname()[1]
        yield listener, address._replace(port=port)
    if address.path is not None:
        with suppress(OSError):
            address.path.unlink()


def _remedy(address: WebAddress, number: int | None) -> str:
    other = "give another --listen"
    if number == errno.EADDRINUSE:
        return f"stop what listens there, or {other}"
    if address.path is None:
        return other
    return f"make the folder {address.path.parent}, writable for this user, or {other}"


def _bound(address: WebAddress) -> socket.socket:
    if address.path is None:
        family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        listener = socket.socket(family)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address.host, address.port))
        return listener
    _remove_stale(address.path)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(address.path))
    # As open as loopback: who may call is decided by tokens.
    address.path.chmod(0o666)
    return listener


def _remove_stale(path: Path) -> None:
    """Remove a socket at which nothing listens any more."""
    with suppress(FileNotFoundError):
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise CannotListen(f"cannot listen at unix:{path}: there is another file: move it")
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(path))
            except ConnectionRefusedError:
                path.unlink()
            else:
                raise CannotListen(f"another process listens at unix:{path}: stop that one first")
