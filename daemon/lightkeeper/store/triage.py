"""What staff make of documents: finding them by number or by a filter, and writing it down."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple, TypeAlias

import orjson

from lightkeeper.domain.document import Document
from lightkeeper.domain.time import Instant
from lightkeeper.store.database import Database
from lightkeeper.store.documents import COLUMNS, Place, place, tally
from lightkeeper.store.levels import OPEN

CHUNK: Final = 1_000
"""So many documents are looked up, or changed in one transaction: the daemon gets its turn."""

_FROM: Final = "FROM form_526_document_submissions"
# Each has an index but the contradictory: too rare to make every delivery pay for one. Of those
# simply delivered there is nothing to be done.
_SHELVES: Final = {
    f"lighthouse_status = 'pending' AND {OPEN}": {
        *("waiting", "slow", "stuck", "overdue", "not_found"),
    },
    f"lighthouse_status = 'failed' AND {OPEN}": {
        *("not_in_efolder", "in_efolder", "efolder_unknown"),
    },
    "condition = 'contradictory'": {"contradictory"},
    "acknowledged_at IS NOT NULL": {"acknowledged", "closed"},
}
_UPDATE: Final = "UPDATE form_526_document_submissions SET"
# Told already: it is nobody's outcome.
_HISTORY: Final = f"""
    INSERT INTO transitions (document_id, at, from_status, to_status, from_step, to_step,
        step_changes, remarks, published_at)
    SELECT id, ?, lighthouse_status, lighthouse_status, current_step, current_step, '[]', ?, ?
    {_FROM} WHERE id IN
"""


class Filter(NamedTuple):
    """Which documents are meant: each of these that is not None must hold."""

    conditions: frozenset[str]
    status: str | None = None
    step: str | None = None
    """In whatever case."""
    document_type: str | None = None
    tracked_before: Instant | None = None


class Turn(NamedTuple):
    """What becomes of a document: its condition, and when it is asked about next if that moves."""

    condition: str
    keeps_due: bool = True
    next_poll_at: Instant | None = None


class Note(NamedTuple):
    """Who did what and why, for the document's history and while it lasts."""

    what: str
    by: str
    reason: str
    at: Instant
    takes_up: bool
    """Whether the documents are in somebody's hands from now on, or no more."""


Decide: TypeAlias = Callable[[Document], Turn | str | None]
"""What becomes of a document: a turn, why it may not be done to it, or None: it is so already."""


class Casework:
    """The documents as staff handle them, beside a daemon that records its own."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def by_request_ids(self, request_ids: Sequence[int]) -> dict[int, Document]:
        """Those of them that are tracked, by request id."""
        found: dict[int, Document] = {}
        for some in _chunks(request_ids):
            marks = ", ".join("?" * len(some))
            rows = self._db.rows(
                f"SELECT {COLUMNS} {_FROM} WHERE lighthouse_request_id IN ({marks})", some
            )
            found.update((row[1], Document._make(row)) for row in rows)
        return found

    def matching(self, wanted: Filter) -> list[Document]:
        """All that match, in the order they were handed in."""
        clauses = {
            "lighthouse_status = ?": wanted.status,
            "LOWER(current_step) = ?": wanted.step.lower() if wanted.step else None,
            "document_type = ?": wanted.document_type,
            "tracked_at <= ?": wanted.tracked_before,
        }
        given = {clause: value for clause, value in clauses.items() if value is not None}
        tallied = self._db.rows("SELECT DISTINCT condition FROM tallies WHERE count <> 0")
        present = wanted.conditions & {condition for (condition,) in tallied}
        found = []
        for shelf, there in _SHELVES.items():
            if conditions := sorted(there & present):
                marks = ", ".join("?" * len(conditions))
                where = " AND ".join([shelf, f"condition IN ({marks})", *given])
                found += self._db.rows(
                    f"SELECT {COLUMNS} {_FROM} WHERE {where}", (*conditions, *given.values())
                )
        return [Document._make(row) for row in sorted(found, key=lambda row: row[0])]

    def carry_out(self, ids: Sequence[int], decide: Decide, note: Note) -> int:
        """Do what `decide` says of each document as it is now; of how many it said so.

        State, history and tallies move together, so many documents at a time. What the daemon
        has read before and records after this it drops (`Documents.record`).
        """
        return sum(self._carry_out(some, decide, note) for some in _chunks(sorted(ids)))

    def _carry_out(self, ids: Sequence[int], decide: Decide, note: Note) -> int:
        marks = ", ".join("?" * len(ids))
        # In the daemon's order, so that neither ends up waiting for the other.
        lock = "FOR UPDATE" if self._db.dialect == "postgresql" else ""
        turns: dict[tuple[Turn, bool], list[int]] = {}
        moves: Counter[Place] = Counter()
        with self._db.writing():
            rows = self._db.rows(
                f"SELECT {COLUMNS} {_FROM} WHERE id IN ({marks}) ORDER BY id {lock}", ids
            )
            for document in map(Document._make, rows):
                turn = decide(document)
                if isinstance(turn, Turn):
                    moved = turn.condition != document.condition
                    turns.setdefault((turn, moved), []).append(document.id)
                    moves[place(document)] -= 1
                    moves[place(document._replace(condition=turn.condition))] += 1
            for (turn, moved), alike in turns.items():
                self._write(turn, moved, alike, note)
            tally(self._db, moves)
        return sum(map(len, turns.values()))

    def _write(self, turn: Turn, moved: bool, ids: Sequence[int], note: Note) -> None:
        marks = ", ".join("?" * len(ids))
        columns: dict[str, int | str | None] = {}
        if moved:
            columns["condition"] = turn.condition
            columns["acknowledged_at"] = note.at if note.takes_up else None
            columns["acknowledged_by"] = note.by if note.takes_up else None
            columns["acknowledged_reason"] = note.reason if note.takes_up else None
        if not turn.keeps_due:
            columns["next_poll_at"] = turn.next_poll_at
        changes = ", ".join(f"{column} = ?" for column in columns)
        self._db.execute(f"{_UPDATE} {changes} WHERE id IN ({marks})", (*columns.values(), *ids))
        why = f": {note.reason}" if note.reason else ""
        remarks = orjson.dumps([f"{note.what}:{note.by}{why}"]).decode()
        self._db.execute(f"{_HISTORY} ({marks})", (note.at, remarks, note.at, *ids))


def _chunks(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    return (ids[at : at + CHUNK] for at in range(0, len(ids), CHUNK))
