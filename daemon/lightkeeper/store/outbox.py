"""Transitions that are not published yet, and what is gathered for the next events."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import orjson

from lightkeeper.domain.time import Instant
from lightkeeper.store.database import Database
from lightkeeper.store.schema import Transition
from lightkeeper.store.transact import transact

MAX_IDS_IN_EVENT: Final = 20

# By id: `track` stores one intake after the other, so that ids come in the order of commits.
_NEWLY_TRACKED: Final = """
    SELECT document_type, COUNT(*), MAX(id) FROM (
        SELECT id, document_type FROM form_526_document_submissions
        WHERE id > ? ORDER BY id LIMIT ?
    ) AS newest GROUP BY document_type ORDER BY document_type
"""
_UP_TO: Final = """
    INSERT INTO published_up_to (name, value) VALUES (?, ?)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value
"""
_GATHER: Final = """
    INSERT INTO event_digests
        (name, document_type, step, outcome, document_count, request_ids, first_at, last_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (name, document_type, step, outcome)
    DO UPDATE SET document_count = excluded.document_count, request_ids = excluded.request_ids,
        first_at = excluded.first_at, last_at = excluded.last_at
"""
# The table holds a row a kind of event, a few hundred at most: it needs no index.
_UNSENT: Final = """
    SELECT name, document_type, step, outcome,
        document_count, request_ids, first_at, last_at, sent_at
    FROM event_digests WHERE document_count > 0
"""
_SENT: Final = """
    UPDATE event_digests SET document_count = 0, sent_at = ?
    WHERE name = ? AND document_type = ? AND step = ? AND outcome = ?
"""


class Unpublished(NamedTuple):
    """A transition that is not published yet, with what publishing needs of its document."""

    id: int
    at: Instant
    outcome: str | None
    step_changes: str
    remarks: str
    processing_ms: int | None
    detection_ms: int | None
    to_step: str
    document_type: str
    request_id: int


_OF_DOCUMENT: Final = {
    "document_type": "d.document_type",
    "request_id": "d.lighthouse_request_id",
}
_UNPUBLISHED: Final = f"""
    SELECT {", ".join(_OF_DOCUMENT.get(name, f"t.{name}") for name in Unpublished._fields)}
    FROM transitions AS t JOIN form_526_document_submissions AS d ON d.id = t.document_id
    WHERE t.published_at IS NULL ORDER BY t.id LIMIT ?
"""


class EventKey(NamedTuple):
    """The event's name, and the tags that its documents share."""

    name: str
    document_type: str
    step: str
    outcome: str


class Digest(NamedTuple):
    """What is gathered for one event: how many documents, the first ids, from when to when."""

    key: EventKey
    document_count: int
    request_ids: tuple[int, ...]
    first_at: Instant
    last_at: Instant
    sent_at: Instant | None = None
    """When the last event of this key was sent."""

    def joined(self, other: "Digest") -> "Digest":
        """Both as one event."""
        return Digest(
            self.key,
            self.document_count + other.document_count,
            (self.request_ids + other.request_ids)[:MAX_IDS_IN_EVENT],
            min(self.first_at, other.first_at),
            max(self.last_at, other.last_at),
            self.sent_at,
        )


class NewlyTracked(NamedTuple):
    """Tracked documents that are not published yet: how many of each type, and the last row id."""

    by_type: dict[str, int]
    up_to: int


class Backlog(NamedTuple):
    """How many transitions are unpublished, and when the oldest happened; None: there is none."""

    depth: int
    oldest_at: Instant | None


class Outbox:
    """Transitions that are not published yet, and events that are not sent yet."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def unpublished(self, limit: int) -> list[Unpublished]:
        """The oldest unpublished transitions, at most `limit`."""
        return [Unpublished._make(row) for row in self._db.rows(_UNPUBLISHED, (limit,))]

    def unpublished_count(self) -> int:
        """How many transitions are not published yet."""
        rows = self._db.rows("SELECT COUNT(*) FROM transitions WHERE published_at IS NULL")
        return int(rows[0][0])

    def backlog(self) -> Backlog:
        """How much is unpublished, and since when."""
        oldest = self._db.rows(
            "SELECT at FROM transitions WHERE published_at IS NULL ORDER BY id LIMIT 1"
        )
        return Backlog(self.unpublished_count(), int(oldest[0][0]) if oldest else None)

    def newly_tracked(self, limit: int) -> NewlyTracked | None:
        """The first tracked documents that are not published yet, at most `limit`; None: none."""
        found = self._db.rows(_NEWLY_TRACKED, (self._published_up_to("tracked") or 0, limit))
        if not found:
            return None
        return NewlyTracked(
            {kind: int(count) for kind, count, _ in found}, max(last for *_, last in found)
        )

    def mark_tracked(self, up_to: int) -> None:
        """Mark the documents up to this row id as published; once more, it changes nothing."""
        self._db.execute(_UP_TO, ("tracked", up_to))

    def unattended_counted_on(self) -> int | None:
        """On which day since 1970 the last daily count was sent; None before the first."""
        return self._published_up_to("unattended")

    def mark_unattended(self, day: int) -> None:
        """Mark the daily count of this day as sent."""
        self._db.execute(_UP_TO, ("unattended", day))

    def _published_up_to(self, name: str) -> int | None:
        rows = self._db.rows("SELECT value FROM published_up_to WHERE name = ?", (name,))
        return int(rows[0][0]) if rows else None

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
        return self._db.models(Transition, "document_id = ? ORDER BY id", (document_id,))

    def mark_published(
        self, transition_ids: Sequence[int], digests: Iterable[Digest], now: Instant
    ) -> None:
        """In one transaction: mark these transitions published, and gather their events.

        Once more for the same transitions, after an answer that was lost, it changes nothing.
        """
        gathered = tuple(digests)
        transact(self._db, lambda: self._mark_published(transition_ids, gathered, now))

    def _mark_published(
        self, transition_ids: Sequence[int], digests: Iterable[Digest], now: Instant
    ) -> None:
        these = ", ".join("?" * len(transition_ids))
        mark = "UPDATE transitions SET published_at = ? WHERE published_at IS NULL AND id IN"
        if not self._db.execute(f"{mark} ({these})", (now, *transition_ids)):
            return  # all of them were marked, and their events gathered, before
        unsent = {digest.key: digest for digest in self.unsent_events()}
        gathered: dict[EventKey, Digest] = {}
        for digest in digests:
            before = gathered.get(digest.key) or unsent.get(digest.key)
            gathered[digest.key] = before.joined(digest) if before else digest
        if gathered:
            self._db.execute_many(_GATHER, map(_digest_row, gathered.values()))

    def unsent_events(self) -> list[Digest]:
        """What is gathered and not sent yet, in the order of the keys."""
        digests = [
            Digest(
                key=EventKey._make(key),
                document_count=count,
                request_ids=tuple(orjson.loads(ids)),
                first_at=first_at,
                last_at=last_at,
                sent_at=sent_at,
            )
            for *key, count, ids, first_at, last_at, sent_at in self._db.rows(_UNSENT)
        ]
        return sorted(digests)

    def mark_sent(self, key: EventKey, now: Instant) -> None:
        """Empty what was gathered under this key: it was sent now."""
        self._db.execute(_SENT, (now, *key))


def _digest_row(digest: Digest) -> tuple[object, ...]:
    ids = orjson.dumps(digest.request_ids).decode()
    return (*digest.key, digest.document_count, ids, digest.first_at, digest.last_at)
