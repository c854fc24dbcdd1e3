"""What an answer means: (document, what Lighthouse said, policy, now) -> Decision. Pure."""

from lightkeeper.model import (
    REPORTED_STATUSES,
    Absence,
    Decision,
    Document,
    Instant,
    LighthouseStatus,
    Observation,
    Outcome,
    Policy,
    Remark,
    StatusReport,
    Step,
    Transition,
)
from lightkeeper.reading import read

# Enum members cost an attribute look-up each; the hot loop reads plain strings.
PENDING, DONE, FAILED = (str(status) for status in LighthouseStatus)
UNKNOWN = str(Step.UNKNOWN)
ENDED_DONE, ENDED_FAILED, ENDED_RECOVERED = (str(outcome) for outcome in Outcome)
NOT_FOUND, FOUND = str(Remark.NOT_FOUND), str(Remark.FOUND)
REOPENED = str(Remark.REOPENED)


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
        return _reported(document, observation, now)
    if observation is Absence.NOT_FOUND:
        return _not_found(document, policy, now)
    return Decision(document._replace(trouble_count=document.trouble_count + 1), None)


def _reported(document: Document, report: StatusReport, now: Instant) -> Decision:
    said = read(document.steps, report.status, report.steps, report.error_step)
    status, outcome = _merge(document, report, said.status)
    if status is None:
        return _stays_failed(document, report, now)

    final = status != PENDING
    failed = status == FAILED
    known_word = report.status in REPORTED_STATUSES
    # The end of a failure is not the end of the recovery after it.
    ended_at = report.ended_at or (None if outcome else document.lighthouse_ended_at)
    after = Document(
        document.id,
        document.request_id,
        document.document_type,
        document.tracked_at,
        status,
        report.status,
        said.steps,
        said.current_step
        or ((document.failed_step or UNKNOWN) if failed else document.current_step),
        (said.failed_step or document.failed_step) if failed else None,
        (report.error_detail or document.error_detail) if failed else None,
        _in_efolder_at(document, said.in_efolder, now),
        report.started_at or document.lighthouse_started_at,
        ended_at if final else None,
        now if known_word else document.last_answered_at,
        None,
        (now if outcome else document.decided_at) if final else None,
        0,
    )
    remarks = said.remarks
    if not known_word or document.not_found_since is not None or document.decided_at is not None:
        remarks += _circumstances(document, report, status)
    changed = outcome or said.changes or remarks
    if not changed and after.current_step == document.current_step:
        return Decision(after, None)
    return Decision(after, _transition(document, after, outcome, said.changes, remarks, now))


def _merge(document: Document, report: StatusReport, says: str) -> tuple[str | None, str | None]:
    """(status afterwards, outcome to tell); status None where a failure simply stays one."""
    was_failed = document.lighthouse_status == FAILED
    if says == DONE:
        return DONE, ENDED_RECOVERED if was_failed else ENDED_DONE
    if says == FAILED:
        # A failure for being not found is another failure than one Lighthouse itself reports.
        is_news = not was_failed or document.not_found_since is not None
        return FAILED, ENDED_FAILED if is_news else None
    if not was_failed:
        return PENDING, None
    # How long a failure is looked at again is the cadence's business; found, it is pending
    # under whatever word.
    works_again = report.status == "IN_PROGRESS" or document.not_found_since is not None
    return (PENDING, None) if works_again else (None, None)


def _stays_failed(document: Document, report: StatusReport, now: Instant) -> Decision:
    known_word = report.status in REPORTED_STATUSES
    after = document._replace(
        reported_status=report.status,
        last_answered_at=now if known_word else document.last_answered_at,
        trouble_count=0,
    )
    if known_word or report.status == document.reported_status:
        return Decision(after, None)
    remark = f"{Remark.UNKNOWN_STATUS}:{report.status}"
    return Decision(after, _transition(document, after, None, (), (remark,), now))


def _in_efolder_at(document: Document, in_efolder: bool | None, now: Instant) -> Instant | None:
    """Since when we know it to be there; what was only inferred gives way to a plain no."""
    if in_efolder is None:
        return document.in_efolder_at
    return (document.in_efolder_at or now) if in_efolder else None


def _circumstances(document: Document, report: StatusReport, status: str) -> tuple[str, ...]:
    """What is remarkable about this answer in the light of the one before."""
    remarks: tuple[str, ...] = ()
    if report.status not in REPORTED_STATUSES and report.status != document.reported_status:
        remarks += (f"{Remark.UNKNOWN_STATUS}:{report.status}",)
    if document.not_found_since is not None:
        remarks += (FOUND,)
    if status == PENDING and document.lighthouse_status == FAILED:
        remarks += (REOPENED,)
    return remarks


def _not_found(document: Document, policy: Policy, now: Instant) -> Decision:
    """Unknown to Lighthouse: pending and dated, and a failure once that has lasted too long."""
    if document.lighthouse_status != PENDING:
        return Decision(document._replace(last_answered_at=now, trouble_count=0), None)
    since = document.not_found_since or now
    gone = now - since >= policy.not_found_fails_after_ms
    after = document._replace(
        lighthouse_status=FAILED if gone else PENDING,
        last_answered_at=now,
        not_found_since=since,
        decided_at=now if gone else None,
        trouble_count=0,
    )
    if gone:
        return Decision(after, _transition(document, after, ENDED_FAILED, (), (), now))
    if document.not_found_since is None:
        return Decision(after, _transition(document, after, None, (), (NOT_FOUND,), now))
    return Decision(after, None)


def _transition(
    document: Document,
    after: Document,
    outcome: str | None,
    changes: tuple[tuple[str, str], ...],
    remarks: tuple[str, ...],
    now: Instant,
) -> Transition:
    ended, started = after.lighthouse_ended_at, after.lighthouse_started_at
    processing = ended - started if outcome and ended and started and ended >= started else None
    detection = max(0, now - ended) if outcome and ended else None
    return Transition(
        now,
        document.lighthouse_status,
        after.lighthouse_status,
        document.current_step,
        after.current_step,
        outcome,
        changes,
        remarks,
        processing,
        detection,
    )
