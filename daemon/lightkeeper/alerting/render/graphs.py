"""Draws a timeseries: lines, areas and bars, with thresholds, events and a legend."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from xml.etree.ElementTree import Element

from lightkeeper.alerting.errors import Unsupported
from lightkeeper.alerting.evaluate.graph import Buckets, Points
from lightkeeper.alerting.files.dashboards import Widget, dicts
from lightkeeper.alerting.query.search import Search
from lightkeeper.alerting.render.asked import WidgetRequest
from lightkeeper.alerting.render.chart import Drawn, Frame, svg
from lightkeeper.alerting.render.elements import element
from lightkeeper.alerting.render.scene import (
    MOST_BARS,
    MOST_LINE_POINTS,
    Scene,
    name_of,
    no_data,
    pixels,
)
from lightkeeper.alerting.render.streams import found_events
from lightkeeper.alerting.render.units import Unit

COLOURS: Final = (
    *("#1d4ed8", "#c2410c", "#0f766e", "#7e22ce", "#a16207"),
    *("#be123c", "#15803d", "#334155", "#0e7490", "#a21caf"),
)
_WARM: Final = ("#b42318", "#c2410c", "#a16207", "#9d174d", "#7c2d12")
_DASHES: Final = ("none", "8 4", "2 3", "10 3 2 3")
_LARGEST: Final = 1e15
_WAYS: Final = ("line", "area", "bars")
_LEVEL: Final = re.compile(r"\s*y\s*=\s*(-?\d+(?:\.\d+)?)\s*")
_BRIDGED_MINUTES: Final = 5
"""A line goes on over a pause so long, as Datadog interpolates; else it is broken."""


@dataclass(frozen=True, slots=True)
class Curve:
    """One series of a timeseries, before it has a scale."""

    name: str
    how: str
    colour: str
    turn: int
    buckets: Buckets
    points: Points
    unit: Unit
    adds_up: bool

    def said(self) -> str:
        """What a legend says of it: all of it, or the last of it."""
        values = list(self.points.values())
        return self.unit.short(sum(values) if self.adds_up else values[-1])


def timeseries(scene: Scene, widget: Widget) -> list[Element]:
    """The graph below its caption, over its legend."""
    curves = list(_curves(scene, widget))
    if not curves:
        return no_data()
    largest = max(abs(value) for one in curves for value in one.points.values())
    if largest > _LARGEST:
        raise Unsupported(f"a value of {largest:g} is too large to be drawn here")
    unit = curves[0].unit
    scale, sign = unit.scaled(largest)
    levels = list(_levels(widget))
    moments = [one.at_seconds / 60 for one in _overlaid(scene, widget)]
    buckets = curves[0].buckets
    width, height = pixels(widget, beside=14)
    frame = Frame(
        *(scene.minutes.minutes.start, scene.minutes.minutes.stop, width, height, buckets.width),
        levels=[level / scale for level, _ in levels],
        moments=moments,
    )
    says = "; ".join(f"{one.name}: {one.said()}" for one in curves)
    return [
        element("p", _caption(curves, sign, buckets), class_="caption"),
        svg(_stacked(curves, scale), frame, widget.title, says),
        _legend(curves, levels, len(moments)),
    ]


def background(scene: Scene, widget: Widget, asked: WidgetRequest, how: str) -> Element | None:
    """A small graph without axes of a request's first formula, all groups of it as one."""
    buckets = scene.buckets(MOST_BARS if how == "bars" else MOST_LINE_POINTS)
    formula = asked.formulas[0]
    groups = formula.points(scene.store, buckets)
    if not groups:
        return None
    name, points = next(iter(groups.items()))
    colour = "#94a3b8"
    curve = Curve(str(name), how, colour, 0, buckets, points, formula.unit, False)
    minutes = scene.minutes.minutes
    frame = Frame(minutes.start, minutes.stop, pixels(widget)[0], 44, buckets.width, axes=False)
    return svg(_stacked([curve], 1.0), frame, widget.title, "its past")


def _curves(scene: Scene, widget: Widget) -> Iterator[Curve]:
    requests = widget.requests
    if not requests:
        raise Unsupported("a timeseries without requests is not drawn here")
    turn = 0
    for _, request in requests:
        how = str(request.get("display_type") or "line")
        if how not in _WAYS:
            raise Unsupported(
                f"the display_type {how} is not drawn here: write {', '.join(_WAYS)}"
            )
        asked = WidgetRequest(request, scene.template)
        buckets = scene.buckets(MOST_BARS if how == "bars" else MOST_LINE_POINTS)
        style = request.get("style")
        warm = isinstance(style, dict) and style.get("palette") == "warm"
        several = len(requests) > 1 or len(asked.formulas) > 1
        for formula in asked.formulas:
            for group, points in formula.points(scene.store, buckets).items():
                name = name_of(group, otherwise=formula.alias)
                if group and several:
                    name = f"{formula.alias}: {name}"
                colours = _WARM if warm else COLOURS
                colour = colours[turn % len(colours)]
                yield Curve(
                    name, how, colour, turn, buckets, points, formula.unit, formula.adds_up
                )
                turn += 1


def _stacked(curves: Sequence[Curve], scale: float) -> list[Drawn]:
    """The curves in the order they are drawn in; bars and areas stand on those before them."""
    floors: dict[str, dict[int, float]] = {"bars": {}, "area": {}}
    drawn = []
    for one in curves:
        width = one.buckets.width
        rows, bases = [], []
        floor = floors.get(one.how, {})
        for number, value in _with_gaps(one):
            base = floor.get(number, 0.0)
            rows.append((float(number * width), None if value is None else base + value / scale))
            bases.append(base)
            if value is not None and one.how in floors:
                floors[one.how][number] = base + value / scale
        drawn.append(Drawn(one.how, one.colour, rows, bases, _DASHES[one.turn % len(_DASHES)]))
        if one.how == "area":
            drawn.append(Drawn("line", one.colour, rows))
        if one.how != "bars" and (alone := _alone(rows)):
            drawn.append(Drawn("dots", one.colour, alone))
    return drawn


def _alone(rows: Sequence[tuple[float, float | None]]) -> list[tuple[float, float | None]]:
    """The points with a gap on either side, of which no line would show anything."""
    values = [None, *(value for _, value in rows), None]
    return [
        row
        for row, before, after in zip(rows, values, values[2:], strict=False)
        if row[1] is not None and before is None and after is None
    ]


def _with_gaps(curve: Curve) -> Iterator[tuple[int, float | None]]:
    bridged = max(1, _BRIDGED_MINUTES // curve.buckets.width)
    before: int | None = None
    for number, value in curve.points.items():
        if before is not None and number - before > bridged and curve.how != "bars":
            yield before + 1, None
        yield number, value
        before = number


def _caption(curves: Sequence[Curve], sign: str, buckets: Buckets) -> str:
    """What the numbers beside the graph are."""
    one = curves[0]
    words = sign or ("times" if one.adds_up else "")
    if one.adds_up:
        words = f"{words} in {'a minute' if buckets.width == 1 else f'{buckets.width} min'}"
    return words or "\N{NO-BREAK SPACE}"


def _legend(curves: Sequence[Curve], levels: list[tuple[float, str]], events: int) -> Element:
    items = [
        _item(f"{one.how} d{one.turn % len(_DASHES)}", one.colour, one.name, one.said())
        for one in curves
    ]
    unit = curves[0].unit
    items += [_item("level", "#b42318", label or "marker", unit.short(v)) for v, label in levels]
    if events:
        items.append(_item("moment", "#6b21a8", "events", str(events)))
    return element("ul", *items, class_="legend")


def _item(how: str, colour: str, name: str, value: str) -> Element:
    swatch = element("span", class_=f"swatch {how}", style=f"color:{colour}", aria_hidden="true")
    return element("li", swatch, f"{name} ", element("b", value))


def _levels(widget: Widget) -> Iterator[tuple[float, str]]:
    """The thresholds that markers name, with their labels."""
    for _, marker in dicts(widget.definition.get("markers"), ""):
        found = _LEVEL.fullmatch(str(marker.get("value")))
        if found is None:
            raise Unsupported(f"the marker {marker.get('value')} is not drawn here: write y = 1")
        yield float(found[1]), str(marker.get("label") or "")


def _overlaid(scene: Scene, widget: Widget) -> list[Any]:
    searches: list[Mapping[str, Any]] = [
        one for _, one in dicts(widget.definition.get("events"), "")
    ]
    texts = [scene.template.in_search(str(one.get("q"))) for one in searches]
    return [one for text in texts for one in found_events(scene.recorded.events, Search(text))]
