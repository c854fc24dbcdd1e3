"""Gauges: each is what the store holds, zeros included."""

import itertools
from collections import Counter

import pytest
from daemon_rig import TYPES, DaemonRig
from recorded_answers import BGS, failure, record, running, success, track

from lightkeeper.casework.maintenance_windows import announce
from lightkeeper.casework.triage import Action, decide, note
from lightkeeper.domain.answer import Absence
from lightkeeper.domain.document import NewDocument
from lightkeeper.domain.policy import Policy
from lightkeeper.domain.time import HOUR
from lightkeeper.store.expected import ExpectedDocuments
from lightkeeper.store.followed import Followed
from lightkeeper.store.maintenance_windows import MaintenanceWindows
from lightkeeper.store.triage import TriageStore
from lightkeeper.telemetry.tags import DOCUMENT_TYPES, OPEN_WORDS, STEPS


@pytest.fixture
def watch(database_url, tmp_path):
    """A daemon over an empty store and an Agent, once on each engine."""
    with DaemonRig(database_url, tmp_path) as running:
        yield running
    running.agent.assert_clean()


def _absent(_):
    return Absence.NOT_FOUND


def _shown(watch):
    """Each gauge that one call sends, by name and values of its tags, but for the host's."""
    watch.agent.clear()
    watch.gauges.send()
    watch.agent.drain()
    shown = {}
    for metric in watch.agent.metrics:
        if metric.name == "lightkeeper.documents.unattended":
            continue  # once a day besides
        tags = dict(metric.tags)
        assert ("gauge", "") == (metric.kind, tags.pop("host"))
        key = (metric.name.removeprefix("lightkeeper."), *tags.values())
        assert key not in shown
        shown[key] = metric.value
    return shown


BY_TYPE_AND_STEP = (
    *("pending", "failed", "oldest_pending_age", "slow", "stuck", "overdue", "unacknowledged"),
)
BY_TYPE = (
    *("done", "not_found", "in_efolder_not_bgs", "efolder_unknown", "contradictory"),
    *("acknowledged", "expected_missing"),
)
ALONE = (
    *("documents.unobserved", "documents.oldest_failure_age", "intake.newest_age"),
    *("poll.due_lag", "outbox.depth", "outbox.age"),
)


def test_an_empty_store_shows_zeros(watch):
    """Every gauge is there from the start, for every type and step, so that nothing has holes."""
    expected = {(name,): 0.0 for name in ALONE}
    for kind in DOCUMENT_TYPES:
        expected |= {(f"documents.{name}", kind): 0 for name in BY_TYPE}
        for name, step in itertools.product(BY_TYPE_AND_STEP, STEPS):
            expected[f"documents.{name}", kind, step] = 0
    expected |= {("maintenance", step): 0 for step in STEPS}
    expected |= {("documents.median_pending_age", step): 0 for step in STEPS}

    assert expected == _shown(watch)


def test_gauges_are_what_the_store_holds(watch):
    """Counted one by one, the documents are as many as the gauges say, wherever they stand."""
    makers = [
        success,
        failure,
        lambda i: failure(i, BGS),
        running,
        lambda i: running(i, "VIRUS_SCAN"),
        _absent,
    ]
    for at, kind in enumerate(TYPES):
        for turn, maker in enumerate(makers):
            ids = track(watch, at + turn, kind, first=1 + 1_000 * at + 100 * turn)
            record(watch, {request_id: maker(request_id) for request_id in ids})
        track(watch, 2, kind, first=1 + 1_000 * at + 900)

    counted = Counter()
    for kind, status, step, absent in watch.rows(
        "document_type, lighthouse_status, current_step, not_found_since"
    ):
        steps = () if status == "done" else (step.lower(),)
        counted[f"documents.{status}", kind, *steps] += 1
        counted["documents.not_found", kind] += absent is not None
    shown = _shown(watch)
    names = {f"documents.{name}" for name in ("pending", "done", "failed", "not_found")}
    assert +counted == Counter({k: int(v) for k, v in shown.items() if v and k[0] in names})
    tracked = sum(v for k, v in shown.items() if k[0] in names - {"documents.not_found"})
    assert len(watch.rows("id")) == tracked


def test_ages_are_sent_by_type_and_step(watch):
    """What Lighthouse still called unfinished past a threshold counts for it and those below."""
    for number, hours in enumerate((1, 23, 25, 47, 49, 95, 97)):
        ids = track(watch, 1, "form_0781a", first=10 + number, age=hours * 3_600)
        record(watch, {request_id: running(request_id, BGS) for request_id in ids})
    track(watch, 1, "form_0781a", first=50, age=200 * 3_600)
    track(watch, 1, "form_0781a", first=60, age=300 * 3_600)
    record(watch, {60: Absence.NOT_FOUND})
    shown = _shown(watch)

    def at(step):
        return [shown[f"documents.{name}", "form_0781a", step] for name in BY_TYPE_AND_STEP]

    assert [7, 0, 97 * 3_600, 5, 3, 1, 0] == at("benefits_gateway_service")
    assert [2, 0, 300 * 3_600, 0, 0, 0, 0] == at("none")
    assert 1 == shown["documents.not_found", "form_0781a"]


def test_what_is_expected_and_not_tracked_is_sent_by_type(watch):
    """Once it has been expected for an hour, a setting, and no longer once staff settle it."""
    expected, now = ExpectedDocuments(watch.database), watch.clock.instant()
    expected.expect("s-1", {"form_0781": 3, "veteran_upload": 1}, "vets-api", now)
    expected.expect("s-2", {"form_0781": 2}, "vets-api", now + HOUR - 1)
    found = []
    for minutes in (0, 59, 1, 60):
        watch.clock.now += 60 * minutes
        shown = _shown(watch)
        found.append([shown["documents.expected_missing", kind] for kind in TYPES])
    track(watch, 1, "form_0781", first=7)  # of a submission of its own
    watch.documents.add([NewDocument(1, "s-1", "form_0781", None, now)], watch.clock.instant())
    expected.settle("s-2", (), "jane", "by mail", watch.clock.instant())
    found.append([_shown(watch)["documents.expected_missing", kind] for kind in TYPES])
    watch.gauges.reconfigure(
        watch.emitter,
        daily_count_hour=14,
        policy=Policy(expected_within_ms=3 * HOUR),
        accesses=list,
    )
    found.append([_shown(watch)["documents.expected_missing", kind] for kind in TYPES])

    none, some = [0] * 4, [1, 3, 0, 0]
    assert [none, none, some, [1, 5, 0, 0], [1, 2, 0, 0], none] == found


def _announce(watch, *steps, begins_in=0):
    starts_at = watch.clock.instant() + begins_in * 1_000
    announce(
        MaintenanceWindows(watch.database),
        starts_at,
        starts_at + 8 * HOUR,
        steps=steps,
        reason="upgrade",
        by="jane",
        now=watch.clock.instant(),
    )


def _out(watch):
    """The steps that are shown as out; every step is shown as out or not."""
    shown = {key[1]: value for key, value in _shown(watch).items() if key[0] == "maintenance"}
    assert set(STEPS) <= set(shown)
    assert {0, 1} >= set(shown.values())
    return {step for step, value in shown.items() if value}


def test_maintenance_is_shown_by_step_while_it_lasts(watch):
    """From the beginning of a window to its end, 1 at its steps, and 0 at all others."""
    _announce(watch, "CLAIMS_EVIDENCE", begins_in=60)
    _announce(watch, "BENEFITS_GATEWAY_SERVICE", "CLAIMS_EVIDENCE", begins_in=3_600)

    assert set() == _out(watch)
    watch.clock.now += 60
    assert {"claims_evidence"} == _out(watch)
    watch.clock.now += 3_540
    assert {"claims_evidence", "benefits_gateway_service"} == _out(watch)
    watch.clock.now += 8 * 3_600 - 1
    assert {"claims_evidence", "benefits_gateway_service"} == _out(watch)
    watch.clock.now += 1
    assert set() == _out(watch)


def test_maintenance_of_all_of_lighthouse_is_shown_for_every_step(watch):
    """Those that Lighthouse never named before included; ended, for none."""
    ids = track(watch, 1)
    record(watch, {request_id: running(request_id, "VIRUS_SCAN") for request_id in ids})
    _announce(watch)

    assert {*STEPS, "virus_scan"} == _out(watch)
    MaintenanceWindows(watch.database).end(1, "jane", watch.clock.instant())
    assert set() == _out(watch)


MEDIAN = "documents.median_pending_age"


def test_a_followed_table_is_shown_until_nobody_follows_it(watch):
    """Rows that wait and are not settled, the oldest's age, and since when all was taken."""
    followed, now = Followed(watch.database, "vets-api"), watch.clock.instant()
    names = ("not_tracked", "oldest_not_tracked_age", "round_age")

    def shown():
        found = _shown(watch)
        return [found.get((f"follow.{name}",)) for name in names]

    waiting = ((5, now - HOUR, None), (6, now - 2 * HOUR, "wrong"), (7, now - 3 * HOUR, None))
    followed.keep(now, 0, waiting, [])
    assert [None] * 3 == shown()  # taken by `--once`

    followed.begin(now)
    assert [3, 3 * 3_600, 0] == shown()
    watch.clock.now += 600
    followed.begin(watch.clock.instant())  # a start is no round
    followed.settle([7], "jane", "by mail", watch.clock.instant())
    assert [2, 2 * 3_600 + 600, 600] == shown()
    followed.taken(watch.clock.instant())
    followed.keep(now, 0, [], [5, 6])
    assert [0, 0, 0] == shown()

    assert followed.end("jane", watch.clock.instant())
    assert [None] * 3 == shown()
    followed.taken(watch.clock.instant())
    assert [0, 0, 0] == shown()


def test_the_median_wait_is_that_of_half_of_the_documents_at_a_step(watch):
    """Of all types together, those that are acknowledged or done left out; 0 where none waits."""
    hours = {"form_0781": (50, 3, 1), "veteran_upload": (7, 2), "form_0781a": (90,)}
    ids = iter(range(1, 100))
    for kind, ages in hours.items():
        for age in ages:
            (request_id,) = track(watch, 1, kind, next(ids), age * 3_600)
            record(watch, {request_id: running(request_id, BGS)})
    track(watch, 1, first=50, age=5 * 3_600)
    (done,) = track(watch, 1, first=60, age=99 * 3_600)
    record(watch, {done: success(done)})
    triage, now = TriageStore(watch.database), watch.clock.instant()
    ack = decide(Action.ACK, Policy(), now)
    (seen_to,) = triage.by_request_ids([6]).values()
    assert 1 == triage.carry_out([seen_to.id], ack, note(Action.ACK, "jane", "seen to", now))
    shown = _shown(watch)

    # 50, 7, 3, 2 and 1 hours at BGS.
    assert 3 * 3_600 == shown[MEDIAN, "benefits_gateway_service"]
    assert 5 * 3_600 == shown[MEDIAN, "none"]
    assert 0 == shown[MEDIAN, "complete"]


def test_acknowledged_documents_are_shown_until_they_are_closed(watch):
    """By type, whatever Lighthouse says of them; closed ones are no longer shown."""
    first = track(watch, 3, "form_0781")
    record(watch, {request_id: failure(request_id) for request_id in first})
    other = track(watch, 1, "veteran_upload", first=50)
    record(watch, {request_id: failure(request_id, BGS) for request_id in other})
    triage, now = TriageStore(watch.database), watch.clock.instant()
    ids = [each.id for each in triage.by_request_ids([*first, *other]).values()]
    found = []
    for action, some in ((Action.ACK, ids), (Action.CLOSE, ids[:1])):
        triage.carry_out(some, decide(action, Policy(), now), note(action, "jane", "x", now))
        shown = _shown(watch)
        found.append([shown["documents.acknowledged", kind] for kind in DOCUMENT_TYPES])

    assert [[1, 3, 0, 0], [1, 2, 0, 0]] == found


def test_the_median_wait_is_computed_every_five_minutes(watch):
    """In between it stays as it was."""
    track(watch, 1, age=600)
    found = []
    for _ in range(12):
        found.append(_shown(watch)[MEDIAN, "none"])
        watch.clock.now += 30

    assert [600] * 10 + [900] * 2 == found


def test_what_was_shown_once_goes_back_to_zero(watch):
    """A step that no document is at any more is sent as zero, also an unknown one and `other`."""
    ids = track(watch, OPEN_WORDS + 2)
    for request_id in ids:
        record(watch, {request_id: running(request_id, f"NEW_{request_id:02}")})
    before = _shown(watch)
    assert (1, 2) == (
        before["documents.pending", "form_0781", "new_01"],
        before["documents.pending", "form_0781", "other"],
    )
    record(watch, {request_id: success(request_id) for request_id in ids})
    after = _shown(watch)

    assert before.keys() == after.keys()
    outbox = {("outbox.depth",): 2 * len(ids)}
    assert {("documents.done", "form_0781"): len(ids)} | outbox == {
        k: v for k, v in after.items() if v
    }


def test_the_lag_is_that_of_the_document_due_longest(watch):
    """Seconds since the first due document became due; where none is due there is no lag."""
    track(watch, 3)
    watch.clock.now += 90.5
    assert 90.5 == _shown(watch)["poll.due_lag",]
    record(watch, {request_id: running(request_id) for request_id in (1, 2, 3)})
    assert 0 == _shown(watch)["poll.due_lag",]


def test_gauges_survive_an_unreachable_agent(watch):
    """Sending raises nothing; an Agent that is reachable again gets the levels of then."""
    track(watch, 3)
    watch.agent.stop()
    watch.gauges.send()
    watch.gauges.send()
    watch.agent.start()
    watch.gauges.send()

    assert 3 == _shown(watch)["documents.pending", "form_0781", "none"]
