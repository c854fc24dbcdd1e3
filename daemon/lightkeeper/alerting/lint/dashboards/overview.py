"""The second group must be Overview, with a number, a check and the state of the monitors.

Write a group with the title Overview, and a query_value, check_status and manage_status in it.
"""

from collections.abc import Iterator
from typing import Final

from lightkeeper.alerting.files.dashboards import Dashboard
from lightkeeper.alerting.lint.rules import Finding

_NEEDED: Final = ("query_value", "check_status", "manage_status")


def check(board: Dashboard) -> Iterator[Finding]:
    second = board.top[1] if len(board.top) > 1 else None
    if second is None or second.title != "Overview":
        yield "payload.widgets[1].definition.title", "write a group Overview after About"
        return
    kinds = {one.kind for one in second.inner}
    for kind in _NEEDED:
        if kind not in kinds:
            yield f"{second.path}.definition.widgets", f"add a {kind} to Overview"
