"""When to ask again: often while young, ever more rarely, and never for ever."""

import pytest
import store_rows
from hypothesis import given
from hypothesis import strategies as st

from lightkeeper.domain.answer import Absence, StatusReport
from lightkeeper.domain.interpret import interpret
from lightkeeper.domain.policy import Policy
from lightkeeper.domain.poll_schedule import is_poll_wanted, next_poll_at
from lightkeeper.domain.time import DAY, HOUR, MINUTE, SECOND

POLICY = Policy()
TRACKED_AT = store_rows.NOW
FRESH = store_rows.FRESH._replace(document_type="veteran_upload")
RUNNING = StatusReport(21, "IN_PROGRESS", (), None, None, None, None, "{}")
FAILED = RUNNING._replace(status="FAILED")

ages = st.integers(0, 400 * DAY)
documents = st.builds(
    FRESH._replace,
    tracked_at=st.integers(TRACKED_AT - 400 * DAY, TRACKED_AT + DAY),
    lighthouse_status=st.sampled_from(["pending", "done", "failed"]),
    not_found_since=st.none() | st.integers(TRACKED_AT - 400 * DAY, TRACKED_AT),
    decided_at=st.none() | st.integers(TRACKED_AT - 10 * DAY, TRACKED_AT),
    trouble_count=st.integers(0, 10**6),
)


def _gap(document, age):
    """How long after an answer at `age` the document is polled again."""
    return next_poll_at(document, POLICY, TRACKED_AT + age) - TRACKED_AT - age


def _looks(observation, until):
    """When a document that always gets the same answer is polled, and its state after that."""
    document, now = FRESH, TRACKED_AT
    looks = []
    while now is not None and now < until:
        document = interpret(document, observation, POLICY, now).after
        looks.append(now)
        now = next_poll_at(document, POLICY, now)
    return looks, document


@pytest.mark.parametrize(("age", "gap"), [(8 * MINUTE, 2 * MINUTE), (3 * DAY, 5 * MINUTE)])
def test_a_document_that_went_on_is_asked_about_again_soon(age, gap):
    """However old: what was held up goes through the next step soon, and is not stuck there."""
    now = TRACKED_AT + age

    assert now + gap == next_poll_at(FRESH, POLICY, now, moved=True)


@pytest.mark.parametrize(
    ("age", "pending", "not_found", "failed"),
    [
        (0, 15 * SECOND, 5 * MINUTE, HOUR),
        (8 * MINUTE, 2 * MINUTE, 5 * MINUTE, HOUR),
        (2 * HOUR, 30 * MINUTE, HOUR, 2 * HOUR),
        (5 * HOUR, HOUR, 150 * MINUTE, 5 * HOUR),
        (3 * DAY, HOUR, 6 * HOUR, DAY),
    ],
)
def test_the_gap_grows_with_the_age(age, pending, not_found, failed):
    """A quarter, half or all of the age, each between its own bounds."""
    assert pending == _gap(FRESH, age)
    assert not_found == _gap(FRESH._replace(not_found_since=TRACKED_AT), age)
    assert failed == _gap(FRESH._replace(lighthouse_status="failed", decided_at=TRACKED_AT), age)


@given(documents)
def test_the_next_time_is_always_ahead(document):
    """No document, however odd, is due again at once or in the past."""
    due = next_poll_at(document, POLICY, TRACKED_AT)

    assert due is None or due > TRACKED_AT


@given(documents)
def test_only_what_may_still_change_is_asked_about(document):
    """Pending has a next time, done has none, and a failure has one within its window alone."""
    due = next_poll_at(document, POLICY, TRACKED_AT)

    decided_at = TRACKED_AT if document.decided_at is None else document.decided_at
    in_window = TRACKED_AT < decided_at + 7 * DAY
    asked = {"pending": True, "done": False, "failed": in_window}
    assert asked[document.lighthouse_status] == (due is not None)


@given(ages, ages)
def test_pending_documents_are_asked_about_ever_more_rarely(age, older):
    """Every quarter of the age, between 15 seconds and an hour."""
    younger, older = sorted([age, older])

    assert 15 * SECOND <= _gap(FRESH, younger) <= _gap(FRESH, older) <= HOUR
    assert _gap(FRESH, younger) <= max(15 * SECOND, younger // 4)


def test_a_new_document_is_polled_often():
    """The daemon sees the end of a document that takes 20 seconds within 15 seconds."""
    looks, _ = _looks(RUNNING, TRACKED_AT + MINUTE)

    assert [TRACKED_AT + at * SECOND for at in (0, 15, 30, 45)] == looks


def test_a_document_pending_for_two_days_stays_cheap():
    """An outage of 48 hours costs fewer than a hundred questions a document."""
    looks, document = _looks(RUNNING, TRACKED_AT + 48 * HOUR)

    assert "pending" == document.lighthouse_status
    assert 48 <= len(looks) < 100


@given(ages)
def test_not_found_documents_are_asked_about_more_rarely(age):
    """Between 5 minutes and 6 hours, and never sooner than one that is being worked on."""
    not_found = FRESH._replace(not_found_since=TRACKED_AT)

    assert 5 * MINUTE <= _gap(not_found, age) <= 6 * HOUR
    assert _gap(FRESH, age) <= _gap(not_found, age)


def test_not_found_is_not_asked_about_for_ever():
    """An id Lighthouse never knows becomes a failure after 7 days and is let go 7 days later."""
    looks, document = _looks(Absence.NOT_FOUND, TRACKED_AT + 365 * DAY)

    assert ("failed", TRACKED_AT) == (document.lighthouse_status, document.not_found_since)
    assert TRACKED_AT + 7 * DAY <= document.decided_at <= TRACKED_AT + 7 * DAY + 6 * HOUR
    assert document.decided_at + 7 * DAY == looks[-1]
    assert len(looks) < 100


@given(st.integers(0, 7 * DAY - 1))
def test_failures_are_looked_at_again_more_rarely(since):
    """Every hour to every day, and for the last time when the window ends."""
    failed = FRESH._replace(lighthouse_status="failed", decided_at=TRACKED_AT)

    left = 7 * DAY - since
    assert min(HOUR, left) <= _gap(failed, since) <= min(DAY, left)
    assert min(_gap(FRESH, since), left) <= _gap(failed, since)


def test_a_failure_is_final_when_its_window_has_passed():
    """The last look at a failure comes at the end of the window, and none after it."""
    looks, document = _looks(FAILED, TRACKED_AT + 365 * DAY)

    assert "failed" == document.lighthouse_status
    assert TRACKED_AT + 7 * DAY == looks[-1]
    assert len(looks) < 24


@given(ages, st.integers(1, 10**6), st.integers(1, 10**6))
def test_trouble_backs_off_to_at_most_an_hour(age, fewer, more):
    """The more answers running said nothing, the later the next try, but within the hour."""
    fewer, more = sorted([fewer, more])
    gaps = [_gap(FRESH._replace(trouble_count=count), age) for count in (1, fewer, more, 10**6)]

    assert sorted(gaps) == gaps
    assert (MINUTE, HOUR) == (gaps[0], gaps[-1])


@given(st.integers(0, 30 * DAY))
def test_the_window_is_a_setting(window):
    """However long the window, a failure's last look is at its end."""
    policy = Policy(recheck_window_ms=window)
    document = FRESH._replace(lighthouse_status="failed", decided_at=TRACKED_AT)

    now, due = TRACKED_AT, next_poll_at(document, policy, TRACKED_AT)
    while due is not None:
        now, due = due, next_poll_at(document, policy, due)

    assert TRACKED_AT + window == now


@pytest.mark.parametrize(
    ("answered_ago", "polled_ago", "is_final", "wanted"),
    [
        (None, None, False, True),  # never polled
        (60_000, 60_000, False, False),
        (60_001, 60_001, False, True),
        (-5_000, -5_000, False, False),  # the clock of another host is ahead
        (HOUR, 30_000, False, False),  # polled just now in vain
        (HOUR, 30_001, False, True),
        (None, 30_000, False, False),
        (HOUR, HOUR, True, False),
        (None, None, True, False),
    ],
)
def test_a_document_is_polled_first_for_who_takes_no_older_answer(
    answered_ago, polled_ago, is_final, wanted
):
    """Unless its answer is young enough or final, or it was polled just now in vain."""
    now = TRACKED_AT + DAY
    answered_at, polled_at = (
        None if ago is None else now - ago for ago in (answered_ago, polled_ago)
    )
    due_at = None if is_final else now + HOUR

    assert wanted == is_poll_wanted(answered_at, polled_at, due_at, MINUTE, now)


@pytest.mark.parametrize(("max_age", "wanted"), [(0, True), (SECOND, False), (MINUTE, False)])
def test_who_takes_only_a_new_answer_has_it_polled_again_at_once(max_age, wanted):
    """A short age also shortens for how long a poll in vain is not repeated."""
    now = TRACKED_AT + DAY

    assert wanted == is_poll_wanted(now - HOUR, now - SECOND, now, max_age, now)
