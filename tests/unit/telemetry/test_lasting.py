"""What the log keeps of a trouble that lasts."""

import pytest
import structlog
from manual_clock import ManualClock

from lightkeeper.telemetry.lasting import Lasting

HOUR, DAY = 3_600, 86_400


@pytest.fixture
def clock():
    """A clock that only the test moves on."""
    return ManualClock()


@pytest.fixture
def kept(clock):
    """A function that logs one line, and says whether it is kept, and with what."""
    lasting = Lasting(clock)

    def logged(event, method="warning", **fields):
        try:
            return lasting(None, method, {"event": event, **fields})
        except structlog.DropEvent:
            return None

    return logged


def test_a_lasting_trouble_is_logged_ever_more_rarely(clock, kept):
    """The same line each second is logged at once, after a minute, then ever more rarely."""
    began, lines = clock.now, {}
    for second in range(HOUR):
        clock.now = began + second
        if line := kept("poll.call.failed", outcome="server_error", failures_in_row=second):
            lines[second] = line.get("left_out", 0)

    assert {0: 0, 60: 59, 180: 119, 420: 239, 900: 479, 1500: 599} == dict(list(lines.items())[:6])
    assert [600] == sorted({b - a for a, b in zip(list(lines)[4:], list(lines)[5:], strict=False)})


@pytest.mark.parametrize(
    "other",
    [
        {"outcome": "timeout"},
        {"http_status": 502},
        {"detail": "Service Unavailable"},
        {"lighthouse_request_id": 77_777},
        {"job": "publish"},
    ],
)
def test_a_change_is_logged_at_once(clock, kept, other):
    """Another word, status, job or document is new, and does not hide the first."""
    trouble = {"outcome": "server_error", "http_status": 500, "lighthouse_request_id": 77_776}
    assert kept("poll.call.failed", **trouble)
    assert kept("poll.call.failed", **trouble | other)
    assert not kept("poll.call.failed", **trouble)
    assert not kept("poll.call.failed", **trouble | other)
    assert kept("poll.other.failed", **trouble)


def test_numbers_and_ids_of_calls_are_no_change(kept):
    """Counts, durations and the ids of one call make no line another."""
    said = {"documents": 100, "instance": "a-1", "diagnostics": "b-1", "reason": "pid 48213"}
    other = {"documents": 7, "instance": "a-2", "diagnostics": "b-2", "reason": "pid 60001"}

    assert kept("poll.call.failed", **said)
    assert not kept("poll.call.failed", **other)
    assert kept("service.clock_jumped", seconds=12.5)
    assert not kept("service.clock_jumped", seconds=13.5)
    assert kept("service.clock_jumped", seconds=-12.5)


def test_crashes_differ_by_what_was_raised(kept):
    """The same exception is the same trouble, with a message that counts up."""
    for at, expected in ((1_234, True), (9_999, False)):
        crash = kept("service.job.crashed", "error", exc_info=ValueError(f"at 0x7f{at}00"))
        assert expected == (crash is not None)
    assert kept("service.job.crashed", "error", exc_info=KeyError("a"))


def test_each_end_is_logged_once_and_only_after_its_trouble(kept):
    """A job that recovers says so once; without trouble there is no end."""
    assert not kept("service.job.recovered", "info", job="publish")
    kept("service.job.failed", "error", job="publish", reason="gone")
    kept("service.job.failed", "error", job="send_gauges", reason="gone")
    for job in ("publish", "send_gauges"):
        assert kept("service.job.recovered", "info", job=job)
        assert not kept("service.job.recovered", "info", job=job)
    kept("service.job.crashed", "error", job="publish", exc_info=ValueError("a"))
    assert kept("service.job.recovered", "info", job="publish")


def test_what_begins_again_is_logged(clock, kept):
    """Two minutes after its end a trouble is new; while it comes and goes it is not."""
    assert kept("poll.call.failed", outcome="timeout")
    assert kept("poll.call.answered", "info")
    clock.now += 60
    assert not kept("poll.call.failed", outcome="timeout")
    assert not kept("poll.call.answered", "info")
    clock.now += 61
    assert 1 == kept("poll.call.failed", outcome="timeout")["left_out"]
    assert kept("poll.call.answered", "info")


def test_after_ten_quiet_minutes_everything_is_news(clock, kept):
    """A trouble that was not met for long is a new one."""
    for _ in range(200):
        kept("poll.call.failed", outcome="timeout")
        clock.now += 60
    clock.now += 601

    assert kept("poll.call.failed", outcome="timeout")
    clock.now += 60
    assert kept("poll.call.failed", outcome="timeout")


def test_words_that_are_new_each_time_are_bounded(clock, kept):
    """A day of errors, each worded anew, is fewer than 3,000 lines."""
    lines = 0
    for second in range(0, DAY, 10):
        clock.now += 10
        word = f"{second:020b}".translate({48: "a", 49: "b"})
        lines += kept("library.said", "error", message=word) is not None

    assert 1_000 < lines < 3_000


def test_a_trouble_that_comes_and_goes_is_bounded(clock, kept):
    """A day of failures and answers in turn is fewer than 3,000 lines."""
    lines = 0
    for _ in range(DAY // 10):
        clock.now += 10
        lines += kept("poll.call.failed", outcome="rejected") is not None
        lines += kept("poll.call.answered", "info") is not None

    assert 500 < lines < 3_000


@pytest.mark.parametrize(
    ("event", "method"),
    [("service.started", "info"), ("poll.done", "debug"), ("service.reload.refused", "error")],
)
def test_what_answers_a_person_is_always_logged(kept, event, method):
    """Information, and the answer to a reload, are never left out."""
    assert kept(event, method, problems=["a"])
    assert kept(event, method, problems=["a"])
