"""News not told yet, and the ledger of what was told when."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import orjson

from lightkeeper.domain.time import MINUTE, Instant
from lightkeeper.store.database import Database
from lightkeeper.store.schema import Transition

MAX_IDS_IN_EVENT: Final = 20

_UNPUBLISHED: Final = """
    SELECT t.id, t.at, t.from_status, t.to_status, t.outcome, t.step_changes, t.remarks,
        t.processing_ms, t.detection_ms, t.to_step, d.document_type, d.lighthouse_request_id
    FROM transitions AS t JOIN form_526_document_submissions AS d ON d.id = t.document_id
    WHERE t.published_at IS NULL ORDER BY t.id LIMIT ?
"""
_GATHER: Final = """
    INSERT INTO event_digests
        (kind, document_type, step, outcome, count, request_ids, first_at, last_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (kind, document_type, step, outcome) WHERE published_at IS NULL
    DO UPDATE SET count = excluded.count, request_ids = excluded.request_ids,
        first_at = excluded.first_at, last_at = excluded.last_at
"""
_UNSENT: Final = """
    SELECT id, kind, document_type, step, outcome, count, request_ids, first_at, last_at
    FROM event_digests AS open WHERE published_at IS NULL
"""
_RIPE: Final = f"""{_UNSENT} AND NOT EXISTS (
        SELECT 1 FROM event_digests AS sent
        WHERE sent.kind = open.kind AND sent.document_type = open.document_type
            AND sent.step = open.step AND sent.outcome = open.outcome
            AND sent.published_at > ? AND sent.published_at <= ?
    )
"""


class Unpublished(NamedTuple):
    """A transition nobody was told of, with what telling needs of its document."""

    id: int
    at: Instant
    from_status: str
    to_status: str
    outcome: str | None
    step_changes: str
    remarks: str
    processing_ms: int | None
    detection_ms: int | None
    to_step: str
    document_type: str
    request_id: int


class EventKey(NamedTuple):
    """What events are gathered by."""

    kind: str
    document_type: str
    step: str
    outcome: str


class Digest(NamedTuple):
    """An event to be sent: how often, when, and the first few ids. `id` is 0 until stored."""

    id: int
    key: EventKey
    document_count: int
    request_ids: tuple[int, ...]
    first_at: Instant
    last_at: Instant

    def joined(self, other: "Digest") -> "Digest":
        """Both as one event."""
        return Digest(
            self.id,
            self.key,
            self.document_count + other.document_count,
            (self.request_ids + other.request_ids)[:MAX_IDS_IN_EVENT],
            min(self.first_at, other.first_at),
            max(self.last_at, other.last_at),
        )


class Backlog(NamedTuple):
    """What is still to be told: how much, and since when; `oldest_at` is None for no change."""

    depth: int
    oldest_at: Instant | None


class Outbox:
    """Transitions still untold, and events still unsent."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def unpublished(self, limit: int) -> list[Unpublished]:
        """The oldest untold transitions, at most `limit`."""
        return [Unpublished._make(row) for row in self._db.rows(_UNPUBLISHED, (limit,))]

    def unpublished_count(self) -> int:
        """How many transitions nobody was told of."""
        rows = self._db.rows("SELECT COUNT(*) FROM transitions WHERE published_at IS NULL")
        return int(rows[0][0])

    def backlog(self) -> Backlog:
        """Changes untold and events unsent, and when the oldest change was."""
        ((events,),) = self._db.rows(
            "SELECT COUNT(*) FROM event_digests WHERE published_at IS NULL"
        )
        oldest = self._db.rows(
            "SELECT at FROM transitions WHERE published_at IS NULL ORDER BY id LIMIT 1"
        )
        return Backlog(
            self.unpublished_count() + int(events), int(oldest[0][0]) if oldest else None
        )

    def words(self, tag: str) -> list[str]:
        """The words that have a tag value of their own, though no contract knows them."""
        rows = self._db.rows("SELECT word FROM open_words WHERE tag = ? ORDER BY word", (tag,))
        return [word for (word,) in rows]

    def keep_word(self, tag: str, word: str) -> None:
        """Remember that this word has a tag value of its own, for good."""
        self._db.execute(
            "INSERT INTO open_words (tag, word) VALUES (?, ?) ON CONFLICT DO NOTHING", (tag, word)
        )

    def history(self, document_id: int) -> list[Transition]:
        """Every transition of one document, the oldest first."""
        with self._db.guarded():
            return list(
                Transition.select()
                .where(Transition.document == document_id)
                .order_by(Transition.id)
            )

    def mark_published(
        self, transition_ids: Sequence[int], digests: Iterable[Digest], now: Instant
    ) -> None:
        """In one transaction: mark these transitions told and gather their events."""
        with self._db.writing():
            marks = ", ".join("?" * len(transition_ids))
            self._db.execute(
                f"UPDATE transitions SET published_at = ? WHERE id IN ({marks})",
                (now, *transition_ids),
            )
            unsent = {digest.key: digest for digest in self._digests(_UNSENT)}
            gathered: dict[EventKey, Digest] = {}
            for digest in digests:
                before = gathered.get(digest.key) or unsent.get(digest.key)
                gathered[digest.key] = before.joined(digest) if before else digest
            if gathered:
                self._db.execute_many(_GATHER, map(_digest_row, gathered.values()))

    def ripe_events(self, now: Instant) -> list[Digest]:
        """Unsent events of which none of the same key was sent within the last minute.

        One sent in the future, before the clock was set back, holds none up.
        """
        # Sorted here: asked for the order, SQLite walks all that was ever sent.
        return sorted(self._digests(_RIPE, (now - MINUTE, now)))

    def mark_sent(self, digest: Digest, now: Instant) -> None:
        """Enter into the ledger that this event was sent."""
        self._db.execute(
            "UPDATE event_digests SET published_at = ? WHERE id = ?", (now, digest.id)
        )

    def _digests(self, sql: str, params: Sequence[int] = ()) -> list[Digest]:
        return [
            Digest(row[0], EventKey(*row[1:5]), row[5], tuple(orjson.loads(row[6])), *row[7:])
            for row in self._db.rows(sql, params)
        ]


def _digest_row(digest: Digest) -> tuple[object, ...]:
    ids = orjson.dumps(digest.request_ids).decode()
    return (*digest.key, digest.document_count, ids, digest.first_at, digest.last_at)
