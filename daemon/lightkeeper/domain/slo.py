"""What a document counts as in our service levels: good or bad, said once. Pure.

The same documents are counted in all three. One that is silent is judged at the first answer
after its deadline, were it only that it has no word of it. What staff close before it is judged
is judged by nobody.
"""

from itertools import compress, product
from operator import not_
from typing import Final

from lightkeeper.domain.change import Objective, Remark
from lightkeeper.domain.document import Document, LighthouseStatus
from lightkeeper.domain.policy import Policy
from lightkeeper.domain.time import MINUTE, Instant

DETECTED_WITHIN_MS: Final = 15 * MINUTE
PENDING = str(LighthouseStatus.PENDING)
_REMARKS: Final = {
    met: (
        str(Remark.SLO_MET)
        if all(met)
        else f"{Remark.SLO_MISSED}:" + ",".join(compress(Objective, map(not_, met))),
    )
    for met in product((True, False), repeat=len(Objective))
}
"""What is said, by which objectives were met. Made once: every document comes by here."""


def judged_at(document: Document, status: str, policy: Policy, now: Instant) -> Instant | None:
    """When it was judged: now, where `status` is its first final one or the deadline has passed.

    One handed in when its deadline had passed is never judged: nobody could have met it.
    """
    if document.judged_at is not None:
        return document.judged_at
    deadline = document.tracked_at + policy.stuck_after_ms
    due = status != PENDING or now > deadline
    return now if due and document.created_at <= deadline else None


def verdict(document: Document, after: Document, policy: Policy, now: Instant) -> tuple[str, ...]:
    """The remark with which `after` is judged, naming what it missed; none if it is not, or was.

    Where Lighthouse names no end, the end cannot have been before its last word of the document.
    """
    if document.judged_at is not None or after.judged_at is None:
        return ()
    deadline = document.tracked_at + policy.stuck_after_ms
    in_time, efolder_at = now <= deadline, after.in_efolder_at
    # Of an end before it was handed in we could not know any sooner.
    ended_at = after.lighthouse_ended_at or document.last_answered_at or 0
    detected_ms = now - max(ended_at, document.created_at)
    return _REMARKS[
        in_time,
        efolder_at is not None and efolder_at <= deadline,
        in_time and detected_ms <= DETECTED_WITHIN_MS,
    ]
