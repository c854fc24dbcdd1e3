"""What a report says by itself: status, steps, blame, eFolder, odd words. Pure.

`interpret` holds it against what was known of the document before.
"""

from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias

from lightkeeper.domain.answer import REPORTED_STATUSES, STEP_STATUSES, Reported
from lightkeeper.domain.change import Remark, RemarkKind
from lightkeeper.domain.document import DONE, FAILED, LIGHTHOUSE_STEPS, PENDING, Step
from lightkeeper.domain.steps import decode, encode

CONTRADICTED: Final = Remark(RemarkKind.CONTRADICTORY)
HOUSEKEEPING: Final = Remark(RemarkKind.HOUSEKEEPING)
MAX_STEPS_KEPT: Final = 32
_Verdict: TypeAlias = tuple[str, str | None, str | None, tuple[Remark, ...]]
"""Status, current step, failed step, remarks."""


class Reading(NamedTuple):
    """What a report says of a document of which certain steps were known before."""

    status: str
    current_step: str | None
    failed_step: str | None
    in_efolder: bool | None
    remarks: tuple[Remark, ...]
    steps: str
    changes: tuple[tuple[str, str], ...]


# Nearly all answers are one of a few: without the cache a pass takes 8 % longer. Its entries are
# bounded in number, and in size by what is kept of an answer.
@lru_cache(maxsize=1_024)
def read(
    steps_before: str, word: str, listed: tuple[tuple[str, str], ...], error_step: str | None
) -> Reading:
    """What a report says of the document after what `steps_before` said."""
    steps = dict(listed)
    if word == Reported.FAILED and error_step and error_step not in steps:
        steps[error_step] = str(Reported.FAILED)
    before = decode(steps_before)
    status, current_step, failed_step, remarks = _verdict(word, steps, error_step)
    return Reading(
        status=status,
        current_step=current_step and str(current_step),
        failed_step=failed_step,
        in_efolder=_in_efolder(word, steps, before, failed_step),
        remarks=remarks + _unknown_words(steps, before),
        steps=encode(_kept(before, steps)),
        changes=tuple(
            (name, step_word)
            for name, step_word in steps.items()
            if step_word in REPORTED_STATUSES and before.get(name) != step_word
        ),
    )


def _verdict(word: str, steps: dict[str, str], error_step: str | None) -> _Verdict:
    if word == Reported.SUCCESS:
        return _success(steps)
    if word == Reported.FAILED:
        failed_step = _failed_step(error_step, steps)
        if failed_step == Step.REMOVE_FILE_BINARY and _delivered(steps):
            return DONE, Step.COMPLETE, None, (HOUSEKEEPING,)
        return FAILED, failed_step, failed_step, ()
    return PENDING, _running_step(steps), None, ()


def _success(steps: dict[str, str]) -> _Verdict:
    """SUCCESS is believed over what stands beside it, and what contradicts it is remarked."""
    otherwise = {name for name, word in steps.items() if word != Reported.SUCCESS}
    remarks: list[Remark] = []
    if otherwise - {Step.REMOVE_FILE_BINARY}:
        remarks.append(CONTRADICTED)
    if steps.get(Step.REMOVE_FILE_BINARY) == Reported.FAILED:
        remarks.append(HOUSEKEEPING)
    return DONE, Step.COMPLETE, None, tuple(remarks)


def _in_efolder(
    word: str, steps: dict[str, str], before: dict[str, str], failed_step: str | None
) -> bool | None:
    """Whether the file is in the eFolder; None where nothing was said of it.

    BGS is tried only after CLAIMS_EVIDENCE succeeded, so having come that far tells as much.
    """
    said = steps.get(Step.CLAIMS_EVIDENCE)
    if said == Reported.SUCCESS:
        return True
    if said is None:
        reached_bgs = failed_step == Step.BENEFITS_GATEWAY_SERVICE
        reached_bgs = reached_bgs or steps.get(Step.BENEFITS_GATEWAY_SERVICE) == Reported.SUCCESS
        return True if word == Reported.SUCCESS or reached_bgs else None
    if (
        word == Reported.FAILED
        and failed_step == Step.BENEFITS_GATEWAY_SERVICE
        and said != Reported.FAILED
    ):
        return True
    # A plain no undoes what was inferred, when first said; not what succeeded once.
    known = before.get(Step.CLAIMS_EVIDENCE) in {Reported.SUCCESS, Reported.FAILED}
    return False if said == Reported.FAILED and not known else None


def _kept(before: dict[str, str], steps: dict[str, str]) -> dict[str, str]:
    """All steps ever named; where they are absurdly many, the known and the latest ones."""
    merged = before | steps
    if len(merged) <= MAX_STEPS_KEPT:
        return merged
    return {name: word for name, word in before.items() if name in LIGHTHOUSE_STEPS} | steps


def _failed_step(named: str | None, steps: dict[str, str]) -> str | None:
    """The step Lighthouse blames; one it lists as SUCCESS is not blamed while another FAILED.

    Where Step.CLAIMS_EVIDENCE failed, nothing else matters: VA does not have the file.
    """
    if steps.get(Step.CLAIMS_EVIDENCE) == Reported.FAILED:
        return Step.CLAIMS_EVIDENCE
    failed = [name for name, word in steps.items() if word == Reported.FAILED]
    if named and (steps.get(named) != Reported.SUCCESS or not failed):
        return named
    return failed[0] if failed else None


def _delivered(steps: dict[str, str]) -> bool:
    others = {name: word for name, word in steps.items() if name != Step.REMOVE_FILE_BINARY}
    return {Step.CLAIMS_EVIDENCE, Step.BENEFITS_GATEWAY_SERVICE} <= others.keys() and all(
        word == Reported.SUCCESS for word in others.values()
    )


def _running_step(steps: dict[str, str]) -> str | None:
    """The step under way: the first that runs, else the first not yet done; None if unsaid."""
    unfinished = [name for name, word in steps.items() if word != Reported.SUCCESS]
    for name in unfinished:
        if steps[name] == Reported.IN_PROGRESS:
            return name
    if unfinished:
        return unfinished[0]
    return Step.COMPLETE if steps else None


def _unknown_words(steps: dict[str, str], before: dict[str, str]) -> tuple[Remark, ...]:
    remarks = []
    for name, word in steps.items():
        if name not in LIGHTHOUSE_STEPS and name not in before:
            remarks.append(Remark(RemarkKind.UNKNOWN_STEP, name))
        if word not in STEP_STATUSES and before.get(name) != word:
            remarks.append(Remark(RemarkKind.UNKNOWN_STEP_STATUS, word))
    return tuple(dict.fromkeys(remarks))
