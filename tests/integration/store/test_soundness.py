"""A store that holds what lightkeeper never writes is found out, on each engine."""

from contextlib import closing, contextmanager

import pytest
import store_rows

from lightkeeper.domain.document import NewDocument
from lightkeeper.store.database import open_database
from lightkeeper.store.documents import Documents
from lightkeeper.store.errors import StoreCorrupt

DOCUMENTS = "form_526_document_submissions"
SOUND = (
    f'UPDATE {DOCUMENTS} SET steps = \'{{"CLAIMS_EVIDENCE":"SUCCESS"}}\', last_problem = '
    '\'{"http_status":null,"detail":"x","instance":null,"diagnostics":"a"}\'',
    "INSERT INTO transitions (document_id, at, from_status, to_status, from_step, to_step, "
    "step_changes, remarks) SELECT id, ?, 'pending', 'failed', 'none', 'X', "
    '\'[["X","FAILED"]]\', '
    f'\'[["found",null],["unknown_step","X"]]\' FROM {DOCUMENTS}',
    "INSERT INTO published_up_to VALUES ('tracked', 1)",
    "INSERT INTO event_digests VALUES ('a', 'form_0781', 'x', 'failed', 1, '[21]', ?, ?, NULL)",
    "INSERT INTO maintenance_windows (starts_at, ends_at, step_names, reason, announced_by, "
    "announced_at) VALUES (?, ? + 1, '[\"CLAIMS_EVIDENCE\"]', 'upgrade', 'jane', ?)",
    "INSERT INTO expected_documents VALUES ('s', 'form_0781', 2, 1, ?, 'x', NULL, NULL, NULL)",
    "INSERT INTO wanted_polls VALUES (1, ?, 'vets-api')",
    "INSERT INTO audit_log (at, who, action, what) VALUES (?, 'vets-api', 'tracked', '2')",
)
"""A row of each table, as lightkeeper writes it."""


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
        for statement in SOUND:
            database.execute(statement, (store_rows.NOW,) * statement.count("?"))
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
        (DOCUMENTS, "steps", "'{\"CLAIMS_EVIDENCE\": 1}'"),
        (DOCUMENTS, "condition", "'lost'"),
        (DOCUMENTS, "last_problem", "'null'"),
        (DOCUMENTS, "last_problem", "'{\"http_status\": 500}'"),
        (DOCUMENTS, "last_problem", '\'{"detail": "x", "more": 1}\''),
        ("transitions", "to_status", "'lost'"),
        ("transitions", "remarks", "'[1]'"),
        ("transitions", "remarks", "'[[\"lost\", null]]'"),
        ("transitions", "remarks", "'[[\"found\"]]'"),
        ("transitions", "remarks", "'[[\"found\", 5]]'"),
        ("transitions", "step_changes", "'[[\"CLAIMS_EVIDENCE\", null]]'"),
        ("transitions", "step_changes", '\'["CLAIMS_EVIDENCE", "SUCCESS"]\''),
        ("event_digests", "request_ids", "'[\"1\"]'"),
        ("published_up_to", "value", "-1"),
        ("maintenance_windows", "step_names", "'CLAIMS_EVIDENCE'"),
        ("maintenance_windows", "step_names", "'{\"CLAIMS_EVIDENCE\": 1}'"),
        ("maintenance_windows", "step_names", "'[1]'"),
        ("maintenance_windows", "ends_at", "253402300800000"),
        ("maintenance_windows", "reason", "x'ff'"),
        ("expected_documents", "document_type", "'form_9'"),
        ("expected_documents", "missing_count", "-1"),
        ("expected_documents", "settled_at", "253402300800000"),
        ("audit_log", "at", "-1"),
        ("tallies", "count", "-1"),
        ("tallies", "lighthouse_status", "'lost'"),
    ],
)
def test_a_value_of_a_wrong_kind_is_unsound(tmp_path, table, column, value):
    """SQLite keeps any value in any column; of these PostgreSQL refuses some."""
    with _made(f"sqlite:///{tmp_path}/a.db") as store:
        _tampered(store, table, column, value)

        with pytest.raises(StoreCorrupt, match=f"{column} of {table} holds what lightkeeper"):
            store.verify()


def test_json_that_cannot_be_read_is_unsound(store):
    """On each engine: to both it is a text like any other."""
    _tampered(store, "transitions", "remarks", "'[[\"lost\", null]]'")

    with pytest.raises(StoreCorrupt, match="remarks of transitions holds what lightkeeper"):
        store.verify()


@pytest.mark.parametrize("statement", ["UPDATE {} SET version = 'x'", "DELETE FROM {}"])
def test_a_store_without_a_version_is_corrupt(tmp_path, statement):
    """Its schema version is one whole number."""
    url = f"sqlite:///{tmp_path}/a.db"
    with closing(open_database(url, create=True)) as database:
        database.execute(statement.format("lightkeeper_schema"))

    with pytest.raises(StoreCorrupt):
        open_database(url, create=True)
