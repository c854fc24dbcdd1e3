"""What `status` and `show` look up: counts, and documents with their history."""

from typing import Any, Final, NamedTuple

import orjson

from lightkeeper.casework.text import iso, lasting, printable, waited_ms
from lightkeeper.casework.tries import documents_of
from lightkeeper.casework.veteran_wording import submission_wording
from lightkeeper.domain.change import Remark, RemarkKind
from lightkeeper.domain.document import Condition, Step
from lightkeeper.domain.time import SECOND, Instant
from lightkeeper.domain.tries import deciding
from lightkeeper.store import remarks
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
    RemarkKind.ACKNOWLEDGED,
    RemarkKind.UNACKNOWLEDGED,
    RemarkKind.CLOSED,
    RemarkKind.REOPENED_BY_STAFF,
    RemarkKind.RECHECK,
    RemarkKind.CORRECTED,
}

_NOT_PUBLISHED: Final = _BY_STAFF | {RemarkKind.CLOCK_CORRECTED}


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


def document(database: Database, request_id: int, now: Instant) -> Found | None:
    """One document with its history; None where it is not tracked."""
    row = Documents(database).find(request_id)
    if row is None:
        return None
    history = Outbox(database).history(row.id)
    step_since = Outbox(database).moved_at(row.id) or row.tracked_at
    data = _data(row, step_since, now)
    data["history"] = [
        {
            "at": iso(change.at),
            "from_status": change.from_status,
            "to_status": change.to_status,
            "step": change.to_step,
            "outcome": change.outcome,
            "step_changes": dict(orjson.loads(change.step_changes)),
            "remarks": [remark._asdict() for remark in remarks.decode(change.remarks)],
            "published_at": iso(change.published_at),
        }
        for change in history
    ]
    decided_by = _decided_by(database, row)
    data["decided_by"] = decided_by
    lines = [*_headline(row, step_since, now)]
    if decided_by is not None:
        lines.append(f"  another try of the same document decides: request id {decided_by}")
    lines += ["", "history:"]
    lines.append(f"  {iso(row.tracked_at)}  handed to Lighthouse")
    lines += [f"  {entry['at']}  {printable(_change(entry))}" for entry in data["history"]]
    return Found(data, lines)


def _decided_by(database: Database, row: Form526DocumentSubmission) -> int | None:
    """The request id of the try that decides, where it is another."""
    if row.condition != Condition.SUPERSEDED:
        return None
    tries = Documents(database).of_submission(row.form_526_submission_id)
    same = [one for one in tries if one.form_attachment_id == row.form_attachment_id]
    return int(deciding(same).lighthouse_request_id)


def submission(database: Database, submission_id: str, now: Instant) -> Found | None:
    """All documents of a submission and the veteran's wording; None where none is tracked.

    Several tries of one document are one: the try that decides, with the others beneath it.
    """
    # An id that cannot be printed is never tracked, and no database takes a lone surrogate.
    rows = Documents(database).of_submission(submission_id) if submission_id.isprintable() else []
    if not rows:
        return None
    outbox, wording = Outbox(database), submission_wording(rows)
    documents = documents_of(rows)
    since = {row.id: outbox.moved_at(row.id) or row.tracked_at for row in rows}

    def data_of(row: Form526DocumentSubmission) -> dict[str, Any]:
        return _data(row, since[row.id], now)

    data = {
        "form_526_submission_id": submission_id,
        "documents": [
            {**data_of(each.decides), "other_tries": [data_of(one) for one in each.others]}
            for each in documents
        ],
        "veteran_wording": wording,
    }
    count = "1 document" if len(documents) == 1 else f"{len(documents)} documents"
    tries = f" in {len(rows)} tries" if len(rows) > len(documents) else ""
    lines = [f"submission {submission_id}: {count}{tries}", ""]
    for each in documents:
        lines += [*_headline(each.decides, since[each.decides.id], now), ""]
        for one in each.others:
            lines += ["another try of the same document, which does not decide:"]
            lines += [f"  {line}" for line in _headline(one, since[one.id], now)] + [""]
    return Found(data, [*lines, "for the veteran:", f"  {wording}"])


def _data(row: Form526DocumentSubmission, step_since: Instant, now: Instant) -> dict[str, Any]:
    return {
        "lighthouse_request_id": row.lighthouse_request_id,
        **{name: getattr(row, name) for name in _WORDS},
        "step_since": iso(step_since),
        "waited_s": _waited_ms(row, now) // SECOND,
        **{name: iso(getattr(row, name)) for name in _TIMES},
        **_acknowledgement(row),
        "steps": orjson.loads(row.steps),
        "last_answer": _loaded(row.last_answer),
        "last_problem": _loaded(row.last_problem),
    }


def _waited_ms(row: Form526DocumentSubmission, now: Instant) -> int:
    """Since the first of several tries: the document waits, whichever of them decides."""
    return waited_ms(row.first_tracked_at or row.tracked_at, row.decided_at, now)


def _acknowledgement(row: Form526DocumentSubmission) -> dict[str, str | None]:
    """Who acknowledged or closed it, and why; empty once the document has changed since."""
    valid = row.condition in {Condition.ACKNOWLEDGED, Condition.CLOSED}
    return {
        "acknowledged_at": iso(row.acknowledged_at) if valid else None,
        "acknowledged_by": row.acknowledged_by if valid else None,
        "acknowledged_reason": row.acknowledged_reason if valid else None,
    }


def _headline(row: Form526DocumentSubmission, step_since: Instant, now: Instant) -> list[str]:
    at = {"none": "", "complete": "", "unknown": " at an unknown step"}.get(
        row.current_step, f" at {row.current_step}"
    )
    lines = [
        f"request id {row.lighthouse_request_id}  {row.document_type}  "
        f"{row.lighthouse_status}{at}",
        f"  submission {row.form_526_submission_id}"
        + (f", attachment {row.form_attachment_id}" if row.form_attachment_id else ""),
    ]
    waited = lasting(_waited_ms(row, now))
    runs = row.decided_at is None and row.current_step != Step.NONE
    facts = [
        ("condition", row.condition),
        ("waited" if row.decided_at else "waiting for", waited),
        ("at this step since", iso(step_since) if runs else None),
        (f"{row.lighthouse_status} since", iso(row.decided_at)),
        ("reason", row.error_detail),
        ("in the eFolder since", iso(row.in_efolder_at)),
        ("not found by Lighthouse since", iso(row.not_found_since)),
        ("last polled", iso(row.last_polled_at)),
        ("next poll", iso(row.next_poll_at)),
        ("last call failed", _why(row.last_problem)),
    ]
    if by := _acknowledgement(row)["acknowledged_by"]:
        since = iso(row.acknowledged_at)
        facts.append((row.condition, f"{since} by {by}: {row.acknowledged_reason}"))
    return lines + [f"  {name}: {printable(value)}" for name, value in facts if value]


def _change(entry: dict[str, Any]) -> str:
    steps = ", ".join(f"{name} {word}" for name, word in entry["step_changes"].items())
    said = [Remark(**remark) for remark in entry["remarks"]]
    parts = [entry["outcome"] or entry["to_status"], steps, ", ".join(map(_remark, said))]
    published_at = entry["published_at"]
    published = f"  (published {published_at})" if published_at else "  (not published yet)"
    if any(remark.kind in _NOT_PUBLISHED for remark in said):
        published = ""
    return "; ".join(part for part in parts if part) + published


def _remark(remark: Remark) -> str:
    """A remark with its detail: who and why, or Lighthouse's own word."""
    words = remark.kind.replace("_", " ")
    if remark.detail is None:
        return words
    return (
        f"{words} by {remark.detail}" if remark.kind in _BY_STAFF else f"{words}: {remark.detail}"
    )


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
