"""How calls to Lighthouse ended: what the poller remembers, and what it reports to others."""

import random
from collections import deque
from collections.abc import Callable
from typing import Final

from lightkeeper.polling.batch import Batch
from lightkeeper.polling.batch_calls import BatchCalls
from lightkeeper.polling.interfaces import Budget, PollReport, Progress, State
from lightkeeper.polling.retry import GIVE_UP_AFTER, History, backoff_seconds

_KNOWN: Final = 8


class CallHistory:
    """What the poller remembers of its calls, and until when it backs off."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._answers = self._failures_in_row = self._rate_limited_in_row = 0
        self._failing_since: float | None = None
        self._rate_limited_since: float | None = None
        self._wait_began_at: float | None = None
        self._began_at: float | None = None
        self._called_at: float | None = None
        self._waited_seconds = self._not_before = 0.0
        self.last_failure = ""
        self.batches = BatchCalls()
        self._known: deque[int] = deque(maxlen=_KNOWN)
        self._not_found: deque[int] = deque(maxlen=_KNOWN)

    @property
    def backoff_left(self) -> float:
        """Seconds until the backoff is over; below 0 when it is."""
        return self._not_before - self._monotonic()

    def pause(self, budget: Budget) -> Progress | None:
        """The pause before the next call, for the rate limit or a backoff; None without one."""
        paused = budget.wait_seconds()
        wait = max(paused, self.backoff_left)
        if wait <= 0:
            return None
        rate_limited = paused > 0 and budget.rate_limited
        if rate_limited:
            self.wait_began()
        return Progress(State.WAITING, wait, rate_limited)

    @property
    def call_seconds(self) -> float:
        """How long the last call took."""
        if self._began_at is None or self._called_at is None:
            return 0.0
        return self._called_at - self._began_at

    def known(self, count: int) -> tuple[int, ...]:
        """At most `count` request ids that Lighthouse gave a status for, the latest first."""
        return tuple(dict.fromkeys(reversed(self._known)))[:count]

    def answered_for(self, count: int) -> tuple[int, ...]:
        """At most `count` request ids that a call about each alone was answered for.

        Those that Lighthouse gave a status for first; it may not have found the others.
        """
        return (*self.known(count), *dict.fromkeys(reversed(self._not_found)))[:count]

    def companion_of(self, batch: Batch) -> int | None:
        """A request id that Lighthouse gave a status for, of no document of this batch."""
        return _other_than(batch, self.known(_KNOWN))

    def probe_of(self, batch: Batch) -> int | None:
        """A request id that was answered for, of no document of this batch."""
        return _other_than(batch, self.answered_for(2 * _KNOWN))

    def gave_status(self, request_id: int) -> None:
        """Note that Lighthouse gave a status for this id."""
        self._known.append(request_id)
        self._not_found = deque((each for each in self._not_found if each != request_id), _KNOWN)

    def not_found(self, request_id: int) -> None:
        """Note that a call about this id alone ended as 404."""
        self._not_found.append(request_id)

    def may_be_not_found(self, batch: Batch) -> bool:
        """Whether each call about these ids may end as 404 for all of them."""
        return not set(batch.request_ids).isdisjoint(self._not_found)

    def calling(self) -> None:
        """Note that a call begins."""
        self._began_at = self._monotonic()

    def called(self) -> None:
        """Note that a call has ended."""
        self._called_at = self._monotonic()

    def answered(self, batch: Batch, *, says_something: bool = True) -> None:
        """Note that the call of this batch was answered."""
        self._answers += 1
        self._restart()
        if len(batch.request_ids) > 1:
            self.batches.answered()
        elif says_something:
            self.batches.answered_alone(self._monotonic())

    def _restart(self) -> None:
        self._failures_in_row = self._rate_limited_in_row = 0
        self._failing_since = self._rate_limited_since = None
        self._waited_seconds = 0.0

    @property
    def is_singly(self) -> bool:
        """Whether documents are polled singly, because calls about several fail."""
        return self.batches.singly_since is not None

    def is_trial_due(self, *, idle: bool) -> bool:
        """Whether a call about two documents that were answered before is due."""
        return self.batches.is_trial_due(self._monotonic(), idle=idle)

    def batches_failed(self, batch: Batch, *, fails: bool, slow: bool, pause: float) -> bool:
        """Note that a call was not answered; whether documents are polled singly from now on.

        `fails`: it was about several documents, and failed for a reason of its own. `pause`: for
        how many seconds no call is allowed now.
        """
        now = self._monotonic()
        if batch.is_trial and (not fails or self.batches.alone_fail_as_well):
            self.batches.trial_undecided(now)
        elif batch.is_trial:
            return self.batches.trial_failed(now, pause)
        elif fails:
            began_at = now if self._began_at is None else self._began_at
            self.batches.failed(batch.request_ids, began_at, slow=slow)
        return False

    def batches_are_as_good(self) -> bool:
        """Whether documents need not be polled singly any more: calls about one fail as well."""
        many = self._failures_in_row >= GIVE_UP_AFTER or self.batches.alone_fail_as_well
        if not (self.is_singly and many):
            return False
        self.batches.outage()
        return True

    def blamed(self) -> None:
        """Note that the call failed for its document's sake: Lighthouse answered just before."""
        if self._failures_in_row == 1:
            self._restart()

    def left_out(self) -> None:
        """Note that an answer had no usable word on any of several documents."""
        self._restart()
        self.batches.last_answered = False

    def rate_limited(self, batch: Batch) -> None:
        """Note that the call of this batch ended as 429."""
        self._unanswered(batch)
        batch.limited += 1
        self._rate_limited_in_row += 1
        if self._rate_limited_since is None:
            self._rate_limited_since = self._monotonic()

    def failed(self, batch: Batch) -> None:
        """Note that the call of this batch failed, and begin a backoff."""
        self._unanswered(batch)
        batch.failures += 1
        self._failures_in_row += 1
        now = self._monotonic()
        if self._failing_since is None:
            self._failing_since = now
        self._not_before = now + backoff_seconds(self._failures_in_row, random.random())

    def _unanswered(self, batch: Batch) -> None:
        if batch.alone:
            self.batches.failed_alone()
        if not batch.failures and not batch.limited:
            batch.answers_before = self._answers

    def wait_began(self) -> None:
        """Note that a wait for the rate limit begins."""
        self._wait_began_at = self._monotonic()

    def wait_ended(self) -> None:
        """Note that the wait, if there was one, is over."""
        if self._wait_began_at is not None and self._failing_since is not None:
            self._waited_seconds += self._monotonic() - self._wait_began_at
        self._wait_began_at = None

    def of(self, batch: Batch) -> History:
        """What the next step of this batch, whose call has just ended, depends on."""
        answered = self._answers - batch.answers_before
        return History(
            self._failures_in_row,
            answered,
            self.call_seconds,
            limited_in_row=self._rate_limited_in_row,
            batches_answered=self.batches.last_answered,
            only_alone_answered=self.batches.only_alone_answered,
            probed=self.batches.probed,
        )

    def report(self) -> PollReport:
        """How the latest calls ended."""
        now, batches = self._monotonic(), self.batches
        singly_since = batches.singly_since
        return PollReport(
            failures_in_row=self._failures_in_row,
            failing_seconds=_since(self._failing_since, now),
            waited_seconds=self._waited_seconds,
            rate_limited_in_row=self._rate_limited_in_row,
            rate_limited_seconds=_since(self._rate_limited_since, now),
            last_call_ago=None if self._called_at is None else now - self._called_at,
            last_failure=self.last_failure,
            batches_failing_seconds=_since(batches.failing_since, now),
            only_alone_answered=batches.only_alone_answered,
            call_seconds=self.call_seconds,
            singly_seconds=None if singly_since is None else now - singly_since,
        )


def _other_than(batch: Batch, request_ids: tuple[int, ...]) -> int | None:
    ids = set(batch.request_ids)
    return next((each for each in request_ids if each not in ids), None)


def _since(start: float | None, now: float) -> float:
    return 0.0 if start is None else now - start
