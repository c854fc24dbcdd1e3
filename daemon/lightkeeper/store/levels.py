"""The store's state as numbers: what stands where, how old, how late. Reads only."""

from typing import NamedTuple

from lightkeeper.model import Instant, LighthouseStatus, Policy
from lightkeeper.store.database import Database


class Level(NamedTuple):
    """Documents of one type and status at one step."""

    document_type: str
    lighthouse_status: str
    step: str
    document_count: int


class PendingAges(NamedTuple):
    """What waits at one step: the oldest `tracked_at`, and how many are past which threshold."""

    document_type: str
    step: str
    oldest_tracked_at: Instant
    slow: int
    stuck: int
    overdue: int


class Trouble(NamedTuple):
    """One document somebody should look at."""

    request_id: int
    document_type: str
    step: str


_TROUBLE = (
    "SELECT lighthouse_request_id, document_type, current_step FROM form_526_document_submissions"
)


class Levels:
    """Views of the store, each from an index, whatever the table holds."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def totals(self) -> list[Level]:
        """How many documents stand where; the sum of all is everything tracked."""
        rows = self._db.rows(
            "SELECT document_type, lighthouse_status, step, count FROM tallies "
            "WHERE count <> 0 ORDER BY document_type, lighthouse_status, step"
        )
        return [Level._make(row) for row in rows]

    def pending_ages(self, policy: Policy) -> list[PendingAges]:
        """Ages of pending documents by type and step.

        A document is slow, stuck or overdue only once Lighthouse itself called it unfinished
        after the threshold: an outage of Lighthouse makes nothing stuck.
        """
        thresholds = (policy.slow_after_ms, policy.stuck_after_ms, policy.overdue_after_ms)
        past = ", ".join(
            "SUM(CASE WHEN not_found_since IS NULL AND last_answered_at - tracked_at >= ? "
            "THEN 1 ELSE 0 END)"
            for _ in thresholds
        )
        rows = self._db.rows(
            f"SELECT document_type, current_step, MIN(tracked_at), {past} "
            "FROM form_526_document_submissions WHERE lighthouse_status = 'pending' "
            "GROUP BY document_type, current_step",
            thresholds,
        )
        return [PendingAges(*row[:3], *(int(count) for count in row[3:])) for row in rows]

    def not_found(self) -> dict[str, int]:
        """Pending documents Lighthouse does not know, by document type."""
        rows = self._db.rows(
            "SELECT document_type, COUNT(*) FROM form_526_document_submissions "
            "WHERE lighthouse_status = 'pending' AND not_found_since IS NOT NULL "
            "GROUP BY document_type"
        )
        return dict(rows)

    def failed(self, limit: int) -> list[Trouble]:
        """The documents that failed last, the latest first."""
        rows = self._db.rows(
            f"{_TROUBLE} WHERE lighthouse_status = 'failed' ORDER BY decided_at DESC LIMIT ?",
            (limit,),
        )
        return [Trouble._make(row) for row in rows]

    def stuck(self, policy: Policy, limit: int) -> list[Trouble]:
        """Stuck documents, the oldest first."""
        rows = self._db.rows(
            f"{_TROUBLE} WHERE lighthouse_status = 'pending' AND not_found_since IS NULL "
            "AND last_answered_at - tracked_at >= ? ORDER BY tracked_at LIMIT ?",
            (policy.stuck_after_ms, limit),
        )
        return [Trouble._make(row) for row in rows]

    def due_since(self, now: Instant) -> Instant | None:
        """Since when the document that waits longest for its turn has been due; None if none."""
        rows = self._db.rows(
            "SELECT next_poll_at FROM form_526_document_submissions "
            "WHERE next_poll_at <= ? ORDER BY next_poll_at LIMIT 1",
            (now,),
        )
        return int(rows[0][0]) if rows else None


def sums(levels: list[Level]) -> dict[str, int]:
    """`tracked`, `pending`, `done`, `failed`: the last three add up to the first."""
    counts = {str(status): 0 for status in LighthouseStatus}
    for level in levels:
        counts[level.lighthouse_status] += level.document_count
    return {"tracked": sum(counts.values()), **counts}
