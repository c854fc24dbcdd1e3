"""The store behind one small surface: opened, migrated, claimed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from lightkeeper.domain.errors import LightkeeperError
from lightkeeper.domain.time import Instant
from lightkeeper.store import migrations, newest, soundness
from lightkeeper.store.engines import ENGINES
from lightkeeper.store.errors import (
    MALFORMED,
    REMEDIES,
    AlreadyWatched,
    StoreCorrupt,
    StoreForeign,
    StoreLost,
    StoreMissing,
    StoreUnavailable,
    unavailable,
)
from lightkeeper.store.files import refuse_second_name
from lightkeeper.store.schema import MODELS
from lightkeeper.store.session import Session
from lightkeeper.store.transact import transact

__all__ = [
    "AlreadyWatched",
    "Database",
    "StoreForeign",
    "StoreLost",
    "StoreMissing",
    "StoreUnavailable",
    "open_database",
]

WATCH_BUSY_TIMEOUT_MS: Final = 2_000
"""How long the daemon waits for a lock: it tries again anyway, and has signals to send."""
_ANOTHER_STORE: Final = (
    "LIGHTKEEPER_DATABASE_URL: names another store now: restart the daemon to use it"
)
_MIGRATION_LOCK: Final = 526_0001
_INTAKE_LOCK: Final = 526_0003


_NEWEST: Final = (
    "SELECT id, lighthouse_request_id FROM form_526_document_submissions ORDER BY id DESC LIMIT 1"
)
_IS_THERE: Final = (
    "SELECT id FROM form_526_document_submissions WHERE id = ? AND lighthouse_request_id = ?"
)
_WATCHED: Final = "UPDATE lightkeeper_schema SET written_at = COALESCE(?, written_at)"


class Database(Session):
    """The store: its schema, its claim, and one connection to it."""

    _outlives_schema = False

    def serve_callers(self, *, reads_only: bool) -> None:
        """Serve callers for long: a write is refused once another version changed the schema."""
        super().serve_callers(reads_only=reads_only)
        self._outlives_schema = True

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One write transaction, as a session's."""
        with super().writing():
            if self._outlives_schema:
                self.refuse_older()
            yield

    def lock_intake(self) -> None:
        """Inside a transaction: keep other intakes out until it ends (SQLite's own lock does)."""
        if self.dialect == "postgresql":
            self.rows("SELECT pg_advisory_xact_lock(?)", (_INTAKE_LOCK,))

    def durable(self) -> None:
        """Let a commit survive a power cut too: a tracked document exists nowhere else."""
        if self.path:
            self.execute("PRAGMA synchronous = FULL")

    def watched_at(self) -> Instant | None:
        """When a daemon wrote to this store last; None where none has ever watched it."""
        ((watched_at,),) = self.rows("SELECT written_at FROM lightkeeper_schema")
        return None if watched_at is None else int(watched_at)

    def try_write(self, watched_at: Instant | None = None) -> None:
        """Write this time to the store, to find out whether this process can write to it.

        Without a time the one that is there stays. Raises `StoreLost` where a SQLite store does
        not hold what its daemon wrote last.
        """
        if self._claim is not None:
            with self.guarded():
                held = self._claim.is_held()
            if not held:
                self._db.close()
                raise StoreUnavailable(
                    f"{self.place}: a pooler or an administrator released this daemon's lock; the "
                    "daemon takes it again, unless another has it"
                )

        def write() -> None:
            self._check_files()
            before = self.watched_at()
            if self._files is not None and self._watched_at not in {None, before}:
                raise self._files.overwritten()
            self.execute(_WATCHED, (watched_at,))

        transact(self, write)
        if self._files is not None and self._files.is_claimed:
            self._watched_at = watched_at
            self._note_newest()

    def close(self) -> None:
        """Close the connection and release the claim."""
        if self._files is not None and self._files.is_claimed and not self._db.is_closed():
            with suppress(LightkeeperError):
                self._note_newest()
        super().close()

    def lacks(self) -> int | None:
        """The request id of the document that its daemon knew as the newest of a SQLite store,
        if the store lacks it: an older copy was put in its place. Else None.
        """
        found = newest.noted(self.path) if self.path else None
        if found is None or self.rows(_IS_THERE, found):
            return None
        return found.request_id

    def _note_newest(self) -> None:
        if self.path:
            found = [newest.Newest(*row) for row in self.rows(_NEWEST)]
            if found != self._noted:
                newest.note(self.path, found[0] if found else None)
                self._noted = found

    def verify(self) -> None:
        """Read the whole store; raises `StoreCorrupt` where it holds what we never write."""
        if self.path and self.rows("PRAGMA integrity_check(1)") != [("ok",)]:
            raise unavailable(self.place, MALFORMED)
        if found := soundness.first_unsound(self.rows, self.dialect):
            raise StoreCorrupt(
                f"{self.place}: {found} holds what lightkeeper never writes "
                f"({REMEDIES[MALFORMED]})"
            )

    def try_create(self) -> None:
        """Make a table and take it back; raises `StoreUnavailable` where that is not allowed."""
        with self.guarded(), self._db.atomic() as transaction:
            self.execute("CREATE TABLE lightkeeper_trial (id INTEGER)")
            transaction.rollback()

    def claim(self) -> None:
        """Become the one process that polls this store, or raise `AlreadyWatched`."""
        if self._files is not None:
            self._files.claim()
            # After a crash SQLite does not know what of the -wal the store has, and what others
            # write to the store would not be seen.
            self.rows("PRAGMA wal_checkpoint")
            self._check_files()  # from what it copied on, a change of the store is another's
            self.execute(f"PRAGMA busy_timeout = {WATCH_BUSY_TIMEOUT_MS}")
        else:
            from lightkeeper.store.postgresql import Claim

            claim = Claim(self._db)
            with self.guarded():
                claim.take()
            self._claim = claim

    def move_to(self, url: str) -> None:
        """Connect to the same store at another address, as another user, with another password.

        Raises `StoreForeign` where `url` is another store, which a restart alone can change to,
        and `StoreUnavailable` where it cannot be reached; the store is used as before then.
        """
        if self._claim is None or url.startswith("sqlite:"):
            raise StoreForeign(_ANOTHER_STORE)
        engine: Any
        engine, place, _ = ENGINES["postgresql"](url)
        try:
            engine.connect()
            same = self._claim.is_of_store(engine)
        except self._errors as exc:
            raise self._unavailable(exc) from exc
        finally:
            engine.close()
        if not same:
            raise StoreForeign(_ANOTHER_STORE)
        self._db.close()  # the next use connects there, and takes the claim with it
        self._db, self.place, self._claim.engine = engine, place, engine
        self._db.bind(MODELS)
        self._reconnecting.succeeded()

    def unverified(self) -> str | None:
        """Why what is sent to the database may be read on its way; None where it may not."""
        return None if self.path else self._db.unverified()

    def refuse_pooler(self) -> None:
        """Raise `StoreForeign` where a pooler would lose the claim."""
        if self.path is None:
            from lightkeeper.store.postgresql import Claim

            with self.guarded():
                Claim(self._db).refuse_pooler()

    def version(self) -> int:
        """The schema version of the store; 0 where there is none yet."""
        with self.guarded():
            if "lightkeeper_schema" not in self._db.get_tables():
                return 0
        found = self.rows("SELECT version FROM lightkeeper_schema")
        if len(found) != 1 or type(found[0][0]) is not int:
            raise unavailable(self.place, MALFORMED)
        return found[0][0]

    def migrate(self) -> None:
        """Bring the schema to the newest version, under a lock; safe to run side by side."""
        if self._check_version() == migrations.NEWEST:
            return
        transact(self, self._migrate)

    def _migrate(self) -> None:
        if self.dialect == "postgresql":
            self.rows("SELECT pg_advisory_xact_lock(?)", (_MIGRATION_LOCK,))
        version = self._check_version()
        if version == 0:
            self.refuse_foreign_tables()
            self.execute(migrations.VERSION)
            self.execute("INSERT INTO lightkeeper_schema (version) VALUES (0)")
        for migration in migrations.MIGRATIONS[version:]:
            for statement in migration:
                self.execute(statement.format(identity=migrations.IDENTITY[self.dialect]))
        self.execute("UPDATE lightkeeper_schema SET version = ?", (migrations.NEWEST,))

    def refuse_older(self) -> None:
        """Raise `StoreForeign` unless the schema is the newest."""
        if (version := self._check_version()) < migrations.NEWEST:
            raise StoreForeign(
                f"{self.place} was written by an older lightkeeper (schema {version}; this one "
                f"knows {migrations.NEWEST}): start `lightkeeper run`, which brings it up to "
                "date, or look at a copy with the version that made it"
            )

    def _check_version(self) -> int:
        version = self.version()
        if version > migrations.NEWEST:
            raise StoreForeign(
                f"{self.place} was written by a newer lightkeeper (schema {version}; this one "
                f"knows {migrations.NEWEST}): install that version, or restore a backup made "
                "before the upgrade"
            )
        return version

    def refuse_foreign_tables(self) -> None:
        """Raise `StoreForeign` where there are tables of some other program's."""
        foreign = sorted(set(self._db.get_tables()) - {"sqlite_sequence", "lightkeeper_schema"})
        if foreign:
            raise StoreForeign(
                f"{self.place} belongs to another program (it holds the table {foreign[0]!r}): "
                "point LIGHTKEEPER_DATABASE_URL at a database of its own"
            )


def open_database(url: str, *, create: bool, look: bool = False) -> Database:
    """Open the store at `url`, bringing its schema up to date.

    With `look` nothing of it changes, and an older schema is refused. Raises `StoreMissing` where
    there is none and `create` is false, `StoreForeign` where it is newer than this program or not
    ours, `StoreUnavailable` where it cannot be reached, `StoreInTheWay` where it has two names.
    """
    database = Database(url)
    if database.path is not None:
        _prepare_file(database.path, create)
    try:
        if not create and database.version() == 0:
            database.refuse_foreign_tables()
            raise StoreMissing(_no_store(database.place))
        if look:
            database.refuse_older()
        else:
            database.migrate()
            database.use_wal()
    except BaseException:
        database.close()
        raise
    return database


def _prepare_file(path: Path, create: bool) -> None:
    """Make sure the file is there, ours alone to read, before SQLite makes it for all."""
    try:
        if path.is_file():
            refuse_second_name(path)
            return
        if not create:
            raise StoreMissing(_no_store(str(path)))
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except (OSError, ValueError) as exc:  # the latter for a name with a NUL in it
        reason = getattr(exc, "strerror", None) or "cannot be opened"
        raise StoreUnavailable(
            f"{path}: {reason} (check LIGHTKEEPER_DATABASE_URL, the folder and its rights)"
        ) from exc


def _no_store(place: str) -> str:
    return (
        f"{place}: no store here: point LIGHTKEEPER_DATABASE_URL at it, or make one with "
        "`lightkeeper run`"
    )
