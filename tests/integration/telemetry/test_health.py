"""What the daemon says of itself: checks in both states, on evidence only."""

import time
from contextlib import closing

import pytest
from daemon_rig import DaemonRig
from patience import at_most

from lightkeeper.service.stop import Stop
from lightkeeper.store.database import StoreUnavailable, open_database
from lightkeeper.telemetry.health import CRITICAL, OK, UNKNOWN

CONNECT = "lightkeeper.lighthouse.can_connect"
AUTHENTICATE = "lightkeeper.lighthouse.can_authenticate"
WRITE = "lightkeeper.database.can_write"
POLLING = "lightkeeper.polling"


@pytest.fixture
def watch(tmp_path):
    """A daemon in a time of its own."""
    with DaemonRig(f"sqlite:///{tmp_path}/lightkeeper.db", tmp_path, batch_size=10) as running:
        yield running
    running.agent.assert_clean()


def _slice(watch, count=1):
    service = watch.daemon.loop()
    with Stop().on_signals() as stop:
        for _ in range(count):
            service.poll_slice(stop)
            watch.clock.now += 1


def _states(watch):
    """What one pulse says: status by check."""
    watch.agent.clear()
    watch.health.pulse()
    watch.agent.drain()
    assert 1 == watch.agent.gauge("lightkeeper.heartbeat")
    return {check.name: check.status for check in watch.agent.checks}


def _messages(watch):
    return {check.name: check.message for check in watch.agent.checks}


def test_nothing_is_claimed_before_anything_was_asked(watch):
    """Before the first call only the store's state is known."""
    assert {CONNECT: UNKNOWN, AUTHENTICATE: UNKNOWN, POLLING: UNKNOWN, WRITE: OK} == _states(watch)


def test_idle_is_well(watch):
    """With nothing due polling is well; whether Lighthouse is, nobody knows."""
    _slice(watch)

    assert {CONNECT: UNKNOWN, AUTHENTICATE: UNKNOWN, POLLING: OK, WRITE: OK} == _states(watch)


def test_answers_show_all_to_be_well(watch):
    """One answered call is evidence for everything, and stands until there is other evidence."""
    watch.track(5)
    _slice(watch)

    well = {CONNECT: OK, AUTHENTICATE: OK, POLLING: OK, WRITE: OK}
    assert well == _states(watch)
    assert {"": 4} == {"": list(_messages(watch).values()).count("")}
    assert well == _states(watch)


@pytest.mark.parametrize(
    ("fail", "expected", "said"),
    [
        (
            lambda lighthouse: lighthouse.down("refuse"),
            (CRITICAL, UNKNOWN, CRITICAL),
            "connection",
        ),
        (
            lambda lighthouse: lighthouse.fail_next(99, 503),
            (OK, UNKNOWN, CRITICAL),
            "server_error",
        ),
        (
            lambda lighthouse: lighthouse.fail_share(1.0, 301),
            (CRITICAL, UNKNOWN, CRITICAL),
            "unexpected",
        ),
        (
            lambda lighthouse: lighthouse.fail_next(99, 401),
            (OK, CRITICAL, CRITICAL),
            "unauthorized",
        ),
        (
            lambda lighthouse: lighthouse.fail_next(99, 422),
            (OK, OK, CRITICAL),
            "rejected",
        ),
        (
            lambda lighthouse: lighthouse.fail_next(99, 429, headers={"Retry-After": "9"}),
            (OK, UNKNOWN, OK),
            None,
        ),
    ],
)
def test_a_failing_lighthouse_is_told_by_what_it_shows(watch, fail, expected, said):
    """Unreachable, refusing us, or in trouble: each is told apart, and why."""
    watch.track(1)
    fail(watch.lighthouse)
    _slice(watch)

    states = _states(watch)
    assert expected == (states[CONNECT], states[AUTHENTICATE], states[POLLING])
    for name, message in _messages(watch).items():
        if states[name] == CRITICAL:
            assert f"calls end as {said}" == message


def test_a_refused_client_cannot_authenticate(watch):
    """No token for our assertion: Lighthouse itself was not even asked."""
    watch.track(1)
    watch.lighthouse.reject_tokens()
    _slice(watch)

    states = _states(watch)
    assert (CRITICAL, CRITICAL) == (states[AUTHENTICATE], states[POLLING])


def test_a_token_endpoint_in_trouble_refuses_nobody(watch):
    """Polling does not go on, which is one page; that our key is refused would be another."""
    watch.track(1)
    watch.lighthouse.fail_share(1.0, 503, path="token")
    _slice(watch)

    states = _states(watch)
    assert (UNKNOWN, CRITICAL) == (states[AUTHENTICATE], states[POLLING])
    assert "calls end as token_unavailable" == _messages(watch)[POLLING]


def test_recovery_is_told(watch):
    """Critical while Lighthouse is away and between calls; OK at the first answer."""
    watch.track(5)
    watch.lighthouse.down("refuse")
    _slice(watch, 5)
    assert (CRITICAL, CRITICAL) == tuple(_states(watch)[name] for name in (CONNECT, POLLING))
    assert (CRITICAL, CRITICAL) == tuple(_states(watch)[name] for name in (CONNECT, POLLING))
    assert 0 < watch.agent.gauge("lightkeeper.poll.failing_for")

    watch.lighthouse.up()
    watch.clock.now += 60
    _slice(watch, 3)

    assert {OK} == set(_states(watch).values())
    assert 0 == watch.agent.gauge("lightkeeper.poll.failing_for")


def test_some_failures_are_no_failure(watch):
    """While some calls are answered, Lighthouse can be reached."""
    watch.track(20)
    watch.steps(1)
    watch.lighthouse.fail_next(1, 500)
    _slice(watch, 3)

    assert {OK} == set(_states(watch).values())


def test_a_store_that_cannot_be_written_is_told(watch, tmp_path):
    """Locked by somebody else: critical with the reason; OK again afterwards."""
    watch.database.execute("PRAGMA busy_timeout = 20")
    with closing(open_database(watch.url, create=False)) as other, other.writing():
        assert CRITICAL == _states(watch)[WRITE]
        assert "database is locked" in _messages(watch)[WRITE]
    assert OK == _states(watch)[WRITE]


def test_how_many_calls_are_left(tmp_path):
    """As Lighthouse said last; all of them once its window is over; nothing before it spoke."""
    gauge = "lightkeeper.lighthouse.calls_left"
    url = f"sqlite:///{tmp_path}/lightkeeper.db"
    with DaemonRig(url, tmp_path, batch_size=10, rate_limit=60) as watch:
        _states(watch)
        assert watch.agent.gauge(gauge) is None
        watch.track(30)
        _slice(watch)
        _states(watch)
        assert 57 == watch.agent.gauge(gauge)

        watch.clock.now += 61
        _states(watch)
        assert 60 == watch.agent.gauge(gauge)


def test_a_slice_is_counted(watch):
    """Calls by outcome, documents in answered ones, answers without a word, ids nobody asked."""
    watch.track(15)
    watch.track_ids([999_999_999])
    _slice(watch)
    watch.health.pulse()

    agent = watch.agent
    assert 2 == agent.count("lightkeeper.poll.batches", outcome="ok")
    assert 16 == agent.count("lightkeeper.poll.documents")
    assert 1 == agent.count("lightkeeper.cycle.success")


def test_a_turn_that_never_comes_is_told(watch):
    """Nothing but 429 is our turn to wait for five minutes, and a failure after that."""
    watch.track(1)
    watch.lighthouse.fail_share(1.0, 429)
    _slice(watch, 200)
    assert OK == _states(watch)[POLLING]
    _slice(watch, 200)
    watch.agent.clear()
    _states(watch)
    _slice(watch, 60)

    assert CRITICAL == _states(watch)[POLLING]
    assert "rate_limited" in _messages(watch)[POLLING]
    assert 400 < watch.agent.gauge("lightkeeper.poll.failing_for")
    assert 0 == watch.agent.count("lightkeeper.cycle.success")


def test_a_full_disk_is_no_success(watch):
    """Answers that the store cannot take are no progress, whatever a single write may do."""
    watch.track(50)
    ((pages,),) = watch.database.rows("PRAGMA page_count")
    watch.database.rows(f"PRAGMA max_page_count = {pages}")
    service = watch.daemon.loop()
    with Stop().on_signals() as stop:
        for _ in range(5):
            try:
                service.poll_slice(stop)
            except StoreUnavailable as exc:
                service._job_failed("poll_slice", exc)
            watch.clock.now += 1
    states = _states(watch)

    assert (CRITICAL, CRITICAL) == (states[POLLING], states[WRITE])
    assert "nothing could be recorded" in _messages(watch)[POLLING]
    assert "full" in _messages(watch)[WRITE]
    assert 0 == watch.agent.count("lightkeeper.cycle.success")


@pytest.mark.speed
def test_a_lock_in_postgresql_holds_nobody_up(postgres_url, tmp_path):
    """Somebody else's open transaction costs seconds, and is told."""
    with DaemonRig(postgres_url, tmp_path) as watch:
        watch.database.claim()
        with closing(open_database(postgres_url, create=False)) as other, other.writing():
            other.try_write()
            began = time.monotonic()
            assert CRITICAL == _states(watch)[WRITE]
            assert time.monotonic() - began < at_most(10)
        assert OK == _states(watch)[WRITE]


def test_a_pass_that_the_store_ends_is_no_success(watch):
    """Answers nobody could write down are not counted as getting on."""
    watch.track(50)
    ((pages,),) = watch.database.rows("PRAGMA page_count")
    watch.database.rows(f"PRAGMA max_page_count = {pages}")

    with pytest.raises(StoreUnavailable):
        watch.poll()

    watch.emitter.handed_over()
    assert 0 < watch.agent.count("lightkeeper.poll.batches", outcome="ok")
    assert 0 == watch.agent.count("lightkeeper.cycle.success")
