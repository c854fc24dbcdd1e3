"""Triage in the store: find documents by request id or filter, and record what staff decide."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final, NamedTuple, TypeAlias

from lightkeeper.domain.change import Remark, RemarkKind
from lightkeeper.domain.document import FAILED, Condition, Document, NewDocument, needs_people
from lightkeeper.domain.time import Instant
from lightkeeper.store import audit
from lightkeeper.store.at_commit import TallyKey
from lightkeeper.store.database import Database
from lightkeeper.store.expected import recount
from lightkeeper.store.filters import Filter, select
from lightkeeper.store.history import write_remark
from lightkeeper.store.schema import COLUMNS
from lightkeeper.store.tallies import place, tally
from lightkeeper.store.transact import transact
from lightkeeper.store.tries import reconsider_lost, regroup, submissions_of

CHUNK: Final = 1_000
"""How many documents are looked up, or changed in one transaction, before the daemon may write."""

_FROM: Final = "FROM form_526_document_submissions"
_UPDATE: Final = "UPDATE form_526_document_submissions SET"


class Effect(NamedTuple):
    """What an action does to a document: its condition, and its next poll if that moves."""

    condition: str
    keeps_next_poll: bool = True
    next_poll_at: Instant | None = None


class Note(NamedTuple):
    """Who did what and why, for the document's history."""

    remark: RemarkKind
    by: str
    reason: str
    at: Instant
    acknowledges: bool
    """Whether `acknowledged_at`, `_by` and `_reason` are set from this note, or cleared."""


Decide: TypeAlias = Callable[[Document], Effect | str | None]
"""An action on one document: its effect, why it is refused, or None where it changes nothing."""


class TriageStore:
    """Finds and changes documents for staff, while a daemon writes to the same store."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def by_request_ids(self, request_ids: Sequence[int]) -> dict[int, Document]:
        """The documents with these request ids; those that are not tracked are left out."""
        found: dict[int, Document] = {}
        for some in _chunks(request_ids):
            marks = ", ".join("?" * len(some))
            rows = self._db.rows(
                f"SELECT {COLUMNS} {_FROM} WHERE lighthouse_request_id IN ({marks})", some
            )
            found.update((row[1], Document._make(row)) for row in rows)
        return found

    def matching(self, wanted: Filter) -> list[Document]:
        """All that match, in the order they were tracked."""
        rows = self._db.rows(*select(self._db, wanted, COLUMNS))
        return [Document._make(row) for row in rows]

    def carry_out(self, ids: Sequence[int], decide: Decide, note: Note) -> int:
        """Apply `decide` to each document as it is now; how many it changed.

        State, history and tallies change in one transaction, `CHUNK` documents at a time. A
        document that the daemon read before is not overwritten by it (`Documents.record`).
        """
        return sum(
            transact(self._db, partial(self._carry_out, some, decide, note))
            for some in _chunks(sorted(ids))
        )

    def _carry_out(self, ids: Sequence[int], decide: Decide, note: Note) -> int:
        marks = ", ".join("?" * len(ids))
        # In the order the daemon locks them, so that there is no deadlock.
        lock = "FOR UPDATE" if self._db.dialect == "postgresql" else ""
        effects: dict[tuple[Effect, bool], list[Document]] = {}
        moves: Counter[TallyKey] = Counter()
        rows = self._db.rows(
            f"SELECT {COLUMNS} {_FROM} WHERE id IN ({marks}) ORDER BY id {lock}", ids
        )
        for document in map(Document._make, rows):
            effect = decide(document)
            if isinstance(effect, Effect):
                moved = effect.condition != document.condition
                effects.setdefault((effect, moved), []).append(document)
                moves[place(document)] -= 1
                moves[place(document._replace(condition=effect.condition))] += 1
        for (effect, moved), alike in effects.items():
            self._write(effect, moved, alike, note)
        if effects:
            changed = sorted(each for alike in effects.values() for each in alike)
            self._audit([each.request_id for each in changed], note)
        tally(self._db, moves)
        moved_ids = [each.id for (_, moved), alike in effects.items() if moved for each in alike]
        if moved_ids:
            reconsider_lost(self._db, submissions_of(self._db, moved_ids), note.at)
        return sum(map(len, effects.values()))

    def _write(
        self, effect: Effect, moved: bool, documents: Sequence[Document], note: Note
    ) -> None:
        ids = [document.id for document in documents]
        marks = ", ".join("?" * len(ids))
        columns: dict[str, int | str | None] = {}
        if moved:
            columns["condition"] = effect.condition
            columns["acknowledged_at"] = note.at if note.acknowledges else None
            columns["acknowledged_by"] = note.by if note.acknowledges else None
            columns["acknowledged_reason"] = note.reason if note.acknowledges else None
        if not effect.keeps_next_poll:
            columns["next_poll_at"] = effect.next_poll_at
        changes = ", ".join(f"{column} = ?" for column in columns)
        self._db.execute(f"{_UPDATE} {changes} WHERE id IN ({marks})", (*columns.values(), *ids))
        if not needs_people(effect.condition, None):  # nor what Lighthouse worded
            words = f"{_UPDATE} last_answer = NULL, last_problem = NULL WHERE next_poll_at IS NULL"
            self._db.execute(f"{words} AND id IN ({marks})", ids)
        self._remember(documents, note)

    def correct(
        self,
        request_id: int,
        corrected: Callable[[NewDocument], NewDocument],
        note: Callable[[NewDocument, NewDocument], Note],
    ) -> tuple[NewDocument, NewDocument] | None:
        """Correct what a document was tracked with; as it was and as it is, None: not tracked.

        In one transaction with its history, the tallies and the other tries of the document that
        it was taken for, and of the one that it is.
        """
        return transact(self._db, partial(self._correct, request_id, corrected, note))

    def _correct(
        self,
        request_id: int,
        corrected: Callable[[NewDocument], NewDocument],
        note: Callable[[NewDocument, NewDocument], Note],
    ) -> tuple[NewDocument, NewDocument] | None:
        lock = "FOR UPDATE" if self._db.dialect == "postgresql" else ""
        self._db.lock_intake()
        rows = self._db.rows(
            f"SELECT form_526_submission_id, form_attachment_id, {COLUMNS} {_FROM} "
            f"WHERE lighthouse_request_id = ? {lock}",
            (request_id,),
        )
        if not rows:
            return None
        submission_id, attachment_id, *columns = rows[0]
        document = Document._make(columns)
        was = NewDocument(
            request_id,
            submission_id,
            document.document_type,
            attachment_id,
            document.tracked_at,
        )
        becomes = corrected(was)
        if becomes != was:
            self._write_correction(document, was, becomes, note(was, becomes))
        return was, becomes

    def _write_correction(
        self, document: Document, was: NewDocument, becomes: NewDocument, note: Note
    ) -> None:
        moved = document._replace(document_type=becomes.document_type)
        is_open = document.condition != Condition.CLOSED
        due_at = [note.at] if is_open and document.lighthouse_status == FAILED else []
        self._db.execute(
            f"{_UPDATE} form_526_submission_id = ?, form_attachment_id = ?, document_type = ?"
            f"{', next_poll_at = ?' if due_at else ''} WHERE id = ?",
            (
                becomes.submission_id,
                becomes.attachment_id,
                becomes.document_type,
                *due_at,
                document.id,
            ),
        )
        if moved != document:
            tally(self._db, Counter({place(document): -1, place(moved): 1}))
        self._remember([document], note)
        self._audit([was.request_id], note)
        attachments = {
            (each.submission_id, each.attachment_id)
            for each in (was, becomes)
            if each.attachment_id
        }
        regroup(self._db, attachments, note.at, [] if becomes.attachment_id else [document.id])
        reconsider_lost(self._db, {was.submission_id, becomes.submission_id}, note.at)
        recount(self._db, {was.submission_id, becomes.submission_id})

    def _audit(self, request_ids: Sequence[int], note: Note) -> None:
        why = f": {note.reason}" if note.reason else ""
        what = f"{audit.of_requests(request_ids)}{why}"
        audit.note(self._db, note.by, note.remark, what, note.at)

    def _remember(self, documents: Sequence[Document], note: Note) -> None:
        who_and_why = f"{note.by}: {note.reason}" if note.reason else note.by
        remark = Remark(note.remark, who_and_why)
        for each in documents:
            status, step = each.lighthouse_status, each.current_step
            write_remark(self._db, each.id, status, step, remark, note.at)


def _chunks(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    return (ids[at : at + CHUNK] for at in range(0, len(ids), CHUNK))
