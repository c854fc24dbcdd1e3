"""The number that alerts must stand in the options too: Datadog's page and messages show that one.

Write the query's number as `options.thresholds.critical`; of a service check, how many bad runs.
"""

from collections.abc import Iterator

from lightkeeper.alerting.lint.rules import Finding
from lightkeeper.alerting.lint.subject import Subject
from lightkeeper.alerting.query.syntax import (
    BurnRate,
    ErrorBudget,
    MetricAlert,
    ServiceCheckAlert,
)


def check(subject: Subject) -> Iterator[Finding]:
    query, given = subject.query, subject.thresholds
    path = "payload.options.thresholds.critical"
    if isinstance(query, MetricAlert | BurnRate | ErrorBudget):
        if given.get("critical") != query.threshold:
            yield path, f"write the query's number: {query.threshold}"
    elif isinstance(query, ServiceCheckAlert) and "critical" not in given:
        yield path, "write after how many bad checks in a row it alerts"
