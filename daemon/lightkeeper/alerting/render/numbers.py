"""Draws what shows one number a group: a single one, a list of the largest, a table."""

from collections.abc import Mapping
from typing import Any, Final
from xml.etree.ElementTree import Element

from lightkeeper.alerting.errors import Unsupported
from lightkeeper.alerting.files.dashboards import Widget, dicts
from lightkeeper.alerting.query.scopes import Group
from lightkeeper.alerting.query.syntax import Comparator
from lightkeeper.alerting.render.asked import WidgetRequest
from lightkeeper.alerting.render.elements import element
from lightkeeper.alerting.render.graphs import background
from lightkeeper.alerting.render.scene import Scene, name_of, no_data, table
from lightkeeper.alerting.render.units import Unit

_PALETTES: Final = {
    "white_on_red": "alert",
    "white_on_yellow": "warn",
    "white_on_green": "ok",
    "black_on_light_red": "alert light",
    "black_on_light_yellow": "warn light",
    "black_on_light_green": "ok light",
}
_MOST_ROWS: Final = 10


def query_value(scene: Scene, widget: Widget) -> list[Element]:
    """One number, coloured as its conditions say, over a small graph of its past."""
    request = _request(widget)
    asked = WidgetRequest(request, scene.template)
    formula = asked.formulas[0]
    values = formula.values(scene.store, scene.minutes)
    if not values:
        return no_data()
    if len(values) > 1:
        raise Unsupported("a query_value of several groups is not drawn here: leave out `by {…}`")
    (value,) = values.values()
    formats = formula.conditional_formats or dicts(request.get("conditional_formats"), "")
    number = element(
        "p", _number(widget, formula.unit, value), class_=f"number {_palette(formats, value)}"
    )
    behind = widget.definition.get("timeseries_background")
    if not isinstance(behind, dict):
        return [number]
    how = "bars" if behind.get("type") == "bars" else "area"
    past = background(scene, widget, asked, how)
    return [number] if past is None else [number, element("div", past, class_="past")]


def toplist(scene: Scene, widget: Widget) -> list[Element]:
    """The groups with the largest numbers, each with a bar as long as its number."""
    request = _request(widget)
    asked = WidgetRequest(request, scene.template)
    formula = asked.formulas[0]
    values = formula.values(scene.store, scene.minutes)
    if not values:
        return no_data()
    count, ascending = _sorting(request)
    rows = sorted(values.items(), key=lambda one: (one[1] if ascending else -one[1], one[0]))
    largest = max(map(abs, values.values())) or 1.0
    lines = [_bar(formula.unit, group, formula.alias, value, largest) for group, value in rows]
    left = len(lines) - count
    more = [element("p", f"and {left} more", class_="more")] if left > 0 else []
    return [element("ol", *lines[:count], class_="toplist"), *more]


def query_table(scene: Scene, widget: Widget) -> list[Element]:
    """A row for each group, a column for each formula."""
    request = _request(widget)
    asked = WidgetRequest(request, scene.template)
    columns = [one.values(scene.store, scene.minutes) for one in asked.formulas]
    groups = sorted({group for column in columns for group in column})
    if not groups:
        return no_data()
    groups.sort(key=lambda group: -columns[0].get(group, 0.0))
    head = [", ".join(asked.by) or "all", *(one.alias for one in asked.formulas)]
    rows = []
    for group in groups[: _sorting(request)[0]]:
        cells = [name_of(group, otherwise="all")]
        for formula, column in zip(asked.formulas, columns, strict=True):
            cells.append(formula.unit.text(column[group]) if group in column else "–")
        rows.append(cells)
    return [table(head, rows, "values")]


def _request(widget: Widget) -> dict[str, Any]:
    requests = widget.requests
    if len(requests) != 1:
        raise Unsupported(f"a {widget.kind} of none or several requests is not drawn: write one")
    return requests[0][1]


def _number(widget: Widget, unit: Unit, value: float) -> str:
    precision = widget.definition.get("precision")
    if widget.definition.get("custom_unit"):
        unit = Unit(str(widget.definition["custom_unit"]))
    return unit.text(value, precision if isinstance(precision, int) else None)


def _palette(formats: list[tuple[str, dict[str, Any]]], value: float) -> str:
    """The colours of the first condition that holds; none where they are not known here."""
    for _, one in formats:
        comparator, limit = str(one.get("comparator")), one.get("value")
        if comparator not in list(Comparator) or not isinstance(limit, int | float):
            continue
        if Comparator(comparator).holds(value, limit):
            return _PALETTES.get(str(one.get("palette")), "plain")
    return "plain"


def _sorting(request: Mapping[str, Any]) -> tuple[int, bool]:
    """How many rows, and whether the smallest come first."""
    given = request.get("sort")
    given = given if isinstance(given, dict) else {}
    count = given.get("count")
    orders = [one.get("order") for _, one in dicts(given.get("order_by"), "")]
    return count if isinstance(count, int) and count > 0 else _MOST_ROWS, orders[:1] == ["asc"]


def _bar(unit: Unit, group: Group, alias: str, value: float, largest: float) -> Element:
    share = max(0.0, 100 * abs(value) / largest)
    return element(
        "li",
        element("span", class_="bar", style=f"width:{share:.1f}%", aria_hidden="true"),
        element("b", unit.text(value)),
        element("span", name_of(group, otherwise=alias), class_="name"),
    )
