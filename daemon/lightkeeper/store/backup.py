"""A copy of the SQLite store: taken while others write, verified, and only then there."""

import os
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import quote

from lightkeeper.store import migrations
from lightkeeper.store.database import Database
from lightkeeper.store.engines import BUSY_TIMEOUT_MS
from lightkeeper.store.errors import (
    StoreCorrupt,
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

_COUNTED: Final = """
    SELECT document_type, lighthouse_status, current_step, condition, COUNT(*)
    FROM form_526_document_submissions GROUP BY 1, 2, 3, 4
"""
_TALLIED: Final = """
    SELECT document_type, lighthouse_status, step, condition, count FROM tallies WHERE count <> 0
"""


class Contents(NamedTuple):
    """What a verified copy holds."""

    documents: int
    newest_at: int | None
    size: int

    def text(self) -> str:
        """All of it in one line."""
        newest = ""
        if self.newest_at is not None:
            at = datetime.fromtimestamp(self.newest_at / 1_000, UTC)
            newest = f"the newest tracked {at:%Y-%m-%d %H:%M} UTC, "
        size = f"{self.size / 1e6:,.0f} MB" if self.size >= 1e6 else f"{self.size / 1e3:,.0f} kB"
        return f"{self.documents:,} documents, {newest}{size}, verified"


def back_up(url: str, file: Path) -> Contents:
    """Copy the store at `url` to `file`, which must not be there yet.

    Raises `StoreInTheWay` where it is, `StoreMissing`, `StoreForeign` or `StoreDamaged` for what
    the store is, `StoreUnavailable` where either cannot be read or written; nothing is left then.
    """
    store = sqlite_path(url)
    refuse_second_name(store)
    if os.path.lexists(file):
        raise _in_the_way(file)
    with verified_copy(store, file) as (copy, contents):
        try:
            os.link(copy, file)  # unlike a rename it replaces nothing that came meanwhile
        except FileExistsError as exc:
            raise _in_the_way(file) from exc
        sync_folder(file.parent)
    return contents


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
    try:
        handle, name = tempfile.mkstemp(".partial", f".{target.name}.", target.parent)
    except OSError as exc:
        raise StoreUnavailable(
            f"{target}: {exc.strerror} (check its folder, its rights and its disk)"
        ) from exc
    copy = Path(name)
    try:
        try:
            _copy(source, copy)
            contents = _verified(copy, source)
            os.fsync(handle)
            yield copy, contents
        except sqlite3.Error as exc:
            place = target if str(exc) in _OF_THE_TARGET else source
            raise unavailable(str(place), str(exc), if_corrupt=if_corrupt) from exc
        except OSError as exc:
            raise StoreUnavailable(f"{target}: {exc.strerror}") from exc
    finally:
        os.close(handle)
        for suffix in ("", "-journal", "-wal", "-shm"):
            with suppress(OSError):
                Path(f"{copy}{suffix}").unlink()


def connect(path: Path) -> sqlite3.Connection:
    """A connection that begins no transaction by itself, to a file that has to be there."""
    return sqlite3.connect(
        f"file:{quote(str(path))}?mode=rw",
        uri=True,
        isolation_level=None,
        timeout=BUSY_TIMEOUT_MS / 1_000,
    )


def _copy(source: Path, target: Path) -> None:
    files = StoreFiles(source)
    with _parting(files, source) as reading, closing(connect(target)) as writing:
        # One snapshot for all steps. Without it each commit of another process would make the
        # copy begin anew; with it no writer waits, and the WAL grows by what is written meanwhile.
        reading.execute("BEGIN")
        reading.execute("SELECT COUNT(*) FROM sqlite_master").fetchall()
        ((mode,),) = reading.execute("PRAGMA journal_mode").fetchall()
        files.opened(wal=mode == "wal")
        reading.backup(writing, pages=PAGES_A_STEP, progress=_rest)
        files.check()
        # One file, that can be read where nothing may be written.
        writing.execute("PRAGMA journal_mode = DELETE")


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


def _verified(copy: Path, origin: Path) -> Contents:
    with closing(connect(copy)) as database:
        tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
        if "lightkeeper_schema" not in tables:
            raise StoreForeign(f"{origin} is no store of lightkeeper's: name the one that is")
        ((version,),) = database.execute("SELECT version FROM lightkeeper_schema")
        if version > migrations.NEWEST:
            raise StoreForeign(
                f"{origin} was written by a newer lightkeeper (schema {version}; this one knows "
                f"{migrations.NEWEST}): install that version, or take an older backup"
            )
        ((verdict,),) = database.execute("PRAGMA integrity_check(1)")
        if verdict == "ok" and set(database.execute(_COUNTED)) != set(database.execute(_TALLIED)):
            verdict = "its tallies are not what a full count gives"
        if verdict != "ok":
            raise StoreCorrupt(
                f"{origin} is corrupt ({' '.join(verdict.split())}): restore another backup with "
                "`lightkeeper restore FILE`"
            )
        ((documents, newest_at),) = database.execute(
            "SELECT COUNT(*), MAX(created_at) FROM form_526_document_submissions"
        )
    return Contents(documents, newest_at, copy.stat().st_size)


def sync_folder(folder: Path) -> None:
    """Let what was renamed in it survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
