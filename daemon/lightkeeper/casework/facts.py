"""What `list` and `show` say of a document alike, under the same names."""

from collections.abc import Mapping
from typing import Any, Final

from lightkeeper.casework.text import iso
from lightkeeper.domain import steps
from lightkeeper.domain.answer import REPORTED_STATUSES, STEP_STATUSES
from lightkeeper.domain.document import LIGHTHOUSE_STEPS, Condition
from lightkeeper.domain.policy import Policy
from lightkeeper.domain.time import SECOND, Instant

_WORDS: Final = (
    "lighthouse_request_id",
    "form_526_submission_id",
    "form_attachment_id",
    "document_type",
    "lighthouse_status",
    "condition",
    "current_step",
    "failed_step",
    "error_detail",
)
_TIMES: Final = (
    "tracked_at",
    "decided_at",
    "in_efolder_at",
    "not_found_since",
    "unanswered_since",
    "last_polled_at",
    "next_poll_at",
)
_NOTE: Final = ("acknowledged_at", "acknowledged_by", "acknowledged_reason")
COLUMNS: Final = (
    *(*_WORDS, *_TIMES, *_NOTE),
    *("first_tracked_at", "last_problem", "reported_status", "steps"),
)
"""The columns of which facts are made."""
NAMES: Final = (
    *(*_WORDS, "unknown_words", "condition_since", "step_since", "waited_s"),
    *(*_TIMES, *_NOTE),
)
"""The names of the facts; where `track` takes one, it has the same name there."""
_TRIAGED: Final = {Condition.ACKNOWLEDGED, Condition.CLOSED}


def of_document(
    columns: Mapping[str, Any], moved_at: Instant | None, now: Instant, policy: Policy
) -> dict[str, Any]:
    """What is known of a document, as plain data for JSON; `columns` are at least `COLUMNS`.

    It came to its step at `moved_at`, or never moved, and waits since the first of its tries was
    tracked; by `policy` it is slow, stuck or overdue since it had waited for so long. Who
    acknowledged or closed it, and why, is empty once it has changed since.
    """
    tracked_at, decided_at = columns["tracked_at"], columns["decided_at"]
    first_at = columns["first_tracked_at"] or tracked_at
    waited_ms = max(0, (now if decided_at is None else decided_at) - first_at)
    triaged = columns["condition"] in _TRIAGED
    return {
        **{name: columns[name] for name in _WORDS},
        "unknown_words": _unknown_words(columns["reported_status"], columns["steps"]),
        "condition_since": iso(_condition_since(columns, first_at, now, policy)),
        "step_since": iso(moved_at or tracked_at),
        "waited_s": waited_ms // SECOND,
        **{name: iso(columns[name]) for name in _TIMES},
        "acknowledged_at": iso(columns["acknowledged_at"]) if triaged else None,
        "acknowledged_by": columns["acknowledged_by"] if triaged else None,
        "acknowledged_reason": columns["acknowledged_reason"] if triaged else None,
    }


def _condition_since(
    columns: Mapping[str, Any], first_at: Instant, now: Instant, policy: Policy
) -> Instant | None:
    condition = columns["condition"]
    after_ms = {
        Condition.WAITING: 0,
        Condition.SLOW: policy.slow_after_ms,
        Condition.STUCK: policy.stuck_after_ms,
        Condition.OVERDUE: policy.overdue_after_ms,
    }
    if condition in after_ms:
        return min(now, first_at + after_ms[condition])
    if condition == Condition.NOT_FOUND:
        since: Instant | None = columns["not_found_since"]
    else:
        since = columns["acknowledged_at" if condition in _TRIAGED else "decided_at"]
    return since


def _unknown_words(status: str | None, column: str) -> str | None:
    """What Lighthouse says of it in words that its contract does not have; None if nothing."""
    said = [] if status is None or status in REPORTED_STATUSES else [f"status {status}"]
    for name, word in steps.decode(column).items():
        known = name in LIGHTHOUSE_STEPS, word in STEP_STATUSES
        if known != (True, True):
            said.append(f"step {name}" if known[1] else f"step {name} is {word}")
    return ", ".join(said) or None


def call_failed(problem: Mapping[str, Any]) -> str:
    """How a call failed, in one line: `http_status 502, no upstream`."""
    return ", ".join(
        f"{value}" if name == "detail" else f"{name} {value}"
        for name, value in problem.items()
        if value is not None
    )
