"""A dashboard must carry the team's tag and no other: Datadog accepts no other there.

Write `"tags": ["team:${team}"]`.
"""

from collections.abc import Iterator

from lightkeeper.alerting.files.dashboards import Dashboard
from lightkeeper.alerting.lint.rules import Finding


def check(board: Dashboard) -> Iterator[Finding]:
    wanted = [f"team:{board.assets.variables['team']}"]
    if board.payload.get("tags") != wanted:
        yield "payload.tags", f"write {wanted} and nothing else"
