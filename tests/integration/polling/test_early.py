"""A fault that left documents without a status is over: they are not waited for any longer."""

import pytest
from daemon_rig import DaemonRig

from lightkeeper.domain.time import HOUR, MINUTE

WORDS = {"malformed": 7, "unknown word": "ASLEEP"}
FAULTS = [*WORDS, "left out", "wrong ids", "not found"]


def _rig(folder, **settings):
    return DaemonRig(f"sqlite:///{folder}/store.db", folder, **settings)


@pytest.fixture
def watch(tmp_path):
    """A daemon between a simulated Lighthouse and Agent; few documents fill a call."""
    with _rig(tmp_path, batch_size=10) as running:
        yield running


def _begin(watch, ids, fault):
    lighthouse = watch.lighthouse
    if fault == "left out":
        lighthouse.down("empty", "status")
        lighthouse.fail_share(1.0, 200, {"data": {}}, path="single")
    if fault == "wrong ids":
        other = {"data": {"statuses": [{"requestId": 1, "status": "SUCCESS"}]}}
        lighthouse.fail_share(1.0, 200, other, path="status")
        lighthouse.down("empty", "single")
    for request_id in ids if fault in WORDS else ():
        lighthouse.answer(request_id, {"requestId": request_id, "status": WORDS[fault]})


def _end(watch, ids):
    watch.lighthouse.clear_faults()
    watch.lighthouse.up()
    for request_id in ids:
        watch.lighthouse.answer(request_id, {"requestId": request_id, "status": "SUCCESS"})


def _pass_time(watch, hours, every=16):
    """Poll every few minutes; the last time one minute before the end."""
    ends_at = watch.clock.now + hours * 3_600
    while watch.clock.now < ends_at - 60:
        watch.poll()
        watch.clock.now = min(watch.clock.now + every * 60, ends_at - 60)
    watch.poll()
    watch.clock.now = ends_at


def _polls(watch, request_id, since):
    """How many ids each call had that had this one, and when it was, in order."""
    calls = [call for call in watch.calls()[since:] if request_id in call.ids]
    return [len(call.ids) for call in calls]


def _track(watch, count, fault):
    if fault != "not found":
        return watch.track(count)
    ids = range(90_000_000, 90_000_000 + count)
    watch.track_ids(ids)
    return ids


@pytest.mark.parametrize(
    ("fault", "hours"), [*((fault, 3.3) for fault in FAULTS), ("left out", 1.1), ("left out", 8)]
)
def test_one_that_is_answered_has_all_others_polled(watch, fault, hours):
    """None waits for its time, which is up to hours away, and few calls are needed."""
    ids = _track(watch, 30, fault)
    _begin(watch, ids, fault)
    _pass_time(watch, hours)
    _end(watch, ids)
    ((due_at,),) = watch.rows("MIN(next_poll_at)")
    assert due_at > watch.clock.instant()
    watch.track(1)
    before = len(watch.calls())

    watch.poll()

    assert {"done": 31} == watch.statuses()
    assert 30 >= len(watch.calls()) - before


@pytest.mark.parametrize("fault", ["left out", "not found"])
def test_a_restart_loses_nothing_of_it(tmp_path, fault):
    """The first status after a start is taken for the end of a fault."""
    with _rig(tmp_path, batch_size=10) as watch:
        ids = _track(watch, 25, fault)
        _begin(watch, ids, fault)
        _pass_time(watch, 3)
        now = watch.clock.now
    with _rig(tmp_path, batch_size=10) as watch:
        watch.clock.now = now
        _end(watch, ids)
        watch.lighthouse.add_many(1_000)  # other ids than those before
        watch.poll()
        watch.track(1)

        watch.poll()

        assert {"done": 26} == watch.statuses()


def test_the_oldest_answered_again_bring_those_of_other_times(watch):
    """Whenever within the fault it was tracked: one that is due tells the next."""
    watch.track(1)
    watch.poll()
    _begin(watch, [], "left out")
    ids = []
    for _ in range(30):
        ids += watch.track(3)
        _pass_time(watch, 10 / 60)
    _end(watch, ids)
    for _ in range(10):
        watch.poll()
        watch.clock.now += 60

    assert {"done": 91} == watch.statuses()


def test_one_in_trouble_since_before_the_fault_keeps_its_time(watch):
    """It is polled alone and at its own times, also when all the others are polled."""
    (culprit,) = watch.track(1)
    _begin(watch, [culprit], "malformed")
    for _ in range(30):
        watch.track(2)
        _pass_time(watch, 0.1)
    others = watch.track(50)
    _begin(watch, [], "left out")
    _pass_time(watch, 2)
    due_at = watch.row(culprit).next_poll_at
    before = len(watch.calls())
    _end(watch, others)

    watch.clock.now += 120
    watch.track(1)
    watch.poll()

    assert {"done": 111, "pending": 1} == watch.statuses()
    assert [] == _polls(watch, culprit, before)
    assert due_at == watch.row(culprit).next_poll_at


def test_one_that_stays_in_trouble_is_polled_early_once(watch):
    """The others' answers are no reason to ask about it again and again."""
    ids = watch.track(200)
    _begin(watch, [], "left out")
    _pass_time(watch, 3)
    _end(watch, ids[1:])
    _begin(watch, ids[:1], "malformed")
    before = len(watch.calls())

    gaps = []
    for _ in range(40):
        watch.track(1)
        watch.poll()
        watch.clock.now += 60
        gaps.append(watch.row(ids[0]).next_poll_at - watch.row(ids[0]).last_polled_at)

    assert {"done": 239, "pending": 1} == watch.statuses()
    assert 2 >= len(_polls(watch, ids[0], before))
    assert {HOUR} == set(gaps)


def test_a_part_of_all_documents_is_no_exception(watch):
    """Others were answered all along; the first of those that were not has the rest polled."""
    ids = []
    for _ in range(12):
        ids += watch.track(3)
        _begin(watch, ids, "malformed")
        watch.track(3)
        _pass_time(watch, 5 / 60)
    _pass_time(watch, 2)
    _end(watch, ids)
    ((due_at,),) = watch.rows("MIN(next_poll_at)")
    watch.clock.now = due_at / 1_000

    watch.poll()

    assert {"done": 72} == watch.statuses()


def test_after_a_short_fault_each_waits_for_its_time(watch):
    """Its time comes soon then."""
    watch.track(1)
    watch.poll()
    ids = watch.track(40)
    _begin(watch, ids, "left out")
    _pass_time(watch, 0.4)
    _end(watch, ids)
    watch.track(1)
    watch.poll()

    assert {"done": 2, "pending": 40} == watch.statuses()
    ((due_at,),) = watch.rows("MAX(next_poll_at)")
    assert due_at - watch.clock.instant() <= 16 * MINUTE
