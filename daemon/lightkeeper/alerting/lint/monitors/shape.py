"""The payload must have the shape that Datadog publishes: its keys, types and words.

Write what the message asks for.
"""

from collections.abc import Iterator

from lightkeeper.alerting.files import payload_schema
from lightkeeper.alerting.lint.rules import Finding
from lightkeeper.alerting.lint.subject import Subject


def check(subject: Subject) -> Iterator[Finding]:
    kind = payload_schema.SLO if subject.is_slo else payload_schema.MONITOR
    yield from payload_schema.mistakes(kind, subject.payload)
