"""The files of an open SQLite store: whether its path still leads to them, and whose they are.

SQLite opens the store, its -wal and its -shm once, and never looks at their names again. A lock
that a process has on a file ends when the process closes any descriptor of that file: nothing
here opens one of these files, and what is asked is asked of SQLite's own descriptors.
"""

import ctypes
import os
import sqlite3
import time
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from lightkeeper.domain.errors import ExitStatus
from lightkeeper.store.errors import StoreInTheWay, StoreLost
from lightkeeper.store.file_locks import is_open_elsewhere, lock, unlock
from lightkeeper.store.wal import SHM, STORE, SUFFIXES, WAL, StoreContents

GONE: Final = "was moved or removed"
REPLACED: Final = "is another file than the one that was opened"
SPOILT: Final = "was cut off or overwritten"
LOOK_SECONDS: Final = 1.0
"""How often the daemon looks: a look at each statement is a tenth of a busy one's work."""
DOUBT_SECONDS: Final = 1.0
"""How long another process may take to open or to close its files one after the other."""
COMMIT_SECONDS: Final = 5.0
"""How long a daemon's transaction may take."""
WATCHED_SECONDS: Final = 15.0
"""Within which time a daemon looks at its files, even while a call hangs until it times out."""
MARGIN_SECONDS: Final = 3_600
"""How long before it was copied the last time the -wal may have held what was not copied."""

_FileIdentity = tuple[int, int]
"""Device and inode."""


class _File(NamedTuple):
    name: str
    identity: _FileIdentity
    descriptor: int
    """SQLite's own."""


class StoreFiles:
    """The store, and where SQLite has them its -wal and -shm, as one connection opened them."""

    def __init__(self, path: Path) -> None:
        self._path = os.path.abspath(path)  # noqa: PTH100  # a link stays one: it may be changed
        self._files: dict[str, _File] = {}
        self._contents = StoreContents()
        self._spoilt: dict[str, str] = {}
        self._is_doubtful = False
        self.is_claimed = False
        """Whether this process watches the store."""
        self._look_at = 0.0

    @property
    def has_wal(self) -> bool:
        """Whether SQLite has a -wal and a -shm."""
        return WAL in self._files

    def opened(self, *, wal: bool) -> None:
        """Take note of what SQLite has open; `wal`: whether it has a -wal and a -shm.

        Raises `StoreLost` where the path leads elsewhere already, `StoreInTheWay` where another
        process has the store open with another -wal.
        """
        real = os.path.realpath(self._path)
        names = {STORE: self._path}
        if wal:
            names |= {suffix: f"{real}{suffix}" for suffix in (WAL, SHM)}
        self._files, self._contents, self._spoilt = {}, StoreContents(), {}
        self._is_doubtful = True
        ours = _descriptors()
        for suffix, name in names.items():
            identity = _identity(name)
            if identity is None or identity not in ours:
                raise self._lost({suffix: REPLACED if identity else GONE})
            self._files[suffix] = _File(name, identity, ours[identity])
        self.check()
        if self._contents.is_newer:
            raise self._lost({STORE: SPOILT})
        if wal:
            self._refuse_doubt()
            self._await_daemon()
        self._is_doubtful = False

    def _refuse_doubt(self) -> None:
        """Raise where another process has this store open with another -shm."""
        give_up_at = time.monotonic() + DOUBT_SECONDS
        while (in_store := self._is_open_elsewhere(STORE)) != self._is_open_elsewhere(SHM):
            if time.monotonic() > give_up_at:
                if not in_store:
                    raise self._lost({STORE: REPLACED})
                raise StoreInTheWay(
                    f"{self._path} is open in another process under another name (a bind mount, "
                    "a link), or its -wal and -shm were removed: use one name, and repeat this "
                    "once that process has ended"
                )
            time.sleep(0.02)
            self.check()

    def _await_daemon(self) -> None:
        """Where something was done to the store itself just now, give its daemon time to look.

        A program that overwrites it and restores its old time (`cp -p`) leaves no other trace for
        one who was not there before. What only changed its rights costs this wait.
        """
        give_up_at = time.monotonic() + WATCHED_SECONDS
        while (
            time.monotonic() < give_up_at and self._is_open_elsewhere(SHM) and self._was_touched()
        ):
            time.sleep(0.05)
            self.check()

    def _was_touched(self) -> bool:
        """Whether it was, without being written to as SQLite does, and its daemon, which looks
        before it commits, has committed nothing that it began since.
        """
        store, wal = (os.fstat(self._files[suffix].descriptor) for suffix in (STORE, WAL))
        looked_at = wal.st_mtime - LOOK_SECONDS - COMMIT_SECONDS
        return store.st_ctime > looked_at and store.st_ctime - store.st_mtime > 1

    def _is_open_elsewhere(self, suffix: str) -> bool:
        return is_open_elsewhere(self._files[suffix].descriptor, suffix)

    def claim(self) -> None:
        """Become the one daemon of this store, by any name, until its descriptor is closed."""
        lock(self._files[STORE].descriptor, self._path)
        self.is_claimed = True

    def release(self) -> None:
        """End the claim: SQLite may keep the descriptor open for another connection of ours."""
        if self.is_claimed:
            self._find()
            self.is_claimed = False
            unlock(self._files[STORE].descriptor)

    def check(self, *, at_once: bool = True) -> None:
        """Raise `StoreLost` unless the path leads to these files, as SQLite left them.

        Unless `at_once`, the daemon, which asks at every statement, looks once a second, and
        where SQLite has copied frames: only between two looks without one does a change tell.
        """
        now = time.monotonic()
        may_wait = self.is_claimed and self.has_wal and not at_once and now < self._look_at
        if may_wait and not self._contents.has_copied(self._files[SHM].descriptor):
            return
        self._look_at = now + LOOK_SECONDS
        if self._files and (lost := self._look()):
            raise self._lost(lost)

    def overwritten(self) -> StoreLost:
        """What to raise where the store does not hold what was committed to it."""
        return self._lost({STORE: SPOILT})

    def _lost(self, lost: dict[str, str]) -> StoreLost:
        (suffix, what), *_ = lost.items()
        name = self._files[suffix].name if suffix in self._files else f"{self._path}{suffix}"
        kept = (
            f", and writes what it held to {self._path}.replaced-…" if self._is_to_keep() else ""
        )
        return StoreLost(
            f"{name} {what}: the daemon ends{kept}, and systemd starts it on what is there; "
            f"repeat any other command, and track again what was tracked {self._since(lost)} "
            "(move or replace a store only while no lightkeeper runs, with `lightkeeper restore`)",
            ExitStatus.IO_ERROR,
        )

    def _is_to_keep(self) -> bool:
        """Whether the store has no name any more, so that it ends with the daemon's process."""
        is_whole = self.is_claimed and not self._spoilt
        return is_whole and not os.fstat(self._files[STORE].descriptor).st_nlink

    def _since(self, lost: dict[str, str]) -> str:
        """Since when what was tracked may be lost."""
        if lost.get(WAL) != SPOILT:
            return "meanwhile"
        # What was only in the -wal is gone: what came since it was last copied into the store.
        copied = os.fstat(self._files[STORE].descriptor).st_mtime - MARGIN_SECONDS
        return f"since {datetime.fromtimestamp(copied, UTC):%Y-%m-%d %H:%M} UTC"

    def _look(self) -> dict[str, str]:
        """What is wrong, by suffix."""
        lost = {}
        for suffix, file in self._files.items():
            identity = _identity(file.name)
            if identity != file.identity:
                lost[suffix] = REPLACED if identity else GONE
        if SHM in self._files and not self._spoilt:
            self._find()
            descriptors = (self._files[suffix].descriptor for suffix in SUFFIXES)
            if (spoilt := self._contents.spoilt(*descriptors)) is not None:
                self._spoilt = {spoilt: SPOILT}
        return self._spoilt | lost if lost else self._spoilt

    def _find(self) -> None:
        """Find SQLite's descriptors anew where another connection of this process closed them."""
        for suffix, file in self._files.items():
            with suppress(OSError):
                found = os.fstat(file.descriptor)
                if (found.st_dev, found.st_ino) == file.identity:
                    continue
            again = _descriptors().get(file.identity, file.descriptor)
            self._files[suffix] = file._replace(descriptor=again)

    def part(self, connection: sqlite3.Connection) -> bool:
        """Let go of the files if they are lost; whether `connection` is then not to be closed.

        What was committed is copied into the store that was opened, wherever that is now; the
        daemon copies one that was removed beside its place. A -wal that belongs to another store
        than the one beside it gets another name.
        """
        if not self._is_doubtful and not (self._files and self._look()):
            return False
        # Closing it would write into, and remove, what others have put there: it stays open until
        # the process ends.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))
        if not self._is_doubtful and self.has_wal:
            self._set_aside(copied=not self._spoilt and _copied(connection))
        if self._is_to_keep():
            self._keep(connection)
        return True

    def _keep(self, connection: sqlite3.Connection) -> None:
        """Copy the store to a file beside the place where it was."""
        written_at = os.fstat(self._files[STORE].descriptor).st_mtime
        kept = _replaced(os.path.realpath(self._path), written_at)
        with suppress(OSError, sqlite3.Error):
            os.close(os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            with closing(sqlite3.connect(kept)) as copy:
                connection.backup(copy)

    def _set_aside(self, *, copied: bool) -> None:
        wal = self._files[WAL].name
        store = wal.removesuffix(WAL)
        is_ours = _identity(store) == self._files[STORE].identity and STORE not in self._spoilt
        if _identity(wal) == self._files[WAL].identity:
            belongs = is_ours
        else:  # over a store that has all of ours it would put what it holds
            belongs = not (is_ours and copied)
        with suppress(OSError):
            written = Path(wal).stat()
            if not belongs and written.st_size:
                Path(wal).rename(f"{_replaced(store, written.st_mtime)}{WAL}")


def refuse_second_name(path: Path) -> None:
    """Raise `StoreInTheWay` where the file has two names: SQLite keeps what is new beside one."""
    try:
        names = path.stat().st_nlink
    except OSError:
        return
    if names > 1:
        raise StoreInTheWay(
            f"{path} has a second name (a hard link), under which another process may write to it "
            f"unseen: remove one of them (`find / -xdev -samefile {path}` lists them)"
        )


def _copied(connection: sqlite3.Connection) -> bool:
    """Copy the whole -wal into the store that was opened, and empty it; whether that was done."""
    try:
        ((busy, *_),) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    except sqlite3.Error:
        return False
    return not busy


def _replaced(store: str, at: float) -> str:
    """Under which name a file of a store is kept that was replaced at this time."""
    return f"{store}.replaced-{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H%M%SZ}"


def _identity(name: str) -> _FileIdentity | None:
    try:
        found = os.stat(name)  # noqa: PTH116  # ten times a pass
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _descriptors() -> dict[_FileIdentity, int]:
    """What this process has open, the newest descriptor of each file."""
    found = {}
    for name in sorted(os.listdir("/proc/self/fd"), key=int):  # noqa: PTH208
        with suppress(OSError):
            status = os.fstat(int(name))
            found[status.st_dev, status.st_ino] = int(name)
    return found
