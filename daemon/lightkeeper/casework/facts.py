"""What `list` and `show` say of a document alike, under the same names."""

from collections.abc import Mapping
from typing import Any, Final

from lightkeeper.casework.text import iso
from lightkeeper.domain.document import Condition
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
    "last_polled_at",
    "next_poll_at",
)
_NOTE: Final = ("acknowledged_at", "acknowledged_by", "acknowledged_reason")
COLUMNS: Final = (*_WORDS, *_TIMES, *_NOTE, "first_tracked_at", "last_problem")
"""The columns of which facts are made."""
NAMES: Final = (*_WORDS, "step_since", "waited_s", *_TIMES, *_NOTE)
"""The names of the facts; where `track` takes one, it has the same name there."""
_TRIAGED: Final = {Condition.ACKNOWLEDGED, Condition.CLOSED}


def of_document(
    columns: Mapping[str, Any], moved_at: Instant | None, now: Instant
) -> dict[str, Any]:
    """What is known of a document, as plain data for JSON; `columns` are at least `COLUMNS`.

    It came to its step at `moved_at`, or never moved, and waits since the first of its tries was
    tracked. Who acknowledged or closed it, and why, is empty once it has changed since.
    """
    tracked_at, decided_at = columns["tracked_at"], columns["decided_at"]
    first_at = columns["first_tracked_at"] or tracked_at
    waited_ms = max(0, (now if decided_at is None else decided_at) - first_at)
    triaged = columns["condition"] in _TRIAGED
    return {
        **{name: columns[name] for name in _WORDS},
        "step_since": iso(moved_at or tracked_at),
        "waited_s": waited_ms // SECOND,
        **{name: iso(columns[name]) for name in _TIMES},
        "acknowledged_at": iso(columns["acknowledged_at"]) if triaged else None,
        "acknowledged_by": columns["acknowledged_by"] if triaged else None,
        "acknowledged_reason": columns["acknowledged_reason"] if triaged else None,
    }


def call_failed(problem: Mapping[str, Any]) -> str:
    """How a call failed, in one line: `http_status 502, no upstream`."""
    return ", ".join(
        f"{value}" if name == "detail" else f"{name} {value}"
        for name, value in problem.items()
        if value is not None
    )
