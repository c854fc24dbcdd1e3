"""What `status` and `show` look up: counts, and documents with their history."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import orjson

from lightkeeper.casework import expected, facts, maintenance_windows
from lightkeeper.casework.text import iso, lasting, printable
from lightkeeper.casework.tries import documents_of
from lightkeeper.casework.veteran_wording import wording
from lightkeeper.domain import steps
from lightkeeper.domain.change import Remark, RemarkKind
from lightkeeper.domain.document import Condition, Step
from lightkeeper.domain.expected import ExpectedState
from lightkeeper.domain.policy import USUAL, Policy
from lightkeeper.domain.time import SECOND, Instant
from lightkeeper.domain.tries import deciding
from lightkeeper.store import remarks, step_changes
from lightkeeper.store.database import Database
from lightkeeper.store.documents import Documents
from lightkeeper.store.expected import ExpectedDocuments
from lightkeeper.store.levels import Levels, sums, troubles
from lightkeeper.store.maintenance_windows import MaintenanceWindows
from lightkeeper.store.outbox import Outbox
from lightkeeper.store.schema import Form526DocumentSubmission

_MORE_TIMES: Final = ("last_answered_at", "lighthouse_started_at", "lighthouse_ended_at")
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


def overview(database: Database, now: Instant, policy: Policy = USUAL) -> dict[str, Any]:
    """Totals on top, then the maintenance in effect, then documents by type, status and step.

    `expected_missing` are those that are expected, and by `policy` should be tracked by now.

    Last come when a document was last tracked, and when one last became done, as time and as
    seconds ago; None where none ever was or did.
    """
    levels = Levels(database)
    totals = levels.totals()
    documents: dict[str, dict[str, dict[str, int]]] = {}
    for level in totals:
        by_status = documents.setdefault(level.document_type, {})
        by_step = by_status.setdefault(level.lighthouse_status, {})
        by_step[level.step] = by_step.get(level.step, 0) + level.document_count
    return {
        **sums(totals),
        **troubles(totals),
        "expected_missing": sum(levels.expected_missing(now, policy.expected_within_ms).values()),
        "unpublished": Outbox(database).unpublished_count(),
        "maintenance": [maintenance_windows.data(each, now) for each in levels.maintenance(now)],
        "documents": documents,
        **_last("tracked", levels.newest(), now),
        **_last("ended_well", levels.ended_well_at(), now),
    }


def _last(what: str, at: Instant | None, now: Instant) -> dict[str, Any]:
    ago_s = None if at is None else max(0, now - at) // SECOND
    return {f"last_{what}_at": iso(at), f"last_{what}_ago_s": ago_s}


def document(
    database: Database, request_id: int, now: Instant, policy: Policy = USUAL
) -> Found | None:
    """One document with its history; None where it is not tracked.

    By `policy` it is slow, stuck or overdue since it had waited for so long.
    """
    row = Documents(database).find(request_id)
    if row is None:
        return None
    history = Outbox(database).history(row.id)
    data = data_of(row, now, policy)
    data["history"] = [
        {
            "at": iso(change.at),
            "from_status": change.from_status,
            "to_status": change.to_status,
            "step": change.to_step,
            "outcome": change.outcome,
            "step_changes": dict(step_changes.decode(change.step_changes)),
            "remarks": [remark._asdict() for remark in remarks.decode(change.remarks)],
            "published_at": iso(change.published_at),
        }
        for change in history
    ]
    tries = tries_of(database, row)
    data["decided_by"] = other = decided_by(tries, row)
    read = for_the_veteran(database, tries, now)
    data |= read.data
    lines = _headline(data)
    if other is not None:
        lines.append(f"  another try of the same document decides: request id {other}")
    lines += ["", "history:"]
    lines.append(f"  {iso(row.tracked_at)}  handed to Lighthouse")
    lines += [f"  {entry['at']}  {printable(_change(entry))}" for entry in data["history"]]
    return Found(data, lines + read.lines)


def tries_of(
    database: Database, row: Form526DocumentSubmission
) -> list[Form526DocumentSubmission]:
    """All tries of the document of which this is one."""
    if row.form_attachment_id is None:
        return [row]
    rows = Documents(database).of_submission(row.form_526_submission_id)
    return [one for one in rows if one.form_attachment_id == row.form_attachment_id]


def decided_by(
    tries: Sequence[Form526DocumentSubmission], row: Form526DocumentSubmission
) -> int | None:
    """The request id of the try that decides, where it is another."""
    if row.condition != Condition.SUPERSEDED:
        return None
    return int(deciding(tries).lighthouse_request_id)


def for_the_veteran(
    database: Database,
    rows: Sequence[Form526DocumentSubmission],
    now: Instant,
    untracked: Sequence[tuple[str, ExpectedState]] = (),
) -> Found:
    """What the veteran reads about these documents of one claim."""
    said = wording(rows, MaintenanceWindows(database).in_effect(now), untracked=untracked)
    texts = [line.text() for line in said]
    return Found(
        {"veteran": [line._asdict() for line in said], "veteran_wording": "\n".join(texts)},
        ["", "for the veteran:", *(f"  {text}" for text in texts)],
    )


def submission(
    database: Database, submission_id: str, now: Instant, policy: Policy = USUAL
) -> Found | None:
    """All documents of a submission and the veteran's wording; None where it has none.

    Several tries of one document are one: the try that decides, with the others beneath it. A
    document may be expected and not tracked; by `policy` it is missing then.
    """
    # An id that cannot be printed is never tracked, and no database takes a lone surrogate.
    if not submission_id.isprintable():
        return None
    rows = Documents(database).of_submission(submission_id)
    wanted = ExpectedDocuments(database).of_submission(submission_id)
    if not rows and not wanted:
        return None
    documents = documents_of(rows)
    within = policy.expected_within_ms
    untracked = [
        (each.document_type, each.state(now, within))
        for each in wanted
        for _ in range(each.missing_count)
    ]
    read = for_the_veteran(database, rows, now, untracked)
    known = {row.id: data_of(row, now, policy) for row in rows}
    data = {
        "form_526_submission_id": submission_id,
        "documents": [
            {**known[each.decides.id], "other_tries": [known[one.id] for one in each.others]}
            for each in documents
        ],
        "expected": [expected.data(each, now, within) for each in wanted],
        **read.data,
    }
    count = "1 document" if len(documents) == 1 else f"{len(documents)} documents"
    tries = f" in {len(rows)} tries" if len(rows) > len(documents) else ""
    lines = [f"submission {submission_id}: {count if rows else 'no document is tracked'}{tries}"]
    lines += [f"  expected: {line}" for line in expected.lines(wanted, now, within)]
    for each in documents:
        lines += ["", *_headline(known[each.decides.id])]
        for one in each.others:
            lines += ["", "another try of the same document, which does not decide:"]
            lines += [f"  {line}" for line in _headline(known[one.id])]
    return Found(data, lines + read.lines)


def data_of(row: Form526DocumentSubmission, now: Instant, policy: Policy) -> dict[str, Any]:
    """What is known of one document, as plain data for JSON."""
    columns = {name: getattr(row, name) for name in facts.COLUMNS}
    return {
        **facts.of_document(columns, row.moved_at, now, policy),
        **{name: iso(getattr(row, name)) for name in _MORE_TIMES},
        "answer_age_s": _age_s(row.last_answered_at, now),
        "steps": steps.decode(row.steps),
        "last_answer": _loaded(row.last_answer),
        "last_problem": _loaded(row.last_problem),
    }


def _headline(data: dict[str, Any]) -> list[str]:
    step, status, ended_at = data["current_step"], data["lighthouse_status"], data["decided_at"]
    at = {"none": "", "complete": "", "unknown": " at an unknown step"}.get(step, f" at {step}")
    attachment_id, problem = data["form_attachment_id"], data["last_problem"]
    lines = [
        f"request id {data['lighthouse_request_id']}  {data['document_type']}  {status}{at}",
        f"  submission {data['form_526_submission_id']}"
        + (f", attachment {attachment_id}" if attachment_id else ""),
    ]
    runs = ended_at is None and step != Step.NONE
    known = [
        ("condition", data["condition"]),
        ("waited" if ended_at else "waiting for", lasting(data["waited_s"] * SECOND)),
        ("at this step since", data["step_since"] if runs else None),
        (f"{status} since", ended_at),
        ("reason", data["error_detail"]),
        ("unknown words", data["unknown_words"]),
        ("in the eFolder since", data["in_efolder_at"]),
        ("not found by Lighthouse since", data["not_found_since"]),
        ("no usable answer since", data["unanswered_since"]),
        ("last polled", data["last_polled_at"]),
        ("next poll", data["next_poll_at"]),
        ("last call failed", problem and facts.call_failed(problem)),
    ]
    if by := data["acknowledged_by"]:
        why = f"{data['acknowledged_at']} by {by}: {data['acknowledged_reason']}"
        known.append((data["condition"], why))
    return lines + [f"  {name}: {printable(value)}" for name, value in known if value]


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


def _age_s(answered_at: Instant | None, now: Instant) -> int | None:
    return None if answered_at is None else max(0, now - answered_at) // SECOND


def _loaded(text: str | None) -> Any:
    return None if text is None else orjson.loads(text)
