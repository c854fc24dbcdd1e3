"""What ends an alert must be written down, so that it is a decision.

Write `critical_recovery`, and `warning_recovery` beside a warning; of a service check, `ok`.
"""

from collections.abc import Iterator

from lightkeeper.alerting.lint.rules import Finding
from lightkeeper.alerting.lint.subject import Subject
from lightkeeper.alerting.query.syntax import MetricAlert, ServiceCheckAlert


def check(subject: Subject) -> Iterator[Finding]:
    given = subject.thresholds
    wanted = []
    if isinstance(subject.query, MetricAlert):
        wanted = [f"{one}_recovery" for one in ("critical", "warning") if one in given]
    elif isinstance(subject.query, ServiceCheckAlert):
        wanted = ["ok"]
    for name in wanted:
        if name not in given:
            yield f"payload.options.thresholds.{name}", "write the value at which the alert ends"
