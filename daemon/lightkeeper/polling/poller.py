"""One step of polling: fetch what is due, poll, decide by the table in `retry`, record.

No loop and no sleep: the caller of `Poller.step` decides how often and how long. The loop makes
steps in slices, `lightkeeper poll` until nothing is left.
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
from lightkeeper.domain.poll_schedule import next_poll_at
from lightkeeper.domain.time import MINUTE, SECOND, Instant
from lightkeeper.polling.batch import Batch, BatchSize, halves
from lightkeeper.polling.history import CallHistory, PollReport
from lightkeeper.polling.interfaces import Counts, StatusClient, Store
from lightkeeper.polling.retry import (
    ALONE_AFTER,
    DUE_AGAIN_MS,
    NextStep,
    is_failure,
    is_probe_due,
    next_step,
)

CALLS_AHEAD: Final = 10
"""For how many calls documents are fetched at once."""
LOOK_FOR_TIMES_AHEAD_MS: Final = MINUTE
"""How often the store is looked at for times that lie in the future."""

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
    """Polls what is due, one call a step, and keeps failed batches in memory to retry them."""

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
        self._size = BatchSize(batch_size)
        self._clock = clock
        self._history = CallHistory(monotonic)
        self._fresh: deque[Batch] = deque()
        self._retries: deque[Batch] = deque()
        self._in_flight: set[int] = set()
        self._turn = self._fetched_at = self._looked_at = 0
        self._counts = Counts()

    def step(self, cutoff: Instant | None = None) -> Progress:
        """Make at most one call. Documents due after `cutoff` (now) are left for later.

        Raises what the store raises; the documents of that call are then due as before.
        """
        self._history.wait_ended()
        # Fetched before the wait: with nothing to poll there is no reason to wait.
        if not self._fresh and len(self._retries) < CALLS_AHEAD:
            self._fetch(cutoff)
        if not self.has_batches:
            return Progress(State.IDLE)
        budget = self._lighthouse.budget
        paused = budget.wait_seconds()
        wait = max(paused, self._history.backoff_left)
        if wait > 0:
            rate_limited = paused > 0 and budget.rate_limited
            if rate_limited:
                self._history.wait_began()
            return Progress(State.WAITING, wait, rate_limited)
        batch = self._next_batch()
        try:
            self._poll(batch)
        except BaseException:
            self._release(batch)
            raise
        return Progress(State.WORKED)

    @property
    def has_batches(self) -> bool:
        """Whether batches are to be polled, or polled again."""
        return bool(self._fresh or self._retries)

    def reconfigure(self, lighthouse: StatusClient, policy: Policy, batch_size: int) -> None:
        """Use these from the next call on; what was learned of documents and outages stays."""
        self._lighthouse, self._policy = lighthouse, policy
        self._size = BatchSize(batch_size)

    def report(self) -> PollReport:
        """How the latest calls ended."""
        return self._history.report()

    def take_counts(self) -> Counts:
        """What happened since this was called last."""
        counts, self._counts = self._counts, Counts()
        return counts

    def _next_batch(self) -> Batch:
        """Fresh batches and retries in turn, so that neither delays the other."""
        self._turn += 1
        again = self._retries and (not self._fresh or self._turn % 2)
        batch = (self._retries if again else self._fresh).popleft()
        while len(batch.documents) > self._size.now:
            batch, rest = halves(batch)
            self._fresh.appendleft(rest)
        return batch

    def _fetch(self, cutoff: Instant | None) -> None:
        self._right_times(now := self._clock())
        upto, size = now if cutoff is None else cutoff, self._size.now
        due = self._not_in_flight(self._store.due(upto, size * CALLS_AHEAD + len(self._in_flight)))
        troubled = [document for document in due if document.trouble_count >= ALONE_AFTER]
        # A share only: while Lighthouse answers for no document, all of them are in trouble.
        alone = troubled[: max(1, len(due) // size // 4)]
        apart = {document.id for document in alone}
        due = [document for document in due if document.id not in apart]
        if room := -len(due) % size:
            due += self._not_in_flight(self._store.due_next(upto, room))
        # Last: after an error of the store nothing is in flight without being in a batch.
        self._in_flight.update(apart, (document.id for document in due))
        self._fresh.extend(Batch(due[at : at + size]) for at in range(0, len(due), size))
        self._fresh.extend(Batch([document], alone=True) for document in alone)

    def _right_times(self, now: Instant) -> None:
        """Pull in what a clock that ran ahead has written: the daemon's, or one of `track`."""
        if now <= self._fetched_at - SECOND:
            ahead = True  # the clock was set back: nothing would be due for that time
        elif ahead := now >= self._looked_at + LOOK_FOR_TIMES_AHEAD_MS:
            self._looked_at = now
            ahead = self._store.has_times_ahead(now)
        self._fetched_at = now
        if ahead:
            log.warning("poll.times.pulled_in")
            self._store.pull_in(now)
            self._looked_at = now

    def _not_in_flight(self, documents: list[Document]) -> list[Document]:
        """Those that may be fetched, by id: rows that lie together are written together.

        A decision on a stale copy of a document in flight would count a change twice.
        """
        return sorted(document for document in documents if document.id not in self._in_flight)

    def _poll(self, batch: Batch) -> None:
        ids = batch.request_ids
        answer = (
            self._lighthouse.poll_one(ids[0]) if batch.alone else self._lighthouse.poll_batch(ids)
        )
        now = self._clock()
        self._history.called()
        self._counts.calls[answer.outcome] += 1
        if answer.outcome in ANSWERED:
            if failures := self._history.report().failures_in_row:
                log.info("poll.call.answered", failures_in_row=failures)
            self._history.answered(ids[-1])
            self._size.answered()
            self._counts.unrequested += answer.unrequested_count
            if not batch.is_probe:
                self._record(batch, answer.observations, None, now)
            return
        if is_failure(answer.outcome, batch):
            self._failed(batch, answer)
        step = next_step(answer.outcome, batch, self._history.of(batch))
        self._take(step, batch, answer, now)

    def _record(
        self, batch: Batch, seen: dict[int, Observation], problem: CallProblem | None, now: Instant
    ) -> None:
        policy, records = self._policy, []
        for document in batch.documents:
            observation = seen[document.request_id]
            decision = interpret(document, observation, policy, now)
            change = decision.change
            moved = change is not None and change.from_step != change.to_step
            due = next_poll_at(decision.after, policy, now, moved=moved)
            answer = observation.raw if type(observation) is StatusReport else None
            if answer is None and observation is not Absence.NOT_FOUND:
                self._counts.unusable[document.document_type, observation] += 1  # type: ignore[index]
            records.append(Recorded(document, decision, due, answer, problem))
        self._store.record(records, now)
        self._counts.polled += len(records)
        self._release(batch)

    def _failed(self, batch: Batch, answer: Answer) -> None:
        """Note a failed call, and make a probe where that is due."""
        self._history.failed(batch)
        if batch.is_probe:
            return
        problem, history = _problem(answer), self._history.of(batch)
        self._history.last_failure = f"{answer.outcome}, {problem.for_logs()['detail']}"
        log.warning(
            "poll.call.failed",
            outcome=str(answer.outcome),
            documents=len(batch.documents),
            failures_in_row=history.failures_in_row,
            first_lighthouse_request_id=batch.documents[0].request_id,
            **problem.for_logs(),
        )
        if answer.outcome is CallOutcome.TOO_LARGE:
            self._size.reset()  # one document is not too many: what was learned is wrong
        if is_probe_due(answer.outcome, batch, history):
            self._probe(batch)

    def _probe(self, batch: Batch) -> None:
        """Poll one document alone next, to see whether Lighthouse answers at all.

        One that was answered before; where there is none, one of the failed batch.
        """
        if (answered_id := self._history.answered_id) is not None:
            self._retries.appendleft(Batch([], alone=True, probe=answered_id))
        elif len(batch.documents) > 1:
            one = batch.documents.pop(random.randrange(len(batch.documents)))
            self._retries.appendleft(replace(batch, documents=[one], failures=0, alone=True))
        self._turn = 0  # the next turn is the retries'

    def _take(self, step: NextStep, batch: Batch, answer: Answer, now: Instant) -> None:
        match step:
            case NextStep.WAIT:
                self._history.rate_limited()
                self._retries.appendleft(batch)
            case NextStep.SHRINK:
                self._size.shrink(len(batch.documents))
                log.warning(
                    "poll.batch.too_large", documents=len(batch.documents), now=self._size.now
                )
                self._fresh.appendleft(batch)
            case NextStep.RETRY:
                self._postpone(batch, answer, now)
                self._retries.append(batch)
            case NextStep.DROP:
                self._counts.dropped.update(self._postpone(batch, answer, now))
                self._release(batch)
            case NextStep.HALVE:
                self._retries.extend(halves(batch))
            case NextStep.ALONE:
                self._retries.append(replace(batch, failures=batch.failures - 1, alone=True))
            case NextStep.BLAME:
                request_id = batch.documents[0].request_id
                log.error("poll.document.refused", lighthouse_request_id=request_id)
                self._record(batch, {request_id: Absence.REFUSED}, answer.problem, now)
            case NextStep.FORGET:
                pass

    def _postpone(self, batch: Batch, answer: Answer, now: Instant) -> list[int]:
        """Have its documents due again later, also after a restart; their ids."""
        ids = [document.id for document in batch.documents]
        self._store.postpone(ids, now, now + DUE_AGAIN_MS, _problem(answer))
        return ids

    def _release(self, batch: Batch) -> None:
        self._in_flight.difference_update(document.id for document in batch.documents)


def _problem(answer: Answer) -> CallProblem:
    return answer.problem or CallProblem(None, "no reason given")
