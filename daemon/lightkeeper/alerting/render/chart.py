"""Graphs over time as SVG, drawn by leather."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, TypeAlias
from xml.etree import ElementTree

import leather
from leather import theme
from leather.scales import Linear, Scale
from leather.shapes.base import Shape

from lightkeeper.alerting.render.elements import element, shown

_STEPS: Final = (5, 10, 15, 30, 60, 120, 180, 360, 720, 1_440, 2_880, 10_080)
_MINUTES_A_DAY: Final = 1_440
_PIXELS_A_LABEL: Final = 62
_NUMBERS: Final = ("x", "y", "x1", "x2", "y1", "y2", "width", "height", "d", "cx", "cy")
_NUMBER: Final = re.compile(r"-?\d+(?:\.\d+)?(?:E[+-]?\d+)?")
_MARGIN: Final = 8.0
_GREY: Final = "#4b5563"
_Part: TypeAlias = tuple[float, float, float, float]
"""Left, right, top and bottom, in pixels."""

theme.background_color = "none"
theme.tick_color, theme.zero_color, theme.label_color = "#e5e7eb", "#9ca3af", _GREY
theme.tick_font_family, theme.tick_font_size = "inherit", 11
theme.tick_font_char_width, theme.tick_font_char_height = 6.5, 11
theme.legend_font_char_height = theme.legend_gap = 0  # the page has legends of its own


@dataclass(frozen=True, slots=True)
class Drawn:
    """One series of a chart: its points in order, minute and value; None is a gap.

    `how` is line, area, bars or dots; what is stacked stands on `base`, a value for each point.
    """

    how: str
    colour: str
    points: Sequence[tuple[float, float | None]]
    base: Sequence[float] = ()
    dashes: str = "none"


@dataclass(frozen=True, slots=True)
class Frame:
    """What all of a chart shares: minutes since the epoch, and pixels."""

    first: int
    end: int
    width: int
    height: int
    bar_minutes: int
    axes: bool = True
    levels: Sequence[float] = ()
    """Values to draw a line at."""
    moments: Sequence[float] = field(default=())
    """Minutes to mark."""


def svg(series: Sequence[Drawn], frame: Frame, title: str, says: str) -> ElementTree.Element:
    """The chart, with its title and what it says for those who cannot see it."""
    chart = leather.Chart()
    time = _TimeScale(frame.first, frame.end)
    chart.set_x_scale(time)
    tops = [value for one in series for _, value in one.points if value is not None]
    low, high = min([0.0, *tops]), max([*tops, 0.0])
    scale = Linear(low, high if high > low else low + 1)
    chart.set_y_scale(scale)
    if frame.axes:
        chart.set_x_axis(leather.Axis(_times(frame), _clock(frame)))
        chart.set_y_axis(leather.Axis(_numbers(scale, tops), lambda value, _i, _n: f"{value:,f}"))
    else:
        chart.set_x_axis(_NoAxis())
        chart.set_y_axis(_NoAxis())
    for one in series:
        rows = list(zip(one.points, one.base or [low] * len(one.points), strict=True))
        given = leather.Series(rows, x=lambda row, _: row[0][0], y=lambda row, _: row[0][1])
        chart.add_series(given, _shape(one, frame))
    theme.margin = (_MARGIN if frame.axes else 1.0) / frame.width
    group = chart.to_svg_group(frame.width, frame.height)
    _mark(group, frame, time, scale)
    _shorten(group)
    return element(
        "svg",
        element("title", title),
        element("desc", says),
        group,
        role="img",
        viewBox=f"0 0 {frame.width} {frame.height}",
        preserveAspectRatio=None if frame.axes else "none",
        aria_label=shown(f"{title}: {says}"),
    )


class _TimeScale(Scale):  # type: ignore[misc]
    """Minutes, from one edge to the other."""

    def __init__(self, first: int, end: int) -> None:
        self._first, self._span = first, end - first

    def contains(self, _value: float) -> bool:
        return True

    def project(self, value: float, range_min: float, range_max: float) -> float:
        return float(range_min + (range_max - range_min) * (value - self._first) / self._span)


class _NoAxis(leather.Axis):  # type: ignore[misc]
    """No labels, and no room for them."""

    def estimate_label_margin(self, _scale: Any, _orient: str) -> int:
        return 0

    def to_svg(  # as leather calls it
        self, _width: int, _height: int, _scale: Any, orient: str
    ) -> ElementTree.Element:
        return element("g", class_=f"axis {orient}")


class _UnlabelledLine(leather.Line):  # type: ignore[misc]
    def legend_to_svg(self, _series: Any, _palette: Any) -> list[Any]:
        return []


class _Dots(leather.Dots):  # type: ignore[misc]
    def legend_to_svg(self, _series: Any, _palette: Any) -> list[Any]:
        return []


class _FilledShape(Shape):  # type: ignore[misc]
    """Bars, or an area, from each point's base to its value, as one path."""

    def __init__(self, one: Drawn, bar_minutes: int) -> None:
        self._one, self._bar_minutes = one, bar_minutes

    def validate_series(self, _series: Any) -> None:
        """Any will do."""

    def legend_to_svg(self, _series: Any, _palette: Any) -> list[Any]:
        return []

    def to_svg(  # as leather calls it
        self, width: int, height: int, x_scale: Any, y_scale: Any, series: Any, _palette: Any
    ) -> ElementTree.Element:
        bars = self._one.how == "bars"
        texts, run = [], list[_Part]()
        for each in [*series.data(), None]:
            if each is None or each.y is None:
                texts.append(self._bars(run) if bars else _area(run))
                run = []
                continue
            left = x_scale.project(each.x, 0, width)
            right = x_scale.project(each.x + self._bar_minutes, 0, width)
            top, bottom = (float(y_scale.project(v, height, 0)) for v in (each.y, each.row[1]))
            run.append((left, right, top, bottom))
        path = element("path", d="".join(texts), fill=self._one.colour)
        if not bars:
            path.set("fill-opacity", "0.55")
        return path

    @staticmethod
    def _bars(parts: list[_Part]) -> str:
        texts = []
        for left, right, top, bottom in parts:
            wide = max(0.8, (right - left) * 0.86)
            texts.append(f"M{left:.1f} {bottom:.1f}V{top:.1f}h{wide:.1f}V{bottom:.1f}z")
        return "".join(texts)


def _area(parts: list[_Part]) -> str:
    if not parts:
        return ""
    if len(parts) == 1:
        _, right, top, bottom = parts[0]
        parts = [parts[0], (right, right, top, bottom)]
    over = " ".join(f"{left:.1f} {top:.1f}" for left, _, top, _ in parts)
    back = " ".join(f"{left:.1f} {bottom:.1f}" for left, _, _, bottom in reversed(parts))
    return f"M{over} L{back}z"


def _shape(one: Drawn, frame: Frame) -> Any:
    if one.how == "line":
        return _UnlabelledLine(one.colour, 1.6, one.dashes)
    if one.how == "dots":
        return _Dots(one.colour, 2)
    return _FilledShape(one, frame.bar_minutes)


def _times(frame: Frame) -> list[int]:
    """Full hours, or the like, away from the edges where their label would be cut."""
    span = frame.end - frame.first
    most = max(2, frame.width // _PIXELS_A_LABEL)
    step = next((one for one in _STEPS if span / one <= most), _STEPS[-1] * -(-span // _STEPS[-1]))
    edge = span * 22 / frame.width
    begin = -(-frame.first // step) * step
    found = range(begin, frame.end + 1, step)
    return [one for one in found if frame.first + edge / 2 <= one <= frame.end - edge]


def _clock(frame: Frame) -> Any:
    long = frame.end - frame.first > _MINUTES_A_DAY

    def words(minute: int, _index: int, _count: int) -> str:
        at = datetime.fromtimestamp(minute * 60, UTC)
        return f"{at:%b} {at.day}" if long and minute % _MINUTES_A_DAY == 0 else f"{at:%H:%M}"

    return words


def _numbers(scale: Any, values: Sequence[float]) -> list[Decimal]:
    """The labels of the values' axis: whole numbers where all values are."""
    ticks = list(scale.ticks())
    if all(value == int(value) for value in values):
        whole = [one for one in ticks if one == one.to_integral_value()]
        return [one.quantize(Decimal(1)) for one in whole]
    return [one.normalize() if one else Decimal(0) for one in ticks]


def _mark(group: ElementTree.Element, frame: Frame, time: "_TimeScale", scale: Any) -> None:
    """Add the levels and moments, in the group that holds the axes and the series."""
    if not frame.axes:
        return
    inside = next(
        one for one in group.iter("g") if one.find("g[@class='axis bottom']") is not None
    )
    across = inside.find("g[@class='axis left']//line")
    down = inside.find("g[@class='axis bottom']//line")
    width = float(across.get("x2", 0)) if across is not None else 0.0
    height = float(down.get("y2", 0)) - theme.tick_size if down is not None else 0.0
    ticks = scale.ticks()
    for level in frame.levels:
        if float(ticks[0]) <= level <= float(ticks[-1]):
            y = float(scale.project(Decimal(level), height, 0))
            inside.append(_rule(x1=0, x2=width, y1=y, y2=y, stroke="#b42318", dashes="5 3"))
    for moment in frame.moments:
        x = time.project(moment, 0, width)
        inside.append(_rule(x1=x, x2=x, y1=height - 7, y2=height, stroke="#6b21a8", dashes="none"))


def _rule(*, dashes: str, stroke: str, **ends: float) -> ElementTree.Element:
    line = element("line", stroke=stroke, **ends)
    line.set("stroke-width", "1.4")
    line.set("stroke-dasharray", dashes)
    return line


def _shorten(group: ElementTree.Element) -> None:
    """Round to what can be seen: a tenth of a pixel."""
    for one in group.iter():
        for name in _NUMBERS:
            if given := one.get(name):
                one.set(name, _NUMBER.sub(lambda found: f"{float(found[0]):.1f}", given))
