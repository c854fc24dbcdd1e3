"""The changes of all documents in the order in which they were committed, for who follows them."""

from typing import Final, NamedTuple

from lightkeeper.domain.time import Instant
from lightkeeper.store.database import Database

_FROM: Final = """
    SELECT t.id, t.at, t.document_id, d.lighthouse_request_id, d.form_526_submission_id,
        d.form_attachment_id, d.document_type, t.from_status, t.to_status, t.from_step,
        t.to_step, t.outcome, t.step_changes, t.remarks
    FROM transitions AS t JOIN form_526_document_submissions AS d ON d.id = t.document_id
    WHERE t.id >= ? ORDER BY t.id LIMIT ?
"""
_NEWEST: Final = "SELECT MAX(id) FROM transitions"
_NEXT: Final = "SELECT id, at, document_id FROM transitions WHERE id >= ? ORDER BY id LIMIT 1"


class Changed(NamedTuple):
    """A transition with what identifies its document today."""

    id: int
    at: Instant
    document_id: int
    request_id: int
    submission_id: str
    attachment_id: str | None
    document_type: str
    from_status: str
    to_status: str
    from_step: str
    to_step: str
    outcome: str | None
    step_changes: str
    remarks: str


class Position(NamedTuple):
    """A transition by its number; when it happened to which document tells two stores apart."""

    id: int
    at: Instant
    document_id: int


START: Final = Position(0, 0, 0)
"""Before the first transition."""


class Changes:
    """Reads transitions by their number: where one is visible, all before it are."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def since(self, number: int, limit: int) -> list[Changed]:
        """At most `limit` transitions from this number on, in the order they were committed."""
        return [Changed._make(row) for row in self._db.rows(_FROM, (number, limit))]

    def newest(self) -> int:
        """The number of the last transition; 0 where there is none."""
        return int(self._db.rows(_NEWEST)[0][0] or 0)

    def before(self, at: Instant) -> Position:
        """A position behind which all lies that happened at this time or later.

        So it is where clocks differ by less than what `at` is early by; found in a few steps
        along the numbers, whose order is that of time but for that.
        """
        found, high = START, self.newest()
        while found.id < high:
            middle = (found.id + high + 1) // 2
            seen = Position(*self._db.rows(_NEXT, (middle,))[0])
            if seen.at < at:
                found = seen
            else:
                high = middle - 1
        return found
