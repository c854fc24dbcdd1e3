"""Which of several tries of one document decides what the document is. Pure.

A document that was handed to Lighthouse several times has a try for each time, with a request id
of its own. One try decides; the others are superseded, and counted nowhere. While any try is
pending, the document is pending.

Without an attachment id nothing tells two tries of a form from two forms. Both are counted; but
while one is lost and another of its type is not, staff look, and the veteran is asked for nothing.
"""

from collections.abc import Sequence, Set
from typing import Final, NamedTuple, Protocol, TypeVar

from lightkeeper.domain.change import Change, Decision, Outcome, Remark, RemarkKind
from lightkeeper.domain.document import (
    DONE,
    FAILED,
    PENDING,
    Condition,
    Document,
    DocumentType,
    Step,
)
from lightkeeper.domain.interpret import failure_condition
from lightkeeper.domain.time import Instant

_VERDICT: Final = frozenset({RemarkKind.SLO_MET, RemarkKind.SLO_MISSED})
_MUST_ACT: Final = frozenset({RemarkKind.VETERAN_MUST_ACT})
_OPEN_FAILURE: Final = frozenset({Condition.NOT_IN_EFOLDER, Condition.EFOLDER_UNKNOWN})


class Standing(Protocol):
    """What of a try decides between it and the others."""

    @property
    def lighthouse_status(self) -> str: ...
    @property
    def condition(self) -> str: ...
    @property
    def failed_step(self) -> str | None: ...
    @property
    def in_efolder_at(self) -> Instant | None: ...
    @property
    def not_found_since(self) -> Instant | None: ...


_S = TypeVar("_S", bound=Standing)


class Try(NamedTuple):
    """A try as it was, and what an answer made of it; the same where none came."""

    before: Document
    decision: Decision


class Attached(NamedTuple):
    """A try with its attachment id, if it has one."""

    attachment_id: str | None
    one: Try


def is_in_efolder(one: Standing) -> bool:
    """Whether this try is in the eFolder, as far as is known."""
    return one.lighthouse_status == DONE or one.in_efolder_at is not None


def is_lost(one: Document) -> bool:
    """Whether this try certainly did not come into the eFolder, unacknowledged."""
    return (
        one.lighthouse_status == FAILED
        and one.condition in _OPEN_FAILURE
        and failure_condition(one.failed_step, one.in_efolder_at) == Condition.NOT_IN_EFOLDER
    )


def bears_on_loss(before: Document, after: Document) -> bool:
    """Whether it changed what may make the veteran act: `settle_lost` then has to decide."""
    if FAILED not in (before.lighthouse_status, after.lighthouse_status):
        return False
    lost = is_lost(after)
    changed = (before.condition, before.must_act_since) != (after.condition, after.must_act_since)
    return lost != is_lost(before) or (lost and changed)


def deciding(tries: Sequence[_S]) -> _S:
    """The try that decides: the one in the eFolder, else one that still may come there.

    Of tries that stand alike, the one that decided before does, else the latest. `tries` come in
    the order in which they were tracked.
    """
    return min(
        reversed(tries), key=lambda one: (_rank(one), one.condition == Condition.SUPERSEDED)
    )


def _rank(one: Standing) -> int:
    """The lower, the closer to the eFolder; of failures the one that may yet be there."""
    pending = one.lighthouse_status == PENDING
    closed = one.condition == Condition.CLOSED
    if one.lighthouse_status == DONE:
        return 1 if one.condition == Condition.CONTRADICTORY else 0
    if one.in_efolder_at is not None:
        return 2 if pending and not closed else 3
    if closed:  # staff settled it: what the others come to changes nothing
        return 4
    if pending:
        return 5 if one.not_found_since is None else 6
    return 8 if one.failed_step == Step.CLAIMS_EVIDENCE else 7


def settle(tries: Sequence[Try], now: Instant) -> list[Decision]:
    """What became of each try of one document, with what is published of the document.

    `tries` are all that there are, in the order in which they were tracked. A failed try whose
    document is in the eFolder ends as superseded, once. What counts documents (outcomes, service
    levels, silent failures) is left to the try that decides.
    """
    after = [each.decision.after for each in tries]
    decides = deciding(after).id
    status_before = deciding([each.before for each in tries]).lighthouse_status
    is_there = any(map(is_in_efolder, after))
    newly = is_there and not any(is_in_efolder(each.before) for each in tries)
    return [
        _deciding(each, _others(each, tries), status_before, now)
        if each.before.id == decides
        else _superseded(each, is_there=is_there, newly=newly, now=now)
        for each in tries
    ]


def settle_lost(attached: Sequence[Attached], now: Instant) -> list[Decision]:
    """What became of all documents of one type in a submission, of which one is lost or was.

    One that is lost is the veteran's to send again, which is said once. As long as another may be
    a further try of it and is not lost, staff look first, as where no step is named. Uploads are
    not taken for tries: a veteran uploads several.
    """
    standing = [each for each in attached if _may_be_there(each.one.decision.after)]
    unattached = [each for each in standing if not each.attachment_id]
    return [
        _lost(each.one, now, may_be_there=bool(unattached if each.attachment_id else standing))
        if is_lost(each.one.decision.after)
        else each.one.decision
        for each in attached
    ]


def _may_be_there(one: Document) -> bool:
    is_form = one.document_type != DocumentType.VETERAN_UPLOAD
    return is_form and one.condition != Condition.SUPERSEDED and not is_lost(one)


def _lost(one: Try, now: Instant, *, may_be_there: bool) -> Decision:
    before, (after, change) = one
    change = change or _unchanged(before, now)
    said = any(remark.kind in _MUST_ACT for remark in change.remarks)
    counted_at = None if said else after.must_act_since
    remarks = _without(change.remarks, _MUST_ACT)
    if may_be_there:
        condition = Condition.EFOLDER_UNKNOWN
    else:
        condition = Condition.NOT_IN_EFOLDER
        if counted_at is None and after.document_type != DocumentType.BDD_INSTRUCTIONS:
            counted_at = now
            remarks += (Remark(RemarkKind.VETERAN_MUST_ACT),)
    after = after._replace(condition=str(condition), must_act_since=counted_at)
    return _decision(after, change._replace(remarks=remarks))


def _others(one: Try, tries: Sequence[Try]) -> list[Document]:
    return [each.before for each in tries if each.before.id != one.before.id]


def _deciding(one: Try, others: Sequence[Document], status_before: str, now: Instant) -> Decision:
    """Count for the document what was not counted for an earlier try."""
    before, (after, change) = one
    change = change or _unchanged(before, now)
    outcome, remarks = change.outcome, change.remarks
    if status_before == DONE:
        outcome = None
    if after.condition == Condition.SUPERSEDED:
        after = after._replace(condition=_restored(after))
        if after.lighthouse_status == FAILED and status_before == PENDING:
            outcome = str(Outcome.FAILED)
    if counted := [each.must_act_since for each in others if each.must_act_since is not None]:
        remarks = _without(remarks, _MUST_ACT)
        if after.lighthouse_status == FAILED:
            after = after._replace(must_act_since=min(counted))
    if any(other.judged_at is not None for other in others):
        remarks = _without(remarks, _VERDICT)
    return _decision(after, change._replace(outcome=outcome, remarks=remarks))


def _superseded(one: Try, *, is_there: bool, newly: bool, now: Instant) -> Decision:
    """Count nothing, but that a failure is settled by another try."""
    before, (after, change) = one
    change = change or _unchanged(before, now)
    counted = before.condition != Condition.SUPERSEDED or change.outcome == Outcome.FAILED
    settles = is_there and after.lighthouse_status == FAILED and (newly or counted)
    after = after._replace(
        condition=str(Condition.SUPERSEDED),
        must_act_since=before.must_act_since,
        judged_at=before.judged_at,
    )
    change = change._replace(
        outcome=str(Outcome.SUPERSEDED) if settles else None,
        remarks=_without(change.remarks, _VERDICT | _MUST_ACT),
        processing_ms=None,
        detection_ms=None,
    )
    return _decision(after, change)


def _restored(after: Document) -> str:
    """What a try that decides again calls for, until its next answer says more."""
    if after.lighthouse_status == FAILED:
        return failure_condition(after.failed_step, after.in_efolder_at)
    if after.lighthouse_status == DONE:
        return str(Condition.DELIVERED)
    return str(Condition.WAITING if after.not_found_since is None else Condition.NOT_FOUND)


def _unchanged(before: Document, now: Instant) -> Change:
    status, step = before.lighthouse_status, before.current_step
    return Change(at=now, from_status=status, to_status=status, from_step=step, to_step=step)


def _without(remarks: tuple[Remark, ...], kinds: Set[RemarkKind]) -> tuple[Remark, ...]:
    return tuple(remark for remark in remarks if remark.kind not in kinds)


def _decision(after: Document, change: Change) -> Decision:
    stays = change.from_status == change.to_status and change.from_step == change.to_step
    is_empty = stays and not (change.outcome or change.step_changes or change.remarks)
    return Decision(after, None if is_empty else change)
