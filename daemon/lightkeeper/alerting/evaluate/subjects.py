"""What a monitor watches: a metric, a service check or an SLO, each measured group by group.

A subject answers two questions: what each group with data is worth at an instant, and which
status that means. A group that is missing from the answer has no data.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from lightkeeper.alerting.errors import BadMonitor, Unsupported
from lightkeeper.alerting.evaluate.measure import Measure, Measured
from lightkeeper.alerting.evaluate.notify import shown
from lightkeeper.alerting.evaluate.series import CheckRun, SeriesStore
from lightkeeper.alerting.evaluate.thresholds import Status, Thresholds, thresholds
from lightkeeper.alerting.query.parser import parse_expression
from lightkeeper.alerting.query.scopes import Group, groups_of, matches
from lightkeeper.alerting.query.syntax import (
    BurnRate,
    Comparator,
    ErrorBudget,
    MetricAlert,
    ServiceCheckAlert,
    Tag,
    Window,
)

DAY: Final = 86_400


def every(window_seconds: int) -> int:
    """How often Datadog evaluates a monitor with such a window, in seconds."""
    if window_seconds < DAY:
        return 60
    return 600 if window_seconds < 2 * DAY else 1800


class MetricSubject:
    """A metric alert."""

    names: frozenset[str] = frozenset()
    retention = DAY

    def __init__(self, alert: MetricAlert, options: dict[str, Any]) -> None:
        delay = int(options.get("evaluation_delay") or 0)
        if delay % 60 or not 0 <= delay <= DAY:
            raise Unsupported("evaluation_delay is evaluated in whole minutes up to a day")
        full = bool(options.get("require_full_window"))
        self._measure = Measure(alert, full_window=full, delay=delay)
        self.thresholds = thresholds(
            alert.comparator, self._measure.threshold, options.get("thresholds") or {}
        )
        self.by = self._measure.by
        self.zero = self._measure.counts
        self.default_zero = self._measure.default_zero
        self.delay = delay
        self.reach = alert.window.seconds + delay
        self.every = every(alert.window.seconds)
        self.silence = 2 * alert.window.seconds

    def measure(self, store: SeriesStore, at_seconds: int) -> dict[Group, Measured]:
        return self._measure.measure(store, at_seconds)

    def judge(self, found: Measured | None, before: Status | None) -> Status | None:
        """Return the status; None stands for no data counted as zero. None: evaluation skipped."""
        value = 0.0 if found is None else found.value
        return None if value is None else self.thresholds.judge(value, before)

    def constants(self) -> dict[str, str]:
        return _threshold_names(self.thresholds)


@dataclass(frozen=True, slots=True)
class Runs:
    """The last runs of one check group, newest last."""

    runs: tuple[CheckRun, ...]
    oldest: int
    newest: int
    value: None = None

    @property
    def details(self) -> dict[str, str]:
        return {"check_message": self.runs[-1].message}


class CheckSubject:
    """A service check: so many of the same status in a row."""

    names = frozenset({"check_message"})
    zero = False
    default_zero = False
    delay = 0
    every = 60
    reach = 0  # runs are kept by number
    retention = 2 * DAY

    def __init__(self, check: ServiceCheckAlert, options: dict[str, Any]) -> None:
        if check.counting != "count_by_status":
            raise Unsupported(f".{check.counting}() is not evaluated, only .count_by_status()")
        if check.by == ("*",):
            raise Unsupported('.by("*") is not evaluated: name the keys')
        given = options.get("thresholds") or {}
        self._needed = {name: int(given.get(name) or 1) for name in ("ok", "warning", "critical")}
        if set(given) - set(self._needed):
            raise Unsupported(
                "of a service check, thresholds ok, warning and critical are evaluated"
            )
        if not max(self._needed.values()) <= check.last <= 100:
            raise BadMonitor(
                f".last({check.last}) must hold the highest threshold, and at most 100"
            )
        self._check = check
        self.by = check.by
        self.silence = int(options.get("no_data_timeframe") or 0) * 60 or DAY

    def measure(self, store: SeriesStore, at_seconds: int) -> dict[Group, Runs]:
        found: dict[Group, Runs] = {}
        for tags, runs in store.checks(self._check.check).items():
            if not self._covers(tags):
                continue
            past = (run for run in reversed(runs) if run.at_seconds < at_seconds)
            before = tuple(islice(past, self._check.last))[::-1]
            for group in groups_of(tags, self.by) if before else ():
                if group in found:
                    raise Unsupported(
                        f"{self._check.check}: several checks are in one group {group}"
                    )
                oldest, newest = (int(before[i].at_seconds) for i in (0, -1))
                found[group] = Runs(before, oldest, newest)
        recent = at_seconds - self.silence
        return {group: runs for group, runs in found.items() if runs.newest > recent}

    def judge(self, found: Runs | None, _before: Status | None) -> Status | None:
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

    def constants(self) -> dict[str, str]:
        return {
            "threshold": shown(float(self._needed["critical"])),
            "warn_threshold": shown(float(self._needed["warning"])),
        }

    def _covers(self, tags: frozenset[str]) -> bool:
        wanted = (tag == "*" or matches(Tag(tag), tags) for tag in self._check.over)
        return all(wanted) and not any(matches(Tag(tag), tags) for tag in self._check.exclude)


@dataclass(frozen=True, slots=True)
class Burning:
    """How fast (or how far) an SLO's budget is used up; None where nothing happened."""

    value: float | None
    oldest: int
    newest: int
    details: dict[str, str]


class SloSubject:
    """The burn rate or the error budget of an SLO that counts good and all events."""

    by: tuple[str, ...] = ()
    zero = False
    default_zero = False
    delay = 0
    retention = DAY

    def __init__(
        self,
        alert: BurnRate | ErrorBudget,
        options: dict[str, Any],
        slos: dict[str, dict[str, Any]],
    ) -> None:
        if alert.comparator not in (Comparator.ABOVE, Comparator.AT_LEAST):
            raise BadMonitor("an SLO alert compares with > or >=")
        self._target = _target(alert, slos)
        self.thresholds = thresholds(
            alert.comparator, alert.threshold, options.get("thresholds") or {}
        )
        if isinstance(alert, BurnRate):
            _refuse_windows(alert, 1 / (1 - self._target))
            windows = {"long_window_burn_rate": alert.long, "short_window_burn_rate": alert.short}
            self._scale = 1.0
        else:
            windows = {"": alert.over}
            self._scale = 100.0
        query = slos[alert.slo]["query"]
        self._good, self._all = (
            {name: _counted(query[part], window) for name, window in windows.items()}
            for part in ("numerator", "denominator")
        )
        self.names = frozenset({"timeframe", *filter(None, windows)})
        self._timeframe = f"{alert.over.amount}{alert.over.unit}"
        longest = max(window.seconds for window in windows.values())
        self.reach, self.every, self.silence = longest, every(longest), 2 * longest

    def measure(self, store: SeriesStore, at_seconds: int) -> dict[Group, Burning]:
        """Return the lower of the windows' rates: both have to exceed the threshold."""
        rates: dict[str, float | None] = {}
        spans: list[Measured] = []
        for name, every_event in self._all.items():
            total = every_event.measure(store, at_seconds).get(())
            good = self._good[name].measure(store, at_seconds).get(())
            spans += [one for one in (total, good) if one is not None]
            rates[name] = self._rate(good, total)
        if not spans:
            return {}
        known = [rate for rate in rates.values() if rate is not None]
        value = min(known) if len(known) == len(rates) else None
        details = {name: shown(rate) for name, rate in rates.items() if name and rate is not None}
        oldest, newest = min(s.oldest for s in spans), max(s.newest for s in spans)
        return {(): Burning(value, oldest, newest, details)}

    def judge(self, found: Burning | None, before: Status | None) -> Status | None:
        if found is None or found.value is None:
            return None
        return self.thresholds.judge(found.value, before)

    def constants(self) -> dict[str, str]:
        return {**_threshold_names(self.thresholds), "timeframe": self._timeframe}

    def _rate(self, good: Measured | None, total: Measured | None) -> float | None:
        if total is None or not total.value:
            return None
        well = good.value if good is not None and good.value is not None else 0.0
        return (1 - well / total.value) / (1 - self._target) * self._scale


def _threshold_names(found: Thresholds) -> dict[str, str]:
    names = {"threshold": shown(found.critical), "comparator": found.comparator.value}
    if found.warning is not None:
        names["warn_threshold"] = shown(found.warning)
    return names


def _target(alert: BurnRate | ErrorBudget, slos: dict[str, dict[str, Any]]) -> float:
    slo = slos.get(alert.slo)
    if slo is None:
        raise BadMonitor(f"there is no SLO {alert.slo!r}")
    if slo.get("type") != "metric" or "query" not in slo:
        raise Unsupported(f"SLO {alert.slo!r}: only type metric with a query is evaluated")
    over = f"{alert.over.amount}{alert.over.unit}"
    targets: Iterable[dict[str, Any]] = slo.get("thresholds") or ()
    target = next((one["target"] for one in targets if one.get("timeframe") == over), None)
    if target is None:
        raise BadMonitor(f"SLO {alert.slo!r} has no target over {over}")
    return float(target) / 100


def _refuse_windows(alert: BurnRate, highest: float) -> None:
    if not 3600 <= alert.long.seconds <= 2 * DAY or alert.short.seconds >= alert.long.seconds:
        raise BadMonitor("the long window is 1 to 48 hours, the short one shorter")
    if alert.threshold > highest:
        raise BadMonitor(f"a burn rate above {highest:g} cannot happen with this target")


def _counted(text: str, window: Window) -> Measure:
    expression = parse_expression(text)
    measure = Measure(MetricAlert("sum", window, expression, Comparator.ABOVE, 0.0))
    if measure.by:
        raise Unsupported("an SLO grouped by tags is not evaluated")
    return measure
