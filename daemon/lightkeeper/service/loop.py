"""The loop: `schedule` jobs, signals, clock jumps, reloads, a graceful stop."""

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import structlog

from lightkeeper.domain.errors import LightkeeperError
from lightkeeper.domain.time import Instant
from lightkeeper.polling.poller import Poller, State
from lightkeeper.service.scheduler import GuardedScheduler
from lightkeeper.service.status_line import status_line
from lightkeeper.service.stop import Stop
from lightkeeper.service.systemd import ServiceManager
from lightkeeper.store.errors import StoreCorrupt, StoreUnavailable
from lightkeeper.store.levels import Levels
from lightkeeper.telemetry.health import Health
from lightkeeper.telemetry.publisher import PUBLISH_AT_MOST, Publisher

POLL_EVERY_SECONDS: Final = 1
PUBLISH_EVERY_SECONDS: Final = 2
GAUGES_EVERY_SECONDS: Final = 30
SLICE_SECONDS: Final = 3.0
PUBLISH_SLICE_SECONDS: Final = 2.0
STOP_PUBLISHING_AFTER_SECONDS: Final = 5.0
CLOCK_JUMP_SECONDS: Final = 2.0

log = structlog.get_logger()


class Service:
    """Polls, tells and shows levels until asked to stop."""

    def __init__(
        self,
        poller: Poller,
        publisher: Publisher,
        health: Health,
        levels: Levels,
        manager: ServiceManager | None = None,
        *,
        clock: Callable[[], Instant],
        monotonic: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._poller = poller
        self._publisher = publisher
        self._health = health
        self._levels = levels
        self._clock = clock
        self._manager = manager or ServiceManager()
        self._monotonic = monotonic
        self._wall_clock = wall_clock
        self._jump_base = 0.0
        self._not_reloaded = ""

    def run(self, stop: Stop, renew: Callable[[], list[str]] = list) -> None:
        """Run until `stop` is requested; then end the slice, tell what is untold, and return.

        `renew` takes in new settings when a reload is asked for, and returns the names of those
        that changed, or raises LightkeeperError and leaves all as it was.
        """
        # `schedule` counts in local time, which a change to summer time would stop for an hour.
        os.environ["TZ"] = "UTC"
        time.tzset()
        scheduler = GuardedScheduler(self._job_failed)
        scheduler.every(POLL_EVERY_SECONDS).seconds.do(self.poll_slice, stop)
        scheduler.every(PUBLISH_EVERY_SECONDS).seconds.do(self.publish)
        scheduler.every(GAUGES_EVERY_SECONDS).seconds.do(self._health.pulse)
        scheduler.every(GAUGES_EVERY_SECONDS).seconds.do(self._publisher.gauges)
        scheduler.every(GAUGES_EVERY_SECONDS).seconds.do(self.report_status)
        self._jump_base = self._wall_clock() - self._monotonic()
        log.info("service.started")
        self._manager.ready()
        scheduler.run_all()
        while not stop.requested:
            if not scheduler.crashed:  # else something does not get on, and a start may mend it
                self._manager.alive()
            self._follow_clock(scheduler)
            scheduler.run_pending()
            if stop.reload_requested:
                stop.reload_requested = False
                self._reload(renew)
            idle = scheduler.idle_seconds
            stop.wait(1.0 if idle is None else min(max(idle, 0.0), 1.0))
        log.info("service.stopping")
        self._manager.stopping()
        for last in (self._publish_the_rest, self._publisher.gauges):
            try:
                last()
            except LightkeeperError as exc:
                self._job_failed(last.__name__, exc)
        log.info("service.stopped")

    def _reload(self, renew: Callable[[], list[str]]) -> None:
        self._manager.reloading()
        try:
            changed = renew()
        except Exception as exc:  # noqa: BLE001  # the loop's own boundary
            self._not_reloaded = f"settings were not reloaded at {datetime.now(UTC):%H:%M UTC}"
            if isinstance(exc, LightkeeperError):
                problems = getattr(exc, "problems", [str(exc)])
                log.error("service.reload.refused", problems=problems, kept="the settings before")
            else:
                self._job_failed("reload", exc)
        else:
            self._not_reloaded = ""
            log.info("service.reloaded", changed=changed)
        self._manager.ready()
        self.report_status()

    def report_status(self) -> None:
        """Tell the service manager how we stand, in one line."""
        calls, problems = self._health.calls(), [self._not_reloaded]
        try:
            totals, oldest = self._levels.totals(), self._levels.oldest_pending()
            found = [*self._health.problems(), *problems]
            line = status_line(totals, oldest, calls, found, self._clock())
        except LightkeeperError as exc:
            # What cannot be read cannot be written either: that is said once.
            line = status_line(None, [], calls, [f"the store cannot be read: {exc}", *problems], 0)
        self._manager.status(line)

    def _job_failed(self, job: str, exc: Exception) -> None:
        if isinstance(exc, StoreCorrupt):
            raise exc  # trying again mends nothing, and what it says may be wrong
        if isinstance(exc, StoreUnavailable):
            self._health.store_failed(exc)
        if isinstance(exc, LightkeeperError):
            log.error("service.job.failed", job=job, reason=str(exc))
        else:
            log.error("service.job.crashed", job=job, exc_info=exc)

    def _publish_the_rest(self) -> None:
        publish_all(self._publisher, self._monotonic, STOP_PUBLISHING_AFTER_SECONDS)

    def poll_slice(self, stop: Stop) -> None:
        """Ask as long as there is something to ask, at most `SLICE_SECONDS` (and one call)."""
        until = self._monotonic() + SLICE_SECONDS
        state = State.WORKED
        rate_limited = recorded = False
        try:
            while state is State.WORKED and not stop.requested and self._monotonic() < until:
                state, _, rate_limited = self._poller.step()
                self._manager.alive()
            recorded = True
        finally:
            self._poller.dropped.clear()
            calm = state is State.IDLE or rate_limited
            self._health.slice_ended(calm=calm, recorded=recorded)

    def publish(self) -> None:
        """Tell what is untold, for `TELL_SLICE_SECONDS` at most."""
        publish_all(self._publisher, self._monotonic, PUBLISH_SLICE_SECONDS)

    def _follow_clock(self, scheduler: GuardedScheduler) -> None:
        base = self._wall_clock() - self._monotonic()
        jump = base - self._jump_base
        if abs(jump) >= CLOCK_JUMP_SECONDS:
            log.warning("service.clock_jumped", seconds=round(jump, 3))
            scheduler.shift(jump)
            self._jump_base = base


def publish_all(publisher: Publisher, monotonic: Callable[[], float], seconds: float) -> None:
    """Tell until nothing is untold, the Agent is away, or `seconds` have passed."""
    until = monotonic() + seconds
    while publisher.publish() == PUBLISH_AT_MOST and monotonic() < until:
        pass
