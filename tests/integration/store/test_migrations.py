"""From every released schema to today's: nothing is lost, and the store is as a fresh one."""

import re
import sqlite3
from contextlib import closing

import psycopg
import pytest
import schema_dump
from store_rows import counted, tallied

from lightkeeper.store import migrations
from lightkeeper.store.database import StoreForeign, StoreUnavailable, open_database
from lightkeeper.store.migrations import NEWEST

DUMPS = sorted(path.name for path in schema_dump.FOLDER.glob("*.sql"))
TABLES = (
    *("form_526_document_submissions", "transitions", "event_digests", "open_words"),
    "published_up_to",
    *("maintenance_windows", "followed_up_to", "waiting_uploads"),
    *("expected_documents", "wanted_polls", "audit_log"),
)


@pytest.fixture
def url(request, tmp_path):
    """The address of an empty database of the engine that the dump is for."""
    if request.getfixturevalue("dump").startswith("sqlite"):
        return f"sqlite:///{tmp_path}/store.db"
    return request.getfixturevalue("postgres_url")


def put_in(url, text):
    """Make the store as that version left it."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as database:
            database.executescript(text)
    else:
        with psycopg.connect(url, autocommit=True) as database:
            database.execute(text)


def schema(database):
    """All tables, columns and indexes, as the engine has them."""
    if database.dialect == "sqlite":
        rows = database.rows("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        return {name: re.sub(r"\W+", " ", sql).lower() for name, sql in rows}
    columns = database.rows(
        "SELECT table_name, column_name, data_type, is_nullable, column_default, is_identity "
        "FROM information_schema.columns WHERE table_schema = 'public'"
    )
    indexes = database.rows("SELECT indexname, indexdef FROM pg_indexes WHERE schemaname='public'")
    return {*columns, *indexes}


@pytest.mark.parametrize("dump", DUMPS)
def test_a_store_of_every_release_is_taken_over_whole(dump, url, request, tmp_path):
    """Opened by today's code it has today's schema, all its rows, and tallies that are true."""
    text = (schema_dump.FOLDER / dump).read_text()
    put_in(url, text)
    rows = {
        table: len(re.findall(rf'INSERT INTO (?:public\.)?"?{table}"? ', text)) for table in TABLES
    }

    with closing(open_database(url, create=False)) as database:
        found = {table: database.rows(f"SELECT COUNT(*) FROM {table}")[0][0] for table in TABLES}
        assert rows == found
        assert rows["transitions"] > rows["form_526_document_submissions"] > 20
        assert counted(database) == tallied(database)
        assert NEWEST == database.version()
        upgraded = schema(database)
        if database.dialect == "postgresql":
            for table in TABLES:
                database.execute(f"DROP TABLE {table} CASCADE")
            for table in ("tallies", "lightkeeper_schema"):
                database.execute(f"DROP TABLE {table}")
    fresh = url if url.startswith("postgresql") else f"sqlite:///{tmp_path}/fresh.db"
    with closing(open_database(fresh, create=True)) as database:
        assert schema(database) == upgraded


def with_one_more(monkeypatch, *statements):
    """The program as its next release may be."""
    one_more = (*migrations.MIGRATIONS, statements)
    monkeypatch.setattr(migrations, "MIGRATIONS", one_more)
    monkeypatch.setattr(migrations, "NEWEST", len(one_more))


def whole(database):
    """Every row of every table."""
    return {
        table: sorted(database.rows(f"SELECT * FROM {table}"), key=repr)
        for table in (*TABLES, "tallies")
    }


ADDED = "ALTER TABLE transitions ADD COLUMN remark_count BIGINT NOT NULL DEFAULT 7"


@pytest.mark.parametrize("dump", DUMPS)
def test_the_next_migration_changes_what_it_says_and_nothing_else(dump, url, monkeypatch):
    """From one version to the next: the new column is there, every row as it was."""
    put_in(url, (schema_dump.FOLDER / dump).read_text())
    with closing(open_database(url, create=False)) as database:
        before = whole(database)
    with_one_more(monkeypatch, ADDED)

    with closing(open_database(url, create=False)) as database:
        assert NEWEST + 1 == database.version()
        after = whole(database)
    assert {7} == {row[-1] for row in after["transitions"]}
    assert before == after | {"transitions": [row[:-1] for row in after["transitions"]]}


@pytest.mark.parametrize("dump", DUMPS)
def test_a_migration_that_fails_halfway_leaves_the_store_as_it_was(dump, url, monkeypatch):
    """The database undoes the whole migration, and the previous release still works."""
    put_in(url, (schema_dump.FOLDER / dump).read_text())
    with closing(open_database(url, create=False)) as database:
        before, tables = whole(database), schema(database)
    with monkeypatch.context() as next_release:
        with_one_more(next_release, ADDED, "ALTER TABLE nosuch ADD COLUMN x BIGINT")
        with pytest.raises(StoreUnavailable, match="nosuch"):
            open_database(url, create=False)

    with closing(open_database(url, create=False)) as database:
        assert NEWEST == database.version()
        assert (before, tables) == (whole(database), schema(database))


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_every_schema_has_its_dump(engine):
    """Each schema version has a dump of its store, written by `make schema-dump`."""
    assert [f"{engine}-{version}.sql" for version in range(1, NEWEST + 1)] == [
        name for name in DUMPS if name.startswith(engine)
    ]


@pytest.mark.parametrize("dump", [name for name in DUMPS if name.split("-")[1] == f"{NEWEST}.sql"])
def test_a_store_of_a_later_release_is_left_alone(dump, url):
    """Rolled back, the older program says what to do, and changes nothing."""
    put_in(url, (schema_dump.FOLDER / dump).read_text())
    with closing(open_database(url, create=False)) as database:
        database.execute("UPDATE lightkeeper_schema SET version = version + 1")

    with pytest.raises(StoreForeign, match="or restore a backup made before the upgrade"):
        open_database(url, create=False)
