"""The loop: `schedule` jobs, signals, clock jumps, reloads, a graceful stop."""

import os
import select
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from types import FrameType
from typing import Final

import schedule
import structlog

from lightkeeper.cycle import Poller, State
from lightkeeper.health import Health
from lightkeeper.model import LightkeeperError
from lightkeeper.report import TELL_AT_MOST, Reporter
from lightkeeper.standing import standing
from lightkeeper.store.errors import StoreDamaged, StoreUnavailable
from lightkeeper.systemd import ServiceManager

POLL_EVERY_SECONDS: Final = 1
TELL_EVERY_SECONDS: Final = 2
GAUGES_EVERY_SECONDS: Final = 30
SLICE_SECONDS: Final = 3.0
TELL_SLICE_SECONDS: Final = 2.0
STOP_TELLING_AFTER_SECONDS: Final = 5.0
CLOCK_JUMP_SECONDS: Final = 2.0
_STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
_RELOAD_SIGNAL: Final = signal.SIGHUP

log = structlog.get_logger()


class Stop:
    """Asked to stop by SIGTERM or SIGINT; the second such signal ends the process at once.

    SIGHUP asks for a reload, where that is listened to.
    """

    def __init__(self) -> None:
        self.requested = False
        self.reload_requested = False
        # A pipe and not an Event: a handler that takes the Event's lock can deadlock.
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)

    def request(self) -> None:
        """Ask to stop, from any thread."""
        self.requested = True
        with suppress(OSError):
            os.write(self._write, b"\0")

    def _handle(self, _signum: int, _frame: FrameType | None) -> None:
        self.requested = True
        for number in _STOP_SIGNALS:
            signal.signal(number, signal.SIG_DFL)

    def _handle_reload(self, _signum: int, _frame: FrameType | None) -> None:
        self.reload_requested = True

    @contextmanager
    def on_signals(self, *, reloads: bool = False) -> Iterator["Stop"]:
        """Listen to SIGTERM and SIGINT, and to SIGHUP if it `reloads`, as long as this lasts."""
        before = {number: signal.signal(number, self._handle) for number in _STOP_SIGNALS}
        if reloads:
            before[_RELOAD_SIGNAL] = signal.signal(_RELOAD_SIGNAL, self._handle_reload)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [_RELOAD_SIGNAL])  # see `cli.main`
        wakeup = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        try:
            yield self
        finally:
            signal.set_wakeup_fd(wakeup)
            for number, handler in before.items():
                signal.signal(number, handler)
            os.close(self._read)
            os.close(self._write)

    def wait(self, seconds: float) -> None:
        """Sleep for `seconds`, or less when a signal comes."""
        if self.requested or self.reload_requested or seconds <= 0:
            return
        readable, _, _ = select.select([self._read], [], [], seconds)
        if readable:
            with suppress(BlockingIOError):
                os.read(self._read, 64)


class GuardedScheduler(schedule.Scheduler):
    """A job that raises is reported and scheduled again; jobs behind it are not held up."""

    def __init__(self, failed: Callable[[str, Exception], None]) -> None:
        super().__init__()
        self._failed = failed
        self.crashed: set[str] = set()
        """Jobs whose last run ended in what nobody foresaw."""

    def _run_job(self, job: schedule.Job) -> None:
        name = getattr(job.job_func, "__name__", "job")
        self.crashed.discard(name)
        try:
            super()._run_job(job)
        except Exception as exc:  # noqa: BLE001  # the loop's own boundary
            # As `schedule` does after a job that went well; without it the job stays due.
            job._schedule_next_run()  # noqa: SLF001  # pinned, and tested
            if not isinstance(exc, LightkeeperError):
                self.crashed.add(name)
            self._failed(name, exc)

    def shift(self, seconds: float) -> None:
        """Move every job (all are in seconds) with the wall clock that `schedule` goes by."""
        now = datetime.now()  # noqa: DTZ005  # as `schedule` has it
        for job in self.jobs:
            if job.next_run is not None:
                # A job that ran while the clock jumped has its time from the new clock already.
                latest = now + timedelta(seconds=job.interval)
                job.next_run = min(job.next_run + timedelta(seconds=seconds), latest)


class Service:
    """Polls, tells and shows levels until asked to stop."""

    def __init__(
        self,
        poller: Poller,
        reporter: Reporter,
        health: Health,
        manager: ServiceManager | None = None,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._poller = poller
        self._reporter = reporter
        self._health = health
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
        scheduler.every(TELL_EVERY_SECONDS).seconds.do(self.tell)
        scheduler.every(GAUGES_EVERY_SECONDS).seconds.do(self._health.pulse)
        scheduler.every(GAUGES_EVERY_SECONDS).seconds.do(self._reporter.gauges)
        scheduler.every(GAUGES_EVERY_SECONDS).seconds.do(self.say_standing)
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
        for last in (self._tell_the_rest, self._reporter.gauges):
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
        self.say_standing()

    def say_standing(self) -> None:
        """Tell the service manager how we stand, in one line."""
        calls, problems = self._health.calls(), [self._not_reloaded]
        try:
            line = self._reporter.standing(calls, [*self._health.problems(), *problems])
        except LightkeeperError as exc:
            # What cannot be read cannot be written either: that is said once.
            line = standing(None, [], calls, [f"the store cannot be read: {exc}", *problems], 0)
        self._manager.status(line)

    def _job_failed(self, job: str, exc: Exception) -> None:
        if isinstance(exc, StoreDamaged):
            raise exc  # trying again mends nothing, and what it says may be wrong
        if isinstance(exc, StoreUnavailable):
            self._health.store_failed(exc)
        if isinstance(exc, LightkeeperError):
            log.error("service.job.failed", job=job, reason=str(exc))
        else:
            log.error("service.job.crashed", job=job, exc_info=exc)

    def _tell_the_rest(self) -> None:
        tell_all(self._reporter, self._monotonic, STOP_TELLING_AFTER_SECONDS)

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

    def tell(self) -> None:
        """Tell what is untold, for `TELL_SLICE_SECONDS` at most."""
        tell_all(self._reporter, self._monotonic, TELL_SLICE_SECONDS)

    def _follow_clock(self, scheduler: GuardedScheduler) -> None:
        base = self._wall_clock() - self._monotonic()
        jump = base - self._jump_base
        if abs(jump) >= CLOCK_JUMP_SECONDS:
            log.warning("service.clock_jumped", seconds=round(jump, 3))
            scheduler.shift(jump)
            self._jump_base = base


def tell_all(reporter: Reporter, monotonic: Callable[[], float], seconds: float) -> None:
    """Tell until nothing is untold, the Agent is away, or `seconds` have passed."""
    until = monotonic() + seconds
    while reporter.tell() == TELL_AT_MOST and monotonic() < until:
        pass
