"""What is not published yet: nothing is lost, nothing is published again, events are gathered."""

import random
from contextlib import closing
from itertools import count

import psycopg
import pytest
from store_rows import NOW, ended, moved, new, plans, uses

from lightkeeper.domain.change import Remark, RemarkKind
from lightkeeper.domain.time import HOUR, MINUTE, SECOND
from lightkeeper.store.database import StoreUnavailable, open_database
from lightkeeper.store.documents import Documents
from lightkeeper.store.outbox import (
    MAX_IDS_IN_EVENT,
    Backlog,
    Digest,
    EventKey,
    Outbox,
    Unpublished,
)

DONE = EventKey("lightkeeper.document", "form_0781", "complete", "done")
_FRESH = count(1_000)
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
    """Track documents and record their ends, in this order."""
    documents.add([new(request_id) for request_id in request_ids], NOW)
    found = {document.request_id: document for document in documents.due(2 * NOW, 1_000)}
    documents.record([ended(found[request_id], **more) for request_id in request_ids], NOW)


def _publish(documents, outbox, digests, now=NOW):
    """Mark the transition of a document that ends as published, with these events."""
    _end(documents, next(_FRESH))
    outbox.mark_published([row.id for row in outbox.unpublished(10)], digests, now)


def _digest(key=DONE, ids=(1,), *, count=None, first_at=NOW, last_at=NOW):
    return Digest(key, count or len(ids), tuple(ids), first_at, last_at)


def _keys(digests):
    return [digest.key for digest in digests]


def test_an_unpublished_transition_has_all_that_publishing_needs(documents, outbox):
    """It comes with what changed and with its document's type and id, the oldest first."""
    documents.add([new(8, document_type="form_0781a"), new(9)], NOW)
    first, second = sorted(documents.due(NOW, 2))
    step = (("CLAIMS_EVIDENCE", "SUCCESS"),)
    change = {
        "step_changes": step,
        "remarks": (Remark(RemarkKind.FOUND),),
        "processing_ms": 5,
        "detection_ms": 7,
    }
    documents.record([moved(second, has_transition=False)], NOW)
    documents.record(
        [
            moved(first, at=NOW + 1, outcome="done", change=change, lighthouse_status="done"),
            moved(second, at=NOW, current_step="CLAIMS_EVIDENCE"),
        ],
        NOW,
    )

    one, other = outbox.unpublished(10)

    assert one == Unpublished(
        id=one.id,
        at=NOW + 1,
        outcome="done",
        step_changes='[["CLAIMS_EVIDENCE","SUCCESS"]]',
        remarks='[["found",null]]',
        processing_ms=5,
        detection_ms=7,
        to_step="none",
        document_type="form_0781a",
        request_id=8,
    )
    assert other == Unpublished(
        id=other.id,
        at=NOW,
        outcome=None,
        step_changes="[]",
        remarks="[]",
        processing_ms=None,
        detection_ms=None,
        to_step="CLAIMS_EVIDENCE",
        document_type="form_0781",
        request_id=9,
    )
    assert [one] == outbox.unpublished(1)
    assert 2 == outbox.unpublished_count()


def test_what_was_published_is_not_published_again(documents, outbox):
    """Exactly the named transitions are marked, with the time; the others stay unpublished."""
    _end(documents, 1, 2, 3)
    one, two, three = outbox.unpublished(10)

    outbox.mark_published([three.id, one.id], [], NOW + 5)

    assert [two] == outbox.unpublished(10)
    assert 1 == outbox.unpublished_count()
    published_at = [
        [transition.published_at for transition in outbox.history(documents.find(each).id)]
        for each in (1, 2, 3)
    ]
    assert [[NOW + 5], [None], [NOW + 5]] == published_at


def test_the_backlog_is_what_is_unpublished_alone(documents, outbox):
    """It counts transitions and has the oldest one's time; gathered events are no part of it."""
    assert Backlog(0, None) == outbox.backlog()
    _end(documents, 1, at=NOW + 7)
    _end(documents, 2, 3, at=NOW + 9)
    assert Backlog(3, NOW + 7) == outbox.backlog()

    outbox.mark_published([row.id for row in outbox.unpublished(1)], [_digest()], NOW)
    assert Backlog(2, NOW + 9) == outbox.backlog()


def test_a_transition_that_commits_late_is_not_lost(postgres_url):
    """One with a smaller id that appears after its successors were published is unpublished."""
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
    """Where an event cannot be stored its transitions stay unpublished."""
    _end(documents, 1)
    (unpublished,) = outbox.unpublished(10)

    with pytest.raises(StoreUnavailable):
        outbox.mark_published(
            [unpublished.id], [_digest(), _digest(DONE._replace(step=None))], NOW
        )

    assert [unpublished] == outbox.unpublished(10)
    assert [] == outbox.unsent_events()


def test_events_of_one_key_are_gathered(documents, outbox):
    """Counts add up, the first 20 ids are kept, and the times span all that was gathered."""
    first = _digest(ids=range(15), count=40, first_at=NOW + 5, last_at=NOW + 6)
    second = _digest(ids=range(100, 115), count=15, first_at=NOW + 1, last_at=NOW + 9)
    _publish(documents, outbox, [first, _digest(FAILED)])
    _publish(documents, outbox, [second])

    ids = (*range(15), *range(100, 105))
    assert MAX_IDS_IN_EVENT == len(ids)
    gathered = [Digest(DONE, 55, ids, NOW + 1, NOW + 9), _digest(FAILED)]
    assert sorted(gathered) == outbox.unsent_events()


def test_events_of_one_key_in_one_call_are_gathered_too(documents, outbox):
    """The same key twice in one call counts twice."""
    _publish(documents, outbox, [_digest(ids=(7,))])

    _publish(documents, outbox, [_digest(ids=(8,)), _digest(ids=(9,))])

    assert [_digest(ids=(7, 8, 9))] == outbox.unsent_events()


def test_what_was_sent_is_gathered_from_the_start(documents, outbox):
    """A sent key is empty until more comes, and then has the time of the last event with it."""
    _publish(documents, outbox, [_digest(ids=(1, 2)), _digest(FAILED)])
    outbox.mark_sent(DONE, NOW + SECOND)
    assert [FAILED] == _keys(outbox.unsent_events())

    later = _digest(ids=(3,), first_at=NOW + MINUTE, last_at=NOW + MINUTE)
    _publish(documents, outbox, [later], NOW + MINUTE)

    (done,) = (digest for digest in outbox.unsent_events() if digest.key == DONE)
    assert later._replace(sent_at=NOW + SECOND) == done


def test_the_events_take_one_row_a_key(database, documents, outbox):
    """However many events are sent, the table does not grow."""
    for turn in range(100):
        _publish(documents, outbox, [_digest(), _digest(FAILED)])
        for digest in outbox.unsent_events():
            outbox.mark_sent(digest.key, NOW + turn * HOUR)

    assert [(2,)] == database.rows("SELECT COUNT(*) FROM event_digests")


@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_lost_between_transition_and_event(documents, outbox, seed):
    """However recording, publishing and sending alternate, each end is in exactly one event."""
    rng = random.Random(seed)
    recorded, sent = 0, []
    for turn in range(30):
        now = NOW + turn * 20 * SECOND
        batch = range(recorded, recorded + rng.randrange(1, 6))
        _end(documents, *batch)
        recorded = batch.stop
        if rng.random() < 0.7:
            published = outbox.unpublished(rng.randrange(1, 9))
            events = [_digest(ids=(row.request_id,)) for row in published]
            outbox.mark_published([row.id for row in published], events, now)
        if rng.random() < 0.4:
            for digest in outbox.unsent_events():
                sent.append(digest)
                outbox.mark_sent(digest.key, now)
    waiting = sum(digest.document_count for digest in outbox.unsent_events())

    in_events = sum(digest.document_count for digest in sent) + waiting
    assert recorded == in_events + outbox.unpublished_count()
    ids = [request_id for digest in sent for request_id in digest.request_ids]
    assert len(ids) == len(set(ids))
    assert len(sent) > 3


def test_looking_for_the_unpublished_reads_nothing_published(
    database, documents, outbox, monkeypatch
):
    """It comes from an index of just that, however much was published before."""
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
    if database.dialect == "postgresql":
        database.execute("ANALYZE")

    unpublished = plans(database, monkeypatch, lambda: outbox.unpublished(1_000))
    count = plans(database, monkeypatch, outbox.unpublished_count)

    assert [True] * 2 == [uses(plan, "transitions_unpublished") for plan in unpublished + count]
