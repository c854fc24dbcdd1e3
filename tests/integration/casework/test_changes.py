"""The feed: pages of changes after a cursor, which says where a store was taken back."""

import shutil
from contextlib import closing

import pytest
from store_rows import NOW, ended, moved, new, stand

from lightkeeper.casework.changes import CursorGone, Feed, WrongCursor
from lightkeeper.casework.triage import Action, decide, note
from lightkeeper.domain.policy import Policy
from lightkeeper.domain.time import DAY, HOUR, MINUTE
from lightkeeper.store.changes import START, Changes, Position
from lightkeeper.store.database import open_database
from lightkeeper.store.documents import Documents
from lightkeeper.store.triage import TriageStore

FEED = Feed("production")


@pytest.fixture
def database(database_url):
    """A new store on each engine in turn."""
    with closing(open_database(database_url, create=True)) as database:
        yield database


def _step(database, request_id, step, at):
    """Lighthouse answers that this document is at this step."""
    documents = Documents(database)
    (one,) = [each for each in documents.due(at, 1_000) if each.request_id == request_id]
    documents.record([moved(one, at=at, current_step=step, next_poll_at=at)], at)


def _read(database, cursor=None, limit=2, now=NOW):
    """All pages from a cursor on: each change as (request id, step), and the last cursor."""
    seen, more = [], True
    while more:
        changes, cursor, more = FEED.page(
            Changes(database), FEED.position(cursor), limit, now, for_staff=True
        )
        assert len(changes) <= limit
        seen += [(each["lighthouse_request_id"], each["to_step"]) for each in changes]
    return seen, cursor


def test_a_change_says_what_became_of_which_document(database):
    """By the names that `show` uses, with what was remarked, and without who and why."""
    documents = Documents(database)
    documents.add([new(21, submission_id="s-9", attachment_id="a-9")], NOW)
    (before,) = documents.due(NOW, 1)
    documents.record(
        [ended(before, change={"step_changes": (("CLAIMS_EVIDENCE", "SUCCESS"),)})], NOW
    )
    store = TriageStore(database)
    may = decide(Action.RECHECK, Policy(), NOW)
    store.carry_out([before.id], lambda _: may(before), note(Action.RECHECK, "jane", "", NOW))

    page = FEED.page(Changes(database), START, 10, NOW)

    assert {
        "at": "2027-01-15T08:00:00Z",
        "lighthouse_request_id": 21,
        "form_526_submission_id": "s-9",
        "form_attachment_id": "a-9",
        "document_type": "form_0781",
        "from_status": "pending",
        "to_status": "done",
        "from_step": "none",
        "to_step": "complete",
        "outcome": "done",
        "step_changes": {"CLAIMS_EVIDENCE": "SUCCESS"},
        "remarks": [],
    } == page.changes[0]
    assert ["recheck"] == page.changes[1]["remarks"]
    assert "jane" not in str(page)


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 100])
def test_pages_follow_one_another(database, limit):
    """Each change once, in its order; the cursor of an empty page continues with what comes."""
    stand(Documents(database), ["waiting"] * 5)
    seen, cursor = _read(database, limit=limit)
    assert [(number, "none") for number in range(1, 6)] == seen
    assert ([], cursor) == _read(database, cursor, limit)

    _step(database, 3, "CLAIMS_EVIDENCE", NOW + DAY)

    assert [(3, "CLAIMS_EVIDENCE")] == _read(database, cursor, limit)[0]


def test_an_empty_store_has_a_cursor_too(database):
    """Nothing changed yet: its cursor continues with the first change."""
    seen, cursor = _read(database)
    assert [] == seen
    stand(Documents(database), ["waiting"])

    assert [(1, "none")] == _read(database, cursor)[0]


def _variants(cursor):
    for at, char in enumerate(cursor):
        yield cursor[:at] + ("A" if char != "A" else "B") + cursor[at + 1 :]
    yield from (cursor[:-1], cursor + "A", cursor + "=", cursor + "\n", f" {cursor}")
    yield from ("", "0", "12", "ä", "A" * 32, "é" * 32, "\ud800", "=" * 32, "A" * 10_000)


def test_what_is_no_cursor_is_refused():
    """A letter of it changed, cut or added, or that of another environment."""
    cursor = FEED.cursor(Position(7, NOW, 3))
    assert Position(7, NOW, 3) == FEED.position(cursor)

    for wrong in (*_variants(cursor), Feed("staging").cursor(Position(7, NOW, 3))):
        with pytest.raises(WrongCursor, match="not a cursor of this feed"):
            FEED.position(wrong)


def test_a_store_that_was_taken_back_says_where_to_go_on(tmp_path):
    """What came after the copy is given whole, though its numbers were given before."""
    path, copy = tmp_path / "lightkeeper.db", tmp_path / "copy.db"
    with closing(open_database(f"sqlite:///{path}", create=True)) as database:
        stand(Documents(database), ["waiting"] * 3)
        _step(database, 1, "CLAIMS_EVIDENCE", NOW + DAY)
    shutil.copy(path, copy)
    with closing(open_database(f"sqlite:///{path}", create=False)) as database:
        for number in (1, 2, 3):
            _step(database, number, "LOST", NOW + DAY + number * HOUR)
        _, cursor = _read(database)
    shutil.move(copy, path)

    with closing(open_database(f"sqlite:///{path}", create=False)) as database:
        later = NOW + 2 * DAY
        position = FEED.position(cursor)
        with pytest.raises(CursorGone, match="older copy"):
            FEED.page(Changes(database), position, 10, later)  # before anything has come
        for number in (3, 2, 1):
            _step(database, number, "FOUND", later + number)
        with pytest.raises(CursorGone) as gone:
            FEED.page(Changes(database), position, 10, later)
        seen, end = _read(database, gone.value.go_on_after, now=later)

        assert [(3, "FOUND"), (2, "FOUND"), (1, "FOUND")] == seen[-3:]
        assert ([], end) == _read(database, end)


@pytest.mark.parametrize("ahead", [0, 2 * DAY])
def test_times_that_are_corrected_lose_no_change(database, ahead):
    """A clock ran ahead when a cursor was given: what came after it is given, at least once."""
    stand(Documents(database), ["waiting"] * 2)
    _step(database, 1, "CLAIMS_EVIDENCE", NOW + DAY + ahead)
    _, cursor = _read(database)
    _step(database, 2, "CLAIMS_EVIDENCE", NOW + DAY + MINUTE)
    Documents(database).pull_in(NOW + DAY + 2 * MINUTE)

    try:
        seen, _ = _read(database, cursor, now=NOW + DAY + 3 * MINUTE)
    except CursorGone as gone:
        seen, _ = _read(database, gone.go_on_after, now=NOW + DAY + 3 * MINUTE)

    assert (2, "CLAIMS_EVIDENCE") in seen
