"""`schedule` by a clock of ours: no jump of the wall clock moves a job, and a job that fails stops
no other.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

import schedule

from lightkeeper.domain.errors import LightkeeperError

_START: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""Where `monotonic` counts from, for `schedule` compares datetimes."""


class ClockedJob(schedule.Job):
    """A job whose interval is in seconds, by its scheduler's clock."""

    scheduler: "ClockedScheduler"

    @property
    def should_run(self) -> bool:
        """Whether its time has come."""
        return self.next_run is not None and self.scheduler.now() >= self.next_run

    def _schedule_next_run(self) -> None:
        # Private in `schedule`, which is why pyproject.toml pins 1.2; its own goes by local time,
        # which a change to summer time or a clock set back stops for an hour.
        self.next_run = self.scheduler.now() + timedelta(seconds=self.interval)


class ClockedScheduler(schedule.Scheduler):
    """Runs each job its interval after it ended, by `monotonic`; runs that were missed are not
    made up. A job that raises is reported to `failed`, and runs again in its time; `recovered`
    is called at its first run that goes well again.
    """

    def __init__(
        self,
        monotonic: Callable[[], float],
        failed: Callable[[str, Exception], None],
        recovered: Callable[[str], None] = lambda _job: None,
    ) -> None:
        super().__init__()
        self._monotonic = monotonic
        self._failed = failed
        self._recovered = recovered
        self._failing: set[str] = set()
        self.crashed: set[str] = set()
        """Jobs whose last run ended in a mistake of ours."""

    def every(self, interval: float = 1) -> ClockedJob:
        """A job to be run at this interval."""
        return ClockedJob(interval, self)  # type: ignore[arg-type]  # float seconds work too

    def now(self) -> datetime:
        """The clock as `schedule` compares it."""
        return _START + timedelta(seconds=self._monotonic())

    @property
    def idle_seconds(self) -> float:
        """Seconds until the next job's time; below 0 when it has passed."""
        return self.next_run_at() - self._monotonic()

    def next_run_at(self, interval: float | None = None) -> float:
        """When the next job's time comes, on the clock; of those with this interval, where given.

        Infinity without jobs.
        """
        jobs = (job for job in self.jobs if interval is None or job.interval == interval)
        times = [job.next_run for job in jobs if job.next_run is not None]
        return (min(times) - _START).total_seconds() if times else float("inf")

    def _run_job(self, job: schedule.Job) -> None:
        name = getattr(job.job_func, "__name__", "job")
        self.crashed.discard(name)
        try:
            super()._run_job(job)
        except Exception as exc:  # noqa: BLE001  # the loop's own boundary
            # As `schedule` does after a job that went well; without it the job stays due.
            job._schedule_next_run()  # noqa: SLF001
            self._failing.add(name)
            if not isinstance(exc, LightkeeperError):
                self.crashed.add(name)
            self._failed(name, exc)
        else:
            if name in self._failing:
                self._failing.discard(name)
                self._recovered(name)
