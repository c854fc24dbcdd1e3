"""How many documents are where, updated in the transaction that moves them."""

from collections import Counter
from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Final, TypeAlias

from lightkeeper.domain.document import Document
from lightkeeper.store.database import Database

Place: TypeAlias = tuple[str, str, str, str]
"""Document type, status, step, condition: what is tallied."""

_TALLY: Final = """
    INSERT INTO tallies (document_type, lighthouse_status, step, condition, count)
    VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (document_type, lighthouse_status, step, condition)
    DO UPDATE SET count = tallies.count + excluded.count
"""


def tally(database: Database, moves: Counter[Place]) -> None:
    """Move the tallies, in the transaction that moves the documents."""
    # Sorted, so that two writers lock PostgreSQL's rows in the same order.
    rows = sorted((*key, count) for key, count in moves.items() if count)
    if rows:
        database.execute_many(_TALLY, rows)


def tally_moves(database: Database, moves: Iterable[tuple[Document, Document]]) -> None:
    """Tally documents that moved, each as it was and as it is."""
    counts: Counter[Place] = Counter()
    for before, after in moves:
        counts[place(before)] -= 1
        counts[place(after)] += 1
    tally(database, counts)


place: Final[Callable[[Document], Place]] = attrgetter(
    "document_type", "lighthouse_status", "current_step", "condition"
)
"""Where a document is tallied."""
