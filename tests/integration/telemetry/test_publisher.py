"""Telling Datadog: what the store says, all of it, nothing else, and no sooner."""

import contextlib
import itertools
import socket
import threading
import time
from collections import Counter

import orjson
import pytest
from daemon_rig import TYPES, DaemonRig
from patience import at_most
from store_rows import moved

from lightkeeper.domain.answer import Absence, StatusReport
from lightkeeper.domain.change import Recorded, Remark, RemarkKind
from lightkeeper.domain.interpret import interpret
from lightkeeper.domain.policy import Policy
from lightkeeper.domain.poll_schedule import next_poll_at
from lightkeeper.domain.time import DAY, SECOND
from lightkeeper.store.database import StoreUnavailable, open_database
from lightkeeper.store.documents import Documents
from lightkeeper.store.outbox import MAX_IDS_IN_EVENT, Outbox
from lightkeeper.telemetry.events import DOCUMENT_EVENT
from lightkeeper.telemetry.gauges import Gauges
from lightkeeper.telemetry.publisher import PUBLISH_AT_MOST, Publisher
from lightkeeper.telemetry.signals import DOCUMENT_TYPES, OPEN_WORDS, STEPS
from lightkeeper.telemetry.tag_values import tag_value

CLAIMS, BGS, REMOVE = "CLAIMS_EVIDENCE", "BENEFITS_GATEWAY_SERVICE", "REMOVE_FILE_BINARY"
OUTCOMES = "lightkeeper.documents.outcomes"
STEP_OUTCOMES = "lightkeeper.step.outcomes"
REMARKS = "lightkeeper.answers.remarkable"
UNKNOWN = "lightkeeper.answers.unknown_words"
PROCESSING = "lightkeeper.documents.processing_time"
DETECTION = "lightkeeper.documents.detection_delay"
SLOS = ("outcome", "efolder", "detection")
JUDGED = ("document_type", "result")


@pytest.fixture
def watch(database_url, tmp_path):
    """A daemon over an empty store and an Agent, once on each engine."""
    with DaemonRig(database_url, tmp_path) as running:
        yield running
    running.agent.assert_clean()


def _report(request_id, status, steps=(), error_step=None, started_at=None, ended_at=None):
    steps = tuple(dict(steps).items())
    return StatusReport(request_id, status, steps, started_at, ended_at, error_step, None, "{}")


def _success(request_id):
    return _report(request_id, "SUCCESS", {CLAIMS: "SUCCESS", BGS: "SUCCESS"})


def _failure(request_id, step=CLAIMS):
    return _report(request_id, "FAILED", {step: "FAILED"}, step)


def _running(request_id, step=CLAIMS):
    return _report(request_id, "IN_PROGRESS", {step: "IN_PROGRESS"})


def _absent(_):
    return Absence.NOT_FOUND


def _answered(watch, answers, database=None):
    """Record what these answers, by request id, make of the documents: one transaction."""
    documents = Documents(database or watch.database)
    now, policy = watch.clock.instant(), Policy()
    batch = []
    for document in sorted(documents.due(now + 365 * DAY, 100_000)):
        if document.request_id in answers:
            decision = interpret(document, answers[document.request_id], policy, now)
            due = next_poll_at(decision.after, policy, now)
            batch.append(Recorded(document, decision, due, None, None))
    assert len(answers) == len(batch)
    documents.record(batch, now)


def _hand_in(watch, count, kind="form_0781", first=1, age=0.0):
    ids = range(first, first + count)
    watch.track_ids(ids, kind, age)
    return ids


def _publish(watch):
    """Tell all there is; what the Agent then has received."""
    told = 0
    while count := watch.publisher.publish():
        told += count
    watch.agent.drain()
    return told


def _told(watch, name, *tags):
    """The counts of that name, added up by the values of these tags."""
    counts = Counter()
    for metric in watch.agent.metrics:
        if metric.name == name:
            assert "count" == metric.kind
            counts[tuple(metric.tags[tag] for tag in tags)] += metric.value
    return counts


def _judged(watch):
    """How many documents of which type were told as good or bad in each service level."""
    return Counter(
        {
            (name, *tags): count
            for name in SLOS
            for tags, count in _told(watch, f"lightkeeper.slo.{name}", *JUDGED).items()
        }
    )


def _transitions(watch, columns, where="1 = 1"):
    return watch.database.rows(
        f"SELECT d.document_type, {columns} FROM transitions AS t "
        "JOIN form_526_document_submissions AS d ON d.id = t.document_id "
        f"WHERE {where} ORDER BY t.id"
    )


def _assert_told_as_stored(watch):
    """Every count and every value the Agent has is what the history in the store gives."""
    stored = _transitions(watch, "t.to_step, t.outcome", "t.outcome IS NOT NULL")
    assert Counter((kind, tag_value(step), end) for kind, step, end in stored) == _told(
        watch, OUTCOMES, "document_type", "step", "outcome"
    )
    changes, remarks, words, silence = Counter(), Counter(), Counter(), Counter()
    judged = Counter()
    for kind, changed, remarked in _transitions(watch, "t.step_changes, t.remarks"):
        for step, word in orjson.loads(changed):
            changes[kind, tag_value(step), word.lower()] += 1
        said = [tuple(remark) for remark in orjson.loads(remarked)]
        missed = {word for what, word in said if what == "slo_missed"}
        if missed or ("slo_met", None) in said:
            judged.update((name, kind, "bad" if name in missed else "good") for name in SLOS)
        for what, word in said:
            if what in {"slo_met", "slo_missed"}:
                continue
            if what.startswith("unknown_"):
                words[what, tag_value(word)] += 1
            elif what == "veteran_must_act":
                silence["disability-application", kind] += 1
            else:
                remarks[kind, what] += 1
    assert changes == _told(watch, STEP_OUTCOMES, "document_type", "step", "outcome")
    assert remarks == _told(watch, REMARKS, "document_type", "remark")
    assert words == _told(watch, UNKNOWN, "field", "word")
    assert silence == _told(watch, "silent_failure", "service", "function")
    assert judged == _judged(watch)
    for name, column in ((PROCESSING, "processing_ms"), (DETECTION, "detection_ms")):
        values = _transitions(watch, f"t.outcome, t.{column}", f"t.{column} IS NOT NULL")
        assert sorted((kind, end, ms / 1_000) for kind, end, ms in values) == sorted(
            (metric.tags["document_type"], metric.tags["outcome"], metric.value)
            for metric in watch.agent.metrics
            if metric.name == name
        )
    assert [] == _transitions(watch, "t.id", "t.published_at IS NULL")


def test_a_mixed_batch_is_told_as_it_is_stored(watch):
    """Types, steps and outcomes in one batch are each counted as what they are (fault 1, 2, 5)."""
    answers = {}
    makers = [_success, _failure, lambda i: _failure(i, BGS), _running, _absent]
    for at, kind in enumerate(TYPES):
        ids = _hand_in(watch, 50, kind, first=1 + 1_000 * at)
        for place, (request_id, maker) in enumerate(zip(ids, itertools.cycle(makers))):
            if place < 40 + at:
                answers[request_id] = maker(request_id)
    _answered(watch, dict(sorted(answers.items(), key=lambda item: item[0] % 1_000)))

    assert len(answers) == _publish(watch)
    _assert_told_as_stored(watch)
    told = _told(watch, OUTCOMES, "document_type", "step", "outcome")
    assert 9 == told["bdd_instructions", "complete", "done"]
    assert 8 == told["veteran_upload", "benefits_gateway_service", "failed"]
    assert 102 == told.total()


def test_every_story_lighthouse_tells_is_told_on(watch):
    """Documents polled from beginning to end are told as the store has them, step by step."""
    stories = (
        *("success", "fails_claims_evidence", "fails_bgs", "fails_unknown", "fails_cleanup"),
        *("stuck_bgs", "recovers", "reworks", "unknown_step", "unknown_status"),
        *("contradictory", "lost", "purged"),
    )
    for number, (story, kind) in enumerate(zip(stories * 2, itertools.cycle(TYPES[:3]))):
        watch.track(1 + number % 4, story, kind)
    for _ in range(12):
        watch.poll()
        watch.clock.now += 40
    _publish(watch)

    _assert_told_as_stored(watch)
    told = _told(watch, OUTCOMES, "outcome")
    assert {("done",), ("failed",), ("recovered",)} == set(told)
    remarks = {"contradictory", "housekeeping", "not_found", "reopened"}
    assert remarks <= {remark for (remark,) in _told(watch, REMARKS, "remark")}
    assert {
        ("unknown_step", "virus_scan"),
        ("unknown_status", "paused"),
    } == set(_told(watch, UNKNOWN, "field", "word"))


def test_a_change_is_told_once(watch):
    """What was told is not told again, nor is an answer that changes nothing."""
    ids = _hand_in(watch, 3)
    for _ in range(3):
        _answered(watch, {request_id: _running(request_id) for request_id in ids})
        _publish(watch)

    assert {("claims_evidence", "in_progress"): 3} == _told(
        watch, STEP_OUTCOMES, "step", "outcome"
    )
    assert 0 == _publish(watch)


def test_durations_are_lighthouses_and_ours(watch):
    """Processing is Lighthouse's start to end, detection its end to our learning of it."""
    now = watch.clock.instant()
    (request_id,) = _hand_in(watch, 1)
    report = _success(request_id)._replace(
        started_at=now - 20 * SECOND, ended_at=now - 2 * SECOND - 500
    )
    _answered(watch, {request_id: report})
    _publish(watch)

    ended = {"document_type": "form_0781", "outcome": "done"}
    assert [17.5] == watch.agent.values(PROCESSING, **ended)
    assert [2.5] == watch.agent.values(DETECTION, **ended)
    assert {"distribution"} == {
        metric.kind for metric in watch.agent.metrics if metric.name in (PROCESSING, DETECTION)
    }


def test_each_document_is_judged_once_and_told_as_good_or_bad(watch):
    """Stuck ones count as missed, recovered ones once: told with the answer that settles it."""
    good, lost, stuck = (
        _hand_in(watch, 2),
        _hand_in(watch, 3, first=11),
        _hand_in(watch, 4, first=21),
    )
    _answered(
        watch, {each: _success(each) for each in good} | {each: _failure(each) for each in lost}
    )
    _publish(watch)
    watch.clock.now += 2 * DAY / SECOND + 1
    for _ in range(2):
        _answered(watch, {each: _running(each) for each in stuck})
        _publish(watch)
    _answered(watch, {each: _success(each) for each in (*stuck, *lost)})
    _publish(watch)

    kind = "form_0781"
    assert {
        ("outcome", kind, "good"): 5,
        ("outcome", kind, "bad"): 4,
        ("efolder", kind, "good"): 2,
        ("efolder", kind, "bad"): 7,
        ("detection", kind, "good"): 5,
        ("detection", kind, "bad"): 4,
    } == _judged(watch)
    _assert_told_as_stored(watch)


def test_unknown_steps_are_bounded(watch):
    """Eight steps nobody knows are told under their own names, the others together."""
    ids = _hand_in(watch, 12)
    for number, request_id in enumerate(ids):
        _answered(watch, {request_id: _failure(request_id, f"NEW_STEP_{number:02}")})
    _publish(watch)

    own = {(f"new_step_{number:02}",): 1 for number in range(OPEN_WORDS)}
    assert own | {("other",): 4} == _told(watch, OUTCOMES, "step")
    assert own | {("other",): 4} == _told(watch, STEP_OUTCOMES, "step")
    assert own | {("other",): 4} == _told(watch, UNKNOWN, "word")
    watch.gauges.send()
    watch.agent.drain()
    gauge = "lightkeeper.documents.failed"
    assert 4 == watch.agent.gauge(gauge, document_type="form_0781", step="other")
    steps = {m.tags["step"] for m in watch.agent.metrics if m.name == gauge}
    assert {*STEPS, *(step for (step,) in own), "other"} == steps
    events = {event.title for event in watch.agent.events if "failed at" in event.title}
    assert "4 form_0781 documents failed at OTHER" in events
    assert "1 form_0781 document failed at NEW_STEP_07" in events
    assert OPEN_WORDS + 1 == len(events)


def test_words_keep_their_names_over_a_restart(watch):
    """A new process gives the same eight their names, shows zeros for them, and adds none."""
    for start in (1, 21):
        ids = _hand_in(watch, 12, first=start)
        for number, request_id in enumerate(ids):
            _answered(watch, {request_id: _running(request_id, f"STEP_{start + number:03}")})
        _publish(watch)
        watch.gauges.send()
        outbox = Outbox(watch.database)
        watch.publisher = _publisher(watch, outbox)
        watch.gauges = Gauges(
            watch.levels, outbox, watch.publisher.steps, watch.emitter, watch.clock.instant
        )
    words = {word for (word,) in _told(watch, UNKNOWN, "word")}
    _answered(watch, {i: _success(i) for i in (*range(1, 13), *range(21, 33))})
    last = _gauges(watch)

    own = {f"step_{number:03}" for number in range(1, 9)}
    steps = {key[2] for key in last if key[0] == "documents.pending"}
    assert {*STEPS, *own, "other"} == steps
    assert {0} == {value for key, value in last.items() if key[0] == "documents.pending"}
    assert own | {"other"} == words


def test_an_agent_that_stalls_has_no_news_twice(watch):
    """What it took before it stalled is marked; the rest comes later, and nothing twice."""
    times = {"started_at": watch.clock.instant() - 9, "ended_at": watch.clock.instant()}
    lost = {i: _report(i, "FAILED", {CLAIMS: "FAILED"}, CLAIMS, **times) for i in range(1, 1_001)}
    _hand_in(watch, 1_000)
    _answered(watch, lost)
    for _ in range(2):
        watch.agent.pause()
        assert watch.publisher.publish() < PUBLISH_AT_MOST
        watch.agent.resume()
        watch.agent.drain()
    _publish(watch)

    _assert_told_as_stored(watch)
    assert 1_000 == watch.agent.count("silent_failure")


def test_a_thousand_at_most_are_told_at_once(watch):
    """A backlog is told in portions, the oldest first, and each portion in a few datagrams."""
    ids = _hand_in(watch, 2 * PUBLISH_AT_MOST + 1)
    _answered(watch, {request_id: _running(request_id) for request_id in ids})

    told = []
    for _ in range(4):
        told.append(watch.publisher.publish())
        ((oldest,),) = watch.database.rows(
            "SELECT MIN(id) FROM transitions WHERE published_at IS NULL"
        )
        told.append(oldest)
    assert [1_000, 1_001, 1_000, 2_001, 1, None, 0, None] == told
    watch.agent.drain()
    assert 2 * PUBLISH_AT_MOST + 1 == watch.agent.count(STEP_OUTCOMES)
    assert 3 == len(watch.agent.metrics)


def test_what_the_agent_misses_stays_untold(watch):
    """An Agent that is away is told everything once it is back, and nothing twice."""
    ids = _hand_in(watch, 30)
    _answered(watch, {request_id: _success(request_id) for request_id in ids[:10]})
    _publish(watch)
    watch.agent.stop()
    for start in (10, 20):
        _answered(watch, {i: _success(i) for i in ids[start : start + 10]})
        for _ in range(3):
            assert 0 == watch.publisher.publish()
    assert 20 == Outbox(watch.database).unpublished_count()
    watch.clock.now += 60
    watch.agent.start()

    assert 20 == _publish(watch)
    _assert_told_as_stored(watch)
    assert ["10 form_0781 documents done", "20 form_0781 documents done"] == [
        event.title for event in watch.agent.events if "done" in event.title
    ]


def test_what_was_lost_before_holds_nothing_up(watch):
    """News goes out at once after an outage, though something else was lost in it."""
    (request_id,) = _hand_in(watch, 1)
    _answered(watch, {request_id: _success(request_id)})
    watch.agent.stop()
    for number in range(1_000):
        watch.emitter.count("lightkeeper.answers.unrequested", number)
    watch.agent.start()

    assert 1 == watch.publisher.publish()


def test_an_event_the_agent_misses_is_sent_later(watch):
    """Counts that arrived are not told again for an event that did not."""
    (request_id,) = _hand_in(watch, 1)
    _answered(watch, {request_id: _failure(request_id)})
    outbox = _Overtaken(watch.database)
    outbox.meanwhile = lambda: (watch.agent.drain(), watch.agent.stop())
    assert 1 == _publisher(watch, outbox).publish()
    watch.agent.start()
    for _ in range(2):  # the first may lose the socket of before
        assert 0 == _publish(watch)

    assert 1 == watch.agent.count(OUTCOMES)
    assert 2 == len(watch.agent.events)


class _Unwritable(Outbox):
    """An outbox whose database fails when telling has to be written down."""

    def mark_published(self, *_):
        raise StoreUnavailable("disk full")


def _publisher(watch, outbox):
    return Publisher(outbox, watch.emitter, watch.clock.instant)


def test_a_failure_between_sending_and_marking_tells_again(watch):
    """At least once: a store that fails after sending has it told anew, with one event."""
    (request_id,) = _hand_in(watch, 1)
    _answered(watch, {request_id: _failure(request_id)})
    with pytest.raises(StoreUnavailable):
        _publisher(watch, _Unwritable(watch.database)).publish()
    assert 1 == _publish(watch)

    assert 2 == watch.agent.count(OUTCOMES)
    assert ["1 form_0781 document failed at CLAIMS_EVIDENCE"] == [
        event.title for event in watch.agent.events if event.tags["event"] == DOCUMENT_EVENT
    ]


class _Overtaken(Outbox):
    """An outbox beside which somebody else records news while the Agent is spoken to."""

    meanwhile = staticmethod(lambda: None)

    def mark_published(self, *args):
        self.meanwhile()
        super().mark_published(*args)


def test_news_that_comes_while_telling_is_told_next(watch):
    """Runs that overlap lose nothing and count nothing twice (fault 4)."""
    ids = _hand_in(watch, 6)
    _answered(watch, {i: _success(i) for i in ids[:2]})
    outbox = _Overtaken(watch.database)
    with contextlib.closing(open_database(watch.url, create=False)) as other:
        outbox.meanwhile = lambda: _answered(watch, {i: _success(i) for i in ids[2:]}, other)
        assert 2 == _publisher(watch, outbox).publish()
    assert 4 == _publish(watch)

    _assert_told_as_stored(watch)
    assert 6 == watch.agent.count(OUTCOMES)


def test_nothing_is_told_before_it_is_committed(watch):
    """A change that is only being written does not exist for Datadog, nor one rolled back."""
    ids = _hand_in(watch, 2)
    with contextlib.closing(open_database(watch.url, create=False)) as other:
        with contextlib.suppress(ZeroDivisionError), other.writing():
            _answered(watch, {ids[0]: _failure(ids[0])}, other)
            assert 0 == watch.publisher.publish()
            raise ZeroDivisionError
        assert 0 == watch.publisher.publish()
        with other.writing():
            _answered(watch, {ids[1]: _success(ids[1])}, other)
            assert 0 == watch.publisher.publish()
    watch.agent.drain()
    assert [] == watch.agent.received

    assert 1 == _publish(watch)
    _assert_told_as_stored(watch)
    assert {("done",): 1} == _told(watch, OUTCOMES, "outcome")


def _stall(agent):
    """Let the Agent read no more, and fill its queue: who sends now has to wait."""
    agent.pause()
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock,
        contextlib.suppress(BlockingIOError),
    ):
        sock.setblocking(False)
        sock.connect(str(agent.socket_path))
        while True:
            sock.send(b"lightkeeper.cycle.success:1|c")


def test_no_transaction_is_open_while_the_agent_is_spoken_to(watch):
    """While a stalled Agent holds telling up, others write, and no reader holds them back."""
    ids = _hand_in(watch, 2)
    _answered(watch, {request_id: _success(request_id) for request_id in ids})
    seen = {}

    def write_meanwhile():
        time.sleep(0.2)
        with contextlib.closing(open_database(watch.url, create=False)) as other:
            if other.dialect == "sqlite":  # it could not be emptied under a reader's eyes
                ((seen["busy"], _, _),) = other.rows("PRAGMA wal_checkpoint(TRUNCATE)")
            else:
                ((seen["busy"],),) = other.rows(
                    "SELECT COUNT(*) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND state = 'idle in transaction'"
                )
            other.try_write()
        seen["written at"] = time.monotonic()

    _stall(watch.agent)
    writer = threading.Thread(target=write_meanwhile)
    writer.start()
    assert 0 == watch.publisher.publish()
    told_at = time.monotonic()
    writer.join()

    assert 0 == seen["busy"]
    assert seen["written at"] < told_at
    watch.agent.resume()
    watch.agent.drain()
    watch.agent.clear()
    assert 2 == _publish(watch)


@pytest.mark.speed
def test_a_stalled_agent_holds_telling_up_for_seconds_only(tmp_path):
    """However much there is to tell, an Agent that hangs costs two seconds each time."""
    with DaemonRig(f"sqlite:///{tmp_path}/lightkeeper.db", tmp_path) as watch:
        ids = _hand_in(watch, PUBLISH_AT_MOST)
        now = watch.clock.instant()
        _answered(
            watch,
            {i: _failure(i, f"S{i}")._replace(started_at=now - i, ended_at=now - 1) for i in ids},
        )
        _stall(watch.agent)
        for show in (watch.publisher.publish, watch.gauges.send):
            begun = time.monotonic()
            assert not show()
            assert time.monotonic() - begun < at_most(4.0)
        watch.agent.resume()


def test_events_come_once_a_minute_for_each_key(watch):
    """The first news goes out at once; what follows within a minute is gathered into one."""
    titles = []
    ids = iter(_hand_in(watch, 100))
    for seconds, count in ((0, 1), (10, 2), (20, 3), (20, 4), (9, 1), (1, 5), (30, 6), (31, 1)):
        watch.clock.now += seconds
        batch = list(itertools.islice(ids, count))
        _answered(watch, {request_id: _success(request_id) for request_id in batch})
        watch.agent.clear()
        _publish(watch)
        titles.append(
            [event.title for event in watch.agent.events if event.tags["step"] == "complete"]
        )

    first, later, last = (
        [f"{count} form_0781 {what} done"]
        for count, what in ((1, "document"), (15, "documents"), (7, "documents"))
    )
    assert [first, [], [], [], [], later, [], last] == titles


def test_each_key_has_its_own_minute(watch):
    """News of another type, step or outcome does not wait."""
    watch.agent.clear()
    ids = iter(_hand_in(watch, 3))
    watch.track_ids([10], "form_0781a")
    for answers in (
        {(i := next(ids)): _failure(i)},
        {(i := next(ids)): _failure(i, BGS)},
        {(i := next(ids)): _success(i)},
        {10: _failure(10)},
    ):
        _answered(watch, answers)
        _publish(watch)
        watch.clock.now += 1

    events = [e for e in watch.agent.events if e.tags["event"] == DOCUMENT_EVENT]
    assert [
        "1 form_0781 document failed at CLAIMS_EVIDENCE",
        "1 form_0781 document failed at BENEFITS_GATEWAY_SERVICE",
        "1 form_0781 document done",
        "1 form_0781a document failed at CLAIMS_EVIDENCE",
    ] == [event.title for event in events]
    assert ["error", "error", "success", "error"] == [event.alert_type for event in events]


def test_an_event_names_the_first_twenty_ids_and_counts_all(watch):
    """Twenty request ids at most, of the documents that came first, and when they were seen."""
    ids = _hand_in(watch, 70, first=600_000_001)
    for start, count in ((0, 25), (25, 15), (40, 30)):
        _answered(watch, {i: _failure(i) for i in ids[start : start + count]})
        _publish(watch)
        watch.clock.now += 40
    _publish(watch)

    first, later = [event for event in watch.agent.events if event.tags["event"] == DOCUMENT_EVENT]
    assert "25 form_0781 documents failed at CLAIMS_EVIDENCE" == first.title
    assert "45 form_0781 documents failed at CLAIMS_EVIDENCE" == later.title
    for event, start, more in ((first, 0, 5), (later, 25, 25)):
        twenty = ", ".join(str(request_id) for request_id in ids[start : start + MAX_IDS_IN_EVENT])
        assert f"lighthouse_request_id: {twenty} and {more} more" == event.text.split("\n")[0]
    _, seen, hint = later.text.split("\n")
    assert "Seen between 2027-01-15 08:00:40 UTC and 2027-01-15 08:01:20 UTC." == seen
    assert "History of one: lightkeeper show REQUEST_ID" == hint
    for event in (first, later):
        assert "s-600" not in event.title + event.text
        assert "lightkeeper.document:form_0781:failed:claims_evidence" == event.aggregation_key
        assert {
            "document_type": "form_0781",
            "step": "claims_evidence",
            "outcome": "failed",
            "event": "lightkeeper.document",
        } == event.tags


def test_steps_have_events_of_their_own(watch):
    """A change of a step's status is an event too, told as what Lighthouse said."""
    ids = _hand_in(watch, 2)
    _answered(watch, {request_id: _running(request_id) for request_id in ids})
    _publish(watch)

    (event,) = watch.agent.events
    assert "2 form_0781 documents: CLAIMS_EVIDENCE is in_progress" == event.title
    assert ("info", "lightkeeper.step:form_0781:in_progress:claims_evidence") == (
        event.alert_type,
        event.aggregation_key,
    )


def _gauges(watch):
    """Each gauge told by one call, by name and values of its tags, the host's apart."""
    watch.agent.clear()
    watch.gauges.send()
    watch.agent.drain()
    told = {}
    for metric in watch.agent.metrics:
        tags = dict(metric.tags)
        assert ("gauge", "") == (metric.kind, tags.pop("host"))
        key = (metric.name.removeprefix("lightkeeper."), *tags.values())
        assert key not in told
        told[key] = metric.value
    return told


BY_TYPE_AND_STEP = (
    *("pending", "failed", "oldest_pending_age", "slow", "stuck", "overdue", "unacknowledged"),
)
BY_TYPE = ("done", "not_found", "in_efolder_not_bgs", "efolder_unknown", "contradictory")
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

    assert expected == _gauges(watch)


def test_gauges_are_what_the_store_holds(watch):
    """Counted one by one, the documents are as many as the gauges say, wherever they stand."""
    makers = [
        _success,
        _failure,
        lambda i: _failure(i, BGS),
        _running,
        lambda i: _running(i, "VIRUS_SCAN"),
        _absent,
    ]
    for at, kind in enumerate(TYPES):
        for turn, maker in enumerate(makers):
            ids = _hand_in(watch, at + turn, kind, first=1 + 1_000 * at + 100 * turn)
            _answered(watch, {request_id: maker(request_id) for request_id in ids})
        _hand_in(watch, 2, kind, first=1 + 1_000 * at + 900)

    counted = Counter()
    for kind, status, step, absent in watch.rows(
        "document_type, lighthouse_status, current_step, not_found_since"
    ):
        steps = () if status == "done" else (step.lower(),)
        counted[f"documents.{status}", kind, *steps] += 1
        counted["documents.not_found", kind] += absent is not None
    told = _gauges(watch)
    names = {f"documents.{name}" for name in ("pending", "done", "failed", "not_found")}
    assert +counted == Counter({k: int(v) for k, v in told.items() if v and k[0] in names})
    tracked = sum(v for k, v in told.items() if k[0] in names - {"documents.not_found"})
    assert len(watch.rows("id")) == tracked


def test_ages_are_told_by_type_and_step(watch):
    """What Lighthouse still called unfinished past a threshold counts for it and those below."""
    for number, hours in enumerate((1, 23, 25, 47, 49, 95, 97)):
        ids = _hand_in(watch, 1, "form_0781a", first=10 + number, age=hours * 3_600)
        _answered(watch, {request_id: _running(request_id, BGS) for request_id in ids})
    _hand_in(watch, 1, "form_0781a", first=50, age=200 * 3_600)
    _hand_in(watch, 1, "form_0781a", first=60, age=300 * 3_600)
    _answered(watch, {60: Absence.NOT_FOUND})
    told = _gauges(watch)

    def at(step):
        return [told[f"documents.{name}", "form_0781a", step] for name in BY_TYPE_AND_STEP]

    assert [7, 0, 97 * 3_600, 5, 3, 1, 0] == at("benefits_gateway_service")
    assert [2, 0, 300 * 3_600, 0, 0, 0, 0] == at("none")
    assert 1 == told["documents.not_found", "form_0781a"]


def test_what_was_shown_once_goes_back_to_zero(watch):
    """A step that nobody is at any more is told as zero, also an unknown one and `other`."""
    ids = _hand_in(watch, OPEN_WORDS + 2)
    for request_id in ids:
        _answered(watch, {request_id: _running(request_id, f"NEW_{request_id:02}")})
    before = _gauges(watch)
    assert (1, 2) == (
        before["documents.pending", "form_0781", "new_01"],
        before["documents.pending", "form_0781", "other"],
    )
    _answered(watch, {request_id: _success(request_id) for request_id in ids})
    after = _gauges(watch)

    assert before.keys() == after.keys()
    outbox = {("outbox.depth",): 2 * len(ids)}
    assert {("documents.done", "form_0781"): len(ids)} | outbox == {
        k: v for k, v in after.items() if v
    }


def test_the_lag_is_that_of_who_waits_longest(watch):
    """How long the first in line has been due, in seconds; nothing due is no lag."""
    _hand_in(watch, 3)
    watch.clock.now += 90.5
    assert 90.5 == _gauges(watch)["poll.due_lag",]
    _answered(watch, {request_id: _running(request_id) for request_id in (1, 2, 3)})
    assert 0 == _gauges(watch)["poll.due_lag",]


def test_gauges_survive_an_agent_that_is_away(watch):
    """Showing levels to nobody raises nothing; who comes back sees them as they are then."""
    _hand_in(watch, 3)
    watch.agent.stop()
    watch.gauges.send()
    watch.gauges.send()
    watch.agent.start()
    watch.gauges.send()

    assert 3 == _gauges(watch)["documents.pending", "form_0781", "none"]


def test_a_veteran_left_in_the_dark_is_counted_once(watch):
    """One count for each document VA surely lacks, under VA's own tags; BDD instructions never."""
    for at, kind in enumerate(TYPES):
        ids = _hand_in(watch, 3, kind, first=1 + 100 * at)
        _answered(watch, {i: _failure(i, CLAIMS if i != ids[0] else BGS) for i in ids})
        _answered(watch, {i: _failure(i) for i in ids[1:]})
    _publish(watch)

    papers = ("veteran_upload", "form_0781", "form_0781a")
    assert {("disability-application", kind): 2 for kind in papers} == _told(
        watch, "silent_failure", "service", "function"
    )


def test_a_notice_takes_the_silence_away(watch):
    """A notice that was sent, and one that arrived, are told under VA's names for them."""
    _hand_in(watch, 2)
    news = ((Remark(RemarkKind.NOTICE_SENT),), (Remark(RemarkKind.NOTICE_DELIVERED),))
    for document, remarks in zip(watch.documents.due(watch.clock.instant(), 2), news, strict=True):
        watch.documents.record([moved(document, news={"remarks": remarks})], 0)
    _publish(watch)

    avoided = "silent_failure_avoided"
    for name in (avoided, f"{avoided}_no_confirmation"):
        assert {("form_0781",): 1} == _told(watch, name, "function")


@pytest.mark.speed
def test_ten_thousand_changes_are_told_within_a_second(watch):
    """Reading, sending and marking them, in portions, on either engine."""
    _answered(watch, {i: _success(i) for i in _hand_in(watch, 10_000)})
    began = time.monotonic()
    told = 0
    while count := watch.publisher.publish():
        told += count

    assert time.monotonic() - began < at_most(1.0)
    assert 10_000 == told
    watch.agent.drain()
    assert 10_000 == watch.agent.count(OUTCOMES)
