"""The daemon's own health: service checks in each status, by evidence only."""

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
BATCHES = "lightkeeper.poll.batch_endpoint"


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
    """What one pulse sends: status by check."""
    watch.agent.clear()
    watch.health.pulse()
    watch.agent.drain()
    assert 1 == watch.agent.gauge("lightkeeper.heartbeat")
    return {check.name: check.status for check in watch.agent.checks}


def _messages(watch):
    return {check.name: check.message for check in watch.agent.checks}


def test_nothing_is_claimed_before_the_first_call(watch):
    """Before the first call only the status of the store is known; no batch has failed."""
    unknown = dict.fromkeys((CONNECT, AUTHENTICATE, POLLING), UNKNOWN)
    assert unknown | {WRITE: OK, BATCHES: OK} == _states(watch)


def test_idle_polling_is_ok(watch):
    """With nothing due polling is OK, and Lighthouse is unknown."""
    _slice(watch)

    unknown = dict.fromkeys((CONNECT, AUTHENTICATE), UNKNOWN)
    assert unknown | {POLLING: OK, WRITE: OK, BATCHES: OK} == _states(watch)


def test_an_answer_shows_everything_to_be_ok(watch):
    """One answered call is evidence for every check, until there is other evidence."""
    watch.track(5)
    _slice(watch)

    all_ok = dict.fromkeys((CONNECT, AUTHENTICATE, POLLING, WRITE, BATCHES), OK)
    assert all_ok == _states(watch)
    assert {"": 5} == {"": list(_messages(watch).values()).count("")}
    assert all_ok == _states(watch)


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
def test_a_failing_lighthouse_is_critical_where_calls_show_it(watch, fail, expected, said):
    """Unreachable, refusing the token and failing differ in their checks, each with its reason."""
    watch.track(1)
    fail(watch.lighthouse)
    _slice(watch)

    states = _states(watch)
    assert expected == (states[CONNECT], states[AUTHENTICATE], states[POLLING])
    for name, message in _messages(watch).items():
        if states[name] == CRITICAL:
            assert f"calls end as {said}" == message


def test_a_refused_client_cannot_authenticate(watch):
    """Without a token authentication and polling are critical."""
    watch.track(1)
    watch.lighthouse.reject_tokens()
    _slice(watch)

    states = _states(watch)
    assert (CRITICAL, CRITICAL) == (states[AUTHENTICATE], states[POLLING])


def test_a_failing_token_endpoint_is_no_refusal(watch):
    """Polling is critical, and authentication is unknown: one page, not two."""
    watch.track(1)
    watch.lighthouse.fail_share(1.0, 503, path="token")
    _slice(watch)

    states = _states(watch)
    assert (UNKNOWN, CRITICAL) == (states[AUTHENTICATE], states[POLLING])
    assert "calls end as token_unavailable" == _messages(watch)[POLLING]


def test_checks_recover_at_the_first_answer(watch):
    """They are critical during an outage, also between calls, and OK after it."""
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


def test_some_failed_calls_are_no_failure(watch):
    """While some calls are answered, every check is OK."""
    watch.track(20)
    watch.steps(1)
    watch.lighthouse.fail_next(1, 500)
    _slice(watch, 3)

    assert {OK} == set(_states(watch).values())


def test_a_store_that_cannot_be_written_is_critical(watch, tmp_path):
    """While another process locks it, the check has the reason; afterwards it is OK."""
    watch.database.execute("PRAGMA busy_timeout = 20")
    with closing(open_database(watch.url, create=False)) as other, other.writing():
        assert CRITICAL == _states(watch)[WRITE]
        assert "database is locked" in _messages(watch)[WRITE]
    assert OK == _states(watch)[WRITE]


def test_how_many_calls_are_left_is_a_gauge(tmp_path):
    """It is what Lighthouse said last, the limit in a new window, and absent before the first."""
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
    """Calls by outcome and documents in answered calls are counted."""
    watch.track(15)
    watch.track_ids([999_999_999])
    _slice(watch)
    watch.health.pulse()

    agent = watch.agent
    assert 2 == agent.count("lightkeeper.poll.batches", outcome="ok")
    assert 16 == agent.count("lightkeeper.poll.documents")
    assert 1 == agent.count("lightkeeper.cycle.success")


def test_a_429_without_end_is_a_failure(watch):
    """For five minutes a 429 to every call is a wait, and after that a failure."""
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
    """Answers that the store cannot record are no progress, though a small write may work."""
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
def test_a_lock_in_postgresql_delays_the_check_for_seconds_only(postgres_url, tmp_path):
    """While another session has a transaction open, the check is critical, and OK after it."""
    with DaemonRig(postgres_url, tmp_path) as watch:
        watch.database.claim()
        with closing(open_database(postgres_url, create=False)) as other, other.writing():
            other.try_write(0)
            began = time.monotonic()
            assert CRITICAL == _states(watch)[WRITE]
            assert time.monotonic() - began < at_most(10)
        assert OK == _states(watch)[WRITE]


def test_a_pass_that_the_store_ends_is_no_success(watch):
    """Its answered calls are counted, and a success is not."""
    watch.track(50)
    ((pages,),) = watch.database.rows("PRAGMA page_count")
    watch.database.rows(f"PRAGMA max_page_count = {pages}")

    with pytest.raises(StoreUnavailable):
        watch.poll()

    watch.emitter.flush()
    assert 0 < watch.agent.count("lightkeeper.poll.batches", outcome="ok")
    assert 0 == watch.agent.count("lightkeeper.cycle.success")
