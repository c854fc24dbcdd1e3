"""A tracked document: its type, its status, its step, and what its state calls for."""

from enum import StrEnum
from itertools import chain
from typing import Final, NamedTuple

from lightkeeper.domain.time import Instant


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


PENDING, DONE, FAILED = map(str, LighthouseStatus)
"""As plain text: looked up a dozen times a document, members of the enum cost a pass 3 %."""


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
    ACKNOWLEDGED = "acknowledged"  # staff work on it, in any state
    CLOSED = "closed"  # staff settled it elsewhere: it is no longer polled
    SUPERSEDED = "superseded"  # another try of the same document decides: it is not counted


COUNTED_AS: Final = {
    "slow": ("slow",),
    "stuck": ("slow", "stuck"),
    "overdue": ("slow", "stuck", "overdue"),
    "not_found": ("not_found",),
    "not_in_efolder": ("unacknowledged",),
    "in_efolder": ("unacknowledged", "in_efolder_not_bgs"),
    "efolder_unknown": ("unacknowledged", "efolder_unknown"),
    "contradictory": ("contradictory",),
    "acknowledged": ("acknowledged",),
}
"""As what a document counts besides its status, by its condition: overdue is stuck as well."""
CONDITION_WORDS: Final = tuple(
    dict.fromkeys([*map(str, Condition), *chain.from_iterable(COUNTED_AS.values())])
)
"""Every word for a condition: the conditions, and the words that several are counted under."""


def conditions_named(word: str) -> frozenset[str]:
    """The conditions that this word of `CONDITION_WORDS` stands for: stuck is overdue as well."""
    return frozenset(
        str(each) for each in Condition if word == each or word in COUNTED_AS.get(each, ())
    )


_SETTLED: Final = frozenset({Condition.DELIVERED, Condition.CLOSED})
_SETTLED_WHEN_FINAL: Final = frozenset({Condition.ACKNOWLEDGED, Condition.SUPERSEDED})


def needs_people(condition: str, next_poll_at: Instant | None) -> bool:
    """Whether anyone may still need Lighthouse's own answer about a document.

    No longer once it is delivered or closed, or acknowledged or superseded and polled no more.
    """
    is_final = next_poll_at is None and condition in _SETTLED_WHEN_FINAL
    return not (is_final or condition in _SETTLED)


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


class NewDocument(NamedTuple):
    """A document as it is tracked, already validated."""

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
    """How many polls in a row brought no usable answer."""
    unanswered_since: Instant | None
    """Since when polls bring no usable answer; None once one came."""
    must_act_since: Instant | None
    """When it first became certain that the veteran must send it again."""
    judged_at: Instant | None
    """When it was counted as good or bad, which happens once; None before."""
    first_tracked_at: Instant | None = None
    """When the first of several tries of one document was tracked; None where it is the only
    one."""
