"""Calls that are made to see whether Lighthouse answers: probes, and trials of a batch."""

import random
from typing import Final

from lightkeeper.domain.answer import CallOutcome
from lightkeeper.polling.batch import Batch
from lightkeeper.polling.history import CallHistory
from lightkeeper.polling.queue import Queue

TRIAL: Final = 2
"""How many request ids a trial has."""


def trial(history: CallHistory, queue: Queue) -> Batch | None:
    """A call about two documents that were answered before, where that is to be tried."""
    if not history.is_trial_due(idle=not queue):
        return None
    ids = history.answered_for(TRIAL)
    return Batch([], probe=ids) if len(ids) == TRIAL else None


def probe_next(batch: Batch, outcome: CallOutcome, history: CallHistory, queue: Queue) -> None:
    """Poll one document alone next, to see whether Lighthouse answers at all.

    One that was answered for before; after a 404, one that Lighthouse knows. As long as there
    are not two such, as many as a trial lacks of the failed batch, its only one included.
    """
    unknown = outcome is CallOutcome.NOT_FOUND
    history.batches.probed = True
    had = history.known(TRIAL) if unknown else history.answered_for(TRIAL)
    lacking = min(TRIAL - len(had), len(batch.documents) - 1)
    for _ in range(lacking):
        one = batch.documents.pop(random.randrange(len(batch.documents)))
        queue.put_first(Batch([one], alone=True))
    other = history.companion_of(batch) if unknown else history.probe_of(batch)
    if lacking <= 0 and other is not None:
        queue.put_first(Batch([], alone=True, probe=(other,)))
    elif lacking <= 0 and len(batch.documents) == 1 and batch.failures:
        batch.alone, batch.companion = True, None  # the next call about it is the probe
