"""The connection, to SQLite or PostgreSQL; where it is lost, the next use connects again."""

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import peewee

from lightkeeper.domain.errors import LightkeeperError
from lightkeeper.domain.time import Instant
from lightkeeper.store.at_commit import AtCommit
from lightkeeper.store.engines import BUSY_TIMEOUT_MS, ENGINES
from lightkeeper.store.errors import MALFORMED, StoreUnavailable, Unstorable, unavailable
from lightkeeper.store.files import StoreFiles
from lightkeeper.store.newest import Newest
from lightkeeper.store.reconnecting import Reconnecting
from lightkeeper.store.schema import MODELS

if TYPE_CHECKING:
    from lightkeeper.store.postgresql import Claim

CALLER_BUSY_TIMEOUT_MS: Final = 2_000
"""How long a process waits for a lock whose own callers wait for it."""
_LOOK_EVERY_STEPS: Final = 10_000
"""Of SQLite's machine: less than a millisecond."""
_SNAPSHOT: Final = "REPEATABLE READ, READ ONLY"
_UNSTORABLE: Final = "what was to be stored holds a text or a number that no database can hold"
_Model = TypeVar("_Model", bound=peewee.Model)


class Session:
    """One connection. SQL is written with `?`; every driver error becomes `StoreUnavailable`."""

    def __init__(self, url: str) -> None:
        self.dialect = "sqlite" if url.startswith("sqlite:") else "postgresql"
        self._db: Any
        self._db, self.place, driver_error = ENGINES[self.dialect](url)
        self.path = Path(self.place) if self.dialect == "sqlite" else None
        # Peewee's own, and the driver's: `executemany` goes past Peewee's wrapping.
        self._errors = (peewee.PeeweeException, driver_error)
        self._files: StoreFiles | None = self._db.files if self.path else None
        self._claim: Claim | None = None
        self._reconnecting = Reconnecting()
        self._watched_at: Instant | None = None
        """What this daemon of a SQLite store wrote last, to show that it works."""
        self._noted: list[Newest] | None = None
        """What this daemon of a SQLite store noted as its newest document; empty: it has none."""
        self.unanswered_commit: tuple[Any, int] | None = None
        """The transaction whose commit was sent and not answered yet: when the server that gave it
        its number was started, and the number. PostgreSQL alone has it.
        """
        self._at_commit = AtCommit()
        self._db.bind(MODELS)

    def close(self) -> None:
        """Close the connection and release the claim."""
        if not self._db.is_closed():
            self._db.close()
        self._claim = None

    @property
    def is_claimed(self) -> bool:
        """Whether this is the process that polls a PostgreSQL store."""
        return self._claim is not None

    @property
    def is_cut_off(self) -> bool:
        """Whether a command's session ended, as one that waits for long may: PostgreSQL's alone.

        The next use connects again. (A daemon pauses before it does, and repeats by itself.)
        """
        return self.path is None and self._claim is None and bool(self._db.is_closed())

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Turn driver errors into `StoreUnavailable`, and let a connection go that is lost.

        JSON that was read and is corrupt is treated the same. Raises `StoreLost` where the files
        of a SQLite store were replaced.
        """
        try:
            self._reconnect()
            if not self._db.in_transaction():
                self._check_files(at_once=False)
            yield
        except (StoreUnavailable, *self._errors) as exc:
            self._check_files()
            # SQLite's connection stays good. Inside a transaction rolling back comes first: it
            # fails too, and ends up here again, where the connection is dead.
            if self.path is None and not self._db.in_transaction() and self._db.is_lost(exc):
                self._db.close()
            if isinstance(exc, StoreUnavailable):
                raise
            raise self._unavailable(exc) from exc
        except (UnicodeEncodeError, OverflowError) as exc:  # raised before a driver looks at it
            raise Unstorable(f"{self.place}: {_UNSTORABLE}") from exc
        except json.JSONDecodeError as exc:
            raise unavailable(self.place, MALFORMED) from exc

    def _check_files(self, *, at_once: bool = True) -> None:
        if self._files is not None:
            self._files.check(at_once=at_once)

    def _unavailable(self, exc: BaseException) -> StoreUnavailable:
        if isinstance(exc, peewee.DataError) or type(exc).__name__ == "DataError":
            return Unstorable(f"{self.place}: {_UNSTORABLE}")
        return unavailable(self.place, self._words(exc), sqlstate=self.sqlstate(exc))

    def sqlstate(self, failure: BaseException) -> str | None:
        """PostgreSQL's code for what went wrong first; None where it gave none."""
        code: str | None = None if self.path else self._db.sqlstate(failure)
        return code

    def _words(self, exc: BaseException) -> str:
        """What went wrong first, in one line."""
        # Rolling back fails too where the database has done so by itself, or is gone.
        while isinstance(exc.__context__, (StoreUnavailable, *self._errors)):
            exc = exc.__context__
        first, *more = str(exc).strip().splitlines() or [""]
        # Of several servers each is a line of its own.
        tried = [line[2:] for line in more if line.startswith("- ")]
        return ("; ".join(tried) or first)[:300] or type(exc).__name__

    def _reconnect(self) -> None:
        if not self._db.is_closed():
            return
        if self._claim is None:
            self._connect()
            return
        self._reconnecting.wait()
        try:
            self._connect()
            self._claim.take()
        except (LightkeeperError, *self._errors) as exc:
            if not self._db.is_closed():
                self._db.close()  # open, it would be used without the claim
            ours = isinstance(exc, LightkeeperError)
            failure = exc if isinstance(exc, LightkeeperError) else self._unavailable(exc)
            refused = ours or self._db.is_refusal(exc)
            self._reconnecting.failed(failure, refused=refused)
            raise failure from exc
        self._reconnecting.succeeded()

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

    def serve_callers(self, *, reads_only: bool) -> None:
        """Wait for locks and answers as briefly as a process must whose own callers wait for it.

        With `reads_only` SQLite refuses every write of this connection; PostgreSQL does so within
        `reading`.
        """
        if self.path is None:
            from lightkeeper.store.postgresql import CALLER

            self._db.use(CALLER)
            return
        self.execute(f"PRAGMA busy_timeout = {CALLER_BUSY_TIMEOUT_MS}")
        if reads_only:
            self.execute("PRAGMA query_only = ON")

    @contextmanager
    def reading(self) -> Iterator[None]:
        """One transaction that reads: all of it is of one moment, whatever others write."""
        with self.guarded(), self._db.atomic(*(() if self.path else (_SNAPSHOT,))):
            yield

    @contextmanager
    def ended_after(self, seconds: float) -> Iterator[None]:
        """Have SQLite give up what it still looks for after so long, with `TookTooLong`.

        PostgreSQL does so by the time limit of its session, for each statement. Within `reading`
        alone: SQLite would give up the end of a transaction, too, and the connection with it.
        """
        if self.path is None:
            yield
            return
        if not self._db.in_transaction():
            raise RuntimeError("a transaction that begins within a time limit may never end")
        connection = self._db.connection()
        give_up_at = time.monotonic() + seconds
        connection.set_progress_handler(lambda: time.monotonic() > give_up_at, _LOOK_EVERY_STEPS)
        try:
            yield
        finally:
            connection.set_progress_handler(None, 0)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One write transaction. SQLite takes its lock at once: a lock taken halfway fails.

        What `at_commit` gathered is written last. Raises `StoreLost` where what was committed
        may be in a file that was replaced meanwhile.
        """
        self.unanswered_commit = None
        try:
            with self.guarded(), self._db.atomic(*(("IMMEDIATE",) if self.path else ())):
                yield
                self._at_commit.write(self)
                if self.path is None:
                    (commit,) = self.rows(
                        "SELECT pg_postmaster_start_time(), txid_current_if_assigned()"
                    )
                    self.unanswered_commit = None if commit[1] is None else commit
        finally:
            self._at_commit = AtCommit()
        self.unanswered_commit = None
        self._check_files(at_once=False)

    @property
    def at_commit(self) -> AtCommit:
        """What the open transaction writes just before it is committed."""
        if not self._db.in_transaction():
            raise RuntimeError("without a transaction there is nothing that would write it")
        return self._at_commit

    def rows(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query as plain tuples."""
        with self.guarded():
            rows: list[tuple[Any, ...]] = self._db.execute_sql(self._sql(sql), params).fetchall()
            return rows

    def models(
        self, model: type[_Model], where: str, params: Sequence[Any], **more: str
    ) -> list[_Model]:
        """The rows of a model's table, `d`, for which `where` holds, through this connection.

        `more` are further attributes, each with its SQL. Peewee's own queries take ten times as
        long, and go through the connection that the process opened last.
        """
        meta = model._meta  # noqa: SLF001  # as Peewee documents it
        columns = {field.name: field.column_name for field in meta.sorted_fields} | more
        sql = f"SELECT {', '.join(columns.values())} FROM {meta.table_name} AS d WHERE {where}"
        return [model(**dict(zip(columns, row, strict=True))) for row in self.rows(sql, params)]

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

    def _sql(self, sql: str) -> str:
        return sql if self.dialect == "sqlite" else sql.replace("?", "%s")
