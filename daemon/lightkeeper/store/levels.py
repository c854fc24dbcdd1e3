"""The store's state as numbers: how many documents are where, how old, how late. Reads only."""

from typing import Final, NamedTuple

from lightkeeper.domain.document import COUNTED_AS, Condition, LighthouseStatus
from lightkeeper.domain.maintenance_windows import MaintenanceWindow
from lightkeeper.domain.time import HOUR, Instant
from lightkeeper.store.database import Database
from lightkeeper.store.expected import ExpectedDocuments
from lightkeeper.store.followed import Following, following
from lightkeeper.store.maintenance_windows import MaintenanceWindows

UNOBSERVED_AFTER_MS: Final = 2 * HOUR
"""How much later than its cadence allows a usable answer may come: twice the longest pause."""
_LATE: Final = (Condition.STUCK, Condition.OVERDUE)
OPEN: Final = "condition NOT IN ('acknowledged', 'closed', 'superseded')"
"""Neither acknowledged, closed nor superseded; word for word as in the indexes."""
HANDED_OVER_AT: Final = "COALESCE(first_tracked_at, tracked_at)"
"""Since when a document waits, whichever of its tries decides; word for word as in the index."""


class Level(NamedTuple):
    """Documents of one type, status and condition at one step."""

    document_type: str
    lighthouse_status: str
    step: str
    condition: str
    document_count: int


class Oldest(NamedTuple):
    """The unacknowledged pending document that waits longest, of its type at its step."""

    document_type: str
    step: str
    tracked_at: Instant
    """When the first of its tries was tracked."""


class Trouble(NamedTuple):
    """One document that staff should look at."""

    request_id: int
    document_type: str
    step: str


_TROUBLE: Final = (
    "SELECT lighthouse_request_id, document_type, current_step FROM form_526_document_submissions"
)
_OLDEST: Final = f"""
    SELECT * FROM (
        SELECT document_type, step, (
            SELECT MIN({HANDED_OVER_AT}) FROM form_526_document_submissions AS d
            WHERE d.lighthouse_status = 'pending' AND d.document_type = places.document_type
                AND d.current_step = places.step
                AND d.{OPEN}
        ) AS tracked_at
        FROM (
            SELECT DISTINCT document_type, step FROM tallies
            WHERE lighthouse_status = 'pending' AND count <> 0
        ) AS places
    ) AS oldest WHERE tracked_at IS NOT NULL
"""
MEDIAN_OF_AT_MOST: Final = 2_000
"""Of more documents at a step the median is not looked for: that takes the longer the more."""
_OPEN_PLACES: Final = f"""
    SELECT document_type, step, SUM(count) FROM tallies
    WHERE lighthouse_status = 'pending' AND {OPEN} AND count > 0 GROUP BY 1, 2
"""
_LONGEST_WAITING: Final = f"""
    SELECT {HANDED_OVER_AT} FROM form_526_document_submissions
    WHERE lighthouse_status = 'pending' AND document_type = ? AND current_step = ? AND {OPEN}
    ORDER BY {HANDED_OVER_AT} LIMIT ?
"""
_UNANSWERED: Final = "unanswered_since <= ?"
_NOT_POLLED: Final = "next_poll_at <= ? AND unanswered_since IS NULL"
UNOBSERVED: Final = (
    f"lighthouse_status = 'pending' AND {OPEN} AND ({_UNANSWERED} OR {_NOT_POLLED})"
)
"""What makes a document unobserved; both parameters are `UNOBSERVED_AFTER_MS` before now."""
# Each half has an index of its own.
_UNOBSERVED_COUNT: Final = f"""
    SELECT (
        SELECT COUNT(*) FROM form_526_document_submissions
        WHERE {_UNANSWERED} AND lighthouse_status = 'pending' AND {OPEN}
    ) + (
        SELECT COUNT(*) FROM form_526_document_submissions
        WHERE {_NOT_POLLED} AND lighthouse_status = 'pending' AND {OPEN}
    )
"""
# By the index of what staff acknowledged, closed documents included: it is looked at once a day.
_UNSETTLED_COUNT: Final = """
    SELECT COUNT(*) FROM form_526_document_submissions
    WHERE acknowledged_at <= ? AND condition = 'acknowledged'
"""


class Levels:
    """Views of the store, each from the tallies or an index, however large the table."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def totals(self) -> list[Level]:
        """How many documents stand where; the sum of all is everything tracked.

        Of several tries of one document the one that decides is counted.
        """
        rows = self._db.rows(
            "SELECT document_type, lighthouse_status, step, condition, count FROM tallies "
            "WHERE count <> 0 AND condition <> 'superseded' "
            "ORDER BY document_type, lighthouse_status, step, condition"
        )
        return [Level._make(row) for row in rows]

    def oldest_pending(self) -> list[Oldest]:
        """The oldest unacknowledged one of each type at each step."""
        return [Oldest._make(row) for row in self._db.rows(_OLDEST)]

    def maintenance(self, now: Instant) -> list[MaintenanceWindow]:
        """The maintenance windows that are in effect."""
        return MaintenanceWindows(self._db).in_effect(now)

    def following(self) -> Following | None:
        """How well other programs' tables are followed; None where none is followed for ever."""
        return following(self._db)

    def expected_missing(self, now: Instant, within_ms: int) -> dict[str, int]:
        """How many documents were expected so long ago or earlier and are not tracked, by type."""
        return ExpectedDocuments(self._db).late(now - within_ms)

    def median_pending(self) -> dict[str, Instant]:
        """Since when half of the unacknowledged pending ones wait, by step.

        Where that would be more than half of `MEDIAN_OF_AT_MOST`, since when so many wait: never
        shorter than the median, and quick, however many there are.
        """
        counts: dict[str, dict[str, int]] = {}
        for kind, step, count in self._db.rows(_OPEN_PLACES):
            counts.setdefault(step, {})[kind] = int(count)
        found = {}
        for step, by_type in counts.items():
            half = min(sum(by_type.values()), MEDIAN_OF_AT_MOST) // 2
            times = sorted(
                at
                for kind in by_type
                for (at,) in self._db.rows(_LONGEST_WAITING, (kind, step, half + 1))
            )
            if len(times) > half:  # else some have moved on meanwhile
                found[step] = times[half]
        return found

    def verify(self) -> None:
        """Read the whole store; raises `StoreCorrupt` where it holds what we never write."""
        self._db.verify()

    def oldest_failure(self) -> Instant | None:
        """When the failure was decided that waits longest to be acknowledged."""
        return self._first(
            "SELECT decided_at FROM form_526_document_submissions "
            f"WHERE lighthouse_status = 'failed' AND {OPEN} "
            "ORDER BY decided_at LIMIT 1"
        )

    def unobserved(self, now: Instant) -> int:
        """How many pending ones have waited far too long to be polled, or for an answer."""
        late = now - UNOBSERVED_AFTER_MS
        return self._first(_UNOBSERVED_COUNT, late, late) or 0

    def unsettled(self, until: Instant) -> int:
        """How many were acknowledged then or earlier, and are neither closed nor changed since."""
        return self._first(_UNSETTLED_COUNT, until) or 0

    def newest(self) -> Instant | None:
        """When the last tracked document was stored."""
        return self._first(
            "SELECT created_at FROM form_526_document_submissions ORDER BY id DESC LIMIT 1"
        )

    def ended_well_at(self) -> Instant | None:
        """When the last document became done, also where it has been removed since."""
        return self._first(
            "SELECT ended_well_at FROM tallies WHERE ended_well_at IS NOT NULL "
            "ORDER BY ended_well_at DESC LIMIT 1"
        )

    def due_since(self, now: Instant) -> Instant | None:
        """Since when the document that waits longest for its turn has been due; None if none."""
        return self._first(
            "SELECT next_poll_at FROM form_526_document_submissions "
            "WHERE next_poll_at <= ? ORDER BY next_poll_at LIMIT 1",
            now,
        )

    def failed(self, limit: int) -> list[Trouble]:
        """The unacknowledged failed documents, the latest first."""
        rows = self._db.rows(
            f"{_TROUBLE} WHERE lighthouse_status = 'failed' AND {OPEN} "
            "ORDER BY decided_at DESC LIMIT ?",
            (limit,),
        )
        return [Trouble._make(row) for row in rows]

    def stuck(self, limit: int) -> list[Trouble]:
        """Stuck and overdue documents, the oldest first."""
        rows = self._db.rows(
            f"{_TROUBLE} WHERE lighthouse_status = 'pending' AND condition IN (?, ?) "
            f"AND {OPEN} ORDER BY {HANDED_OVER_AT} LIMIT ?",
            (*_LATE, limit),
        )
        return [Trouble._make(row) for row in rows]

    def _first(self, sql: str, *params: Instant) -> int | None:
        rows = self._db.rows(sql, params)
        return int(rows[0][0]) if rows else None


def sums(levels: list[Level]) -> dict[str, int]:
    """`tracked`, `pending`, `done`, `failed`: the last three add up to the first."""
    counts = {str(status): 0 for status in LighthouseStatus}
    for level in levels:
        counts[level.lighthouse_status] += level.document_count
    return {"tracked": sum(counts.values()), **counts}


def troubles(levels: list[Level]) -> dict[str, int]:
    """How many documents count as each of these, those without any included."""
    counts = {name: 0 for names in COUNTED_AS.values() for name in names}
    for level in levels:
        for name in COUNTED_AS.get(level.condition, ()):
            counts[name] += level.document_count
    return counts
