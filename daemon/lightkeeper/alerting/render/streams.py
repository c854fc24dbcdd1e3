"""Draws lists of events and of log lines, newest first."""

from collections.abc import Iterable
from typing import Final
from xml.etree.ElementTree import Element

from lightkeeper.alerting.errors import Unsupported
from lightkeeper.alerting.files.dashboards import Widget
from lightkeeper.alerting.query.search import Search
from lightkeeper.alerting.render.elements import element
from lightkeeper.alerting.render.recorded import Entry
from lightkeeper.alerting.render.scene import Scene, clock, no_data, pixels, table

_PIXELS_AN_ENTRY: Final = 42
_LONGEST: Final = 120


def stream(scene: Scene, widget: Widget) -> list[Element]:
    """The newest events or log lines that a search finds, as many as there is room for."""
    queries = list(widget.queries())
    if len(queries) != 1:
        raise Unsupported("a list of none or several queries is not drawn here: write one")
    sources = {
        "event_stream": scene.recorded.events,
        "logs_stream": scene.recorded.logs,
    }
    source = sources.get(queries[0].source)
    if source is None:
        said = ", ".join(sources)
        raise Unsupported(f"a list of {queries[0].source} is not drawn here: only {said} are")
    found = found_events(source, Search(scene.template.in_search(queries[0].text)))
    if not found:
        return no_data()
    count = max(3, pixels(widget)[1] // _PIXELS_AN_ENTRY)
    rows: list[list[Element | str]] = [
        [clock(one.at_seconds), one.status, element("span", *_text(one.text))]
        for one in reversed(found[-count:])
    ]
    left = len(found) - len(rows)
    more = [element("p", f"and {left} before", class_="more")] if left > 0 else []
    return [table(("UTC", "status", "text"), rows, "stream"), *more]


def found_events(entries: Iterable[Entry], search: Search) -> list[Entry]:
    """Those of the entries that a search finds, in their order."""
    return [one for one in entries if search.matches(_tags(one))]


def _tags(entry: Entry) -> set[str]:
    return {f"{key}:{value}" for key, value in entry.tags.items()} | {f"status:{entry.status}"}


def _text(text: str) -> list[Element | str]:
    """The first line, and a beginning of the others."""
    first, _, others = text.partition("\n")
    rest = " ".join(others.split())
    if len(first) > _LONGEST:
        first = f"{first[:_LONGEST]}…"
    if len(rest) > _LONGEST:
        rest = f"{rest[:_LONGEST]}…"
    return [first, element("br"), element("small", rest)] if rest else [first]
