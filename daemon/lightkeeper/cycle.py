"""One step of polling: due -> ask -> interpret -> record. No loop, no sleep.

Whoever calls `Poller.step` decides how often, how long and with what patience: the service in
slices, `lightkeeper poll` until nothing is left.
"""

import random
import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final, NamedTuple, Protocol

import structlog

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

HALVE_AFTER: Final = 2
"""Failed calls after which a batch is halved; each half is halved again at its next failure."""
DROP_AFTER: Final = 4
"""Failed calls after which a batch is let go; the store has its documents due again later."""
ALONE_AFTER: Final = 3
"""Answers running without a usable word, after which a document is asked about by itself."""
CALLS_AHEAD: Final = 10
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
    }
)

log = structlog.get_logger()


class Budget(Protocol):
    def wait_seconds(self) -> float: ...


class Lighthouse(Protocol):
    """What a cycle needs of the client."""

    @property
    def budget(self) -> Budget: ...
    def ask(self, request_ids: Sequence[int]) -> Answer: ...
    def ask_alone(self, request_id: int) -> Answer: ...


class Store(Protocol):
    """What a cycle needs of the store."""

    def due(self, cutoff: Instant, limit: int) -> list[Document]: ...
    def due_next(self, now: Instant, limit: int) -> list[Document]: ...
    def record(self, batch: Sequence[Recorded], asked_at: Instant) -> None: ...
    def postpone(
        self, ids: Collection[int], asked_at: Instant, next_poll_at: Instant, problem: Problem
    ) -> None: ...


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


@dataclass(slots=True)
class Counts:
    """What happened since these were last taken: calls by outcome, odd answers, documents."""

    calls: Counter[str] = field(default_factory=Counter)
    unusable: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(document_type, absence) of answers that said nothing."""
    asked: int = 0
    unasked: int = 0
    """Ids Lighthouse answered for though nobody had asked."""


@dataclass(slots=True)
class _Ask:
    """Documents to be asked about in one call."""

    documents: list[Document]
    failures: int = 0
    alone: bool = False


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
        self._batch_size = batch_size
        self._clock = clock
        self._monotonic = monotonic
        self._fresh: deque[_Ask] = deque()
        self._retries: deque[_Ask] = deque()
        self._held: set[int] = set()
        self._not_before = 0.0
        self._turn = 0
        self.failures_in_row = 0
        self.throttled_in_row = 0
        self.failing_since: float | None = None
        """Since when every call has failed, on the monotonic clock."""
        self.dropped: set[int] = set()
        """Ids of documents that could not be asked about and were let go."""
        self.counts = Counts()

    def step(self, cutoff: Instant | None = None) -> Progress:
        """Make at most one call. Documents due after `cutoff` (now) are left for later.

        Raises what the store raises; the documents of that call are then due as before.
        """
        paused = self._lighthouse.budget.wait_seconds()
        wait = max(paused, self._not_before - self._monotonic())
        if wait > 0:
            return Progress(State.WAITING, wait, rate_limited=paused > 0)
        ask = self._next(cutoff)
        if ask is None:
            return Progress(State.IDLE)
        try:
            self._carry_out(ask)
        except BaseException:
            self._let_go(ask)
            raise
        return Progress(State.WORKED)

    def take_counts(self) -> Counts:
        """What happened since the last call of this."""
        counts, self.counts = self.counts, Counts()
        return counts

    def _next(self, cutoff: Instant | None) -> _Ask | None:
        """Fresh work and retries in turn, so that neither holds the other up."""
        if not self._fresh:
            self._fetch(cutoff)
        self._turn += 1
        if self._retries and (not self._fresh or self._turn % 2):
            return self._retries.popleft()
        return self._fresh.popleft() if self._fresh else None

    def _fetch(self, cutoff: Instant | None) -> None:
        now = self._clock()
        limit = self._batch_size * CALLS_AHEAD
        # Of what is held, nothing may be fetched twice: deciding on a stale copy would
        # count a change twice.
        due = self._store.due(now if cutoff is None else cutoff, limit + len(self._held))
        due = [document for document in due if document.id not in self._held][:limit]
        if not due:
            return
        due.sort()  # by id: rows that lie together are written together
        self._held.update(document.id for document in due)
        troubled = [document for document in due if document.trouble_count >= ALONE_AFTER]
        # A share only: when Lighthouse answers nothing for anybody, everybody is in trouble.
        alone = troubled[: max(1, len(due) // self._batch_size // 4)]
        if alone:
            apart = {document.id for document in alone}
            due = [document for document in due if document.id not in apart]
        if 0 < len(due) < self._batch_size:
            due += self._fill(now, self._batch_size - len(due))
        self._fresh.extend(
            _Ask(due[at : at + self._batch_size]) for at in range(0, len(due), self._batch_size)
        )
        self._fresh.extend(_Ask([document], alone=True) for document in alone)

    def _fill(self, now: Instant, room: int) -> list[Document]:
        upcoming = [
            document
            for document in self._store.due_next(now, room)
            if document.id not in self._held
        ]
        self._held.update(document.id for document in upcoming)
        return upcoming

    def _carry_out(self, ask: _Ask) -> None:
        if ask.alone:
            answer = self._lighthouse.ask_alone(ask.documents[0].request_id)
        else:
            answer = self._lighthouse.ask([document.request_id for document in ask.documents])
        now = self._clock()
        self.counts.calls[answer.outcome] += 1
        if answer.outcome in ANSWERED:
            self.failures_in_row, self.failing_since = 0, None
            self.throttled_in_row = 0
            self.counts.unasked += answer.unasked_count
            self._record(ask, answer.observations, None, now)
        elif answer.outcome is CallOutcome.RATE_LIMITED:
            self.throttled_in_row += 1
            self._retries.appendleft(ask)
        elif answer.outcome is CallOutcome.TOO_LARGE:
            self._too_large(ask, answer, now)
        else:
            self._failed(ask, answer, now)

    def _record(
        self,
        ask: _Ask,
        observations: dict[int, Observation],
        problem: Problem | None,
        now: Instant,
    ) -> None:
        policy = self._policy
        batch = []
        for document in ask.documents:
            observation = observations[document.request_id]
            decision = interpret(document, observation, policy, now)
            due = next_poll_at(decision.after, policy, now)
            answer = None
            if type(observation) is StatusReport:
                answer = observation.raw
            elif observation is not Absence.NOT_FOUND:
                self.counts.unusable[document.document_type, observation] += 1  # type: ignore[index]
            batch.append(Recorded(document, decision, due, answer, problem))
        self._store.record(batch, now)
        self.counts.asked += len(batch)
        self._let_go(ask)

    def _too_large(self, ask: _Ask, answer: Answer, now: Instant) -> None:
        if len(ask.documents) == 1:
            self._failed(ask, answer, now)
            return
        # Lighthouse names no maximum, so it is learned, and not tried again at every call.
        self._batch_size = min(self._batch_size, max(1, len(ask.documents) // 2))
        log.warning("poll.batch.too_large", documents=len(ask.documents), now=self._batch_size)
        self._fresh.extendleft(reversed(_halves(ask)))

    def _failed(self, ask: _Ask, answer: Answer, now: Instant) -> None:
        problem = answer.problem or Problem(None, "no reason given")
        ask.failures += 1
        self._back_off()
        log.warning(
            "poll.call.failed",
            outcome=str(answer.outcome),
            documents=len(ask.documents),
            failures=ask.failures,
            failures_in_row=self.failures_in_row,
            first_lighthouse_request_id=ask.documents[0].request_id,
            **problem._asdict(),
        )
        suspect = answer.outcome in _MAY_BE_POISON or answer.outcome is CallOutcome.TOO_LARGE
        alone_in_failing = self.failures_in_row < GIVE_UP_AFTER
        if suspect and alone_in_failing and ask.failures >= HALVE_AFTER:
            self._isolate(ask, problem, now)
            return
        self._store.postpone(
            [document.id for document in ask.documents], now, now + CALL_FAILED_RETRY_MS, problem
        )
        if ask.failures >= DROP_AFTER:
            self.dropped.update(document.id for document in ask.documents)
            self._let_go(ask)
        else:
            self._retries.append(ask)

    def _isolate(self, ask: _Ask, problem: Problem, now: Instant) -> None:
        """Close in on the document that makes its batch fail, and take it alone in the end."""
        if len(ask.documents) > 1:
            self._retries.extend(_halves(ask))
        elif not ask.alone:
            self._retries.append(_Ask(ask.documents, ask.failures - 1, alone=True))
        else:
            document = ask.documents[0]
            log.error(
                "poll.document.refused",
                lighthouse_request_id=document.request_id,
                **problem._asdict(),
            )
            self._record(ask, {document.request_id: Absence.REFUSED}, problem, now)

    def _back_off(self) -> None:
        """Pause longer with every failure in a row; jitter keeps many clients out of step."""
        self.failures_in_row += 1
        if self.failing_since is None:
            self.failing_since = self._monotonic()
        pause = min(
            FIRST_BACKOFF_SECONDS * 2 ** min(self.failures_in_row - 1, 16), LONGEST_BACKOFF_SECONDS
        )
        self._not_before = self._monotonic() + pause * random.uniform(0.5, 1.0)

    def _let_go(self, ask: _Ask) -> None:
        self._held.difference_update(document.id for document in ask.documents)


def _halves(ask: _Ask) -> list[_Ask]:
    middle = len(ask.documents) // 2
    failures = max(ask.failures - 1, 0)
    return [
        _Ask(ask.documents[:middle], failures),
        _Ask(ask.documents[middle:], failures),
    ]
