"""A store that holds what lightkeeper never writes is found out, on each engine."""

from contextlib import closing, contextmanager

import pytest
import store_rows

from lightkeeper.domain.document import NewDocument
from lightkeeper.store.database import open_database
from lightkeeper.store.documents import Documents
from lightkeeper.store.errors import StoreCorrupt

DOCUMENTS = "form_526_document_submissions"


@pytest.fixture
def store(database_url):
    """A store with a document in it, on each engine in turn."""
    with _made(database_url) as database:
        yield database


@contextmanager
def _made(url):
    with closing(open_database(url, create=True)) as database:
        new = NewDocument(21, "s", "form_0781", None, store_rows.NOW)
        Documents(database).add([new], store_rows.NOW)
        database.verify()
        yield database


def _tampered(store, table, column, value):
    if store.dialect == "sqlite":
        store.execute("PRAGMA ignore_check_constraints = 1")
    store.execute(f"UPDATE {table} SET {column} = {value}")


@pytest.mark.parametrize("column", ["tracked_at", "next_poll_at", "lighthouse_ended_at"])
@pytest.mark.parametrize("value", ["-1", "253402300800000"])
def test_a_time_out_of_range_is_unsound(store, column, value):
    """No document was tracked before 1970, or after the year 9999."""
    _tampered(store, DOCUMENTS, column, value)

    with pytest.raises(StoreCorrupt, match=f"{column} of {DOCUMENTS} holds what lightkeeper"):
        store.verify()


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        (DOCUMENTS, "tracked_at", "'soon'"),
        (DOCUMENTS, "last_polled_at", "1.5"),
        (DOCUMENTS, "trouble_count", "x'00'"),
        (DOCUMENTS, "error_detail", "x'ff'"),
        (DOCUMENTS, "lighthouse_status", "'lost'"),
        (DOCUMENTS, "document_type", "'letter'"),
        (DOCUMENTS, "steps", "'{'"),
        (DOCUMENTS, "steps", "'[]'"),
        (DOCUMENTS, "last_problem", "'null'"),
        ("tallies", "count", "-1"),
        ("tallies", "lighthouse_status", "'lost'"),
    ],
)
def test_a_value_of_a_wrong_kind_is_unsound(tmp_path, table, column, value):
    """SQLite keeps any value in any column; PostgreSQL refuses it."""
    with _made(f"sqlite:///{tmp_path}/a.db") as store:
        _tampered(store, table, column, value)

        with pytest.raises(StoreCorrupt, match=f"{column} of {table} holds what lightkeeper"):
            store.verify()


@pytest.mark.parametrize("statement", ["UPDATE {} SET version = 'x'", "DELETE FROM {}"])
def test_a_store_without_a_version_is_corrupt(tmp_path, statement):
    """Its schema version is one whole number."""
    url = f"sqlite:///{tmp_path}/a.db"
    with closing(open_database(url, create=True)) as database:
        database.execute(statement.format("lightkeeper_schema"))

    with pytest.raises(StoreCorrupt):
        open_database(url, create=True)
