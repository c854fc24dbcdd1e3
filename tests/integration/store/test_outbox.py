"""What was not told yet: nothing of it is lost, nothing told is told again, events are few."""

import random
from contextlib import closing

import psycopg
import pytest
from store_rows import NOW, ended, moved, new, plans, uses

from lightkeeper.domain.change import Remark, RemarkKind
from lightkeeper.domain.time import HOUR, MINUTE, SECOND
from lightkeeper.store.database import StoreUnavailable, open_database
from lightkeeper.store.documents import Documents
from lightkeeper.store.outbox import MAX_IDS_IN_EVENT, Digest, EventKey, Outbox

DONE = EventKey("lightkeeper.document", "form_0781", "complete", "done")
FAILED = EventKey("lightkeeper.document", "form_0781", "CLAIMS_EVIDENCE", "failed")


@pytest.fixture
def database(database_url):
    """A new store."""
    with closing(open_database(database_url, create=True)) as database:
        yield database


@pytest.fixture
def documents(database):
    """Its documents."""
    return Documents(database)


@pytest.fixture
def outbox(database):
    """Its outbox."""
    return Outbox(database)


def _end(documents, *request_ids, **more):
    """Hand documents in and record their ends, in this order."""
    documents.add([new(request_id) for request_id in request_ids], NOW)
    found = {document.request_id: document for document in documents.due(2 * NOW, 1_000)}
    documents.record([ended(found[request_id], **more) for request_id in request_ids], NOW)


def _digest(key=DONE, ids=(1,), *, count=None, first_at=NOW, last_at=NOW):
    return Digest(0, key, count or len(ids), tuple(ids), first_at, last_at)


def test_a_transition_is_untold_with_all_that_telling_needs(documents, outbox):
    """What was recorded waits with what changed and whose it is, the oldest first."""
    documents.add([new(8, document_type="form_0781a"), new(9)], NOW)
    first, second = sorted(documents.due(NOW, 2))
    step = (("CLAIMS_EVIDENCE", "SUCCESS"),)
    news = {
        "step_changes": step,
        "remarks": (Remark(RemarkKind.FOUND),),
        "processing_ms": 5,
        "detection_ms": 7,
    }
    documents.record([moved(second, is_news=False)], NOW)
    documents.record(
        [
            moved(first, at=NOW + 1, outcome="done", news=news, lighthouse_status="done"),
            moved(second, at=NOW, current_step="CLAIMS_EVIDENCE"),
        ],
        NOW,
    )

    told_first, told_second = outbox.unpublished(10)

    assert (NOW + 1, "pending", "done", "done", '[["CLAIMS_EVIDENCE","SUCCESS"]]') == (
        told_first[1:6]
    )
    assert ('[["found",null]]', 5, 7, "none", "form_0781a", 8) == told_first[6:]
    assert (NOW, "pending", "pending", None, "[]", "[]", None, None) == told_second[1:9]
    assert ("CLAIMS_EVIDENCE", "form_0781", 9) == told_second[9:]
    assert [told_first] == outbox.unpublished(1)
    assert 2 == outbox.unpublished_count()


def test_what_was_told_is_not_told_again(documents, outbox):
    """Exactly the transitions named are marked, with the time; the others wait on."""
    _end(documents, 1, 2, 3)
    one, two, three = outbox.unpublished(10)

    outbox.mark_published([three.id, one.id], [], NOW + 5)

    assert [two] == outbox.unpublished(10)
    assert 1 == outbox.unpublished_count()
    told_at = [
        [change.published_at for change in outbox.history(documents.find(each).id)]
        for each in (1, 2, 3)
    ]
    assert [[NOW + 5], [None], [NOW + 5]] == told_at


def test_a_transition_that_commits_late_is_not_lost(postgres_url):
    """One with a smaller id that appears after its successors were told is told all the same."""
    with closing(open_database(postgres_url, create=True)) as database:
        documents, outbox = Documents(database), Outbox(database)
        documents.add([new(1)], NOW)
        with psycopg.connect(postgres_url) as slow:
            slow.execute(
                "INSERT INTO transitions (document_id, at, from_status, to_status, from_step, "
                "to_step, step_changes, remarks) SELECT id, 1, 'pending', 'pending', 'none', "
                "'none', '[]', '[]' FROM form_526_document_submissions"
            )
            _end(documents, 2)
            (quick,) = outbox.unpublished(10)
            outbox.mark_published([quick.id], [], NOW)
        (late,) = outbox.unpublished(10)

    assert (1, 2) == (late.request_id, quick.request_id)
    assert late.id < quick.id


def test_marking_and_gathering_is_one_step(documents, outbox):
    """Where an event cannot be stored its transitions stay untold."""
    _end(documents, 1)
    (unpublished,) = outbox.unpublished(10)

    with pytest.raises(StoreUnavailable):
        outbox.mark_published(
            [unpublished.id], [_digest(), _digest(DONE._replace(step=None))], NOW
        )

    assert [unpublished] == outbox.unpublished(10)
    assert [] == outbox.ripe_events(NOW)


def test_events_of_one_kind_are_gathered(documents, outbox):
    """Counts add up, the first 20 ids are kept, and the times span all that was gathered."""
    _end(documents, 1)
    (unpublished,) = outbox.unpublished(10)
    first = _digest(ids=range(15), count=40, first_at=NOW + 5, last_at=NOW + 6)
    second = _digest(ids=range(100, 115), count=15, first_at=NOW + 1, last_at=NOW + 9)
    outbox.mark_published([unpublished.id], [first, _digest(FAILED)], NOW)
    outbox.mark_published([unpublished.id], [second], NOW)

    done, failed = outbox.ripe_events(NOW)

    assert (DONE, 55, NOW + 1, NOW + 9) == (
        done.key,
        done.document_count,
        done.first_at,
        done.last_at,
    )
    assert (*range(15), *range(100, 105)) == done.request_ids
    assert MAX_IDS_IN_EVENT == len(done.request_ids)
    assert _digest(FAILED)._replace(id=failed.id) == failed
    assert 0 not in {done.id, failed.id}


def test_events_of_one_kind_handed_over_together_are_gathered_too(documents, outbox):
    """The same key twice in one call counts twice."""
    _end(documents, 1)
    (unpublished,) = outbox.unpublished(10)
    outbox.mark_published([unpublished.id], [_digest(ids=(7,))], NOW)

    outbox.mark_published([unpublished.id], [_digest(ids=(8,)), _digest(ids=(9,))], NOW)

    (event,) = outbox.ripe_events(NOW)
    assert (3, (7, 8, 9)) == (event.document_count, event.request_ids)


def test_an_event_a_minute_for_each_key(documents, outbox):
    """After one was sent the next of its key waits a minute and gathers; others do not wait."""
    _end(documents, 1)
    ids = [outbox.unpublished(1)[0].id]
    outbox.mark_published(ids, [_digest()], NOW)
    (sent,) = outbox.ripe_events(NOW)
    outbox.mark_sent(sent, NOW)
    assert [] == outbox.ripe_events(NOW + HOUR)

    outbox.mark_published(ids, [_digest(ids=(2,)), _digest(FAILED, ids=(3,))], NOW + SECOND)
    assert [FAILED] == [event.key for event in outbox.ripe_events(NOW + SECOND)]
    outbox.mark_published(ids, [_digest(ids=(4,))], NOW + 2 * SECOND)
    assert [FAILED] == [event.key for event in outbox.ripe_events(NOW + MINUTE - 1)]

    event, _ = outbox.ripe_events(NOW + MINUTE)
    assert (DONE, 2, (2, 4)) == (event.key, event.document_count, event.request_ids)


def test_a_clock_set_back_silences_no_event(documents, outbox):
    """An event sent in what is the future now does not hold the next one up until then."""
    _end(documents, 1)
    ids = [outbox.unpublished(1)[0].id]
    outbox.mark_published(ids, [_digest()], NOW + HOUR)
    outbox.mark_sent(outbox.ripe_events(NOW + HOUR)[0], NOW + HOUR)

    outbox.mark_published(ids, [_digest(ids=(2,))], NOW)

    assert [(2,)] == [event.request_ids for event in outbox.ripe_events(NOW)]


@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_lost_between_transition_and_event(database, documents, outbox, seed):
    """However recording, telling and sending take turns, each end is in exactly one event."""
    rng = random.Random(seed)
    recorded, sent = 0, []
    for turn in range(30):
        now = NOW + turn * 20 * SECOND
        batch = range(recorded, recorded + rng.randrange(1, 6))
        _end(documents, *batch)
        recorded = batch.stop
        if rng.random() < 0.7:
            told = outbox.unpublished(rng.randrange(1, 9))
            events = [_digest(ids=(row.request_id,)) for row in told]
            outbox.mark_published([row.id for row in told], events, now)
        for event in outbox.ripe_events(now):
            sent.append(event)
            outbox.mark_sent(event, now)
    waiting = sum(event.document_count for event in outbox.ripe_events(NOW + HOUR))

    told = sum(event.document_count for event in sent) + waiting
    assert recorded == told + outbox.unpublished_count()
    ids = [request_id for event in sent for request_id in event.request_ids]
    assert len(ids) == len(set(ids))
    assert len(sent) > 3


def test_looking_for_news_takes_no_look_at_the_past(database, documents, outbox, monkeypatch):
    """What is untold or unsent comes from an index of just that, whatever was told before."""
    _end(documents, *range(1_000))
    outbox.mark_published([row.id for row in outbox.unpublished(995)], [], NOW)
    with database.writing():
        database.execute_many(
            "INSERT INTO transitions (document_id, at, from_status, to_status, from_step, "
            "to_step, step_changes, remarks, published_at) "
            "SELECT id, ?, 'pending', 'done', 'none', 'complete', '[]', '[]', 1 "
            "FROM form_526_document_submissions",
            [(at,) for at in range(20)],
        )
        database.execute_many(
            "INSERT INTO event_digests (kind, document_type, step, outcome, count, request_ids, "
            "first_at, last_at, published_at) VALUES ('k', 't', 's', ?, 1, '[1]', 1, 1, ?)",
            [(f"o{at % 10}", at) for at in range(20_000)],
        )
    if database.dialect == "postgresql":
        database.execute("ANALYZE")

    unpublished = plans(database, monkeypatch, lambda: outbox.unpublished(1_000))
    count = plans(database, monkeypatch, outbox.unpublished_count)
    (ripe,) = plans(database, monkeypatch, lambda: outbox.ripe_events(NOW))

    assert [True] * 2 == [uses(plan, "transitions_unpublished") for plan in unpublished + count]
    assert uses(ripe, "event_digests_unsent")
    assert uses(ripe, "event_digests_sent")
