"""The points that monitors are evaluated on, minute by minute.

Points are kept as Datadog would have them: in 10-second slots (the last gauge of a slot wins,
counts add up), then one value a series and minute (a gauge's is the mean of its slots). What
several monitors query alike (metric, scope, aggregator and groups) is aggregated once, and
only for minutes that got new points.
"""

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import takewhile
from typing import Final

from lightkeeper.alerting.errors import BadMonitor
from lightkeeper.alerting.query.scopes import Group, groups_of, matches
from lightkeeper.alerting.query.syntax import MetricQuery
from lightkeeper.telemetry.signals import Kind

SLOT: Final = 10
INTERPOLATED_MINUTES: Final = 5
_CHECKS_KEPT: Final = 100  # .last(…) goes no further


@dataclass(frozen=True, slots=True)
class Gap:
    """Minutes without a point between two points of a gauge that Datadog would interpolate."""

    series: "Series"
    first: int
    last: int


class Series:
    """One metric with one set of tags. Obtained from a `SeriesStore`."""

    __slots__ = (
        "_before",
        "_current",
        "_metric",
        "_slot",
        "_slots",
        "kind",
        "minutes",
        "tags",
        "totals",
    )

    def __init__(self, metric: "MetricSeries", tags: frozenset[str]) -> None:
        self._metric = metric
        self.kind = metric.kind
        self.tags = tags
        self.minutes: dict[int, float] = {}
        self.totals: dict[int, tuple[float, float, float]] = {}  # a distribution's count, min, max
        self._slot = -1
        self._current = 0.0
        self._slots = 0  # seen in the current minute before the current slot
        self._before = 0.0  # and their sum

    def add(self, at_seconds: float, value: float) -> None:
        """Add a point. Those of one gauge must come in order of time (ValueError)."""
        minute = int(at_seconds) // 60
        metric = self._metric
        if metric.logged != minute:
            metric.logged = minute
            metric.log.append(minute)
        if self.kind is Kind.GAUGE:
            self._gauge(int(at_seconds) // SLOT, minute, value)
        else:
            self.minutes[minute] = self.minutes.get(minute, 0.0) + value
            if self.kind is Kind.DISTRIBUTION:
                count, low, high = self.totals.get(minute, (0.0, value, value))
                self.totals[minute] = (count + 1, min(low, value), max(high, value))

    def _gauge(self, slot: int, minute: int, value: float) -> None:
        newest = self._slot
        if slot < newest:
            raise ValueError(f"{self._metric.name}: a gauge's points must come in order of time")
        if newest >= 0 and slot // 6 == newest // 6:
            if slot != newest:
                self._slots += 1
                self._before += self._current
        else:
            missing = minute - newest // 6 - 1
            if newest >= 0 and 0 < missing < INTERPOLATED_MINUTES:
                self._metric.gaps.append(Gap(self, minute - missing, minute - 1))
            self._slots, self._before = 0, 0.0
        self._slot, self._current = slot, value
        self.minutes[minute] = (self._before + value) / (self._slots + 1)

    def forget(self, before: int) -> None:
        """Drop the minutes before that one."""
        for kept in (self.minutes, self.totals):
            for minute in [minute for minute in kept if minute < before]:
                del kept[minute]


class MetricSeries:
    """All series of one name, and which minutes got points since they were last aggregated."""

    def __init__(self, name: str, kind: Kind) -> None:
        self.name = name
        self.kind = kind
        self.series: list[Series] = []
        self.gaps: list[Gap] = []
        self.log: list[int] = []
        self.logged: int | None = None


class Minutes(dict[int, float]):
    """One value a minute; those of any window are summed without reading all."""

    def __init__(self) -> None:
        super().__init__()
        self._order: list[int] = []
        self._sums: list[float] = [0.0]  # of all minutes before each

    def put(self, minute: int, value: float) -> None:
        """Set the value of a minute, mostly of the newest."""
        if minute not in self:
            insort(self._order, minute)
        self[minute] = value
        changed = bisect_left(self._order, minute)
        del self._sums[changed + 1 :]
        for each in self._order[changed:]:
            self._sums.append(self._sums[-1] + self[each])

    def within(self, first: int, end: int) -> tuple[list[int], float]:
        """The minutes from first up to end that have a value, in order, and the values' sum."""
        low, high = bisect_left(self._order, first), bisect_left(self._order, end)
        return self._order[low:high], self._sums[high] - self._sums[low]

    def forget(self, before: int) -> None:
        """Drop the minutes before that one; sums are differences, and stay right without."""
        cut = bisect_left(self._order, before)
        for minute in self._order[:cut]:
            del self[minute]
        del self._order[:cut], self._sums[:cut]


class Selection:
    """The groups of one metric query: for each, one value a minute."""

    def __init__(self, metric: MetricSeries, query: MetricQuery) -> None:
        self._metric = metric
        self._query = query
        self._read = 0
        self._adopted = 0
        self.groups: dict[Group, Minutes] = {}
        self._members: dict[Group, list[Series]] = {}

    @property
    def kind(self) -> Kind:
        """The metric's."""
        return self._metric.kind

    @property
    def has_gaps(self) -> bool:
        """Whether any of the metric's gauges paused, in this selection or not."""
        return bool(self._metric.gaps)

    def refresh(self) -> None:
        """Aggregate the minutes that got points since the last time."""
        metric = self._metric
        if self._read == len(metric.log):
            return
        for series in metric.series[self._adopted :]:
            self._adopt(series)
        self._adopted = len(metric.series)
        minutes = sorted(set(metric.log[self._read :]))
        self._read = len(metric.log)
        metric.logged = None  # the next point is new to us, even in the minute logged last
        for group, members in self._members.items():
            values = self.groups[group]
            for minute in minutes:
                value = self._aggregate(members, minute)
                if value is not None:
                    values.put(minute, value)

    def gaps(self, group: Group, first: int, end: int) -> list[Gap]:
        """The gaps of the group's series that touch the minutes from first up to end."""
        # In order of their ends: those before the window are not looked at.
        recent = takewhile(lambda gap: gap.last >= first, reversed(self._metric.gaps))
        members = self._members.get(group, ())
        return [gap for gap in recent if gap.first < end and gap.series in members]

    def forget(self, before: int) -> None:
        """Drop the minutes before that one."""
        for values in self.groups.values():
            values.forget(before)

    def _adopt(self, series: Series) -> None:
        if not matches(self._query.scope, series.tags):
            return
        for group in groups_of(series.tags, self._query.by):
            self._members.setdefault(group, []).append(series)
            self.groups.setdefault(group, Minutes())

    def _aggregate(self, members: list[Series], minute: int) -> float | None:
        aggregator = self._query.aggregator
        if self._metric.kind is Kind.DISTRIBUTION and aggregator in _OF_TOTALS:
            index = _OF_TOTALS[aggregator]
            values = [one.totals[minute][index] for one in members if minute in one.totals]
        else:
            values = [one.minutes[minute] for one in members if minute in one.minutes]
        if not values:
            return None
        if aggregator in ("sum", "count"):
            return sum(values)
        if aggregator == "avg":
            return sum(values) / len(values)
        return max(values) if aggregator == "max" else min(values)


_OF_TOTALS: Final = {"count": 0, "min": 1, "max": 2}


@dataclass(frozen=True, slots=True)
class CheckRun:
    """One status a service check sent: 0 OK, 1 warning, 2 critical, 3 unknown."""

    at_seconds: float
    status: int
    message: str


class SeriesStore:
    """Everything that was sent. Points older than the longest window are forgotten,
    from the hour after the first evaluation on; so every monitor is evaluated from the start.
    """

    def __init__(self) -> None:
        self._metrics: dict[str, MetricSeries] = {}
        self._series: dict[tuple[str, tuple[str, ...]], Series] = {}
        self._selections: dict[MetricQuery, Selection] = {}
        self._checks: dict[str, dict[frozenset[str], deque[CheckRun]]] = {}
        self._keep = 0
        self._hour: int | None = None

    def add(
        self, name: str, kind: Kind, tags: tuple[str, ...], at_seconds: float, value: float
    ) -> None:
        """Add a point of a metric: a count is an increment, a distribution one sample.

        Raises BadMonitor where the name came with another kind before.
        """
        series = self._series.get((name, tags))
        if series is None:
            series = self._new_series(name, kind, tags)
        elif series.kind is not kind:
            raise _other_kind(name, kind, series.kind)
        series.add(at_seconds, value)

    def _new_series(self, name: str, kind: Kind, tags: tuple[str, ...]) -> Series:
        metric = self._metrics.setdefault(name, MetricSeries(name, kind))
        if metric.kind is not kind:
            raise _other_kind(name, kind, metric.kind)
        lowered = frozenset(tag.lower() for tag in tags)
        series = next((one for one in metric.series if one.tags == lowered), None)
        if series is None:
            series = Series(metric, lowered)
            metric.series.append(series)
        self._series[name, tags] = series
        return series

    def check(
        self, name: str, tags: Iterable[str], at_seconds: float, status: int, message: str = ""
    ) -> None:
        """Add one run of a service check; they must come in order of time."""
        lowered = frozenset(tag.lower() for tag in tags)
        runs = self._checks.setdefault(name, {}).setdefault(lowered, deque(maxlen=_CHECKS_KEPT))
        runs.append(CheckRun(at_seconds, status, message))

    def checks(self, name: str) -> dict[frozenset[str], deque[CheckRun]]:
        """The last runs of a service check, by its tags."""
        return self._checks.get(name, {})

    def select(self, query: MetricQuery) -> Selection | None:
        """Return the query's groups up to date, None while the metric is unheard of."""
        selection = self._selections.get(query)
        if selection is None:
            metric = self._metrics.get(query.metric)
            if metric is None:
                return None
            selection = self._selections[query] = Selection(metric, query)
        selection.refresh()
        return selection

    def members(self, query: MetricQuery) -> tuple[Kind, dict[Group, list[Series]]] | None:
        """Return the metric's kind and each group's series; None while it is unheard of."""
        metric = self._metrics.get(query.metric)
        if metric is None:
            return None
        groups: dict[Group, list[Series]] = {}
        for series in metric.series:
            if matches(query.scope, series.tags):
                for group in groups_of(series.tags, query.by):
                    groups.setdefault(group, []).append(series)
        return metric.kind, groups

    def advance(self, at_seconds: int, keep_seconds: int) -> None:
        """Note that a monitor looks back so far, and forget what no monitor looks at."""
        self._keep = max(self._keep, keep_seconds)
        hour = at_seconds // 3600
        if self._hour is not None and hour > self._hour:
            self._forget((at_seconds - self._keep) // 60 - INTERPOLATED_MINUTES)
        self._hour = hour

    def _forget(self, before: int) -> None:
        for metric in self._metrics.values():
            metric.gaps = [gap for gap in metric.gaps if gap.last >= before]
            for series in metric.series:
                series.forget(before)
        for selection in self._selections.values():
            selection.forget(before)


def _other_kind(name: str, kind: Kind, before: Kind) -> BadMonitor:
    return BadMonitor(f"{name}: sent as {kind}, but it was a {before} before")
