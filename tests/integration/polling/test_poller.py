"""Polling a Lighthouse that misbehaves: every document is polled, and none pays for another."""

import random
from collections import Counter
from contextlib import closing

import orjson
import pytest
from daemon_rig import TYPES, DaemonRig

from lightkeeper.domain.time import DAY, HOUR, MINUTE
from lightkeeper.polling.retry import (
    ALONE_AFTER,
    GIVE_UP_AFTER,
    GIVE_UP_AFTER_LIMITED,
    GIVE_UP_SECONDS,
)
from lightkeeper.simulation.lighthouse.stories import STORIES
from lightkeeper.store.database import StoreUnavailable, open_database
from lightkeeper.store.documents import Documents

OUTCOMES = "lightkeeper.documents.outcomes"
ENDED = {"SUCCESS": "done", "FAILED": "failed", "IN_PROGRESS": "pending", "NOT_FOUND": "pending"}


@pytest.fixture
def make(tmp_path):
    """A function that makes a `DaemonRig` on SQLite."""
    return lambda **traits: DaemonRig(f"sqlite:///{tmp_path}/lightkeeper.db", tmp_path, **traits)


@pytest.fixture
def watch(make):
    """A daemon between a simulated Lighthouse without limits and a simulated Agent."""
    with make() as running:
        yield running


def _in_trouble(watch):
    return watch.rows("lighthouse_request_id", "trouble_count > 0")


def test_each_document_is_counted_under_its_own_type(watch):
    """A batch of several types is published type by type (fault 1: a memoised metric key)."""
    for kind, done, failed in zip(TYPES, (7, 5, 3, 2), (1, 2, 3, 4), strict=True):
        watch.track(done, kind=kind)
        watch.track(failed, "fails_claims_evidence", kind, age=60)

    watch.poll()

    count = watch.agent.count
    assert [7, 5, 3, 2] == [count(OUTCOMES, document_type=kind, outcome="done") for kind in TYPES]
    assert [1, 2, 3, 4] == [
        count(OUTCOMES, document_type=kind, outcome="failed") for kind in TYPES
    ]


def test_each_document_of_a_batch_is_updated(watch):
    """Each document gets its own answer, not the first one alone (fault 2: va#19065)."""
    stories = [story for story in STORIES if story not in {"fails_cleanup", "unknown_status"}]
    for story in stories * 5:
        watch.track(1, story, age=60)

    watch.poll()

    truth = {request_id: ENDED[word] for request_id, word in watch.lighthouse.truth().items()}
    assert truth == dict(watch.rows("lighthouse_request_id, lighthouse_status"))
    assert 1 == len(watch.calls())


def test_an_unchanged_answer_moves_the_next_poll(watch):
    """A stuck document is polled ever more rarely (fault 3: `last polled` stood still)."""
    (stuck,) = watch.track(1, "stuck_bgs", age=60)
    gaps = []
    for _ in range(4):
        watch.poll()
        row = watch.row(stuck)
        assert watch.clock.instant() == row.last_polled_at
        gaps.append(row.next_poll_at - row.last_polled_at)
        watch.poll()
        watch.clock.now = row.next_poll_at / 1_000

    assert 4 == len(watch.calls())
    assert sorted(gaps) == gaps
    assert gaps[0] < gaps[-1]


def test_a_document_that_moves_on_after_days_is_polled_again_soon(watch):
    """After five minutes, and hourly again when it stays at its new step."""
    (stuck,) = watch.track(1, "stuck_bgs", age=2.5 * 86_400)
    gaps = []
    for _ in range(2):
        watch.poll()
        row = watch.row(stuck)
        gaps.append(row.next_poll_at - row.last_polled_at)
        watch.clock.now = row.next_poll_at / 1_000

    assert [5 * MINUTE, HOUR] == gaps


def test_counts_are_of_changes_and_not_of_the_state_of_the_store(make, tmp_path):
    """Documents that another process tracks meanwhile distort no count (fault 4)."""
    with make(batch_size=10) as watch:
        watch.track(30)
        watch.steps(1)
        late = watch.lighthouse.add_many(25, "instantly_done")
        with closing(open_database(watch.url, create=False)) as other:
            ours, watch.documents = watch.documents, Documents(other)
            watch.track_ids(late)
            watch.documents = ours
        watch.poll()

        assert {"done": 55} == watch.statuses()
        assert 55 == watch.agent.count(OUTCOMES)
        watch.poll()
        assert 55 == watch.agent.count(OUTCOMES)


def test_a_quantity_is_sent_as_a_value(watch):
    """Twelve documents are a count of 12, and no packet has a sample rate (fault 5: vg#104352)."""
    watch.track(12)

    watch.poll()

    assert [12.0] == watch.agent.values(OUTCOMES, outcome="done")
    assert 1 == watch.agent.count("lightkeeper.poll.batches", outcome="ok")
    watch.agent.assert_clean()  # which refuses a sample rate


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 418, 429, 500, 502, 503, 504])
def test_one_failed_call_ends_no_pass(make, status):
    """After a failed call every document is polled in the same pass (fault 6)."""
    with make(batch_size=10) as watch:
        watch.track(50)
        watch.lighthouse.fail_next(1, status, {"message": "no"})

        result = watch.poll()

        assert not result.incomplete
        assert {"done": 50} == watch.statuses()
        assert [] == _in_trouble(watch)


@pytest.mark.parametrize(
    "entry",
    [
        {"status": "FAILED"},
        {"status": "FAILED", "error": None, "steps": None, "time": None},
        {"status": "FAILED", "error": {"detail": "no"}},
        {"status": "FAILED", "error": {"step": None}, "steps": [{"name": "CLAIMS_EVIDENCE"}]},
        {"status": "FAILED", "error": {"step": "SOMETHING_NEW"}},
    ],
)
def test_a_failure_without_a_step_is_a_failure(watch, entry):
    """A FAILED that names no step, or a strange one, fails that document alone (fault 8)."""
    (odd,) = watch.track(1)
    others = watch.track(20)
    watch.lighthouse.answer(odd, {"requestId": odd, **entry})

    result = watch.poll()

    assert not result.incomplete
    assert "failed" == watch.row(odd).lighthouse_status
    assert ["done"] * 20 == [watch.row(other).lighthouse_status for other in others]


def test_an_id_that_was_not_polled_disturbs_no_other(watch):
    """Answers for unknown ids are counted and ignored (fault 8: `find_by!` raised)."""
    watch.track(20)
    watch.lighthouse.also_answer({"requestId": 4_711, "status": "FAILED"})
    watch.lighthouse.also_answer(b'{"requestId": null, "status": "FAILED"}')

    watch.poll()

    assert {"done": 20} == watch.statuses()
    assert 2 == watch.agent.count("lightkeeper.answers.unrequested")


def test_only_request_ids_are_polled(watch):
    """Calls name tracked request ids, never ids of the database, each once (fault 9)."""
    ids = [*watch.track(70), *watch.track(70)]

    watch.poll()

    assert ids == sorted(request_id for call in watch.calls() for request_id in call.ids)


def test_a_document_tracked_while_others_are_polled_is_not_lost(make):
    """It is due at once, and the next pass polls it (fault 9: lost in a race, vg#105099)."""
    with make(batch_size=10) as watch:
        watch.track(30)
        watch.steps(2)
        (late,) = watch.track(1)
        watch.poll()

        assert "done" == watch.row(late).lighthouse_status


def test_an_id_that_is_never_found_comes_to_an_end(watch):
    """Polled ever more rarely, failed after 7 days, not polled after 14 (fault 10: vg#100495)."""
    (lost,) = watch.track(1, "lost")
    first, gaps, failed_at = watch.clock.instant(), [], None
    while (due := watch.row(lost).next_poll_at) is not None:
        watch.clock.now = max(watch.clock.now, due / 1_000)
        gaps.append(due - (watch.row(lost).last_polled_at or due))
        watch.poll()
        if failed_at is None and watch.row(lost).lighthouse_status == "failed":
            failed_at = watch.clock.instant()

    assert 7 * DAY <= failed_at - first <= 7 * DAY + 6 * HOUR
    assert first + 15 * DAY > watch.clock.instant()
    assert 80 > len(gaps)
    assert 5 * MINUTE == gaps[1]
    assert 6 * HOUR == max(gaps[: len(gaps) // 2])
    assert 1 == watch.agent.count(OUTCOMES, outcome="failed")


def test_a_404_for_a_whole_batch_is_no_failed_call(watch):
    """Each document is not found once a call names it, or is about it alone (fault 11)."""
    watch.track_ids(range(1, 31))

    result = watch.poll()

    assert not result.incomplete
    assert 30 == watch.agent.count("lightkeeper.answers.remarkable", remark="not_found")
    assert 30 == sum(call.path == "single" for call in watch.calls())
    assert 60 >= watch.agent.count("lightkeeper.poll.batches", outcome="not_found")
    assert 1 == watch.agent.count("lightkeeper.cycle.success")
    assert [] == _in_trouble(watch)
    assert {"pending": 30} == watch.statuses()


def test_a_hundred_a_call_the_newest_first_with_a_share_for_the_oldest(watch):
    """Of 2,500 due documents the first ten calls take the newest 800 and the oldest 200."""
    ids = []
    for _ in range(25):
        ids += watch.track(100)
        watch.clock.now += 1

    watch.poll()

    calls = [call.ids for call in watch.calls()]
    assert [100] * 25 == [len(call) for call in calls]
    assert {*ids[:200], *ids[-800:]} == {i for call in calls[:10] for i in call}
    assert ids == sorted(i for call in calls for i in call)


def test_batches_that_fail_cost_the_oldest_nothing_of_their_share(watch):
    """While failed batches are in flight, the oldest documents are fetched all the same."""
    ids = []
    for _ in range(25):
        ids += watch.track(100)
        watch.clock.now += 1
    for refused in ids[-250:-20:100]:  # one in each of three batches of the first fetch
        watch.lighthouse.poison(refused, 403)

    watch.steps(24)

    second_fetch = {i for call in watch.calls()[13:] for i in call.ids}
    assert set(ids[200:400]) <= second_fetch


@pytest.mark.parametrize("due_count", [30, 130])
def test_a_call_is_topped_up_with_what_is_due_next(watch, due_count):
    """A call that goes out anyway has 100 ids, none of which was polled within 30 seconds."""
    waiting = watch.track(300, "stuck_bgs", age=4 * 3_600)
    watch.poll()
    watch.clock.now += 300
    watch.poll()  # they stay at their step
    watch.clock.now += 3_000
    fresh = watch.track(50, "stuck_bgs")
    watch.poll()
    watch.clock.now += 20  # these are due again in a moment, but were polled just now
    already = len(watch.calls())
    due = watch.track(due_count)
    with closing(open_database(watch.url, create=False)) as other:
        other.execute(
            "UPDATE form_526_document_submissions SET next_poll_at = ? WHERE last_polled_at > ?",
            (watch.clock.instant() + 1, watch.clock.instant() - 30_000),
        )

    watch.poll()

    calls = watch.calls()[already:]
    polled = {i for call in calls for i in call.ids}
    assert {100} == {len(call.ids) for call in calls}
    assert set(due) <= polled
    assert set() == polled & set(fresh)
    assert polled - set(due) <= set(waiting)


def test_a_batch_too_large_is_halved_and_the_size_remembered(make):
    """Two 413 teach that 25 ids pass, no larger batch is tried, and all are polled."""
    with make(max_ids=30) as watch:
        watch.track(1_000)
        watch.poll()
        watch.track(100)
        watch.poll()

        calls = watch.calls()
        assert [(100, 413), (50, 413)] == [(len(c.ids), c.status) for c in calls[:2]]
        assert {(25, 200)} == {(len(c.ids), c.status) for c in calls[2:]}
        assert {"done": 1_100} == watch.statuses()


def test_a_gateway_that_answers_413_to_everything_teaches_nothing(watch):
    """After a 413 for a single id, calls are full again."""
    watch.track(150)
    watch.lighthouse.fail_next(12, 413)
    watch.poll()
    watch.track(300)

    watch.poll()

    assert {"done": 450} == watch.statuses()
    assert [100, 100, 100] == [len(call.ids) for call in watch.calls()[-3:]]


@pytest.mark.parametrize("status", [400, 500])
def test_an_id_that_poisons_its_batch_is_polled_alone(watch, status):
    """Where POST fails and GET works, the id is isolated and answered, and none is in trouble."""
    ids = watch.track(300)
    watch.lighthouse.poison(ids[137], status, single_ok=True)

    result = watch.poll()

    assert not result.incomplete
    assert {"done": 300} == watch.statuses()
    assert (ids[137],) in [call.ids for call in watch.calls() if call.path == "single"]
    assert 36 > len(watch.calls())
    assert [] == _in_trouble(watch)


@pytest.mark.parametrize("status", [400, 500])
def test_an_id_that_fails_alone_too_is_refused(watch, status):
    """It is blamed with Lighthouse's reason; the others are answered in the same pass."""
    ids = watch.track(300)
    poisoned = ids[137]
    watch.lighthouse.poison(poisoned, status)

    result = watch.poll()

    assert not result.incomplete
    assert 300 == result.polled
    assert {"done": 299, "pending": 1} == watch.statuses()
    assert [(poisoned,)] == _in_trouble(watch)
    row = watch.row(poisoned)
    assert watch.clock.instant() + MINUTE >= row.next_poll_at > watch.clock.instant()
    problem = orjson.loads(row.last_problem)
    assert status == problem["http_status"]
    assert problem["diagnostics"]
    assert problem["instance"]
    assert 1 == watch.agent.count("lightkeeper.answers.unusable", reason="refused")


def test_many_poison_ids_are_all_isolated(watch):
    """Seven of them among 1,000 documents leave the other 993 done in the same pass."""
    ids = watch.track(1_000)
    poisoned = [ids[at] for at in (3, 4, 199, 500, 501, 777, 999)]
    for request_id in poisoned:
        watch.lighthouse.poison(request_id)

    result = watch.poll()

    assert not result.incomplete
    assert {"done": 993, "pending": 7} == watch.statuses()
    assert [(request_id,) for request_id in poisoned] == _in_trouble(watch)


def test_where_a_tenth_of_the_calls_fail_all_are_polled_and_none_is_blamed(make):
    """Every document is done with 500 for 10 % of the calls, as once for days (vg#127683)."""
    with make(batch_size=20, seed=526) as watch:
        watch.track(2_000)
        body = {"status": 500, "error": "Failed to verify payload."}
        watch.lighthouse.fail_share(0.1, 500, body)

        result = watch.poll()

        failed = sum(call.status == 500 for call in watch.calls())
        assert 5 < failed
        assert failed == watch.agent.count("lightkeeper.poll.batches", outcome="server_error")
        assert not result.incomplete
        assert {"done": 2_000} == watch.statuses()
        assert [] == _in_trouble(watch)
        assert 0 == watch.agent.count("lightkeeper.answers.unusable")


def test_the_rate_limit_is_kept_before_it_hurts(make):
    """The daemon waits by the headers: no call is answered 429, and all are made."""
    with make(batch_size=10, rate_limit=5) as watch:
        watch.track(180)
        began = watch.clock.now

        result = watch.poll()

        calls = watch.calls()
        assert not result.incomplete
        assert {200} == {call.status for call in calls}
        assert 18 == len(calls)
        assert 5 == max(Counter(call.at // 60 for call in calls).values())
        assert 300 > watch.clock.now - began


@pytest.mark.parametrize(("headers", "pause"), [({"Retry-After": "7"}, 7), ({}, 1)])
def test_after_429_no_call_goes_out_too_early(make, headers, pause):
    """The batch is polled again after the pause that Lighthouse demands."""
    with make(batch_size=10) as watch:
        watch.track(30)
        watch.lighthouse.fail_next(2, 429, headers=headers)

        result = watch.poll()

        at = [call.at for call in watch.calls()]
        assert not result.incomplete
        assert [429, 429, 200, 200, 200] == [call.status for call in watch.calls()]
        assert pause <= at[1] - at[0]
        assert pause <= at[2] - at[1]
        assert {"done": 30} == watch.statuses()


def test_a_429_without_end_ends_the_pass(watch):
    """After six in a row, half a minute, the pass gives up; no document is in trouble."""
    watch.track(1)
    watch.poll()  # there is a token now
    watch.track(200)
    watch.lighthouse.fail_share(1.0, 429, path=None)
    before, began = len(watch.calls()), watch.clock.now

    result = watch.poll()

    assert result.incomplete
    assert "429" in result.reason
    assert GIVE_UP_AFTER_LIMITED == len(watch.calls()) - before
    assert 31 <= watch.clock.now - began < 40
    assert [] == _in_trouble(watch)


def test_waiting_for_the_rate_limit_is_no_outage(make):
    """Two failures with a minute of rate limit between them do not end the pass."""
    with make(batch_size=10, rate_limit=1) as watch:
        watch.track(30)
        watch.lighthouse.fail_next(2, 500)

        result = watch.poll()

        assert not result.incomplete
        assert {"done": 30} == watch.statuses()


@pytest.mark.parametrize("count", [2, 4, 2_000])
@pytest.mark.parametrize(
    "kind", ["refuse", "close_mid_body", "garbage", "redirect", "hang", "500", "400", "503"]
)
def test_an_outage_is_no_documents_fault(make, kind, count):
    """The pass ends after a few failed calls; what they polled is due in a minute, none blamed."""
    with make(deadline=0.5) as watch:
        watch.track(1)
        watch.poll()  # there is a token now
        watch.track(count - 1)
        if kind.isdigit():
            watch.lighthouse.fail_share(1.0, int(kind), path=None)
        else:
            watch.lighthouse.down(kind)
        began = watch.clock.now

        result = watch.poll()

        assert result.incomplete
        assert GIVE_UP_AFTER >= len(watch.calls()) - 1
        assert GIVE_UP_SECONDS > watch.clock.now - began
        assert [] == _in_trouble(watch)
        postponed = watch.rows("next_poll_at - last_polled_at", "last_problem IS NOT NULL")
        assert {(MINUTE,)} == set(postponed)
        assert {"done": 1, "pending": count - 1} == watch.statuses()
        assert 1 == watch.agent.count("lightkeeper.cycle.success")

        watch.lighthouse.clear_faults()
        watch.clock.now += 61
        assert not watch.poll().incomplete
        assert {"done": count} == watch.statuses()


@pytest.mark.parametrize("path", ["status", "token"])
def test_a_refused_token_is_no_documents_fault(watch, path):
    """Calls end as `unauthorized`, and every document is polled once the token is good."""
    watch.track(200)
    watch.lighthouse.fail_share(1.0, 401, path=path)

    result = watch.poll()

    assert result.incomplete
    calls = watch.agent.count("lightkeeper.poll.batches", outcome="unauthorized")
    assert 0 < calls <= GIVE_UP_AFTER
    assert [] == _in_trouble(watch)
    watch.lighthouse.clear_faults()
    watch.clock.now += 61
    assert not watch.poll().incomplete
    assert {"done": 200} == watch.statuses()


def test_a_document_in_neither_list_is_polled_alone_in_the_end(watch):
    """After three answers without it, a call for the document alone brings its status."""
    ids = watch.track(300)
    silent = ids[100:103]
    for request_id in silent:
        watch.lighthouse.omit(request_id)

    for _ in range(ALONE_AFTER):
        watch.poll()
        assert [(request_id,) for request_id in silent] == _in_trouble(watch)
        assert {"status"} == {call.path for call in watch.calls()}
        watch.clock.now += 3_600
    for _ in silent:
        watch.poll()
        watch.clock.now += 3_600

    alone = [call.ids for call in watch.calls() if call.path == "single"]
    assert [(request_id,) for request_id in silent] == alone
    assert {"done": 300} == watch.statuses()
    assert 9 <= watch.agent.count("lightkeeper.answers.unusable", reason="missing")


def test_where_no_document_is_answered_only_a_share_is_polled_alone(watch):
    """Answers without any status do not turn 1,000 documents into 1,000 calls."""
    watch.track(1_000, "stuck_bgs")
    watch.lighthouse.down("empty", "status")
    watch.lighthouse.fail_share(1.0, 200, {"data": {}}, path="single")
    for _ in range(ALONE_AFTER):
        watch.poll()
        watch.clock.now += 3_600
    already = len(watch.calls())

    watch.poll()

    paths = Counter(call.path for call in watch.calls()[already:])
    assert 10 == paths["status"]
    assert 10 >= paths["single"]
    assert 1_000 == len(_in_trouble(watch))


def test_a_failed_read_leaves_no_document_in_flight(make):
    """What was fetched before the store failed is fetched again afterwards."""

    def interrupted(*_):
        raise StoreUnavailable("the connection broke")

    with make() as watch:
        watch.track(30)
        watch.documents.due_next = interrupted  # between two reads
        with pytest.raises(StoreUnavailable, match="broke"):
            watch.poll()
        del watch.documents.due_next

        watch.poll()

        assert {"done": 30} == watch.statuses()


def test_a_failed_write_leaves_no_document_in_flight(watch):
    """Nothing is half done while another process locks the store; then all are polled again."""
    watch.track(250)
    watch.database.execute("PRAGMA busy_timeout = 1")
    with closing(open_database(watch.url, create=False)) as other, other.writing():
        with pytest.raises(StoreUnavailable, match="locked"):
            watch.poll()
        assert [] == watch.rows("id", "last_polled_at IS NOT NULL")

    watch.poll()

    assert {"done": 250} == watch.statuses()
    assert 250 == watch.agent.count(OUTCOMES)


def _break(lighthouse, dice):
    """Make something fail from now on; now and then nothing."""
    faults = (
        lambda: lighthouse.fail_share(0.3, dice.choice((400, 500, 503))),
        lambda: lighthouse.fail_share(1.0, dice.choice((401, 500))),
        lambda: lighthouse.fail_next(dice.randint(1, 5), dice.choice((413, 429))),
        lambda: lighthouse.fail_next(1, 404, {"message": "no Route matched"}),
        lambda: lighthouse.down(dice.choice(("refuse", "garbage", "empty", "close_mid_body"))),
        lambda: lighthouse.poison(dice.choice(list(lighthouse.truth()))),
        lighthouse.expire_tokens,
        list,
    )
    dice.choice(faults)()


@pytest.mark.parametrize("seed", range(2))
def test_after_any_chaos_the_store_is_right(database_url, tmp_path, seed):
    """After failures in 30 passes the store, its tallies and the counts agree with Lighthouse."""
    dice = random.Random(seed)
    stories = ("instantly_done", "success", "fails_bgs", "recovers", "reworks", "lost")
    with DaemonRig(database_url, tmp_path, batch_size=20, deadline=0.2, seed=seed) as watch:
        for _ in range(30):
            watch.track(dice.randint(1, 60), dice.choice(stories), dice.choice(TYPES))
            _break(watch.lighthouse, dice)
            watch.poll()
            watch.assert_tallies_are_true()
            if dice.random() < 0.5:
                watch.lighthouse.clear_faults()
            watch.clock.now += dice.choice((1, 20, 70, 4_000))
        watch.lighthouse.clear_faults()
        for _ in range(3):
            watch.clock.now += 1.5 * 86_400
            watch.poll()

        truth = {request_id: ENDED[word] for request_id, word in watch.lighthouse.truth().items()}
        assert truth == dict(watch.rows("lighthouse_request_id, lighthouse_status"))
        watch.assert_tallies_are_true()
        published = Counter(
            {word: watch.agent.count(OUTCOMES, outcome=word) for word in ("done", "recovered")}
        )
        assert watch.statuses()["done"] == published.total()
        assert [] == watch.database.rows("SELECT id FROM transitions WHERE published_at IS NULL")
        watch.agent.assert_clean()
