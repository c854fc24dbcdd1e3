"""A composite must name monitors that Datadog can combine: else it is refused, or never triggers.

Write the keys of two to ten other monitors, none of them a composite, all grouped by the same keys
or by none, with && or || between them.
"""

from collections.abc import Iterator

from lightkeeper.alerting.evaluate.composite import BadOperands
from lightkeeper.alerting.lint.rules import Finding
from lightkeeper.alerting.lint.subject import Subject


def check(subject: Subject) -> Iterator[Finding]:
    for path, error in subject.refusals:
        if isinstance(error, BadOperands):
            yield path, str(error)
