"""One step of polling: fetch what is due, poll, decide by the table in `retry`, record.

No loop and no sleep: the caller of `Poller.step` decides how often and how long. The loop makes
steps in slices, `lightkeeper poll` until nothing is left.
"""

import time
from collections.abc import Callable

import structlog

from lightkeeper.domain.answer import (
    Absence,
    Answer,
    CallOutcome,
    CallProblem,
    Observation,
    StatusReport,
)
from lightkeeper.domain.change import Recorded
from lightkeeper.domain.interpret import interpret
from lightkeeper.domain.policy import Policy
from lightkeeper.domain.poll_schedule import next_poll_at
from lightkeeper.domain.time import SECOND, Instant
from lightkeeper.polling.batch import Batch, BatchSize, by_itself, halves
from lightkeeper.polling.early import Early
from lightkeeper.polling.history import CallHistory
from lightkeeper.polling.interfaces import Counts, PollReport, Progress, State, StatusClient, Store
from lightkeeper.polling.probes import TRIAL, probe_next, trial
from lightkeeper.polling.queue import Queue
from lightkeeper.polling.retry import (
    DUE_AGAIN_MS,
    History,
    NextStep,
    is_answered,
    is_failure,
    is_probe_due,
    is_slow,
    next_step,
    shows_batches_failing,
)
from lightkeeper.polling.wanted import WantedBatches, WantedStore

log = structlog.get_logger()


class Poller:
    """Polls what is due, one call a step, and keeps failed batches in memory to retry them."""

    def __init__(
        self,
        store: Store,
        wanted: WantedStore,
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
        self._in_flight: set[int] = set()
        self._early = Early()
        self._queue = Queue(store, self._in_flight, self._early)
        self._wanted = WantedBatches(wanted, self._queue, self._history, clock, monotonic)
        self._counts = Counts()

    def step(self, cutoff: Instant | None = None) -> Progress:
        """Make at most one call. Documents due after `cutoff` (now) are left for later, but for
        those that fill a call up, and those that a fault put off which is over. Without it what
        callers wait for goes first.

        Raises what the store raises; the documents of that call are then due as before.
        """
        self._history.wait_ended()
        # Fetched before the wait: with nothing to poll there is no reason to wait.
        if self._queue.is_fetch_due:
            self._fetch(cutoff)
        batch, budget = trial(self._history, self._queue), self._lighthouse.budget
        if batch is None and cutoff is None:
            batch = self._wanted.batch(budget, self._size.now)
        if batch is None and not self._queue:
            return Progress(State.IDLE)
        if (batch is None or batch.is_trial) and (wait := self._history.pause(budget)):
            return wait
        batch = batch or self._queue.next(self._size.now)
        try:
            self._poll(batch)
        except BaseException:
            self._queue.release(batch)
            raise
        self._wanted.polled(batch)
        return Progress(State.WORKED)

    @property
    def has_batches(self) -> bool:
        """Whether batches are to be polled, or polled again."""
        return bool(self._queue)

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

    def _fetch(self, cutoff: Instant | None) -> None:
        now = self._clock()
        upto = now if cutoff is None else cutoff
        report = self._history.report()
        if report.singly_seconds is None:
            self._queue.fetch(now, upto, self._size.now)
        else:
            since = now - round(report.singly_seconds * SECOND)
            failing_since = now - round(report.batches_failing_seconds * SECOND)
            self._queue.fetch_singly(now, upto, since, failing_since)

    def _poll(self, batch: Batch) -> None:
        ids = batch.request_ids
        self._history.calling()
        answer = (
            self._lighthouse.poll_one(ids[0]) if batch.alone else self._lighthouse.poll_batch(ids)
        )
        now = self._clock()
        self._history.called()
        answered = is_answered(answer, batch)
        if not answered and batch.is_trial and self._history.is_singly:
            self._counts.trials[answer.outcome] += 1
            self._judge_batches(batch, answer.outcome, self._history.of(batch))
            return
        self._counts.calls[answer.outcome] += 1
        if answered:
            self._answered(batch, answer, now)
            return
        if answer.outcome is CallOutcome.OK:
            batch.failures += 1
        elif answer.outcome is CallOutcome.RATE_LIMITED:
            self._history.rate_limited(batch)
        elif is_failure(answer.outcome, batch):
            self._failed(batch, answer)
        if self._history.batches_are_as_good():
            log.info("poll.batches.resumed", because="calls about one document fail as well")
        history = self._history.of(batch)
        self._judge_batches(batch, answer.outcome, history)
        if is_probe_due(answer.outcome, batch, history):
            probe_next(batch, answer.outcome, self._history, self._queue)
        step = next_step(answer.outcome, batch, history)
        if answer.outcome is CallOutcome.OK:
            self._history.left_out()
        self._take(step, batch, answer, now)

    def _answered(self, batch: Batch, answer: Answer, now: Instant) -> None:
        if failures := self._history.report().failures_in_row:
            log.info("poll.call.answered", failures_in_row=failures)
        was_singly = self._history.is_singly
        self._history.answered(batch, says_something=answer.says_something)
        if was_singly and not self._history.is_singly:
            log.info("poll.batches.resumed", because="a call about several documents was answered")
        self._size.answered()
        self._counts.unrequested += answer.unrequested_count
        for request_id in batch.request_ids[:TRIAL]:
            if type(answer.observations.get(request_id)) is StatusReport:
                self._history.gave_status(request_id)
            elif answer.outcome is CallOutcome.NOT_FOUND:
                self._history.not_found(request_id)
        if not batch.is_probe:
            self._record(batch, answer.observations, None, now)

    def _judge_batches(self, batch: Batch, outcome: CallOutcome, history: History) -> None:
        """Poll documents singly where calls about several fail and calls about one do not."""
        if self._history.batches_failed(
            batch,
            fails=shows_batches_failing(
                outcome, batch, not_found=self._history.may_be_not_found(batch)
            ),
            slow=is_slow(outcome, history),
            pause=self._lighthouse.budget.wait_seconds(),
        ):
            self._queue.release_shared()
        elif not (self._history.is_singly and batch.is_trial):
            return
        log.error(
            "poll.batches.failing",
            outcome=str(outcome),
            effect="documents are polled singly, and a batch is tried ever more rarely, at last "
            "every four minutes",
        )

    def _record(
        self,
        batch: Batch,
        seen: dict[int, Observation],
        problem: CallProblem | None,
        now: Instant,
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
        self._early.recorded(records, now)
        self._counts.polled += len(records)
        self._queue.release(batch)

    def _failed(self, batch: Batch, answer: Answer) -> None:
        """Note a failed call."""
        self._history.failed(batch)
        in_row = self._history.of(batch).failures_in_row
        if answer.outcome is CallOutcome.TOO_LARGE:
            self._size.reset()  # one document is not too many: what was learned is wrong
        if batch.is_probe:
            return
        problem = _problem(answer)
        self._history.last_failure = f"{answer.outcome}, {problem.for_logs()['detail']}"
        log.warning(
            "poll.call.failed",
            outcome=str(answer.outcome),
            documents=len(batch.documents),
            failures_in_row=in_row,
            first_lighthouse_request_id=batch.documents[0].request_id,
            **problem.for_logs(),
        )

    def _take(self, step: NextStep, batch: Batch, answer: Answer, now: Instant) -> None:
        match step:
            case NextStep.WAIT:
                self._queue.put_again(batch)
            case NextStep.SHRINK:
                self._size.shrink(len(batch.documents))
                log.warning(
                    "poll.batch.too_large", documents=len(batch.documents), now=self._size.now
                )
                self._queue.put_back(batch)
            case NextStep.RETRY:
                self._postpone(batch, answer, now)
                self._queue.put_again(batch)
            case NextStep.DROP:
                self._counts.dropped.update(self._postpone(batch, answer, now))
                self._queue.release(batch)
            case NextStep.RECORD:
                self._record(batch, answer.observations, None, now)
            case NextStep.HALVE:
                if answer.outcome is CallOutcome.OK:
                    batch.failures = 0  # each half may wait for the other once
                unknown = answer.outcome is CallOutcome.NOT_FOUND
                companion = self._history.companion_of(batch) if unknown else None
                self._queue.put_again(*halves(batch, companion))
            case NextStep.ALONE:
                if answer.outcome is not CallOutcome.NOT_FOUND or batch.companion is not None:
                    self._queue.keep_apart(batch.documents[0])
                self._queue.put_again(by_itself(batch))
            case NextStep.BLAME:
                request_id = batch.documents[0].request_id
                log.error("poll.document.refused", lighthouse_request_id=request_id)
                self._history.blamed()
                self._counts.refused[answer.outcome] += 1
                self._record(batch, {request_id: Absence.REFUSED}, answer.problem, now)
            case NextStep.FORGET:
                pass

    def _postpone(self, batch: Batch, answer: Answer, now: Instant) -> list[int]:
        """Have its documents due again later, also after a restart; their ids."""
        ids = [document.id for document in batch.documents]
        self._store.postpone(ids, now, now + DUE_AGAIN_MS, _problem(answer))
        return ids


def _problem(answer: Answer) -> CallProblem:
    return answer.problem or CallProblem(None, "no reason given")
