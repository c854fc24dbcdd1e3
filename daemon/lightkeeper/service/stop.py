"""Signals that ask the daemon to stop or to reload."""

import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Final

_STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
_RELOAD_SIGNAL: Final = signal.SIGHUP


class Stop:
    """SIGTERM or SIGINT requests a stop; the second one ends the process at once.

    SIGHUP requests a reload, where `on_signals` handles it.
    """

    def __init__(self) -> None:
        self.requested = False
        self.signal_number = 0
        self.reload_requested = False
        # A pipe and not an Event: a handler that takes the Event's lock can deadlock.
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)

    def request(self) -> None:
        """Ask to stop, from any thread."""
        self.requested = True
        with suppress(OSError):
            os.write(self._write, b"\0")

    def _handle(self, signum: int, _frame: FrameType | None) -> None:
        self.requested = True
        self.signal_number = signum
        for number in _STOP_SIGNALS:
            signal.signal(number, signal.SIG_DFL)

    def _handle_reload(self, _signum: int, _frame: FrameType | None) -> None:
        self.reload_requested = True

    @contextmanager
    def on_signals(self, *, reloads: bool = False) -> Iterator["Stop"]:
        """Handle SIGTERM and SIGINT, and SIGHUP if it `reloads`, within the context."""
        before = {number: signal.signal(number, self._handle) for number in _STOP_SIGNALS}
        if reloads:
            before[_RELOAD_SIGNAL] = signal.signal(_RELOAD_SIGNAL, self._handle_reload)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [_RELOAD_SIGNAL])  # see `commands.main`
        wakeup = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        try:
            yield self
        finally:
            signal.set_wakeup_fd(wakeup)
            for number, handler in before.items():
                signal.signal(number, handler)
            os.close(self._read)
            os.close(self._write)

    def wait(self, seconds: float) -> None:
        """Sleep for `seconds`, or less when a signal comes."""
        if self.requested or self.reload_requested or seconds <= 0:
            return
        readable, _, _ = select.select([self._read], [], [], seconds)
        if readable:
            with suppress(BlockingIOError):
                os.read(self._read, 64)

    def wait_for_input(self, descriptor: int, seconds: float | None = None) -> bool:
        """Whether `descriptor` can be read from, by then; a stop ends the waiting."""
        if self.requested:
            return False
        readable, _, _ = select.select([descriptor, self._read], [], [], seconds)
        return descriptor in readable
