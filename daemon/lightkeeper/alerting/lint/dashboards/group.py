"""Every widget must be in a group with a visible title, and groups stand in reading order.

Put the widget into a group; give the group a title; sort groups by row, then by column.
"""

from collections.abc import Iterator

from lightkeeper.alerting.files.dashboards import Dashboard
from lightkeeper.alerting.lint.rules import Finding


def check(board: Dashboard) -> Iterator[Finding]:
    before = (-1, -1)
    for widget in board.top:
        if widget.kind != "group":
            yield widget.path, "put it into a group"
        elif not widget.title or widget.definition.get("show_title") is False:
            yield f"{widget.path}.definition.title", "give the group a title, and show it"
        if widget.place is not None:
            at = (widget.place.y, widget.place.x)
            if at < before:
                yield f"{widget.path}.layout", "sort the groups by row, then by column"
            before = at
