"""Follows vets-api's table beside the daemon, in a process that the daemon starts and watches.

A process of its own, because what happens there must reach nothing here: a foreign database that
hangs would hold up the loop, its watchdog and its stop; a thread would share the one interpreter,
so that a table of 200,000 rows slows down polling, and the locks on the store's file; and that
process is given no key to Lighthouse.
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final

import structlog

from lightkeeper.config.settings import PREFIX, StoreSettings
from lightkeeper.domain.time import SECOND

LOOK_EVERY_SECONDS: Final = 1.0
FIRST_PAUSE_SECONDS: Final = 1.0
LONGEST_PAUSE_SECONDS: Final = 300.0
"""Between an end that was not asked for and the next start; each such end doubles the pause."""
END_WITHIN_SECONDS: Final = 5.0
BESIDE_DAEMON: Final = "--beside-daemon"
FOLLOW_VETS_API: Final = (
    *(sys.executable, "-P", "-m", "lightkeeper"),
    *("follow", "vets-api", BESIDE_DAEMON),
)
# The process has what it needs in its environment, and speaks to no service manager.
_NOT_FOR_IT: Final = frozenset(
    {
        *("CREDENTIALS_DIRECTORY", "RUNTIME_DIRECTORY"),
        *("NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC"),
    }
)

log = structlog.get_logger()


class FollowerProcess:
    """`lightkeeper follow vets-api`, for as long as the settings name its database.

    One that ends is started again after a pause that grows. None of the calls waits, except
    `close`.
    """

    def __init__(self, command: Sequence[str], monotonic: Callable[[], float]) -> None:
        self._command = command
        self._monotonic = monotonic
        self._environment: dict[str, str] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = self._start_at = 0.0
        self._kill_at: float | None = None
        """When to kill a process that was asked to end."""
        self._pause = FIRST_PAUSE_SECONDS
        self.problem = ""
        """Why vets-api is not followed although it is to be, in a sentence."""

    def obey(self, settings: StoreSettings, environ: Mapping[str, str] = os.environ) -> None:
        """Follow by these settings from now on, or no longer where they name no database."""
        wanted = _environment(settings, environ)
        if wanted == self._environment:
            return
        self._environment = wanted
        self._start_at, self._pause, self.problem = 0.0, FIRST_PAUSE_SECONDS, ""
        self._ask_to_end()

    def look_after_follower(self) -> None:
        """Note how the process ended, and start it where its time has come."""
        now = self._monotonic()
        if self._process is not None and not self._has_ended(self._process, now):
            return
        if self._environment is not None and now >= self._start_at:
            self._start(self._environment, now)

    def close(self) -> None:
        """End the process, within `END_WITHIN_SECONDS`; what it tracked stays tracked."""
        if self._process is None:
            return
        self._ask_to_end()
        try:
            self._process.wait(END_WITHIN_SECONDS)
        except subprocess.TimeoutExpired:  # vets-api's database does not answer
            self._process.kill()
            self._process.wait()
        self._forget(self._process)

    def _start(self, environment: Mapping[str, str], now: float) -> None:
        try:
            self._process = subprocess.Popen(  # noqa: S603
                self._command,
                env=environment,
                stdin=subprocess.PIPE,  # it ends where the daemon's end of it is closed
                process_group=0,  # Ctrl-C is for the daemon, which ends it
            )
        except OSError as exc:
            self._put_off(f"no process can be started: {exc.strerror}", now)
            return
        self._started_at = now
        log.info("follower.started", pid=self._process.pid)

    def _has_ended(self, process: "subprocess.Popen[bytes]", now: float) -> bool:
        status = process.poll()
        if status is None:
            if self._kill_at is not None and now >= self._kill_at:
                process.kill()
            elif now - self._started_at >= LONGEST_PAUSE_SECONDS:
                self._pause, self.problem = FIRST_PAUSE_SECONDS, ""
            return False
        was_asked = self._kill_at is not None
        self._forget(process)
        if not was_asked:
            how = f"signal {-status}" if status < 0 else f"status {status}"
            self._put_off(f"its process ended with {how}", now)
        return True

    def _put_off(self, reason: str, now: float) -> None:
        log.warning("follower.ended", reason=reason, next_start_in_seconds=self._pause)
        self.problem = f"vets-api is not followed: {reason}"
        self._start_at = now + self._pause
        self._pause = min(2 * self._pause, LONGEST_PAUSE_SECONDS)

    def _ask_to_end(self) -> None:
        if self._process is not None and self._kill_at is None:
            self._kill_at = self._monotonic() + END_WITHIN_SECONDS
            self._process.terminate()

    def _forget(self, process: "subprocess.Popen[bytes]") -> None:
        if process.stdin is not None:
            process.stdin.close()
        self._process = self._kill_at = None


def end_with_daemon() -> None:
    """End this process as SIGTERM does once the daemon that started it is gone."""

    def wait() -> None:
        with suppress(OSError):
            while os.read(sys.stdin.fileno(), 1):
                pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()


def _environment(settings: StoreSettings, environ: Mapping[str, str]) -> dict[str, str] | None:
    """The environment of the process: of our settings those alone that it needs."""
    source = settings.follow_source_url
    if source is None:
        return None
    kept = {
        name: value
        for name, value in environ.items()
        if not name.upper().startswith(PREFIX) and name not in _NOT_FOR_IT
    }
    return kept | {
        f"{PREFIX}DATABASE_URL": settings.database_url.get_secret_value(),
        f"{PREFIX}FOLLOW_SOURCE_URL": source.get_secret_value(),
        f"{PREFIX}FOLLOW_OVERLAP": f"{settings.follow_overlap / SECOND}s",
    }
