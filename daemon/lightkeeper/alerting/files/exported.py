"""Tells what was copied out of Datadog as it is, however it is wrapped, and what to do with it.

Datadog and its tools export a definition bare, in an answer of the API, in the wrapping of an
integration, in a list of several, or as a text of JSON inside another object.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from lightkeeper.alerting.files.reading import BadDefinition

_KEYS: Final = frozenset(
    {"name", "type", "query", "message", "options", "thresholds", "title", "widgets"}
)
"""A payload has some of these itself, however wrong it is."""
_OF_SLO: Final = frozenset({"monitor_ids", "sli_specification"})
_DEEPEST: Final = 8


class _ExportPlace(NamedTuple):
    """What an export is, the keys above it, whether a text holds it, and among how many it is."""

    what: str
    above: tuple[str, ...]
    is_text: bool
    among: int


def refuse_exported(path: Path, given: Any, beside: Sequence[str]) -> None:
    """Raise BadDefinition for what comes from Datadog as it is, saying what it is.

    `beside` names the fields that a file has beside its payload.
    """
    above: tuple[str, ...] = ()
    if isinstance(given, dict) and "payload" in given:
        given, above = given["payload"], (".payload",)
        if isinstance(given, dict) and given.keys() & _KEYS:
            return
    found = next(_inside(_ExportPlace("", above, False, 1), given), None)
    if found is None:
        return
    raise BadDefinition(
        f"{path}: payload: [wrapper] this is {found.what} {_how(found)}: write {_it(found)} as "
        f"`payload`, without what only the server writes (id, created, …), "
        f"beside {', '.join(beside)}"
    )


def _inside(place: _ExportPlace, given: Any) -> Iterator[_ExportPlace]:
    """Yield what definitions there are, those that lie nearest to the top first."""
    level = [(place, given)]
    for _ in range(_DEEPEST):
        below: list[tuple[_ExportPlace, Any]] = []
        for at, one in level:
            if what := _what(one):
                yield at._replace(what=what)
            below += _next(at, one)
        level = below


def _what(given: Any) -> str | None:
    if not isinstance(given, dict):
        return None
    if isinstance(given.get("widgets"), list) or "layout_type" in given:
        return "a dashboard"
    query = given.get("query")
    of_slo = isinstance(query, dict) and "numerator" in query
    if isinstance(given.get("thresholds"), list) or of_slo or given.keys() & _OF_SLO:
        return "an SLO"
    # A query of a widget or of a formula has a source.
    is_monitor = isinstance(query, str) and "data_source" not in given
    return "a monitor" if is_monitor else None


def _next(at: _ExportPlace, given: Any) -> Iterator[tuple[_ExportPlace, Any]]:
    match given:
        case dict():
            for key, one in given.items():
                yield at._replace(above=(*at.above, f".{key}")), one
        case list():
            many = max(at.among, len(given))
            for index, one in enumerate(given):
                yield at._replace(above=(*at.above, f"[{index}]"), among=many), one
        case str() if given.lstrip()[:1] in ("{", "["):
            try:
                yield at._replace(is_text=True), json.loads(given)
            except (ValueError, RecursionError):
                return


def _how(found: _ExportPlace) -> str:
    keys = [one.lstrip(".") for one in found.above]
    if "data" in keys:
        how = "in an answer of Datadog's API"
    elif keys[:1] == ["definition"]:
        how = "in the wrapping of an integration"
    elif named := [one for one in keys if not one.startswith("[")]:
        how = f"inside `{named[0]}`"
    else:
        how = "as Datadog exports it"
    if found.among > 1:
        how += f", one of {found.among}"
    return f"{how}, as a text of JSON" if found.is_text else how


def _it(found: _ExportPlace) -> str:
    place = "".join(found.above).lstrip(".")
    it = f"its {place}" if place else "it"
    if found.is_text:
        it = f"the object in {it}"
    return f"each into a file of its own, {it}" if found.among > 1 else it
