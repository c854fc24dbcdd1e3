"""HTML and SVG as trees: what stands in them is escaped where they are written out."""

import re
from typing import Final, TypeAlias
from xml.etree import ElementTree

Child: TypeAlias = "ElementTree.Element | str | None"

_UNSHOWABLE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ue000\ufffe\uffff]")
_LESS: Final = "\ue000"
"""Stands for < in an attribute, where ElementTree would leave it as it is."""
_DOCTYPE: Final = "<!DOCTYPE html>\n"


def element(tag: str, *children: Child, **attributes: object) -> ElementTree.Element:
    """An element with these children, texts among them; None is left out.

    `class_` is written `class`, and `aria_label` as `aria-label`.
    """
    found = ElementTree.Element(tag)
    for name, value in attributes.items():
        if value is not None:
            found.set(name.rstrip("_").replace("_", "-"), shown(str(value)).replace("<", _LESS))
    last: ElementTree.Element | None = None
    for child in children:
        if isinstance(child, ElementTree.Element):
            found.append(child)
            last = child
        elif child is not None and last is None:
            found.text = (found.text or "") + shown(child)
        elif child is not None and last is not None:
            last.tail = (last.tail or "") + shown(child)
    return found


def document(root: ElementTree.Element) -> str:
    """The page as HTML."""
    html = ElementTree.tostring(root, encoding="unicode", method="html")
    return f"{_DOCTYPE}{html.replace(_LESS, '&lt;')}\n"


def shown(text: str) -> str:
    """The text with a mark for each character that no page can hold."""
    return _UNSHOWABLE.sub("\N{REPLACEMENT CHARACTER}", text)
