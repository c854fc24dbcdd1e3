"""Only what the evaluator supports may be used, so that the unit tests and drills mean something.

Write the query or option another way, as the message says. alerting/evaluate refuses with
`Unsupported` what Datadog does not document or what is not modelled there.
"""

from collections.abc import Iterator

from lightkeeper.alerting.errors import Unsupported
from lightkeeper.alerting.lint.rules import Finding
from lightkeeper.alerting.lint.subject import Subject


def check(subject: Subject) -> Iterator[Finding]:
    for path, error in subject.refusals:
        if isinstance(error, Unsupported):
            yield path, str(error)
