"""One step of polling: due -> ask -> interpret -> record. No loop, no sleep.

Whoever calls `Poller.step` decides how often, how long and with what patience: the service in
slices, `lightkeeper poll` until nothing is left.
"""

import random
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from enum import Enum, auto
from typing import Final, NamedTuple

import structlog

from lightkeeper.domain.answer import (
    ANSWERED,
    Absence,
    Answer,
    CallOutcome,
    CallProblem,
    Observation,
    StatusReport,
)
from lightkeeper.domain.change import Recorded
from lightkeeper.domain.document import Document
from lightkeeper.domain.interpret import interpret
from lightkeeper.domain.policy import Policy
from lightkeeper.domain.poll_schedule import CALL_FAILED_RETRY_MS, next_poll_at
from lightkeeper.domain.time import Instant
from lightkeeper.polling.batch import Batch, halves
from lightkeeper.polling.interfaces import Counts, StatusClient, Store

HALVE_AFTER: Final = 2
"""Failed calls after which a batch is halved; each half is halved again at its next failure."""
DROP_AFTER: Final = 4
"""Failed calls after which a batch is let go; the store has its documents due again later."""
ALONE_AFTER: Final = 3
"""Answers running without a usable word, after which a document is asked about by itself."""
PROBE_EVERY: Final = 2
"""Failed calls in a row, at each so many of which a document is asked about by itself."""
CALLS_AHEAD: Final = 10
GROW_AFTER: Final = 100
"""Answered calls after which a batch size learned from 413 is doubled, should it be outdated."""
GIVE_UP_AFTER: Final = 10
"""Failed calls in a row after which it is Lighthouse that fails, not a document in a batch."""
FIRST_BACKOFF_SECONDS: Final = 0.25
LONGEST_BACKOFF_SECONDS: Final = 30.0

# One document can make these happen to a whole batch; the others are nobody's fault.
_MAY_BE_POISON: Final = frozenset(
    {
        CallOutcome.REJECTED,
        CallOutcome.SERVER_ERROR,
        CallOutcome.MALFORMED,
        CallOutcome.TIMEOUT,
        CallOutcome.TOO_LARGE,
    }
)

log = structlog.get_logger()


class State(Enum):
    """What a step came to."""

    WORKED = auto()
    WAITING = auto()
    IDLE = auto()


class Progress(NamedTuple):
    """What a step came to, and for `WAITING` how many seconds until the next makes sense."""

    state: State
    wait_seconds: float = 0.0
    rate_limited: bool = False


class Poller:
    """Asks Lighthouse about what is due, a call a step, and keeps what failed to try it again."""

    def __init__(
        self,
        store: Store,
        lighthouse: StatusClient,
        policy: Policy,
        *,
        batch_size: int,
        clock: Callable[[], Instant],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._lighthouse = lighthouse
        self._policy = policy
        self._full_size = self._batch_size = batch_size
        self._clock = clock
        self._monotonic = monotonic
        self._fresh: deque[Batch] = deque()
        self._retries: deque[Batch] = deque()
        self._held: set[int] = set()
        self._not_before = 0.0
        self._turn = self._answers = self._fetched_at = 0
        self._answered_id: int | None = None
        self.failures_in_row = self.throttled_in_row = 0
        self.throttled_since: float | None = None
        self.failing_since: float | None = None
        """Since when every call has failed, on the monotonic clock."""
        self.dropped: set[int] = set()
        """Ids of documents that could not be asked about and were let go."""
        self.last_failure = ""
        self.called_at: float | None = None
        """When Lighthouse was called last, on the monotonic clock."""
        self.counts = Counts()

    def step(self, cutoff: Instant | None = None) -> Progress:
        """Make at most one call. Documents due after `cutoff` (now) are left for later.

        Raises what the store raises; the documents of that call are then due as before.
        """
        # Work first: waiting for a turn that nobody needs would hold a pass up.
        if not self._fresh and len(self._retries) < CALLS_AHEAD:
            self._fetch(cutoff)
        if not self._fresh and not self._retries:
            return Progress(State.IDLE)
        budget = self._lighthouse.budget
        paused = budget.wait_seconds()
        wait = max(paused, self._not_before - self._monotonic())
        if wait > 0:
            return Progress(State.WAITING, wait, paused > 0 and budget.rate_limited)
        batch = self._next_batch()
        try:
            self._carry_out(batch)
        except BaseException:
            self._let_go(batch)
            raise
        return Progress(State.WORKED)

    @property
    def has_batches(self) -> bool:
        """Whether batches wait to be polled, or polled again."""
        return bool(self._fresh or self._retries)

    def reconfigure(self, lighthouse: StatusClient, policy: Policy, batch_size: int) -> None:
        """Ask by these from the next call on; what was learned of documents and outages stays."""
        self._lighthouse, self._policy = lighthouse, policy
        self._full_size = self._batch_size = batch_size

    def take_counts(self) -> Counts:
        """What happened since the last call of this."""
        counts, self.counts = self.counts, Counts()
        return counts

    def _next_batch(self) -> Batch:
        """Fresh work and retries in turn, so that neither holds the other up."""
        self._turn += 1
        again = self._retries and (not self._fresh or self._turn % 2)
        batch = (self._retries if again else self._fresh).popleft()
        while len(batch.documents) > self._batch_size:
            batch, rest = halves(batch)
            self._fresh.appendleft(rest)
        return batch

    def _fetch(self, cutoff: Instant | None) -> None:
        if (now := self._clock()) < self._fetched_at:
            self._store.pull_in(now)  # the clock was set back: for an hour nobody would be due
        self._fetched_at = now
        upto, size = now if cutoff is None else cutoff, self._batch_size
        due = self._not_held(self._store.due(upto, size * CALLS_AHEAD + len(self._held)))
        troubled = [document for document in due if document.trouble_count >= ALONE_AFTER]
        # A share only: when Lighthouse answers nothing for anybody, everybody is in trouble.
        alone = troubled[: max(1, len(due) // size // 4)]
        apart = {document.id for document in alone}
        due = [document for document in due if document.id not in apart]
        if room := -len(due) % size:
            due += self._not_held(self._store.due_next(upto, room))
        # Last, for an error of the store must leave nothing held that nobody will ask about.
        self._held.update(apart, (document.id for document in due))
        self._fresh.extend(Batch(due[at : at + size]) for at in range(0, len(due), size))
        self._fresh.extend(Batch([document], alone=True) for document in alone)

    def _not_held(self, documents: list[Document]) -> list[Document]:
        """What may be fetched, by id: rows that lie together are written together.

        Deciding on a stale copy of a held document would count a change twice.
        """
        return sorted(document for document in documents if document.id not in self._held)

    def _carry_out(self, batch: Batch) -> None:
        ids = [document.request_id for document in batch.documents] or [batch.probe or 0]
        answer = (
            self._lighthouse.poll_one(ids[0]) if batch.alone else self._lighthouse.poll_batch(ids)
        )
        now = self._clock()
        self.called_at = self._monotonic()
        self.counts.calls[answer.outcome] += 1
        if answer.outcome in ANSWERED:
            self._answers += 1
            if self._answers % GROW_AFTER == 0:
                self._batch_size = min(self._full_size, 2 * self._batch_size)
            self.failures_in_row, self.failing_since = 0, None
            self.throttled_in_row, self.throttled_since = 0, None
            self._answered_id = ids[-1]
            self.counts.unrequested += answer.unrequested_count
            if batch.probe is None:
                self._record(batch, answer.observations, None, now)
        elif answer.outcome is CallOutcome.RATE_LIMITED:
            self.throttled_in_row += 1
            self.throttled_since = self.throttled_since or self._monotonic()
            self._retries.appendleft(batch)
        elif batch.probe is not None:
            self._back_off()
        elif answer.outcome is CallOutcome.TOO_LARGE:
            self._too_large(batch, answer, now)
        else:
            self._failed(batch, answer, now)

    def _record(
        self, batch: Batch, seen: dict[int, Observation], problem: CallProblem | None, now: Instant
    ) -> None:
        policy, records = self._policy, []
        for document in batch.documents:
            observation = seen[document.request_id]
            decision = interpret(document, observation, policy, now)
            news = decision.transition
            moved = news is not None and news.from_step != news.to_step
            due = next_poll_at(decision.after, policy, now, moved=moved)
            answer = observation.raw if type(observation) is StatusReport else None
            if answer is None and observation is not Absence.NOT_FOUND:
                self.counts.unusable[document.document_type, observation] += 1  # type: ignore[index]
            records.append(Recorded(document, decision, due, answer, problem))
        self._store.record(records, now)
        self.counts.polled += len(records)
        self._let_go(batch)

    def _too_large(self, batch: Batch, answer: Answer, now: Instant) -> None:
        if len(batch.documents) == 1:
            # Then it is not the size, and a size learned from this must not stay.
            self._batch_size = self._full_size
            self._failed(batch, answer, now)
            return
        # Lighthouse names no maximum, so it is learned, and not tried again at every call.
        self._batch_size = min(self._batch_size, len(batch.documents) // 2)
        log.warning("poll.batch.too_large", documents=len(batch.documents), now=self._batch_size)
        self._fresh.appendleft(batch)

    def _failed(self, batch: Batch, answer: Answer, now: Instant) -> None:
        problem = answer.problem or CallProblem(None, "no reason given")
        batch.answers_before = batch.answers_before if batch.failures else self._answers
        batch.failures += 1
        self.last_failure = f"{answer.outcome}, {problem.for_logs()['detail']}"
        self._back_off()
        log.warning(
            "poll.call.failed",
            outcome=str(answer.outcome),
            documents=len(batch.documents),
            failures_in_row=self.failures_in_row,
            first_lighthouse_request_id=batch.documents[0].request_id,
            **problem.for_logs(),
        )
        if answer.outcome in _MAY_BE_POISON and self._isolated(batch, answer, now):
            return
        ids = [document.id for document in batch.documents]
        self._store.postpone(ids, now, now + CALL_FAILED_RETRY_MS, problem)
        if batch.failures >= DROP_AFTER:
            self.dropped.update(ids)
            self._let_go(batch)
        else:
            self._retries.append(batch)

    def _isolated(self, batch: Batch, answer: Answer, now: Instant) -> bool:
        """Close in on the document that makes its batch fail; blame it once it stands alone.

        Whether it is a document at all or Lighthouse, a probe tells. False where there is nothing
        to close in on.
        """
        row = self.failures_in_row
        if row % PROBE_EVERY == 0 or (row == 1 and answer.outcome is CallOutcome.TIMEOUT):
            self._probe(batch)
        if len(batch.documents) > 1:
            if batch.failures < HALVE_AFTER or row >= GIVE_UP_AFTER:
                return False
            self._retries.extend(halves(batch))
            return True
        if batch.failures < HALVE_AFTER:
            return False
        if not batch.alone:
            self._retries.append(replace(batch, failures=batch.failures - 1, alone=True))
            return True
        if self._answers == batch.answers_before:
            return False
        request_id = batch.documents[0].request_id
        log.error("poll.document.refused", lighthouse_request_id=request_id)
        self._record(batch, {request_id: Absence.REFUSED}, answer.problem, now)
        return True

    def _probe(self, batch: Batch) -> None:
        """Next, ask about one document by itself: an answer shows Lighthouse to be well.

        One that was answered before, or as long as there is none, one of the failing batch.
        """
        if self._answered_id is not None:
            self._retries.appendleft(Batch([], alone=True, probe=self._answered_id))
        elif len(batch.documents) > 1:
            one = batch.documents.pop(random.randrange(len(batch.documents)))
            self._retries.appendleft(replace(batch, documents=[one], failures=0, alone=True))
        self._turn = 0  # the next turn is the retries'

    def _back_off(self) -> None:
        """Pause longer with every failure in a row; jitter keeps many clients out of step."""
        self.failures_in_row += 1
        self.failing_since = self.failing_since or self._monotonic()
        doublings = min(self.failures_in_row - 1, 16)
        pause = min(FIRST_BACKOFF_SECONDS * 2**doublings, LONGEST_BACKOFF_SECONDS)
        self._not_before = self._monotonic() + pause * random.uniform(0.5, 1.0)

    def _let_go(self, batch: Batch) -> None:
        self._held.difference_update(document.id for document in batch.documents)
