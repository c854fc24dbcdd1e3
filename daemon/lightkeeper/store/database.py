"""The connection: SQLite or PostgreSQL behind one small surface, opened, migrated, claimed."""

import json
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Final

import peewee

from lightkeeper.domain.time import Instant
from lightkeeper.store import migrations
from lightkeeper.store.engines import BUSY_TIMEOUT_MS, ENGINES
from lightkeeper.store.errors import (
    MALFORMED,
    AlreadyWatched,
    StoreForeign,
    StoreLost,
    StoreMissing,
    StoreUnavailable,
    second_watcher,
    unavailable,
)
from lightkeeper.store.files import StoreFiles, refuse_second_name
from lightkeeper.store.schema import MODELS

__all__ = [
    "AlreadyWatched",
    "Database",
    "StoreForeign",
    "StoreLost",
    "StoreMissing",
    "StoreUnavailable",
    "open_database",
]

WATCH_BUSY_TIMEOUT_MS: Final = 2_000  # who watches tries again anyway, and has signals to send
STREAMED: Final = 500
_MIGRATION_LOCK: Final = 526_0001
_WATCH_LOCK: Final = 526_0002
_INTAKE_LOCK: Final = 526_0003


class Database:
    """One connection. SQL is written with `?`; every driver error becomes `StoreUnavailable`."""

    def __init__(self, url: str) -> None:
        self.dialect = "sqlite" if url.startswith("sqlite:") else "postgresql"
        self._db: Any
        self._db, self.place, driver_error = ENGINES[self.dialect](url)
        self.path = Path(self.place) if self.dialect == "sqlite" else None
        # Peewee's own, and the driver's: `executemany` goes past Peewee's wrapping.
        self._errors = (peewee.PeeweeException, driver_error)
        self._files: StoreFiles | None = self._db.files if self.path else None
        self._claimed = False
        self._db.bind(MODELS)

    def close(self) -> None:
        """Close the connection and release the claim."""
        if not self._db.is_closed():
            self._db.close()
        self._claimed = False

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Turn driver errors into `StoreUnavailable`, and drop a connection that may be dead.

        JSON that was read and is corrupt is treated the same. Raises `StoreLost` where the files
        of a SQLite store were replaced.
        """
        try:
            self._reconnect()
            if not self._db.in_transaction():
                self._check_files()
            yield
        except self._errors as exc:
            self._check_files()
            # SQLite's connection stays good. Inside a transaction rolling back comes first: it
            # fails too, and ends up here again, where the connection is dead.
            if self.dialect == "postgresql" and not self._db.in_transaction():
                self._db.close()
            raise unavailable(self.place, self._words(exc)) from exc
        except json.JSONDecodeError as exc:
            raise unavailable(self.place, MALFORMED) from exc

    def _check_files(self) -> None:
        if self._files is not None:
            self._files.check()

    def _words(self, exc: BaseException) -> str:
        """What went wrong first, in one line."""
        # Rolling back fails too where the database has done so by itself, or is gone.
        while isinstance(exc.__context__, (StoreUnavailable, *self._errors)):
            exc = exc.__context__
        return str(exc).strip().split("\n", 1)[0][:300] or type(exc).__name__

    def _reconnect(self) -> None:
        if not self._db.is_closed():
            return
        self._connect()
        if self._claimed and self.dialect == "postgresql":
            try:
                self._claim_postgresql()
            except AlreadyWatched:
                self._db.close()  # open, it would be used without the claim
                raise

    def _connect(self) -> None:
        self._db.connect()
        self._note_files()

    def _note_files(self) -> None:
        if self._files is not None:
            ((mode,),) = self._db.execute_sql("PRAGMA journal_mode").fetchall()
            self._db.execute_sql("PRAGMA schema_version").fetchall()  # opens the -wal
            self._files.opened(wal=mode == "wal")

    def use_wal(self) -> None:
        """Have SQLite keep a -wal, so that readers and a writer do not wait for each other."""
        if self._files is None or self._files.has_wal:
            return
        give_up_at = time.monotonic() + BUSY_TIMEOUT_MS / 1_000
        with self.guarded():
            while True:  # SQLite waits for locks, but not for this one
                try:
                    self._db.execute_sql("PRAGMA journal_mode = wal").fetchall()
                    break
                except peewee.OperationalError as exc:
                    if str(exc) != "database is locked" or time.monotonic() > give_up_at:
                        raise
                time.sleep(0.01)
            self._note_files()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One write transaction. SQLite takes its lock at once: a lock taken halfway fails.

        Raises `StoreLost` where what was committed may be in a file that was replaced meanwhile.
        """
        with self.guarded(), self._db.atomic(*(("IMMEDIATE",) if self.path else ())):
            yield
        self._check_files()

    def rows(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query as plain tuples."""
        with self.guarded():
            rows: list[tuple[Any, ...]] = self._db.execute_sql(self._sql(sql), params).fetchall()
            return rows

    def stream(self, sql: str, params: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        """The rows of a query one by one, `STREAMED` of them in memory at a time.

        On PostgreSQL a cursor of the server's, in a transaction that lasts until all are read.
        """
        on_server = {} if self.path else {"name": "stream"}
        with (
            self.guarded(),
            self._db.atomic() if on_server else nullcontext(),
            closing(self._db.connection().cursor(**on_server)) as cursor,
        ):
            cursor.execute(self._sql(sql), params)
            while rows := cursor.fetchmany(STREAMED):
                yield from rows

    def execute(self, sql: str, params: Sequence[Any] = ()) -> int:
        """Run one statement; the number of rows it changed."""
        with self.guarded():
            return int(self._db.execute_sql(self._sql(sql), params).rowcount)

    def execute_many(self, sql: str, params: Iterable[Sequence[Any]]) -> int:
        """Run one statement for many rows, in a transaction of the caller's; how many changed."""
        with self.guarded():
            cursor = self._db.cursor()
            cursor.executemany(self._sql(sql), params)
            return int(cursor.rowcount)

    def lock_intake(self) -> None:
        """Inside a transaction: keep other intakes out until it ends (SQLite's own lock does)."""
        if self.dialect == "postgresql":
            self.rows("SELECT pg_advisory_xact_lock(?)", (_INTAKE_LOCK,))

    def durable(self) -> None:
        """Let a commit survive a power cut too: a tracked document exists nowhere else."""
        if self.path:
            self.execute("PRAGMA synchronous = FULL")

    def try_write(self, now: Instant) -> None:
        """Write `now` to the store, to find out whether it can be written to."""
        with self.writing():
            self.execute("UPDATE lightkeeper_schema SET written_at = ?", (now,))

    def verify(self) -> None:
        """Read all of a SQLite store; raises `StoreCorrupt` where it is damaged."""
        if self.path and self.rows("PRAGMA integrity_check(1)") != [("ok",)]:
            raise unavailable(self.place, MALFORMED)

    def try_create(self) -> None:
        """Make a table and take it back; raises `StoreUnavailable` where that is not allowed."""
        with self.guarded(), self._db.atomic() as transaction:
            self.execute("CREATE TABLE lightkeeper_trial (id INTEGER)")
            transaction.rollback()

    def claim(self) -> None:
        """Become the one process that polls this store, or raise `AlreadyWatched`."""
        if self._files is not None:
            self._files.claim()
            self.execute(f"PRAGMA busy_timeout = {WATCH_BUSY_TIMEOUT_MS}")
        else:
            with self.guarded():
                self._claim_postgresql()
        self._claimed = True

    def _claim_postgresql(self) -> None:
        ((won,),) = self._db.execute_sql(
            "SELECT pg_try_advisory_lock(%s)", (_WATCH_LOCK,)
        ).fetchall()
        if not won:
            raise AlreadyWatched(second_watcher(self.place))
        self._db.execute_sql(f"SET lock_timeout = {WATCH_BUSY_TIMEOUT_MS}")

    def _sql(self, sql: str) -> str:
        return sql if self.dialect == "sqlite" else sql.replace("?", "%s")

    def version(self) -> int:
        """The schema version of the store; 0 where there is none yet."""
        with self.guarded():
            if "lightkeeper_schema" not in self._db.get_tables():
                return 0
        return int(self.rows("SELECT version FROM lightkeeper_schema")[0][0])

    def migrate(self) -> None:
        """Bring the schema to the newest version, under a lock; safe to run side by side."""
        if self._check_version() == migrations.NEWEST:
            return
        with self.writing():
            if self.dialect == "postgresql":
                self.rows("SELECT pg_advisory_xact_lock(?)", (_MIGRATION_LOCK,))
            version = self._check_version()
            if version == 0:
                self.refuse_foreign_tables()
                self.execute(
                    "CREATE TABLE lightkeeper_schema (version INTEGER NOT NULL, written_at BIGINT)"
                )
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
        f"{place}: there is no lightkeeper store here; check LIGHTKEEPER_DATABASE_URL "
        "(only `run` and `track` create one)"
    )
