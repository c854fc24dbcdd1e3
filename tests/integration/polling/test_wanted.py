"""Polls that callers wait for: made first, together, and within a share of the rate limit."""

import pytest
from daemon_rig import DaemonRig

from lightkeeper.domain.poll_schedule import is_poll_wanted
from lightkeeper.domain.time import DAY, HOUR, MINUTE, SECOND
from lightkeeper.polling.interfaces import State
from lightkeeper.service.stop import Stop
from lightkeeper.store.wanted import WantedPolls


@pytest.fixture
def make(tmp_path):
    """A function that makes a `DaemonRig` on SQLite."""
    return lambda **traits: DaemonRig(f"sqlite:///{tmp_path}/lightkeeper.db", tmp_path, **traits)


@pytest.fixture
def watch(make):
    """A daemon between a simulated Lighthouse without limits and a simulated Agent."""
    with make() as running:
        yield running


def _want(watch, request_ids, max_age=MINUTE, by="vets-api"):
    """What the API does for who asks for these; how many have to wait."""
    now, polls = watch.clock.instant(), WantedPolls(watch.database)
    marks = ", ".join(map(str, request_ids))
    rows = watch.rows(
        "id, last_answered_at, last_polled_at, next_poll_at", f"lighthouse_request_id IN ({marks})"
    )
    stale = {row[0]: row[2] for row in rows if is_poll_wanted(*row[1:], max_age, now)}
    return len(polls.want(stale, now, by))


def _waiting(watch):
    return watch.database.rows("SELECT COUNT(*) FROM wanted_polls")[0][0]


def _asked(watch, since=0):
    """The request ids of each call since then, as Lighthouse saw them."""
    return [set(call.ids) for call in watch.calls()[since:]]


def _slices(watch, seconds):
    """What the loop does in so many seconds, with one slice in each."""
    loop = watch.loop()
    with Stop().on_signals() as stop:
        for _ in range(seconds):
            loop.poll_slice(stop)
            watch.clock.now += 1


def test_what_a_caller_waits_for_is_polled_within_a_second(watch):
    """Though the document is not due for an hour, and the daemon has nothing to do."""
    ids = watch.track(3, "stuck_bgs", age=60 * 3_600)
    watch.poll()
    watch.clock.now += 120
    assert State.IDLE is watch.poller.step().state
    before = len(watch.calls())

    assert 1 == _want(watch, ids[1:2])
    watch.clock.now += 1
    _slices(watch, 1)

    assert [{ids[1]}] == _asked(watch, before)
    assert watch.clock.instant() - SECOND == watch.row(ids[1]).last_answered_at
    assert 0 == _waiting(watch)


def test_a_thousand_callers_cost_one_call_a_hundred_documents(watch):
    """Each document is polled once, however many callers ask for it."""
    ids = watch.track(300, "stuck_bgs", age=60 * 3_600)
    watch.poll()
    watch.clock.now += 120
    before = len(watch.calls())

    for caller in range(1_000):
        _want(watch, [ids[caller % 300]])
    _slices(watch, 3)

    calls = _asked(watch, before)
    assert [100, 100, 100] == [len(call) for call in calls]
    assert set(ids) == set().union(*calls)
    assert 0 == _waiting(watch)
    assert 0 == _want(watch, ids)  # the answers are young enough now


def test_an_answer_that_is_final_is_not_polled_again(watch):
    """Done, or failed longer ago than failures are polled again."""
    done = watch.track(1)
    failed = watch.track(1, "fails_claims_evidence", age=60)
    for _ in range(20):
        watch.poll()
        watch.clock.now += DAY / SECOND
    before = len(watch.calls())

    assert 0 == _want(watch, [*done, *failed], max_age=0)
    _slices(watch, 2)

    assert before == len(watch.calls())


def test_it_goes_before_a_backlog_and_its_call_is_filled_up(make):
    """No document of the backlog is polled later for it: those due fill the call up."""
    with make(batch_size=10) as watch:
        ids = watch.track(200, "stuck_bgs", age=60 * 3_600)
        watch.poller.step()  # fetches more batches than it polls
        known = set().union(*_asked(watch))
        late = [each for each in ids if each not in known][:3]
        assert 3 == _want(watch, late)
        watch.clock.now += 1

        watch.poller.step()

        (call,) = _asked(watch, 1)
        assert set(late) < call
        assert 10 == len(call - known)
        watch.poll()
        assert [] == watch.rows("id", "last_answered_at IS NULL")
        assert 20 == len(watch.calls())


def test_a_backlog_goes_on_while_callers_ask_without_end(make):
    """With 60 calls a minute callers have six of them, and the backlog all others."""
    with make(batch_size=5, rate_limit=60) as watch:
        watched = watch.track(400, "stuck_bgs", age=60 * 3_600)
        watch.poll()
        watch.clock.now += 4 * 3_600
        before = len(watch.calls())
        watch.clock.now += 60 - watch.clock.now % 60
        for _ in range(59):
            _want(watch, watched[:5], max_age=0)
            _slices(watch, 1)

        calls = _asked(watch, before)
        assert 60 == len(calls)
        mine = [call for call in calls if call == set(watched[:5])]
        assert 6 <= len(mine) <= 7  # once it is due as well
        assert 0 == watch.agent.count("lightkeeper.poll.batches", outcome="rate_limited")


def test_one_caller_does_not_use_up_what_another_waits_for(make):
    """While there is a backlog: who asks without end leaves half of the tenth to who asks late."""
    with make(batch_size=5, rate_limit=60) as watch:
        watch.clock.now += 60 - watch.clock.now % 60
        ids = watch.track(1_500, "stuck_bgs", age=60 * 3_600)
        _want(watch, ids[5:6], by="other")
        for _ in range(2):
            before = len(watch.calls())
            for _ in range(55):
                _want(watch, ids[:5], max_age=0, by="greedy")
                _slices(watch, 1)
            ((late,), *_) = watch.rows("lighthouse_request_id", "last_polled_at IS NULL")

            until_then = len(watch.calls())
            assert 1 == _want(watch, [late], by="other")
            _slices(watch, 1)

            assert [True] == [late in call for call in _asked(watch, until_then)]
            mine = [call for call in _asked(watch, before) if call & set(ids[:5])]
            assert 3 <= len(mine) <= 4  # once it is due as well
            _slices(watch, 4)


def test_callers_who_ask_without_end_keep_nothing_else_from_being_polled(make):
    """Also where Lighthouse names no limit: every other call is not theirs."""
    with make(batch_size=2) as watch:
        ids = watch.track(2, "stuck_bgs", age=60 * 3_600)
        watch.poll()
        (due,) = watch.track(1, "stuck_bgs", age=60 * 3_600)
        for _ in range(2):
            watch.clock.now += 1
            assert 2 == _want(watch, ids, max_age=0)
            watch.poller.step()

        assert [set(ids), {due}] == _asked(watch, 1)


def test_a_tenth_is_left_for_who_asks_after_the_backlog_has_had_the_rest(make):
    """Who asks late in the minute is answered as soon as who asks early."""
    with make(batch_size=5, rate_limit=60) as watch:
        watch.clock.now += 60 - watch.clock.now % 60
        ids = watch.track(1_000, "stuck_bgs", age=60 * 3_600)
        _want(watch, ids[:1])
        _slices(watch, 20)
        assert 55 == len(watch.calls())
        late = [each for (each,) in watch.rows("lighthouse_request_id", "last_polled_at IS NULL")]

        assert 2 == _want(watch, late[:2])
        _slices(watch, 1)

        assert set(late[:2]) < _asked(watch)[-1]
        assert 56 == len(watch.calls())


def test_a_store_that_no_caller_asks_is_polled_as_fast_as_lighthouse_allows(make):
    """All 60 calls go to the backlog."""
    with make(batch_size=5, rate_limit=60) as watch:
        watch.clock.now += 60 - watch.clock.now % 60
        watch.track(1_000, "stuck_bgs", age=60 * 3_600)
        _slices(watch, 20)

        assert 60 == len(watch.calls())


def test_who_asks_while_lighthouse_allows_no_call_is_answered_at_once(make):
    """By a 429 that names a pause, by a 503 in maintenance; and no call is made."""
    with make() as watch:
        ids = watch.track(5, "stuck_bgs", age=60 * 3_600)
        for status, headers in ((429, {"Retry-After": "120"}), (503, {"Retry-After": "900"})):
            watch.lighthouse.fail_next(1, status, {"message": "no"}, headers=headers)
            watch.poller.step()
            before = len(watch.calls())
            watch.clock.now += 40

            assert 5 == _want(watch, ids, max_age=0)
            _slices(watch, 1)

            assert (0, before) == (_waiting(watch), len(watch.calls()))
            watch.clock.now += 900


def test_an_outage_costs_no_more_calls_for_who_asks(tmp_path):
    """Callers wait for the backoff as all calls do, and for no longer than they would."""
    counts = []
    for asks in (False, True):
        with DaemonRig(f"sqlite:///{tmp_path}/{asks}.db", tmp_path, batch_size=4) as watch:
            ids = watch.track(20, "stuck_bgs", age=60 * 3_600)
            watch.poller.step()  # to have a token
            watch.lighthouse.down("refuse")
            for _ in range(400):
                if asks:
                    _want(watch, ids, max_age=0)
                _slices(watch, 1)
            counts.append(len(watch.calls()) - 1)
            watch.lighthouse.up()
            watch.clock.now += 120
            watch.poll()
            assert [] == watch.rows("id", "last_answered_at IS NULL")

    without, with_callers = counts
    assert without * 0.7 < with_callers < without * 1.3  # the pauses are drawn at random


def test_a_call_that_fails_is_made_again_for_who_still_waits(watch):
    """After the backoff, which is a quarter of a second, and by that call alone."""
    ids = watch.track(4, "stuck_bgs", age=60 * 3_600)
    watch.poll()
    watch.clock.now += 120
    before = len(watch.calls())
    watch.lighthouse.fail_next(1, 500, {"message": "no"})
    _want(watch, ids)

    _slices(watch, 2)

    assert [set(ids), set(ids)] == _asked(watch, before)
    assert 0 == _waiting(watch)
    assert {watch.clock.instant() - SECOND} == {at for (at,) in watch.rows("last_answered_at")}


def test_a_document_that_makes_calls_fail_fails_no_caller_of_another(watch):
    """It is polled alone, after the others, for which one call is enough."""
    ids = watch.track(30, "stuck_bgs", age=60 * 3_600)
    watch.lighthouse.poison(ids[7], 500)
    watch.poll()
    watch.clock.now += 2 * HOUR / SECOND
    watch.poll()
    watch.clock.now += 120
    before = len(watch.calls())

    _want(watch, ids)
    _slices(watch, 1)

    assert [set(ids) - {ids[7]}, {ids[7]}] == _asked(watch, before)[:2]


def test_what_was_wanted_when_the_daemon_was_killed_is_polled_by_the_next(watch):
    """The store alone holds it; what no caller waits for any more is not polled."""
    ids = watch.track(2, "stuck_bgs", age=60 * 3_600)
    watch.poll()
    watch.clock.now += 120
    _want(watch, ids[:1])
    watch.clock.now += 12
    _want(watch, ids[1:])
    before = len(watch.calls())
    watch.restart()
    watch.clock.now += 3

    _slices(watch, 1)

    assert [{ids[1]}] == _asked(watch, before)
    assert 0 == _waiting(watch)


def test_documents_polled_singly_are_polled_singly_for_callers(watch):
    """Where batches fail, each has a call of its own."""
    ids = watch.track(40, "stuck_bgs", age=60 * 3_600)
    watch.lighthouse.fail_share(1.0)
    _slices(watch, 90)
    assert watch.poller.report().singly_seconds is not None
    watch.clock.now += 120
    before = len(watch.calls())

    _want(watch, ids[5:8], max_age=MINUTE)
    _slices(watch, 2)

    trial, *calls = _asked(watch, before)
    assert 2 == len(trial)
    assert {1} == set(map(len, calls))
    assert set(ids[5:8]) <= set().union(*calls[:5])  # all others are due as well
