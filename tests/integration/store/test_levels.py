"""The store as numbers: what stands where, how old it is, how late, and how late we are."""

from contextlib import closing

import pytest
from store_rows import NOW, ended, moved, new, plans, uses

from lightkeeper.casework.triage import Action, decide, note
from lightkeeper.domain.answer import CallProblem
from lightkeeper.domain.document import Condition
from lightkeeper.domain.policy import Policy
from lightkeeper.domain.time import HOUR, MINUTE
from lightkeeper.store.database import open_database
from lightkeeper.store.documents import Documents
from lightkeeper.store.levels import (
    COUNTED_AS,
    MEDIAN_OF_AT_MOST,
    UNOBSERVED_AFTER_MS,
    Level,
    Levels,
    Oldest,
    Trouble,
    sums,
    troubles,
)
from lightkeeper.store.triage import Filter, TriageStore

UNCOUNTED = {"waiting", "delivered", "closed", "superseded"}


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


def _pending(documents, request_id, *, age=0, at="none", **state):
    """Track a document of that age and leave it pending at a step."""
    documents.add([new(request_id, tracked_at=NOW - age)], NOW)
    before = next(each for each in documents.due(NOW, 1_000) if each.request_id == request_id)
    documents.record([moved(before, next_poll_at=NOW, current_step=at, **state)], NOW)


def test_an_empty_store_is_all_zeros(levels):
    """Nothing tracked is a number too."""
    assert [] == levels.totals() == levels.oldest_pending() == levels.failed(9) == levels.stuck(9)
    assert (0, None, None, None) == (
        levels.unobserved(NOW),
        levels.due_since(NOW),
        levels.newest(),
        levels.oldest_failure(),
    )
    assert {"tracked": 0, "pending": 0, "done": 0, "failed": 0} == sums([])
    assert {0} == set(troubles([]).values())


def test_totals_say_what_stands_where(documents, levels):
    """Totals count documents by type, status, step and condition, without empty groups."""
    documents.add([new(number) for number in range(5)], NOW)
    documents.add([new(9, document_type="bdd_instructions")], NOW)
    due = sorted(documents.due(NOW, 10))
    documents.record([ended(each) for each in due[:2]], NOW)
    documents.record([ended(due[2], "failed", current_step="CLAIMS_EVIDENCE")], NOW)
    documents.record([moved(each, current_step="CLAIMS_EVIDENCE") for each in due[3:]], NOW)

    totals = levels.totals()

    assert [
        Level("bdd_instructions", "pending", "CLAIMS_EVIDENCE", "waiting", 1),
        Level("form_0781", "done", "complete", "delivered", 2),
        Level("form_0781", "failed", "CLAIMS_EVIDENCE", "not_in_efolder", 1),
        Level("form_0781", "pending", "CLAIMS_EVIDENCE", "waiting", 2),
    ] == totals
    assert {"tracked": 6, "pending": 3, "done": 2, "failed": 1} == sums(totals)


def test_what_is_overdue_is_stuck_and_slow_as_well():
    """Each condition counts as what it is and as what it is worse than; some count as nothing."""
    levels = [Level("form_0781", "pending", "none", str(each), 10) for each in Condition]

    assert {
        "slow": 30,
        "stuck": 20,
        "overdue": 10,
        "not_found": 10,
        "unacknowledged": 30,
        "in_efolder_not_bgs": 10,
        "efolder_unknown": 10,
        "contradictory": 10,
        "acknowledged": 10,
    } == troubles(levels)
    assert COUNTED_AS.keys() | UNCOUNTED == set(Condition)


def test_the_oldest_of_each_type_at_each_step(documents, levels):
    """The oldest pending document of each type at each step has its age, ended ones none."""
    for number, (age, at) in enumerate(((3, "A"), (9, "A"), (5, "B"), (99, "C"), (1, "none"))):
        _pending(documents, number, age=age * HOUR, at=at)
    gone = next(each for each in documents.due(NOW, 10) if each.current_step == "C")
    documents.record([ended(gone)], NOW)

    assert [
        Oldest("form_0781", "A", NOW - 9 * HOUR),
        Oldest("form_0781", "B", NOW - 5 * HOUR),
        Oldest("form_0781", "none", NOW - 1 * HOUR),
    ] == sorted(levels.oldest_pending())


def test_the_median_is_looked_for_among_so_many_only(documents, levels):
    """Of more documents it is since when that half of the limit waits, which is longer."""
    ages = range(1, MEDIAN_OF_AT_MOST + 11)
    batch = [new(age, tracked_at=NOW - age, attachment_id=str(age)) for age in ages]
    documents.add(batch[:MEDIAN_OF_AT_MOST], NOW)
    assert {"none": NOW - MEDIAN_OF_AT_MOST // 2} == levels.median_pending()
    documents.add(batch[MEDIAN_OF_AT_MOST:], NOW)
    assert {"none": NOW - MEDIAN_OF_AT_MOST // 2 - 10} == levels.median_pending()


def test_a_document_of_several_tries_is_as_old_as_its_first_try(documents, levels):
    """Whichever of them decides: a new try every day keeps no document young."""
    for number, age in enumerate((9, 5, 1)):
        documents.add([new(number, attachment_id="a-1", tracked_at=NOW - age * HOUR)], NOW)
    documents.add([new(4, attachment_id="a-2", tracked_at=NOW - 7 * HOUR)], NOW)
    assert [Oldest("form_0781", "none", NOW - 9 * HOUR)] == levels.oldest_pending()

    due = {each.request_id: each for each in documents.due(NOW, 10)}
    documents.record([moved(due[number], condition="stuck") for number in (2, 4)], NOW)

    assert [2, 4] == [each.request_id for each in levels.stuck(9)]


def test_stuck_documents_are_named_the_oldest_first(documents, levels):
    """Each with its type and step, overdue ones too, at most as many as asked for."""
    for number, age, condition in (
        (1, 5, "stuck"),
        (2, 7, "overdue"),
        (3, 6, "stuck"),
        (4, 8, "slow"),
    ):
        _pending(documents, number, age=age * HOUR, at="STEP", condition=condition)

    assert [Trouble(2, "form_0781", "STEP"), Trouble(3, "form_0781", "STEP")] == levels.stuck(2)


def test_failed_documents_are_named_the_latest_first(documents, levels):
    """Each with its type and step, at most as many as asked for; recovered ones are not."""
    documents.add([new(number) for number in (1, 2, 3, 4)], NOW)
    due = sorted(documents.due(NOW, 10))
    for document, after in zip(due, (5, 7, 6, 8), strict=True):
        failure = ended(document, "failed", current_step="STEP", decided_at=NOW + after)
        documents.record([failure], NOW)
    documents.record([ended(failure.decision.after, outcome="recovered")], NOW)

    assert [Trouble(2, "form_0781", "STEP"), Trouble(3, "form_0781", "STEP")] == levels.failed(2)


def test_what_somebody_took_up_is_nobodys_trouble(documents, levels):
    """An acknowledged failure is neither named nor the one that waits longest."""
    documents.add([new(number) for number in (1, 2, 3)], NOW)
    for document, after in zip(sorted(documents.due(NOW, 10)), (5, 7, 6), strict=True):
        documents.record([ended(document, "failed", decided_at=NOW + after)], NOW)
    assert NOW + 5 == levels.oldest_failure()
    documents.add([new(9)], NOW + 8)
    (other,) = documents.due(NOW + 8, 1)
    taken = ended(other, "failed", decided_at=NOW, condition="acknowledged")
    documents.record([taken], NOW)

    assert NOW + 5 == levels.oldest_failure()
    assert [2, 3, 1] == [trouble.request_id for trouble in levels.failed(9)]
    assert 3 == troubles(levels.totals())["unacknowledged"]


def test_polled_in_vain_or_not_at_all_is_unobserved(documents, levels):
    """Two hours after it was due, or first polled in vain, a document counts, and just once."""
    late = NOW + UNOBSERVED_AFTER_MS
    documents.add([new(number) for number in (1, 2, 3, 4)], NOW)
    one, two, three, _ = sorted(documents.due(NOW, 10))
    assert [0, 4] == [levels.unobserved(at) for at in (late - 1, late)]
    documents.postpone([one.id], NOW + 5, NOW + MINUTE, CallProblem(500, "down"))
    documents.record([moved(two, next_poll_at=late + HOUR)], NOW)
    documents.record([ended(three, unanswered_since=NOW)], NOW)

    assert [1, 2] == [levels.unobserved(at) for at in (late + 4, late + 5)]
    documents.record([moved(one, next_poll_at=late + HOUR)], NOW)
    assert 1 == levels.unobserved(late + 5)


def test_when_the_last_document_was_tracked(documents, levels):
    """By our clock, whatever its own age."""
    documents.add([new(1, tracked_at=NOW - HOUR)], NOW - 9)
    documents.add([new(2, tracked_at=NOW - 2 * HOUR)], NOW - 3)

    assert NOW - 3 == levels.newest()


def test_when_the_last_document_ended_well(database, documents, levels, monkeypatch):
    """When it became done by our clock; later failures, moves and notes of staff change nothing.

    One look at the tallies says so, however many documents there are.
    """
    assert levels.ended_well_at() is None
    documents.add([new(number) for number in range(5)], NOW)
    first, second, third, fourth, _ = sorted(documents.due(NOW, 10))
    documents.record([ended(first, decided_at=NOW + 7)], NOW + 7)
    contradictory = {"condition": "contradictory", "decided_at": NOW + 9}
    documents.record([ended(second, **contradictory), ended(third, "failed")], NOW + 9)
    documents.record([moved(fourth, current_step="CLAIMS_EVIDENCE")], NOW + HOUR)
    store = TriageStore(database)
    done = Filter(frozenset({"contradictory"}))
    (one,) = store.matching(done)
    ack = decide(Action.ACK, Policy(), NOW + HOUR)
    store.carry_out([one.id], ack, note(Action.ACK, "a", "b", NOW + HOUR))

    assert NOW + 9 == levels.ended_well_at()
    (plan,) = plans(database, monkeypatch, levels.ended_well_at)
    assert "tallies" in plan
    assert "form_526" not in plan


def test_how_long_the_most_overdue_has_waited(documents, levels):
    """The level is when the most overdue document fell due, None while none is due."""
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
        "documents_pending": levels.oldest_pending,
        "documents_unanswered": lambda: levels.unobserved(NOW),
        "documents_due": lambda: levels.due_since(NOW),
        "documents_failed": lambda: levels.failed(10),
        "documents_acknowledged": lambda: levels.unsettled(NOW),
    }
    walks = {
        index: [uses(plan, index) for plan in plans(database, monkeypatch, reading)]
        for index, reading in readings.items()
    }
    assert {index: [True] for index in readings} == walks
    _, median = plans(database, monkeypatch, levels.median_pending)
    assert uses(median, "documents_pending")
