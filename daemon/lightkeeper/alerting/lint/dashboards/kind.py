"""A widget must add up signals, over series and over time, only where a sum means something.

Write the aggregator that the message names: counts add up everywhere, gauges of documents over
series alone, ages and times nowhere.
"""

from collections.abc import Iterator

from lightkeeper.alerting.files.dashboards import Dashboard, WidgetQuery
from lightkeeper.alerting.lint.board import as_of_monitors, subjects
from lightkeeper.alerting.lint.monitors import kind
from lightkeeper.alerting.lint.rules import Finding
from lightkeeper.telemetry.catalogue import CATALOGUE
from lightkeeper.telemetry.signals import Kind


def check(board: Dashboard) -> Iterator[Finding]:
    yield from as_of_monitors(board, kind.check)
    for query, subject in subjects(board):
        for one in subject.queries:
            signal = CATALOGUE.get(one.metric)
            if signal is not None and query.source == "metrics":
                what = f"{one.metric} is a {signal.kind} of {signal.unit or 'one'}"
                aggregator = one.aggregator or "avg"
                for remedy in _added_up(signal.kind, signal.unit, aggregator, query):
                    yield query.path, f"{what}: {remedy}"


def _added_up(signal: Kind, unit: str, aggregator: str, query: WidgetQuery) -> Iterator[str]:
    if signal is Kind.GAUGE and unit == "second" and aggregator == "sum":
        yield "ages do not add up: write max, min or avg"
    if signal is Kind.GAUGE and unit not in ("second", "") and aggregator == "avg":
        yield "its series add up: write sum, or min or max"
    if signal is Kind.DISTRIBUTION and aggregator[:1] == "p" and aggregator[1:].isdecimal():
        yield "percentiles have to be switched on by hand in Datadog: write avg, min or max"
    if signal is Kind.COUNT and query.aggregator not in ("", "sum"):
        yield "over time a count adds up: write aggregator sum"
    if signal is not Kind.COUNT and query.aggregator == "sum":
        yield "over time only counts add up: write aggregator last, max, min or avg"
