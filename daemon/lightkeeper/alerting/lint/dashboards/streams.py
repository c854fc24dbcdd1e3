"""Streams must be in a group of their own at the end: they catch the scroll wheel.

Put lists of events and logs into the last group, and everything else out of it.
"""

from collections.abc import Iterator

from lightkeeper.alerting.files.dashboards import STREAMS, Dashboard
from lightkeeper.alerting.lint.rules import Finding


def check(board: Dashboard) -> Iterator[Finding]:
    for one in board.top:
        found = [inner.path for inner in one.inner if inner.kind in STREAMS]
        if one is not board.top[-1]:
            yield from ((path, "put streams into the last group") for path in found)
        elif found and len(found) < len(one.inner):
            yield f"{one.path}.definition.widgets", "put only streams into this group"
