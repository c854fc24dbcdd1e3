"""What a transaction writes once, just before it is committed: tallies, then its transitions."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from lightkeeper.domain.change import Change
from lightkeeper.domain.time import Instant
from lightkeeper.store import remarks, step_changes

if TYPE_CHECKING:
    from lightkeeper.store.session import Session

TallyKey: TypeAlias = tuple[str, str, str, str]
"""Document type, status, step, condition: what is tallied."""

_CHANGES_LOCK: Final = 526_0004
_TALLY: Final = """
    INSERT INTO tallies (document_type, lighthouse_status, step, condition, count, ended_well_at)
    VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (document_type, lighthouse_status, step, condition)
    DO UPDATE SET count = tallies.count + excluded.count,
        ended_well_at = COALESCE(excluded.ended_well_at, tallies.ended_well_at)
"""
_AS_DECIDED: Final = (
    "at",
    "from_status",
    "to_status",
    "from_step",
    "to_step",
    "outcome",
    "processing_ms",
    "detection_ms",
)
"""The columns of a transition that are the same in a `Change`."""
_as_decided = attrgetter(*_AS_DECIDED)
_TRANSITION: Final = f"""
    INSERT INTO transitions
        ({", ".join(_AS_DECIDED)}, document_id, step_changes, remarks, published_at)
    VALUES ({"?, " * len(_AS_DECIDED)} ?, ?, ?, ?)
"""


class AtCommit:
    """Gathers it while the transaction changes documents.

    What all writers have in common is so locked last, by all in the same order and but briefly:
    there is no deadlock about it, and no writer waits for the whole of another.
    """

    def __init__(self) -> None:
        self._moves: Counter[TallyKey] = Counter()
        self._ended_well_at: dict[TallyKey, Instant | None] = {}
        self._transitions: list[Sequence[Any]] = []

    def tally(
        self, moves: Counter[TallyKey], ended_well_at: Mapping[TallyKey, Instant | None]
    ) -> None:
        """Move the tallies by these counts; where documents ended well, they did so then."""
        self._moves.update(moves)
        self._ended_well_at.update(ended_well_at)

    def remember(
        self, changes: Iterable[tuple[int, Change]], published_at: Instant | None = None
    ) -> None:
        """Add these changes to the history, each with the row id of its document.

        Their ids come in the order in which transactions are committed, on PostgreSQL too, so
        that who reads them by id misses none that is committed late.
        """
        self._transitions += [
            (
                *_as_decided(change),
                document_id,
                step_changes.encode(change.step_changes),
                remarks.encode(change.remarks),
                published_at,
            )
            for document_id, change in changes
        ]

    def write(self, session: "Session") -> None:
        """Write all of it, in the open transaction."""
        moves, ends = self._moves, self._ended_well_at
        rows = [
            (*key, moves[key], ends.get(key)) for key in sorted(moves) if moves[key] or key in ends
        ]
        if rows:
            session.execute_many(_TALLY, rows)
        if self._transitions:
            if session.path is None:
                session.rows("SELECT pg_advisory_xact_lock(?)", (_CHANGES_LOCK,))
            session.execute_many(_TRANSITION, self._transitions)
