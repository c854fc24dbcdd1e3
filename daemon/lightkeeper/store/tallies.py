"""How many documents are where, updated in the transaction that moves them."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter
from typing import Final

from lightkeeper.domain.document import DONE, Document
from lightkeeper.domain.time import Instant
from lightkeeper.store.at_commit import TallyKey
from lightkeeper.store.database import Database


def tally(
    database: Database,
    moves: Counter[TallyKey],
    ended_well_at: Mapping[TallyKey, Instant | None] | None = None,
) -> None:
    """Move the tallies, in the transaction that moves the documents.

    `ended_well_at` is when the last of those that became done did, by where they are now.
    """
    database.at_commit.tally(moves, ended_well_at or {})


def tally_moves(
    database: Database, moves: Iterable[tuple[Document, Document]], now: Instant
) -> None:
    """Tally documents that moved now, each as it was and as it is."""
    counts: Counter[TallyKey] = Counter()
    ended_well_at: dict[TallyKey, Instant | None] = {}
    # Few ways are taken by many: counted first.
    for (left, entered), count in Counter(
        [(place(before), place(after)) for before, after in moves]
    ).items():
        counts[left] -= count
        counts[entered] += count
        if entered[1] == DONE != left[1]:
            ended_well_at[entered] = now
    tally(database, counts, ended_well_at)


place: Final[Callable[[Document], TallyKey]] = attrgetter(
    "document_type", "lighthouse_status", "current_step", "condition"
)
"""Where a document is tallied."""
