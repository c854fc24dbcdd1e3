"""What becomes of the sessions of PostgreSQL: refused, frozen, locked out, read-only, pooled."""

import os
import signal
import time
from contextlib import closing, contextmanager
from urllib.parse import parse_qs, urlsplit

import pgbouncer
import psycopg
import pytest
from manual_clock import ManualClock
from patience import at_most
from store_rows import NOW

from lightkeeper.store.database import (
    AlreadyWatched,
    StoreForeign,
    StoreUnavailable,
    open_database,
)
from lightkeeper.store.errors import StoreLost
from lightkeeper.store.postgresql import Limits
from lightkeeper.store.reconnecting import Reconnecting


@pytest.fixture
def database(postgres_url):
    """A store on PostgreSQL."""
    with closing(open_database(postgres_url, create=True)) as database:
        yield database


@contextmanager
def _admin(url):
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


@contextmanager
def _encoded(server, encoding):
    """The URL of an empty database in this encoding."""
    name = f"test_{encoding.lower()}_{time.monotonic_ns()}"
    with _admin(server.url("postgres")) as admin:
        admin.execute(
            f"CREATE DATABASE {name} ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C' "
            "TEMPLATE template0"
        )
        try:
            yield server.url(name)
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII", "WIN1252", "EUC_JP"])
def test_a_database_that_is_not_utf8_is_refused(postgres_server, encoding):
    """It is refused before a table is made, with the statement that makes one that holds all."""
    with _encoded(postgres_server, encoding) as url:
        for create in (True, False):
            with pytest.raises(StoreForeign, match=f"encoded in {encoding}") as refused:
                open_database(url, create=create)
            assert 78 == refused.value.exit_status
        with _admin(url) as admin:
            assert (
                []
                == admin.execute("SELECT 1 FROM pg_tables WHERE schemaname = 'public'").fetchall()
            )

    statement = str(refused.value).split("`")[1]
    with _admin(postgres_server.url("postgres")) as admin:
        admin.execute(statement)
        made = statement.split()[2]
        try:
            open_database(postgres_server.url(made), create=True).close()
        finally:
            admin.execute(f"DROP DATABASE {made} WITH (FORCE)")


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII", "EUC_JP"])
def test_text_is_kept_whatever_encoding_the_client_is_set_to(postgres_url, monkeypatch, encoding):
    """Neither PGCLIENTENCODING nor the database's own default nor the URL changes a letter."""
    words = "“won’t” — naïve ✓ 𝄞"
    monkeypatch.setenv("PGCLIENTENCODING", encoding)
    with _admin(postgres_url) as admin:
        admin.execute(f"ALTER DATABASE {admin.info.dbname} SET client_encoding = '{encoding}'")
    for url in (postgres_url, f"{postgres_url}&client_encoding={encoding}"):
        with closing(open_database(url, create=True)) as database:
            database.execute("INSERT INTO open_words VALUES ('a', ?)", (words,))

            assert [(words,)] == database.rows("SELECT word FROM open_words")
            database.execute("DELETE FROM open_words")


@contextmanager
def _frozen(database):
    """The process that serves this session takes no step, as on a host that hangs."""
    ((pid,),) = database.rows("SELECT pg_backend_pid()")
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def _impatient(database):
    """Wait for a tenth of a second instead of the seconds that the daemon waits."""
    database._db.use(Limits(100, 250, 10_000))
    database._db._open.answer_within = 0.3


def _until_it_writes(database, clock):
    """Write once the pause is over and the server has noticed what ended."""
    give_up_at = time.monotonic() + at_most(5.0)
    while True:
        try:
            return database.try_write(NOW)
        except (StoreUnavailable, AlreadyWatched):
            assert time.monotonic() < give_up_at
            clock.now += 10.0
            time.sleep(0.02)


@pytest.fixture
def clock(database):
    """The clock of the pauses between two connections of a daemon that has the claim."""
    clock = ManualClock()
    database._reconnecting = Reconnecting(clock)
    return clock


@pytest.mark.speed
def test_a_frozen_server_process_is_given_up(database, clock):
    """The statement fails in time; the claim is taken again once the frozen process has ended."""
    database.claim()
    _impatient(database)
    with _frozen(database):
        before = time.monotonic()
        with pytest.raises(StoreUnavailable, match=r"no answer within 0\.3 s"):
            database.try_write(NOW)
        assert time.monotonic() - before < at_most(1.0)
        with pytest.raises(StoreUnavailable, match="stopped answering, still holds"):
            database.try_write(NOW)

    _until_it_writes(database, clock)


def test_a_lock_of_another_session_is_not_waited_for_for_ever(postgres_url, database):
    """The message says that a lock is held; the session and its claim stay."""
    database.claim()
    _impatient(database)
    ((pid,),) = database.rows("SELECT pg_backend_pid()")
    with psycopg.connect(postgres_url) as other:
        other.execute("LOCK TABLE lightkeeper_schema")
        with pytest.raises(StoreUnavailable, match="another session holds a lock"):
            database.try_write(NOW)

    database.try_write(NOW)
    assert [(pid,)] == database.rows("SELECT pg_backend_pid()")


def test_every_session_waits_within_limits(database):
    """A command waits for locks and answers for half a minute at most, a daemon for seconds."""
    names = ("lock_timeout", "statement_timeout", "default_transaction_isolation")

    def limits():
        return [database.rows(f"SHOW {name}")[0][0] for name in names]

    assert ["15s", "30s", "read committed"] == limits()
    database.claim()
    assert ["2s", "8s", "read committed"] == limits()
    database._db.close()
    assert ["2s", "8s", "read committed"] == limits()


@pytest.mark.parametrize(("setting", "used"), [("off", "on"), ("remote_write", "remote_write")])
def test_what_was_committed_is_on_a_disk(postgres_url, setting, used):
    """Also where the database is set to answer before that; a stricter setting stays."""
    with _admin(postgres_url) as admin:
        admin.execute(f"ALTER DATABASE {admin.info.dbname} SET synchronous_commit = {setting}")
    with closing(open_database(postgres_url, create=True)) as database:
        assert [(used,)] == database.rows("SHOW synchronous_commit")


@pytest.mark.speed
def test_a_server_that_became_read_only_is_let_go(database, clock):
    """After a failover the next use connects anew, and claims the store where it may write."""
    database.claim()
    database.execute("SET default_transaction_read_only = on")
    with pytest.raises(StoreUnavailable, match="primary"):
        database.try_write(NOW)

    _until_it_writes(database, clock)
    with (
        pytest.raises(AlreadyWatched),
        closing(open_database(database._db.database, create=False)) as other,
    ):
        other.claim()


def _refused(database, clock, error):
    """For how many seconds the store refuses with this error before it is lost; and the loss."""
    began = clock.now
    while True:
        try:
            database.try_write(NOW)
        except StoreLost as lost:
            return clock.now - began, lost
        except error:
            clock.now += 1.0


@pytest.mark.parametrize("server_count", [1, 2])
def test_a_server_that_stays_read_only_ends_the_process(
    postgres_url, database, clock, server_count
):
    """So do several; they are tried ever more rarely, and lost after a minute with status 74."""
    host = parse_qs(urlsplit(postgres_url).query)["host"][0]
    database.claim()
    database.move_to(postgres_url.replace(host, ",".join([host] * server_count)))
    with _admin(postgres_url) as admin:
        admin.execute(f"ALTER DATABASE {admin.info.dbname} SET default_transaction_read_only = on")
    database._db.close()

    seconds, lost = _refused(database, clock, StoreUnavailable)
    assert 60 <= seconds <= 75
    assert 74 == lost.exit_status
    assert "primary" in str(lost)


@pytest.mark.speed
def test_a_claim_that_stays_lost_ends_the_process(postgres_url, database, clock):
    """Where another daemon has it, the store is lost after a minute with status 73."""
    database.claim()
    database._db.close()
    with closing(open_database(postgres_url, create=False)) as other:
        _patiently(other.claim, AlreadyWatched)
        seconds, lost = _refused(database, clock, AlreadyWatched)

    assert 60 <= seconds <= 75
    assert 73 == lost.exit_status
    assert "already polled by another" in str(lost)


def _patiently(action, error):
    give_up_at = time.monotonic() + at_most(5.0)
    while True:
        try:
            return action()
        except error:
            assert time.monotonic() < give_up_at
            time.sleep(0.02)


@pytest.mark.speed
def test_a_claim_that_was_released_is_noticed(database, clock):
    """A session whose locks were released writes nothing more until it has the claim again."""
    database.claim()
    database.rows("SELECT pg_advisory_unlock_all()")
    with pytest.raises(StoreUnavailable, match="released this daemon's lock"):
        database.try_write(NOW)

    _until_it_writes(database, clock)
    assert database._claim.is_held()


@pytest.mark.parametrize("more", [{}, {"server_round_robin": 1, "min_pool_size": 2}])
def test_a_pooler_in_transaction_mode_is_refused(postgres_url, more):
    """It serves each transaction by any session, so two daemons would both have the claim."""
    open_database(postgres_url, create=True).close()
    with (
        pgbouncer.before(postgres_url, "transaction", **more) as url,
        closing(open_database(url, create=False)) as database,
        pytest.raises(StoreForeign, match="pool in session mode") as refused,
    ):
        database.claim()

    assert 78 == refused.value.exit_status


@pytest.mark.parametrize("more", [{}, {"default_pool_size": 1}])
def test_a_pooler_in_session_mode_holds_the_claim(postgres_url, more, monkeypatch):
    """A store may be watched through it; a second daemon is refused."""
    monkeypatch.setattr("lightkeeper.store.postgresql.PROBE_SECONDS", 0.2)
    with (
        pgbouncer.before(postgres_url, "session", **more) as url,
        closing(open_database(url, create=True)) as database,
        closing(open_database(postgres_url, create=False)) as other,
    ):
        database.claim()
        database.try_write(NOW)
        with pytest.raises(AlreadyWatched):
            other.claim()


@pytest.mark.speed
def test_a_new_password_is_for_the_same_store(postgres_url, database):
    """Another address of the same store is taken with the claim, another store is refused."""
    database.claim()
    database.move_to(f"{postgres_url}&application_name=moved")
    _patiently(lambda: database.try_write(NOW), (AlreadyWatched, StoreUnavailable))
    assert [("moved",)] == database.rows("SHOW application_name")
    assert database._claim.is_held()

    name = database._db.database.split("?")[0].rsplit("/", 1)[1]
    for another in (postgres_url.replace(name, "postgres"), "sqlite:///a.db"):
        with pytest.raises(StoreForeign, match="restart"):
            database.move_to(another)
    with pytest.raises(StoreUnavailable, match="refused"):
        database.move_to("postgresql://127.0.0.1:1/lighthouse")
    database.try_write(NOW)
    assert [("moved",)] == database.rows("SHOW application_name")
