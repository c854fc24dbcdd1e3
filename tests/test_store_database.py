"""Opening, migrating and claiming a store, and what becomes of it when the database fails."""

import os
import sqlite3
import stat
import tempfile
import time
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote, urlsplit

import psycopg
import pytest

from child import child, line, outcomes
from lightkeeper.store import migrations
from lightkeeper.store.database import (
    BUSY_TIMEOUT_MS,
    AlreadyWatched,
    StoreForeign,
    StoreMissing,
    StoreUnavailable,
    open_database,
)
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
        with pytest.raises(StoreMissing, match="there is no lightkeeper store here") as missing:
            open_database(database_url, create=False)
        assert 66 == missing.value.exit_status
    assert not _path(database_url).exists() or database_url.startswith("postgresql")

    open_database(database_url, create=True).close()
    with closing(open_database(database_url, create=False)) as database:
        assert migrations.NEWEST == database.version()


def test_opening_again_changes_nothing(database_url):
    """A second `create` finds the store as it was."""
    with closing(open_database(database_url, create=True)) as database:
        database.execute("INSERT INTO tallies VALUES ('form_0781', 'done', 'complete', 3)")

    with closing(open_database(database_url, create=True)) as database:
        assert [("form_0781", "done", "complete", 3)] == database.rows("SELECT * FROM tallies")


@pytest.mark.parametrize("create", [True, False])
def test_a_newer_schema_is_refused(database_url, create):
    """A store of a newer version is left alone, and the message says which versions those are."""
    open_database(database_url, create=True).close()
    _execute(database_url, "UPDATE lightkeeper_schema SET version = 99")

    with pytest.raises(StoreForeign, match=r"newer lightkeeper \(schema 99; this one knows 1\)"):
        open_database(database_url, create=create)


def test_another_programs_database_is_refused(database_url):
    """Tables of another program keep ours out, and nothing is added beside them."""
    _execute(database_url, "CREATE TABLE users (id INTEGER)", "CREATE TABLE zoo (id INTEGER)")

    with pytest.raises(StoreForeign, match="holds the table 'users'") as foreign:
        open_database(database_url, create=True)
    assert 78 == foreign.value.exit_status
    with pytest.raises(StoreMissing):
        open_database(database_url, create=False)
    with pytest.raises((sqlite3.Error, psycopg.Error)):
        _execute(database_url, "SELECT * FROM lightkeeper_schema")


def test_several_processes_may_open_an_empty_store_at_once(database_url, tmp_path):
    """Whoever comes first migrates, the others wait for it, and all of them find one store."""
    urls = [database_url]
    if database_url.startswith("sqlite"):
        # A race of a millisecond: many stores, one after the other, by everybody.
        urls = [f"sqlite:///{tmp_path / f'{number}.db'}" for number in range(20)]
    code = """
        import sys
        from lightkeeper.store.database import open_database
        print("ready", flush=True)
        input()
        for url in sys.argv[1:]:
            database = open_database(url, create=True)
            print(database.version(), end="")
            database.close()
    """

    assert ["1" * len(urls)] * 8 == outcomes(code, *[tuple(urls)] * 8)
    for url in urls:
        with closing(open_database(url, create=False)) as database:
            assert [(1,)] == database.rows("SELECT version FROM lightkeeper_schema")


_DATABASE_TYPES = {
    "sqlite": {"BIGAUTO": "INTEGER", "BIGINT": "BIGINT", "INT": "INTEGER", "TEXT": "TEXT"},
    "postgresql": {"BIGAUTO": "bigint", "BIGINT": "bigint", "INT": "integer", "TEXT": "text"},
}


def test_the_migrated_schema_is_what_peewee_believes(database_url):
    """Each model's table has its columns in its order, with its types and nullability, and keys."""
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
    """A document type or status that is none is refused by the database, whoever writes it."""
    row = {
        "lighthouse_request_id": "1",
        "form_526_submission_id": "'s'",
        "document_type": "'form_0781'",
        "tracked_at": "1",
        "created_at": "1",
        "lighthouse_status": "'pending'",
        "steps": "'{}'",
        "current_step": "'none'",
        "next_poll_at": "1",
        "trouble_count": "0",
    }
    insert = (
        f"INSERT INTO form_526_document_submissions ({', '.join(row)}) VALUES ({{}})".format
    )
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
    """WAL, enforced foreign keys and patience with locks; `durable` makes commits outlive power."""
    with closing(open_database(f"sqlite:///{tmp_path / 'a.db'}", create=True)) as database:
        pragmas = ("journal_mode", "foreign_keys", "busy_timeout", "synchronous")
        values = [database.rows(f"PRAGMA {pragma}")[0][0] for pragma in pragmas]
        assert ["wal", 1, BUSY_TIMEOUT_MS, 1] == values

        database.durable()
        assert [(2,)] == database.rows("PRAGMA synchronous")


def test_sqlite_files_are_for_their_owner_alone(tmp_path):
    """The store and the files SQLite puts beside it are 0600, whatever the umask."""
    before = os.umask(0)
    try:
        with closing(open_database(f"sqlite:///{tmp_path / 'a.db'}", create=True)) as database:
            database.claim()
            database.try_write()
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    finally:
        os.umask(before)

    assert dict.fromkeys(("a.db", "a.db-wal", "a.db-shm", "a.db.lock"), 0o600) == modes


def test_a_path_may_be_percent_encoded(tmp_path):
    """Blanks and odd characters in the path of a store are written as in any URL."""
    open_database(f"sqlite:///{tmp_path}/a%20b%23c.db", create=True).close()

    assert (tmp_path / "a b#c.db").is_file()


def test_a_path_where_no_store_can_be(tmp_path):
    """A folder, a missing folder and a file that is no database are told in one line each."""
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
        assert (74, 1) == (unavailable.value.exit_status, len(str(unavailable.value).splitlines()))


AS_NOBODY = """
    import os, sys
    from lightkeeper.store.database import LightkeeperError, open_database
    if os.geteuid() == 0:  # root may do everything
        os.setgid(65534)
        os.setuid(65534)
    try:
        open_database(sys.argv[1], create=True).claim()
    except LightkeeperError as exc:
        print(f"{type(exc).__name__}: {exc}")
"""


@pytest.mark.parametrize(
    ("rights", "problem"),
    [
        ({"": 0o555}, "Permission denied"),
        ({"": 0o700, "a.db": 0o000}, "unable to open database file"),
        ({"": 0o555, "a.db": 0o444}, ""),
        ({"": 0o755, "a.db": 0o644, "a.db.lock": 0o000}, "Permission denied"),
    ],
    ids=["folder", "unreadable", "unwritable", "lock"],
)
def test_a_path_without_rights(rights, problem):
    """A store that may not be read, written or locked is unavailable, not a traceback."""
    # Not pytest's folder: another user cannot get there.
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        folder = Path(name)
        url = f"sqlite:///{folder / 'a.db'}"
        if "a.db" in rights:
            with closing(open_database(url, create=True)) as database:
                database.claim()
        for each, mode in reversed(rights.items()):
            (folder / each).chmod(mode)
        if os.geteuid() == 0 and problem == "unable to open database file":
            os.chown(folder, 65534, 65534)
        with child(AS_NOBODY, url) as process:
            said, errors = process.communicate(timeout=30)
        folder.chmod(0o700)

    assert "" == errors
    assert said.startswith(f"StoreUnavailable: {folder}")
    assert problem in said
