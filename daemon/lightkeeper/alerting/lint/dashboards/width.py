"""Graphs and lists must be wide enough to be read on a small screen.

Write the width that the message names, or more.
"""

from collections.abc import Iterator
from typing import Final

from lightkeeper.alerting.files.dashboards import STREAMS, Dashboard
from lightkeeper.alerting.lint.rules import Finding

_NARROWEST: Final = {"timeseries": 4, **dict.fromkeys(STREAMS, 6)}


def check(board: Dashboard) -> Iterator[Finding]:
    for widget in board.widgets:
        least = _NARROWEST.get(widget.kind, 1)
        if widget.place is not None and widget.place.width < least:
            yield f"{widget.path}.layout.width", f"a {widget.kind} needs {least} columns or more"
