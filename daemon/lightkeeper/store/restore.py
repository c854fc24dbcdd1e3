"""Replaces the SQLite store by a backup, and loses nothing newer without --discard-newer."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from lightkeeper.domain.time import SECOND, Instant
from lightkeeper.store import migrations, newest
from lightkeeper.store.backup import (
    connect,
    place,
    sqlite_path,
    sync_folder,
    undisturbed,
    verified_copy,
)
from lightkeeper.store.contents import Contents, version
from lightkeeper.store.errors import StoreForeign, StoreInTheWay, unavailable
from lightkeeper.store.file_locks import claim_file

LOCK_TIMEOUT_MS: Final = 2_000

_LACKING: Final = (
    """
    SELECT COUNT(*) FROM (SELECT lighthouse_request_id FROM main.form_526_document_submissions
        EXCEPT SELECT lighthouse_request_id FROM copy.form_526_document_submissions)
    """,
    """
    SELECT COUNT(*) FROM (
        SELECT lighthouse_request_id, at, from_status, to_status, from_step, to_step
        FROM main.transitions AS t
        JOIN main.form_526_document_submissions AS d ON d.id = t.document_id
        EXCEPT
        SELECT lighthouse_request_id, at, from_status, to_status, from_step, to_step
        FROM copy.transitions AS t
        JOIN copy.form_526_document_submissions AS d ON d.id = t.document_id)
    """,
    """
    SELECT COUNT(*) FROM (
        SELECT starts_at, ends_at, step_names, reason, ended_at FROM main.maintenance_windows
        EXCEPT
        SELECT starts_at, ends_at, step_names, reason, ended_at FROM copy.maintenance_windows)
    """,
)
"""How many documents, transitions and maintenance windows of the present are not in the copy."""


def put_back(
    url: str, file: Path, *, discard_newer: bool, now: Instant
) -> tuple[Contents, list[Path]]:
    """Put the backup `file` in the place of the store at `url`; also where the latter is kept.

    Raises what `back_up` raises about `file`, `AlreadyWatched` where a daemon has the store, and
    `StoreInTheWay` where the store holds what `file` lacks and `discard_newer` is not given,
    `StoreForeign` where what is there is another program's, or no file.
    """
    store = Path(os.path.realpath(sqlite_path(url)))
    if store.exists() and not store.is_file():
        raise StoreForeign(f"{store} is no file: point LIGHTKEEPER_DATABASE_URL at the store")
    another = "it is corrupt: restore another backup"
    # First: staff are not to stop the daemon for a file that cannot be restored.
    with verified_copy(file, store, if_corrupt=another) as (copy, contents):
        claim = claim_file(store) if store.exists() else None
        try:
            _give_to_its_owner(store, copy)
            with _held_still(store, copy) as present:
                if present is not None and not discard_newer:
                    _refuse_to_lose(present, store, file)
                with undisturbed():
                    return contents, exchange(store, copy, now)
        finally:
            if claim is not None:
                os.close(claim)


@contextmanager
def _held_still(store: Path, copy: Path) -> Iterator[sqlite3.Connection | None]:
    """The present store, its WAL folded in, everyone else kept out, the copy attached as `copy`.

    None where it is missing or corrupt.
    """
    if not store.exists():
        yield None
        return
    try:
        connection = connect(store)
    except sqlite3.Error as exc:
        raise unavailable(str(store), str(exc)) from exc
    with closing(connection) as present:
        readable = True
        try:
            present.execute(f"PRAGMA busy_timeout = {LOCK_TIMEOUT_MS}")
            _refuse_foreign(present, store)
            # Only the last connection can do this. A process that opens the file from now on has
            # to wait, and finds it moved before it can write: no document is lost with it.
            present.execute("PRAGMA main.journal_mode = DELETE")
            present.execute("ATTACH ? AS copy", (str(copy),))
            present.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as exc:
            if "locked" not in str(exc):
                raise unavailable(str(store), str(exc)) from exc
            raise StoreInTheWay(
                f"{store} is in use by another process: stop `web` (lightkeeper-web.service) "
                "and `follow`, wait until `track`, `backup` or sqlite3 is done, and repeat this"
            ) from exc
        except sqlite3.DatabaseError:
            readable = False
        if readable:
            yield present
            return
    yield None


def _refuse_foreign(present: sqlite3.Connection, store: Path) -> None:
    tables = _tables(present)
    if tables and "lightkeeper_schema" not in tables:
        raise StoreForeign(
            f"{store} belongs to another program: point LIGHTKEEPER_DATABASE_URL at the store"
        )


def _tables(present: sqlite3.Connection) -> set[str]:
    names = present.execute("SELECT name FROM main.sqlite_master WHERE type = 'table'")
    return {name for (name,) in names}


def _refuse_to_lose(present: sqlite3.Connection, store: Path, file: Path) -> None:
    all_the_same = "with --discard-newer it is replaced all the same, and kept beside it"
    try:
        if not _tables(present):
            return
        if (number := version(present, str(store))) > migrations.NEWEST:
            raise StoreInTheWay(
                f"{store} was written by a newer lightkeeper (schema {number}; this one knows "
                f"{migrations.NEWEST}), which alone can say what {file} lacks; {all_the_same}"
            )
        lacking = documents, transitions, windows = tuple(
            present.execute(sql).fetchone()[0] for sql in _LACKING
        )
    except StoreForeign as exc:
        raise StoreInTheWay(f"{exc}: what {file} lacks is unknown; {all_the_same}") from exc
    except sqlite3.OperationalError as exc:
        raise unavailable(str(store), str(exc)) from exc
    except sqlite3.DatabaseError:
        return  # corrupt: what it holds cannot be read, and it is kept
    if any(lacking):
        more = f" and {windows:,} maintenance windows" if windows else ""
        raise StoreInTheWay(
            f"{store} holds {documents:,} request ids and {transitions:,} transitions{more} that "
            f"{file} lacks; {all_the_same}"
        )


def _give_to_its_owner(store: Path, copy: Path) -> None:
    """Let the daemon open what was restored, which root mostly does."""
    owner = (store if store.exists() else store.parent).stat()
    if copy.stat().st_uid != owner.st_uid:
        os.chown(copy, owner.st_uid, owner.st_gid)


def exchange(store: Path, copy: Path, now: Instant) -> list[Path]:
    """Put the copy in the store's place in one step; the replaced store gets a dated name."""
    when = datetime.fromtimestamp(now / SECOND, UTC)
    kept = Path(f"{store}.replaced-{when:%Y-%m-%dT%H%M%SZ}")
    newest.forget(store)  # what the copy lacks is known to those who restore it
    was_there = store.exists()
    if was_there:
        try:
            os.link(store, kept)
        except OSError:  # not every disk has hard links
            store.rename(kept)
    # Only beside a store that is corrupt or missing: SQLite would apply them to the copy.
    for suffix in ("-wal", "-journal"):
        left = Path(f"{store}{suffix}")
        if left.exists():
            left.rename(f"{kept}{suffix}") if left.stat().st_size else left.unlink()
    with suppress(FileNotFoundError):
        Path(f"{store}-shm").unlink()
    if was_there:
        copy.rename(store)
        sync_folder(store.parent)
    else:
        place(copy, store)
    return [path for path in (kept, Path(f"{kept}-wal"), Path(f"{kept}-journal")) if path.exists()]
