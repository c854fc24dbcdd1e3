"""How calls to Lighthouse ended: what the poller remembers, and what it reports to others."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from lightkeeper.polling.batch import Batch
from lightkeeper.polling.retry import History, backoff_seconds


@dataclass(frozen=True, slots=True)
class PollReport:
    """How the latest calls ended; durations are in seconds, up to now."""

    failures_in_row: int = 0
    failing_seconds: float = 0.0
    """Since the first of these failures."""
    waited_seconds: float = 0.0
    """How much of `failing_seconds` the daemon spent waiting for the rate limit."""
    rate_limited_in_row: int = 0
    """Calls that ended as 429 since the last answered one."""
    rate_limited_seconds: float = 0.0
    """Since the first of these."""
    last_call_ago: float | None = None
    """None before the first call."""
    last_failure: str = ""
    """Why a call failed last, however long ago."""


class CallHistory:
    """What the poller remembers of its calls, and until when it backs off."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._answers = self._failures_in_row = self._rate_limited_in_row = 0
        self._failing_since: float | None = None
        self._rate_limited_since: float | None = None
        self._wait_began_at: float | None = None
        self._called_at: float | None = None
        self._waited_seconds = self._not_before = 0.0
        self.last_failure = ""
        self.answered_id: int | None = None
        """A request id of the last answered call."""

    @property
    def backoff_left(self) -> float:
        """Seconds until the backoff is over; below 0 when it is."""
        return self._not_before - self._monotonic()

    def called(self) -> None:
        """Note that a call has ended."""
        self._called_at = self._monotonic()

    def answered(self, request_id: int) -> None:
        """Note that a call with this id was answered."""
        self._answers += 1
        self.answered_id = request_id
        self._failures_in_row = self._rate_limited_in_row = 0
        self._failing_since = self._rate_limited_since = None
        self._waited_seconds = 0.0

    def rate_limited(self) -> None:
        """Note that a call ended as 429."""
        self._rate_limited_in_row += 1
        if self._rate_limited_since is None:
            self._rate_limited_since = self._monotonic()

    def failed(self, batch: Batch) -> None:
        """Note that the call of this batch failed, and begin a backoff."""
        batch.answers_before = batch.answers_before if batch.failures else self._answers
        batch.failures += 1
        self._failures_in_row += 1
        now = self._monotonic()
        if self._failing_since is None:
            self._failing_since = now
        self._not_before = now + backoff_seconds(self._failures_in_row, random.random())

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
        return History(self._failures_in_row, self._answers - batch.answers_before)

    def report(self) -> PollReport:
        """How the latest calls ended."""
        now = self._monotonic()
        return PollReport(
            failures_in_row=self._failures_in_row,
            failing_seconds=_since(self._failing_since, now),
            waited_seconds=self._waited_seconds,
            rate_limited_in_row=self._rate_limited_in_row,
            rate_limited_seconds=_since(self._rate_limited_since, now),
            last_call_ago=None if self._called_at is None else now - self._called_at,
            last_failure=self.last_failure,
        )


def _since(start: float | None, now: float) -> float:
    return 0.0 if start is None else now - start
