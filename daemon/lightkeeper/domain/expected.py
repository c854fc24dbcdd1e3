"""Documents that a submission should have: what is still missing, and since when. Pure."""

from enum import StrEnum
from typing import NamedTuple

from lightkeeper.domain.time import Instant


class ExpectedState(StrEnum):
    """How the documents of one type that a submission should have stand."""

    TRACKED = "tracked"
    AWAITED = "awaited"
    MISSING = "missing"
    SETTLED = "settled"


class Expectation(NamedTuple):
    """How many documents of one type a submission should have, and how many are not tracked."""

    submission_id: str
    document_type: str
    document_count: int
    missing_count: int
    expected_at: Instant
    """Since when those that are missing are expected."""
    expected_by: str
    settled_at: Instant | None = None
    """When staff settled what is missing, so that it is no longer counted."""
    settled_by: str | None = None
    settled_reason: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether fewer are tracked than are expected, and staff have not settled it."""
        return self.missing_count > 0 and self.settled_at is None

    def state(self, now: Instant, within_ms: int) -> ExpectedState:
        """How they stand: what is expected has to be tracked within `within_ms`."""
        if not self.missing_count:
            return ExpectedState.TRACKED
        if self.settled_at is not None:
            return ExpectedState.SETTLED
        late = now - self.expected_at >= within_ms
        return ExpectedState.MISSING if late else ExpectedState.AWAITED


def said_again(was: Expectation, count: int, by: str, now: Instant) -> Expectation:
    """What is expected once `by` says `count`; the same as before where that was said already.

    What is missing already stays expected since then. With more than before, what staff settled
    is open again.
    """
    more = count - was.document_count
    if not more:
        return was
    missing = max(0, was.missing_count + more)
    now_is = was._replace(document_count=count, missing_count=missing, expected_by=by)
    if more < 0:
        return now_is
    return _open_again(now_is._replace(expected_at=was.expected_at if was.is_open else now))


def counted(was: Expectation, tracked: int) -> Expectation:
    """The same where so many are tracked; with fewer than before, what was settled is open."""
    missing = max(0, was.document_count - tracked)
    now_is = was._replace(missing_count=missing)
    return _open_again(now_is) if missing > was.missing_count else now_is


def _open_again(one: Expectation) -> Expectation:
    return one._replace(settled_at=None, settled_by=None, settled_reason=None)
