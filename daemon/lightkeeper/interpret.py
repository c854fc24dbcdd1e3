"""What an answer means: (document, what Lighthouse said, policy, now) -> Decision. Pure."""

from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias

import orjson

from lightkeeper.model import (
    LIGHTHOUSE_STEPS,
    REPORTED_STATUSES,
    STEP_STATUSES,
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

# Enum members cost an attribute look-up each; the hot loop reads plain strings.
PENDING, DONE, FAILED = (str(status) for status in LighthouseStatus)
CLAIMS_EVIDENCE = str(Step.CLAIMS_EVIDENCE)
BENEFITS_GATEWAY_SERVICE = str(Step.BENEFITS_GATEWAY_SERVICE)
REMOVE_FILE_BINARY = str(Step.REMOVE_FILE_BINARY)
COMPLETE = str(Step.COMPLETE)
UNKNOWN = str(Step.UNKNOWN)
ENDED_DONE, ENDED_FAILED, ENDED_RECOVERED = (str(outcome) for outcome in Outcome)
CONTRADICTORY, HOUSEKEEPING, NOT_FOUND, FOUND, REOPENED = (
    str(remark)
    for remark in (
        Remark.CONTRADICTORY,
        Remark.HOUSEKEEPING,
        Remark.NOT_FOUND,
        Remark.FOUND,
        Remark.REOPENED,
    )
)


MAX_STEPS_KEPT: Final = 32
_Verdict: TypeAlias = tuple[str, str | None, str | None, tuple[str, ...]]
"""Status, current step, failed step, remarks."""


class _Reading(NamedTuple):
    """What a report says of a document of which certain steps were known before."""

    status: str
    current_step: str | None
    failed_step: str | None
    in_efolder: bool | None
    remarks: tuple[str, ...]
    steps: str
    changes: tuple[tuple[str, str], ...]


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
    read = _read(document.steps, report.status, report.steps, report.error_step)
    status, outcome = _merge(document, report, read.status)
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
        read.steps,
        read.current_step
        or ((document.failed_step or UNKNOWN) if failed else document.current_step),
        (read.failed_step or document.failed_step) if failed else None,
        (report.error_detail or document.error_detail) if failed else None,
        _in_efolder_at(document, read.in_efolder, now),
        report.started_at or document.lighthouse_started_at,
        ended_at if final else None,
        now if known_word else document.last_answered_at,
        None,
        (now if outcome else document.decided_at) if final else None,
        0,
    )
    remarks = read.remarks
    if not known_word or document.not_found_since is not None or document.decided_at is not None:
        remarks += _circumstances(document, report, status)
    changed = outcome or read.changes or remarks
    if not changed and after.current_step == document.current_step:
        return Decision(after, None)
    return Decision(after, _transition(document, after, outcome, read.changes, remarks, now))


# A handful of answers make up nearly all there are, so reading one again is a look-up. What a
# hostile Lighthouse could put in here is bounded in number, and in size by what is kept.
@lru_cache(maxsize=1_024)
def _read(
    steps_before: str, word: str, listed: tuple[tuple[str, str], ...], error_step: str | None
) -> _Reading:
    """What a report says of the document after what `steps_before` said."""
    steps = dict(listed)
    if word == "FAILED" and error_step and error_step not in steps:
        steps[error_step] = "FAILED"
    before: dict[str, str] = orjson.loads(steps_before)
    status, current_step, failed_step, remarks = _verdict(word, steps, error_step)
    return _Reading(
        status,
        current_step,
        failed_step,
        _in_efolder(word, steps, before, failed_step),
        remarks + _unknown_words(steps, before),
        orjson.dumps(_kept(before, steps)).decode(),
        tuple(
            (name, step_word)
            for name, step_word in steps.items()
            if step_word in REPORTED_STATUSES and before.get(name) != step_word
        ),
    )


def _verdict(word: str, steps: dict[str, str], error_step: str | None) -> _Verdict:
    if word == "SUCCESS":
        return _success(steps)
    if word == "FAILED":
        failed_step = _failed_step(error_step, steps)
        if failed_step == REMOVE_FILE_BINARY and _delivered(steps):
            return DONE, COMPLETE, None, (HOUSEKEEPING,)
        return FAILED, failed_step, failed_step, ()
    return PENDING, _running_step(steps), None, ()


def _success(steps: dict[str, str]) -> _Verdict:
    """SUCCESS is believed over what stands beside it, and what contradicts it is remarked."""
    otherwise = {name for name, word in steps.items() if word != "SUCCESS"}
    remarks: list[str] = []
    if otherwise - {REMOVE_FILE_BINARY}:
        remarks.append(CONTRADICTORY)
    if steps.get(REMOVE_FILE_BINARY) == "FAILED":
        remarks.append(HOUSEKEEPING)
    return DONE, COMPLETE, None, tuple(remarks)


def _in_efolder(
    word: str, steps: dict[str, str], before: dict[str, str], failed_step: str | None
) -> bool | None:
    """Whether the file is in the eFolder; None where nothing was said of it.

    BGS is tried only after CLAIMS_EVIDENCE succeeded, so having come that far tells as much.
    """
    said = steps.get(CLAIMS_EVIDENCE)
    if said == "SUCCESS":
        return True
    if said is None:
        reached_bgs = failed_step == BENEFITS_GATEWAY_SERVICE
        reached_bgs = reached_bgs or steps.get(BENEFITS_GATEWAY_SERVICE) == "SUCCESS"
        return True if word == "SUCCESS" or reached_bgs else None
    if word == "FAILED" and failed_step == BENEFITS_GATEWAY_SERVICE and said != "FAILED":
        return True
    # A plain no; but what succeeded once is not undone by a later word.
    return False if said == "FAILED" and before.get(CLAIMS_EVIDENCE) != "SUCCESS" else None


def _kept(before: dict[str, str], steps: dict[str, str]) -> dict[str, str]:
    """All steps ever named, as long as they are not absurdly many: then the latest ones."""
    merged = before | steps
    if len(merged) <= MAX_STEPS_KEPT:
        return merged
    return {name: word for name, word in before.items() if name in LIGHTHOUSE_STEPS} | steps


def _failed_step(named: str | None, steps: dict[str, str]) -> str | None:
    """The step Lighthouse blames; one it lists as SUCCESS is not blamed while another FAILED.

    Where CLAIMS_EVIDENCE failed, nothing else matters: VA does not have the file.
    """
    if steps.get(CLAIMS_EVIDENCE) == "FAILED":
        return CLAIMS_EVIDENCE
    failed = [name for name, word in steps.items() if word == "FAILED"]
    if named and (steps.get(named) != "SUCCESS" or not failed):
        return named
    return failed[0] if failed else None


def _delivered(steps: dict[str, str]) -> bool:
    others = {name: word for name, word in steps.items() if name != REMOVE_FILE_BINARY}
    return {CLAIMS_EVIDENCE, BENEFITS_GATEWAY_SERVICE} <= others.keys() and all(
        word == "SUCCESS" for word in others.values()
    )


def _running_step(steps: dict[str, str]) -> str | None:
    """The step under way: the first that runs, else the first not yet done; None if unsaid."""
    unfinished = [name for name, word in steps.items() if word != "SUCCESS"]
    for name in unfinished:
        if steps[name] == "IN_PROGRESS":
            return name
    if unfinished:
        return unfinished[0]
    return COMPLETE if steps else None


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


def _unknown_words(steps: dict[str, str], before: dict[str, str]) -> tuple[str, ...]:
    remarks = []
    for name, word in steps.items():
        if name not in LIGHTHOUSE_STEPS and name not in before:
            remarks.append(f"{Remark.UNKNOWN_STEP}:{name}")
        if word not in STEP_STATUSES and before.get(name) != word:
            remarks.append(f"{Remark.UNKNOWN_STEP_STATUS}:{word}")
    return tuple(dict.fromkeys(remarks))


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
