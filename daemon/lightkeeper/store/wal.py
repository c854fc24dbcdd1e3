"""What a SQLite store's -wal and -shm say: whether another program wrote to the files or cut them.

The layout is that of SQLite's documentation, walformat.html. Nothing here opens a file: closing
it would end the locks that SQLite has on it in this process.
"""

import os
import struct
import time
from typing import Final, NamedTuple

SUFFIXES: Final = ("", "-wal", "-shm")
STORE, WAL, SHM = SUFFIXES
_TRIES: Final = 100
_TRY_AGAIN_SECONDS: Final = 0.001
"""The process that writes to the -shm may have to wait for a processor halfway."""
_AT_MOST_LATER_NS: Final = 60 * 10**9
"""The daemon writes to the -wal every 30 s. A larger difference is that of a clock set back."""


class _Index(NamedTuple):
    salt: bytes
    """Which -wal it is about."""
    page_size: int
    frame_count: int
    """How many frames of the -wal are committed."""
    to_copy: int
    """How many of them were to be copied into the store."""
    copied: int


class StoreContents:
    """The contents of a store, its -wal and its -shm, from one look to the next."""

    def __init__(self) -> None:
        self._seen: tuple[_Index, tuple[int, int]] | None = None
        self._largest_index = 0
        self._copying = b""
        self.is_newer = False
        """Whether, at the last look, the store was written to after a -wal of which nothing was
        copied into it.
        """

    def has_copied(self, shm: int) -> bool:
        """Whether frames were copied into the store since the last look, or may have been."""
        try:
            return _copying(os.pread(shm, 136, 0)) != self._copying
        except OSError:
            return True

    def spoilt(self, store: int, wal: int, shm: int) -> str | None:
        """The suffix of the file, open as these, that another program wrote to or cut off.

        The store changes only where SQLite copies frames of the -wal into it, of which the -shm
        keeps a record; the -wal holds all the frames that the -shm knows.
        """
        for _ in range(_TRIES):
            index = os.pread(shm, 136, 0)
            main, log, salt = os.fstat(store), os.fstat(wal), os.pread(wal, 8, 16)
            size = os.fstat(shm).st_size
            if len(index) < 136 or size < self._largest_index:
                return SHM
            same = _without_readers(index) == _without_readers(os.pread(shm, 136, 0))
            if same and index[:48] == index[48:96]:
                break
            time.sleep(_TRY_AGAIN_SECONDS)
        else:
            return SHM
        self._largest_index, self._copying = size, _copying(index)
        if not index[12]:  # it is being made anew, from the -wal
            return None
        said = _read(index)
        is_untouched = said.frame_count > 0 == said.copied == said.to_copy
        later_ns = main.st_mtime_ns - log.st_mtime_ns
        self.is_newer = is_untouched and 0 < later_ns < _AT_MOST_LATER_NS
        if main.st_size < said.page_size or self._is_overwritten(said, main):
            return STORE
        needed = 32 + said.frame_count * (24 + said.page_size)
        return WAL if said.frame_count and (log.st_size < needed or salt != said.salt) else None

    def _is_overwritten(self, said: _Index, main: os.stat_result) -> bool:
        """Whether the store has changed since the last look, and no frame was copied into it."""
        copying = said._replace(frame_count=0), (main.st_mtime_ns, main.st_size)
        before, at_rest = self._seen, said.copied >= said.to_copy
        self._seen = copying if at_rest else None
        if before is None or not at_rest:
            return False
        return before[0] == copying[0] and before[1] != copying[1]


def _without_readers(index: bytes) -> bytes:
    return index[:100] + index[128:132]


def _copying(index: bytes) -> bytes:
    """Which -wal it is about, and how far that is copied."""
    return index[32:40] + index[96:100] + index[128:132]


def _read(index: bytes) -> _Index:
    (page_size,) = struct.unpack_from("=H", index, 14)
    (frame_count,) = struct.unpack_from("=I", index, 16)
    (copied,) = struct.unpack_from("=I", index, 96)
    (to_copy,) = struct.unpack_from("=I", index, 128)
    page_size = page_size if page_size > 1 else 65_536
    return _Index(index[32:40], page_size, frame_count, to_copy, copied)
