"""How far another table of uploads was followed, and which of its rows cannot be tracked yet."""

from collections.abc import Iterable
from functools import partial
from typing import Final, NamedTuple

from lightkeeper.domain.time import Instant
from lightkeeper.store import audit
from lightkeeper.store.database import Database
from lightkeeper.store.transact import transact

_UP_TO: Final = """
    INSERT INTO followed_up_to (source, created_at, taken_from) VALUES (?, ?, ?)
    ON CONFLICT (source) DO UPDATE SET created_at = excluded.created_at,
        taken_from = COALESCE(followed_up_to.taken_from, excluded.taken_from)
"""
_WAIT: Final = """
    INSERT INTO waiting_uploads (source, row_id, created_at, reason) VALUES (?, ?, ?, ?)
    ON CONFLICT (source, row_id) DO UPDATE SET reason = excluded.reason
"""
_FOLLOWED: Final = "source IN (SELECT source FROM followed_up_to WHERE followed_at IS NOT NULL)"
_BEGUN: Final = """
    INSERT INTO followed_up_to (source, created_at, followed_at) VALUES (?, 0, ?)
    ON CONFLICT (source) DO UPDATE
    SET followed_at = COALESCE(followed_up_to.followed_at, excluded.followed_at)
"""

_TAKEN: Final = "UPDATE followed_up_to SET followed_at = ? WHERE source = ?"
_END: Final = """
    UPDATE followed_up_to SET followed_at = NULL WHERE source = ? AND followed_at IS NOT NULL
"""
_SETTLE: Final = "UPDATE waiting_uploads SET settled_at = ? WHERE source = ? AND row_id = ?"


class Waiting(NamedTuple):
    """A row of another program's table that could not be tracked when it was looked at last."""

    source: str
    row_id: int
    created_at: Instant
    reason: str | None
    """Why it is rejected; None where it has no request id."""
    settled_at: Instant | None
    """When staff settled it, so that it is no longer counted."""


class Following(NamedTuple):
    """How well other tables are followed, all together."""

    followed_at: Instant
    """When each was last taken as a whole by who follows it for ever, or when that began."""
    waiting: int
    """Rows that cannot be tracked and are not settled."""
    oldest: Instant | None
    """When the oldest of them was created."""


def following(database: Database) -> Following | None:
    """How well other tables are followed; None where no table is followed for ever."""
    ((followed_at,),) = database.rows("SELECT MIN(followed_at) FROM followed_up_to")
    if followed_at is None:
        return None
    ((count, oldest),) = database.rows(
        "SELECT COUNT(*), MIN(created_at) FROM waiting_uploads "
        f"WHERE settled_at IS NULL AND {_FOLLOWED}"
    )
    return Following(followed_at, int(count), oldest)


def waiting(database: Database) -> list[Waiting]:
    """The rows of every table that cannot be tracked, the oldest first."""
    rows = database.rows(
        "SELECT source, row_id, created_at, reason, settled_at FROM waiting_uploads "
        "ORDER BY created_at, source, row_id"
    )
    return [Waiting._make(row) for row in rows]


class Followed:
    """What is known of one followed table."""

    def __init__(self, database: Database, source: str) -> None:
        self._db = database
        self._source = source

    def up_to(self) -> Instant:
        """The creation time of the newest row that was taken; 0 at first."""
        rows = self._db.rows(
            "SELECT created_at FROM followed_up_to WHERE source = ?", (self._source,)
        )
        return rows[0][0] if rows else 0

    def taken_from(self) -> Instant | None:
        """From when on created rows are taken; None before any was."""
        rows = self._db.rows(
            "SELECT taken_from FROM followed_up_to WHERE source = ?", (self._source,)
        )
        return rows[0][0] if rows else None

    def waiting(self) -> dict[int, str | None]:
        """The rows that cannot be tracked, by id, the oldest first: why each is rejected, or None
        where it has no request id.
        """
        return dict(
            self._db.rows(
                "SELECT row_id, reason FROM waiting_uploads WHERE source = ? "
                "ORDER BY created_at, row_id",
                (self._source,),
            )
        )

    def begin(self, now: Instant) -> None:
        """Note that it is followed for ever from now on, unless that began earlier."""
        transact(self._db, lambda: self._db.execute(_BEGUN, (self._source, now)))

    def taken(self, now: Instant) -> None:
        """Note that all of it has been taken, once it is followed for ever."""
        transact(self._db, lambda: self._db.execute(_TAKEN, (now, self._source)))

    def end(self, by: str, now: Instant) -> bool:
        """Note that it is no longer followed; whether it was."""

        def write() -> bool:
            was = self._db.rows(f"{_END} RETURNING 1", (self._source,))
            if was:
                audit.note(self._db, by, "ended", f"following of {self._source}", now)
            return bool(was)

        return transact(self._db, write)

    def settle(self, row_ids: Iterable[int], by: str, reason: str, now: Instant) -> list[int]:
        """Note that staff settled these rows; those of them that cannot be tracked."""
        return transact(self._db, partial(self._settle, list(row_ids), by, reason, now))

    def _settle(self, row_ids: list[int], by: str, reason: str, now: Instant) -> list[int]:
        known = self.waiting()
        found = [each for each in row_ids if each in known]
        if found:
            self._db.execute_many(_SETTLE, [(now, self._source, each) for each in found])
            rows = f"{self._source} row{'s' * (len(found) > 1)} {', '.join(map(str, found))}"
            audit.note(self._db, by, "settled", f"{rows}: {reason}", now)
        return found

    def keep(
        self,
        up_to: Instant,
        taken_from: Instant | None,
        waiting: Iterable[tuple[int, Instant, str | None]],
        gone: Iterable[int],
    ) -> None:
        """Note in one transaction how far it is followed, and which rows wait or no longer do.

        Of a waiting row its id, when it was created, and why it is rejected.
        """
        waits = [(self._source, *row) for row in waiting]
        over = [(self._source, row_id) for row_id in gone]

        def write() -> None:
            self._db.execute(_UP_TO, (self._source, up_to, taken_from))
            if waits:
                self._db.execute_many(_WAIT, waits)
            if over:
                self._db.execute_many(
                    "DELETE FROM waiting_uploads WHERE source = ? AND row_id = ?", over
                )

        transact(self._db, write)
