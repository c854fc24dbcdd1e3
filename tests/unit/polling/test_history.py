"""What the poller reports of its calls to health and to `lightkeeper poll`."""

import pytest
from store_rows import FRESH

from lightkeeper.polling.batch import Batch
from lightkeeper.polling.history import CallHistory
from lightkeeper.polling.interfaces import PollReport
from lightkeeper.polling.retry import History


class Clock:
    """A monotonic clock that the test sets."""

    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    """The clock of `history`; it starts at 0."""
    return Clock()


@pytest.fixture
def history(clock):
    """A history without calls."""
    return CallHistory(clock)


def test_before_the_first_call_nothing_is_reported(history):
    """A new history reports no failure, no 429 and no call."""
    assert PollReport() == history.report()


def test_failures_are_reported_since_the_first_of_them(history, clock):
    """Count, duration and last reason are those of the failures in a row, also from time 0 on."""
    for at in (0.0, 5.0, 7.0):
        clock.now = at
        history.called()
        history.failed(Batch([]))
    history.last_failure = "timeout"
    clock.now = 9.0

    expected = PollReport(
        failures_in_row=3, failing_seconds=9.0, last_call_ago=2.0, last_failure="timeout"
    )
    assert expected == history.report()


def test_an_answer_ends_failures_and_429_in_a_row(history, clock):
    """Afterwards the last failure alone is remembered."""
    history.failed(Batch([]))
    history.last_failure = "timeout"
    history.wait_began()
    clock.now = 3.0
    history.wait_ended()
    history.rate_limited(Batch([]))
    history.called()
    history.answered(Batch([]))

    assert PollReport(last_call_ago=0.0, last_failure="timeout") == history.report()


def test_429_in_a_row_are_reported_since_the_first_and_are_no_failures(history, clock):
    """They have a count and a duration of their own."""
    batch = Batch([])
    history.rate_limited(batch)
    clock.now = 4.0
    history.rate_limited(batch)
    clock.now = 6.0

    assert PollReport(rate_limited_in_row=2, rate_limited_seconds=6.0) == history.report()
    assert (0, 2) == (batch.failures, batch.limited)


def test_waits_for_the_rate_limit_are_reported_apart_while_calls_fail(history, clock):
    """A wait counts from its start to its end, and only between failures."""
    history.wait_began()
    clock.now = 50.0
    history.wait_ended()
    history.failed(Batch([]))
    for _ in range(2):
        history.wait_began()
        clock.now += 10.0
        history.wait_ended()
        history.wait_ended()
        clock.now += 1.0

    report = history.report()
    assert (22.0, 20.0) == (report.failing_seconds, report.waited_seconds)


def test_each_failure_begins_a_longer_backoff(history, clock):
    """The first lasts up to a quarter of a second, the fourth up to two."""
    assert history.backoff_left <= 0
    history.failed(Batch([]))
    assert 0.125 <= history.backoff_left <= 0.25
    for _ in range(3):
        history.failed(Batch([]))
    assert 1.0 <= history.backoff_left <= 2.0
    clock.now = 2.0
    assert history.backoff_left <= 0


def test_a_batch_counts_the_answers_since_it_failed_first(history):
    """Answers before its first failure are no evidence that its document is to blame."""
    batch = Batch([])
    history.answered(Batch([]))
    history.failed(batch)
    assert History(failures_in_row=1, answered_since=0) == history.of(batch)
    history.answered(Batch([]))
    history.failed(batch)

    assert 2 == batch.failures
    assert History(failures_in_row=1, answered_since=1) == history.of(batch)


def test_a_failure_that_is_its_documents_own_is_none_of_lighthouse(history, clock):
    """Where the call before it was answered, no failure in a row is reported afterwards."""
    history.failed(Batch([]))
    history.blamed()
    assert (0, 0.0) == (history.report().failures_in_row, history.report().failing_seconds)
    history.failed(Batch([]))
    history.failed(Batch([]))
    history.blamed()

    assert 2 == history.report().failures_in_row


def test_ids_that_lighthouse_knows_are_the_latest_ones(history):
    """Each once, the latest first; the companion of a batch is none of its own."""
    for request_id in (*range(1, 12), 3, FRESH.request_id):
        history.gave_status(request_id)

    assert (FRESH.request_id, 3) == history.known(2)
    assert 3 == history.companion_of(Batch([FRESH]))
    assert (FRESH.request_id, 3, 11, 10, 9, 8, 7, 6) == history.known(99)
