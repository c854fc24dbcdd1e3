"""`schedule`, guarded: a job that fails stops no other, and no jump of the clock stops any."""

from collections.abc import Callable
from datetime import datetime, timedelta

import schedule

from lightkeeper.domain.errors import LightkeeperError


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
