"""Tracks what another program's table of uploads has, as it comes, each document once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from lightkeeper.casework.intake import WrongDocument, conflict, new_document
from lightkeeper.domain.document import NewDocument
from lightkeeper.domain.time import Instant
from lightkeeper.store.documents import Documents, Intake
from lightkeeper.store.followed import Followed
from lightkeeper.store.vets_api import Upload

PAGE: Final = 5_000
SOURCE: Final = "vets-api"
"""Whose table it is, as the store has it."""
WHO: Final = f"follow {SOURCE}"
"""Who tracked what it takes, in the audit log."""


class Uploads(Protocol):
    """A table of uploads, as `VetsApiUploads` has it."""

    def created_since(
        self, created_at: Instant, after: Upload | None, limit: int
    ) -> list[Upload]: ...
    def by_id(self, row_ids: Sequence[int]) -> list[Upload]: ...
    def replaced(self, row_ids: Sequence[int]) -> set[int]: ...


@dataclass(slots=True)
class FollowTally:
    """What one round found, and how many rows have no request id after it."""

    new: int = 0
    known: int = 0
    rejected: int = 0
    without_request_id: int = 0


class Follower:
    """Takes the rows of a table of uploads, in the order in which they were created.

    Each round begins `overlap_ms` before the newest row that was taken: a row that is committed
    later than one created after it is found as long as it is committed within that time. A row
    that cannot be tracked, because it has no request id or is wrong, is looked at again until it
    can, is gone, or its attachment was handed over by another row.
    """

    def __init__(
        self,
        uploads: Uploads,
        documents: Documents,
        followed: Followed,
        *,
        overlap_ms: int,
        clock: Callable[[], Instant],
        reject: Callable[[int, str], None],
    ) -> None:
        """`reject` is called once with each row that is wrong, and why."""
        self._uploads = uploads
        self._documents = documents
        self._followed = followed
        self._overlap_ms = overlap_ms
        self._clock = clock
        self._reject = reject
        self._rejected: set[int] = set()

    def round(
        self, is_over: Callable[[], bool] = lambda: False, since: Instant = 0
    ) -> FollowTally:
        """Take what is new and created since then, until `is_over`.

        What was taken before an error stays taken.
        """
        tally, up_to = FollowTally(), self._followed.up_to()
        # Neither a clock of ours that ran ahead nor one of theirs may hide rows from us.
        begin = max(since, min(up_to, self._clock()) - self._overlap_ms, 0)
        last = None
        while not is_over():
            page = self._uploads.created_since(begin, last, PAGE)
            if page:
                last = page[-1]
                up_to = max(up_to, min(last.created_at, self._clock()))
                waits = self._track(page, tally)
                self._followed.keep(up_to, begin, _waiting(page, waits), ())
            if len(page) < PAGE:
                break
        self._look_again(list(self._followed.waiting()), is_over, tally)
        tally.without_request_id = list(self._followed.waiting().values()).count(None)
        return tally

    def take(self, row_ids: Sequence[int]) -> FollowTally:
        """Take these rows, which no round has found."""
        tally = FollowTally()
        self._look_again(row_ids, lambda: False, tally)
        return tally

    def _look_again(
        self, row_ids: Sequence[int], is_over: Callable[[], bool], tally: FollowTally
    ) -> None:
        for start in range(0, len(row_ids), PAGE):
            if is_over():
                break
            page = row_ids[start : start + PAGE]
            rows = self._uploads.by_id(page)
            waits = self._track(rows, tally)
            without = sorted(row_id for row_id, reason in waits.items() if reason is None)
            for replaced in self._uploads.replaced(without):
                del waits[replaced]
            over = [each for each in page if each not in waits]
            self._followed.keep(self._followed.up_to(), None, _waiting(rows, waits), over)

    def _track(self, rows: Sequence[Upload], tally: FollowTally) -> dict[int, str | None]:
        """Track what can be; the other rows by id, as `Followed.waiting` has them."""
        waits: dict[int, str | None] = {}
        batch: list[tuple[int, NewDocument]] = []
        for row in rows:
            if not row.request_id:
                waits[row.id] = None
                continue
            try:
                batch.append((row.id, new_document(_fields(row), self._clock())))
            except WrongDocument as exc:
                waits[row.id] = str(exc)
        for start in range(0, len(batch), 1_000):
            part = batch[start : start + 1_000]
            fates = self._documents.add([document for _, document in part], self._clock(), WHO)
            for (row_id, document), fate in zip(part, fates, strict=True):
                if fate is Intake.CONFLICT:
                    waits[row_id] = conflict(self._documents, document)
            tally.new += fates.count(Intake.NEW)
            tally.known += fates.count(Intake.KNOWN)
        for row_id, reason in waits.items():
            if reason is not None:
                self._refuse(row_id, reason, tally)
        return waits

    def _refuse(self, row_id: int, reason: str, tally: FollowTally) -> None:
        if row_id not in self._rejected:
            self._rejected.add(row_id)
            tally.rejected += 1
            self._reject(row_id, reason)


def _waiting(
    rows: Sequence[Upload], waits: dict[int, str | None]
) -> list[tuple[int, Instant, str | None]]:
    return [(row.id, row.created_at, waits[row.id]) for row in rows if row.id in waits]


def _fields(row: Upload) -> dict[str, str | int | None]:
    return {
        "lighthouse_request_id": row.request_id,
        "form_526_submission_id": _text(row.submission_id),
        "document_type": row.document_type,
        "form_attachment_id": _text(row.attachment_id),
        "tracked_at": row.created_at,
    }


def _text(value: object) -> str | None:
    return None if value is None else str(value)
