"""A service check: alerts after so many runs of the same status in a row."""

from dataclasses import dataclass
from itertools import islice
from typing import Any

from lightkeeper.alerting.errors import BadMonitor, Unsupported
from lightkeeper.alerting.evaluate.formula import Filling
from lightkeeper.alerting.evaluate.interval import DAY
from lightkeeper.alerting.evaluate.message import OF_NUMBERS
from lightkeeper.alerting.evaluate.series import CheckRun, SeriesStore
from lightkeeper.alerting.evaluate.thresholds import Status
from lightkeeper.alerting.query.scopes import Group, groups_of, matches
from lightkeeper.alerting.query.syntax import ServiceCheckAlert, Tag


@dataclass(frozen=True, slots=True)
class CheckRuns:
    """The last runs of one check group, newest last; `oldest` and `newest` in seconds."""

    runs: tuple[CheckRun, ...]
    oldest: int
    newest: int
    value: None = None

    @property
    def details(self) -> dict[str, Filling]:
        """What a message may show of them."""
        return {"check_message": self.runs[-1].message}


class ServiceCheckEvaluator:
    """Finds the runs of a service check and says its status; seconds as `MetricAlertEvaluator`."""

    names = OF_NUMBERS | {"check_message"}
    zero = False
    default_zero = False
    delay = 0
    every = 60
    reach = 0  # runs are kept by number
    retention = 2 * DAY

    def __init__(self, check: ServiceCheckAlert, options: dict[str, Any]) -> None:
        if check.counting != "count_by_status":
            raise Unsupported(f".{check.counting}() is not supported: write .count_by_status()")
        if check.by == ("*",):
            raise Unsupported('.by("*") is not supported: name the keys')
        given = options.get("thresholds") or {}
        self._needed = {name: int(given.get(name) or 1) for name in ("ok", "warning", "critical")}
        if unknown := sorted(set(given) - set(self._needed)):
            raise Unsupported(
                f"thresholds.{unknown[0]} of a service check is not supported: write ok, warning "
                "or critical"
            )
        if not max(self._needed.values()) <= check.last <= 100:
            raise BadMonitor(
                f".last({check.last}) must hold the highest threshold, and at most 100"
            )
        self._check = check
        self.by = check.by
        self.silence = int(options.get("no_data_timeframe") or 0) * 60 or DAY

    def measure(self, store: SeriesStore, at_seconds: int) -> dict[Group, CheckRuns]:
        """Return the last runs of each group that ran lately, before that instant."""
        found: dict[Group, CheckRuns] = {}
        for tags, runs in store.checks(self._check.check).items():
            if not self._covers(tags):
                continue
            past = (run for run in reversed(runs) if run.at_seconds < at_seconds)
            before = tuple(islice(past, self._check.last))[::-1]
            for group in groups_of(tags, self.by) if before else ():
                if group in found:
                    raise Unsupported(
                        f"several checks of {self._check.check} in one group {group} are not "
                        "supported: group by more keys"
                    )
                oldest, newest = (int(before[i].at_seconds) for i in (0, -1))
                found[group] = CheckRuns(before, oldest, newest)
        recent = at_seconds - self.silence
        return {group: runs for group, runs in found.items() if runs.newest > recent}

    def status_of(self, found: CheckRuns | None, _before: Status | None) -> Status | None:
        """Return the status of a long enough run, else None: the status stays."""
        if found is None:
            return None
        named = {0: ("ok", Status.OK), 1: ("warning", Status.WARN), 2: ("critical", Status.ALERT)}
        newest = found.runs[-1].status
        if newest not in named:
            return None
        name, status = named[newest]
        in_a_row = found.runs[-self._needed[name] :]
        enough = len(in_a_row) == self._needed[name]
        return status if enough and all(run.status == newest for run in in_a_row) else None

    def constants(self) -> dict[str, Filling]:
        """What a message may show besides the runs."""
        return {
            "threshold": float(self._needed["critical"]),
            "warn_threshold": float(self._needed["warning"]),
            "ok_threshold": float(self._needed["ok"]),
        }

    def _covers(self, tags: frozenset[str]) -> bool:
        wanted = (tag == "*" or matches(Tag(tag), tags) for tag in self._check.over)
        return all(wanted) and not any(matches(Tag(tag), tags) for tag in self._check.exclude)
