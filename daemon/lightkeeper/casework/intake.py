"""Stores documents to track from JSON Lines, CSV or options, each of them once."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from lightkeeper.casework.csv_rows import MAX_LINE_BYTES, NotHandedOver
from lightkeeper.casework.fields import UnknownField
from lightkeeper.casework.records import PAUSE, named, records
from lightkeeper.casework.values import WrongDocument, new_document
from lightkeeper.domain.document import NewDocument
from lightkeeper.domain.time import Instant
from lightkeeper.store.documents import Documents, Intake

__all__ = [
    "BATCH",
    "MAX_LINE_BYTES",
    "PAUSE",
    "IntakeTally",
    "Items",
    "RejectedItem",
    "Rejection",
    "WrongDocument",
    "conflict",
    "new_document",
    "track_items",
    "track_lines",
]

BATCH: Final = 1_000


class Rejection(NamedTuple):
    """A line that was not stored, and why."""

    line: int
    reason: str


@dataclass(slots=True)
class IntakeTally:
    """How many lines were new, known already, rejected, and not handed to Lighthouse yet."""

    new: int = 0
    known: int = 0
    rejected: int = 0
    not_handed_over: int = 0


def track_lines(
    documents: Documents,
    lines: Iterable[bytes],
    *,
    clock: Callable[[], Instant],
    reject: Callable[[Rejection], None],
    stored: Callable[[IntakeTally], None] = lambda _: None,
    by: str | None = None,
) -> IntakeTally:
    """Store every good line of `lines` (JSON Lines, or CSV with a header), a batch at a time.

    `reject` is called with each line that is not stored, `stored` with the tally after each
    batch. One batch is in memory at a time, for inputs of any size; where `lines` holds a
    `PAUSE`, what was read so far is stored.
    """
    tally = IntakeTally()
    batch: list[tuple[int, NewDocument]] = []

    def store() -> None:
        fates = documents.add([document for _, document in batch], clock(), by) if batch else []
        _count(tally, fates)
        for (line, document), fate in zip(batch, fates, strict=True):
            if fate is Intake.CONFLICT:
                reject(Rejection(line, conflict(documents, document)))
        batch.clear()
        stored(tally)

    def is_good(fields: Any) -> bool:
        try:
            new_document(fields, clock())
        except WrongDocument:
            return False
        return True

    for line, fields in records(lines, is_good):
        try:
            if isinstance(fields, WrongDocument):
                raise fields
            if fields is not None:
                batch.append((line, new_document(fields, clock())))
        except NotHandedOver:
            tally.not_handed_over += 1
        except WrongDocument as exc:
            tally.rejected += 1
            reject(Rejection(line, str(exc)))
        if len(batch) >= BATCH or (fields is None and batch):
            store()
    store()
    return tally


def _count(tally: IntakeTally, fates: Sequence[Intake]) -> None:
    tally.new += fates.count(Intake.NEW)
    tally.known += fates.count(Intake.KNOWN)
    tally.rejected += fates.count(Intake.CONFLICT)


class Items(NamedTuple):
    """What became of documents that were given as items of a list."""

    new: int
    known: int
    rejected: list["RejectedItem"]


class RejectedItem(NamedTuple):
    """An item that was not stored, by its place from 0 on, and why."""

    item: int
    lighthouse_request_id: int | None
    """Of a conflict, whose id is tracked; of others nothing is repeated, and it is None."""
    is_conflict: bool
    """Whether its request id is tracked already as another document."""
    reason: str


_OF_CALLERS: Final = "send it as it was before, or ask those who run lightkeeper to "
"""What a caller does about a conflict, who has no shell at the host."""


def track_items(documents: Documents, items: Sequence[Any], by: str, now: Instant) -> Items:
    """Store every good one of these items, which are JSON values, in one transaction.

    By the same rules as `track_lines`; `by` is the name of the caller's token.
    """
    good: list[tuple[int, NewDocument]] = []
    rejected: list[RejectedItem] = []
    for at, item in enumerate(items):
        try:
            good.append((at, _item(item, now)))
        except WrongDocument as exc:
            rejected.append(RejectedItem(at, None, False, str(exc)))
    fates = documents.add([new for _, new in good], now, by) if good else []
    for (at, new), fate in zip(good, fates, strict=True):
        if fate is Intake.CONFLICT:
            reason = conflict(documents, new, _OF_CALLERS)
            rejected.append(RejectedItem(at, new.request_id, True, reason))
    return Items(fates.count(Intake.NEW), fates.count(Intake.KNOWN), sorted(rejected))


def _item(item: Any, now: Instant) -> NewDocument:
    if not isinstance(item, dict):
        raise WrongDocument("not an object: give the fields of one document")
    fields = named(item)
    if isinstance(fields, UnknownField):
        raise WrongDocument(fields.unnamed)
    if isinstance(fields, WrongDocument):
        raise fields
    return new_document(fields, now)


def conflict(documents: Documents, given: NewDocument, before: str = "") -> str:
    """Why a document is rejected whose request id is tracked as another document.

    `before` says what to do before, or instead of, what is done at the host.
    """
    tracked = documents.find(given.request_id)
    is_same = tracked is not None and (given.submission_id, given.document_type) == (
        tracked.form_526_submission_id,
        tracked.document_type,
    )
    return (
        f"request id {given.request_id} is tracked already for another "
        f"{'attachment' if is_same else 'submission or document type'}: "
        f"{before}look at `lightkeeper show {given.request_id}`, and run "
        f"`lightkeeper correct {given.request_id}` if it is wrong"
    )
