"""PostgreSQL as the store needs it: sessions that wait for nothing for ever, and the claim.

psycopg is an extra: only `engines` imports this module, once a PostgreSQL address is given.
"""

import ipaddress
import time
from collections.abc import Generator
from typing import Any, Final, NamedTuple, TypeAlias

import peewee
import psycopg

from lightkeeper.store.errors import (
    READ_ONLY,
    AlreadyWatched,
    StoreForeign,
    StoreUnavailable,
    second_daemon,
)

_WATCH_LOCK: Final = 526_0002
ENCODING: Final = "UTF8"
ISOLATION: Final = "read committed"
"""A stricter one undoes transactions that only happen at the same time."""
ANSWER_SECONDS: Final = 2.0
"""How much longer than a statement may take its answer may be under way."""
PROBE_SECONDS: Final = 3.0
END_OWN_SECONDS: Final = 0.5
_READ_ONLY: Final = "25006"
_LOST: Final = frozenset({_READ_ONLY, "57P01", "57P02", "57P03", "57P05"})
"""The server is read-only, or ends or ended this session: SQLSTATEs of a session to let go."""
_TRANSIENT: Final = (
    "the database system is",
    "too many clients",
    "too many connections",
    "remaining connection slots",
    "cannot connect to server",
)
"""What a server says that will let us in later."""
_HELD: Final = """
    FROM pg_locks WHERE locktype = 'advisory' AND granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND classid = 0 AND objid = %s AND objsubid = 1
"""


_StoreIdentity: TypeAlias = tuple[str, str, int | None]
"""Database, schema, and cluster; a standby that becomes the primary is still the same cluster."""


class Limits(NamedTuple):
    """How long a session waits, in milliseconds."""

    lock_ms: int
    statement_ms: int
    idle_ms: int
    """In a transaction, between two statements."""


COMMAND: Final = Limits(lock_ms=15_000, statement_ms=30_000, idle_ms=600_000)
WATCH: Final = Limits(lock_ms=2_000, statement_ms=8_000, idle_ms=60_000)
"""Those of the daemon, which tries again anyway, and has signals to send."""
CALLER: Final = Limits(lock_ms=2_000, statement_ms=5_000, idle_ms=60_000)
"""Those of a process whose own callers wait for it."""


class Connection(psycopg.Connection[Any]):
    """A connection that gives up a server that falls silent in the middle of a statement."""

    answer_within = COMMAND.statement_ms / 1_000 + ANSWER_SECONDS
    """In seconds; the server's own time limit is no use where the server is frozen."""

    def wait(self, gen: Any, *args: Any, **kwargs: Any) -> Any:
        """Wait for the answer; raises where none comes in time, and closes the connection."""
        return super().wait(self._in_time(gen), *args, **kwargs)

    def _in_time(self, gen: Any) -> Generator[Any, Any, Any]:
        give_up_at = time.monotonic() + self.answer_within
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if not ready and time.monotonic() > give_up_at:
                    self.pgconn.finish()
                    raise psycopg.OperationalError(f"no answer within {self.answer_within:g} s")
                wanted = gen.send(ready)
        except StopIteration as done:
            return done.value


class _Adapter(peewee.Psycopg3Adapter):
    def connect(self, db: "Engine", **params: Any) -> Connection:
        connection = Connection.connect(db.database, **params)
        try:
            db.set_up(connection)
        except BaseException:
            connection.close()
            raise
        return connection


class Engine(peewee.PostgresqlDatabase):
    """Peewee's engine; every session that it opens speaks UTF-8 and waits within `limits`."""

    psycopg3_adapter = _Adapter
    limits = COMMAND
    place = ""
    """What messages call the database."""
    setting = ""
    """The variable that names it."""
    _open: Connection | None = None

    def set_up(self, connection: Connection) -> None:
        """Refuse a database that cannot hold all text; bound what this session waits for."""
        name, encoding = connection.info.dbname, _parameter(connection, "server_encoding")
        if encoding != ENCODING:
            new = name if name.isidentifier() and name.islower() else "lightkeeper"
            raise StoreForeign(
                f"{self.place} is encoded in {encoding}, which cannot hold every text: run "
                f"`create database {new}_utf8 encoding 'UTF8' lc_collate 'C' lc_ctype 'C' "
                "template template0`, and point LIGHTKEEPER_DATABASE_URL at that"
            )
        connection.autocommit = True
        self._bound(connection)
        if _parameter(connection, "default_transaction_isolation") != ISOLATION:
            connection.execute(f"SET default_transaction_isolation = '{ISOLATION}'")
        if _parameter(connection, "synchronous_commit") == "off":
            connection.execute("SET synchronous_commit = on")  # what is committed is on a disk
        self._open = connection

    def use(self, limits: Limits) -> None:
        """Wait within these limits from now on."""
        self.limits = limits
        if self._open is not None and not self._open.closed:
            self._bound(self._open)

    def _bound(self, connection: Connection) -> None:
        limits = self.limits
        connection.answer_within = limits.statement_ms / 1_000 + ANSWER_SECONDS
        wanted = {
            "lock_timeout": limits.lock_ms,
            "statement_timeout": limits.statement_ms,
            "idle_in_transaction_session_timeout": limits.idle_ms,
            # For the server's end: a host that died frees its claim within a minute.
            "tcp_keepalives_idle": 30,
            "tcp_keepalives_interval": 10,
            "tcp_keepalives_count": 3,
            "tcp_user_timeout": 15_000,
        }
        # One statement, and no start-up options, which a pooler refuses.
        calls = (f"set_config('{name}', '{value}', false)" for name, value in wanted.items())
        connection.execute(f"SELECT {', '.join(calls)}")

    def unverified(self) -> str | None:
        """What is wrong with the way to a host that is not local; None where nothing is."""
        defaults = psycopg.pq.Conninfo.get_defaults()  # those of PGHOST and PGSSLMODE too
        said: dict[str, Any] = {
            each.keyword.decode(): each.val.decode() for each in defaults if each.val
        }
        said |= psycopg.conninfo.conninfo_to_dict(self.database)
        hosts = str(said.get("hostaddr") or said.get("host") or "").split(",")
        far, mode = [host for host in hosts if not _is_local(host)], said.get("sslmode")
        if not far or mode == "verify-full":
            return None
        return (
            f"with sslmode={mode or 'prefer'} the password and the documents may go to any server "
            f"that answers for {far[0]}: write sslmode=verify-full (and sslrootcert=FILE, or "
            f"sslrootcert=system) into {self.setting}"
        )

    def is_lost(self, failure: BaseException) -> bool:
        """Whether the open session is of no more use after this failure."""
        return self._open is None or self._open.closed or self.sqlstate(failure) in _LOST

    @staticmethod
    def sqlstate(failure: BaseException) -> str | None:
        """The server's code for the first of the errors that led to this; None without one."""
        code: str | None = None
        seen: BaseException | None = failure
        while seen is not None:
            code = getattr(seen, "sqlstate", None) or code
            seen = seen.__cause__ or seen.__context__
        # The driver finds that out itself where it may choose among several servers.
        is_standby = "session is read-only" in str(failure)
        return code or (_READ_ONLY if is_standby else None)

    def is_refusal(self, failure: BaseException) -> bool:
        """Whether servers refused us, by login or as read-only, and will until one is changed."""
        words = str(failure)
        is_refused = "FATAL" in words or self.sqlstate(failure) == _READ_ONLY
        return is_refused and not any(transient in words for transient in _TRANSIENT)


def _is_local(host: str) -> bool:
    if host.startswith(("/", "@")) or host in {"", "localhost"}:
        return True  # a Unix socket, the default among them, or loopback
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _parameter(connection: Connection, name: str) -> str:
    """What the server reports of itself; a pooler may have to be asked for it."""
    reported = connection.info.parameter_status(name)
    if reported is None:
        ((reported,),) = connection.execute(f"SHOW {name}").fetchall()
    return str(reported)


class Claim:
    """The claim on a PostgreSQL store: an advisory lock of the session, which ends with it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._session: list[Any] = []
        """Process and start of the session that claimed last."""
        self._store: _StoreIdentity = ("", "", None)

    def take(self) -> None:
        """Claim the store in the open session.

        Raises `AlreadyWatched` where another session has it, `StoreForeign` where a pooler would
        lose it, `StoreUnavailable` where the server is read-only.
        """
        self.refuse_pooler()
        give_up_at = time.monotonic() + END_OWN_SECONDS
        while not self._won():
            if not self._ends_own_session_of_before():
                raise AlreadyWatched(second_daemon(self.engine.place))
            if time.monotonic() > give_up_at:
                raise StoreUnavailable(
                    f"{self.engine.place}: the server's process {self._session[0]}, which stopped "
                    "answering, still holds this daemon's lock: end it, if it stays"
                )
            time.sleep(0.02)
        ((*session,),) = self._rows(
            "SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()"
        )
        self._session = session
        self._store = _identity(self.engine)
        self.engine.use(WATCH)

    def _won(self) -> bool:
        ((won, read_only),) = self._rows(
            "SELECT pg_try_advisory_lock(%s), current_setting('transaction_read_only')",
            (_WATCH_LOCK,),
        )
        if read_only == "on":
            raise StoreUnavailable(f"{self.engine.place}: {READ_ONLY}")
        return bool(won)

    def is_held(self) -> bool:
        """Whether the open session has the claim; a pooler or an administrator may release it."""
        return bool(self._rows(f"SELECT 1 {_HELD} AND pid = pg_backend_pid()", (_WATCH_LOCK,)))

    def is_of_store(self, engine: Engine) -> bool:
        """Whether `engine` leads to the store that is claimed, as far as its server tells."""
        there, here = _identity(engine), self._store
        return there[:2] == here[:2] and (there[2] == here[2] or None in (there[2], here[2]))

    def _ends_own_session_of_before(self) -> bool:
        """Whether a session of ours holds the claim still; it is asked to end, once it can."""
        end = f"SELECT pg_terminate_backend(pid) FROM (SELECT pid {_HELD} AND pid = %s) AS ours "
        end += "JOIN pg_stat_activity USING (pid) WHERE backend_start = %s"
        return bool(self._session and self._rows(end, (_WATCH_LOCK, *self._session)))

    def refuse_pooler(self) -> None:
        """Raise `StoreForeign` where transactions of one session run in several of the server."""
        if self._is_pooled():
            raise StoreForeign(
                f"{self.engine.place} is behind a pooler in transaction mode, which cannot hold "
                "the daemon's lock: point LIGHTKEEPER_DATABASE_URL at the server "
                "itself, or at a pool in session mode"
            )

    def _is_pooled(self) -> bool:
        """Ask two sessions in the order ours, other, other, ours for the process that serves each.

        With one pool behind them, taken from either end, two neighbours get the same process or
        one session gets two.
        """
        mine = [self._pid()]
        try:
            with Connection.connect(self.engine.database, **self.engine.connect_params) as other:
                other.autocommit = True
                other.answer_within = PROBE_SECONDS
                theirs = [other.execute("SELECT pg_backend_pid()").fetchall() for _ in range(2)]
        except psycopg.Error:
            theirs = []  # a pool in session mode may be used up; one in transaction mode is not
        mine.append(self._pid())
        others = {pid for ((pid,),) in theirs}
        return len(set(mine)) > 1 or len(others) > 1 or not others.isdisjoint(mine)

    def _pid(self) -> int:
        return int(self._rows("SELECT pg_backend_pid()")[0][0])

    def _rows(self, sql: str, params: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        return _rows(self.engine, sql, params)


def _identity(engine: Engine) -> _StoreIdentity:
    asked = "SELECT current_database(), current_schema()"
    cluster = "(SELECT system_identifier FROM pg_control_system())"
    try:
        ((name, schema, number),) = _rows(engine, f"{asked}, {cluster}")
    except peewee.ProgrammingError:  # not every service lets its users ask that
        ((name, schema, number),) = _rows(engine, f"{asked}, NULL")
    return name, schema, number


def _rows(engine: Any, sql: str, params: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = engine.execute_sql(sql, params).fetchall()
    return rows
