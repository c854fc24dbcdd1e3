"""One document that makes every call fail which it shares with others: it stops only itself."""

from collections import Counter

import orjson
import pytest
from daemon_rig import DaemonRig

from lightkeeper.domain.time import HOUR

FAILURES = [
    *(400, 401, 403, 404, 413, 422, 429, 500, 503, 504),
    *("refuse", "close_mid_body", "garbage", "redirect", "empty", "hang"),
]
"""How a call ends that has the culprit: a status, or a manner of `SimulatedLighthouse.down`."""
MOST_CALLS = 60


@pytest.fixture
def watch(tmp_path, request):
    """A daemon between a simulated Lighthouse and Agent; calls that hang do not hang long."""
    deadline = 0.5 if "hang" in request.node.name else 10.0
    with DaemonRig(f"sqlite:///{tmp_path}/store.db", tmp_path, deadline=deadline) as running:
        yield running


def _shared_with(watch, culprit, since=0):
    """How many ids each call with the culprit had."""
    return [len(call.ids) for call in watch.calls()[since:] if culprit in call.ids]


@pytest.mark.parametrize(
    ("how", "single_ok"),
    [
        *((how, False) for how in FAILURES),
        *((how, True) for how in ("empty", "redirect", 404, 429)),
    ],
)
def test_all_but_the_culprit_are_answered_in_one_pass(watch, how, single_ok):
    """However its calls fail, the 299 others are answered in some dozen calls more."""
    ids = watch.track(300)
    culprit = ids[137]
    watch.lighthouse.poison(culprit, how, single_ok=single_ok)

    watch.poll()

    assert {"done": 300 if single_ok else 299} == Counter(
        status for (status,) in watch.rows("lighthouse_status") if status != "pending"
    )
    assert MOST_CALLS >= len(watch.calls())
    assert 1 == _shared_with(watch, culprit)[-1]


@pytest.mark.parametrize("how", [403, 500, "refuse", "redirect", "hang", 429, "empty"])
def test_the_only_batch_is_split_too(watch, how):
    """Calls about single documents of it show that Lighthouse answers."""
    ids = watch.track(100)
    watch.lighthouse.poison(ids[7], how)

    watch.poll()

    assert {"done": 99, "pending": 1} == watch.statuses()
    assert MOST_CALLS >= len(watch.calls())


@pytest.mark.parametrize("how", [404, 500, "refuse", "redirect"])
@pytest.mark.parametrize("single_ok", [False, True])
def test_the_culprit_is_polled_alone_from_then_on(watch, how, single_ok):
    """No call has it and others again, however long and however often they are polled."""
    ids = watch.track(150, "stuck_bgs", age=3_600.0)
    culprit = ids[20]
    watch.lighthouse.poison(culprit, how, single_ok=single_ok)
    for _ in range(2):  # by chance the first found it well, as the one that shows Lighthouse well
        watch.poll()
        watch.clock.now += 900
    found = len(watch.calls())

    for _ in range(12):
        watch.clock.now += 600
        watch.poll()

    assert {1} == set(_shared_with(watch, culprit, found))
    answered = watch.rows("lighthouse_request_id", "unanswered_since IS NULL")
    assert 150 - (not single_ok and how != 404) == len(answered)


@pytest.mark.parametrize("how", [401, 502, "close_mid_body", "garbage"])
def test_a_culprit_is_polled_alone_after_a_restart_too(tmp_path, how):
    """A pass of cron knows the culprits of the passes before it."""
    for turn in range(3):
        with DaemonRig(f"sqlite:///{tmp_path}/store.db", tmp_path) as watch:
            watch.clock.now += turn * 600
            if not turn:
                ids = watch.track(100, "stuck_bgs", age=7_200.0)
            else:
                watch.lighthouse.add_many(100, "stuck_bgs", watch.clock.now - 7_200)
            watch.lighthouse.poison(ids[3], how)
            watch.poll()
            shared = _shared_with(watch, ids[3])
        if turn:
            assert [1] == sorted(set(shared))


def test_a_culprit_is_polled_ever_more_rarely(watch):
    """The gap between two polls grows to an hour."""
    watch.track(60, "stuck_bgs", age=3_600.0)
    (culprit,) = watch.track(1)
    watch.lighthouse.poison(culprit, "redirect")
    gaps = []
    for _ in range(9):
        watch.poll()
        row = watch.row(culprit)
        gaps.append(row.next_poll_at - row.last_polled_at)
        watch.clock.now = row.next_poll_at / 1_000

    assert sorted(gaps) == gaps
    assert (60_000, HOUR) == (gaps[0], gaps[-1])


def test_a_culprit_is_counted_by_cause_and_is_unobserved_in_the_end(watch):
    """On-call sees how its calls end, and after hours that it has no answer."""
    watch.track(60)
    (redirected,) = watch.track(1)
    watch.lighthouse.poison(redirected, "redirect")
    watch.poll()
    (refused,) = watch.track(1)
    watch.track(60)
    watch.lighthouse.poison(refused, 403)
    watch.poll()

    count = watch.agent.count
    for outcome in ("unexpected", "unauthorized"):
        assert 1 == count("lightkeeper.answers.refused", outcome=outcome)
    watch.clock.now += 3 * 3_600
    watch.poll()
    assert 2 == watch.agent.gauge("lightkeeper.documents.unobserved")
    assert 403 == orjson.loads(watch.row(refused).last_problem)["http_status"]


def test_what_was_known_is_not_forgotten_for_a_404_about_others(watch):
    """A document in progress stays that, whatever a call about a hundred ended as."""
    ids = watch.track(100, "stuck_bgs", age=3_600.0)
    watch.poll()
    watch.lighthouse.poison(ids[50], 404)
    watch.clock.now += 3_600

    watch.poll()

    assert [(ids[50],)] == watch.rows("lighthouse_request_id", "not_found_since IS NOT NULL")
    assert 1 == watch.agent.count("lightkeeper.answers.remarkable", remark="not_found")


def test_forgotten_documents_are_named_by_a_call_with_one_that_is_known(watch):
    """A 404 for all costs two more calls a batch, not one a document."""
    known = watch.track(10, "stuck_bgs", age=3_600.0)
    watch.poll()
    lost = list(range(1, 201))
    watch.track_ids(lost)
    before = len(watch.calls())

    watch.poll()

    not_found = watch.rows("lighthouse_request_id", "not_found_since IS NOT NULL")
    assert [(each,) for each in lost] == not_found
    assert 10 > len(watch.calls()) - before
    assert [] == watch.rows("id", "trouble_count > 0")
    assert known


def test_many_culprits_of_many_kinds_keep_no_other_from_an_answer(watch):
    """Each is found, and the others are answered within an hour."""
    ids = watch.track(500)
    kinds = [400, 403, 404, 500, "refuse", "redirect", "garbage", 429]
    culprits = [ids[at * 61] for at in range(len(kinds))]
    for culprit, how in zip(culprits, kinds, strict=True):
        watch.lighthouse.poison(culprit, how)

    for _ in range(15):
        watch.poll()
        watch.clock.now += 240

    assert {"done": 492, "pending": 8} == watch.statuses()
    assert sorted(culprits) == [
        each for (each,) in watch.rows("lighthouse_request_id", "lighthouse_status = 'pending'")
    ]
