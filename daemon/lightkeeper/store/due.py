"""Which documents are due to be polled, and which were refused."""

from collections.abc import Collection, Sequence
from typing import Final

from lightkeeper.domain.document import Document
from lightkeeper.domain.time import Instant
from lightkeeper.store.database import Database
from lightkeeper.store.schema import COLUMNS

_DUE_NEWEST: Final = f"""
    SELECT {COLUMNS} FROM form_526_document_submissions
    WHERE next_poll_at <= ? ORDER BY next_poll_at DESC, id DESC LIMIT ?
"""
_AND_NOT_POLLED: Final = "<= ? AND (last_polled_at IS NULL OR last_polled_at < ?)"
_DUE_OLDEST: Final = _DUE_NEWEST.replace("DESC", "ASC")
_LOOKED_AT: Final = 10_000
"""Among so many that are due next documents in trouble are looked for: quick, however many."""
_IN_TROUBLE: Final = f"""
    SELECT {COLUMNS} FROM (
        SELECT {COLUMNS}, last_polled_at FROM form_526_document_submissions
        WHERE next_poll_at > ? ORDER BY next_poll_at LIMIT {_LOOKED_AT}
    ) AS upcoming
    WHERE COALESCE(unanswered_since, not_found_since) >= ? AND last_polled_at < ?
        AND lighthouse_status = 'pending' LIMIT ?
"""


class DueDocuments:
    """The documents by when they are to be polled. Reads only."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def due(
        self, cutoff: Instant, limit: int, polled_before: Instant | None = None
    ) -> list[Document]:
        """At most `limit` documents that were due at or before `cutoff`.

        When more is due than that, four fifths are the ones due last (young documents
        are published fast) and one fifth the ones due longest (nothing starves).
        `polled_before` leaves out those that were polled then or later.
        """
        newest_first, oldest_first, params = _DUE_NEWEST, _DUE_OLDEST, [cutoff]
        if polled_before is not None:
            newest_first = newest_first.replace("<= ?", _AND_NOT_POLLED)
            oldest_first = oldest_first.replace("<= ?", _AND_NOT_POLLED)
            params.append(polled_before)
        share = limit // 5
        newest = self._documents(newest_first, (*params, limit - share))
        if len(newest) < limit - share or not share:
            return newest
        seen = {document.id for document in newest}
        oldest = self._documents(oldest_first, (*params, share))
        return newest + [document for document in oldest if document.id not in seen]

    def in_trouble(
        self, after: Instant, since: Instant, polled_before: Instant, limit: int
    ) -> list[Document]:
        """At most `limit` pending documents that are due after that time, of those due next.

        Each has been given no status `since` then or later: there is no usable answer, or it is
        not found. `polled_before` leaves out those that were polled then or later.
        """
        return self._documents(_IN_TROUBLE, (after, since, polled_before, limit))

    def refused(self, ids: Collection[int]) -> set[int]:
        """Those of these whose last call failed, and that got no usable answer before it."""
        marks = ", ".join("?" * len(ids))
        rows = self._db.rows(
            "SELECT id FROM form_526_document_submissions WHERE last_problem IS NOT NULL "
            f"AND trouble_count > 0 AND id IN ({marks})",
            list(ids),
        )
        return {document_id for (document_id,) in rows}

    def _documents(self, sql: str, params: Sequence[int]) -> list[Document]:
        return [Document._make(row) for row in self._db.rows(sql, params)]
