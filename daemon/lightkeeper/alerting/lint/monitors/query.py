"""The query must be one that Datadog can read.

Write what the message expects at the position that it names.
"""

from collections.abc import Iterator

from lightkeeper.alerting.lint.rules import Finding
from lightkeeper.alerting.lint.subject import Subject
from lightkeeper.alerting.query.syntax import QuerySyntaxError


def check(subject: Subject) -> Iterator[Finding]:
    for path, error in subject.refusals:
        if isinstance(error, QuerySyntaxError):
            yield path, str(error)
