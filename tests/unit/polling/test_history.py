"""What the poller reports of its calls to health and to `lightkeeper poll`."""

import pytest

from lightkeeper.polling.batch import Batch
from lightkeeper.polling.history import CallHistory, PollReport
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
    history.rate_limited()
    history.called()
    history.answered(7)

    assert PollReport(last_call_ago=0.0, last_failure="timeout") == history.report()
    assert 7 == history.answered_id


def test_429_in_a_row_are_reported_since_the_first_and_are_no_failures(history, clock):
    """They have a count and a duration of their own."""
    history.rate_limited()
    clock.now = 4.0
    history.rate_limited()
    clock.now = 6.0

    assert PollReport(rate_limited_in_row=2, rate_limited_seconds=6.0) == history.report()


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
    history.answered(1)
    history.failed(batch)
    assert History(failures_in_row=1, answered_since=0) == history.of(batch)
    history.answered(2)
    history.failed(batch)

    assert 2 == batch.failures
    assert History(failures_in_row=1, answered_since=1) == history.of(batch)
