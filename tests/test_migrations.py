"""A store of any released schema version becomes what a fresh one is, and keeps its documents."""

import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from lightkeeper.model import Condition
from lightkeeper.store import migrations
from lightkeeper.store.database import open_database
from stored import counted, tallied

DUMPS = sorted((Path(__file__).parent / "schemas").glob("*.sql"))

SCHEMA = {
    "sqlite": ("SELECT type, name, tbl_name, sql FROM sqlite_master",),
    "postgresql": (
        "SELECT table_name, column_name, ordinal_position, data_type, is_nullable, "
        "column_default, identity_generation FROM information_schema.columns "
        "WHERE table_schema = 'public'",
        "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'",
        "SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint "
        "WHERE connamespace = 'public'::regnamespace",
    ),
}
CONTENT = (
    "SELECT id, lighthouse_request_id, lighthouse_status, current_step, condition, next_poll_at, "
    "last_answer FROM form_526_document_submissions ORDER BY id",
    "SELECT id, document_id, at, from_status, to_status FROM transitions ORDER BY id",
)


def schema(database):
    """Tables, columns, indexes and constraints, without regard to their order and layout."""
    return [
        sorted(" ".join(str(row).replace("\\n", " ").split()) for row in database.rows(sql))
        for sql in SCHEMA[database.dialect]
    ]


def load(dump, url):
    """Make the store that a dump is of; its documents and transitions, as another program sees."""
    connect = sqlite3.connect if dump.name.startswith("sqlite") else psycopg.connect
    with closing(connect(url.removeprefix("sqlite:///"))) as connection:
        run = getattr(connection, "executescript", connection.execute)
        run(dump.read_text())
        connection.commit()
        return [connection.execute(sql).fetchall() for sql in CONTENT]


def test_every_version_has_a_dump_for_each_engine():
    """Whoever adds a migration keeps a store of it: `python tests/dump_schema.py`."""
    versions = range(1, migrations.NEWEST + 1)

    expected = {f"{engine}-{version}.sql" for engine in SCHEMA for version in versions}
    assert expected == {each.name for each in DUMPS}


@pytest.mark.parametrize("dump", DUMPS, ids=lambda dump: dump.stem)
def test_a_released_store_becomes_a_fresh_one_with_its_documents(dump, tmp_path, request):
    """Same schema, all documents of every condition, all history, true tallies; more go in."""
    urls = [f"sqlite:///{tmp_path / name}" for name in ("old.db", "fresh.db")]
    if dump.name.startswith("postgresql"):
        server = request.getfixturevalue("postgres_server")
        with server.fresh_database() as old, server.fresh_database() as fresh:
            check(dump, old, fresh)
    else:
        check(dump, *urls)


def check(dump, old, fresh):
    """Open the store that `dump` is of, at the URL `old`, beside a fresh one."""
    before = load(dump, old)
    assert set(Condition) == {row[4] for row in before[0]}

    with (
        closing(open_database(fresh, create=True)) as new,
        closing(open_database(old, create=False)) as kept,
    ):
        assert migrations.NEWEST == kept.version()
        assert schema(new) == schema(kept)
        assert before == [kept.rows(sql) for sql in CONTENT]
        assert counted(kept) == tallied(kept)
