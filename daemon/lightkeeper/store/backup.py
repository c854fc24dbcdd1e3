"""A copy of the SQLite store: taken while others write, verified, and only then there."""

import errno
import fcntl
import os
import secrets
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final
from urllib.parse import quote

from lightkeeper.store.contents import Contents, verify
from lightkeeper.store.database import Database
from lightkeeper.store.engines import BUSY_TIMEOUT_MS
from lightkeeper.store.errors import (
    StoreForeign,
    StoreInTheWay,
    StoreMissing,
    StoreUnavailable,
    unavailable,
)
from lightkeeper.store.files import StoreFiles, refuse_second_name

PAGES_A_STEP: Final = 1_000  # 4 MB, some milliseconds
REST_SECONDS: Final = 0.005
_OF_THE_TARGET: Final = {"database or disk is full", "disk I/O error"}

_PARTIAL: Final = (".lightkeeper-", ".partial")
_BESIDE: Final = ("", "-journal", "-wal", "-shm")
_NO_SYNC: Final = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EACCES, errno.EPERM}
"""What disks say that keep no folders to write out."""


def back_up(url: str, file: Path) -> Contents:
    """Copy the store at `url` to `file`, which must not be there yet.

    Raises `StoreInTheWay` where it is, `StoreMissing`, `StoreForeign` or `StoreCorrupt` for what
    the store is, `StoreUnavailable` where either cannot be read or written; nothing is left then.
    """
    store = sqlite_path(url)
    refuse_second_name(store)
    if os.path.lexists(file):
        raise _in_the_way(file)
    with verified_copy(store, file) as (copy, contents):
        place(copy, file)
    return contents


def place(copy: Path, file: Path) -> None:
    """Give a copy its name, on any disk; raises `StoreInTheWay` where the name is taken."""
    with undisturbed():
        try:
            # Not by a hard link, which not every disk has. What came meanwhile is not replaced.
            os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError as exc:
            raise _in_the_way(file) from exc
        try:
            copy.rename(file)
        except OSError:
            file.unlink()
            raise
    sync_folder(file.parent)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Let no SIGTERM or SIGINT in between two files that get their names."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _in_the_way(file: Path) -> StoreInTheWay:
    return StoreInTheWay(f"{file} is there already: name a file that is not")


def sqlite_path(url: str) -> Path:
    """Where the store at `url` is; PostgreSQL has tools of its own."""
    path = Database(url).path if url.startswith("sqlite:") else None
    if path is None:
        raise StoreForeign(
            "PostgreSQL stores are backed up with "
            '`pg_dump --format=custom --file=FILE "$LIGHTKEEPER_DATABASE_URL"` and, while no '
            "lightkeeper runs, restored with `pg_restore --clean --if-exists "
            '--single-transaction --dbname="$LIGHTKEEPER_DATABASE_URL" FILE`'
        )
    return path


@contextmanager
def verified_copy(
    source: Path, target: Path, *, if_corrupt: str = ""
) -> Iterator[tuple[Path, Contents]]:
    """A verified, synced copy of `source` beside `target`; gone at the end unless renamed.

    `if_corrupt` is what to do where `source` is corrupt and not the store.
    """
    try:
        if not source.is_file():
            raise StoreMissing(f"{source}: there is no such file")
        os.close(os.open(source, os.O_RDONLY))
    except OSError as exc:
        raise StoreUnavailable(
            f"{source}: {exc.strerror} (check its folder and its rights)"
        ) from exc
    copy = _partial(target)
    try:
        with _removed_at_the_end(copy), _new(copy, target) as handle:
            _copy(source, copy)
            os.pwrite(
                handle, b"\1\1", 18
            )  # no -wal is needed to read it, where nothing may be made
            with closing(connect(copy, "mode=ro&immutable=1")) as database:
                contents = verify(database, str(source), copy.stat().st_size)
            os.fsync(handle)
            yield copy, contents
    except sqlite3.Error as exc:
        place = target if str(exc) in _OF_THE_TARGET else source
        raise unavailable(str(place), str(exc), if_corrupt=if_corrupt) from exc
    except OSError as exc:
        raise StoreUnavailable(f"{target}: {exc.strerror}") from exc


def _partial(target: Path) -> Path:
    """The name of a new file beside `target`; those of processes that were killed are removed."""
    prefix, suffix = _PARTIAL
    with suppress(OSError):  # what is wrong with the folder, who makes the file says
        for left in target.parent.glob(f"{prefix}*{suffix}"):
            _remove_unlocked(left)
    return target.parent / f"{prefix}{secrets.token_hex(8)}{suffix}"


@contextmanager
def _new(copy: Path, target: Path) -> Iterator[int]:
    """This file, made and locked."""
    try:
        handle = os.open(copy, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except OSError as exc:
        raise StoreUnavailable(
            f"{target}: {exc.strerror} (check its folder, its rights and its disk)"
        ) from exc
    try:
        with suppress(OSError):  # a disk without locks: no one clears up there
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield handle
    finally:
        os.close(handle)


@contextmanager
def _removed_at_the_end(partial: Path) -> Iterator[None]:
    """Whatever comes, it is gone then. Enter it before the file is there."""
    try:
        try:
            yield
        finally:
            _remove(partial)
    finally:
        _remove(partial)  # a signal may have come into the first


def _remove_unlocked(left: Path) -> None:
    with suppress(OSError):
        descriptor = os.open(left, os.O_RDWR | os.O_NOFOLLOW)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _remove(left)
        finally:
            os.close(descriptor)


def _remove(partial: Path) -> None:
    for suffix in _BESIDE:
        with suppress(OSError):
            Path(f"{partial}{suffix}").unlink()


def connect(path: Path, options: str = "mode=rw") -> sqlite3.Connection:
    """A connection that begins no transaction by itself, to a file that has to be there."""
    return sqlite3.connect(
        f"file:{quote(os.fsencode(path))}?{options}",
        uri=True,
        isolation_level=None,
        timeout=BUSY_TIMEOUT_MS / 1_000,
    )


def _copy(source: Path, target: Path) -> None:
    files = StoreFiles(source)
    # The target is ours alone, and its disk may have no locks.
    alone = connect(target, "mode=rw&nolock=1")
    with closing(alone) as writing, _parting(files, source) as reading:
        # One snapshot for all steps. Without it each commit of another process would make the
        # copy begin anew; with it no writer waits, and the WAL grows by what is written meanwhile.
        reading.execute("BEGIN")
        reading.execute("SELECT COUNT(*) FROM sqlite_master").fetchall()
        ((mode,),) = reading.execute("PRAGMA journal_mode").fetchall()
        files.opened(wal=mode == "wal")
        reading.backup(writing, pages=PAGES_A_STEP, progress=_rest)
        files.check()


@contextmanager
def _parting(files: StoreFiles, path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that is not closed where others have put another file in the path's place."""
    connection = connect(path)
    try:
        yield connection
    finally:
        if not files.part(connection):
            connection.close()


def _rest(*_: int) -> None:
    # Others want the disk too. The `sleep` of sqlite3's `backup` is for locks alone.
    time.sleep(REST_SECONDS)


def sync_folder(folder: Path) -> None:
    """Let what was renamed in it survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as exc:
        if exc.errno not in _NO_SYNC:
            raise
    finally:
        os.close(handle)
