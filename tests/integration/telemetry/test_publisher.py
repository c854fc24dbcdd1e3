"""Publishing: Datadog gets what the store says, all of it, nothing else, and no sooner."""

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
from recorded_answers import (
    BGS,
    CLAIMS,
    failure,
    publish,
    record,
    report,
    running,
    success,
    track,
)
from store_rows import moved

from lightkeeper.domain.answer import Absence
from lightkeeper.domain.change import Remark, RemarkKind
from lightkeeper.domain.time import DAY, SECOND
from lightkeeper.store.database import StoreUnavailable, open_database
from lightkeeper.store.outbox import Outbox
from lightkeeper.telemetry.events import DOCUMENT_EVENT
from lightkeeper.telemetry.publisher import PUBLISH_AT_MOST, Publisher
from lightkeeper.telemetry.tag_values import tag_value
from lightkeeper.telemetry.tags import OPEN_WORDS, STEPS

OUTCOMES = "lightkeeper.documents.outcomes"
STEP_OUTCOMES = "lightkeeper.step.outcomes"
REMARKS = "lightkeeper.answers.remarkable"
UNKNOWN = "lightkeeper.answers.unknown_words"
PROCESSING = "lightkeeper.documents.processing_time"
DETECTION = "lightkeeper.documents.detection_delay"
SLOS = ("outcome", "efolder", "detection")
SLO_TAGS = ("document_type", "result")


@pytest.fixture
def watch(database_url, tmp_path):
    """A daemon over an empty store and an Agent, once on each engine."""
    with DaemonRig(database_url, tmp_path) as running:
        yield running
    running.agent.assert_clean()


def _absent(_):
    return Absence.NOT_FOUND


def _counts(watch, name, *tags):
    """The counts of that name that the Agent has, added up by the values of these tags."""
    counts = Counter()
    for metric in watch.agent.metrics:
        if metric.name == name:
            assert "count" == metric.kind
            counts[tuple(metric.tags[tag] for tag in tags)] += metric.value
    return counts


def _slo_counts(watch):
    """How many documents of which type were published as good or bad, by objective."""
    return Counter(
        {
            (name, *tags): count
            for name in SLOS
            for tags, count in _counts(watch, f"lightkeeper.slo.{name}", *SLO_TAGS).items()
        }
    )


def _transitions(watch, columns, where="1 = 1"):
    return watch.database.rows(
        f"SELECT d.document_type, {columns} FROM transitions AS t "
        "JOIN form_526_document_submissions AS d ON d.id = t.document_id "
        f"WHERE {where} ORDER BY t.id"
    )


def _assert_published_as_stored(watch):
    """Every count and every value the Agent has is what the history in the store gives."""
    stored = _transitions(watch, "t.to_step, t.outcome", "t.outcome IS NOT NULL")
    assert Counter((kind, tag_value(step), end) for kind, step, end in stored) == _counts(
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
    assert changes == _counts(watch, STEP_OUTCOMES, "document_type", "step", "outcome")
    assert remarks == _counts(watch, REMARKS, "document_type", "remark")
    assert words == _counts(watch, UNKNOWN, "field", "word")
    assert silence == _counts(watch, "silent_failure", "service", "function")
    assert judged == _slo_counts(watch)
    for name, column in ((PROCESSING, "processing_ms"), (DETECTION, "detection_ms")):
        values = _transitions(watch, f"t.outcome, t.{column}", f"t.{column} IS NOT NULL")
        assert sorted((kind, end, ms / 1_000) for kind, end, ms in values) == sorted(
            (metric.tags["document_type"], metric.tags["outcome"], metric.value)
            for metric in watch.agent.metrics
            if metric.name == name
        )
    assert [] == _transitions(watch, "t.id", "t.published_at IS NULL")


def test_a_mixed_batch_is_published_as_it_is_stored(watch):
    """Types, steps and outcomes in one batch are each counted as what they are (fault 1, 2, 5)."""
    answers = {}
    makers = [success, failure, lambda i: failure(i, BGS), running, _absent]
    for at, kind in enumerate(TYPES):
        ids = track(watch, 50, kind, first=1 + 1_000 * at)
        for place, (request_id, maker) in enumerate(zip(ids, itertools.cycle(makers))):
            if place < 40 + at:
                answers[request_id] = maker(request_id)
    record(watch, dict(sorted(answers.items(), key=lambda item: item[0] % 1_000)))

    assert len(answers) == publish(watch)
    _assert_published_as_stored(watch)
    published = _counts(watch, OUTCOMES, "document_type", "step", "outcome")
    assert 9 == published["bdd_instructions", "complete", "done"]
    assert 8 == published["veteran_upload", "benefits_gateway_service", "failed"]
    assert 102 == published.total()


def test_every_story_of_lighthouses_is_published(watch):
    """Documents polled from beginning to end are published step by step, as the store has them."""
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
    publish(watch)

    _assert_published_as_stored(watch)
    published = _counts(watch, OUTCOMES, "outcome")
    assert {("done",), ("failed",), ("recovered",)} == set(published)
    remarks = {"contradictory", "housekeeping", "not_found", "reopened"}
    assert remarks <= {remark for (remark,) in _counts(watch, REMARKS, "remark")}
    assert {
        ("unknown_step", "virus_scan"),
        ("unknown_status", "paused"),
    } == set(_counts(watch, UNKNOWN, "field", "word"))


def test_a_transition_is_published_once(watch):
    """A published transition is not published again; an unchanged answer makes no transition."""
    ids = track(watch, 3)
    for _ in range(3):
        record(watch, {request_id: running(request_id) for request_id in ids})
        publish(watch)

    assert {("claims_evidence", "in_progress"): 3} == _counts(
        watch, STEP_OUTCOMES, "step", "outcome"
    )
    assert 0 == publish(watch)


def test_durations_are_lighthouses_and_ours(watch):
    """Processing is Lighthouse's start to its end, detection its end to our recording it."""
    now = watch.clock.instant()
    (request_id,) = track(watch, 1)
    report = success(request_id)._replace(
        started_at=now - 20 * SECOND, ended_at=now - 2 * SECOND - 500
    )
    record(watch, {request_id: report})
    publish(watch)

    ended = {"document_type": "form_0781", "outcome": "done"}
    assert [17.5] == watch.agent.values(PROCESSING, **ended)
    assert [2.5] == watch.agent.values(DETECTION, **ended)
    assert {"distribution"} == {
        metric.kind for metric in watch.agent.metrics if metric.name in (PROCESSING, DETECTION)
    }


def test_each_document_is_published_once_as_good_or_bad(watch):
    """Stuck ones count as missed, recovered ones once, with the answer that settles it."""
    good, lost, stuck = (
        track(watch, 2),
        track(watch, 3, first=11),
        track(watch, 4, first=21),
    )
    record(watch, {each: success(each) for each in good} | {each: failure(each) for each in lost})
    publish(watch)
    watch.clock.now += 2 * DAY / SECOND + 1
    for _ in range(2):
        record(watch, {each: running(each) for each in stuck})
        publish(watch)
    record(watch, {each: success(each) for each in (*stuck, *lost)})
    publish(watch)

    kind = "form_0781"
    assert {
        ("outcome", kind, "good"): 5,
        ("outcome", kind, "bad"): 4,
        ("efolder", kind, "good"): 2,
        ("efolder", kind, "bad"): 7,
        ("detection", kind, "good"): 5,
        ("detection", kind, "bad"): 4,
    } == _slo_counts(watch)
    _assert_published_as_stored(watch)


def test_unknown_steps_are_bounded(watch):
    """Eight unknown steps are published under their own names, the others together."""
    ids = track(watch, 12)
    for number, request_id in enumerate(ids):
        record(watch, {request_id: failure(request_id, f"NEW_STEP_{number:02}")})
    publish(watch)

    own = {(f"new_step_{number:02}",): 1 for number in range(OPEN_WORDS)}
    assert own | {("other",): 4} == _counts(watch, OUTCOMES, "step")
    assert own | {("other",): 4} == _counts(watch, STEP_OUTCOMES, "step")
    assert own | {("other",): 4} == _counts(watch, UNKNOWN, "word")
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
        ids = track(watch, 12, first=start)
        for number, request_id in enumerate(ids):
            record(watch, {request_id: running(request_id, f"STEP_{start + number:03}")})
        publish(watch)
        watch.gauges.send()
        watch.restart()
    words = {word for (word,) in _counts(watch, UNKNOWN, "word")}
    record(watch, {i: success(i) for i in (*range(1, 13), *range(21, 33))})
    watch.agent.clear()
    watch.gauges.send()
    watch.agent.drain()
    last = [m for m in watch.agent.metrics if m.name == "lightkeeper.documents.pending"]

    own = {f"step_{number:03}" for number in range(1, 9)}
    steps = {metric.tags["step"] for metric in last}
    assert {*STEPS, *own, "other"} == steps
    assert {0} == {metric.value for metric in last}
    assert own | {"other"} == words


def test_a_stalled_agent_gets_nothing_twice(watch):
    """What it took before it stalled is marked; the rest comes later, and nothing twice."""
    times = {"started_at": watch.clock.instant() - 9, "ended_at": watch.clock.instant()}
    lost = {i: report(i, "FAILED", {CLAIMS: "FAILED"}, CLAIMS, **times) for i in range(1, 1_001)}
    track(watch, 1_000)
    record(watch, lost)
    for _ in range(2):
        watch.agent.pause()
        assert watch.publisher.publish() < PUBLISH_AT_MOST
        watch.agent.resume()
        watch.agent.drain()
    publish(watch)

    _assert_published_as_stored(watch)
    assert 1_000 == watch.agent.count("silent_failure")


def test_a_thousand_at_most_are_published_at_once(watch):
    """A backlog is published in portions, the oldest first, each in a few datagrams."""
    ids = track(watch, 2 * PUBLISH_AT_MOST + 1)
    record(watch, {request_id: running(request_id) for request_id in ids})

    published = []
    for _ in range(4):
        published.append(watch.publisher.publish())
        ((oldest,),) = watch.database.rows(
            "SELECT MIN(id) FROM transitions WHERE published_at IS NULL"
        )
        published.append(oldest)
    assert [1_000, 1_001, 1_000, 2_001, 1, None, 0, None] == published
    watch.agent.drain()
    assert 2 * PUBLISH_AT_MOST + 1 == watch.agent.count(STEP_OUTCOMES)
    assert 3 == len([one for one in watch.agent.metrics if one.name == STEP_OUTCOMES])


def test_what_the_agent_misses_stays_unpublished(watch):
    """All is published once the Agent is reachable again, and nothing twice."""
    ids = track(watch, 30)
    record(watch, {request_id: success(request_id) for request_id in ids[:10]})
    publish(watch)
    watch.agent.stop()
    for start in (10, 20):
        record(watch, {i: success(i) for i in ids[start : start + 10]})
        for _ in range(3):
            assert 0 == watch.publisher.publish()
    assert 20 == Outbox(watch.database).unpublished_count()
    watch.clock.now += 3_600
    watch.agent.start()

    assert 20 == publish(watch)
    _assert_published_as_stored(watch)
    assert ["10 form_0781 documents done", "20 form_0781 documents done"] == [
        event.title for event in watch.agent.events if "done" in event.title
    ]


def test_what_was_lost_before_delays_nothing(watch):
    """A transition is published at once after an outage in which other signals were lost."""
    (request_id,) = track(watch, 1)
    record(watch, {request_id: success(request_id)})
    watch.agent.stop()
    for number in range(1_000):
        watch.emitter.count("lightkeeper.answers.unrequested", number)
    watch.agent.start()

    assert 1 == watch.publisher.publish()


class _Unwritable(Outbox):
    """An outbox whose database fails when transitions are to be marked published."""

    def mark_published(self, *_):
        raise StoreUnavailable("disk full")


def _publisher(watch, outbox):
    return Publisher(outbox, watch.emitter, watch.clock.instant)


def test_a_failure_between_sending_and_marking_publishes_again(watch):
    """At least once: where the store fails after sending, the counts go twice, the event once."""
    (request_id,) = track(watch, 1)
    record(watch, {request_id: failure(request_id)})
    with pytest.raises(StoreUnavailable):
        _publisher(watch, _Unwritable(watch.database)).publish()
    assert 1 == publish(watch)

    assert 2 == watch.agent.count(OUTCOMES)
    assert ["1 form_0781 document failed at CLAIMS_EVIDENCE"] == [
        event.title for event in watch.agent.events if event.tags["event"] == DOCUMENT_EVENT
    ]


class _Overtaken(Outbox):
    """An outbox beside which another connection records while the publisher sends."""

    meanwhile = staticmethod(lambda: None)

    def mark_published(self, *args):
        self.meanwhile()
        super().mark_published(*args)


def test_an_event_the_agent_misses_is_sent_later(watch):
    """Counts that arrived are not sent again for an event that did not."""
    (request_id,) = track(watch, 1)
    record(watch, {request_id: failure(request_id)})
    outbox = _Overtaken(watch.database)
    outbox.meanwhile = lambda: (watch.agent.drain(), watch.agent.stop())
    assert 1 == _publisher(watch, outbox).publish()
    watch.agent.start()
    for _ in range(2):  # the first may lose the socket of before
        assert 0 == publish(watch)

    assert 1 == watch.agent.count(OUTCOMES)
    assert 2 == len(watch.agent.events)


def test_what_is_recorded_while_publishing_is_published_next(watch):
    """Calls that overlap lose nothing and count nothing twice (fault 4)."""
    ids = track(watch, 6)
    record(watch, {i: success(i) for i in ids[:2]})
    outbox = _Overtaken(watch.database)
    with contextlib.closing(open_database(watch.url, create=False)) as other:
        outbox.meanwhile = lambda: record(watch, {i: success(i) for i in ids[2:]}, other)
        assert 2 == _publisher(watch, outbox).publish()
    assert 4 == publish(watch)

    _assert_published_as_stored(watch)
    assert 6 == watch.agent.count(OUTCOMES)


def test_nothing_is_published_before_it_is_committed(watch):
    """A transition that is not committed yet, or was rolled back, is not published."""
    ids = track(watch, 2)
    publish(watch)
    watch.agent.clear()
    with contextlib.closing(open_database(watch.url, create=False)) as other:
        with contextlib.suppress(ZeroDivisionError), other.writing():
            record(watch, {ids[0]: failure(ids[0])}, other)
            assert 0 == watch.publisher.publish()
            raise ZeroDivisionError
        assert 0 == watch.publisher.publish()
        with other.writing():
            record(watch, {ids[1]: success(ids[1])}, other)
            assert 0 == watch.publisher.publish()
    watch.agent.drain()
    assert [] == watch.agent.received

    assert 1 == publish(watch)
    _assert_published_as_stored(watch)
    assert {("done",): 1} == _counts(watch, OUTCOMES, "outcome")


def test_a_word_that_the_store_does_not_take_counts_nothing_twice(watch):
    """Nothing of the batch is sent then, so that all of it is sent once."""
    first, second = track(watch, 2)
    record(watch, {first: success(first), second: failure(second, "NEW_STEP")})
    watch.database.execute("ALTER TABLE open_words RENAME TO taken_away")
    with pytest.raises(StoreUnavailable):
        watch.publisher.publish()
    watch.database.execute("ALTER TABLE taken_away RENAME TO open_words")

    assert 2 == publish(watch)
    _assert_published_as_stored(watch)


def _stall(agent):
    """Let the Agent read no more, and fill its queue: what is sent now has to wait."""
    agent.pause()
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock,
        contextlib.suppress(BlockingIOError),
    ):
        sock.setblocking(False)
        sock.connect(str(agent.socket_path))
        while True:
            sock.send(b"lightkeeper.cycle.success:1|c")


def test_no_transaction_is_open_while_the_publisher_sends(watch):
    """While a stalled Agent delays the publisher, others can write."""
    ids = track(watch, 2)
    record(watch, {request_id: success(request_id) for request_id in ids})
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
            other.try_write(0)
        seen["written at"] = time.monotonic()

    _stall(watch.agent)
    writer = threading.Thread(target=write_meanwhile)
    writer.start()
    assert 0 == watch.publisher.publish()
    seen_at = time.monotonic()
    writer.join()

    assert 0 == seen["busy"]
    assert seen["written at"] < seen_at
    watch.agent.resume()
    watch.agent.drain()
    watch.agent.clear()
    assert 2 == publish(watch)


@pytest.mark.speed
def test_a_stalled_agent_delays_publishing_for_seconds_only(tmp_path):
    """However much is unpublished, an Agent that hangs costs two seconds a call."""
    with DaemonRig(f"sqlite:///{tmp_path}/lightkeeper.db", tmp_path) as watch:
        ids = track(watch, PUBLISH_AT_MOST)
        now = watch.clock.instant()
        record(
            watch,
            {i: failure(i, f"S{i}")._replace(started_at=now - i, ended_at=now - 1) for i in ids},
        )
        _stall(watch.agent)
        for show in (watch.publisher.publish, watch.gauges.send):
            begun = time.monotonic()
            assert not show()
            assert time.monotonic() - begun < at_most(4.0)
        watch.agent.resume()


def test_a_silent_failure_is_counted_once(watch):
    """A document that VA surely lacks counts once, under VA's tags; BDD instructions never."""
    for at, kind in enumerate(TYPES):
        ids = track(watch, 3, kind, first=1 + 100 * at)
        record(watch, {i: failure(i, CLAIMS if i != ids[0] else BGS) for i in ids})
        record(watch, {i: failure(i) for i in ids[1:]})
    publish(watch)

    papers = ("veteran_upload", "form_0781", "form_0781a")
    assert {("disability-application", kind): 2 for kind in papers} == _counts(
        watch, "silent_failure", "service", "function"
    )


def test_a_notice_avoids_the_silent_failure(watch):
    """A notice that was sent, and one that arrived, count under VA's names for them."""
    track(watch, 2)
    remarks = ((Remark(RemarkKind.NOTICE_SENT),), (Remark(RemarkKind.NOTICE_DELIVERED),))
    due = watch.documents.due(watch.clock.instant(), 2)
    for document, said in zip(due, remarks, strict=True):
        watch.documents.record([moved(document, change={"remarks": said})], 0)
    publish(watch)

    avoided = "silent_failure_avoided"
    for name in (avoided, f"{avoided}_no_confirmation"):
        assert {("form_0781",): 1} == _counts(watch, name, "function")


@pytest.mark.speed
def test_ten_thousand_transitions_are_published_within_a_second(watch):
    """Reading, sending and marking them, in portions, on either engine."""
    record(watch, {i: success(i) for i in track(watch, 10_000)})
    began = time.monotonic()
    published = 0
    while count := watch.publisher.publish():
        published += count

    assert time.monotonic() - began < at_most(1.0)
    assert 10_000 == published
    watch.agent.drain()
    assert 10_000 == watch.agent.count(OUTCOMES)
