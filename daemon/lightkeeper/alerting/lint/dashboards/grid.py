"""Each widget must have a place on the grid, inside its group, that no other widget covers.

Write layout_type ordered and reflow_type fixed, and a layout of x, y, width and height each.
"""

from collections.abc import Iterator
from itertools import combinations
from typing import Final

from lightkeeper.alerting.files.dashboards import COLUMNS, Dashboard, Widget
from lightkeeper.alerting.lint.rules import Finding

_LAYOUT: Final = {"layout_type": "ordered", "reflow_type": "fixed"}


def check(board: Dashboard) -> Iterator[Finding]:
    given = {name: board.payload.get(name) for name in _LAYOUT}
    if given != _LAYOUT:
        yield "payload.reflow_type", "write layout_type ordered and reflow_type fixed"
    yield from _misplaced(board.top, COLUMNS)
    for one in board.top:
        yield from _misplaced(one.inner, one.place.width if one.place else COLUMNS)
        bottom = max((w.place.y + w.place.height for w in one.inner if w.place), default=0)
        if one.kind == "group" and one.place is not None and one.place.height != bottom + 1:
            yield (
                f"{one.path}.layout.height",
                f"its widgets and the title take {bottom + 1} rows: write {bottom + 1}",
            )


def _misplaced(widgets: tuple[Widget, ...], columns: int) -> Iterator[Finding]:
    placed = [(one.path, one.place) for one in widgets if one.place is not None]
    for one in widgets:
        if one.place is None:
            yield f"{one.path}.layout", "write x, y, width and height"
    for path, place in placed:
        if place.x + place.width > columns or not place.width or not place.height:
            yield f"{path}.layout", f"does not fit into {columns} columns: change x or width"
    for (_, first), (path, second) in combinations(placed, 2):
        if first.overlaps(second):
            yield f"{path}.layout", "lies on another widget: move one"
