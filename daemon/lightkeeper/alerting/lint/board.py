"""What several rules for dashboards need: queries as rules for monitors take them, and tags."""

import dataclasses
from collections.abc import Iterator
from typing import Any, Final

from lightkeeper.alerting.files.dashboards import Dashboard, Widget, WidgetQuery
from lightkeeper.alerting.lint.rules import Finding, Rule
from lightkeeper.alerting.lint.subject import Subject

SCALAR: Final = ("query_value", "toplist", "query_table", "change")
"""Widgets that draw numbers instead of points over time."""


def subjects(board: Dashboard) -> Iterator[tuple[WidgetQuery, Subject]]:
    """Its queries of metrics and checks: a graph's as an SLO's, which have no window either."""
    for query in board.queries:
        if query.source in ("metrics", "check"):
            is_slo = query.source == "metrics"
            text: Any = {"query": query.plain} if is_slo else query.plain
            one = dataclasses.replace(board.definition, payload={"query": text})
            yield query, Subject(one, board.assets, is_slo=is_slo)


def as_of_monitors(board: Dashboard, check: Rule[Subject]) -> Iterator[Finding]:
    """What a rule for monitors finds in its queries."""
    for query, subject in subjects(board):
        for _, remedy in check(subject):
            yield query.path, remedy


def metric_requests(board: Dashboard) -> Iterator[tuple[Widget, str, dict[str, Any]]]:
    """The requests that draw metrics, each with its widget and its path."""
    for widget in board.widgets:
        if widget.kind == "timeseries" or widget.kind in SCALAR:
            for path, one in widget.requests:
                yield widget, path, one


def tags_of(board: Dashboard, source: str) -> list[list[str]]:
    """The tags of each of our `monitors` or `slos`, whichever the source is."""
    assets = board.assets
    found = (assets.monitors if source == "monitors" else assets.slos).values()
    return [[str(tag) for tag in one.payload.get("tags") or ()] for one in found]
