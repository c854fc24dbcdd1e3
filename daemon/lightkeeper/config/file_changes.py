"""Notices that a file has changed, by what its folder says of it: no watch, and no thread."""

import os
import time
from typing import Final

_UNSURE_SECONDS: Final = 0.1
"""For so long after a change a file may change again without another time stamp."""


class FileChanges:
    """Whether a file may have changed since the last look; a look costs microseconds."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._seen: tuple[int, ...] | None = None
        self._sure_at = 0.0
        self._is_sure = False

    def found(self) -> bool:
        """Whether to read the file: it changed, or just changed and may again, or is not there."""
        stamp, at = self._stamp(), time.monotonic()
        if stamp != self._seen:
            self._seen, self._sure_at = stamp, at + _UNSURE_SECONDS
        elif self._is_sure:
            return False
        self._is_sure = at >= self._sure_at and stamp is not None
        return True

    def _stamp(self) -> tuple[int, ...] | None:
        try:
            found = os.stat(self._path)  # noqa: PTH116  # at each call of the API
        except (OSError, ValueError):
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
