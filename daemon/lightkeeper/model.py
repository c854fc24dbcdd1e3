"""The words every other module speaks: documents, what Lighthouse said of them, what follows.

An `Instant` is a whole number of milliseconds since the epoch, UTC: Lighthouse's own unit, the
store's unit and the one in which nothing can be naive, local or off by a thousand unnoticed.
Durations inside the program carry the same unit and end in `_ms`.
"""

import re
import time
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple, TypeAlias

Instant: TypeAlias = int

SECOND: Final = 1_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
_OPAQUE: Final = re.compile(r"[\w+/=-]+", re.ASCII)


def now() -> Instant:
    """The wall clock as an `Instant`."""
    return int(time.time() * SECOND)


class LightkeeperError(Exception):
    """Something went wrong that the user can mend; the message says how."""

    exit_status = 70

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or self.__doc__)


class DocumentType(StrEnum):
    """What a document is to the claim."""

    VETERAN_UPLOAD = "veteran_upload"
    FORM_0781 = "form_0781"
    FORM_0781A = "form_0781a"
    BDD_INSTRUCTIONS = "bdd_instructions"


class LighthouseStatus(StrEnum):
    """Where a document stands; at every moment exactly one of these."""

    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"


class Outcome(StrEnum):
    """How a document ended, as told once per ending."""

    DONE = "done"
    FAILED = "failed"
    RECOVERED = "recovered"


class Condition(StrEnum):
    """What a document's state calls for: the paging gauges count by this."""

    WAITING = "waiting"
    SLOW = "slow"
    STUCK = "stuck"
    OVERDUE = "overdue"
    NOT_FOUND = "not_found"
    DELIVERED = "delivered"
    CONTRADICTORY = "contradictory"
    NOT_IN_EFOLDER = "not_in_efolder"
    IN_EFOLDER = "in_efolder"
    EFOLDER_UNKNOWN = "efolder_unknown"
    ACKNOWLEDGED = "acknowledged"  # somebody has taken it up, whatever it is
    CLOSED = "closed"  # staff settled it outside: it is asked about no more


class Step(StrEnum):
    """Lighthouse's steps under Lighthouse's names, and our three words for having none."""

    CLAIMS_EVIDENCE = "CLAIMS_EVIDENCE"
    BENEFITS_GATEWAY_SERVICE = "BENEFITS_GATEWAY_SERVICE"
    REMOVE_FILE_BINARY = "REMOVE_FILE_BINARY"
    NONE = "none"
    COMPLETE = "complete"
    UNKNOWN = "unknown"


LIGHTHOUSE_STEPS: Final = frozenset(
    {Step.CLAIMS_EVIDENCE, Step.BENEFITS_GATEWAY_SERVICE, Step.REMOVE_FILE_BINARY}
)
REPORTED_STATUSES: Final = frozenset({"IN_PROGRESS", "SUCCESS", "FAILED"})
STEP_STATUSES: Final = REPORTED_STATUSES | {"NOT_STARTED"}


class Remark(StrEnum):
    """What is to be said of a change; after a colon: the word, what was missed, or who and why."""

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
    NOTICE_SENT = "notice_sent"
    NOTICE_DELIVERED = "notice_delivered"


class Objective(StrEnum):
    """What each document is judged by, once: when it is final, or past its deadline."""

    OUTCOME = "outcome"  # it was final in time
    EFOLDER = "efolder"  # it was provably in the eFolder in time
    DETECTION = "detection"  # we learned of its end soon after it


class Absence(StrEnum):
    """What Lighthouse said of a document it gave no status for."""

    NOT_FOUND = "not_found"  # it does not know the id
    MISSING = "missing"  # it named the id in neither list
    MALFORMED = "malformed"  # it named the id, and the rest made no sense
    REFUSED = "refused"  # asked alone, the call still failed


class StatusReport(NamedTuple):
    """One entry of `data.statuses[]`, cleaned: no NUL, no lone surrogate, bounded lengths."""

    request_id: int
    status: str
    steps: tuple[tuple[str, str], ...]
    started_at: Instant | None
    ended_at: Instant | None
    error_step: str | None
    error_detail: str | None
    raw: str
    """The entry as JSON text, kept in the store as the last answer."""


Observation: TypeAlias = StatusReport | Absence


class NewDocument(NamedTuple):
    """A document as it is handed in, already validated."""

    request_id: int
    submission_id: str
    document_type: str
    attachment_id: str | None
    tracked_at: Instant


class Document(NamedTuple):
    """What deciding needs to know of a tracked document; a plain tuple, for the hot loop."""

    id: int
    request_id: int
    document_type: str
    tracked_at: Instant
    created_at: Instant
    lighthouse_status: str
    condition: str
    reported_status: str | None
    steps: str
    """Step statuses as last reported: a JSON object of step name to status."""
    current_step: str
    failed_step: str | None
    error_detail: str | None
    in_efolder_at: Instant | None
    lighthouse_started_at: Instant | None
    lighthouse_ended_at: Instant | None
    last_answered_at: Instant | None
    not_found_since: Instant | None
    decided_at: Instant | None
    """When it became done or failed, by our clock."""
    trouble_count: int
    """How many times running it was asked about and no usable answer came."""
    unanswered_since: Instant | None
    """Since when it was asked about in vain; None once a usable answer came."""
    must_act_since: Instant | None
    """When it first became certain that the veteran must send it again."""
    judged_at: Instant | None
    """When it was counted as good or bad, which happens once; None before."""


class Transition(NamedTuple):
    """A change of one document, as history and as news still to be told."""

    at: Instant
    from_status: str
    to_status: str
    from_step: str
    to_step: str
    outcome: str | None
    step_changes: tuple[tuple[str, str], ...]
    remarks: tuple[str, ...]
    processing_ms: int | None
    """Lighthouse's own start to end."""
    detection_ms: int | None
    """Lighthouse's end to our learning of it."""


class Decision(NamedTuple):
    """What an observation makes of a document: its state afterwards, and the news in it."""

    after: Document
    transition: Transition | None


class CallOutcome(StrEnum):
    """Every way in which a call to Lighthouse can end."""

    OK = "ok"
    NOT_FOUND = "not_found"  # 404 in Lighthouse's own words: it knows none of the ids
    TOO_LARGE = "too_large"  # 413
    RATE_LIMITED = "rate_limited"  # 429
    UNAUTHORIZED = "unauthorized"  # token or assertion refused, also with a new token
    TOKEN_UNAVAILABLE = "token_unavailable"  # noqa: S105  # no token to be had, and nobody refused us
    REJECTED = "rejected"  # any other 4xx
    SERVER_ERROR = "server_error"  # 5xx
    MALFORMED = "malformed"  # 200 with a body that is no answer
    TIMEOUT = "timeout"
    CONNECTION = "connection"
    UNEXPECTED = "unexpected"  # a redirect, or a 404 that is not Lighthouse's: a wrong address


ANSWERED: Final = frozenset({CallOutcome.OK, CallOutcome.NOT_FOUND})


class Problem(NamedTuple):
    """Why a call gave no answer, in the words Lighthouse's support asks for."""

    http_status: int | None
    detail: str
    instance: str | None = None
    diagnostics: str | None = None

    def for_logs(self) -> dict[str, int | str | None]:
        """All but what an answer worded, which may name a person; the store has that."""
        is_ours = self.http_status in {None, 200}
        return {
            "http_status": self.http_status,
            "detail": self.detail if is_ours else "see last_problem: lightkeeper show REQUEST_ID",
            "instance": _opaque(self.instance),
            "diagnostics": _opaque(self.diagnostics),
        }


def _opaque(text: str | None) -> str | None:
    """What looks like an id or like base64."""
    return text if text is not None and _OPAQUE.fullmatch(text) else None


class Answer(NamedTuple):
    """How one call ended, and what it said of each id it was asked for."""

    outcome: CallOutcome
    observations: dict[int, Observation]
    problem: Problem | None = None
    unasked_count: int = 0
    """Ids Lighthouse answered for though nobody had asked."""


class Recorded(NamedTuple):
    """A decision with what the store keeps besides: when to ask again, the evidence."""

    before: Document
    decision: Decision
    next_poll_at: Instant | None
    last_answer: str | None
    problem: Problem | None


@dataclass(frozen=True, slots=True)
class Policy:
    """The thresholds that are settings. All durations in milliseconds."""

    slow_after_ms: int = 24 * HOUR
    stuck_after_ms: int = 48 * HOUR
    overdue_after_ms: int = 96 * HOUR
    not_found_fails_after_ms: int = 7 * DAY
    recheck_window_ms: int = 7 * DAY
