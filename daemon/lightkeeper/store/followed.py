"""How far another table of uploads was followed, and which of its rows have no request id yet."""

from collections.abc import Iterable
from typing import Final

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
