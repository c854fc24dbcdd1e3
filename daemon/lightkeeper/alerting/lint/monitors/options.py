"""The options must go with the query and with each other: Datadog refuses or ignores the rest.

Write what the message says. A wrong `thresholds.critical` is left to the rule `thresholds`.
"""

from collections.abc import Iterator

from lightkeeper.alerting.errors import BadMonitor
from lightkeeper.alerting.lint.rules import Finding
from lightkeeper.alerting.lint.subject import Subject


def check(subject: Subject) -> Iterator[Finding]:
    for path, error in subject.refusals:
        if isinstance(error, BadMonitor) and not str(error).startswith("thresholds.critical is "):
            yield path, str(error)
