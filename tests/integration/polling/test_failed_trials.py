"""A failed trial says that batches fail, and nothing of Lighthouse or of polling."""

import pytest
from daemon_rig import DaemonRig

from lightkeeper.service.stop import Stop
from lightkeeper.telemetry.health import CRITICAL, OK

DAY = 86_400.0
BATCHES, POLLING = "lightkeeper.poll.batch_endpoint", "lightkeeper.polling"
OTHERS = (POLLING, "lightkeeper.lighthouse.can_connect", "lightkeeper.lighthouse.can_authenticate")


@pytest.fixture
def watch(tmp_path):
    """A daemon between a simulated Lighthouse and Agent; calls that hang do not hang long."""
    with DaemonRig(f"sqlite:///{tmp_path}/store.db", tmp_path, deadline=0.5) as running:
        yield running


def _fail_batches(lighthouse, how):
    if isinstance(how, int):
        lighthouse.fail_share(1.0, how, path="status")
    else:
        lighthouse.down(how, "status")


def _slices(watch, count):
    """Make slices of polling, a second apart; the statuses that were sent since, by check."""
    service = watch.daemon.loop()
    watch.agent.clear()
    with Stop().on_signals() as stop:
        for at in range(count):
            service.poll_slice(stop)
            watch.clock.now += 1
            if at % 15 == 14:
                watch.health.pulse()
    sent = {}
    for check in watch.agent.checks:
        sent.setdefault(check.name, set()).add(check.status)
    return sent


@pytest.mark.parametrize("how", [401, 429, 502, "refuse", "hang"])
def test_a_failed_trial_says_nothing_of_lighthouse_or_of_polling(watch, how):
    """With little due trials are the only calls for minutes: all is well but the batches."""
    watch.track(120, "stuck_bgs", age=3 * DAY)
    _fail_batches(watch.lighthouse, how)
    watch.steps(60)
    _slices(watch, 90)
    before = len(watch.calls())

    sent = _slices(watch, 500)

    assert 2 <= [call.path for call in watch.calls()[before:]].count("status")
    assert {BATCHES: {CRITICAL}} | {name: {OK} for name in OTHERS} == {
        name: sent[name] for name in (BATCHES, *OTHERS)
    }
    assert {0.0} == set(watch.agent.values("lightkeeper.poll.failing_for"))
    assert 490 <= watch.agent.count("lightkeeper.cycle.success")

    watch.lighthouse.fail_share(1.0, 502, path=None)
    watch.track(2, "stuck_bgs", age=3 * DAY)
    assert CRITICAL in _slices(watch, 60)[POLLING]
    assert 30 <= watch.agent.gauge("lightkeeper.poll.failing_for")


@pytest.mark.parametrize("status", [401, 403, 429, 503])
def test_what_ends_calls_about_one_document_too_is_no_fault_of_batches(watch, status):
    """Batches fail, and two in three of the other calls: the rate limit's case, for example."""
    watch.track(300, "stuck_bgs", age=3 * DAY)
    _fail_batches(watch.lighthouse, status)
    while watch.poller.report().singly_seconds is None:
        watch.steps(1)

    for _ in range(20):
        watch.lighthouse.fail_next(2, status, path="single")
        watch.steps(3)
        if watch.poller.report().singly_seconds is None:
            break

    assert watch.poller.report().singly_seconds is None


@pytest.mark.parametrize("status", [401, 429, 503])
def test_half_of_all_calls_failing_is_no_fault_of_batches(watch, status):
    """The check is never critical for the ten minutes after which the monitor notifies."""
    watch.track(400, "stuck_bgs", age=3 * DAY)
    watch.lighthouse.fail_share(0.5, status, path=None)
    service, longest = watch.daemon.loop(), 0.0
    with Stop().on_signals() as stop:
        for _ in range(1_200):
            service.poll_slice(stop)
            watch.clock.now += 1
            longest = max(longest, watch.poller.report().singly_seconds or 0.0)

    assert longest < 300


def test_a_few_failed_calls_about_one_document_leave_the_batches_failing(watch):
    """Now and then one ends as 429: batches, which all fail, are worse than that."""
    watch.track(300, "stuck_bgs", age=3 * DAY)
    _fail_batches(watch.lighthouse, 502)
    watch.steps(40)

    for _ in range(5):
        watch.lighthouse.fail_next(1, 429, path="single")
        watch.steps(15)

    assert watch.poller.report().singly_seconds is not None


@pytest.mark.parametrize("how", [502, 404, "hang"])
def test_passes_one_after_the_other_end_within_40_seconds(tmp_path, how):
    """Each is a process of its own, and none has to wait for the limit that the others used up."""
    store = f"sqlite:///{tmp_path}/store.db"
    with DaemonRig(store, tmp_path, deadline=0.5, rate_limit=60) as watch:
        watch.clock.now -= watch.clock.now % 60  # when a window of the limit begins
        watch.track(2_000, "stuck_bgs", age=3 * DAY)
        _fail_batches(watch.lighthouse, how)
        for _ in range(3):
            watch.restart()
            began = watch.clock.now

            result = watch.poll()

            assert watch.clock.now - began <= 20
            assert (True, "batches fail while") == (result.incomplete, result.reason[:18])
