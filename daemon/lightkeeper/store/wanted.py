"""Polls that callers of the API wait for: asked by them, made by the daemon.

A row stands for a document that is to be polled now. It goes once the daemon has polled it, or
sees that it cannot in time; callers wait for that, and then read the document. Each write
removes what no caller waits for any more, so that no row outlives a daemon that is down.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from itertools import islice
from typing import Final, NamedTuple

from lightkeeper.domain.document import Document
from lightkeeper.domain.poll_schedule import is_poll_wanted, is_stale
from lightkeeper.domain.time import SECOND, Instant
from lightkeeper.store.database import Database
from lightkeeper.store.schema import COLUMNS
from lightkeeper.store.transact import transact

LONGEST_WAIT_MS: Final = 5 * SECOND
"""How long a caller waits for a poll; nothing is polled for its sake after that."""
KEPT_MS: Final = 15 * SECOND
"""For how long a wanted poll is kept whatever the clock of its host says: those of two hosts may
be some seconds apart."""
MOST: Final = 5_000
"""How many documents a caller may want at once, which is more than can be polled
in that time. One who wants another is answered at once."""
_AT_ONCE: Final = 500

_WANT: Final = """
    INSERT INTO wanted_polls (document_id, asked_at, asked_by)
    SELECT id, ?, ? FROM form_526_document_submissions
    WHERE id = ? AND next_poll_at IS NOT NULL AND COALESCE(last_polled_at, 0) = ?
    ON CONFLICT (document_id) DO NOTHING
"""
_LAST_POLLS: Final = """
    SELECT id, lighthouse_request_id, last_answered_at, last_polled_at, next_poll_at
    FROM form_526_document_submissions
"""
_IN_TURN: Final = f"""
    SELECT asked_at, asked_by, last_polled_at, next_poll_at, {COLUMNS}
    FROM wanted_polls JOIN form_526_document_submissions ON id = document_id
    ORDER BY ROW_NUMBER() OVER (PARTITION BY asked_by ORDER BY asked_at, id), asked_at, id LIMIT ?
"""


class Key(StrEnum):
    """By which column documents are asked for."""

    REQUEST_ID = "lighthouse_request_id"
    SUBMISSION_ID = "form_526_submission_id"


class LastPoll(NamedTuple):
    """When a document was answered for and polled last, and when it is due."""

    id: int
    request_id: int
    answered_at: Instant | None
    polled_at: Instant | None
    due_at: Instant | None

    def is_stale(self, max_age_ms: int, now: Instant) -> bool:
        """Whether its answer is older than that, and not final."""
        return is_stale(self.answered_at, self.due_at, max_age_ms, now)

    def is_wanted(self, max_age_ms: int, now: Instant) -> bool:
        """Whether it is polled first for who takes none older than that."""
        return is_poll_wanted(self.answered_at, self.polled_at, self.due_at, max_age_ms, now)


class WantedPoll(NamedTuple):
    """A document that callers want polled."""

    document: Document
    asked_at: Instant
    """When the first of them asked, by the clock of the host that was asked."""
    asked_by: str
    """Which caller that was, by the name of its token."""
    polled_at: Instant | None
    is_final: bool
    """Whether it is polled no more."""

    def is_over(self, now: Instant, seen_at: Instant) -> bool:
        """Whether no caller needs the poll any more: it was made, or they have been answered.

        `seen_at`, by the same clock as `now`, is when it was seen first.
        """
        polled = self.polled_at is not None and self.polled_at >= self.asked_at
        late = now - seen_at >= LONGEST_WAIT_MS or now - self.asked_at >= KEPT_MS
        return polled or self.is_final or late


class WantedPolls:
    """The documents that callers want polled, each once, however many callers ask."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def last_polls(self, key: Key, values: Sequence[int] | Sequence[str]) -> list[LastPoll]:
        """When each of the documents with these values, which are few, was polled last."""
        # What cannot be printed is no id, and PostgreSQL takes no NUL and no lone surrogate.
        ids = [each for each in values if str(each).isprintable()] or [""]
        marks = ", ".join("?" * len(ids))
        rows = self._db.rows(f"{_LAST_POLLS} WHERE {key} IN ({marks})", ids)
        return [LastPoll._make(row) for row in rows]

    def want(self, seen: Mapping[int, Instant | None], now: Instant, by: str = "") -> set[int]:
        """Ask the daemon to poll these documents; the ids (of rows) of those that it is asked for.

        `by` is the caller who is the first to want them.

        `seen` gives when the caller saw each polled last: one that was polled since is not asked
        for, nor one that is polled no more, nor one beyond the most that may be wanted.
        """
        return transact(self._db, lambda: self._want(seen, now, by)) if seen else set()

    def _want(self, seen: Mapping[int, Instant | None], now: Instant, by: str) -> set[int]:
        self._db.execute("DELETE FROM wanted_polls WHERE asked_at <= ?", (now - KEPT_MS,))
        wanted = self.waiting(seen)
        ((count,),) = self._db.rows("SELECT COUNT(*) FROM wanted_polls WHERE asked_by = ?", (by,))
        # In one order: of two who ask for the same documents one waits for the other.
        rows = [(now, by, each, seen[each] or 0) for each in sorted(set(seen) - wanted)]
        if rows := rows[: max(0, MOST - count)]:
            self._db.execute_many(_WANT, rows)
            wanted = self.waiting(seen)
        return wanted

    def waiting(self, ids: Iterable[int]) -> set[int]:
        """Those of these documents whose poll is still to come."""
        found: set[int] = set()
        for some in _parts(ids):
            marks = ", ".join("?" * len(some))
            rows = self._db.rows(
                f"SELECT document_id FROM wanted_polls WHERE document_id IN ({marks})", some
            )
            found.update(document_id for (document_id,) in rows)
        return found

    def in_turn(self, limit: int) -> list[WantedPoll]:
        """At most `limit` of them: one of each caller in turn, its oldest first."""
        return [
            WantedPoll(Document._make(document), asked_at, by, polled_at, next_poll_at is None)
            for asked_at, by, polled_at, next_poll_at, *document in self._db.rows(
                _IN_TURN, (limit,)
            )
        ]

    def settle(self, ids: Collection[int]) -> None:
        """Let the callers who wait for these go on: they were polled, or will not be in time."""

        def remove() -> None:
            for some in _parts(sorted(ids)):
                marks = ", ".join("?" * len(some))
                self._db.execute(f"DELETE FROM wanted_polls WHERE document_id IN ({marks})", some)

        transact(self._db, remove)


def _parts(ids: Iterable[int]) -> Iterator[list[int]]:
    rest = iter(ids)
    while some := list(islice(rest, _AT_ONCE)):
        yield some
