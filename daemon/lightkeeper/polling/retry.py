"""What to do with a batch whose call failed: every rule and every number of it. Pure."""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from lightkeeper.domain.answer import CallOutcome
from lightkeeper.domain.time import MINUTE
from lightkeeper.polling.batch import Batch

FIRST_BACKOFF_SECONDS: Final = 0.25
LONGEST_BACKOFF_SECONDS: Final = 30.0
HALVE_AFTER: Final = 2
"""Failed calls after which a batch is halved; each half is halved again at its next failure."""
DROP_AFTER: Final = 4
"""Failed calls after which a batch is dropped."""
DUE_AGAIN_MS: Final = MINUTE
"""How soon a document is due again in the store once a call with it has failed."""
PROBE_EVERY: Final = 2
"""Failed calls in a row after which a probe is made; again after as many more."""
GIVE_UP_AFTER: Final = 10
"""Failed calls in a row after which the fault is Lighthouse's, and no document's: batches are not
halved any more, and a pass of `lightkeeper poll` ends."""
GIVE_UP_AFTER_LIMITED: Final = 6
"""Calls that end as 429 in a row after which a pass ends: half a minute, with growing pauses."""
GIVE_UP_SECONDS: Final = 8.0
"""Seconds of failed calls in a row after which a pass of `lightkeeper poll` ends.

With the deadline of a call before and after them a pass ends within half a minute.
"""
LONGEST_RATE_WAIT_SECONDS: Final = 300.0
"""The longest pause for the rate limit that a pass of `lightkeeper poll` waits out."""
ALONE_AFTER: Final = 3
"""Calls without a usable answer for a document, after which it is polled alone."""

_MAY_BE_POISON: Final = frozenset(
    {
        CallOutcome.REJECTED,
        CallOutcome.SERVER_ERROR,
        CallOutcome.MALFORMED,
        CallOutcome.TIMEOUT,
        CallOutcome.TOO_LARGE,
    }
)
"""Outcomes that one document can cause for its whole batch; no document causes the others."""


class NextStep(Enum):
    """What to do with a batch whose call got no answer."""

    RETRY = "poll it again as it is"
    HALVE = "poll each half: one document may make the call fail"
    ALONE = "poll its one document by `poll_one`"
    BLAME = "record that its document is refused: Lighthouse answers the other calls"
    DROP = "release its documents: the store has them due again later"
    WAIT = "keep it until the rate limit allows the next call"
    SHRINK = "make batches smaller, this one first: it has more documents than a call may have"
    FORGET = "nothing: it was a probe"


@dataclass(frozen=True, slots=True)
class History:
    """How the latest calls ended, the one to decide on included."""

    failures_in_row: int
    answered_since: int
    """Calls that were answered since the batch failed first."""


def is_failure(outcome: CallOutcome, batch: Batch) -> bool:
    """Whether a call without an answer counts as failed, and is followed by a backoff.

    The exceptions: after a 429 the daemon waits, after a 413 it sends fewer documents.
    """
    if outcome is CallOutcome.TOO_LARGE:
        return batch.is_probe or len(batch.documents) == 1
    return outcome is not CallOutcome.RATE_LIMITED


def is_probe_due(outcome: CallOutcome, batch: Batch, history: History) -> bool:
    """Whether to poll one document alone next: an answer shows that Lighthouse is well."""
    if batch.is_probe or outcome not in _MAY_BE_POISON:
        return False
    row = history.failures_in_row
    return row % PROBE_EVERY == 0 or (row == 1 and outcome is CallOutcome.TIMEOUT)


def next_step(outcome: CallOutcome, batch: Batch, history: History) -> NextStep:
    """What to do with `batch`, whose call ended as `outcome` and got no answer.

    A failed call is counted in `batch.failures` already.
    """
    if outcome is CallOutcome.RATE_LIMITED:
        return NextStep.WAIT
    if batch.is_probe:
        return NextStep.FORGET
    if not is_failure(outcome, batch):
        return NextStep.SHRINK
    if outcome in _MAY_BE_POISON and batch.failures >= HALVE_AFTER:
        if len(batch.documents) > 1:
            if history.failures_in_row < GIVE_UP_AFTER:
                return NextStep.HALVE
        elif not batch.alone:
            return NextStep.ALONE
        elif history.answered_since:
            return NextStep.BLAME
    return NextStep.DROP if batch.failures >= DROP_AFTER else NextStep.RETRY


def backoff_seconds(failures_in_row: int, jitter: float) -> float:
    """The pause before the next call: twice as long after each further failure.

    `jitter`, from 0 to 1, is drawn at random: it keeps several daemons out of step.
    """
    doublings = min(failures_in_row - 1, 16)
    pause = min(FIRST_BACKOFF_SECONDS * 2.0**doublings, LONGEST_BACKOFF_SECONDS)
    return pause * (0.5 + 0.5 * jitter)
