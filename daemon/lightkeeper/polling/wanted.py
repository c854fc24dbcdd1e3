"""The polls that callers wait for: they go first, from a share of the rate limit."""

from collections.abc import Callable, Collection, Sequence
from typing import Final, Protocol

from lightkeeper.domain.document import Document
from lightkeeper.domain.time import SECOND, Instant
from lightkeeper.polling.batch import Batch
from lightkeeper.polling.history import CallHistory
from lightkeeper.polling.interfaces import Budget
from lightkeeper.polling.queue import Queue

LOOK_EVERY_SECONDS: Final = 0.5
"""How often the store is looked at for wanted polls, while none is known."""
LOOKED_AT: Final = 1_000
"""How many are looked at, of each caller in turn."""


class WaitedFor(Protocol):
    """A document that callers want polled."""

    @property
    def document(self) -> Document: ...
    @property
    def asked_by(self) -> str: ...
    def is_over(self, now: Instant, seen_at: Instant) -> bool: ...


class WantedStore(Protocol):
    """What is needed of the store."""

    def in_turn(self, limit: int) -> Sequence[WaitedFor]: ...
    def settle(self, ids: Collection[int]) -> None: ...


class WantedBatches:
    """Makes the batches of the polls that callers wait for.

    The store holds which they are, and nothing else does: after a restart they go on.
    """

    def __init__(
        self,
        store: WantedStore,
        queue: Queue,
        history: CallHistory,
        clock: Callable[[], Instant],
        monotonic: Callable[[], float],
    ) -> None:
        self._store = store
        self._queue = queue
        self._history = history
        self._clock = clock
        self._monotonic = monotonic
        self._known: dict[int, Instant] = {}
        """When each was seen first."""
        self._looked_at = float("-inf")
        self._went_first = False

    def batch(self, budget: Budget, size: int) -> Batch | None:
        """At most `size` documents that callers wait for, where a call may go out now; else None.

        Where the rate limit, or the backoff after failed calls, lasts longer than the callers
        wait, they are answered now. While other documents wait, every other call is theirs.
        """
        if self._monotonic() - self._looked_at < LOOK_EVERY_SECONDS:
            return None
        if self._queue.is_busy or (self._queue and self._went_first):
            self._went_first = False
            return None
        self._looked_at = self._monotonic()
        found, now = self._store.in_turn(LOOKED_AT), self._clock()
        # Whose calls were fewest goes first; the others fill the call up.
        found = sorted(found, key=lambda each: budget.wanted_calls(each.asked_by))
        ids = [each.document.id for each in found]
        self._known = {each: self._known.get(each, now) for each in ids}
        if not found:
            return None
        callers = {each.asked_by for each in found}
        allowed_in = budget.wait_for_wanted(callers, backlog=self._queue.is_behind)
        wait = max(allowed_in, self._history.backoff_left)
        until = now + round(wait * SECOND)
        seen_at = self._known.__getitem__
        over = {
            each.document.id for each in found if each.is_over(until, seen_at(each.document.id))
        }
        if over:
            self._settle(over)
        left = [each.document for each in found if each.document.id in self._known]
        singly = self._history.is_singly
        batch = None if wait > 0 else self._queue.take(left, 1 if singly else size, alone=singly)
        if batch is not None:
            budget.spend_on_wanted(found[0].asked_by)
            self._looked_at = float("-inf")  # more may be wanted than one call is about
            self._went_first = True
        return batch

    def polled(self, batch: Batch) -> None:
        """Let the callers go on who wait for documents of this batch, but for those in flight."""
        if self._known and (done := self._known.keys() & self._queue.released(batch)):
            self._settle(done)

    def _settle(self, ids: set[int]) -> None:
        self._store.settle(ids)
        for each in ids:
            self._known.pop(each, None)
