"""A request of a widget: named metric queries, and the formulas of them that are shown."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from lightkeeper.alerting.errors import Unsupported
from lightkeeper.alerting.evaluate.arithmetic import Combined, Plain, QueryRef, value_of
from lightkeeper.alerting.evaluate.flattened import Flattened
from lightkeeper.alerting.evaluate.graph import Buckets, MetricGraph, Points, combined
from lightkeeper.alerting.evaluate.series import SeriesStore
from lightkeeper.alerting.files.dashboards import dicts
from lightkeeper.alerting.query.parser import parse_expression
from lightkeeper.alerting.query.scopes import Group
from lightkeeper.alerting.render.template import TemplateVariables
from lightkeeper.alerting.render.units import unit_of
from lightkeeper.telemetry.catalogue import CATALOGUE

_REDUCED: Final[dict[str, Callable[[list[float]], float]]] = {
    "last": lambda points: points[-1],
    "sum": sum,
    "min": min,
    "max": max,
    "avg": lambda points: sum(points) / len(points),
    "mean": lambda points: sum(points) / len(points),
}


@dataclass(frozen=True, slots=True)
class _Named:
    graph: MetricGraph
    aggregator: str


class WidgetRequest:
    """One request. Raises what a metric query raises, and Unsupported for other sources."""

    def __init__(self, request: Mapping[str, Any], template: TemplateVariables) -> None:
        self._queries: dict[str, _Named] = {}
        for _, one in dicts(request.get("queries"), ""):
            source = str(one.get("data_source"))
            if source != "metrics":
                raise Unsupported(f"the data source {source} is not drawn here: only metrics are")
            graph = MetricGraph(template.in_scope(str(one.get("query"))))
            self._queries[str(one.get("name"))] = _Named(graph, str(one.get("aggregator") or ""))
        if not self._queries:
            raise Unsupported("a request without `queries` is not drawn here: write them by name")
        given = dicts(request.get("formulas"), "") or [("", {"formula": n}) for n in self._queries]
        self.formulas = tuple(_AskedFormula(one, self._queries) for _, one in given)

    @property
    def by(self) -> tuple[str, ...]:
        """The keys that its queries are grouped by."""
        return next(iter(self._queries.values())).graph.by


class _AskedFormula:
    """What is shown of the queries, and how it is called."""

    def __init__(self, given: Mapping[str, Any], queries: Mapping[str, _Named]) -> None:
        text = str(given.get("formula"))
        self.flattened = _flattened(text, queries)
        used = [queries[one.metric] for one in self.flattened.queries]
        if not used:
            raise Unsupported(f"the formula {text} names no query")
        if len({tuple(sorted(one.graph.by)) for one in used}) > 1:
            raise Unsupported(f"the formula {text} joins queries grouped by different keys")
        self._used = used
        self._counts = all(one.graph.counts for one in used)
        self.alias = str(given.get("alias") or text)
        self.unit = unit_of(given.get("number_format"), self._unit(self.flattened.root))
        self.conditional_formats = dicts(given.get("conditional_formats"), "")

    @property
    def adds_up(self) -> bool:
        """Whether a point is what came in its bucket: the sum of counts, and no ratio of them."""
        return self._counts and not _divides(self.flattened.root)

    def points(self, store: SeriesStore, buckets: Buckets) -> dict[Group, Points]:
        """The points of each group."""
        selected = [one.graph.points(store, buckets) for one in self._used]
        return combined(self.flattened.root, selected, buckets, align=self._counts)

    def values(self, store: SeriesStore, buckets: Buckets) -> dict[Group, float]:
        """One value of each group: of each query's points, by its aggregator, then combined."""
        reduced: list[dict[Group, float]] = []
        for one in self._used:
            reduce = _REDUCED.get(one.aggregator)
            if reduce is None:
                raise Unsupported(
                    f"the aggregator {one.aggregator or '(none)'} is not drawn here: write "
                    f"{', '.join(_REDUCED)}"
                )
            points = one.graph.points(store, buckets)
            reduced.append({group: reduce(list(of.values())) for group, of in points.items()})
        found: dict[Group, float] = {}
        for group in sorted({group for one in reduced for group in one}):
            lacks = [one for one in reduced if group not in one]
            if lacks and not self._counts:
                continue
            value = value_of(self.flattened.root, [one.get(group, 0.0) for one in reduced])
            if value is not None and math.isfinite(value):
                found[group] = value
        return found

    def _unit(self, root: Plain) -> str:
        metrics = [metric for one in self._used for metric in one.graph.metrics]
        units = {CATALOGUE[one].unit if one in CATALOGUE else "" for one in metrics}
        return units.pop() if len(units) == 1 and not _divides(root) else ""


def _flattened(text: str, queries: Mapping[str, _Named]) -> Flattened:
    """The formula over its queries' names, which the result has for metrics."""
    names = "|".join(sorted(map(re.escape, queries), key=len, reverse=True))
    as_query = re.sub(rf"\b(?:{names})\b(?!\s*\()", lambda name: f"sum:{name[0]}{{*}}", text)
    flattened = Flattened(parse_expression(as_query))
    for one in flattened.queries:
        if one.metric not in queries:
            raise Unsupported(f"the formula {text} names a query {one.metric}, which is not there")
    return flattened


def _divides(root: Plain) -> bool:
    match root:
        case Combined(operator, left, right):
            return operator in "*/" or _divides(left) or _divides(right)
        case QueryRef():
            return False
    return not isinstance(root, QueryRef)
