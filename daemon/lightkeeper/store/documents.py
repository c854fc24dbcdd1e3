"""Tracked documents: taking them in, and writing down what was decided."""

from collections import Counter
from collections.abc import Collection, Sequence
from enum import StrEnum
from operator import attrgetter
from typing import Final

import orjson

from lightkeeper.domain.answer import CallProblem
from lightkeeper.domain.change import Recorded
from lightkeeper.domain.document import (
    PENDING,
    Condition,
    Document,
    NewDocument,
    Step,
    needs_people,
)
from lightkeeper.domain.time import HOUR, SECOND, Instant
from lightkeeper.store import audit
from lightkeeper.store.clock import has_times_ahead, pull_in
from lightkeeper.store.due import DueDocuments
from lightkeeper.store.errors import Unstorable
from lightkeeper.store.expected import recount
from lightkeeper.store.history import write_history
from lightkeeper.store.schema import COLUMNS, MOVED_AT, Form526DocumentSubmission
from lightkeeper.store.tallies import tally, tally_moves
from lightkeeper.store.transact import transact
from lightkeeper.store.tries import reconsider_lost, regroup, settled, write_settled

FILL_AFTER_MS: Final = 30 * SECOND
"""A call is not topped up with documents that were polled less than this ago."""

_STATE: Final = (
    "lighthouse_status",
    "condition",
    "reported_status",
    "steps",
    "current_step",
    "failed_step",
    "error_detail",
    "in_efolder_at",
    "lighthouse_started_at",
    "lighthouse_ended_at",
    "last_answered_at",
    "not_found_since",
    "decided_at",
    "trouble_count",
    "unanswered_since",
    "must_act_since",
    "judged_at",
)
"""What an answer can change of a document."""
_state = attrgetter(*_STATE)

_DUE_NEXT: Final = f"""
    SELECT {COLUMNS} FROM (
        SELECT {COLUMNS}, last_polled_at FROM form_526_document_submissions
        WHERE next_poll_at > ? ORDER BY next_poll_at LIMIT ?
    ) AS upcoming
    WHERE last_polled_at IS NULL OR last_polled_at <= ? LIMIT ?
"""
_RECORD: Final = f"""
    UPDATE form_526_document_submissions
    SET {", ".join(f"{column} = ?" for column in _STATE)},
        last_polled_at = ?, next_poll_at = ?, last_problem = ?,
        last_answer = NULLIF(COALESCE(?, last_answer), '')
    WHERE id = ? AND condition = ? AND document_type = ? AND trouble_count = ?
        AND COALESCE(last_answered_at, 0) = ?
"""
_POSTPONE: Final = """
    UPDATE form_526_document_submissions
    SET last_polled_at = ?, next_poll_at = ?, last_problem = ?,
        unanswered_since = COALESCE(unanswered_since, ?)
    WHERE id = ? AND next_poll_at IS NOT NULL
"""


_Identity = list[str | None]
"""Submission, type and attachment: what a request id stands for."""


class _Overtaken(Exception):
    """A document is not what it was when it was read."""


class Intake(StrEnum):
    """What became of a document that was to be tracked."""

    NEW = "new"
    KNOWN = "known"
    CONFLICT = "conflict"


class Documents(DueDocuments):
    """The table of tracked documents."""

    def add(
        self, batch: Sequence[NewDocument], now: Instant, by: str | None = None
    ) -> list[Intake]:
        """Track `batch` in one transaction; what became of each, in order.

        A request id that is tracked already, here or earlier in the batch, is known when it
        belongs to the same submission as the same type and names the same attachment or none, and
        a conflict otherwise. What is new is due at once; where it is a further try of a tracked
        document, it takes over, unless the document is in the eFolder. What is new is noted in
        the audit log where `by` names who tracks it.
        """
        return transact(self._db, lambda: self._add(batch, now, by))

    def _add(self, batch: Sequence[NewDocument], now: Instant, by: str | None) -> list[Intake]:
        self._db.lock_intake()
        tracked = self._identities([document.request_id for document in batch])
        fates: list[Intake] = []
        new: list[NewDocument] = []
        for document in batch:
            identity = _identity(document)
            known = tracked.setdefault(document.request_id, identity)
            if known is identity:
                new.append(document)
                fates.append(Intake.NEW)
            else:
                same = _is_same(known, identity)
                fates.append(Intake.KNOWN if same else Intake.CONFLICT)
        self._insert(new, now)
        attached = {(each.submission_id, each.attachment_id) for each in new}
        regroup(self._db, {(a, b) for a, b in attached if b is not None}, now)
        submissions = {submission for submission, _ in attached}
        reconsider_lost(self._db, submissions, now)
        recount(self._db, submissions)
        if new and by is not None:
            what = audit.of_requests([each.request_id for each in new])
            audit.note(self._db, by, "tracked", what, now)
        return fates

    def _identities(self, request_ids: Sequence[int]) -> dict[int, _Identity]:
        if not request_ids:
            return {}
        marks = ", ".join("?" * len(request_ids))
        rows = self._db.rows(
            "SELECT lighthouse_request_id, form_526_submission_id, document_type, "
            "form_attachment_id "
            f"FROM form_526_document_submissions WHERE lighthouse_request_id IN ({marks})",
            request_ids,
        )
        return {request_id: identity for request_id, *identity in rows}

    def _insert(self, new: Sequence[NewDocument], now: Instant) -> None:
        rows = [_as_new(document, now) for document in new]
        if rows:
            marks = ", ".join("?" * len(rows[0]))
            self._db.execute_many(
                f"INSERT INTO form_526_document_submissions ({', '.join(rows[0])}) "
                f"VALUES ({marks})",
                [tuple(row.values()) for row in rows],
            )
        tally(
            self._db,
            Counter(
                (document.document_type, PENDING, Step.NONE, Condition.WAITING) for document in new
            ),
        )

    def due_next(self, now: Instant, limit: int) -> list[Document]:
        """At most `limit` documents not due yet, the next ones first, none polled just now."""
        # Looks at a bounded stretch of the index: after a big pass most were polled just now.
        return self._documents(_DUE_NEXT, (now, 4 * limit, now - FILL_AFTER_MS, limit))

    def has_times_ahead(self, now: Instant) -> bool:
        """Whether a clock that ran ahead has written to the store; quick, however large it is."""
        return has_times_ahead(self._db, now)

    def pull_in(self, now: Instant) -> None:
        """Bring every time that lies in the future to now; what was put off is due at once."""
        pull_in(self._db, now)

    def record(self, batch: Sequence[Recorded], polled_at: Instant) -> None:
        """Write down one answered call in one transaction: state, history, tallies.

        What staff acknowledged, closed or corrected after it was read, or another daemon polled,
        stays as it is, and due if it was: it was decided on a copy that is out of date. One whose
        answer no database can hold is put off alone.
        """
        try:
            while batch and not self._written(batch, polled_at):
                batch = self._not_overtaken(batch)
        except Unstorable as exc:
            for each in batch if len(batch) > 1 else ():
                self.record([each], polled_at)
            if len(batch) == 1:
                due = batch[0].next_poll_at or polled_at + HOUR
                self.postpone([batch[0].before.id], polled_at, due, CallProblem(None, str(exc)))

    def _written(self, batch: Sequence[Recorded], polled_at: Instant) -> bool:
        """Whether it was; nothing of it is where one of the documents has changed since."""

        def write() -> None:
            written, others = settled(self._db, batch, polled_at)
            if self._update(written, polled_at) < len(written):
                raise _Overtaken
            write_settled(self._db, others, polled_at)
            write_history(self._db, (each.decision for each in written))
            moves = [(before, after) for before, (after, _) in others]
            moves += [(each.before, each.decision.after) for each in written if _has_moved(each)]
            tally_moves(self._db, moves, polled_at)

        try:
            transact(self._db, write)
        except _Overtaken:
            return False
        return True

    def _update(self, batch: Sequence[Recorded], polled_at: Instant) -> int:
        """Write the state of each; how many were as they had been read."""
        return self._db.execute_many(
            _RECORD,
            [
                (
                    *_state(after),
                    polled_at,
                    next_poll_at,
                    None if problem is None else _problem_json(problem),
                    answer if needs_people(after.condition, next_poll_at) else "",
                    after.id,
                    *_as_read(before),
                )
                for before, (after, _), next_poll_at, answer, problem in batch
            ],
        )

    def _not_overtaken(self, batch: Sequence[Recorded]) -> list[Recorded]:
        marks = ", ".join("?" * len(batch))
        rows = self._db.rows(
            "SELECT id, condition, document_type, trouble_count, COALESCE(last_answered_at, 0) "
            f"FROM form_526_document_submissions WHERE id IN ({marks})",
            [each.before.id for each in batch],
        )
        now = {document_id: as_stored for document_id, *as_stored in rows}
        return [each for each in batch if now.get(each.before.id) == _as_read(each.before)]

    def postpone(
        self, ids: Collection[int], polled_at: Instant, next_poll_at: Instant, problem: CallProblem
    ) -> None:
        """Put documents off whose call failed, remembering why."""
        why = _problem_json(problem)
        rows = [(polled_at, next_poll_at, why, polled_at, document_id) for document_id in ids]
        transact(self._db, lambda: self._db.execute_many(_POSTPONE, rows))

    def find(self, request_id: int) -> Form526DocumentSubmission | None:
        """The document with this request id, with everything the store knows of it."""
        rows = self._known("lighthouse_request_id = ?", request_id)
        return rows[0] if rows else None

    def count_of_submission(self, submission_id: str) -> int:
        """How many documents one submission has; quick, however many."""
        ((count,),) = self._db.rows(
            "SELECT COUNT(*) FROM form_526_document_submissions WHERE form_526_submission_id = ?",
            (submission_id,),
        )
        return int(count)

    def of_submission(self, submission_id: str) -> list[Form526DocumentSubmission]:
        """All documents of one submission, in the order they were tracked."""
        return self._known("form_526_submission_id = ? ORDER BY id", submission_id)

    def _known(self, where: str, value: int | str) -> list[Form526DocumentSubmission]:
        return self._db.models(Form526DocumentSubmission, where, (value,), moved_at=MOVED_AT)


def _has_moved(one: Recorded) -> bool:
    after, change = one.decision
    return change is not None or after.condition != one.before.condition


def _identity(document: NewDocument) -> _Identity:
    return [document.submission_id, document.document_type, document.attachment_id]


def _is_same(known: _Identity, given: _Identity) -> bool:
    """Whether what is tracked with a request id is what is given; it may name no attachment."""
    return known[:2] == given[:2] and given[2] in {None, known[2]}


def _as_new(document: NewDocument, now: Instant) -> dict[str, str | int | None]:
    """The columns of a document that was never polled; the others have their defaults."""
    return {
        "lighthouse_request_id": document.request_id,
        "form_526_submission_id": document.submission_id,
        "form_attachment_id": document.attachment_id,
        "document_type": document.document_type,
        "tracked_at": document.tracked_at,
        "created_at": now,
        "lighthouse_status": PENDING,
        "condition": Condition.WAITING,
        "steps": "{}",
        "current_step": Step.NONE,
        "next_poll_at": now,
        "trouble_count": 0,
    }


def _as_read(document: Document) -> list[str | int]:
    """What changes with each answer and with each decision of staff."""
    answered_at = document.last_answered_at or 0
    return [document.condition, document.document_type, document.trouble_count, answered_at]


def _problem_json(problem: CallProblem) -> str:
    return orjson.dumps(problem._asdict()).decode()
