"""The payload must have the shape that Datadog publishes: its keys, types and words.

Write what the message asks for.
"""

from collections.abc import Iterator

from lightkeeper.alerting.files import payload_schema
from lightkeeper.alerting.files.dashboards import Dashboard
from lightkeeper.alerting.lint.rules import Finding


def check(board: Dashboard) -> Iterator[Finding]:
    yield from payload_schema.mistakes(payload_schema.DASHBOARD, board.payload)
