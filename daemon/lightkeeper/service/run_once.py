"""One pass over everything that is due: `lightkeeper poll`."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from lightkeeper.domain.time import Instant
from lightkeeper.polling.poller import GIVE_UP_AFTER, Poller, State
from lightkeeper.service.loop import PUBLISH_EVERY_SECONDS, PUBLISH_SLICE_SECONDS, publish_all
from lightkeeper.service.stop import Stop
from lightkeeper.telemetry.gauges import Gauges
from lightkeeper.telemetry.health import Health
from lightkeeper.telemetry.publisher import Publisher

GIVE_UP_SECONDS: Final = 8.0
"""A pass ends once every call has failed for this long since the first failure.

With a call's deadline before and after it that is below half a minute.
"""
LONGEST_RATE_WAIT_SECONDS: Final = 300.0


@dataclass(frozen=True, slots=True)
class RunOnceResult:
    """What one pass over everything due came to."""

    polled: int
    incomplete: bool
    """Whether some due document could not be asked about."""
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
        """Ask about every document due at the start, failed calls again, and tell the news."""
        finished = recorded = False
        try:
            reason = self._ask_all(stop)
            finished, recorded = not reason, True
        finally:
            counts = self._health.slice_ended(calm=finished, recorded=recorded)
        publish_all(self._publisher, self._monotonic, float("inf"))
        self._health.pulse()
        self._gauges.send()
        if not reason and self._poller.dropped:
            reason = f"{len(self._poller.dropped)} of them, for calls about them failed"
        if reason and self._poller.last_failure:
            reason += f" (last: {self._poller.last_failure})"
        return RunOnceResult(
            polled=counts.polled,
            incomplete=bool(reason),
            reason=reason,
        )

    def _ask_all(self, stop: Stop) -> str:
        """Ask until nothing is left; why it ended before that, or an empty string."""
        cutoff = self._clock()
        told_at = self._monotonic()
        while not stop.requested:
            state, wait, rate_limited = self._poller.step(cutoff)
            if state is State.IDLE:
                return ""
            if self._poller.throttled_in_row >= GIVE_UP_AFTER:
                return "Lighthouse goes on answering 429 however long we wait"
            if self._given_up(0.0 if rate_limited else wait):
                return f"gave up after {self._poller.failures_in_row} failed calls in a row"
            if state is State.WAITING:
                if rate_limited and wait > LONGEST_RATE_WAIT_SECONDS:
                    return f"Lighthouse asks us to wait {wait:.0f} s"
                self._wait(stop, wait, rate_limited)
            elif self._monotonic() - told_at >= PUBLISH_EVERY_SECONDS:
                publish_all(self._publisher, self._monotonic, PUBLISH_SLICE_SECONDS)
                told_at = self._monotonic()
        return "stopped by a signal"

    def _wait(self, stop: Stop, seconds: float, rate_limited: bool) -> None:
        before = self._monotonic()
        if seconds > PUBLISH_EVERY_SECONDS:
            publish_all(self._publisher, self._monotonic, PUBLISH_SLICE_SECONDS)
        stop.wait(seconds - (self._monotonic() - before))
        if rate_limited and self._poller.failing_since is not None:
            # To wait for our turn is no failing.
            self._poller.failing_since += self._monotonic() - before

    def _given_up(self, wait: float) -> bool:
        since = self._poller.failing_since
        if since is None:
            return False
        failing = self._monotonic() + wait - since
        return self._poller.failures_in_row >= GIVE_UP_AFTER or failing >= GIVE_UP_SECONDS
