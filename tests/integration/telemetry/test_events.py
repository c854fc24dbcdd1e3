"""Events: failures and recoveries at most one a minute of a kind, progress one an hour."""

import itertools
from collections import Counter

import pytest
from daemon_rig import DaemonRig
from recorded_answers import BGS, failure, publish, record, running, success, track

from lightkeeper.store.outbox import MAX_IDS_IN_EVENT, Outbox
from lightkeeper.telemetry.events import DOCUMENT_EVENT, STEP_EVENT
from lightkeeper.telemetry.publisher import Publisher

MINUTE, HOUR = 60, 3_600


@pytest.fixture
def watch(database_url, tmp_path):
    """A daemon over an empty store and an Agent, once on each engine."""
    with DaemonRig(database_url, tmp_path) as running:
        yield running
    running.agent.assert_clean()


def _document_events(watch):
    """The events about documents that the Agent has got since this was called last."""
    watch.agent.drain()
    events = [event for event in watch.agent.events if event.tags["event"] == DOCUMENT_EVENT]
    watch.agent.clear()
    return events


def _titles(watch):
    return [event.title for event in _document_events(watch)]


@pytest.mark.parametrize(
    ("answer", "says", "seconds"),
    [(failure, "failed at CLAIMS_EVIDENCE", MINUTE), (success, "done", HOUR)],
)
def test_events_of_one_kind_are_a_minute_or_an_hour_apart(watch, answer, says, seconds):
    """The first is sent at once; what follows within a minute or an hour is gathered into one."""
    titles = []
    ids = iter(track(watch, 100))
    parts = (0, 1 / 6, 1 / 3, 1 / 3, 1 / 6 - 1 / seconds, 1 / seconds, 1 / 2, 1 / 2 + 1 / seconds)
    for part, count in zip(parts, (1, 2, 3, 4, 1, 5, 6, 1), strict=True):
        watch.clock.now += part * seconds
        batch = list(itertools.islice(ids, count))
        record(watch, {request_id: answer(request_id) for request_id in batch})
        publish(watch)
        titles.append(_titles(watch))

    first, later, last = (
        [f"{count} form_0781 {what} {says}"]
        for count, what in ((1, "document"), (15, "documents"), (7, "documents"))
    )
    assert [first, [], [], [], [], later, [], last] == titles


def test_each_kind_of_event_waits_for_its_own_last(watch):
    """Events of another type, step or outcome are sent at once."""
    ids = iter(track(watch, 3))
    watch.track_ids([10], "form_0781a")
    for answers in (
        {(i := next(ids)): failure(i)},
        {(i := next(ids)): failure(i, BGS)},
        {(i := next(ids)): success(i)},
        {10: failure(10)},
    ):
        record(watch, answers)
        publish(watch)
        watch.clock.now += 1

    events = _document_events(watch)
    assert [
        "1 form_0781 document failed at CLAIMS_EVIDENCE",
        "1 form_0781 document failed at BENEFITS_GATEWAY_SERVICE",
        "1 form_0781 document done",
        "1 form_0781a document failed at CLAIMS_EVIDENCE",
    ] == [event.title for event in events]
    assert ["error", "error", "success", "error"] == [event.alert_type for event in events]


def test_recoveries_and_failed_steps_wait_a_minute_and_passed_steps_an_hour(watch):
    """A recovery is as urgent as a failure; a step that succeeds is progress."""
    kinds = {}
    for request_id in track(watch, 2):
        record(watch, {request_id: failure(request_id)})
        record(watch, {request_id: success(request_id)})
        publish(watch)
    for seconds in (0, MINUTE, HOUR - MINUTE):
        watch.clock.now += seconds
        publish(watch)
        sent = Counter(
            (event.tags["event"], event.tags["outcome"]) for event in watch.agent.events
        )
        watch.agent.clear()
        kinds[seconds] = dict(sent)

    document, step = DOCUMENT_EVENT, STEP_EVENT
    urgent = {(document, "failed"): 1, (document, "recovered"): 1, (step, "failed"): 1}
    progress = {(step, "success"): 2}  # of two steps
    assert {0: urgent | progress, MINUTE: urgent, HOUR - MINUTE: progress} == kinds


def test_a_clock_set_back_delays_no_event(watch):
    """An event that was sent in what is the future now does not delay the next one."""
    one, two = track(watch, 2)
    record(watch, {one: success(one)})
    publish(watch)
    watch.clock.now -= HOUR / 2
    record(watch, {two: success(two)})
    publish(watch)

    assert ["1 form_0781 document done"] * 2 == _titles(watch)


def test_what_is_gathered_outlives_a_stop(watch):
    """A stop sends no event early; the next daemon on that store sends it in its time."""
    one, *others = track(watch, 4)
    record(watch, {one: success(one)})
    publish(watch)
    record(watch, {request_id: success(request_id) for request_id in others})
    loop = watch.daemon.loop()
    loop.finish()
    assert ["1 form_0781 document done"] == _titles(watch)
    assert 0 == Outbox(watch.database).backlog().depth

    next_one = Publisher(Outbox(watch.database), watch.emitter, watch.clock.instant)
    watch.clock.now += HOUR - 1
    next_one.publish()
    assert [] == _titles(watch)
    watch.clock.now += 1
    next_one.publish()
    assert ["3 form_0781 documents done"] == _titles(watch)


def test_an_event_names_the_first_twenty_ids_and_counts_all(watch):
    """Twenty request ids at most, those recorded first, and between when it was recorded."""
    ids = track(watch, 70, first=600_000_001)
    for start, count in ((0, 25), (25, 15), (40, 30)):
        record(watch, {i: failure(i) for i in ids[start : start + count]})
        publish(watch)
        watch.clock.now += 40
    publish(watch)

    first, later = _document_events(watch)
    assert "25 form_0781 documents failed at CLAIMS_EVIDENCE" == first.title
    assert "45 form_0781 documents failed at CLAIMS_EVIDENCE" == later.title
    for event, start, more in ((first, 0, 5), (later, 25, 25)):
        twenty = ", ".join(str(request_id) for request_id in ids[start : start + MAX_IDS_IN_EVENT])
        assert f"lighthouse_request_id: {twenty} and {more} more" == event.text.split("\n")[0]
    _, when, first_step = later.text.split("\n")
    assert "Recorded between 2027-01-15 08:00:40 UTC and 2027-01-15 08:01:20 UTC." == when
    assert "What to do first: lightkeeper show 600000026" == first_step
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
    """A change of a step's status is an event too, with the word that Lighthouse uses."""
    ids = track(watch, 2)
    record(watch, {request_id: running(request_id) for request_id in ids})
    publish(watch)

    (event,) = watch.agent.events
    assert "2 form_0781 documents: CLAIMS_EVIDENCE is in_progress" == event.title
    assert ("info", "lightkeeper.step:form_0781:in_progress:claims_evidence") == (
        event.alert_type,
        event.aggregation_key,
    )
