"""The first group must be About: notes alone, with a link to the runbook, and room beside it.

Write a group with the title About, narrower than the board, and `[Runbook](${runbook_url})` in it.
"""

from collections.abc import Iterator

from lightkeeper.alerting.files.dashboards import COLUMNS, Dashboard
from lightkeeper.alerting.lint.rules import Finding


def check(board: Dashboard) -> Iterator[Finding]:
    first = board.top[0] if board.top else None
    if first is None or first.title != "About":
        yield "payload.widgets[0].definition.title", "begin with a group About"
        return
    text = " ".join(str(one.definition.get("content")) for one in first.inner)
    if any(one.kind != "note" for one in first.inner):
        yield f"{first.path}.definition.widgets", "write only notes into About, no data"
    if f"]({board.assets.variables['runbook_url']})" not in text:
        yield f"{first.path}.definition.widgets", "link the runbook: [Runbook](${runbook_url})"
    if first.place is not None and first.place.width >= COLUMNS:
        yield f"{first.path}.layout.width", "make About narrower than the board"
