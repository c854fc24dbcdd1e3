"""When to poll a document next: (document, policy, now) -> Instant | None. Pure."""

from lightkeeper.domain.document import FAILED, PENDING, Document
from lightkeeper.domain.policy import Policy
from lightkeeper.domain.time import DAY, HOUR, MINUTE, SECOND, Instant

MOVED_AGAIN_MS = 5 * MINUTE
"""How soon a document is due again that went on to another step: it has not come to rest."""
IN_VAIN_MS = 30 * SECOND
"""For how long a document that was polled in vain is not polled again for a caller."""


def next_poll_at(
    document: Document, policy: Policy, now: Instant, *, moved: bool = False
) -> Instant | None:
    """When `document` is due next, given that it was polled just now; None when never.

    `moved`: the answer had it at another step than the one before.

    Most documents finish within seconds, so the gap starts small and grows with the age: a
    quarter of it for pending ones (15 s to 1 h), half of it for ones not found (5 min to 6 h),
    all of it for failures looked at again (1 h to 1 day, the last look at the window's end).
    """
    if document.lighthouse_status == FAILED:
        return _recheck(document, policy, now)
    if document.lighthouse_status != PENDING:
        return None
    if document.trouble_count:
        return now + min(MINUTE << min(document.trouble_count - 1, 6), HOUR)
    if document.not_found_since is not None:
        return now + _clamp((now - document.not_found_since) // 2, 5 * MINUTE, 6 * HOUR)
    longest = MOVED_AGAIN_MS if moved else HOUR
    return now + _clamp((now - document.tracked_at) // 4, 15 * SECOND, longest)


def is_poll_wanted(
    answered_at: Instant | None,
    polled_at: Instant | None,
    due_at: Instant | None,
    max_age_ms: int,
    now: Instant,
) -> bool:
    """Whether a document is polled first for a caller that takes an answer of that age.

    `answered_at` and `polled_at`: when it was answered for and polled last. Not where it is final
    (`due_at`, when it is due next, is None): it cannot change any more. Nor where it was polled
    just now in vain: what fails for one caller fails for the next.
    """
    if not is_stale(answered_at, due_at, max_age_ms, now):
        return False
    return polled_at is None or now - polled_at > min(max_age_ms, IN_VAIN_MS)


def is_stale(
    answered_at: Instant | None, due_at: Instant | None, max_age_ms: int, now: Instant
) -> bool:
    """Whether an answer is older than that, and not final."""
    return due_at is not None and (answered_at is None or now - answered_at > max_age_ms)


def _recheck(document: Document, policy: Policy, now: Instant) -> Instant | None:
    decided_at = document.decided_at if document.decided_at is not None else now
    end = decided_at + policy.recheck_window_ms
    if now >= end:
        return None
    return min(now + _clamp(now - decided_at, HOUR, DAY), end)


def _clamp(value: int, low: int, high: int) -> int:
    return max(low, min(value, high))
