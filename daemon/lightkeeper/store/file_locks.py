"""Locks on a SQLite store's open files: the daemon's claim, and whether others have it open.

What is asked is asked of descriptors: a lock that a process has on a file ends when the process
closes any descriptor of that file.
"""

import fcntl
import os
import struct
from contextlib import suppress
from pathlib import Path
from typing import Final

from lightkeeper.store.errors import AlreadyWatched, StoreUnavailable, second_daemon
from lightkeeper.store.wal import SHM, STORE

# Where SQLite keeps the locks that each process which has the store open holds (os_unix.c).
_LOCKS: Final = {STORE: (0x4000_0002, 510), SHM: (128, 1)}
_FLOCK: Final = "hhqqi4x"


def lock(descriptor: int, place: str) -> None:
    """Lock an open store, by any name, for one daemon; the lock ends with the descriptor.

    Raises `AlreadyWatched` where another process has it. It is none of SQLite's own locks.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as exc:
        raise AlreadyWatched(second_daemon(place)) from exc
    except OSError as exc:
        raise StoreUnavailable(
            f"{place}: {exc.strerror} (keep the store on a local disk)"
        ) from exc


def claim_file(path: Path) -> int:
    """Claim the store at `path`, which this process has not open; closing the result ends it.

    Raises `AlreadyWatched` where a daemon watches it, `StoreUnavailable` where it cannot be read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError as exc:
        raise StoreUnavailable(
            f"{path}: {exc.strerror} (check its folder and its rights)"
        ) from exc
    try:
        lock(descriptor, str(path))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def unlock(descriptor: int) -> None:
    """End what `lock` began."""
    with suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_UN)


def is_open_elsewhere(descriptor: int, suffix: str) -> bool:
    """Whether another process has this store, or its -shm, open: it has a lock there."""
    asked = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, *_LOCKS[suffix], 0)
    answer = fcntl.fcntl(descriptor, fcntl.F_GETLK, asked)
    return bool(struct.unpack(_FLOCK, answer)[0] != fcntl.F_UNLCK)
