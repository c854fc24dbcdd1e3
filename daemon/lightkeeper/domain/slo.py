"""What a document counts as in our service levels: good or bad, said once. Pure.

The same documents are counted in all three. One that is silent is judged at the first answer
after its deadline, were it only that it has no word of it. What staff close before it is judged
is not judged.
"""

from typing import Final

from lightkeeper.domain.change import Objective, Remark, RemarkKind
from lightkeeper.domain.document import PENDING, Document
from lightkeeper.domain.policy import Policy
from lightkeeper.domain.time import MINUTE, Instant

DETECTED_WITHIN_MS: Final = 15 * MINUTE
_MET: Final = (Remark(RemarkKind.SLO_MET),)


def handed_over_at(document: Document) -> Instant:
    """Since when a document ages, of whose tries this is one: since the first was tracked."""
    first = document.first_tracked_at
    return document.tracked_at if first is None else first


def judged_at(document: Document, status: str, policy: Policy, now: Instant) -> Instant | None:
    """When it was judged: now, where `status` is its first final one or the deadline has passed.

    One tracked after its deadline is never judged: the deadline could not be met.
    """
    if document.judged_at is not None:
        return document.judged_at
    deadline = handed_over_at(document) + policy.stuck_after_ms
    due = status != PENDING or now > deadline
    return now if due and document.created_at <= deadline else None


def verdict(
    document: Document, after: Document, policy: Policy, now: Instant
) -> tuple[Remark, ...]:
    """One remark for each objective that `after` missed, or that it met all; none if not judged.

    Where Lighthouse names no end, the end cannot have been before its last word of the document.
    """
    if document.judged_at is not None or after.judged_at is None:
        return ()
    deadline = handed_over_at(document) + policy.stuck_after_ms
    in_time, efolder_at = now <= deadline, after.in_efolder_at
    # The daemon cannot learn of an end before the document is tracked.
    ended_at = after.lighthouse_ended_at or document.last_answered_at or 0
    detected_ms = now - max(ended_at, document.created_at)
    missed = []
    if not in_time:
        missed.append(Remark(RemarkKind.SLO_MISSED, Objective.OUTCOME))
    if efolder_at is None or efolder_at > deadline:
        missed.append(Remark(RemarkKind.SLO_MISSED, Objective.EFOLDER))
    if not in_time or detected_ms > DETECTED_WITHIN_MS:
        missed.append(Remark(RemarkKind.SLO_MISSED, Objective.DETECTION))
    return tuple(missed) or _MET
