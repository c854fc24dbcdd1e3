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

from lightkeeper.asks import Ask, halves
from lightkeeper.cadence import CALL_FAILED_RETRY_MS, next_poll_at
from lightkeeper.interpret import interpret
from lightkeeper.model import (
    ANSWERED,
    Absence,
    Answer,
    CallOutcome,
    Document,
    Instant,
    Observation,
    Policy,
    Problem,
    Recorded,
    StatusReport,
)
from lightkeeper.ports import Counts, Lighthouse, Store

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
        lighthouse: Lighthouse,
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
        self._fresh: deque[Ask] = deque()
        self._retries: deque[Ask] = deque()
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
        ask = self._next()
        try:
            self._carry_out(ask)
        except BaseException:
            self._let_go(ask)
            raise
        return Progress(State.WORKED)

    def go_on_with(self, lighthouse: Lighthouse, policy: Policy, batch_size: int) -> None:
        """Ask by these from the next call on; what was learned of documents and outages stays."""
        self._lighthouse, self._policy = lighthouse, policy
        self._full_size = self._batch_size = batch_size

    def take_counts(self) -> Counts:
        """What happened since the last call of this."""
        counts, self.counts = self.counts, Counts()
        return counts

    def _next(self) -> Ask:
        """Fresh work and retries in turn, so that neither holds the other up."""
        self._turn += 1
        again = self._retries and (not self._fresh or self._turn % 2)
        ask = (self._retries if again else self._fresh).popleft()
        while len(ask.documents) > self._batch_size:
            ask, rest = halves(ask)
            self._fresh.appendleft(rest)
        return ask

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
        self._fresh.extend(Ask(due[at : at + size]) for at in range(0, len(due), size))
        self._fresh.extend(Ask([document], alone=True) for document in alone)

    def _not_held(self, documents: list[Document]) -> list[Document]:
        """What may be fetched, by id: rows that lie together are written together.

        Deciding on a stale copy of a held document would count a change twice.
        """
        return sorted(document for document in documents if document.id not in self._held)

    def _carry_out(self, ask: Ask) -> None:
        ids = [document.request_id for document in ask.documents] or [ask.probe or 0]
        answer = self._lighthouse.ask_alone(ids[0]) if ask.alone else self._lighthouse.ask(ids)
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
            self.counts.unasked += answer.unasked_count
            if ask.probe is None:
                self._record(ask, answer.observations, None, now)
        elif answer.outcome is CallOutcome.RATE_LIMITED:
            self.throttled_in_row += 1
            self.throttled_since = self.throttled_since or self._monotonic()
            self._retries.appendleft(ask)
        elif ask.probe is not None:
            self._back_off()
        elif answer.outcome is CallOutcome.TOO_LARGE:
            self._too_large(ask, answer, now)
        else:
            self._failed(ask, answer, now)

    def _record(
        self, ask: Ask, seen: dict[int, Observation], problem: Problem | None, now: Instant
    ) -> None:
        policy, batch = self._policy, []
        for document in ask.documents:
            observation = seen[document.request_id]
            decision = interpret(document, observation, policy, now)
            news = decision.transition
            moved = news is not None and news.from_step != news.to_step
            due = next_poll_at(decision.after, policy, now, moved=moved)
            answer = observation.raw if type(observation) is StatusReport else None
            if answer is None and observation is not Absence.NOT_FOUND:
                self.counts.unusable[document.document_type, observation] += 1  # type: ignore[index]
            batch.append(Recorded(document, decision, due, answer, problem))
        self._store.record(batch, now)
        self.counts.asked += len(batch)
        self._let_go(ask)

    def _too_large(self, ask: Ask, answer: Answer, now: Instant) -> None:
        if len(ask.documents) == 1:
            # Then it is not the size, and a size learned from this must not stay.
            self._batch_size = self._full_size
            self._failed(ask, answer, now)
            return
        # Lighthouse names no maximum, so it is learned, and not tried again at every call.
        self._batch_size = min(self._batch_size, len(ask.documents) // 2)
        log.warning("poll.batch.too_large", documents=len(ask.documents), now=self._batch_size)
        self._fresh.appendleft(ask)

    def _failed(self, ask: Ask, answer: Answer, now: Instant) -> None:
        problem = answer.problem or Problem(None, "no reason given")
        ask.answers_before = ask.answers_before if ask.failures else self._answers
        ask.failures += 1
        self.last_failure = f"{answer.outcome}, {problem.for_logs()['detail']}"
        self._back_off()
        log.warning(
            "poll.call.failed",
            outcome=str(answer.outcome),
            documents=len(ask.documents),
            failures_in_row=self.failures_in_row,
            first_lighthouse_request_id=ask.documents[0].request_id,
            **problem.for_logs(),
        )
        if answer.outcome in _MAY_BE_POISON and self._isolated(ask, answer, now):
            return
        ids = [document.id for document in ask.documents]
        self._store.postpone(ids, now, now + CALL_FAILED_RETRY_MS, problem)
        if ask.failures >= DROP_AFTER:
            self.dropped.update(ids)
            self._let_go(ask)
        else:
            self._retries.append(ask)

    def _isolated(self, ask: Ask, answer: Answer, now: Instant) -> bool:
        """Close in on the document that makes its batch fail; blame it once it stands alone.

        Whether it is a document at all or Lighthouse, a probe tells. False where there is nothing
        to close in on.
        """
        row = self.failures_in_row
        if row % PROBE_EVERY == 0 or (row == 1 and answer.outcome is CallOutcome.TIMEOUT):
            self._probe(ask)
        if len(ask.documents) > 1:
            if ask.failures < HALVE_AFTER or row >= GIVE_UP_AFTER:
                return False
            self._retries.extend(halves(ask))
            return True
        if ask.failures < HALVE_AFTER:
            return False
        if not ask.alone:
            self._retries.append(replace(ask, failures=ask.failures - 1, alone=True))
            return True
        if self._answers == ask.answers_before:
            return False
        request_id = ask.documents[0].request_id
        log.error("poll.document.refused", lighthouse_request_id=request_id)
        self._record(ask, {request_id: Absence.REFUSED}, answer.problem, now)
        return True

    def _probe(self, ask: Ask) -> None:
        """Next, ask about one document by itself: an answer shows Lighthouse to be well.

        One that was answered before, or as long as there is none, one of the failing batch.
        """
        if self._answered_id is not None:
            self._retries.appendleft(Ask([], alone=True, probe=self._answered_id))
        elif len(ask.documents) > 1:
            one = ask.documents.pop(random.randrange(len(ask.documents)))
            self._retries.appendleft(replace(ask, documents=[one], failures=0, alone=True))
        self._turn = 0  # the next turn is the retries'

    def _back_off(self) -> None:
        """Pause longer with every failure in a row; jitter keeps many clients out of step."""
        self.failures_in_row += 1
        self.failing_since = self.failing_since or self._monotonic()
        doublings = min(self.failures_in_row - 1, 16)
        pause = min(FIRST_BACKOFF_SECONDS * 2**doublings, LONGEST_BACKOFF_SECONDS)
        self._not_before = self._monotonic() + pause * random.uniform(0.5, 1.0)

    def _let_go(self, ask: Ask) -> None:
        self._held.difference_update(document.id for document in ask.documents)
