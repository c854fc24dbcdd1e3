"""Documents that a submission should have: how many are missing, whatever is tracked when."""

import itertools
import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from store_rows import NOW, new, plans, uses

from lightkeeper.casework.correct import Correction, correct
from lightkeeper.domain.time import HOUR, MINUTE
from lightkeeper.store.clock import has_times_ahead, pull_in
from lightkeeper.store.database import open_database
from lightkeeper.store.documents import Documents
from lightkeeper.store.expected import ExpectedDocuments
from lightkeeper.store.levels import Levels
from lightkeeper.store.triage import TriageStore


@pytest.fixture
def database(database_url):
    """An empty store, on each engine in turn."""
    with closing(open_database(database_url, create=True)) as opened:
        yield opened


@pytest.fixture
def expected(database):
    """What is expected of its submissions."""
    return ExpectedDocuments(database)


def _missing(expected, submission_id="s-1"):
    return {
        each.document_type: each.missing_count for each in expected.of_submission(submission_id)
    }


def _numbers(first=1):
    return itertools.count(first)


def test_documents_tracked_before_and_after_it_was_said_count_alike(database, expected):
    """Those of the submission and of the type, and no others."""
    documents = Documents(database)
    documents.add([new(1), new(2, submission_id="s-2"), new(3, document_type="form_0781a")], NOW)

    expected.expect("s-1", {"form_0781": 3, "bdd_instructions": 1}, "vets-api", NOW)
    assert {"form_0781": 2, "bdd_instructions": 1} == _missing(expected)
    documents.add([new(4), new(5, document_type="bdd_instructions")], NOW)
    assert {"form_0781": 1, "bdd_instructions": 0} == _missing(expected)
    documents.add([new(4), new(6), new(7)], NOW)  # one more than expected
    assert {"form_0781": 0, "bdd_instructions": 0} == _missing(expected)
    assert {} == _missing(expected, "s-2")


def test_tries_of_one_attachment_are_one_document(database, expected):
    """Tracked before or after, and whichever decides; without an attachment each is one."""
    documents = Documents(database)
    upload = {"document_type": "veteran_upload"}
    documents.add([new(1, attachment_id="a", **upload), new(2, attachment_id="a", **upload)], NOW)
    expected.expect("s-1", {"veteran_upload": 3}, "vets-api", NOW)
    assert {"veteran_upload": 2} == _missing(expected)
    documents.add([new(3, attachment_id="a", **upload)], NOW)
    assert {"veteran_upload": 2} == _missing(expected)
    documents.add([new(4, attachment_id="b", **upload)], NOW)
    assert {"veteran_upload": 1} == _missing(expected)

    documents.add([new(5, submission_id="s-2"), new(6, submission_id="s-2")], NOW)
    assert [2] == [
        each.document_count - each.missing_count
        for each in expected.expect("s-2", {"form_0781": 3}, "vets-api", NOW)
    ]


def test_said_again_it_replaces_what_was_said_of_that_type(database, expected):
    """More, fewer or none; of other types what was said stays."""
    Documents(database).add([new(1)], NOW)
    expected.expect("s-1", {"form_0781": 2, "veteran_upload": 1}, "vets-api", NOW)
    first = expected.of_submission("s-1")
    assert first == expected.expect("s-1", {"form_0781": 2}, "another", NOW + HOUR)

    found = []
    for count in (4, 2, 1, 0, 0, 2):
        expected.expect("s-1", {"form_0781": count}, "vets-api", NOW + HOUR)
        found.append(_missing(expected).get("form_0781"))
    assert [3, 1, 0, None, None, 1] == found
    assert 1 == _missing(expected)["veteran_upload"]


def test_a_corrected_document_counts_where_it_belongs(database, expected):
    """Its new submission and type have it, and the old ones miss it."""
    Documents(database).add([new(1), new(2)], NOW)
    for submission_id in ("s-1", "s-2"):
        expected.expect(submission_id, {"form_0781": 1, "form_0781a": 1}, "vets-api", NOW)
    assert {"form_0781": 0, "form_0781a": 1} == _missing(expected)
    triage = TriageStore(database)

    correct(triage, 1, Correction(document_type="form_0781a"), "jane", "typo", NOW)
    assert {"form_0781": 0, "form_0781a": 0} == _missing(expected)
    correct(triage, 2, Correction(submission_id="s-2"), "jane", "typo", NOW)
    assert {"form_0781": 1, "form_0781a": 0} == _missing(expected)
    assert {"form_0781": 0, "form_0781a": 1} == _missing(expected, "s-2")


def test_what_staff_settled_is_no_longer_missing_until_more_is(database, expected):
    """Of one type or all; tracked after all it is tracked; a document that goes is missing."""
    Documents(database).add([new(1)], NOW)
    expected.expect("s-1", {"form_0781": 2, "veteran_upload": 1, "form_0781a": 1}, "x", NOW)
    late, levels = NOW + HOUR, Levels(database)

    (settled,) = expected.settle("s-1", ["veteran_upload"], "jane", "by mail", late)
    assert (late, "jane", "by mail") == settled[-3:]
    assert {"form_0781": 1, "form_0781a": 1} == levels.expected_missing(late, HOUR)
    assert 2 == len(expected.settle("s-1", (), "joe", "by fax", late))
    assert [] == expected.settle("s-1", (), "joe", "by fax", late)
    assert [] == expected.settle("s-9", (), "joe", "by fax", late)
    assert {} == levels.expected_missing(late, HOUR)
    assert [] == expected.missing()
    assert 3 == len(expected.missing(also_settled=True))
    Documents(database).add([new(2, document_type="veteran_upload", attachment_id="a")], late)
    assert 2 == len(expected.missing(also_settled=True))
    correct(TriageStore(database), 1, Correction(submission_id="s-7"), "jane", "typo", late)
    assert {"form_0781": 2} == levels.expected_missing(late, HOUR)


def test_whatever_comes_in_whatever_order_it_is_what_a_full_count_gives(database, expected):
    """Two hundred random sayings, documents, tries and corrections of three submissions."""
    draw, numbers = random.Random(16), _numbers()
    documents, triage = Documents(database), TriageStore(database)
    kinds, said, tracked = ("form_0781", "form_0781a"), {}, {}
    for _ in range(200):
        submission_id, kind = draw.choice(("s-1", "s-2", "s-3")), draw.choice(kinds)
        attachment_id = draw.choice((None, "a", "b"))
        action = draw.random()
        if action < 0.3:
            count = draw.randrange(5)
            expected.expect(submission_id, {kind: count}, "x", NOW)
            said[submission_id, kind] = count
        elif action < 0.8 or not tracked:
            number = next(numbers)
            given = {"document_type": kind, "attachment_id": attachment_id}
            documents.add([new(number, submission_id=submission_id, **given)], NOW)
            tracked[number] = (submission_id, kind, attachment_id or number)
        else:
            number = draw.choice(list(tracked))
            correction = Correction(submission_id, attachment_id or "", kind)
            correct(triage, number, correction, "jane", "typo", NOW)
            tracked[number] = (submission_id, kind, attachment_id or number)
    there = {
        where: len({one for *at, one in tracked.values() if tuple(at) == where}) for where in said
    }
    found = {
        (each.submission_id, each.document_type): each.missing_count
        for submission_id in ("s-1", "s-2", "s-3")
        for each in expected.of_submission(submission_id)
    }
    assert {at: max(0, count - there[at]) for at, count in said.items() if count} == found


@pytest.mark.parametrize("tracks_first", [True, False])
def test_what_is_tracked_meanwhile_is_not_missed(database_url, database, tracks_first):
    """Where one tracks while another says what is expected, the second waits for the first."""

    def track(store):
        Documents(store).add([new(1)], NOW)

    def expect(store):
        ExpectedDocuments(store).expect("s-1", {"form_0781": 1}, "x", NOW)

    def later():
        with closing(open_database(database_url, create=False)) as other:
            second(other)

    first, second = (track, expect) if tracks_first else (expect, track)
    with ThreadPoolExecutor(1) as pool:
        with database.writing():
            first(database)
            done = pool.submit(later)
            with pytest.raises(TimeoutError):
                done.result(0.3)
        done.result()
    assert {"form_0781": 0} == _missing(ExpectedDocuments(database))


def test_what_is_missing_is_read_from_its_index(database, expected, monkeypatch):
    """However much was expected once: the gauges read only what is open."""
    database.execute_many(
        "INSERT INTO expected_documents VALUES (?, 'form_0781', 1, ?, ?, 'x', NULL, NULL, NULL)",
        [(f"s-{at}", int(at < 2), NOW) for at in range(3_000)],
    )
    database.execute("ANALYZE")

    (plan,) = plans(database, monkeypatch, lambda: expected.late(NOW))
    assert uses(plan, "expected_missing"), plan
    assert {"form_0781": 2} == Levels(database).expected_missing(NOW + HOUR, HOUR)
    assert {} == Levels(database).expected_missing(NOW + HOUR - MINUTE, HOUR)


def test_a_clock_that_ran_ahead_hides_nothing(database, expected):
    """What was said at a time still to come is expected since now."""
    expected.expect("s-1", {"form_0781": 1}, "vets-api", NOW + 90 * HOUR)
    assert has_times_ahead(database, NOW)

    pull_in(database, NOW)
    assert not has_times_ahead(database, NOW)
    assert {"form_0781": 1} == Levels(database).expected_missing(NOW + HOUR, HOUR)
