"""Every widget must have a short title of its own, without what the graph or Datadog says already.

Write at most 40 characters, the important word first: no unit, no `number of`, not our name.
"""

import re
from collections.abc import Iterator
from typing import Final

from lightkeeper.alerting.files.dashboards import Dashboard
from lightkeeper.alerting.lint.rules import Finding

_LONGEST: Final = 40
_UNITS: Final = re.compile(
    r"%|\(\w+\)|\b(?:ms|sec|secs|seconds?|mins?|minutes?|hours?|days?|percent|bytes)\b",
    re.IGNORECASE,
)
_WORDY: Final = re.compile(r"(?i)^(?:total )?(?:number|count|amount) of\b|\blightkeeper\b")


def check(board: Dashboard) -> Iterator[Finding]:
    seen: set[str] = set()
    for widget in board.widgets:
        path = f"{widget.path}.definition.title"
        if widget.kind == "note":
            continue
        if not widget.title.strip():
            yield path, "give it a title"
        elif widget.title in seen:
            yield path, f"another widget is called {widget.title!r} too: write another title"
        elif len(widget.title) > _LONGEST:
            yield path, f"write at most {_LONGEST} characters, the important word first"
        elif _UNITS.search(widget.title) or _WORDY.search(widget.title):
            yield path, "leave out units, `number of` and `lightkeeper`: the graph says them"
        seen.add(widget.title)
