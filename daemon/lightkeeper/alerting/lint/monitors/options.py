"""The options must go with the query and with each other: Datadog refuses or ignores the rest.

Write what the message says. A wrong `thresholds.critical` is left to the rule `thresholds`, and
what a composite names to the rule `operands`.
"""

from collections.abc import Iterator

from lightkeeper.alerting.errors import BadMonitor
from lightkeeper.alerting.evaluate.composite import BadOperands
from lightkeeper.alerting.lint.rules import Finding
from lightkeeper.alerting.lint.subject import Subject


def check(subject: Subject) -> Iterator[Finding]:
    for path, error in subject.refusals:
        others = isinstance(error, BadOperands) or str(error).startswith("thresholds.critical is ")
        if isinstance(error, BadMonitor) and not others:
            yield path, str(error)
