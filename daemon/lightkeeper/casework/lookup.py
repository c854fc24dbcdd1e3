"""What `status` and `show` print: the store's truth in tables, sentences or JSON."""

from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import orjson

from lightkeeper.casework.veteran_wording import submission_sentence
from lightkeeper.domain.change import Remark
from lightkeeper.domain.document import Condition
from lightkeeper.domain.time import SECOND, Instant
from lightkeeper.store.database import Database
from lightkeeper.store.documents import Documents
from lightkeeper.store.levels import Levels, sums, troubles
from lightkeeper.store.outbox import Outbox
from lightkeeper.store.schema import Form526DocumentSubmission

_TIMES: Final = (
    "tracked_at",
    "last_polled_at",
    "last_answered_at",
    "next_poll_at",
    "in_efolder_at",
    "lighthouse_started_at",
    "lighthouse_ended_at",
    "not_found_since",
    "decided_at",
)
_WORDS: Final = (
    "form_526_submission_id",
    "form_attachment_id",
    "document_type",
    "lighthouse_status",
    "condition",
    "current_step",
    "failed_step",
    "error_detail",
)
_BY_STAFF: Final = {
    Remark.ACKNOWLEDGED,
    Remark.UNACKNOWLEDGED,
    Remark.CLOSED,
    Remark.REOPENED_BY_STAFF,
    Remark.RECHECK,
}


class Found(NamedTuple):
    """What `show` found: plain data for JSON, and the same as lines."""

    data: dict[str, Any]
    lines: list[str]


def overview(database: Database) -> dict[str, Any]:
    """Totals on top, then documents by type, status and step."""
    totals = Levels(database).totals()
    documents: dict[str, dict[str, dict[str, int]]] = {}
    for level in totals:
        by_status = documents.setdefault(level.document_type, {})
        by_step = by_status.setdefault(level.lighthouse_status, {})
        by_step[level.step] = by_step.get(level.step, 0) + level.document_count
    return {
        **sums(totals),
        **troubles(totals),
        "unpublished": Outbox(database).unpublished_count(),
        "documents": documents,
    }


def overview_json(data: dict[str, Any]) -> str:
    """The overview as one JSON object."""
    return orjson.dumps(data, option=orjson.OPT_INDENT_2).decode()


def overview_text(data: dict[str, Any]) -> str:
    """The overview for a person."""
    lines = [
        f"tracked {data['tracked']} = pending {data['pending']} + done {data['done']} "
        f"+ failed {data['failed']}",
        f"of the pending: {data['slow']} slow, {data['stuck']} stuck, {data['overdue']} overdue, "
        f"{data['not_found']} not found by Lighthouse",
        f"of the failed: {data['unacknowledged']} not taken up by anybody, "
        f"{data['in_efolder_not_bgs']} of them in the eFolder and not in BGS, "
        f"{data['efolder_unknown']} perhaps in the eFolder",
        f"changes not yet told to Datadog: {data['unpublished']}",
    ]
    rows = [
        (kind, status, step, count)
        for kind, by_status in data["documents"].items()
        for status, by_step in by_status.items()
        for step, count in by_step.items()
    ]
    if rows:
        lines += ["", f"{'document type':<18}{'status':<9}{'step':<26}{'documents':>9}"]
        lines += [
            f"{kind:<18}{status:<9}{step:<26}{count:>9}" for kind, status, step, count in rows
        ]
    return "\n".join(lines)


def document(database: Database, request_id: int) -> Found | None:
    """One document with its history; None where it is not tracked."""
    row = Documents(database).find(request_id)
    if row is None:
        return None
    history = Outbox(database).history(row.id)
    data = _data(row)
    data["history"] = [
        {
            "at": _iso(change.at),
            "from_status": change.from_status,
            "to_status": change.to_status,
            "step": change.to_step,
            "outcome": change.outcome,
            "step_changes": dict(orjson.loads(change.step_changes)),
            "remarks": orjson.loads(change.remarks),
            "told_at": _iso(change.published_at),
        }
        for change in history
    ]
    lines = [*_headline(row), "", "history:"]
    lines.append(f"  {_iso(row.tracked_at)}  handed to Lighthouse")
    lines += [f"  {entry['at']}  {_printable(_change(entry))}" for entry in data["history"]]
    return Found(data, lines)


def submission(database: Database, submission_id: str) -> Found | None:
    """All documents of a submission and a sentence for the veteran; None where none is tracked."""
    # What cannot be printed was never taken in, and a lone surrogate suits no database.
    rows = Documents(database).of_submission(submission_id) if submission_id.isprintable() else []
    if not rows:
        return None
    sentence = submission_sentence(rows)
    data = {
        "form_526_submission_id": submission_id,
        "documents": [_data(row) for row in rows],
        "sentence": sentence,
    }
    lines = [f"submission {submission_id}: {len(rows)} document(s)", ""]
    lines += [line for row in rows for line in (*_headline(row), "")]
    return Found(data, [*lines, sentence])


def as_json(found: Found) -> str:
    """What was found as one JSON object."""
    return orjson.dumps(found.data, option=orjson.OPT_INDENT_2).decode()


def as_text(found: Found) -> str:
    """What was found for a person."""
    return "\n".join(found.lines)


def _data(row: Form526DocumentSubmission) -> dict[str, Any]:
    return {
        "lighthouse_request_id": row.lighthouse_request_id,
        **{name: getattr(row, name) for name in _WORDS},
        **{name: _iso(getattr(row, name)) for name in _TIMES},
        **_taken_up(row),
        "steps": orjson.loads(row.steps),
        "last_answer": _loaded(row.last_answer),
        "last_problem": _loaded(row.last_problem),
    }


def _taken_up(row: Form526DocumentSubmission) -> dict[str, str | None]:
    """Who has it in hand, and why; what was acknowledged before it changed is history."""
    valid = row.condition in {Condition.ACKNOWLEDGED, Condition.CLOSED}
    return {
        "acknowledged_at": _iso(row.acknowledged_at) if valid else None,
        "acknowledged_by": row.acknowledged_by if valid else None,
        "acknowledged_reason": row.acknowledged_reason if valid else None,
    }


def _headline(row: Form526DocumentSubmission) -> list[str]:
    at = "" if row.current_step in {"none", "complete"} else f" at {row.current_step}"
    lines = [
        f"request id {row.lighthouse_request_id}  {row.document_type}  "
        f"{row.lighthouse_status}{at}",
        f"  submission {row.form_526_submission_id}"
        + (f", attachment {row.form_attachment_id}" if row.form_attachment_id else ""),
    ]
    facts = [
        ("reason", row.error_detail),
        ("in the eFolder since", _iso(row.in_efolder_at)),
        ("unknown to Lighthouse since", _iso(row.not_found_since)),
        ("last asked", _iso(row.last_polled_at)),
        ("next asked", _iso(row.next_poll_at)),
        ("last call failed", _why(row.last_problem)),
    ]
    if whose := _taken_up(row)["acknowledged_by"]:
        since = _iso(row.acknowledged_at)
        facts.append((row.condition, f"{since} by {whose}: {row.acknowledged_reason}"))
    return lines + [f"  {name}: {_printable(value)}" for name, value in facts if value]


def _change(entry: dict[str, Any]) -> str:
    steps = ", ".join(f"{name} {word}" for name, word in entry["step_changes"].items())
    parts = [entry["outcome"] or entry["to_status"], steps, ", ".join(entry["remarks"])]
    told = f"  (told {entry['told_at']})" if entry["told_at"] else "  (not told yet)"
    if any(remark.partition(":")[0] in _BY_STAFF for remark in entry["remarks"]):
        told = ""  # nor will it be: it is nobody's outcome
    return "; ".join(part for part in parts if part) + told


def _printable(text: str) -> str:
    """Lighthouse's words must not move the cursor of whoever reads them."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def _why(problem: str | None) -> str | None:
    if problem is None:
        return None
    return ", ".join(
        f"{value}" if name == "detail" else f"{name} {value}"
        for name, value in orjson.loads(problem).items()
        if value is not None
    )


def _loaded(text: str | None) -> Any:
    return None if text is None else orjson.loads(text)


def _iso(at: Instant | None) -> str | None:
    if at is None:
        return None
    return datetime.fromtimestamp(at / SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
