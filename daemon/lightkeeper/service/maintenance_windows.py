"""Keeps the store's maintenance windows as VA lists them, if the settings name VA's list."""

from collections import Counter
from collections.abc import Callable
from typing import Final

import structlog

from lightkeeper.domain.maintenance_windows import MaintenanceWindow
from lightkeeper.domain.time import Instant
from lightkeeper.store.maintenance_windows import MaintenanceWindows
from lightkeeper.upstream.maintenance_list import ListUnread, MaintenanceList

LOOK_EVERY_SECONDS: Final = 60.0
"""How often the loop calls, so that a reload takes effect soon."""
READ_EVERY_SECONDS: Final = 3_600.0
READ_AGAIN_SECONDS: Final = 300.0
"""How soon the list is read again where it could not be read; twice as long each time."""

log = structlog.get_logger()


class MaintenanceFollower:
    """Reads VA's list every hour; without a list it does nothing."""

    def __init__(
        self,
        windows: MaintenanceWindows,
        va_list: MaintenanceList | None,
        *,
        clock: Callable[[], Instant],
        monotonic: Callable[[], float],
    ) -> None:
        self._windows = windows
        self._list = va_list
        self._clock = clock
        self._monotonic = monotonic
        self._trouble = ""
        self._read_at, self._pause = 0.0, READ_AGAIN_SECONDS

    def reconfigure(self, va_list: MaintenanceList | None) -> None:
        """Read this list from now on, at once."""
        self.close()
        self._list = va_list
        self._read_at, self._pause = 0.0, READ_AGAIN_SECONDS

    def close(self) -> None:
        """Close the connection to VA."""
        if self._list is not None:
            self._list.close()

    def follow_maintenance(self) -> None:
        """Read the list if its time has come, and store what differs.

        What keeps it from being read is logged when that begins, changes and ends, and changes no
        window. Raises what the store raises.
        """
        if self._list is None or self._monotonic() < self._read_at:
            return
        self._read_at = self._monotonic() + self._pause
        self._pause = min(2 * self._pause, READ_EVERY_SECONDS)
        try:
            reading = self._list.read()
        except ListUnread as exc:
            self._note(str(exc))
            return
        changed = self._windows.follow(
            reading.windows, self._clock(), whole=not reading.unreadable_count
        )
        self._read_at = self._monotonic() + READ_EVERY_SECONDS
        self._pause = READ_AGAIN_SECONDS
        if counts := Counter(map(_kind, changed)):
            log.info("maintenance.list.followed", **counts)
        self._note("it has entries that cannot be read" if reading.unreadable_count else "")

    def _note(self, trouble: str) -> None:
        before, self._trouble = self._trouble, trouble
        if trouble and trouble != before:
            log.warning("maintenance.list.unread", reason=trouble)
        elif before and not trouble:
            log.info("maintenance.list.read")


def tried(va_list: MaintenanceList) -> tuple[bool, str]:
    """Whether VA's list can be read, and every entry of it; what it holds, or what is wrong."""
    try:
        windows, unreadable_count = va_list.read()
    except ListUnread as exc:
        remedy = "check LIGHTKEEPER_MAINTENANCE_URL and the network path to it"
        return False, f"{va_list.url}: {exc}: {remedy}"
    said = f"{va_list.url}: {len(windows)} windows listed"
    if unreadable_count:
        return False, f"{said}; {unreadable_count} entries cannot be read: report it to VA"
    return True, said


def _kind(window: MaintenanceWindow) -> str:
    if not window.id:
        return "new"
    return "changed" if window.ended_at is None else "ended"
