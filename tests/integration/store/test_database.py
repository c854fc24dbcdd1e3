"""Opening, migrating and claiming a store, and what becomes of it when the database fails."""

import os
import sqlite3
import stat
import tempfile
import time
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote, urlsplit

import patience
import psycopg
import pytest
from child_process import child, line
from store_rows import NOW

from lightkeeper.store import migrations
from lightkeeper.store.database import (
    AlreadyWatched,
    StoreForeign,
    StoreMissing,
    StoreUnavailable,
    open_database,
)
from lightkeeper.store.engines import BUSY_TIMEOUT_MS
from lightkeeper.store.schema import MODELS

CLAIM = """
    import sys
    from lightkeeper.store.database import open_database
    database = open_database(sys.argv[1], create=True)
    database.claim()
    print("claimed", flush=True)
    input()
"""


def _tables(database):
    return set(database._db.get_tables())


def _path(url):
    return Path(urlsplit(url).path[1:])


def _execute(url, *statements):
    """Run statements past our own code, as another program would."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(_path(url), isolation_level=None)) as connection:
            for statement in statements:
                connection.execute(statement)
    else:
        with psycopg.connect(url, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)


def test_only_create_makes_a_store(database_url):
    """Without `create` a missing store is an error and is still missing afterwards."""
    for _ in range(2):
        with pytest.raises(StoreMissing, match="no store here") as missing:
            open_database(database_url, create=False)
        assert 66 == missing.value.exit_status
    assert not _path(database_url).exists() or database_url.startswith("postgresql")

    open_database(database_url, create=True).close()
    with closing(open_database(database_url, create=False)) as database:
        assert migrations.NEWEST == database.version()


def test_opening_again_changes_nothing(database_url):
    """A second `create` finds the store as it was."""
    with closing(open_database(database_url, create=True)) as database:
        database.execute(
            "INSERT INTO tallies VALUES ('form_0781', 'done', 'complete', 'delivered', 3, 9)"
        )

    with closing(open_database(database_url, create=True)) as database:
        assert [("form_0781", "done", "complete", "delivered", 3, 9)] == database.rows(
            "SELECT * FROM tallies"
        )


@pytest.mark.parametrize("create", [True, False])
def test_a_newer_schema_is_refused(database_url, create):
    """A store of a newer version is left alone, and the message says which versions those are."""
    open_database(database_url, create=True).close()
    _execute(database_url, "UPDATE lightkeeper_schema SET version = 99")

    with pytest.raises(StoreForeign, match=r"newer lightkeeper \(schema 99; this one knows 1\)"):
        open_database(database_url, create=create)


@pytest.mark.parametrize("create", [True, False])
def test_another_programs_database_is_refused(database_url, create):
    """Tables of another program keep ours out, and nothing is added beside them."""
    _execute(database_url, "CREATE TABLE users (id INTEGER)", "CREATE TABLE zoo (id INTEGER)")

    with pytest.raises(StoreForeign, match="holds the table 'users'") as foreign:
        open_database(database_url, create=create)
    assert 78 == foreign.value.exit_status
    with pytest.raises((sqlite3.Error, psycopg.Error)):
        _execute(database_url, "SELECT * FROM lightkeeper_schema")


def test_several_processes_may_open_an_empty_store_at_once(database_url, tmp_path):
    """The first process migrates, the others wait for it, and all of them find one store."""
    urls = [database_url]
    if database_url.startswith("sqlite"):
        # A race of a millisecond: many stores, each opened by all processes at the same moment.
        urls = [f"sqlite:///{tmp_path / f'{number}.db'}" for number in range(20)]
    code = """
        import os, sys, time
        from lightkeeper.store.database import open_database
        if all(os.fork() for _ in range(8)):
            sys.exit(any([os.wait()[1] for _ in range(8)]))
        versions = b""
        for url in sys.argv[1:]:
            time.sleep(0.05 - time.time() % 0.05)
            database = open_database(url, create=True)
            versions += b"%d" % database.version()
            database.close()
        os.write(1, versions + b" ")
    """

    with child(code, *urls) as forking:
        said, complaint = forking.communicate()
    assert (0, ["1" * len(urls)] * 8) == (forking.returncode, said.split()), complaint
    for url in urls:
        with closing(open_database(url, create=False)) as database:
            assert [(1,)] == database.rows("SELECT version FROM lightkeeper_schema")


_DATABASE_TYPES = {
    "sqlite": {"BIGAUTO": "INTEGER", "BIGINT": "BIGINT", "INT": "INTEGER", "TEXT": "TEXT"},
    "postgresql": {"BIGAUTO": "bigint", "BIGINT": "bigint", "INT": "integer", "TEXT": "text"},
}


def test_the_migrated_schema_is_what_peewee_believes(database_url):
    """Each model's table has its columns, in order, with their types, nullability and keys."""
    with closing(open_database(database_url, create=True)) as database:
        types = _DATABASE_TYPES[database.dialect]
        tables = {model._meta.table_name for model in MODELS}
        assert tables | {"lightkeeper_schema"} == _tables(database)
        for model in MODELS:
            meta = model._meta
            keys = {field.column_name for field in meta.get_primary_keys()}
            expected = [
                (field.column_name, types[field.field_type], field.null, name in keys)
                for name, field in meta.columns.items()
            ]
            columns = database._db.get_columns(meta.table_name)
            found = [
                # SQLite calls its own primary key nullable; it is not.
                (column.name, column.data_type, column.null and not column.primary_key,
                 column.primary_key)
                for column in columns
            ]  # fmt: skip
            assert expected == found, meta.table_name

            indexes = database._db.get_indexes(meta.table_name)
            unique = {tuple(index.columns) for index in indexes if index.unique}
            for field in meta.sorted_fields:
                if field.unique:
                    assert (field.column_name,) in unique
                if field.index:
                    assert field.column_name in {index.columns[0] for index in indexes}
            foreign = {
                (key.column, key.dest_table, key.dest_column)
                for key in database._db.get_foreign_keys(meta.table_name)
            }
            assert foreign == {
                (field.column_name, field.rel_model._meta.table_name, field.rel_field.column_name)
                for field in meta.refs
            }


@pytest.mark.parametrize(
    ("column", "value"), [("document_type", "form_4142"), ("lighthouse_status", "lost")]
)
def test_the_database_itself_knows_the_closed_sets(database_url, column, value):
    """The database refuses an unknown document type or status from any program."""
    row = {
        "lighthouse_request_id": "1",
        "form_526_submission_id": "'s'",
        "document_type": "'form_0781'",
        "tracked_at": "1",
        "created_at": "1",
        "lighthouse_status": "'pending'",
        "condition": "'waiting'",
        "steps": "'{}'",
        "current_step": "'none'",
        "next_poll_at": "1",
        "trouble_count": "0",
    }
    insert = f"INSERT INTO form_526_document_submissions ({', '.join(row)}) VALUES ({{}})".format
    with closing(open_database(database_url, create=True)) as database:
        for wrong in ({column: f"'{value}'"}, {"next_poll_at": "NULL"}):
            with pytest.raises(StoreUnavailable):
                database.execute(insert(", ".join((row | wrong).values())))
        assert 1 == database.execute(insert(", ".join(row.values())))


def test_a_transition_needs_its_document(database_url):
    """No history hangs in the air: foreign keys are enforced on either engine."""
    with (
        closing(open_database(database_url, create=True)) as database,
        pytest.raises(StoreUnavailable, match=r"(?i)foreign key"),
    ):
        database.execute(
            "INSERT INTO transitions (document_id, at, from_status, to_status, from_step, "
            "to_step, step_changes, remarks) VALUES (7, 1, 'a', 'b', 'c', 'd', '[]', '[]')"
        )


def test_sqlite_is_set_up_for_several_processes(tmp_path):
    """WAL, foreign keys, patience with locks; after `durable` a commit survives a power cut."""
    with closing(open_database(f"sqlite:///{tmp_path / 'a.db'}", create=True)) as database:
        pragmas = ("journal_mode", "foreign_keys", "busy_timeout", "wal_autocheckpoint")
        values = [database.rows(f"PRAGMA {pragma}")[0][0] for pragma in pragmas]
        assert ["wal", 1, BUSY_TIMEOUT_MS, 4_000] == values
        assert [(1,)] == database.rows("PRAGMA synchronous")

        database.durable()
        assert [(2,)] == database.rows("PRAGMA synchronous")


def test_sqlite_files_are_for_their_owner_alone(tmp_path):
    """The store and the files SQLite puts beside it are 0600, whatever the umask."""
    before = os.umask(0)
    try:
        with closing(open_database(f"sqlite:///{tmp_path / 'a.db'}", create=True)) as database:
            database.claim()
            database.try_write(NOW)
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    finally:
        os.umask(before)

    assert dict.fromkeys(("a.db", "a.db-wal", "a.db-shm"), 0o600) == modes


def test_a_path_may_be_percent_encoded(tmp_path):
    """Blanks and odd characters in the path of a store are written as in any URL."""
    open_database(f"sqlite:///{tmp_path}/a%20b%23c.db", create=True).close()

    assert (tmp_path / "a b#c.db").is_file()


def test_a_path_where_no_store_can_be(tmp_path):
    """A folder, a missing folder and a file that is no database are reported in one line each."""
    (tmp_path / "text.db").write_text("no database at all, but long enough to look at" * 100)
    (tmp_path / "folder.db").mkdir()
    problems = {
        "text.db": "file is not a database",
        "folder.db": "Is a directory",
        "missing/a.db": "No such file or directory",
        "text.db/a.db": "Not a directory",
    }

    for name, problem in problems.items():
        with pytest.raises(StoreUnavailable, match=f"{name}: {problem}") as unavailable:
            open_database(f"sqlite:///{tmp_path / name}", create=True)
        status = 76 if name == "text.db" else 74
        assert status == unavailable.value.exit_status
        assert 1 == len(str(unavailable.value).splitlines())


AS_NOBODY = """
    import os, sys
    from lightkeeper.domain.errors import LightkeeperError
    from lightkeeper.store.database import open_database
    if os.geteuid() == 0:  # root may do everything
        os.setgid(65534)
        os.setuid(65534)
    try:
        open_database(sys.argv[1], create=True).claim()
    except LightkeeperError as exc:
        print(f"{type(exc).__name__}: {exc}")
"""


@pytest.mark.parametrize(
    ("rights", "theirs", "problem"),
    [
        ({"": 0o555}, [], "Permission denied"),
        ({"": 0o755, "a.db": 0o000}, [""], "unable to open database file"),
        ({"": 0o555, "a.db": 0o444}, [], ""),
    ],
    ids=["folder", "unreadable", "unwritable"],
)
def test_a_path_without_rights(rights, theirs, problem):
    """A store that may not be made, read, written or locked is unavailable, not a traceback."""
    # Not pytest's folder: another user cannot get there.
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        url = f"sqlite:///{folder / 'a.db'}"
        if len(rights) > 1:
            with closing(open_database(url, create=True)) as database:
                database.claim()
        for each in theirs:
            if os.geteuid() == 0:
                os.chown(folder / each, 65534, 65534)
        for each, mode in reversed(rights.items()):
            (folder / each).chmod(mode)
        with child(AS_NOBODY, url) as process:
            said, errors = process.communicate()
        folder.chmod(0o700)

    assert "" == errors
    assert said.startswith(f"StoreUnavailable: {folder}")
    assert problem in said


def test_a_store_has_one_daemon(database_url):
    """A second claim is refused while the first process lives; others may use the store."""
    with child(CLAIM, database_url) as process:
        assert "claimed" == line(process)
        with closing(open_database(database_url, create=False)) as database:
            with pytest.raises(AlreadyWatched, match="already polled by another") as refused:
                database.claim()
            assert 73 == refused.value.exit_status
            assert database.place in str(refused.value)
            database.try_write(NOW)


def test_a_daemon_that_closed_the_store_holds_no_claim(database_url):
    """Also while another connection of its process has the store open."""
    first = open_database(database_url, create=True)
    first.claim()
    with closing(open_database(database_url, create=False)) as beside:
        beside.try_write(NOW)
        first.close()
        with closing(open_database(database_url, create=False)) as second:
            second.claim()


def test_a_killed_daemon_holds_no_claim(database_url):
    """SIGKILL frees the store: the next process claims it, and frees it by closing."""
    with child(CLAIM, database_url) as process:
        assert "claimed" == line(process)

    for _ in range(2):
        with closing(open_database(database_url, create=False)) as database:
            _patiently(database.claim)  # the server may not have noticed the death yet


def _patiently(action):
    until = time.monotonic() + patience.SECONDS
    while True:
        try:
            return action()
        except AlreadyWatched:
            if time.monotonic() > until:
                raise
            time.sleep(0.02)


def _terminate(url, database):
    """End the server process that serves `database`, as an administrator or a failover would."""
    ((pid,),) = database.rows("SELECT pg_backend_pid()")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))


def test_a_dead_backend_costs_one_failure(postgres_url):
    """A connection that was cut raises once; the next use connects again by itself."""
    with closing(open_database(postgres_url, create=True)) as database:
        _terminate(postgres_url, database)
        with pytest.raises(StoreUnavailable, match="terminating connection"):
            database.rows("SELECT 1")

        assert [(1,)] == database.rows("SELECT 1")


def _write_while_dying(database, url, commits):
    with database.writing():
        database.execute("DELETE FROM lightkeeper_schema")
        _terminate(url, database)
        if not commits:
            database.execute("SELECT 1")


@pytest.mark.parametrize("commits", [True, False])
def test_a_backend_that_dies_in_a_transaction(postgres_url, commits):
    """What was not committed is gone, the failure is said, and the next transaction works."""
    with closing(open_database(postgres_url, create=True)) as database:
        with pytest.raises(StoreUnavailable, match="terminating connection"):
            _write_while_dying(database, postgres_url, commits)

        with database.writing():
            assert 1 == database.execute("UPDATE lightkeeper_schema SET version = version")


def _write_nowhere(database):
    with database.writing():
        database.execute("DELETE FROM lightkeeper_schema")
        database.execute("DELETE FROM nowhere")


def test_a_failing_statement_keeps_the_reason_of_the_database(database_url):
    """The message is the database's reason, in one line, and the transaction is undone."""
    with closing(open_database(database_url, create=True)) as database:
        with pytest.raises(StoreUnavailable, match=r"(no such table|relation).*nowhere") as failed:
            _write_nowhere(database)

        assert 1 == len(str(failed.value).splitlines())
        assert migrations.NEWEST == database.version()


def test_the_claim_is_taken_again_with_the_connection(postgres_url):
    """A daemon whose connection was cut is the only one still."""
    with closing(open_database(postgres_url, create=True)) as database:
        database.claim()
        _terminate(postgres_url, database)
        with pytest.raises(StoreUnavailable):
            database.try_write(NOW)
        database.try_write(NOW)

        with (
            closing(open_database(postgres_url, create=False)) as other,
            pytest.raises(AlreadyWatched),
        ):
            other.claim()


def test_a_daemon_that_lost_its_claim_does_not_go_on(postgres_url):
    """Where another process took the claim in between, each use fails until it frees the claim."""
    with closing(open_database(postgres_url, create=True)) as database:
        database.claim()
        _terminate(postgres_url, database)
        with closing(open_database(postgres_url, create=False)) as other:
            other.claim()
            with pytest.raises(StoreUnavailable):
                database.try_write(NOW)
            for _ in range(3):
                with pytest.raises(AlreadyWatched):
                    database.try_write(NOW)

        _patiently(lambda: database.try_write(NOW))


def test_a_server_that_is_not_there():
    """A dead server is unavailable: said with its reason, in one line."""
    with pytest.raises(
        StoreUnavailable, match=r"PostgreSQL database lighthouse: .*refused"
    ) as dead:
        open_database("postgresql://keeper:geheim@127.0.0.1:1/lighthouse", create=True)

    assert 1 == len(str(dead.value).splitlines())
    assert "geheim" not in str(dead.value)


@pytest.mark.parametrize(
    "wrong",
    [
        "postgresql://keeper:ge%heim@127.0.0.1:1/db",
        "postgresql://keeper:geheim@geheim@127.0.0.1:1/db",
        "postgresql://keeper:geheim/geheim@127.0.0.1:1/db",
        "postgresql://keeper:12/geheim@127.0.0.1:1/db",
        "postgresql://keeper:geheim@[::1/db",
        "postgresql://127.0.0.1:1/db?password=geheim&geheim",
    ],
)
def test_a_password_written_wrongly_is_not_repeated(wrong):
    """Where a password breaks the URL, the message says how to write it, and not the password."""
    with pytest.raises(StoreForeign, match="write %40 for @") as refused:
        open_database(wrong, create=True)

    assert 78 == refused.value.exit_status
    assert "heim" not in str(refused.value)
    assert refused.value.__cause__ is None


PASSWORD = "p@ss/w:rd%?#&[1] ü"


@contextmanager
def _asks_for_a_password(url, role):
    """Make the server ask `role` for PASSWORD as long as this lasts."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {role} SUPERUSER LOGIN PASSWORD '{PASSWORD}'")
        ((name,),) = connection.execute("SHOW hba_file").fetchall()
        rules = Path(name).read_text()
        Path(name).write_text(f"local all {role} scram-sha-256\n{rules}")
        connection.execute("SELECT pg_reload_conf()")
        try:
            yield
        finally:
            Path(name).write_text(rules)
            connection.execute("SELECT pg_reload_conf()")
            connection.execute(f"DROP OWNED BY {role} CASCADE")
            connection.execute(f"DROP ROLE {role}")


def test_a_password_is_percent_encoded_in_the_url(postgres_url):
    """Any password works, written as URLs want it; a wrong one is refused and not repeated."""
    role = "role_" + urlsplit(postgres_url).path[-8:]
    url = postgres_url.replace("user=postgres", f"user={role}")
    right, wrong = (f"{url}&password={quote(word, safe='')}" for word in (PASSWORD, "wr@ng"))
    with _asks_for_a_password(postgres_url, role):
        with pytest.raises(StoreUnavailable, match="password authentication failed") as refused:
            _refused_in_the_end(wrong)
        open_database(right, create=True).close()

    assert "wr@ng" not in str(refused.value)


def _refused_in_the_end(url):
    """The server reloads its rules a moment after the request to."""
    for _ in range(100):
        with closing(open_database(url, create=True)):
            time.sleep(0.05)


def test_postgresql_may_keep_us_in_a_schema_of_our_own(postgres_url):
    """A store in another schema than `public` is found again, and not made twice."""
    _execute(postgres_url, "CREATE SCHEMA keeper", "CREATE TABLE public.users (id INTEGER)")
    url = f"{postgres_url}&options=-csearch_path%3Dkeeper"

    for create in (True, True, False):
        with closing(open_database(url, create=create)) as database:
            assert [("keeper",)] == database.rows(
                "SELECT schemaname FROM pg_tables WHERE tablename = 'lightkeeper_schema'"
            )
