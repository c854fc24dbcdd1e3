"""Tries of one document in the store: who decides, found and changed in the caller's transaction.

Tries share submission and attachment id. `first_tracked_at` is set on each of them, so that the
many documents with a single try cost no query.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

from lightkeeper.domain.change import Decision, Recorded
from lightkeeper.domain.document import Condition, Document, needs_people
from lightkeeper.domain.time import Instant
from lightkeeper.domain.tries import (
    Attached,
    Try,
    bears_on_loss,
    is_in_efolder,
    settle,
    settle_lost,
)
from lightkeeper.store.database import Database
from lightkeeper.store.history import write_history
from lightkeeper.store.schema import COLUMNS
from lightkeeper.store.tallies import tally_moves

Attachment: TypeAlias = tuple[str, str]
"""Submission id and attachment id: what the tries of one document have in common."""

_TriesById: TypeAlias = Mapping[int, Recorded | Try]
"""Tries that are polled or decided in this transaction, by row id."""

_TABLE: Final = "form_526_document_submissions"
_SAME_ATTACHMENT: Final = f"""
    SELECT one.id, other.id FROM {_TABLE} AS one JOIN {_TABLE} AS other
    ON other.form_526_submission_id = one.form_526_submission_id
        AND other.form_attachment_id = one.form_attachment_id
    WHERE one.id IN
"""
_OTHERS_OF_ITS_TYPE: Final = f"""
    SELECT one.id, other.id FROM {_TABLE} AS one JOIN {_TABLE} AS other
    ON other.form_526_submission_id = one.form_526_submission_id
        AND other.document_type = one.document_type AND other.id <> one.id
    WHERE one.id IN
"""
_SETTLE: Final = f"""
    UPDATE {_TABLE} SET condition = ?, must_act_since = ?, first_tracked_at = ?,
        next_poll_at = CASE lighthouse_status WHEN 'pending'
            THEN COALESCE(next_poll_at, ?) ELSE next_poll_at END,
        last_answer = CASE WHEN ? = 1 OR next_poll_at IS NOT NULL THEN last_answer END
    WHERE id = ?
"""


class Settled(NamedTuple):
    """A batch with what its tries settle, and the other tries that change with them."""

    batch: Sequence[Recorded]
    others: Sequence[Try]


def settled(database: Database, batch: Sequence[Recorded], now: Instant) -> Settled:
    """`batch` as it is to be recorded, where some of its documents are tries of one document.

    So are those that may be tries of one document, where one of them is lost. Without such a try,
    or where nothing changed for them, the store is not asked.
    """
    several = [
        each.before.id
        for each in batch
        if each.before.first_tracked_at is not None and each.decision.change is not None
    ]
    lost = [each.before.id for each in batch if bears_on_loss(each.before, each.decision.after)]
    if not several and not lost:
        return Settled(batch, ())
    database.lock_intake()  # a further try must not come in between
    known: dict[int, Recorded | Try] = {each.before.id: each for each in batch}
    changed: dict[int, Try] = {}
    if several:
        changed = _settled_attachments(database, several, known, now)
        known |= changed
        lost = [
            each for each, one in known.items() if bears_on_loss(one.before, one.decision.after)
        ]
    # A document that is the only one of its type stays as it was decided.
    pairs = database.rows(f"{_OTHERS_OF_ITS_TYPE} ({_marks(lost)})", lost) if lost else []
    if alike := sorted({each for pair in pairs for each in pair}):
        changed |= _settled_types(database, "id", alike, known, now)
    recorded = [
        each._replace(decision=changed.pop(each.before.id).decision)
        if each.before.id in changed
        else each
        for each in batch
    ]
    return Settled(recorded, list(changed.values()))


def _settled_attachments(
    database: Database, changed: Sequence[int], tries: _TriesById, now: Instant
) -> dict[int, Try]:
    """All tries of the documents of which these are tries, with what they settle, by id."""
    pairs = database.rows(f"{_SAME_ATTACHMENT} ({_marks(changed)})", changed)
    stored = _locked(database, {*tries, *(other for _, other in pairs)})
    groups = {frozenset(other for one, other in pairs if one == each) for each in changed}
    found: dict[int, Try] = {}
    for group in groups:
        some = [_as_known(stored[each], tries) for each in sorted(group)]
        for one, decision in zip(some, settle(some, now), strict=True):
            found[one.before.id] = one._replace(decision=decision)
    return found


def _settled_types(
    database: Database,
    column: str,
    values: Sequence[str | int],
    tries: _TriesById,
    now: Instant,
) -> dict[int, Try]:
    """Which documents another one of their type and submission changes, by id.

    They are those with one of these `values` in `column`.
    """
    groups: dict[tuple[str, str], list[Attached]] = defaultdict(list)
    for submission, attachment_id, *columns in database.rows(
        f"SELECT form_526_submission_id, form_attachment_id, {COLUMNS} FROM {_TABLE} "
        f"WHERE {column} IN ({_marks(values)}) ORDER BY id {_lock(database)}",
        values,
    ):
        stored = Document._make(columns)
        one = Attached(attachment_id, _as_known(stored, tries))
        groups[submission, stored.document_type].append(one)
    return {
        each.one.before.id: each.one._replace(decision=decision)
        for group in groups.values()
        for each, decision in zip(group, settle_lost(group, now), strict=True)
        if decision != each.one.decision
    }


def _as_known(stored: Document, tries: _TriesById) -> Try:
    """The try as it was polled and decided, or else as the store has it."""
    one = tries.get(stored.id)
    return Try(one.before, one.decision) if one else Try(stored, Decision(stored, None))


def submissions_of(database: Database, ids: Collection[int]) -> list[str]:
    """The submissions that the documents with these row ids belong to."""
    rows = database.rows(
        f"SELECT DISTINCT form_526_submission_id FROM {_TABLE} WHERE id IN ({_marks(ids)})",
        list(ids),
    )
    return [submission for (submission,) in rows]


def reconsider_lost(database: Database, submissions: Collection[str], now: Instant) -> None:
    """Decide anew which lost documents of these submissions the veteran must send again.

    Call it in the transaction that tracked, moved, acknowledged or revoked a document of theirs.
    Without one that is lost it costs a look at an index.
    """
    if not submissions:
        return
    rows = database.rows(
        f"SELECT DISTINCT form_526_submission_id FROM {_TABLE} "
        f"WHERE form_526_submission_id IN ({_marks(submissions)}) "
        "AND condition IN ('not_in_efolder', 'efolder_unknown')",
        sorted(submissions),
    )
    if rows:
        some = [submission for (submission,) in rows]
        settled_types = _settled_types(database, "form_526_submission_id", some, {}, now)
        _write_all(database, list(settled_types.values()), now)


def regroup(
    database: Database,
    attachments: Collection[Attachment],
    now: Instant,
    alone: Collection[int] = (),
) -> None:
    """Decide anew who decides of all tries with one of these attachments.

    `alone` are row ids of tries that have no attachment any more: each is a document of its own.
    Call it in the transaction that tracked or moved a try, under `lock_intake`. A try that is
    neither in the eFolder nor closed takes over from one that staff closed.
    """
    groups = [*_groups(database, attachments), *([each] for each in alone)]
    stored = _locked(database, {try_id for group in groups for try_id in group})
    changed: list[Try] = []
    for group in groups:
        tries = [Try(stored[each], _joined(stored[each], group, stored)) for each in sorted(group)]
        changed += [
            Try(one.before, decision)
            for one, decision in zip(tries, settle(tries, now), strict=True)
            if decision.change is not None or decision.after != one.before
        ]
    _write_all(database, changed, now)


def _groups(database: Database, attachments: Collection[Attachment]) -> list[list[int]]:
    """Row ids by attachment, of those attachments that have several tries or had."""
    submissions = sorted({submission for submission, _ in attachments})
    if not submissions:
        return []
    rows = database.rows(
        "SELECT form_526_submission_id, form_attachment_id, MIN(id) "
        f"FROM {_TABLE} WHERE form_526_submission_id IN ({_marks(submissions)}) "
        "AND form_attachment_id IS NOT NULL GROUP BY 1, 2 "
        "HAVING COUNT(*) > 1 OR MAX(first_tracked_at) IS NOT NULL",
        submissions,
    )
    firsts = [first for *key, first in rows if tuple(key) in attachments]
    if not firsts:
        return []
    groups: dict[int, list[int]] = {first: [] for first in firsts}
    for first, other in database.rows(f"{_SAME_ATTACHMENT} ({_marks(firsts)})", firsts):
        groups[first].append(other)
    return list(groups.values())


def _joined(one: Document, group: Sequence[int], stored: dict[int, Document]) -> Decision:
    """A try with what it shares with the others; one that staff closed lets the others decide."""
    if len(group) == 1:
        return Decision(one._replace(first_tracked_at=None), None)
    tries = [stored[each] for each in group]
    all_closed = all(each.condition == Condition.CLOSED for each in tries)
    condition = one.condition
    if condition == Condition.CLOSED and not is_in_efolder(one) and not all_closed:
        condition = str(Condition.SUPERSEDED)
    first = min(each.tracked_at for each in tries)
    return Decision(one._replace(condition=condition, first_tracked_at=first), None)


def _write_all(database: Database, changed: Sequence[Try], now: Instant) -> None:
    write_settled(database, changed, now)
    tally_moves(database, [(before, after) for before, (after, _) in changed], now)


def write_settled(database: Database, changed: Sequence[Try], now: Instant) -> None:
    """Write down what became of tries that were not polled; tallies are the caller's."""
    if changed:
        database.execute_many(
            _SETTLE,
            [
                (
                    after.condition,
                    after.must_act_since,
                    after.first_tracked_at,
                    now,
                    int(needs_people(after.condition, None)),
                    after.id,
                )
                for _, (after, _) in changed
            ],
        )
        write_history(database, [decision for _, decision in changed])


def _locked(database: Database, ids: Collection[int]) -> dict[int, Document]:
    """These rows, locked: no other connection changes them until the transaction ends."""
    if not ids:
        return {}
    rows = database.rows(
        f"SELECT {COLUMNS} FROM {_TABLE} WHERE id IN ({_marks(ids)}) "
        f"ORDER BY id {_lock(database)}",
        sorted(ids),
    )
    return {row[0]: Document._make(row) for row in rows}


def _lock(database: Database) -> str:
    """Rows are locked by id, as triage locks them, so that there is no deadlock."""
    return "FOR UPDATE" if database.dialect == "postgresql" else ""


def _marks(values: Collection[object]) -> str:
    return ", ".join("?" * len(values))
