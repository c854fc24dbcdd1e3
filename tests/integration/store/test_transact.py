"""Transactions that the database undid are repeated; commits whose answer was lost are not."""

import threading
from collections import Counter
from contextlib import closing

import psycopg
import pytest
from postgres_proxy import PostgresProxy
from store_rows import NOW, moved, new

from lightkeeper.domain.change import RemarkKind
from lightkeeper.domain.document import Condition
from lightkeeper.store.database import StoreUnavailable, open_database
from lightkeeper.store.documents import Documents, Intake
from lightkeeper.store.outbox import Digest, EventKey, Outbox
from lightkeeper.store.tallies import tally
from lightkeeper.store.transact import transact
from lightkeeper.store.triage import Effect, Note, TriageStore

KEY = EventKey("lightkeeper.document", "form_0781", "complete", "done")


@pytest.fixture
def proxy(postgres_url):
    """A proxy before an empty database."""
    with PostgresProxy(postgres_url) as proxy:
        yield proxy


@pytest.fixture
def database(proxy):
    """A store that is reached through the proxy."""
    with closing(open_database(proxy.url, create=True)) as database:
        yield database


def _new(count, first=1):
    return [new(each) for each in range(first, first + count)]


def _count(database, table):
    return database.rows(f"SELECT COUNT(*) FROM {table}")[0][0]


@pytest.mark.parametrize("lost", ["lose_answers", "lose_commits"])
def test_a_store_is_made_once(proxy, lost):
    """Where the answer to its making is lost, the store is looked up, and there is one."""
    setattr(proxy, lost, 1)
    with closing(open_database(proxy.url, create=True)) as database:
        assert 0 == getattr(proxy, lost)
        assert 1 == _count(database, "lightkeeper_schema")


@pytest.mark.parametrize("lost", ["lose_answers", "lose_commits"])
@pytest.mark.parametrize("claimed", [False, True])
def test_tracking_is_looked_up_before_it_is_repeated(proxy, database, lost, claimed):
    """Lost on its way there or on its way back: each document is new, stored and tallied once."""
    if claimed:
        database.claim()
    setattr(proxy, lost, 1)

    assert [Intake.NEW] * 3 == Documents(database).add(_new(3), NOW)
    assert 3 == _count(database, "form_526_document_submissions")
    assert [(3,)] == database.rows("SELECT count FROM tallies")
    assert 0 == getattr(proxy, lost)


def test_a_command_whose_session_ended_while_it_waited_connects_again(postgres_url):
    """A feed may be silent for hours: what it brings next is stored, and stored once."""
    with (
        closing(open_database(postgres_url, create=True)) as database,
        closing(open_database(postgres_url, create=False)) as other,
    ):
        documents = Documents(database)
        documents.add(_new(1), NOW)
        other.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )

        assert [Intake.KNOWN, Intake.NEW] == documents.add(_new(2), NOW)
        assert 2 == _count(database, "form_526_document_submissions")


@pytest.mark.parametrize("lost", ["lose_answers", "lose_commits"])
def test_published_marks_are_looked_up_before_they_are_repeated(proxy, database, lost):
    """What was gathered for an event is gathered once, by the call itself and by one after it."""
    Documents(database).add(_new(1), NOW)
    database.execute(
        "INSERT INTO transitions (document_id, at, from_status, to_status, from_step, to_step, "
        "step_changes, remarks) SELECT id, 1, 'pending', 'done', 'none', 'complete', '[]', '[]' "
        "FROM form_526_document_submissions"
    )
    outbox, digest = Outbox(database), Digest(KEY, 1, (1,), NOW, NOW)
    ((transition_id,),) = database.rows("SELECT id FROM transitions")
    setattr(proxy, lost, 1)
    for _ in range(2):
        outbox.mark_published([transition_id], [digest], NOW)

        assert [digest] == outbox.unsent_events()
        assert 0 == outbox.unpublished_count()


@pytest.mark.parametrize("lost", ["lose_answers", "lose_commits"])
def test_triage_is_looked_up_before_it_is_repeated(proxy, database, lost):
    """A recheck stands once in the history, and is counted as done."""
    Documents(database).add(_new(2), NOW)
    ids = [each for (each,) in database.rows("SELECT id FROM form_526_document_submissions")]
    setattr(proxy, lost, 1)

    def recheck(_document):
        return Effect(Condition.WAITING, keeps_next_poll=False, next_poll_at=NOW)

    note = Note(RemarkKind.RECHECK, "pat", "", NOW, acknowledges=False)
    assert 2 == TriageStore(database).carry_out(ids, recheck, note)
    assert 2 == _count(database, "transitions")


def test_an_answer_that_stays_lost_is_said(proxy, database, monkeypatch):
    """Where the database cannot be asked, the message says that the change may be stored."""
    monkeypatch.setattr("lightkeeper.store.transact.LOOK_FOR_SECONDS", 0.2)
    proxy.lose_answers = 1
    proxy.lead_to("postgresql:///x?host=/nonexistent")

    with pytest.raises(StoreUnavailable, match="whether the last change was stored is not known"):
        Documents(database).add(_new(1), NOW)


@pytest.mark.parametrize("level", ["serializable", "repeatable read"])
def test_several_may_track_at_once_whatever_the_isolation(postgres_url, level):
    """Parallel intakes all store what they read, where transactions conflict by default."""
    open_database(postgres_url, create=True).close()
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        name = connection.info.dbname
        connection.execute(f"ALTER DATABASE {name} SET default_transaction_isolation = '{level}'")
    at_once, fates = threading.Barrier(4), []

    def track(first):
        with closing(open_database(postgres_url, create=False)) as database:
            at_once.wait()
            for batch in range(5):
                fates.extend(Documents(database).add(_new(20, first + 20 * batch), NOW))

    _in_threads(track, (1,), (1_001,), (2_001,), (3_001,))

    assert [Intake.NEW] * 400 == fates
    with closing(open_database(postgres_url, create=False)) as database:
        assert [(400,)] == database.rows("SELECT count FROM tallies")


def _in_threads(call, *arguments):
    threads = [threading.Thread(target=call, args=each) for each in arguments]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_a_deadlock_is_undone_and_repeated(postgres_url):
    """Of two transactions that wait for each other one is done again, and both count."""
    with closing(open_database(postgres_url, create=True)) as database:
        for name in ("a", "b"):
            database.execute("INSERT INTO open_words VALUES (?, '')", (name,))
    meet = threading.Barrier(2)

    def write(first, second):
        tries = []

        def both():
            tries.append(1)
            database.execute("UPDATE open_words SET word = word || 'x' WHERE tag = ?", (first,))
            if len(tries) == 1:
                meet.wait()
            database.execute("UPDATE open_words SET word = word || 'x' WHERE tag = ?", (second,))

        with closing(open_database(postgres_url, create=False)) as database:
            transact(database, both)
        done.append(len(tries))

    done = []
    _in_threads(write, ("a", "b"), ("b", "a"))

    assert [1, 2] == sorted(done)
    with closing(open_database(postgres_url, create=False)) as database:
        assert [("xx",), ("xx",)] == database.rows("SELECT word FROM open_words")


def test_tallies_that_are_moved_in_another_order_are_no_deadlock(postgres_url):
    """Each transaction writes what it moved once, in the one order that all have."""
    places = [("form_0781", "pending", "none", each) for each in ("slow", "stuck")]
    with closing(open_database(postgres_url, create=True)) as database:
        with database.writing():
            tally(database, Counter(dict.fromkeys(places, 2)))
        meet, failures = threading.Barrier(2), []

        def move(first, second):
            with closing(open_database(postgres_url, create=False)) as other:
                try:
                    with other.writing():
                        tally(other, Counter({first: -1}))
                        meet.wait()
                        tally(other, Counter({second: -1}))
                except StoreUnavailable as exc:
                    failures.append(exc)

        _in_threads(move, places, places[::-1])

        assert [] == failures
        assert [(0,), (0,)] == database.rows("SELECT count FROM tallies")


@pytest.mark.parametrize("text", ["a\x00b", "\ud800", "b\udcff"])
def test_what_cannot_be_encoded_stops_its_own_document(database_url, text):
    """The other documents of the batch are recorded; that one is put off, with the reason."""
    with closing(open_database(database_url, create=True)) as database:
        documents = Documents(database)
        documents.add(_new(5), NOW)
        ended = {"lighthouse_status": "failed", "condition": "not_in_efolder"}
        due = documents.due(NOW, 10)
        details = ["plain", text, "“won’t” ✓", text, "plain"]
        documents.record(
            [
                moved(each, outcome="failed", last_answered_at=NOW, error_detail=detail, **ended)
                for each, detail in zip(due, details, strict=True)
            ],
            NOW,
        )
        rows = database.rows(
            "SELECT lighthouse_status, error_detail, next_poll_at > ?, last_problem "
            "FROM form_526_document_submissions ORDER BY id",
            (NOW,),
        )

        can_hold = database.dialect == "sqlite" and "\x00" in text
        assert [("failed", each) for each in details if can_hold or each != text] == [
            row[:2] for row in rows if row[0] == "failed"
        ]
        for row in rows:
            if row[0] == "pending":
                assert row[2]
                assert "no database can hold" in row[3]


def test_what_another_daemon_polled_is_not_recorded_from_an_old_copy(database_url):
    """A copy from before another daemon's answer changes nothing: no outcome counts twice."""
    with closing(open_database(database_url, create=True)) as database:
        documents = Documents(database)
        documents.add(_new(2), NOW)
        ended = {"lighthouse_status": "done", "condition": "contradictory"}
        batch = [
            moved(each, outcome="done", last_answered_at=NOW, **ended)
            for each in documents.due(NOW, 10)
        ]
        documents.record(batch[:1], NOW)

        documents.record(batch, NOW)

        assert 2 == _count(database, "transitions")
        assert [(2,)] == database.rows("SELECT count FROM tallies WHERE count <> 0")
