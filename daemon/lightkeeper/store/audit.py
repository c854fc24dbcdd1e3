"""The audit log: who wrote what, and when; noted in the transaction of the write itself."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from lightkeeper.domain.time import Instant
from lightkeeper.store.database import Database
from lightkeeper.store.errors import StoreUnavailable

READ_AT_ONCE: Final = 200
_INSERT: Final = "INSERT INTO audit_log (at, who, action, what) VALUES (?, ?, ?, ?)"
_SELECT: Final = """
    SELECT at, id, who, action, what FROM audit_log
    WHERE (at, id) > (?, ?) AND at <= ? ORDER BY at, id LIMIT ?
"""


class Written(NamedTuple):
    """A write: when, by whom, what was done, and to what."""

    at: Instant
    id: int
    who: str
    action: str
    what: str


def note(database: Database, who: str, action: str, what: str, at: Instant) -> None:
    """Note a write in the transaction that is open, so that neither is stored without the other.

    `who` is the name of a caller's token, or of staff; `action` is a word; `what` names request
    ids, submission ids or counts, and nothing personal.
    """
    database.execute(_INSERT, (at, who, action, what))


def of_requests(request_ids: Sequence[int]) -> str:
    """These request ids as the `what` of a note."""
    ids = ", ".join(map(str, request_ids))
    return f"request id {ids}" if len(request_ids) == 1 else f"request ids {ids}"


def entries(
    database: Database, since: Instant | None = None, until: Instant | None = None
) -> Iterator[Written]:
    """The notes from `since` until `until`, the earliest first, read as they are needed.

    Nothing is open between two reads: a reader may pause for as long as it likes.
    """
    after = (0 if since is None else since, -1)
    last = 2**63 - 1 if until is None else until
    while rows := _read(database, (*after, last, READ_AT_ONCE)):
        yield from map(Written._make, rows)
        after = rows[-1][:2]


def _read(database: Database, params: tuple[int, ...]) -> list[tuple[int, int, str, str, str]]:
    try:
        return database.rows(_SELECT, params)
    except StoreUnavailable:
        if not database.is_cut_off:
            raise
        return database.rows(_SELECT, params)
