"""When a lost connection is tried again, and when the process had better end."""

import time
from collections.abc import Callable
from typing import Final

from lightkeeper.domain.errors import LightkeeperError
from lightkeeper.store.errors import StoreLost

LONGEST_PAUSE_SECONDS: Final = 10.0
REFUSED_FOR_SECONDS: Final = 60.0
"""How long a server may refuse us before a new process, with new credentials, is to try."""


class Reconnecting:
    """Lets the daemon connect anew after pauses that grow from one second to ten.

    A server that is down is waited for. One that refuses us for a minute, by login, by being
    read-only or because another daemon has the claim, is left to a new process.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._failure: LightkeeperError | None = None
        self._pause = self._again_at = 0.0
        self._refused_since: float | None = None

    def wait(self) -> None:
        """Raise the last failure once more while its pause lasts."""
        if self._failure is not None and self._monotonic() < self._again_at:
            raise type(self._failure)(str(self._failure))

    def failed(self, failure: LightkeeperError, *, refused: bool) -> None:
        """Note that connecting failed; raises `StoreLost` after a minute of refusals."""
        now = self._monotonic()
        self._failure = failure
        self._pause = min(max(2 * self._pause, 1.0), LONGEST_PAUSE_SECONDS)
        self._again_at = now + self._pause
        if not refused:
            return
        if self._refused_since is None:
            self._refused_since = now
        if now - self._refused_since >= REFUSED_FOR_SECONDS:
            raise StoreLost(str(failure), failure.exit_status)

    def succeeded(self) -> None:
        """Note that there is a connection again."""
        self._failure = self._refused_since = None
        self._pause = 0.0
