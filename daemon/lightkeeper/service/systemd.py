"""What the daemon reports to systemd: sd_notify(3) over its datagram socket."""

import os
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

from lightkeeper.domain.plain_text import harmless

_ALIVE_EVERY_SECONDS: Final = 1.0
_PATIENCE_SECONDS: Final = 5.0
_LONGEST_STATUS: Final = 500


class ServiceManager:
    """systemd, where it listens; elsewhere nothing is sent. Never raises.

    `environ` names its socket, by path or (`@…`) in the abstract namespace.
    """

    def __init__(
        self,
        environ: Mapping[str, str] = os.environ,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        address = environ.get("NOTIFY_SOCKET", "")
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._monotonic = monotonic
        self._alive_after = 0.0

    @property
    def listens(self) -> bool:
        """Whether a service manager started us and wants to know."""
        return bool(self._address)

    def ready(self) -> None:
        """The service is up, or uses its new settings."""
        self._say("READY=1", _PATIENCE_SECONDS)

    def reloading(self) -> None:
        """New settings are being read; `ready` ends it."""
        self._say(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1_000}", _PATIENCE_SECONDS)

    def stopping(self) -> None:
        """The service ends."""
        self._say("STOPPING=1", _PATIENCE_SECONDS)

    def status(self, text: str) -> None:
        """One line for `systemctl status`, which shows it as it is."""
        self._say(f"STATUS={harmless(' '.join(text.split()))[:_LONGEST_STATUS]}")

    def alive(self) -> None:
        """The daemon works: feeds the watchdog, once a second at most."""
        now = self._monotonic()
        if now >= self._alive_after:
            self._alive_after = now + _ALIVE_EVERY_SECONDS
            self._say("WATCHDOG=1")

    def _say(self, lines: str, patience: float = 0.0) -> None:
        """Wait for room so many seconds; what is said again soon need not wait at all."""
        if not self._address:
            return
        # A manager that is gone, or reads nothing, must not end or hold up what it manages.
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to_manager:
            to_manager.settimeout(patience)
            # Unless connected it counts as writable always, and waiting for room would spin.
            to_manager.connect(self._address)
            to_manager.send(lines.encode("utf-8", "replace"))
