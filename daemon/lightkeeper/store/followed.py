"""How far another table of uploads was followed, and which of its rows have no request id yet."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from lightkeeper.domain.time import Instant
from lightkeeper.store.database import Database
from lightkeeper.store.transact import transact

_UP_TO: Final = """
    INSERT INTO followed_up_to (source, created_at) VALUES (?, ?)
    ON CONFLICT (source) DO UPDATE SET created_at = excluded.created_at
"""
_WAIT: Final = """
    INSERT INTO uploads_without_request_id (source, row_id, created_at) VALUES (?, ?, ?)
    ON CONFLICT (source, row_id) DO NOTHING
"""
_FOLLOWED: Final = "source IN (SELECT source FROM followed_up_to WHERE followed_at IS NOT NULL)"
_BEGUN: Final = """
    INSERT INTO followed_up_to (source, created_at, followed_at) VALUES (?, 0, ?)
    ON CONFLICT (source) DO UPDATE
    SET followed_at = COALESCE(followed_up_to.followed_at, excluded.followed_at)
"""


class Waiting(NamedTuple):
    """A row of another program's table that had no request id when it was looked at last."""

    source: str
    row_id: int
    created_at: Instant
    settled_at: Instant | None
    """When staff settled it, so that it is no longer counted."""


class Following(NamedTuple):
    """How well other tables are followed, all together."""

    followed_at: Instant
    """When each was last taken as a whole by who follows it for ever, or when that began."""
    waiting: int
    """Rows without a request id that are not settled."""
    oldest: Instant | None
    """When the oldest of them was created."""


def following(database: Database) -> Following | None:
    """How well other tables are followed; None where no table is followed for ever."""
    ((followed_at,),) = database.rows("SELECT MIN(followed_at) FROM followed_up_to")
    if followed_at is None:
        return None
    ((count, oldest),) = database.rows(
        "SELECT COUNT(*), MIN(created_at) FROM uploads_without_request_id "
        f"WHERE settled_at IS NULL AND {_FOLLOWED}"
    )
    return Following(followed_at, int(count), oldest)


def waiting(database: Database) -> list[Waiting]:
    """The rows of every table that have no request id yet, the oldest first."""
    rows = database.rows(
        "SELECT source, row_id, created_at, settled_at FROM uploads_without_request_id "
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

    def without_request_id(self) -> dict[int, Instant]:
        """The rows that have none yet: when each was created, by its id, the oldest first."""
        return dict(
            self._db.rows(
                "SELECT row_id, created_at FROM uploads_without_request_id WHERE source = ? "
                "ORDER BY created_at, row_id",
                (self._source,),
            )
        )

    def begin(self, now: Instant) -> None:
        """Note that it is followed for ever from now on, unless that began earlier."""
        transact(self._db, lambda: self._db.execute(_BEGUN, (self._source, now)))

    def taken(self, now: Instant) -> None:
        """Note that all of it has been taken, once it is followed for ever."""
        self._update("UPDATE followed_up_to SET followed_at = ? WHERE source = ?", now)

    def end(self) -> bool:
        """Note that nobody follows it any more; whether somebody did."""
        was = self._db.rows(
            "SELECT 1 FROM followed_up_to WHERE source = ? AND followed_at IS NOT NULL",
            (self._source,),
        )
        self._update("UPDATE followed_up_to SET followed_at = ? WHERE source = ?", None)
        return bool(was)

    def settle(self, row_ids: Iterable[int], now: Instant) -> None:
        """Note that staff settled these rows without a request id."""
        rows = [(now, self._source, row_id) for row_id in row_ids]
        transact(
            self._db,
            lambda: self._db.execute_many(
                "UPDATE uploads_without_request_id SET settled_at = ? "
                "WHERE source = ? AND row_id = ?",
                rows,
            ),
        )

    def _update(self, sql: str, at: Instant | None) -> None:
        transact(self._db, lambda: self._db.execute(sql, (at, self._source)))

    def keep(
        self, up_to: Instant, waiting: Iterable[tuple[int, Instant]], settled: Iterable[int]
    ) -> None:
        """Note in one transaction how far it is followed, and which rows wait or no longer do."""
        waits = [(self._source, *row) for row in waiting]
        gone = [(self._source, row_id) for row_id in settled]

        def write() -> None:
            self._db.execute(_UP_TO, (self._source, up_to))
            if waits:
                self._db.execute_many(_WAIT, waits)
            if gone:
                self._db.execute_many(
                    "DELETE FROM uploads_without_request_id WHERE source = ? AND row_id = ?", gone
                )

        transact(self._db, write)
