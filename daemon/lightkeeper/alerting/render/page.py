"""A board as one page: nothing in it is loaded from elsewhere, and it has no script."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple
from xml.etree.ElementTree import Element

from lightkeeper.alerting.errors import AlertingError
from lightkeeper.alerting.files.dashboards import COLUMNS, Dashboard, Place, Widget
from lightkeeper.alerting.render.elements import document, element
from lightkeeper.alerting.render.graphs import timeseries
from lightkeeper.alerting.render.notes import note
from lightkeeper.alerting.render.numbers import query_table, query_value, toplist
from lightkeeper.alerting.render.recorded import Recording
from lightkeeper.alerting.render.scene import NO_DATA, Drawer, Scene
from lightkeeper.alerting.render.statuses import check_status, manage_status, slo_list
from lightkeeper.alerting.render.streams import stream

DRAWERS: Final[dict[str, Drawer]] = {
    "check_status": check_status,
    "event_stream": stream,
    "free_text": note,
    "list_stream": stream,
    "manage_status": manage_status,
    "note": note,
    "query_table": query_table,
    "query_value": query_value,
    "slo_list": slo_list,
    "timeseries": timeseries,
    "toplist": toplist,
}
"""What is drawn, by the type of the widget; others are named where they would stand."""

_STYLE: Final = (Path(__file__).parent / "page.css").read_text(encoding="utf-8")


class WidgetState(NamedTuple):
    """A widget of a board: `state` is drawn, empty (no data came) or refused."""

    board: str
    title: str
    state: str
    why: str


@dataclass(frozen=True, slots=True)
class Page:
    """A page, and what became of each widget on it."""

    html: str
    widgets: tuple[WidgetState, ...]


def page(boards: Iterable[Dashboard], recorded: Recording, drill: str, says: str) -> Page:
    """The boards one below the other, and the drill they are drawn from.

    The same input gives the same bytes.
    """
    scenes = [Scene(one, recorded) for one in boards]
    outcomes: list[WidgetState] = []
    children: list[Element] = []
    for scene in scenes:
        title = element("h1", _title(scene))
        origin = element("p", *_origin(scene, drill, says), class_="origin")
        placed = (_placed(scene, one, COLUMNS, outcomes) for one in scene.board.top)
        children.append(element("header", title, origin, _variables(scene)))
        children.append(element("section", *placed, class_="board"))
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", f"{', '.join(map(_title, scenes))} – drill {drill}"),
        element("style", _STYLE),
    )
    body = element("body", element("main", *children))
    return Page(document(element("html", head, body, lang="en")), tuple(outcomes))


def _title(scene: Scene) -> str:
    return str(scene.board.payload.get("title") or scene.board.definition.key)


def _origin(scene: Scene, drill: str, says: str) -> list[Element | str]:
    """Where all of it comes from, and of which time it is."""
    recorded = scene.recorded
    began, ended = (
        datetime.fromtimestamp(at, UTC) for at in (recorded.began_at, recorded.ended_at)
    )
    until = f"{ended:%H:%M}" if began.date() == ended.date() else f"{ended:%Y-%m-%d %H:%M}"
    return [
        "Dashboard ",
        element("b", scene.board.definition.key),
        ", env ",
        element("b", str(scene.board.assets.variables.get("env"))),
        ", drawn from the drill ",
        element("b", drill),
        f" ({says}), {began:%Y-%m-%d %H:%M} to {until} UTC. Simulated: no real documents. "
        "Legends give the total of bars, and the last value of lines.",
    ]


def _variables(scene: Scene) -> Element:
    found = [
        element("li", f"${one.name} ", element("b", one.words)) for one in scene.template.variables
    ]
    return element("ul", *found, class_="variables", aria_label="template variables")


def _placed(scene: Scene, widget: Widget, columns: int, outcomes: list[WidgetState]) -> Element:
    """A widget or group at its place on a grid of so many columns."""
    style = _style(widget.place, columns)
    heading = widget.title or widget.kind
    if widget.kind == "group":
        inner = min(widget.place.width, columns) if widget.place else columns
        children = [_placed(scene, one, inner, outcomes) for one in widget.inner]
        grid = element("div", *children, class_="grid", style=f"--columns:{max(1, inner)}")
        return element("section", element("h2", heading), grid, class_="group", style=style)
    drawn, state, why = _drawn(scene, widget)
    outcomes.append(WidgetState(scene.board.definition.key, heading, state, why))
    title = element("h3", heading) if widget.title else None
    return element("article", title, *drawn, class_="widget", style=style, data_state=state)


def _drawn(scene: Scene, widget: Widget) -> tuple[list[Element], str, str]:
    """What stands below the title, the state, and why it is not drawn."""
    drawer = DRAWERS.get(widget.kind)
    if drawer is None:
        return _refused(f"a widget of the type {widget.kind} is not drawn here")
    try:
        found = drawer(scene, widget)
    except AlertingError as exc:
        return _refused(str(exc))
    if any(one.get("class") == "nodata" for one in found):
        return found, "empty", NO_DATA
    return found, "drawn", ""


def _refused(why: str) -> tuple[list[Element], str, str]:
    return [element("p", f"not drawn: {why}", class_="refused")], "refused", why


def _style(place: Place | None, columns: int) -> str | None:
    if place is None:
        return None
    x = min(max(place.x, 0), columns - 1)
    width = min(max(place.width, 1), columns - x)
    top, height = max(place.y, 0) + 1, max(place.height, 1)
    return f"grid-column:{x + 1}/span {width};grid-row:{top}/span {height}"
