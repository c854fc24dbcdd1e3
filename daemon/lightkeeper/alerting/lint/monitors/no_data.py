"""What missing data mean must be written down, in the one way that goes with the type.

Write `on_missing_data` for metrics and `notify_no_data` for service checks, and not both.
"""

from collections.abc import Iterator

from lightkeeper.alerting.lint.rules import Finding
from lightkeeper.alerting.lint.subject import Subject
from lightkeeper.alerting.query.syntax import MetricAlert, ServiceCheckAlert


def check(subject: Subject) -> Iterator[Finding]:
    given = [one for one in ("on_missing_data", "notify_no_data") if one in subject.options]
    if isinstance(subject.query, MetricAlert) and given != ["on_missing_data"]:
        yield (
            "payload.options.on_missing_data",
            "write what missing data mean, and leave out notify_no_data",
        )
    if isinstance(subject.query, ServiceCheckAlert) and given != ["notify_no_data"]:
        yield (
            "payload.options.notify_no_data",
            "write whether missing checks notify, and leave out on_missing_data",
        )
