"""Documents as they are tracked and recorded, and a look at what the store makes of them."""

import re
from collections.abc import Sequence

from lightkeeper.domain.change import Change, Decision, Recorded
from lightkeeper.domain.document import Document, NewDocument
from lightkeeper.domain.time import HOUR, Instant
from lightkeeper.store.database import Database
from lightkeeper.store.documents import Documents

NOW = 1_800_000_000_000
OPEN_STATES = {
    "waiting": {},
    "slow": {"last_answered_at": NOW + 24 * HOUR},
    "stuck": {"last_answered_at": NOW + 48 * HOUR},
    "overdue": {"last_answered_at": NOW + 96 * HOUR},
    "not_found": {"not_found_since": NOW},
    "not_in_efolder": {
        "lighthouse_status": "failed",
        "failed_step": "CLAIMS_EVIDENCE",
        "must_act_since": NOW,
    },
    "in_efolder": {"lighthouse_status": "failed", "in_efolder_at": NOW},
    "efolder_unknown": {"lighthouse_status": "failed"},
    "contradictory": {"lighthouse_status": "done", "next_poll_at": None},
}
"""Conditions other than delivered, with the rest of a document's state in each."""
FRESH = Document(
    id=7,
    request_id=21,
    document_type="form_0781",
    tracked_at=NOW,
    created_at=NOW,
    lighthouse_status="pending",
    condition="waiting",
    reported_status=None,
    steps="{}",
    current_step="none",
    failed_step=None,
    error_detail=None,
    in_efolder_at=None,
    lighthouse_started_at=None,
    lighthouse_ended_at=None,
    last_answered_at=None,
    not_found_since=None,
    decided_at=None,
    trouble_count=0,
    unanswered_since=None,
    must_act_since=None,
    judged_at=None,
)


def new(request_id: int, **fields) -> NewDocument:
    """A document tracked just now."""
    common = {
        "submission_id": "s-1",
        "document_type": "form_0781",
        "attachment_id": None,
        "tracked_at": NOW,
    }
    return NewDocument(request_id, **common | fields)


def moved(
    before: Document,
    *,
    at: Instant = NOW,
    next_poll_at: Instant | None = NOW + HOUR,
    outcome: str | None = None,
    has_transition: bool = True,
    answer: str | None = None,
    problem=None,
    change=None,
    **state,
) -> Recorded:
    """`before` brought to `state`, with a transition unless `has_transition` is false."""
    after = before._replace(**state)
    transition = Change(
        at,
        before.lighthouse_status,
        after.lighthouse_status,
        before.current_step,
        after.current_step,
        outcome,
        **{"step_changes": (), "remarks": (), "processing_ms": None, "detection_ms": None}
        | (change or {}),
    )
    return Recorded(
        before,
        Decision(after, transition if has_transition else None),
        next_poll_at,
        answer,
        problem,
    )


def ended(before: Document, status: str = "done", **more) -> Recorded:
    """`before` as done or failed for good."""
    condition = "delivered" if status == "done" else "not_in_efolder"
    state = {
        "must_act_since": None if status == "done" else NOW,
        "lighthouse_status": status,
        "condition": condition,
        "outcome": status,
        "next_poll_at": None,
    }
    return moved(before, **{"current_step": "complete", "decided_at": NOW} | state | more)


def stand(documents: Documents, states: Sequence[str], **fields) -> None:
    """Documents 1, 2, 3 ... in these conditions; `delivered` too."""
    numbers = range(1, len(states) + 1)
    documents.add([new(each, attachment_id=f"a-{each}", **fields) for each in numbers], NOW)
    delivered = {"lighthouse_status": "done", "next_poll_at": None}
    batch = [
        moved(before, condition=state, **OPEN_STATES.get(state, delivered))
        for before, state in zip(sorted(documents.due(NOW, 1_000)), states, strict=True)
    ]
    documents.record(batch, NOW)


def counted(database: Database) -> dict[tuple[str, str, str, str], int]:
    """How many documents stand where, counted one by one."""
    rows = database.rows(
        "SELECT document_type, lighthouse_status, current_step, condition, COUNT(*) "
        "FROM form_526_document_submissions GROUP BY 1, 2, 3, 4"
    )
    return {tuple(key): count for *key, count in rows}


def tallied(database: Database) -> dict[tuple[str, str, str, str], int]:
    """The same from the tallies."""
    rows = database.rows(
        "SELECT document_type, lighthouse_status, step, condition, count "
        "FROM tallies WHERE count <> 0"
    )
    return {tuple(key): count for *key, count in rows}


def plans(database: Database, monkeypatch, reading) -> list[str]:
    """How the database carries out each query that `reading` makes."""
    explain = "EXPLAIN QUERY PLAN " if database.dialect == "sqlite" else "EXPLAIN "
    rows = database.rows
    seen = []

    def explained(sql, params=()):
        seen.append("\n".join(str(row[-1]) for row in rows(explain + sql, params)))
        return rows(sql, params)

    with monkeypatch.context() as patch:
        patch.setattr(database, "rows", explained)
        reading()
    return seen


_WHOLE_TABLE = re.compile(
    r"Seq Scan on (form_526_\w+|transitions|event_digests)|"
    r"SCAN (form_526_\w+|transitions|event_digests|t|open)\b(?! USING)"
)


def uses(plan: str, index: str) -> bool:
    """Whether a plan goes by `index`, and through no whole table."""
    return index in plan and not _WHOLE_TABLE.search(plan)


def is_index_walk(plan: str, index: str) -> bool:
    """Whether it goes along `index` in its order besides, so that nothing has to be sorted."""
    return uses(plan, index) and "TEMP B-TREE" not in plan and "Sort" not in plan
