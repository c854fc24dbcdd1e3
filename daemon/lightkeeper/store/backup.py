"""Copies of a SQLite store: made while the daemon runs, verified, and put back in its place."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import unquote, urlsplit

from lightkeeper.model import SECOND, Instant, LightkeeperError
from lightkeeper.store import migrations
from lightkeeper.store.database import claim_file
from lightkeeper.store.errors import REMEDIES, StoreForeign, StoreMissing, StoreUnavailable

_DOCUMENTS: Final = "form_526_document_submissions"
_BY_STATE: Final = "document_type, lighthouse_status, current_step, condition"


class BackupDamaged(LightkeeperError):
    """The file is no backup that can be relied on."""

    exit_status = 65


class WouldOverwrite(LightkeeperError):
    """Something is there that would be lost."""

    exit_status = 73


class Contents(NamedTuple):
    """What a verified file holds; `newest_at` is when its last document was stored."""

    document_count: int
    newest_at: Instant | None
    size_bytes: int

    def __str__(self) -> str:
        newest = ""
        if self.newest_at is not None:
            when = datetime.fromtimestamp(self.newest_at / SECOND, UTC)
            newest = f"the newest of {when:%Y-%m-%d %H:%M} UTC, "
        return f"{self.document_count:,} documents, {newest}{self.size_bytes / 1e6:,.1f} MB"


class Restored(NamedTuple):
    """What was put in place, and where what was there before is kept, if there was anything."""

    contents: Contents
    kept: Path | None


def sqlite_path(url: str, instead: str) -> Path:
    """Where the store at this address is. Raises StoreForeign for PostgreSQL, with what to use."""
    if not url.startswith("sqlite:"):
        raise StoreForeign(f"this is for SQLite; PostgreSQL has a command of its own: {instead}")
    return Path(unquote(urlsplit(url).path[1:]))


def back_up(store: Path, file: Path) -> Contents:
    """Copy the store to `file`, which is there only once it has been verified.

    Nobody who writes to the store is held up. Raises WouldOverwrite where the file is there
    already, StoreMissing, StoreForeign, and StoreUnavailable for what cannot be read or written.
    """
    if not _is_file(store):
        raise StoreMissing(f"{store}: there is no lightkeeper store here to back up")
    with _written_beside(file) as part:
        if file.exists():
            raise WouldOverwrite(f"{file} is there already: name another file, or remove it")
        both = f"{store}, copied to {file}"
        with _told(both), closing(_reading(store)) as source, closing(_open(part)) as copy:
            source.backup(copy)  # one look at the store: in WAL mode that keeps no writer waiting
            copy.execute("PRAGMA journal_mode = DELETE")  # a single file
        try:
            contents = verify(part)
        except BackupDamaged as exc:
            remedy = REMEDIES["database disk image is malformed"]
            raise StoreUnavailable(f"{store} cannot be backed up: {remedy}") from exc
        except StoreForeign as exc:
            raise StoreForeign(
                f"{store} is not a store of lightkeeper's: check LIGHTKEEPER_DATABASE_URL"
            ) from exc
        try:
            os.link(part, file)  # unlike a rename it overwrites nothing
        except FileExistsError as exc:
            raise WouldOverwrite(f"{file} has come about meanwhile: name another file") from exc
    return contents


def restore(store: Path, file: Path, *, discard_newer: bool) -> Restored:
    """Put a verified backup in the place of the store, which is kept beside it under a new name.

    Raises BackupDamaged, StoreMissing and StoreForeign for what the file is, AlreadyWatched while
    a daemon has the store, WouldOverwrite where the store knows what the backup does not, unless
    that is to be discarded, and StoreUnavailable for what cannot be written.
    """
    contents = verify(file)
    with _told(store):
        lock_file = claim_file(store)
    try:
        if not discard_newer and (lost := _lost(store, file)):
            raise WouldOverwrite(
                f"{store} has {lost} that {file} has not: make a newer backup, or add "
                "--discard-newer, and hand in again what is missing"
            )
        with _written_beside(store) as part, _told(store):
            with closing(_reading(file)) as source, closing(_open(part)) as copy:
                source.backup(copy)
            kept = _set_aside(store, part)
            part.replace(store)
    finally:
        os.close(lock_file)
    return Restored(contents, kept)


def verify(file: Path) -> Contents:
    """Look at every page of a store that nobody writes to, and count all its documents anew.

    Raises StoreMissing, StoreForeign, and BackupDamaged.
    """
    if not _is_file(file):
        raise StoreMissing(f"{file}: there is no such file")
    if not os.access(file, os.R_OK):
        raise StoreUnavailable(f"{file}: Permission denied (it has to be readable)")
    try:
        with closing(_reading(file)) as database:
            ((state,),) = database.execute("PRAGMA integrity_check(1)").fetchall()
            if state != "ok":
                where = state.splitlines()[-1]
                raise BackupDamaged(f"{file}: it is damaged ({where}): take another backup")
            _check_version(database, file)
            (count, newest), *_ = database.execute(
                f"SELECT COUNT(*), MAX(created_at) FROM {_DOCUMENTS}"
            )
            counted = f"SELECT {_BY_STATE}, COUNT(*) FROM {_DOCUMENTS} GROUP BY {_BY_STATE}"
            tallied = "SELECT * FROM tallies WHERE count <> 0"
            if set(database.execute(counted)) != set(database.execute(tallied)):
                raise BackupDamaged(f"{file}: its tallies do not add up: take another backup")
    except sqlite3.Error as exc:
        raise BackupDamaged(f"{file}: {exc}: take another backup") from exc
    return Contents(count, newest, file.stat().st_size)


def _check_version(database: sqlite3.Connection, file: Path) -> None:
    names = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
    if "lightkeeper_schema" not in names:
        raise StoreForeign(f"{file} is not a store of lightkeeper's: name one of its backups")
    ((version,),) = database.execute("SELECT version FROM lightkeeper_schema").fetchall()
    if version > migrations.NEWEST:
        raise StoreForeign(
            f"{file} was made by a newer lightkeeper (schema {version}; this one knows "
            f"{migrations.NEWEST}): install that version, or take a backup made before the upgrade"
        )


def _lost(store: Path, file: Path) -> str:
    """What the store knows and the backup does not, in words; empty where that is nothing."""
    if not _is_file(store):
        return ""
    try:
        with closing(_reading(store)) as database:
            database.execute("ATTACH ? AS backup", (f"{file.resolve().as_uri()}?mode=ro",))
            ((documents,),) = database.execute(
                f"SELECT COUNT(*) FROM {_DOCUMENTS} AS present WHERE NOT EXISTS (SELECT 1 FROM "
                f"backup.{_DOCUMENTS} AS saved WHERE saved.lighthouse_request_id = "
                "present.lighthouse_request_id)"
            ).fetchall()
            ((changes,),) = database.execute(
                "SELECT COUNT(*) FROM (SELECT id, document_id, at FROM transitions "
                "EXCEPT SELECT id, document_id, at FROM backup.transitions)"
            ).fetchall()
    except sqlite3.Error:
        return ""  # a store that cannot be read is what a backup is for
    found = ((documents, "documents"), (changes, "changes"))
    return " and ".join(f"{count:,} {what}" for count, what in found if count)


def _set_aside(store: Path, like: Path) -> Path | None:
    """Keep what is there now under a dated name, with its log; None where nothing is."""
    if not store.exists():
        return None
    with suppress(sqlite3.Error), closing(_open(store)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    now = datetime.now(UTC)
    kept = store.with_name(f"{store.name}.before-restore-{now:%Y-%m-%dT%H%M%SZ}")
    os.link(store, kept)
    for more in ("-wal", "-shm"):  # of one that is damaged; the backup's own there are none
        with suppress(FileNotFoundError):
            Path(f"{store}{more}").rename(f"{kept}{more}")
    owner = store.stat()
    with suppress(PermissionError):
        os.chown(like, owner.st_uid, owner.st_gid)  # root may restore what is another's
    return kept


@contextmanager
def _written_beside(file: Path) -> Iterator[Path]:
    """A new file, ours alone to read, that becomes `file` on the same disk or is gone again."""
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        try:
            os.close(os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
            yield part
            for path, flags in ((file, os.O_RDONLY), (file.parent, os.O_RDONLY | os.O_DIRECTORY)):
                descriptor = os.open(path, flags)
                os.fsync(descriptor)
                os.close(descriptor)
        except OSError as exc:
            reason = exc.strerror or "cannot be written"
            raise StoreUnavailable(f"{file}: {reason} (check the folder and its rights)") from exc
    finally:
        for more in ("", "-journal", "-wal", "-shm"):
            with suppress(OSError):
                Path(f"{part}{more}").unlink()


@contextmanager
def _told(what: Path | str) -> Iterator[None]:
    """Say of SQLite's errors what they are about, and what to do."""
    try:
        yield
    except sqlite3.Error as exc:
        words = str(exc)
        more = f" ({REMEDIES[words]})" if words in REMEDIES else ""
        raise StoreUnavailable(f"{what}: {words}{more}") from exc


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except PermissionError as exc:
        raise StoreUnavailable(f"{path}: {exc.strerror} (check the folder's rights)") from exc


def _reading(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=30)


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=30, isolation_level=None)
