"""What an answer means: (document, what Lighthouse said, policy, now) -> Decision. Pure."""

from typing import Final

from lightkeeper.domain.answer import (
    REPORTED_STATUSES,
    Absence,
    Observation,
    Reported,
    StatusReport,
)
from lightkeeper.domain.change import Change, Decision, Outcome, Remark, RemarkKind
from lightkeeper.domain.classify import CONTRADICTED, Reading, read
from lightkeeper.domain.document import (
    DONE,
    FAILED,
    PENDING,
    Condition,
    Document,
    DocumentType,
    Step,
)
from lightkeeper.domain.policy import Policy
from lightkeeper.domain.slo import handed_over_at, judged_at, verdict
from lightkeeper.domain.time import DAY, Instant

LONGEST_AGO_MS: Final = 730 * DAY
"""No published duration begins earlier: what Lighthouse names then is a mistake."""

_KEPT: Final = frozenset({Condition.ACKNOWLEDGED, Condition.SUPERSEDED})
"""Conditions that an answer leaves as they are while the status stays."""


def interpret(
    document: Document, observation: Observation, policy: Policy, now: Instant
) -> Decision:
    """Decide what `observation` makes of `document`.

    Done is final. A failure turns into done when Lighthouse says so, and into pending when
    Lighthouse works on it again. That CLAIMS_EVIDENCE succeeded is never unlearned. The same
    observation a second time gives no transition.
    """
    if isinstance(observation, StatusReport):
        if document.lighthouse_status == DONE:
            return Decision(document, None)
        return _reported(document, observation, policy, now)
    if observation is Absence.NOT_FOUND:
        return _not_found(document, policy, now)
    after = document._replace(
        trouble_count=document.trouble_count + 1,
        unanswered_since=document.unanswered_since or now,
        judged_at=judged_at(document, document.lighthouse_status, policy, now),
    )
    remarks = verdict(document, after, policy, now)
    if not remarks:
        return Decision(after, None)
    return Decision(after, _change(document, after, None, (), remarks, now))


def _reported(document: Document, report: StatusReport, policy: Policy, now: Instant) -> Decision:
    said = read(document.steps, report.status, report.steps, report.error_step)
    status, outcome = _merge(document, report, said.status)
    if status is None:
        return _stays_failed(document, report, now)
    after = _after(document, report, said, status, outcome, policy, now)
    remarks = said.remarks
    # Not at every answer: the hot loop is spared a look at what most documents never have.
    plain = status != FAILED and report.status in REPORTED_STATUSES
    if not plain or document.not_found_since is not None or document.decided_at is not None:
        remarks += _circumstances(document, report, after)
    if document.judged_at is None and after.judged_at is not None:
        remarks += verdict(document, after, policy, now)
    changed = outcome or said.changes or remarks
    if not changed and after.current_step == document.current_step:
        return Decision(after, None)
    return Decision(after, _change(document, after, outcome, said.changes, remarks, now))


def condition_of(document: Document, policy: Policy) -> str:
    """What its state calls for by the last answer, acknowledged or not."""
    if document.lighthouse_status == FAILED:
        return failure_condition(document.failed_step, document.in_efolder_at)
    if document.lighthouse_status == DONE:
        # A document delivered without contradiction cannot have been acknowledged.
        acknowledged = document.condition in {Condition.ACKNOWLEDGED, Condition.CLOSED}
        return Condition.CONTRADICTORY if acknowledged else document.condition
    if document.not_found_since is not None:
        return Condition.NOT_FOUND
    return _lateness(handed_over_at(document), document.last_answered_at, policy)


def failure_condition(failed_step: str | None, in_efolder_at: Instant | None) -> str:
    """What a failure calls for: staff, the veteran, or a look first."""
    if in_efolder_at is not None:
        return Condition.IN_EFOLDER
    return (
        Condition.NOT_IN_EFOLDER
        if failed_step == Step.CLAIMS_EVIDENCE
        else Condition.EFOLDER_UNKNOWN
    )


def _after(
    document: Document,
    report: StatusReport,
    said: Reading,
    status: str,
    outcome: str | None,
    policy: Policy,
    now: Instant,
) -> Document:
    final = status != PENDING
    failed = status == FAILED
    known_word = report.status in REPORTED_STATUSES
    # The end of a failure is not the end of the recovery after it.
    ended_at = report.ended_at or (None if outcome else document.lighthouse_ended_at)
    failed_step = (said.failed_step or document.failed_step) if failed else None
    in_efolder_at = _in_efolder_at(document, said.in_efolder, now)
    answered_at = now if known_word else document.last_answered_at
    condition = _condition(
        document, said, status, outcome, failed_step, in_efolder_at, answered_at, policy
    )
    lost = condition == Condition.NOT_IN_EFOLDER
    # Of so many names `Document(…)` makes a dict first: a pass then takes 3 % longer.
    return Document.__new__(
        Document,
        id=document.id,
        request_id=document.request_id,
        document_type=document.document_type,
        tracked_at=document.tracked_at,
        created_at=document.created_at,
        lighthouse_status=status,
        condition=str(condition),  # the driver takes longer to bind a member of an enum
        reported_status=report.status,
        steps=said.steps,
        current_step=said.current_step
        or ((document.failed_step or Step.UNKNOWN) if failed else document.current_step),
        failed_step=failed_step,
        error_detail=(report.error_detail or document.error_detail) if failed else None,
        in_efolder_at=in_efolder_at,
        lighthouse_started_at=report.started_at or document.lighthouse_started_at,
        lighthouse_ended_at=ended_at if final else None,
        last_answered_at=answered_at,
        not_found_since=None,
        decided_at=(now if outcome else document.decided_at) if final else None,
        trouble_count=0,
        unanswered_since=None if known_word else document.unanswered_since or now,
        must_act_since=document.must_act_since
        or (now if lost and _can_send_again(document) else None),
        judged_at=judged_at(document, status, policy, now),
        first_tracked_at=document.first_tracked_at,
    )


def _can_send_again(document: Document) -> bool:
    """Whether the veteran can; staff send the others."""
    return document.document_type != DocumentType.BDD_INSTRUCTIONS


def _merge(document: Document, report: StatusReport, says: str) -> tuple[str | None, str | None]:
    """(status afterwards, outcome to publish); status None where a failure stays one."""
    was_failed = document.lighthouse_status == FAILED
    if says == DONE:
        return DONE, Outcome.RECOVERED if was_failed else Outcome.DONE
    if says == FAILED:
        # A failure for being not found is another failure than one Lighthouse itself reports.
        is_new = not was_failed or document.not_found_since is not None
        return FAILED, Outcome.FAILED if is_new else None
    if not was_failed:
        return PENDING, None
    # The poll schedule decides how long a failure is polled again; found, it is pending under
    # any word.
    works_again = report.status == Reported.IN_PROGRESS or document.not_found_since is not None
    return (PENDING, None) if works_again else (None, None)


def _stays_failed(document: Document, report: StatusReport, now: Instant) -> Decision:
    known_word = report.status in REPORTED_STATUSES
    after = document._replace(
        reported_status=report.status,
        last_answered_at=now if known_word else document.last_answered_at,
        trouble_count=0,
        unanswered_since=None if known_word else document.unanswered_since or now,
    )
    if known_word or report.status == document.reported_status:
        return Decision(after, None)
    remark = Remark(RemarkKind.UNKNOWN_STATUS, report.status)
    return Decision(after, _change(document, after, None, (), (remark,), now))


def _in_efolder_at(document: Document, in_efolder: bool | None, now: Instant) -> Instant | None:
    """Since when we know it to be there; what was only inferred gives way to a plain no."""
    if in_efolder is None:
        return document.in_efolder_at
    return (document.in_efolder_at or now) if in_efolder else None


def _condition(
    document: Document,
    said: Reading,
    status: str,
    outcome: str | None,
    failed_step: str | None,
    in_efolder_at: Instant | None,
    answered_at: Instant | None,
    policy: Policy,
) -> str:
    """What its state calls for by this answer; as it was, where that is kept."""
    if status == FAILED:
        condition = failure_condition(failed_step, in_efolder_at)
    elif status == DONE:
        contradicted = CONTRADICTED in said.remarks
        condition = Condition.CONTRADICTORY if contradicted else Condition.DELIVERED
    else:
        condition = _lateness(handed_over_at(document), answered_at, policy)
    if outcome or status != document.lighthouse_status or document.condition not in _KEPT:
        return condition
    worse = condition == Condition.NOT_IN_EFOLDER and condition != failure_condition(
        document.failed_step, document.in_efolder_at
    )
    return condition if worse else document.condition


def _lateness(tracked_at: Instant, answered_at: Instant | None, policy: Policy) -> str:
    """How late it was when Lighthouse itself last called it unfinished."""
    age = 0 if answered_at is None else answered_at - tracked_at
    if age < policy.slow_after_ms:
        return Condition.WAITING
    if age < policy.stuck_after_ms:
        return Condition.SLOW
    return Condition.STUCK if age < policy.overdue_after_ms else Condition.OVERDUE


def _circumstances(
    document: Document, report: StatusReport, after: Document
) -> tuple[Remark, ...]:
    """What is remarkable about this answer in the light of the one before."""
    remarks: tuple[Remark, ...] = ()
    if after.must_act_since is not None and document.must_act_since is None:
        remarks += (Remark(RemarkKind.VETERAN_MUST_ACT),)
    if report.status not in REPORTED_STATUSES and report.status != document.reported_status:
        remarks += (Remark(RemarkKind.UNKNOWN_STATUS, report.status),)
    if document.not_found_since is not None:
        remarks += (Remark(RemarkKind.FOUND),)
    if after.lighthouse_status == PENDING and document.lighthouse_status == FAILED:
        remarks += (Remark(RemarkKind.REOPENED),)
    return remarks


def _not_found(document: Document, policy: Policy, now: Instant) -> Decision:
    """Unknown to Lighthouse: pending and dated, and a failure once that has lasted too long."""
    if document.lighthouse_status != PENDING:
        after = document._replace(last_answered_at=now, trouble_count=0, unanswered_since=None)
        return Decision(after, None)
    since = document.not_found_since or now
    gone = now - since >= policy.not_found_fails_after_ms
    condition = failure_condition(None, document.in_efolder_at) if gone else Condition.NOT_FOUND
    after = document._replace(
        lighthouse_status=FAILED if gone else PENDING,
        condition=document.condition if document.condition in _KEPT and not gone else condition,
        last_answered_at=now,
        not_found_since=since,
        decided_at=now if gone else None,
        trouble_count=0,
        unanswered_since=None,
        judged_at=judged_at(document, FAILED if gone else PENDING, policy, now),
    )
    remarks = verdict(document, after, policy, now)
    if document.not_found_since is None:
        remarks = (Remark(RemarkKind.NOT_FOUND), *remarks)
    outcome = Outcome.FAILED if gone else None
    changed = outcome or remarks
    return Decision(
        after, _change(document, after, outcome, (), remarks, now) if changed else None
    )


def _plausible(at: Instant | None, now: Instant) -> Instant | None:
    """A time that Lighthouse named, None where no document can have started or ended then."""
    return at if at is not None and now - LONGEST_AGO_MS <= at <= now + DAY else None


def _change(
    document: Document,
    after: Document,
    outcome: str | None,
    step_changes: tuple[tuple[str, str], ...],
    remarks: tuple[Remark, ...],
    now: Instant,
) -> Change:
    ended = _plausible(after.lighthouse_ended_at, now)
    started = _plausible(after.lighthouse_started_at, now)
    processing = ended - started if outcome and ended and started and ended >= started else None
    detection = max(0, now - ended) if outcome and ended else None
    return Change(
        at=now,
        from_status=document.lighthouse_status,
        to_status=after.lighthouse_status,
        from_step=document.current_step,
        to_step=after.current_step,
        outcome=outcome and str(outcome),
        step_changes=step_changes,
        remarks=remarks,
        processing_ms=processing,
        detection_ms=detection,
    )
