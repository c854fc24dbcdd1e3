"""The store as numbers: what stands where, how old it is, how late, and how late we are."""

from contextlib import closing

import pytest

from lightkeeper.model import HOUR, MINUTE, Policy
from lightkeeper.store.database import open_database
from lightkeeper.store.documents import Documents
from lightkeeper.store.levels import Level, Levels, PendingAges, Trouble, sums
from stored import NOW, ended, is_index_walk, moved, new, plans

POLICY = Policy(slow_after_ms=1 * HOUR, stuck_after_ms=2 * HOUR, overdue_after_ms=4 * HOUR)


@pytest.fixture
def database(database_url):
    """A new store."""
    with closing(open_database(database_url, create=True)) as database:
        yield database


@pytest.fixture
def documents(database):
    """Its documents."""
    return Documents(database)


@pytest.fixture
def levels(database):
    """Its levels."""
    return Levels(database)


def _pending(documents, request_id, *, age=0, answered_after=None, at="none", **state):
    """Track a document of that age, of which Lighthouse spoke when it had another."""
    documents.add([new(request_id, tracked_at=NOW - age)], NOW)
    before = next(each for each in documents.due(NOW, 1_000) if each.request_id == request_id)
    answered_at = None if answered_after is None else NOW - age + answered_after
    documents.record(
        [
            moved(
                before,
                next_poll_at=NOW,
                current_step=at,
                last_answered_at=answered_at,
                **state,
            )
        ],
        NOW,
    )


def test_an_empty_store_is_all_zeros(levels):
    """Nothing tracked is a number too."""
    assert [] == levels.totals() == levels.pending_ages(POLICY)
    assert ({}, None) == (levels.not_found(), levels.due_since(NOW))
    assert [] == levels.failed(9) == levels.stuck(POLICY, 9)
    assert {"tracked": 0, "pending": 0, "done": 0, "failed": 0} == sums([])


def test_totals_say_what_stands_where(documents, levels):
    """By type, status and step; what nobody stands at any more is not there; sums add up."""
    documents.add([new(number) for number in range(5)], NOW)
    documents.add([new(9, document_type="bdd_instructions")], NOW)
    due = sorted(documents.due(NOW, 10))
    documents.record([ended(each) for each in due[:2]], NOW)
    documents.record([ended(due[2], "failed", current_step="CLAIMS_EVIDENCE")], NOW)
    documents.record([moved(each, current_step="CLAIMS_EVIDENCE") for each in due[3:]], NOW)

    totals = levels.totals()

    assert [
        Level("bdd_instructions", "pending", "CLAIMS_EVIDENCE", 1),
        Level("form_0781", "done", "complete", 2),
        Level("form_0781", "failed", "CLAIMS_EVIDENCE", 1),
        Level("form_0781", "pending", "CLAIMS_EVIDENCE", 2),
    ] == totals
    assert {"tracked": 6, "pending": 3, "done": 2, "failed": 1} == sums(totals)


def test_a_document_is_late_once_lighthouse_called_it_unfinished(documents, levels):
    """Slow, stuck and overdue count from when it was handed in to Lighthouse's last word of it."""
    for number, answered_after in enumerate((1 * HOUR - 1, 1 * HOUR, 2 * HOUR, 4 * HOUR)):
        _pending(documents, number, age=9 * HOUR, answered_after=answered_after)
    _pending(documents, 10, age=3 * HOUR, answered_after=3 * HOUR, at="CLAIMS_EVIDENCE")

    ages = sorted(levels.pending_ages(POLICY))

    assert [
        PendingAges("form_0781", "CLAIMS_EVIDENCE", NOW - 3 * HOUR, 1, 1, 0),
        PendingAges("form_0781", "none", NOW - 9 * HOUR, 3, 2, 1),
    ] == ages
    assert [2, 3, 10] == [trouble.request_id for trouble in levels.stuck(POLICY, 10)]


def test_silence_makes_nothing_late(documents, levels):
    """Never answered, answered only when young, or not found: old, but neither slow nor stuck."""
    _pending(documents, 1, age=99 * HOUR)
    _pending(documents, 2, age=98 * HOUR, answered_after=1)
    _pending(documents, 3, age=97 * HOUR, answered_after=97 * HOUR, not_found_since=NOW)

    assert [PendingAges("form_0781", "none", NOW - 99 * HOUR, 0, 0, 0)] == levels.pending_ages(
        POLICY
    )
    assert [] == levels.stuck(POLICY, 10)


def test_what_ended_has_no_age(documents, levels):
    """Done and failed documents are neither pending nor late, however old."""
    documents.add([new(number, tracked_at=1) for number in (1, 2)], NOW)
    done, failed = documents.due(NOW, 2)
    documents.record(
        [ended(done, last_answered_at=NOW), ended(failed, "failed", last_answered_at=NOW)], NOW
    )

    assert [] == levels.pending_ages(POLICY) == levels.stuck(POLICY, 10)


def test_stuck_documents_are_named_the_oldest_first(documents, levels):
    """Each with its type and step, at most as many as asked for."""
    for number, age in ((1, 5), (2, 7), (3, 6)):
        _pending(documents, number, age=age * HOUR, answered_after=age * HOUR, at="STEP")

    assert [Trouble(2, "form_0781", "STEP"), Trouble(3, "form_0781", "STEP")] == levels.stuck(
        POLICY, 2
    )


def test_failed_documents_are_named_the_latest_first(documents, levels):
    """Each with its type and step, at most as many as asked for; recovered ones are not."""
    documents.add([new(number) for number in (1, 2, 3, 4)], NOW)
    due = sorted(documents.due(NOW, 10))
    for document, after in zip(due, (5, 7, 6, 8), strict=True):
        failure = ended(document, "failed", current_step="STEP", decided_at=NOW + after)
        documents.record([failure], NOW)
    documents.record([ended(failure.decision.after, outcome="recovered")], NOW)

    assert [Trouble(2, "form_0781", "STEP"), Trouble(3, "form_0781", "STEP")] == levels.failed(2)


def test_unknown_documents_are_counted_by_type(documents, levels):
    """Pending ones Lighthouse does not know; one that failed for it is not among them."""
    kinds = ("form_0781", "form_0781", "form_0781a", "bdd_instructions", "veteran_upload")
    documents.add([new(number, document_type=kind) for number, kind in enumerate(kinds)], NOW)
    *lost, failed, _ = sorted(documents.due(NOW, 10))
    documents.record([moved(each, not_found_since=NOW) for each in lost], NOW)
    documents.record([ended(failed, "failed", not_found_since=NOW)], NOW)

    assert {"form_0781": 2, "form_0781a": 1} == levels.not_found()


def test_how_long_the_most_overdue_has_waited(documents, levels):
    """Since when the first in line is due; None while nobody's time has come."""
    documents.add([new(1)], NOW)
    documents.add([new(2)], NOW + MINUTE)

    assert [None, NOW, NOW] == [levels.due_since(NOW + after) for after in (-1, 0, HOUR)]
    (first,) = documents.due(NOW, 10)
    documents.record([ended(first)], NOW)
    assert [None, NOW + MINUTE] == [levels.due_since(NOW + after) for after in (MINUTE - 1, HOUR)]


def test_levels_cost_nothing_for_what_is_done(database, documents, levels, monkeypatch):
    """Beside 20,000 done documents each level comes from an index that knows nothing of them."""
    for at in range(0, 20_000, 1_000):
        documents.add([new(number) for number in range(at, at + 1_000)], NOW)
    database.execute(
        "UPDATE form_526_document_submissions SET lighthouse_status = 'done', next_poll_at = NULL"
    )
    documents.add([new(number) for number in range(20_000, 20_200)], NOW)
    if database.dialect == "postgresql":
        database.execute("ANALYZE")

    readings = {
        "documents_pending": lambda: levels.pending_ages(POLICY),
        "documents_not_found": levels.not_found,
        "documents_due": lambda: levels.due_since(NOW),
        "documents_failed": lambda: levels.failed(10),
    }
    walks = {
        index: [is_index_walk(plan, index) for plan in plans(database, monkeypatch, reading)]
        for index, reading in readings.items()
    }
    assert {index: [True] for index in readings} == walks
