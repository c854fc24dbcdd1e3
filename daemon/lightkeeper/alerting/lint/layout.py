"""Rules about how a dashboard looks: groups, places, titles, and what graphs are drawn as.

They are those of Datadog's guide for dashboards that come with an integration.
"""

import re
from collections.abc import Iterator
from itertools import combinations
from typing import Any, Final

from lightkeeper.alerting.files.dashboards import COLUMNS, STREAMS, Dashboard, Widget, dicts
from lightkeeper.alerting.lint.subject import Finding
from lightkeeper.telemetry.catalogue import CATALOGUE
from lightkeeper.telemetry.signals import Kind

_NARROWEST: Final = {"timeseries": 4, **dict.fromkeys(STREAMS, 6)}
_KEY_FACTS: Final = ("query_value", "check_status", "manage_status")
_SCALAR: Final = ("query_value", "toplist", "query_table", "change")
_LAYOUT: Final = {"layout_type": "ordered", "reflow_type": "fixed"}
_LONGEST_TITLE: Final = 40
_UNITS: Final = re.compile(
    r"%|\(\w+\)|\b(?:ms|sec|secs|seconds?|mins?|minutes?|hours?|days?|percent|bytes)\b",
    re.IGNORECASE,
)
_WORDY: Final = re.compile(r"(?i)^(?:total )?(?:number|count|amount) of\b|\blightkeeper\b")
_NAME: Final = re.compile(r"\b[a-z_]\w*\b(?!\s*\()")


def group(board: Dashboard) -> Iterator[Finding]:
    """Every widget is in a group with a title, and groups are read in the order they stand in."""
    before = (-1, -1)
    for widget in board.top:
        if widget.kind != "group":
            yield widget.path, "put it into a group"
        elif not widget.title or widget.definition.get("show_title") is False:
            yield f"{widget.path}.definition.title", "give the group a title, and show it"
        if widget.place is not None:
            at = (widget.place.y, widget.place.x)
            if at < before:
                yield f"{widget.path}.layout", "groups stand in the order they are read in"
            before = at


def about(board: Dashboard) -> Iterator[Finding]:
    """The first group says what this is, leads to the runbook, and leaves room beside it."""
    first = board.top[0] if board.top else None
    if first is None or first.title != "About":
        yield "payload.widgets[0].definition.title", "begin with a group About"
        return
    text = " ".join(str(one.definition.get("content")) for one in first.inner)
    if any(one.kind != "note" for one in first.inner):
        yield f"{first.path}.definition.widgets", "About holds notes, no data"
    if f"]({board.assets.variables['runbook_url']})" not in text:
        yield f"{first.path}.definition.widgets", "link to the runbook: [Runbook](${runbook_url})"
    if first.place is not None and first.place.width >= COLUMNS:
        yield f"{first.path}.layout.width", "About is not as wide as the board"


def overview(board: Dashboard) -> Iterator[Finding]:
    """The second group has the key numbers, the checks and the state of the monitors."""
    second = board.top[1] if len(board.top) > 1 else None
    if second is None or second.title != "Overview":
        yield "payload.widgets[1].definition.title", "let a group Overview follow About"
        return
    kinds = {one.kind for one in second.inner}
    for kind in _KEY_FACTS:
        if kind not in kinds:
            yield f"{second.path}.definition.widgets", f"Overview needs a {kind}"


def streams(board: Dashboard) -> Iterator[Finding]:
    """Streams, which catch the scroll wheel, are in a group of their own at the end."""
    for one in board.top:
        found = [inner.path for inner in one.inner if inner.kind in STREAMS]
        if one is not board.top[-1]:
            yield from ((path, "streams go into the last group") for path in found)
        elif found and len(found) < len(one.inner):
            yield f"{one.path}.definition.widgets", "let streams have this group to themselves"


def grid(board: Dashboard) -> Iterator[Finding]:
    """Each widget has its place on the grid, inside its group, and no other has it too."""
    given = {name: board.payload.get(name) for name in _LAYOUT}
    if given != _LAYOUT:
        yield "payload.reflow_type", "say layout_type ordered and reflow_type fixed"
    yield from _fitting(board.top, COLUMNS)
    for one in board.top:
        yield from _fitting(one.inner, one.place.width if one.place else COLUMNS)
        bottom = max((w.place.y + w.place.height for w in one.inner if w.place), default=0)
        if one.kind == "group" and one.place is not None and one.place.height != bottom + 1:
            yield f"{one.path}.layout.height", f"what is in it and its title need {bottom + 1}"


def width(board: Dashboard) -> Iterator[Finding]:
    """What needs room to be read has it on the smallest screen."""
    for widget in board.widgets:
        least = _NARROWEST.get(widget.kind, 1)
        if widget.place is not None and widget.place.width < least:
            yield f"{widget.path}.layout.width", f"a {widget.kind} takes {least} columns at least"


def title(board: Dashboard) -> Iterator[Finding]:
    """Titles are there, short, and without what Datadog or the board says already."""
    seen: set[str] = set()
    for widget in board.widgets:
        path = f"{widget.path}.definition.title"
        if widget.kind == "note":
            continue
        if not widget.title.strip():
            yield path, "give it a title"
        elif widget.title in seen:
            yield path, f"another widget is called {widget.title!r} too"
        elif len(widget.title) > _LONGEST_TITLE:
            yield path, f"at most {_LONGEST_TITLE} characters, the important word first"
        elif _UNITS.search(widget.title) or _WORDY.search(widget.title):
            yield path, "no unit, no `number of`, no name of ours: the graph says it"
        seen.add(widget.title)


def request(board: Dashboard) -> Iterator[Finding]:
    """Requests are queries and formulas that go together, of the format the widget draws."""
    for widget, path, one in _requests(board):
        wanted = "timeseries" if widget.kind == "timeseries" else "scalar"
        if "queries" not in one or "formulas" not in one:
            yield path, "write queries and formulas"
        elif one.get("response_format") != wanted:
            yield f"{path}.response_format", f"a {widget.kind} draws {wanted}"
        names = [str(query.get("name")) for _, query in dicts(one.get("queries"), "")]
        formulas = [str(formula.get("formula")) for _, formula in dicts(one.get("formulas"), "")]
        used = {name for text in formulas for name in _NAME.findall(text)}
        for name in sorted(used ^ set(names)):
            remedy = "asked for and in no formula" if name in names else "in a formula, not asked"
            yield path, f"{name} is {remedy}"
        if len(set(names)) < len(names):
            yield path, "two queries have one name"
        if wanted == "scalar":
            for at, query in dicts(one.get("queries"), f"{path}.queries"):
                if not query.get("aggregator"):
                    yield at, "say the aggregator: what becomes of many points"


def alias(board: Dashboard) -> Iterator[Finding]:
    """Every formula has a name that people read in the legend."""
    for _, path, one in _requests(board):
        for at, formula in dicts(one.get("formulas"), f"{path}.formulas"):
            if not str(formula.get("alias") or "").strip():
                yield at, "give it an alias"


def display(board: Dashboard) -> Iterator[Finding]:
    """Counts are bars, one volume is an area, the rest are lines; a number has its past behind."""
    for widget, path, one in _requests(board):
        wanted = _drawn(one) if widget.kind == "timeseries" else None
        if wanted is not None and one.get("display_type") != wanted:
            yield f"{path}.display_type", f"write {wanted}"
        if widget.kind == "query_value" and "timeseries_background" not in widget.definition:
            yield f"{widget.path}.definition", "give it a timeseries_background"


def _requests(board: Dashboard) -> Iterator[tuple[Widget, str, dict[str, Any]]]:
    """The requests that draw metrics."""
    for widget in board.widgets:
        if widget.kind == "timeseries" or widget.kind in _SCALAR:
            for path, one in widget.requests:
                yield widget, path, one


def _fitting(widgets: tuple[Widget, ...], columns: int) -> Iterator[Finding]:
    placed = [(one.path, one.place) for one in widgets if one.place is not None]
    for one in widgets:
        if one.place is None:
            yield f"{one.path}.layout", "say x, y, width and height"
    for path, place in placed:
        if place.x + place.width > columns or not place.width or not place.height:
            yield f"{path}.layout", f"does not fit into {columns} columns"
    for (_, first), (path, second) in combinations(placed, 2):
        if first.overlaps(second):
            yield f"{path}.layout", "lies on another widget"


def _drawn(one: dict[str, Any]) -> str | None:
    """How a request is drawn; None where that cannot be known."""
    texts = [str(query.get("query")) for _, query in dicts(one.get("queries"), "")]
    formulas = [str(formula.get("formula")) for _, formula in dicts(one.get("formulas"), "")]
    words = {word for text in texts for word in re.findall(r"\w[\w.]*", text)}
    signals = [CATALOGUE[word] for word in words & CATALOGUE.keys()]
    if not signals:
        return None
    if all(signal.kind is Kind.COUNT for signal in signals):
        return "line" if any("/" in text for text in formulas) else "bars"
    alone = len(formulas) == len(texts) == 1 and " by {" not in texts[0]
    added_up = signals[0].kind is Kind.GAUGE and signals[0].unit not in ("", "second")
    extreme = texts[0].startswith(("min:", "max:"))
    return "area" if alone and added_up and not extreme else "line"


RULES: Final = (
    group,
    about,
    overview,
    streams,
    grid,
    width,
    title,
    request,
    alias,
    display,
)
