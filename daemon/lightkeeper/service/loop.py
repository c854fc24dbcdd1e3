"""The loop: polls, publishes, sends gauges, obeys signals, and ends gracefully."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import structlog

from lightkeeper.domain.errors import LightkeeperError
from lightkeeper.domain.time import SECOND, Instant
from lightkeeper.polling.interfaces import State
from lightkeeper.polling.poller import Poller
from lightkeeper.service.scheduler import ClockedScheduler
from lightkeeper.service.status_line import status_line
from lightkeeper.service.stop import Stop
from lightkeeper.service.systemd import ServiceManager
from lightkeeper.store.errors import StoreCorrupt, StoreLost, StoreUnavailable
from lightkeeper.store.levels import Levels
from lightkeeper.telemetry.gauges import Gauges
from lightkeeper.telemetry.health import Health
from lightkeeper.telemetry.publisher import PUBLISH_AT_MOST, Publisher

POLL_EVERY_SECONDS: Final = 1.0
PUBLISH_EVERY_SECONDS: Final = 2.0
PULSE_EVERY_SECONDS: Final = 30.0
GAUGES_EVERY_SECONDS: Final = 50.0
"""Each minute has a point, also where a job before it took long."""
SLICE_SECONDS: Final = 3.0
PUBLISH_SLICE_SECONDS: Final = 2.0
STOP_PUBLISHING_AFTER_SECONDS: Final = 5.0
CLOCK_JUMP_SECONDS: Final = 2.0

log = structlog.get_logger()


class Loop:
    """Runs the daemon's jobs until asked to stop.

    `run` is all of it. The drills, which move the clock themselves, call `start` and `turn`.
    """

    def __init__(
        self,
        poller: Poller,
        publisher: Publisher,
        gauges: Gauges,
        health: Health,
        levels: Levels,
        manager: ServiceManager | None = None,
        *,
        clock: Callable[[], Instant],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._poller = poller
        self._publisher = publisher
        self._gauges = gauges
        self._health = health
        self._levels = levels
        self._manager = manager or ServiceManager()
        self._clock = clock
        self._monotonic = monotonic
        self._wall_ahead = 0.0
        self._not_reloaded = ""
        self._verified_for: set[str] = set()
        self.scheduler = ClockedScheduler(monotonic, self._job_failed, self._job_recovered)

    def run(self, stop: Stop, reload: Callable[[], list[str]] = list) -> None:
        """Run until `stop` is requested; then end the slice, publish what is left, and return.

        `reload` reads the settings again, and returns the names of those that changed, or raises
        LightkeeperError and leaves everything as it was.
        """
        self.start(stop)
        while not stop.requested:
            self.turn(stop, reload)
            stop.wait(min(max(self.scheduler.idle_seconds, 0.0), 1.0))
        self.finish()

    def start(self, stop: Stop) -> None:
        """Say that the daemon is up, and run every job once."""
        every = self.scheduler.every
        every(POLL_EVERY_SECONDS).seconds.do(self.poll_slice, stop)
        every(PUBLISH_EVERY_SECONDS).seconds.do(self.publish)
        every(PULSE_EVERY_SECONDS).seconds.do(self._health.pulse)
        every(GAUGES_EVERY_SECONDS).seconds.do(self.send_gauges)
        every(PULSE_EVERY_SECONDS).seconds.do(self.report_status)
        self._wall_ahead = self._ahead()
        log.info("service.started")
        self._manager.ready()
        self._health.started()
        self.scheduler.run_all()

    def turn(self, stop: Stop, reload: Callable[[], list[str]] = list) -> None:
        """Feed the watchdog, run the jobs whose time has come, and reload where that is asked."""
        if (
            not self.scheduler.crashed
        ):  # else a job crashes again and again, and a restart may fix it
            self._manager.alive()
        self._note_clock_jump()
        self.scheduler.run_pending()
        if stop.reload_requested:
            stop.reload_requested = False
            self._reload(reload)

    def finish(self) -> None:
        """Publish what is left, send the gauges a last time, and say that the daemon has ended."""
        log.info("service.stopping")
        self._manager.stopping()
        for last in (self._publish_the_rest, self.send_gauges):
            try:
                last()
            except LightkeeperError as exc:
                self._job_failed(last.__name__, exc)
        log.info("service.stopped")

    def _reload(self, reload: Callable[[], list[str]]) -> None:
        self._manager.reloading()
        try:
            changed = reload()
        except Exception as exc:  # noqa: BLE001  # the loop's own boundary
            at = datetime.fromtimestamp(self._clock() / SECOND, UTC)
            self._not_reloaded = f"settings were not reloaded at {at:%H:%M UTC}"
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
        """Show in one line how the daemon is, where a service manager listens."""
        if not self._manager.listens:
            return
        calls, problems = self._health.calls(), [self._not_reloaded]
        try:
            totals, oldest = self._levels.totals(), self._levels.oldest_pending()
            found, at = [*self._health.problems(), *problems], self._clock()
            maintenance = self._levels.maintenance(at)
            line = status_line(totals, oldest, calls, found, at, maintenance)
        except LightkeeperError as exc:
            # A store that cannot be read cannot be written either: one problem says it.
            line = status_line(None, [], calls, [f"the store cannot be read: {exc}", *problems], 0)
        self._manager.status(line)

    def _job_failed(self, job: str, exc: Exception) -> None:
        if isinstance(exc, StoreCorrupt):
            raise exc  # trying again fixes nothing, and what it says may be wrong
        if isinstance(exc, StoreLost):
            self._health.store_failed(exc)
            self._health.pulse()
            raise exc  # a new process finds what is there now
        if isinstance(exc, StoreUnavailable):
            self._health.store_failed(exc)
        if isinstance(exc, LightkeeperError):
            log.error("service.job.failed", job=job, reason=str(exc))
        else:
            log.error("service.job.crashed", job=job, exc_info=exc)
            if job not in self._verified_for:
                self._verified_for.add(job)
                self._levels.verify()  # else waiting fixes nothing

    def _job_recovered(self, job: str) -> None:
        self._verified_for.discard(job)
        log.info("service.job.recovered", job=job)

    def _publish_the_rest(self) -> None:
        publish_all(self._publisher, self._monotonic, STOP_PUBLISHING_AFTER_SECONDS)

    def poll_slice(self, stop: Stop) -> None:
        """Poll what is due, for `SLICE_SECONDS` and one call at most."""
        until = self._monotonic() + SLICE_SECONDS
        state = State.WORKED
        rate_limited = recorded = False
        try:
            while state is State.WORKED and not stop.requested and self._monotonic() < until:
                state, _, rate_limited = self._poller.step()
                self._manager.alive()
            recorded = True
        finally:
            calm = state is State.IDLE or rate_limited
            self._health.slice_ended(calm=calm, recorded=recorded)

    def publish(self) -> None:
        """Publish what is unpublished, for `PUBLISH_SLICE_SECONDS` at most."""
        publish_all(self._publisher, self._monotonic, PUBLISH_SLICE_SECONDS)

    def send_gauges(self) -> None:
        """Send the store's levels."""
        self._gauges.send()

    def _note_clock_jump(self) -> None:
        """Log that the wall clock was set; jobs go by the monotonic one."""
        jump = self._ahead() - self._wall_ahead
        if abs(jump) >= CLOCK_JUMP_SECONDS:
            log.warning("service.clock_jumped", seconds=round(jump, 3))
            self._wall_ahead += jump

    def _ahead(self) -> float:
        return self._clock() / SECOND - self._monotonic()


def publish_all(publisher: Publisher, monotonic: Callable[[], float], seconds: float) -> None:
    """Publish until nothing is left, the Agent is unreachable, or `seconds` have passed."""
    until = monotonic() + seconds
    while publisher.publish() == PUBLISH_AT_MOST and monotonic() < until:
        pass
