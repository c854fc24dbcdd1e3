"""One pass over everything that is due: `lightkeeper poll`."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from lightkeeper.domain.time import Instant
from lightkeeper.polling.interfaces import Progress, State
from lightkeeper.polling.poller import Poller
from lightkeeper.polling.retry import (
    BATCHES_GIVE_UP_SECONDS,
    CALLS_LEFT_SINGLY,
    GIVE_UP_AFTER,
    GIVE_UP_AFTER_LIMITED,
    GIVE_UP_SECONDS,
    LONGEST_RATE_WAIT_SECONDS,
    SLOW_CALL_SECONDS,
)
from lightkeeper.service.loop import PUBLISH_EVERY_SECONDS, PUBLISH_SLICE_SECONDS, publish_all
from lightkeeper.service.stop import Stop
from lightkeeper.telemetry.gauges import Gauges
from lightkeeper.telemetry.health import Health
from lightkeeper.telemetry.publisher import Publisher

_ONLY_SINGLY: Final = (
    "batches fail while calls about one document are answered: some were polled singly"
)


@dataclass(frozen=True, slots=True)
class RunOnceResult:
    """What one pass over everything due came to."""

    polled: int
    incomplete: bool
    """Whether a due document was not polled."""
    reason: str = ""


class RunOnce:
    """One pass over what is due: `lightkeeper poll`."""

    def __init__(
        self,
        poller: Poller,
        publisher: Publisher,
        gauges: Gauges,
        health: Health,
        *,
        clock: Callable[[], Instant],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._poller = poller
        self._publisher = publisher
        self._gauges = gauges
        self._health = health
        self._clock = clock
        self._monotonic = monotonic

    def run(self, stop: Stop) -> RunOnceResult:
        """Poll every document due at the start, retry failed calls, publish all transitions."""
        finished = recorded = False
        self._health.pass_started()
        try:
            reason = self._poll_all(stop)
            finished, recorded = not reason, True
        finally:
            counts = self._health.slice_ended(calm=finished, recorded=recorded)
        publish_all(self._publisher, self._monotonic, float("inf"))
        self._health.pulse()
        self._gauges.send()
        if not reason and counts.dropped:
            reason = f"every call with {len(counts.dropped)} of them failed"
        last = self._poller.report().last_failure
        return RunOnceResult(
            polled=counts.polled,
            incomplete=bool(reason),
            reason=f"{reason} (last: {last})" if reason and last else reason,
        )

    def _poll_all(self, stop: Stop) -> str:
        """Poll until nothing is left; why it ended before that, or an empty string."""
        cutoff = self._clock()
        published_at = self._monotonic()
        while not stop.requested:
            progress = self._poller.step(cutoff)
            if progress.state is State.IDLE:
                return "" if self._poller.report().singly_seconds is None else _ONLY_SINGLY
            if reason := self._reason_to_give_up(progress):
                return reason
            if progress.state is State.WAITING:
                self._wait(stop, progress.wait_seconds)
            elif self._monotonic() - published_at >= PUBLISH_EVERY_SECONDS:
                publish_all(self._publisher, self._monotonic, PUBLISH_SLICE_SECONDS)
                published_at = self._monotonic()
        return "stopped by a signal"

    def _wait(self, stop: Stop, seconds: float) -> None:
        before = self._monotonic()
        if seconds > PUBLISH_EVERY_SECONDS:
            publish_all(self._publisher, self._monotonic, PUBLISH_SLICE_SECONDS)
        stop.wait(seconds - (self._monotonic() - before))

    def _reason_to_give_up(self, progress: Progress) -> str:
        report = self._poller.report()
        batches_failing = report.batches_failing_seconds + progress.wait_seconds
        slow = report.call_seconds > SLOW_CALL_SECONDS and not progress.rate_limited
        if batches_failing >= BATCHES_GIVE_UP_SECONDS and (
            report.singly_seconds is not None or (slow and report.only_alone_answered)
        ):
            return _ONLY_SINGLY
        calls = self._health.calls()
        spare = min(CALLS_LEFT_SINGLY, (calls.limit or 0) // 3)
        if report.singly_seconds is not None and calls.left is not None and calls.left <= spare:
            return _ONLY_SINGLY
        if report.rate_limited_in_row >= GIVE_UP_AFTER_LIMITED:
            return f"gave up after {report.rate_limited_in_row} calls answered 429 in a row"
        # A wait for the rate limit is no failure of Lighthouse.
        failing = report.failing_seconds - report.waited_seconds
        if not progress.rate_limited:
            failing += progress.wait_seconds
        out_of_time = failing >= GIVE_UP_SECONDS
        if report.failures_in_row and (out_of_time or report.failures_in_row >= GIVE_UP_AFTER):
            return f"gave up after {report.failures_in_row} failed calls in a row"
        if progress.rate_limited and progress.wait_seconds > LONGEST_RATE_WAIT_SECONDS:
            return f"Lighthouse's rate limit allows the next call in {progress.wait_seconds:.0f} s"
        return ""
