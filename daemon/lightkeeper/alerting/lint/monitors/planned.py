"""What planned outages at a step explain must be grouped by step, or no group of it is muted.

Write `by {step}` into the query, or `anywhere` or `everywhere` for `planned_outage`.
"""

from collections.abc import Iterator

from lightkeeper.alerting.lint.rules import Finding
from lightkeeper.alerting.lint.subject import Subject


def check(subject: Subject) -> Iterator[Finding]:
    if subject.definition.planned_outage == "at-step" and "step" not in subject.by:
        yield (
            "planned_outage",
            "no group of it is one of a step: write anywhere or everywhere, or `by {step}`",
        )
