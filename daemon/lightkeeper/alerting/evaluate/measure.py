"""A metric query's value for each group at an instant: what is compared with the thresholds.

Where Datadog's answer depends on something that is not documented (how points are rolled up,
where gauges are interpolated), the query is refused by name, with the reason (`Unsupported`).
"""

import math
from dataclasses import dataclass
from typing import Final

from lightkeeper.alerting.errors import Unsupported
from lightkeeper.alerting.evaluate.arithmetic import QueryRef, points_of, value_of
from lightkeeper.alerting.evaluate.flattened import Flattened
from lightkeeper.alerting.evaluate.series import Minutes, Selection, SeriesStore
from lightkeeper.alerting.query.scopes import Group
from lightkeeper.alerting.query.syntax import MetricAlert, MetricQuery, Window
from lightkeeper.telemetry.signals import Kind

_LONGEST_GAUGE_WINDOW: Final = 4 * 3600  # up to which a minute is no finer than Datadog's own
_BUCKET_MINUTES: Final = {"m": 1, "h": 10, "d": 60, "w": 60, "mo": 240}
_EMPTY_BUCKETS_ALLOWED: Final = 3
_NONE: Final = Minutes()
_REMEDIES: Final = {
    Kind.COUNT: "sum:….as_count()",
    Kind.GAUGE: "avg, sum, min or max, without .as_count()",
    Kind.DISTRIBUTION: "count:….as_count(), or min or max both over time and series",
}


@dataclass(frozen=True, slots=True)
class Measured:
    """One group with data in its window: the value, or None where every point was rejected.

    `oldest` and `newest` bound the minutes with data, in seconds.
    """

    value: float | None
    oldest: int
    newest: int


class Measure:
    """A metric alert's expression, ready to be evaluated again and again.

    Raises Unsupported where Datadog's documentation does not say what the result is.
    """

    def __init__(self, alert: MetricAlert, *, full_window: bool = False, delay: int = 0) -> None:
        self.threshold = _threshold(alert)
        self.window = alert.window
        self.delay = delay
        self._aggregator = alert.aggregator
        self._full_window = full_window
        flattened = Flattened(alert.expression)
        self.by = flattened.by
        self._queries = flattened.queries
        self._expression = flattened.root
        self.default_zero = flattened.default_zero
        self._interpolated = flattened.interpolated
        self._mode = flattened.only_mode()
        self._store: SeriesStore | None = None
        self._selected: list[Selection | None] = []
        self._check_modes()

    @property
    def counts(self) -> bool:
        """Whether missing data are zeros: queries of counts without default_zero()."""
        return self._mode != "gauge" and not self.default_zero

    def measure(self, store: SeriesStore, at_seconds: int) -> dict[Group, Measured]:
        """Return the value of each group with data in the window that ends at that instant."""
        end = (at_seconds - self.delay) // 60
        first = end - self.window.seconds // 60
        selections = self._select(store)
        groups: dict[Group, None] = {}
        for selection in selections:
            if selection is not None:
                groups.update(dict.fromkeys(selection.groups))
        measured = {}
        doubtful = self._interpolated and any(one.has_gaps for one in selections if one)
        for group in groups:
            values = [one.groups.get(group, _NONE) if one else _NONE for one in selections]
            if self._mode == "gauge":
                if doubtful:
                    self._refuse_gaps(selections, group, first, end)
                found = self._of_gauges(values, first, end)
            else:
                found = self._of_counts(values, first, end)
            if found is not None:
                measured[group] = found
        return measured

    def _select(self, store: SeriesStore) -> list[Selection | None]:
        """What each query selects, up to date; it is looked up once in each store."""
        if store is not self._store:
            self._store, self._selected = store, [None] * len(self._queries)
        for place, query in enumerate(self._queries):
            if (selection := self._selected[place]) is not None:
                selection.refresh()
            elif (selection := store.select(query)) is not None:
                self._refuse_kind(query, selection.kind)
                self._selected[place] = selection
        return self._selected

    def _of_gauges(self, values: list[Minutes], first: int, end: int) -> Measured | None:
        points = points_of(self._expression, values, range(first, end))
        kept = [value for value in points if value is not None]
        if not kept:
            # Every query had points, but no minute a value: rejected. Else: no data.
            had = [[m for m in minutes if first <= m < end] for minutes in values]
            if not all(had):
                return None
            return Measured(None, min(map(min, had)) * 60, max(map(max, had)) * 60 + 60)
        oldest, newest = first, end - 1
        if len(kept) < len(points):
            seen = [minute for minute, value in enumerate(points, first) if value is not None]
            oldest, newest = seen[0], seen[-1]
            if self._full_window and not _is_full(seen, self.window, first):
                return Measured(None, oldest * 60, newest * 60 + 60)
        match self._aggregator:
            case "avg":
                value = sum(kept) / len(kept)
            case "min":
                value = min(kept)
            case _:
                value = max(kept)
        return Measured(value, oldest * 60, newest * 60 + 60)

    def _of_counts(self, values: list[Minutes], first: int, end: int) -> Measured | None:
        inside = [minutes.within(first, end) for minutes in values]
        had = [minutes for minutes, _ in inside if minutes]
        if not had:
            return None
        oldest = min(minutes[0] for minutes in had) * 60
        newest = max(minutes[-1] for minutes in had) * 60 + 60
        if self._full_window:
            seen = sorted({minute for minutes in had for minute in minutes})
            if not _is_full(seen, self.window, first):
                return Measured(None, oldest, newest)
        sums = [total for _, total in inside]
        value = value_of(self._expression, sums)
        if value is not None and self._mode == "rate":
            value /= self.window.seconds
        return Measured(value, oldest, newest)

    def _check_modes(self) -> None:
        if self._mode == "gauge":
            if self._aggregator == "sum":
                raise Unsupported(
                    "sum over time without .as_count() is not supported, as it grows with the "
                    "number of points, which Datadog chooses: write avg, min or max"
                )
            if self.window.seconds > _LONGEST_GAUGE_WINDOW and self._aggregator != "avg":
                raise Unsupported(
                    f"{self._aggregator} over more than 4 hours is not supported, as Datadog "
                    "averages points first, by a width that is not documented: write last_4h"
                )
        elif self._mode == "count" and self._aggregator != "sum":
            raise Unsupported(
                f"{self._aggregator} over time of .as_count() is not supported: write sum"
            )
        elif self._mode == "rate" and self._aggregator != "avg":
            raise Unsupported(
                f"{self._aggregator} over time of .as_rate() is not supported, as the width of a "
                "point is not documented: write avg"
            )
        if self._mode != "gauge" and self.default_zero and len(self._queries) > 1:
            raise Unsupported(
                "default_zero() in arithmetic with .as_count() is not supported: leave it out, as "
                "missing counts are zero already"
            )
        if self._mode == "rate" and not isinstance(self._expression, QueryRef):
            raise Unsupported("arithmetic with .as_rate() is not supported: write .as_count()")

    def _refuse_kind(self, query: MetricQuery, kind: Kind) -> None:
        extreme = (self._aggregator,) if self._aggregator in ("min", "max") else ()
        wanted: dict[tuple[Kind, str], tuple[str, ...]] = {
            (Kind.COUNT, "count"): ("sum",),
            (Kind.COUNT, "rate"): ("sum",),
            (Kind.GAUGE, "gauge"): ("avg", "sum", "min", "max"),
            (Kind.DISTRIBUTION, "count"): ("count",),
            (Kind.DISTRIBUTION, "gauge"): extreme,
        }
        if query.aggregator not in wanted.get((kind, self._mode), ()):
            how = "" if self._mode == "gauge" else f" .as_{self._mode}()"
            raise Unsupported(
                f"{self._aggregator} over time of {query.aggregator}:{query.metric}{how} is not "
                f"supported, as {query.metric} is a {kind}: write {_REMEDIES[kind]}"
            )

    def _refuse_gaps(
        self, selections: list[Selection | None], group: Group, first: int, end: int
    ) -> None:
        present = [selection for selection in selections if selection is not None]
        for gap in (gap for one in present for gap in one.gaps(group, first, end)):
            minutes = range(max(gap.first, first), min(gap.last + 1, end))
            filled = any(m in one.groups.get(group, {}) for one in present for m in minutes)
            if filled or (self.default_zero and minutes):
                raise Unsupported(
                    f"{', '.join(sorted(gap.series.tags)) or 'a series'} had no point for "
                    f"{gap.last - gap.first + 1} min while others had, which is not supported, as "
                    "Datadog interpolates there: send gauges every 60 s, or write .fill(null)"
                )


def _threshold(alert: MetricAlert) -> float:
    """Return the query's number. Raises Unsupported for other forms of an alert."""
    if alert.change is not None:
        raise Unsupported(
            f"{alert.change}() is not supported: write {alert.aggregator}(…):… alone"
        )
    if alert.aggregator not in ("avg", "sum", "min", "max"):
        raise Unsupported(
            f"{alert.aggregator}() over time is not supported: write avg, sum, min or max"
        )
    if alert.window.kind != "last":
        raise Unsupported(f"a window {alert.window.kind}_… is not supported: write last_…")
    if alert.late_by:
        raise Unsupported(
            "`by {…}` behind the threshold is not supported: write it behind the scope"
        )
    if alert.threshold is None:
        raise Unsupported("a threshold that is a query is not supported: write a number")
    return alert.threshold


def _is_full(seen: list[int], window: Window, first: int) -> bool:
    width = _BUCKET_MINUTES[window.unit]
    filled = {(minute - first) // width for minute in seen}
    buckets = math.ceil(window.seconds / 60 / width)
    return 0 in filled and buckets - len(filled) <= _EMPTY_BUCKETS_ALLOWED
