"""What a rule looks at: one definition, and what its queries say."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

from lightkeeper.alerting.files.definitions import Assets, Definition
from lightkeeper.alerting.query.parser import parse, parse_expression
from lightkeeper.alerting.query.syntax import (
    Arithmetic,
    Expression,
    Function,
    MetricAlert,
    MetricQuery,
    Query,
    QuerySyntaxError,
)

Finding: TypeAlias = tuple[str, str]
"""A place in the file, and what to do about it."""


@dataclass(frozen=True)
class Subject:
    """One monitor or SLO, beside all others."""

    definition: Definition
    assets: Assets
    is_slo: bool

    @property
    def payload(self) -> dict[str, Any]:
        return self.definition.payload

    @property
    def options(self) -> dict[str, Any]:
        options = self.payload.get("options")
        return options if isinstance(options, dict) else {}

    @property
    def thresholds(self) -> dict[str, float]:
        """The numbers among its thresholds."""
        given = self.options.get("thresholds")
        found = given.items() if isinstance(given, dict) else ()
        return {name: one for name, one in found if isinstance(one, int | float)}

    @property
    def pages(self) -> bool:
        """Whether it is meant to page, as its own words have it."""
        return not self.definition.pages.lower().startswith("nobody")

    @property
    def query_path(self) -> str:
        return "payload.query"

    @property
    def written_queries(self) -> str:
        """The text of the queries before variables were filled in."""
        query = self.definition.written.get("query")
        return " ".join(map(str, query.values())) if isinstance(query, dict) else str(query)

    @cached_property
    def query(self) -> Query | None:
        """What a monitor asks; None for SLOs, and where it cannot be read."""
        try:
            return None if self.is_slo else parse(str(self.payload.get("query")))
        except QuerySyntaxError:
            return None

    @cached_property
    def queries(self) -> list[MetricQuery]:
        """Every metric query in it, of an SLO those of both its parts."""
        if not self.is_slo:
            query = self.query
            return _metric_queries(query.expression) if isinstance(query, MetricAlert) else []
        query_of = self.payload.get("query")
        try:
            parts = [parse_expression(str(one)) for one in dict(query_of or {}).values()]
        except QuerySyntaxError:
            return []
        return [query for part in parts for query in _metric_queries(part)]


def _metric_queries(expression: Expression) -> list[MetricQuery]:
    match expression:
        case MetricQuery():
            return [expression]
        case Arithmetic(_, left, right):
            return [*_metric_queries(left), *_metric_queries(right)]
        case Function(_, arguments):
            inner = [one for one in arguments if not isinstance(one, str)]
            return [query for one in inner for query in _metric_queries(one)]
    return []
