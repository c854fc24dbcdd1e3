"""The loop: `schedule` jobs, signals, clock jumps, a graceful stop; and the single pass."""

import os
import select
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import FrameType
from typing import Final

import schedule
import structlog

from lightkeeper.cycle import GIVE_UP_AFTER, Poller, State
from lightkeeper.health import Health
from lightkeeper.model import Instant, LightkeeperError
from lightkeeper.report import TELL_AT_MOST, Reporter
from lightkeeper.store.database import StoreUnavailable

POLL_EVERY_SECONDS: Final = 1
TELL_EVERY_SECONDS: Final = 2
GAUGES_EVERY_SECONDS: Final = 30
SLICE_SECONDS: Final = 3.0
TELL_SLICE_SECONDS: Final = 2.0
STOP_TELLING_AFTER_SECONDS: Final = 5.0
GIVE_UP_SECONDS: Final = 8.0
"""A pass ends once every call has failed for this long since the first failure.

With a call's deadline before and after it that is below half a minute.
"""
LONGEST_RATE_WAIT_SECONDS: Final = 300.0
CLOCK_JUMP_SECONDS: Final = 2.0
_STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)

log = structlog.get_logger()


class Stop:
    """Asked to stop by SIGTERM or SIGINT; the second such signal ends the process at once."""

    def __init__(self) -> None:
        self.requested = False
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

    @contextmanager
    def on_signals(self) -> Iterator["Stop"]:
        """Listen to SIGTERM and SIGINT as long as this lasts."""
        before = {number: signal.signal(number, self._handle) for number in _STOP_SIGNALS}
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
        if self.requested or seconds <= 0:
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

    def _run_job(self, job: schedule.Job) -> None:
        try:
            super()._run_job(job)
        except Exception as exc:  # noqa: BLE001  # the loop's own boundary
            # As `schedule` does after a job that went well; without it the job stays due.
            job._schedule_next_run()  # noqa: SLF001  # pinned, and tested
            self._failed(getattr(job.job_func, "__name__", "job"), exc)

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
        *,
        monotonic: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._poller = poller
        self._reporter = reporter
        self._health = health
        self._monotonic = monotonic
        self._wall_clock = wall_clock
        self._jump_base = 0.0

    def run(self, stop: Stop) -> None:
        """Run until `stop` is requested; then end the slice, tell what is untold, and return."""
        # `schedule` counts in local time, which a change to summer time would stop for an hour.
        os.environ["TZ"] = "UTC"
        time.tzset()
        scheduler = GuardedScheduler(self._job_failed)
        scheduler.every(POLL_EVERY_SECONDS).seconds.do(self.poll_slice, stop)
        scheduler.every(TELL_EVERY_SECONDS).seconds.do(self.tell)
        scheduler.every(GAUGES_EVERY_SECONDS).seconds.do(self._health.pulse)
        scheduler.every(GAUGES_EVERY_SECONDS).seconds.do(self._reporter.gauges)
        self._jump_base = self._wall_clock() - self._monotonic()
        log.info("service.started")
        scheduler.run_all()
        while not stop.requested:
            self._follow_clock(scheduler)
            scheduler.run_pending()
            idle = scheduler.idle_seconds
            stop.wait(1.0 if idle is None else min(max(idle, 0.0), 1.0))
        log.info("service.stopping")
        for last in (self._tell_the_rest, self._reporter.gauges):
            try:
                last()
            except LightkeeperError as exc:
                self._job_failed(last.__name__, exc)
        log.info("service.stopped")

    def _job_failed(self, job: str, exc: Exception) -> None:
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


@dataclass(frozen=True, slots=True)
class PassResult:
    """What one pass over everything due came to."""

    asked: int
    not_asked: bool
    """Whether some due document could not be asked about."""
    reason: str = ""


class Pass:
    """One pass over what is due: `lightkeeper poll`."""

    def __init__(
        self,
        poller: Poller,
        reporter: Reporter,
        health: Health,
        *,
        clock: Callable[[], Instant],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._poller = poller
        self._reporter = reporter
        self._health = health
        self._clock = clock
        self._monotonic = monotonic

    def run(self, stop: Stop) -> PassResult:
        """Ask about every document due at the start, failed calls again, and tell the news."""
        finished = recorded = False
        try:
            reason = self._ask_all(stop)
            finished, recorded = not reason, True
        finally:
            counts = self._health.slice_ended(calm=finished, recorded=recorded)
        tell_all(self._reporter, self._monotonic, float("inf"))
        self._health.pulse()
        self._reporter.gauges()
        if not reason and self._poller.dropped:
            reason = f"{len(self._poller.dropped)} of them, for calls about them failed"
        if reason and self._poller.last_failure:
            reason += f" (last: {self._poller.last_failure})"
        return PassResult(
            asked=counts.asked,
            not_asked=bool(reason),
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
            elif self._monotonic() - told_at >= TELL_EVERY_SECONDS:
                tell_all(self._reporter, self._monotonic, TELL_SLICE_SECONDS)
                told_at = self._monotonic()
        return "stopped by a signal"

    def _wait(self, stop: Stop, seconds: float, rate_limited: bool) -> None:
        before = self._monotonic()
        if seconds > TELL_EVERY_SECONDS:
            tell_all(self._reporter, self._monotonic, TELL_SLICE_SECONDS)
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
