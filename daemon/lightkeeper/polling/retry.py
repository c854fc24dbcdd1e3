"""What to do with a batch whose call failed, and when a pass ends for it: every rule and number.

Pure.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from lightkeeper.domain.answer import ANSWERED, Answer, CallOutcome
from lightkeeper.domain.time import MINUTE
from lightkeeper.polling.batch import Batch
from lightkeeper.polling.interfaces import PollReport, Progress, State

FIRST_BACKOFF_SECONDS: Final = 0.25
LONGEST_BACKOFF_SECONDS: Final = 30.0
HALVE_AFTER: Final = 2
"""Failed calls after which a batch is halved; each half is halved again at its next failure."""
LIMITED_AFTER: Final = 3
"""Calls that ended as 429 after which a batch is halved, if others were answered meanwhile."""
DROP_AFTER: Final = 4
"""Failed calls after which a batch is dropped."""
DUE_AGAIN_MS: Final = MINUTE
"""How soon a document is due again in the store once a call with it has failed."""
PROBE_EVERY: Final = 2
"""Failed calls in a row after which a probe is made; again after as many more."""
LIMITED_PROBE_EVERY: Final = 3
"""Calls in a row that ended as 429 after which a probe is made; again after as many more."""
SLOW_CALL_SECONDS: Final = 2.0
"""A failed call that took longer is followed by a probe at once."""
GIVE_UP_AFTER: Final = 10
"""Failed calls in a row after which the fault is Lighthouse's, and no document's: batches are not
halved any more, and a pass of `lightkeeper poll` ends."""
GIVE_UP_AFTER_LIMITED: Final = 6
"""Calls that end as 429 in a row after which a pass ends: half a minute, with growing pauses."""
GIVE_UP_SECONDS: Final = 8.0
"""Seconds of failed calls in a row after which a pass of `lightkeeper poll` ends.

With the deadline of a call before and after them a pass ends within half a minute.
"""
BATCHES_GIVE_UP_SECONDS: Final = 28.0
"""Seconds since the first failed call about several documents began, after which a pass of
`lightkeeper poll` ends that polls documents singly, or cannot decide on that because each call is
slow. With the call after them, which may take ten seconds, it ends within 40."""
CALLS_LEFT_SINGLY: Final = 20
"""Calls of the rate limit, a third of it at most, that a pass of `lightkeeper poll` leaves that
polls documents singly: one right after it finds out that batches fail without waiting first."""
LONGEST_RATE_WAIT_SECONDS: Final = 300.0
"""The longest pause for the rate limit that a pass of `lightkeeper poll` waits out."""
ALONE_AFTER: Final = 3
"""Calls without a usable answer for a document, after which it is polled alone."""

_CONCERNS_EVERY_CALL: Final = frozenset({CallOutcome.TOKEN_UNAVAILABLE})
"""Outcomes that no document causes; each of the others one document can cause for its batch."""
_ONLY_SINGLY: Final = (
    "batches fail while calls about one document are answered: some were polled singly"
)


class NextStep(Enum):
    """What to do with a batch whose call got no answer."""

    RETRY = "poll it again as it is"
    HALVE = "poll each half: one document may make the call fail"
    ALONE = "poll its one document by `poll_one`"
    BLAME = "record that its document is refused: Lighthouse answers the other calls"
    DROP = "release its documents: the store has them due again later"
    WAIT = "keep it until the rate limit allows the next call"
    SHRINK = "make batches smaller, this one first: it has more documents than a call may have"
    RECORD = "record that the answer leaves its documents out"
    FORGET = "nothing: it was a probe"


@dataclass(frozen=True, slots=True)
class History:
    """How the latest calls ended, the one to decide on included."""

    failures_in_row: int
    answered_since: int
    """Calls that were answered since the batch failed first."""
    call_seconds: float = 0.0
    """How long the call took."""
    limited_in_row: int = 0
    """Calls in a row that ended as 429."""
    batches_answered: bool = False
    """Whether the last call about several documents before it was answered."""
    only_alone_answered: bool = False
    """Whether calls about one document were answered since those about several fail."""
    probed: bool = False
    """Whether a probe was made since those about several fail."""


def is_answered(answer: Answer, batch: Batch) -> bool:
    """Whether the answer is one about the documents of the batch.

    A 404 for several documents names none of them: it may be the fault of one. A document is
    not found where an answer names it, or where it was polled by `poll_one`. An answer that has
    no usable word on any of several documents may be the fault of one, too.
    """
    if answer.outcome is CallOutcome.OK:
        one = len(batch.request_ids) == 1
        return answer.says_something or batch.alone or (one and not batch.split)
    return answer.outcome is CallOutcome.NOT_FOUND and batch.alone


def is_failure(outcome: CallOutcome, batch: Batch) -> bool:
    """Whether a call without an answer counts as failed, and is followed by a backoff.

    The exceptions: after a 429 the daemon waits; after a 413, a 404 for all and an answer
    without a usable word it sends fewer documents.
    """
    if outcome is CallOutcome.TOO_LARGE:
        return batch.is_probe or len(batch.documents) == 1
    return outcome not in {CallOutcome.RATE_LIMITED, *ANSWERED}


def shows_batches_failing(outcome: CallOutcome, batch: Batch, *, not_found: bool) -> bool:
    """Whether a call to the endpoint for several documents failed for a reason of its own.

    A 413 is one where no fewer documents can be sent. `not_found`: a call about one of them alone
    ended as 404, so that a 404 shows nothing.
    """
    if batch.alone or outcome in _CONCERNS_EVERY_CALL:
        return False
    if outcome is CallOutcome.NOT_FOUND and not_found:
        return False
    if outcome is CallOutcome.TOO_LARGE:
        return batch.is_probe or len(batch.documents) == 1
    return len(batch.request_ids) > 1


def is_probe_due(outcome: CallOutcome, batch: Batch, history: History) -> bool:
    """Whether to poll one document alone next: an answer shows that Lighthouse is well."""
    if batch.is_probe or outcome in _CONCERNS_EVERY_CALL:
        return False
    if outcome is CallOutcome.RATE_LIMITED:
        return history.limited_in_row % LIMITED_PROBE_EVERY == 0
    if outcome is CallOutcome.OK:
        known = history.batches_answered or history.probed or batch.documents[0].trouble_count
        return len(batch.documents) > 1 and not known
    if outcome is CallOutcome.NOT_FOUND:
        return len(batch.documents) > 1 and batch.companion is None
    if not is_failure(outcome, batch):
        return False
    row = history.failures_in_row
    return row % PROBE_EVERY == 0 or (row == 1 and is_slow(outcome, history))


def is_slow(outcome: CallOutcome, history: History) -> bool:
    """Whether the call took so long that few more like it can be afforded."""
    return outcome is CallOutcome.TIMEOUT or history.call_seconds > SLOW_CALL_SECONDS


def next_step(outcome: CallOutcome, batch: Batch, history: History) -> NextStep:
    """What to do with `batch`, whose call ended as `outcome` and got no answer.

    A failed call is counted in `batch.failures` already, one that ended as 429 in `limited`. `ok`
    stands for an answer without a usable word: where other calls are answered, one document may be
    the reason; where that is not known, the batch waits for it once.
    """
    if batch.is_probe:
        return NextStep.FORGET
    if outcome is CallOutcome.OK:
        if batch.documents[0].trouble_count:
            return NextStep.RECORD  # polled alone after repeated trouble
        others = history.batches_answered or history.only_alone_answered
        if others or len(batch.documents) == 1:
            return _close_in(batch)
        return NextStep.RETRY if batch.failures < HALVE_AFTER else NextStep.RECORD
    if outcome is CallOutcome.RATE_LIMITED:
        concerns_it = batch.limited >= LIMITED_AFTER and history.answered_since
        return _close_in(batch) if concerns_it else NextStep.WAIT
    if outcome is CallOutcome.NOT_FOUND:
        return _close_in(batch)
    if not is_failure(outcome, batch):
        return NextStep.SHRINK
    if outcome not in _CONCERNS_EVERY_CALL and batch.failures >= HALVE_AFTER:
        many = len(batch.documents) > 1
        if many and history.failures_in_row >= GIVE_UP_AFTER:
            pass  # Lighthouse fails, and halving finds no document
        elif not batch.alone or history.answered_since:
            return _close_in(batch)
    return NextStep.DROP if batch.failures >= DROP_AFTER else NextStep.RETRY


def _close_in(batch: Batch) -> NextStep:
    """The next step to the one document that makes the batch fail."""
    if len(batch.documents) > 1:
        return NextStep.HALVE
    return NextStep.BLAME if batch.alone else NextStep.ALONE


def backoff_seconds(failures_in_row: int, jitter: float) -> float:
    """The pause before the next call: twice as long after each further failure.

    `jitter`, from 0 to 1, is drawn at random: it keeps several daemons out of step.
    """
    doublings = min(failures_in_row - 1, 16)
    pause = min(FIRST_BACKOFF_SECONDS * 2.0**doublings, LONGEST_BACKOFF_SECONDS)
    return pause * (0.5 + 0.5 * jitter)


def reason_to_end(
    report: PollReport, progress: Progress, *, left: int | None, limit: int | None
) -> str:
    """Why a pass of `lightkeeper poll` ends after a step; empty where it goes on, or polled all.

    `left` of `limit` calls are left by the rate limit; None where that is not known.
    """
    singly = report.singly_seconds is not None
    if progress.state is State.IDLE:
        return _ONLY_SINGLY if singly else ""
    # A wait for the rate limit is no failure of Lighthouse.
    wait = 0.0 if progress.rate_limited else progress.wait_seconds
    slow = report.call_seconds > SLOW_CALL_SECONDS and not progress.rate_limited
    batches_failing = report.batches_failing_seconds + progress.wait_seconds
    if batches_failing >= BATCHES_GIVE_UP_SECONDS and (
        singly or (slow and report.only_alone_answered)
    ):
        return _ONLY_SINGLY
    if singly and left is not None and left <= min(CALLS_LEFT_SINGLY, (limit or 0) // 3):
        return _ONLY_SINGLY
    if report.rate_limited_in_row >= GIVE_UP_AFTER_LIMITED:
        return f"gave up after {report.rate_limited_in_row} calls answered 429 in a row"
    failing = report.failing_seconds - report.waited_seconds + wait
    out_of_time = failing >= GIVE_UP_SECONDS
    if report.failures_in_row and (out_of_time or report.failures_in_row >= GIVE_UP_AFTER):
        return f"gave up after {report.failures_in_row} failed calls in a row"
    if progress.rate_limited and progress.wait_seconds > LONGEST_RATE_WAIT_SECONDS:
        return f"Lighthouse's rate limit allows the next call in {progress.wait_seconds:.0f} s"
    return ""
