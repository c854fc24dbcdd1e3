"""A metric query over time, as a graph shows it: one value a group and bucket.

As Datadog documents it, each series is first aggregated in its bucket (gauges are averaged, counts
added up, distributions merged), then the series of a group; in arithmetic, missing counts are 0.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Final, TypeAlias

from lightkeeper.alerting.errors import Unsupported
from lightkeeper.alerting.evaluate.arithmetic import Plain, QueryRef, points_of
from lightkeeper.alerting.evaluate.flattened import Flattened
from lightkeeper.alerting.evaluate.series import Series, SeriesStore
from lightkeeper.alerting.query.parser import parse_expression
from lightkeeper.alerting.query.scopes import Group
from lightkeeper.alerting.query.syntax import MetricQuery
from lightkeeper.telemetry.signals import Kind

Points: TypeAlias = dict[int, float]
"""A value for each bucket that has one."""

_ALLOWED: Final[dict[tuple[Kind, str], tuple[str, ...]]] = {
    (Kind.COUNT, "count"): ("sum",),
    (Kind.COUNT, "rate"): ("sum",),
    (Kind.GAUGE, "gauge"): ("avg", "sum", "min", "max"),
    (Kind.DISTRIBUTION, "gauge"): ("avg", "min", "max"),
    (Kind.DISTRIBUTION, "count"): ("count",),
}


@dataclass(frozen=True, slots=True)
class Buckets:
    """A span of time in parts of `width` minutes, which begin where Unix time has them begin."""

    began_at: int
    ended_at: int
    width: int

    @property
    def minutes(self) -> range:
        """The minutes of the span."""
        return range(self.began_at // 60, -(-self.ended_at // 60))

    @property
    def numbers(self) -> range:
        """The buckets, as minutes since the epoch divided by their width."""
        minutes = self.minutes
        return range(minutes.start // self.width, (minutes.stop - 1) // self.width + 1)


class MetricGraph:
    """The metric queries of one text, with arithmetic between them.

    Raises QuerySyntaxError, and Unsupported for what is not documented or not modelled.
    """

    def __init__(self, text: str) -> None:
        flattened = Flattened(parse_expression(text))
        self.by = flattened.by
        self.metrics = tuple(dict.fromkeys(one.metric for one in flattened.queries))
        self._queries, self._root = flattened.queries, flattened.root
        self._mode = flattened.only_mode()

    @property
    def counts(self) -> bool:
        """Whether a missing point is a 0 in arithmetic."""
        return self._mode != "gauge"

    def points(self, store: SeriesStore, buckets: Buckets) -> dict[Group, Points]:
        """Return the points of each group that has any; for others than gauges, sums a bucket."""
        selected = [self._of_query(one, store, buckets) for one in self._queries]
        scale = 1 / (60 * buckets.width) if self._mode == "rate" else 1.0
        found = combined(self._root, selected, buckets, align=self.counts)
        return {
            group: {number: scale * value for number, value in points.items()}
            for group, points in found.items()
        }

    def _of_query(
        self, query: MetricQuery, store: SeriesStore, buckets: Buckets
    ) -> dict[Group, Points]:
        found = store.members(query)
        if found is None:
            return {}
        kind, groups = found
        if query.aggregator not in _ALLOWED.get((kind, self._mode), ()):
            how = "" if self._mode == "gauge" else f".as_{self._mode}()"
            raise Unsupported(
                f"{query.aggregator}:{query.metric}{how} is not supported in a graph, as "
                f"{query.metric} is a {kind}"
            )
        return {
            group: _aggregated(query.aggregator or "", kind, members, buckets)
            for group, members in groups.items()
        }


def combined(
    root: Plain, selected: Sequence[Mapping[Group, Points]], buckets: Buckets, *, align: bool
) -> dict[Group, Points]:
    """Return the result of arithmetic on each group's points, without groups that have none.

    With `align`, a point that one query lacks and another has is 0.
    """
    groups = dict.fromkeys(group for one in selected for group in one)
    found = {}
    for group in sorted(groups):
        values = [one.get(group, {}) for one in selected]
        if align and not isinstance(root, QueryRef):
            had = sorted({number for one in values for number in one})
            values = [{number: one.get(number, 0.0) for number in had} for one in values]
        points = points_of(root, values, buckets.numbers)
        pairs = zip(buckets.numbers, points, strict=True)
        kept = {number: value for number, value in pairs if value is not None and isfinite(value)}
        if kept:
            found[group] = kept
    return found


def _aggregated(
    aggregator: str, kind: Kind, members: Iterable[Series], buckets: Buckets
) -> Points:
    """First over time within each series, then over the series."""
    minutes, width = buckets.minutes, buckets.width
    found: dict[int, list[float]] = {}
    weights: dict[int, list[float]] = {}
    for series in members:
        inside: dict[int, list[int]] = {}
        for minute in series.minutes:
            if minute in minutes:
                inside.setdefault(minute // width, []).append(minute)
        for number, some in inside.items():
            value, weight = _in_bucket(aggregator, kind, series, some)
            found.setdefault(number, []).append(value)
            weights.setdefault(number, []).append(weight)
    if aggregator == "avg":
        return {number: sum(found[number]) / sum(weights[number]) for number in sorted(found)}
    over = {"min": min, "max": max}.get(aggregator, sum)
    return {number: float(over(found[number])) for number in sorted(found)}


def _in_bucket(
    aggregator: str, kind: Kind, series: Series, minutes: Sequence[int]
) -> tuple[float, float]:
    """The series' value in a bucket, and by what it is divided in a mean over all series."""
    values = [series.minutes[minute] for minute in minutes]
    if kind is Kind.GAUGE:
        return sum(values) / len(values), 1.0
    if kind is Kind.COUNT:
        return sum(values), 1.0
    totals = [series.totals[minute] for minute in minutes]
    count = sum(total[0] for total in totals)
    match aggregator:
        case "min":
            return min(total[1] for total in totals), 1.0
        case "max":
            return max(total[2] for total in totals), 1.0
        case "count":
            return count, 1.0
    return sum(values), count
