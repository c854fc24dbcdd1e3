"""Each metric query must be one that Datadog can read.

Write what the message expects at the position that it names.
"""

from collections.abc import Iterator

from lightkeeper.alerting.files.dashboards import Dashboard
from lightkeeper.alerting.lint.rules import Finding
from lightkeeper.alerting.query.parser import parse_expression
from lightkeeper.alerting.query.syntax import QuerySyntaxError


def check(board: Dashboard) -> Iterator[Finding]:
    for query in board.queries:
        if query.source == "metrics":
            try:
                parse_expression(query.plain)
            except QuerySyntaxError as exc:
                yield query.path, str(exc)
