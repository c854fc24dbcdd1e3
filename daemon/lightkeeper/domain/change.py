"""What an answer changes: outcomes, remarks, the decision and what is recorded of it."""

from enum import StrEnum
from typing import NamedTuple

from lightkeeper.domain.answer import CallProblem
from lightkeeper.domain.document import Document
from lightkeeper.domain.time import Instant


class Outcome(StrEnum):
    """How a document ended; published once per ending."""

    DONE = "done"
    FAILED = "failed"
    RECOVERED = "recovered"
    SUPERSEDED = "superseded"  # a failed try of a document that another try brought there


class RemarkKind(StrEnum):
    """What there is to say of a change besides its status and step."""

    CONTRADICTORY = "contradictory"
    HOUSEKEEPING = "housekeeping"
    NOT_FOUND = "not_found"
    FOUND = "found"
    REOPENED = "reopened"
    UNKNOWN_STATUS = "unknown_status"
    UNKNOWN_STEP = "unknown_step"
    UNKNOWN_STEP_STATUS = "unknown_step_status"
    VETERAN_MUST_ACT = "veteran_must_act"
    SLO_MET = "slo_met"
    SLO_MISSED = "slo_missed"
    ACKNOWLEDGED = "acknowledged"
    UNACKNOWLEDGED = "unacknowledged"
    CLOSED = "closed"
    REOPENED_BY_STAFF = "reopened_by_staff"
    RECHECK = "recheck"
    CLOCK_CORRECTED = "clock_corrected"
    CORRECTED = "corrected"
    NOTICE_SENT = "notice_sent"
    NOTICE_DELIVERED = "notice_delivered"


class Remark(NamedTuple):
    """A remark on a change, with Lighthouse's word, the objective missed, or who and why."""

    kind: RemarkKind
    detail: str | None = None


class Objective(StrEnum):
    """What each document is judged by, once: when it is final, or past its deadline."""

    OUTCOME = "outcome"  # it was final in time
    EFOLDER = "efolder"  # it was provably in the eFolder in time
    DETECTION = "detection"  # we learned of its end soon after it


class Change(NamedTuple):
    """A change of one document; the store keeps it as a transition."""

    at: Instant
    from_status: str
    to_status: str
    from_step: str
    to_step: str
    outcome: str | None = None
    step_changes: tuple[tuple[str, str], ...] = ()
    remarks: tuple[Remark, ...] = ()
    processing_ms: int | None = None
    """Lighthouse's own start to end."""
    detection_ms: int | None = None
    """Lighthouse's end to our learning of it."""


class Decision(NamedTuple):
    """What an observation makes of a document: its state afterwards, and what changed."""

    after: Document
    change: Change | None


class Recorded(NamedTuple):
    """A decision with what the store keeps besides: when to poll next, and the evidence."""

    before: Document
    decision: Decision
    next_poll_at: Instant | None
    last_answer: str | None
    problem: CallProblem | None
