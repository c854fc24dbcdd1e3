"""The one table of every signal that leaves the daemon.

The emitter refuses what is not in it; monitors, dashboards, README and tests are checked
against it.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """How Datadog treats a signal."""

    COUNT = "count"
    GAUGE = "gauge"
    DISTRIBUTION = "distribution"
    EVENT = "event"


DOCUMENT_TYPES: Final = ("veteran_upload", "form_0781", "form_0781a", "bdd_instructions")
STEPS: Final = (
    "none",
    "claims_evidence",
    "benefits_gateway_service",
    "remove_file_binary",
    "complete",
    "unknown",
)
CALL_OUTCOMES: Final = (
    "ok",
    "not_found",
    "too_large",
    "rate_limited",
    "unauthorized",
    "token_unavailable",
    "rejected",
    "server_error",
    "malformed",
    "timeout",
    "connection",
    "unexpected",
)
OPEN_WORDS: Final = 8
"""How many words Lighthouse never used before are carried under their own name, then `other`."""
OPEN_TAGS: Final = frozenset({"step", "word"})

_TYPE: Final[dict[str, tuple[str, ...]]] = {"document_type": DOCUMENT_TYPES}
_TYPE_STEP: Final[dict[str, tuple[str, ...]]] = {**_TYPE, "step": STEPS}


@dataclass(frozen=True, slots=True)
class Signal:
    """One thing that is sent: its name, kind, unit, tag keys with their values, and meaning."""

    name: str
    kind: Kind
    unit: str
    tags: dict[str, tuple[str, ...]]
    meaning: str


_SIGNALS = (
    Signal(
        "lightkeeper.documents.outcomes",
        Kind.COUNT,
        "document",
        {**_TYPE_STEP, "outcome": ("done", "failed", "recovered")},
        "Documents that ended: delivered, failed at a step, or delivered after a failure.",
    ),
    Signal(
        "lightkeeper.step.outcomes",
        Kind.COUNT,
        "document",
        {**_TYPE_STEP, "outcome": ("in_progress", "success", "failed")},
        "Changes of a step's status, as Lighthouse reports it.",
    ),
    Signal(
        "lightkeeper.documents.processing_time",
        Kind.DISTRIBUTION,
        "second",
        {**_TYPE, "outcome": ("done", "failed", "recovered")},
        "Lighthouse's own start to end of a document that ended.",
    ),
    Signal(
        "lightkeeper.documents.detection_delay",
        Kind.DISTRIBUTION,
        "second",
        {**_TYPE, "outcome": ("done", "failed", "recovered")},
        "Lighthouse's end of a document to our learning of it.",
    ),
    Signal(
        "lightkeeper.answers.remarkable",
        Kind.COUNT,
        "document",
        {
            **_TYPE,
            "remark": (
                "contradictory",
                "housekeeping",
                "not_found",
                "found",
                "reopened",
            ),
        },
        "Answers that were usable and odd, told when a document's answer became so.",
    ),
    Signal(
        "lightkeeper.answers.unknown_words",
        Kind.COUNT,
        "document",
        {"field": ("unknown_status", "unknown_step", "unknown_step_status"), "word": ()},
        "Words Lighthouse used that its contract does not know, told when a document's changed.",
    ),
    Signal(
        "lightkeeper.answers.unusable",
        Kind.COUNT,
        "document",
        {**_TYPE, "reason": ("missing", "malformed", "refused")},
        "Documents asked about without a usable word in return.",
    ),
    Signal(
        "lightkeeper.answers.unasked",
        Kind.COUNT,
        "document",
        {},
        "Ids Lighthouse answered for though nobody had asked.",
    ),
    Signal(
        "lightkeeper.documents.pending",
        Kind.GAUGE,
        "document",
        _TYPE_STEP,
        "Documents neither done nor failed, by the step they are at.",
    ),
    Signal(
        "lightkeeper.documents.done",
        Kind.GAUGE,
        "document",
        _TYPE,
        "Documents delivered, of all ever tracked.",
    ),
    Signal(
        "lightkeeper.documents.failed",
        Kind.GAUGE,
        "document",
        _TYPE_STEP,
        "Documents that failed and did not recover, of all ever tracked.",
    ),
    Signal(
        "lightkeeper.documents.oldest_pending_age",
        Kind.GAUGE,
        "second",
        _TYPE_STEP,
        "Age of the oldest pending document, counted from when it was handed to Lighthouse.",
    ),
    Signal(
        "lightkeeper.documents.slow",
        Kind.GAUGE,
        "document",
        _TYPE_STEP,
        "Pending documents Lighthouse called unfinished after 24 hours (a setting).",
    ),
    Signal(
        "lightkeeper.documents.stuck",
        Kind.GAUGE,
        "document",
        _TYPE_STEP,
        "Pending documents Lighthouse called unfinished after 48 hours (a setting).",
    ),
    Signal(
        "lightkeeper.documents.overdue",
        Kind.GAUGE,
        "document",
        _TYPE_STEP,
        "Pending documents Lighthouse called unfinished after 96 hours (a setting).",
    ),
    Signal(
        "lightkeeper.documents.not_found",
        Kind.GAUGE,
        "document",
        _TYPE,
        "Pending documents Lighthouse does not know.",
    ),
    Signal(
        "lightkeeper.poll.due_lag",
        Kind.GAUGE,
        "second",
        {},
        "How long the document that waits longest for its turn to be asked about has waited.",
    ),
    Signal(
        "lightkeeper.poll.failing_for",
        Kind.GAUGE,
        "second",
        {},
        "How long every call to Lighthouse has failed; 0 while it answers.",
    ),
    Signal(
        "lightkeeper.poll.batches",
        Kind.COUNT,
        "request",
        {"outcome": CALL_OUTCOMES},
        "Calls to Lighthouse by how they ended.",
    ),
    Signal(
        "lightkeeper.cycle.success",
        Kind.COUNT,
        "operation",
        {},
        "Polling slices in which not every call failed; one with nothing due counts.",
    ),
    Signal(
        "lightkeeper.document",
        Kind.EVENT,
        "event",
        {**_TYPE_STEP, "outcome": ("done", "failed", "recovered")},
        "Documents ended; at most one a minute for the same tags, with a count and first ids.",
    ),
    Signal(
        "lightkeeper.step",
        Kind.EVENT,
        "event",
        {**_TYPE_STEP, "outcome": ("in_progress", "success", "failed")},
        "Steps changed; at most one a minute for the same tags, with a count and first ids.",
    ),
)

CATALOGUE: Final = {signal.name: signal for signal in _SIGNALS}
