"""Draws texts: notes, whose Markdown is shown as text, and free texts."""

import re
from collections.abc import Iterator
from typing import Final
from xml.etree.ElementTree import Element

from lightkeeper.alerting.files.dashboards import Widget
from lightkeeper.alerting.render.elements import element
from lightkeeper.alerting.render.scene import Scene, no_data

_MARKED: Final = re.compile(r"\*\*(.+?)\*\*|`([^`]+)`|\[([^\]]*)\]\(([^)\s]*)\)")


def note(_scene: Scene, widget: Widget) -> list[Element]:
    """The paragraphs, bold and code as such; a link is followed by its address, to be read."""
    text = str(widget.definition.get("content") or widget.definition.get("text") or "")
    paragraphs = [one.strip() for one in re.split(r"\n\s*\n", text) if one.strip()]
    return [element("p", *_parts(one), class_="note") for one in paragraphs] or no_data()


def _parts(text: str) -> Iterator[Element | str]:
    at = 0
    for found in _MARKED.finditer(text):
        yield text[at : found.start()]
        bold, code, name, address = found.groups()
        if bold is not None:
            yield element("strong", bold)
        elif code is not None:
            yield element("code", code)
        else:
            yield name
            yield element("small", f" ({address})")
        at = found.end()
    yield text[at:]
