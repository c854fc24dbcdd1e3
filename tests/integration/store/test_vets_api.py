"""vets-api's table, read as it is: whatever the database is like, and nothing of it changed."""

from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta

import pgbouncer
import psycopg
import pytest
import vets_api_table

from lightkeeper.store.vets_api import VetsApiUploads

INSERT = """
    INSERT INTO lighthouse526_document_uploads (form526_submission_id, form_attachment_id,
        lighthouse_document_request_id, document_type, created_at)
    VALUES (%s, NULL, %s, %s, %s)
"""
TABLE = vets_api_table.CREATE.format(kind="TIMESTAMP(6)")
AT = datetime(2026, 11, 20, 14, 3, 9, 118273, UTC)


def read(url, since=0):
    """All rows that were created since then."""
    with closing(VetsApiUploads(url)) as uploads:
        return uploads.created_since(since, None, 5_000)


@pytest.fixture
def source(postgres_url):
    """vets-api's database with one row, and its address."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(TABLE)
        connection.execute(INSERT, (2**40, str(2**40), "Form 0781", AT.replace(tzinfo=None)))
    return postgres_url


@contextmanager
def altered(url, setting):
    """A database with this setting for all its sessions."""
    name = psycopg.conninfo.conninfo_to_dict(url)["dbname"]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} SET {setting}")
        try:
            yield
        finally:
            connection.execute(f"ALTER DATABASE {name} RESET ALL")


@pytest.mark.parametrize(
    "setting",
    [
        "DateStyle = 'German'",
        "DateStyle = 'SQL, DMY'",
        "TimeZone = 'Asia/Kathmandu'",
        "default_transaction_isolation = 'serializable'",
        "standard_conforming_strings = off",
        "client_encoding = 'LATIN1'",
        "bytea_output = 'escape'",
    ],
)
def test_a_time_is_the_same_however_sessions_are_set(source, setting):
    """To the microsecond, in UTC; ids above 2^31 too."""
    with altered(source, setting):
        (row,) = read(source, int(AT.timestamp() * 1_000))
        assert [] == read(source, int((AT + timedelta(seconds=1)).timestamp() * 1_000))

    assert (2**40, str(2**40), AT) == (row.submission_id, row.request_id, row.created)


def test_a_pool_of_vets_apis_own_is_left_as_it_was(source):
    """Behind PgBouncer a session is shared: what is set in it would end vets-api's own writes."""
    seen = "SELECT name, setting FROM pg_settings WHERE source = 'session' ORDER BY name"
    with (
        pgbouncer.before(source, "transaction", default_pool_size=1) as pooled,
        psycopg.connect(pooled, autocommit=True, prepare_threshold=None) as theirs,
    ):
        before = theirs.execute(seen).fetchall()
        with closing(VetsApiUploads(pooled)) as uploads:
            assert 1 == len(uploads.created_since(0, None, 10))
            assert 1 == len(uploads.by_id([1]))
            after = theirs.execute(seen).fetchall()
            theirs.execute(INSERT, (2, "526002", "Form 0781", AT.replace(tzinfo=None)))
            assert 2 == len(uploads.with_states(0, None, 10))

    assert before == after


def test_nothing_can_be_written_there(source):
    """Also where the role may."""
    with (
        closing(VetsApiUploads(source)) as uploads,
        pytest.raises(Exception, match="read-only transaction"),
    ):
        uploads._rows("DELETE FROM lighthouse526_document_uploads RETURNING id", ())


def test_a_standby_is_enough(source):
    """Where several servers are named, the one that answers; none has to be writable."""
    place = psycopg.conninfo.conninfo_to_dict(source)["host"]
    several = source.replace(f"host={place}", f"host=/nonexistent,{place}")
    with altered(source, "default_transaction_read_only = on"):
        assert 1 == len(read(several))


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII", "WIN1252"])
def test_a_database_in_another_encoding_is_read(postgres_url, encoding):
    """Its text is converted; bytes that are no text spoil no row but their own."""
    name = psycopg.conninfo.conninfo_to_dict(postgres_url)["dbname"]
    other = f"{name}_other"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(
            f"CREATE DATABASE {other} ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'"
            " TEMPLATE template0"
        )
        try:
            url = postgres_url.replace(f"/{name}?", f"/{other}?")
            with psycopg.connect(url, autocommit=True, client_encoding=encoding) as theirs:
                theirs.execute(TABLE)
                for number, kind in enumerate(("Form 0781", "caf\\351", "Form 0781a")):
                    theirs.execute(
                        INSERT.replace("%s, %s)", f"E'{kind}', %s)"),
                        (number, str(526_001 + number), AT.replace(tzinfo=None)),
                    )
            found = [row.document_type for row in read(url)]
        finally:
            connection.execute(f"DROP DATABASE {other} WITH (FORCE)")

    cafe = "caf\N{REPLACEMENT CHARACTER}" if encoding == "SQL_ASCII" else "café"
    assert ["Form 0781", cafe, "Form 0781a"] == found


def test_a_time_that_is_none_hides_no_other_row(source):
    """Rows without an end of time, or of a year that Python lacks, are read beside the others."""
    with psycopg.connect(source, autocommit=True) as connection:
        for number, at in enumerate(("infinity", "-infinity", "20261-11-20 14:03:09")):
            connection.execute(INSERT, (number, str(number), "Form 0781", at))

    found = [(row.submission_id, row.created.year) for row in read(source)]
    assert [(2**40, 2026), (2, 9999), (0, 9999)] == found
