"""A query must aggregate a signal as its kind allows, or its number means something else.

Write `sum:….as_count()` for a count; neither `.as_count()` nor `.as_rate()` for a gauge; for a
distribution `count:….as_count()`, or min or max without it.
"""

from collections.abc import Iterator

from lightkeeper.alerting.lint.rules import Finding
from lightkeeper.alerting.lint.subject import Subject, metric_signal
from lightkeeper.telemetry.signals import Kind


def check(subject: Subject) -> Iterator[Finding]:
    for query in subject.queries:
        signal = metric_signal(query)
        if signal is None:
            continue
        counted = any(call.name in ("as_count", "as_rate") for call in query.calls)
        what = f"{query.metric} is a {signal.kind}"
        if signal.kind is Kind.COUNT and (not counted or query.aggregator != "sum"):
            yield subject.place, f"{what}: write sum:{query.metric}{{…}}.as_count()"
        elif signal.kind is Kind.GAUGE and counted:
            yield subject.place, f"{what}: leave out .as_count() and .as_rate()"
        elif signal.kind is Kind.DISTRIBUTION and counted != (query.aggregator == "count"):
            yield subject.place, f"{what}: write count:….as_count(), or min or max without it"
