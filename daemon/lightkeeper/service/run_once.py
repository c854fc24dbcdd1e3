"""One pass over everything that is due: `lightkeeper poll`."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from lightkeeper.domain.time import Instant
from lightkeeper.polling.interfaces import State
from lightkeeper.polling.poller import Poller
from lightkeeper.polling.retry import reason_to_end
from lightkeeper.service.loop import PUBLISH_EVERY_SECONDS, PUBLISH_SLICE_SECONDS, publish_all
from lightkeeper.service.stop import Stop
from lightkeeper.telemetry.gauges import Gauges
from lightkeeper.telemetry.health import Health
from lightkeeper.telemetry.publisher import Publisher


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
            progress, calls = self._poller.step(cutoff), self._health.calls()
            report = self._poller.report()
            reason = reason_to_end(report, progress, left=calls.left, limit=calls.limit)
            if reason or progress.state is State.IDLE:
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
