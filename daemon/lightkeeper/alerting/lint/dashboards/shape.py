"""The payload must have the shape that Datadog publishes: its keys, types and words.

Write what the message asks for. The rule is skipped where jsonschema is not installed.
"""

from collections.abc import Iterator

from lightkeeper.alerting.files import payload_schema
from lightkeeper.alerting.files.dashboards import Dashboard
from lightkeeper.alerting.lint.rules import Finding


def check(board: Dashboard) -> Iterator[Finding]:
    if payload_schema.available():
        yield from payload_schema.mistakes(payload_schema.DASHBOARD, board.payload)
