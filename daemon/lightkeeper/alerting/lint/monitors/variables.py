"""Name and message must use only names that Datadog fills in: any other stays empty.

Write a name that the message lists, or add its tag to the query's `by {…}`.
"""

from collections.abc import Iterator

from lightkeeper.alerting.errors import TemplateError
from lightkeeper.alerting.lint.rules import Finding
from lightkeeper.alerting.lint.subject import Subject


def check(subject: Subject) -> Iterator[Finding]:
    for path, error in subject.refusals:
        if isinstance(error, TemplateError):
            yield path, str(error)
