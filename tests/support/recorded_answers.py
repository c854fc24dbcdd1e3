"""Answers of Lighthouse's, recorded in a store without a call."""

from lightkeeper.domain.answer import StatusReport
from lightkeeper.domain.change import Recorded
from lightkeeper.domain.interpret import interpret
from lightkeeper.domain.policy import Policy
from lightkeeper.domain.poll_schedule import next_poll_at
from lightkeeper.domain.time import DAY
from lightkeeper.store.documents import Documents

CLAIMS, BGS, REMOVE = "CLAIMS_EVIDENCE", "BENEFITS_GATEWAY_SERVICE", "REMOVE_FILE_BINARY"


def report(request_id, status, steps=(), error_step=None, started_at=None, ended_at=None):
    """An answer with this status and these steps."""
    steps = tuple(dict(steps).items())
    return StatusReport(request_id, status, steps, started_at, ended_at, error_step, None, "{}")


def success(request_id):
    """The document is delivered."""
    return report(request_id, "SUCCESS", {CLAIMS: "SUCCESS", BGS: "SUCCESS"})


def failure(request_id, step=CLAIMS):
    """The document failed at this step."""
    return report(request_id, "FAILED", {step: "FAILED"}, step)


def running(request_id, step=CLAIMS):
    """The document is at this step."""
    return report(request_id, "IN_PROGRESS", {step: "IN_PROGRESS"})


def record(rig, answers, database=None):
    """Record what these answers, by request id, make of the documents: one transaction."""
    documents = Documents(database or rig.database)
    now, policy = rig.clock.instant(), Policy()
    batch = []
    for document in sorted(documents.due(now + 365 * DAY, 100_000)):
        if document.request_id in answers:
            decision = interpret(document, answers[document.request_id], policy, now)
            due = next_poll_at(decision.after, policy, now)
            batch.append(Recorded(document, decision, due, None, None))
    assert len(answers) == len(batch)
    documents.record(batch, now)


def track(rig, count, kind="form_0781", first=1, age=0.0):
    """Track so many documents, with request ids from `first` on; return the ids."""
    ids = range(first, first + count)
    rig.track_ids(ids, kind, age)
    return ids


def publish(rig):
    """Publish all that is unpublished, and wait until the Agent has it; how many that were."""
    published = 0
    while count := rig.publisher.publish():
        published += count
    rig.agent.drain()
    return published
