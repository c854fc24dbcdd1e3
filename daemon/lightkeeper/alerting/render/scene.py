"""What widgets are drawn from, and what they have in common."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Final, TypeAlias
from xml.etree.ElementTree import Element

from lightkeeper.alerting.evaluate.graph import Buckets
from lightkeeper.alerting.evaluate.series import SeriesStore
from lightkeeper.alerting.files.dashboards import Dashboard, Widget
from lightkeeper.alerting.query.scopes import Group
from lightkeeper.alerting.render.elements import element
from lightkeeper.alerting.render.recorded import Recording
from lightkeeper.alerting.render.template import TemplateVariables

NO_DATA: Final = "no data"
_WIDTHS: Final = (1, 2, 5, 10, 20, 30, 60, 120, 240, 480, 1_440)
MOST_LINE_POINTS: Final = 300
"""A value a minute over four hours and one in five over a day, as Datadog documents it."""
MOST_BARS: Final = 120
_PIXELS_A_COLUMN: Final = 101
_PIXELS_A_ROW: Final = 62


@dataclass(frozen=True)
class Scene:
    """One board, and all that came in the time that it shows."""

    board: Dashboard
    recorded: Recording

    @property
    def store(self) -> SeriesStore:
        return self.recorded.store

    @cached_property
    def template(self) -> TemplateVariables:
        """The board's template variables."""
        return TemplateVariables(given for _, given in self.board.variables)

    def buckets(self, most: int) -> Buckets:
        """The time in so many parts at most."""
        began, ended = self.recorded.began_at, self.recorded.ended_at
        minutes = (ended - began) / 60
        width = next((one for one in _WIDTHS if minutes / one <= most), _WIDTHS[-1])
        return Buckets(began, ended, width)

    @cached_property
    def minutes(self) -> Buckets:
        """The time minute by minute."""
        return Buckets(self.recorded.began_at, self.recorded.ended_at, 1)


Drawer: TypeAlias = Callable[[Scene, Widget], list[Element]]
"""Draws what stands below a widget's title. Raises AlertingError for what it cannot draw."""


def no_data() -> list[Element]:
    """What stands where nothing came."""
    return [element("p", NO_DATA, class_="nodata")]


def pixels(widget: Widget, beside: int = 0) -> tuple[int, int]:
    """The width and height of a widget's drawing, over what takes `beside` of its height."""
    place = widget.place
    columns, rows = (min(place.width, 12), min(place.height, 24)) if place else (4, 3)
    return max(120, columns * _PIXELS_A_COLUMN - 26), max(70, rows * _PIXELS_A_ROW - 44 - beside)


def clock(at_seconds: float) -> str:
    """The time of day in UTC."""
    return f"{datetime.fromtimestamp(at_seconds, UTC):%H:%M}"


def name_of(group: Group, *, otherwise: str) -> str:
    """What tells a group from others of its kind: the values of its tags."""
    return ", ".join(tag.partition(":")[2] or tag for tag in group) or otherwise


def table(head: Iterable[str], rows: Iterable[Iterable[Element | str]], class_: str) -> Element:
    """A table with a head, and a row for each."""
    heads = (element("th", one, scope="col") for one in head)
    cells = (element("tr", *(element("td", cell) for cell in row)) for row in rows)
    return element(
        "table", element("thead", element("tr", *heads)), element("tbody", *cells), class_=class_
    )
