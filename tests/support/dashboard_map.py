"""Draws dashboards as text, for people without Datadog.

    python tests/support/dashboard_map.py [KEY...]

A column of the grid is eight characters wide, a row one line; a group's title is its first row.
"""

import sys
from pathlib import Path

from lightkeeper.alerting.files.dashboards import (
    COLUMNS,
    Dashboard,
    Place,
    Widget,
    load_dashboards,
)

ROOT = Path(__file__).parents[2]
CELL = 8
SHORT = {"query_value": "#", "timeseries": "~", "check_status": "?", "toplist": "="}


def drawn(board: Dashboard) -> str:
    """Return one line a row, each widget as [sign title ...] where it lies."""
    rows = max(one.place.y + one.place.height for one in board.top if one.place)
    lines = [[" "] * (COLUMNS * CELL) for _ in range(rows)]
    for group in board.top:
        if group.place is not None:
            _put(lines, Place(group.place.x, group.place.y, group.place.width, 1), group.title)
            for widget in group.inner:
                _put_widget(lines, group.place, widget)
    return "\n".join("".join(line).rstrip() for line in lines)


def _put_widget(lines: list[list[str]], group: Place, widget: Widget) -> None:
    if widget.place is not None:
        x, y = group.x + widget.place.x, group.y + 1 + widget.place.y
        sign = SHORT.get(widget.kind, widget.kind)
        place = Place(x, y, widget.place.width, widget.place.height)
        _put(lines, place, f"{sign} {widget.title}", "[]")


def _put(lines: list[list[str]], place: Place, text: str, ends: str = "==") -> None:
    room = place.width * CELL
    for row in range(place.y, place.y + place.height):
        inner = (text if row == place.y else "").ljust(room - 2, "=" if ends == "==" else " ")
        lines[row][place.x * CELL : place.x * CELL + room] = [
            ends[0],
            *inner[: room - 2],
            ends[1],
        ]


if __name__ == "__main__":
    boards = load_dashboards(ROOT / "dashboards", ROOT / "monitors")
    for key in sys.argv[1:] or boards:
        sys.stdout.write(f"{boards[key].payload['title']}\n{drawn(boards[key])}\n\n")
