"""Dashboards as files: a wrapper with keys of ours around the exact payload, and what it holds.

Reading is tolerant: it skips what has the wrong shape, which the lint rule `shape` reports.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from lightkeeper.alerting.files.definitions import (
    Assets,
    Definition,
    load,
    need_folder,
    read_wrapper,
)
from lightkeeper.alerting.files.markers import described
from lightkeeper.alerting.files.reading import BadDefinition
from lightkeeper.alerting.files.variables import AS_WRITTEN, Values, resolve

COLUMNS: Final = 12
STREAMS: Final = ("event_stream", "event_timeline", "list_stream")
_FIELDS: Final = {
    **dict.fromkeys(("key", "description", "owner"), str),
    "payload": dict,
    "silence": dict,
}
_VARIABLE: Final = re.compile(r"\$(\w+)")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a widget is on the grid, in columns and rows; a group counts its own from 0."""

    x: int
    y: int
    width: int
    height: int

    def overlaps(self, other: "Place") -> bool:
        """Tell whether both cover one cell."""
        beside = self.x >= other.x + other.width or other.x >= self.x + self.width
        apart = self.y >= other.y + other.height or other.y >= self.y + self.height
        return not beside and not apart


@dataclass(frozen=True, slots=True)
class WidgetQuery:
    """One query of a widget, and its source: `metrics`, `check`, `monitors`, `slos`, a stream.

    `aggregator` makes one number of many points, in a widget that shows one.
    """

    path: str
    source: str
    text: str
    aggregator: str = ""

    @property
    def variables(self) -> set[str]:
        """The names of the template variables it uses."""
        return set(_VARIABLE.findall(self.text))

    @property
    def plain(self) -> str:
        """The same with a tag that every signal has for each template variable."""
        return _VARIABLE.sub("env:*", self.text)


@dataclass(frozen=True, slots=True)
class Widget:
    """A widget or a group of them, and where it stands in the payload."""

    path: str
    definition: dict[str, Any]
    place: Place | None
    inner: tuple["Widget", ...]

    @property
    def kind(self) -> str:
        return str(self.definition.get("type"))

    @property
    def title(self) -> str:
        return str(self.definition.get("title") or "")

    @property
    def requests(self) -> list[tuple[str, dict[str, Any]]]:
        """Its requests, each with its path."""
        return dicts(self.definition.get("requests"), f"{self.path}.definition.requests")

    def queries(self) -> Iterator[WidgetQuery]:
        """Everything that it queries."""
        at = f"{self.path}.definition"
        match self.kind:
            case "check_status":
                tags = [str(tag) for tag in _list(self.definition.get("tags"))]
                check = str(self.definition.get("check"))
                quoted = ",".join(f'"{tag}"' for tag in tags or ["*"])
                by = ",".join(map(str, _list(self.definition.get("group_by")))) or "*"
                text = f'"{check}".over({quoted}).by("{by}").last(2).count_by_status()'
                yield WidgetQuery(at, "check", text)
            case "manage_status":
                yield WidgetQuery(f"{at}.query", "monitors", str(self.definition.get("query")))
            case "event_stream" | "event_timeline":
                yield WidgetQuery(f"{at}.query", "event_stream", str(self.definition.get("query")))
        for path, overlay in dicts(self.definition.get("events"), f"{at}.events"):
            yield WidgetQuery(f"{path}.q", "event_stream", str(overlay.get("q")))
        for path, request in self.requests:
            yield from _of_request(path, request)


@dataclass(frozen=True)
class Dashboard:
    """One dashboard, beside the monitors and the variables it refers to."""

    definition: Definition
    assets: Assets

    @property
    def payload(self) -> dict[str, Any]:
        return self.definition.payload

    @property
    def variables(self) -> list[tuple[str, dict[str, Any]]]:
        """Its template variables, each with its path."""
        return dicts(self.payload.get("template_variables"), "payload.template_variables")

    @cached_property
    def top(self) -> tuple[Widget, ...]:
        """What lies directly on the board: groups, unless a rule is broken."""
        return _widgets(self.payload, "payload.widgets")

    @cached_property
    def widgets(self) -> tuple[Widget, ...]:
        """Every widget that is not a group."""
        return tuple(_leaves(self.top))

    @cached_property
    def queries(self) -> tuple[WidgetQuery, ...]:
        """Everything that its widgets query."""
        return tuple(query for widget in self.widgets for query in widget.queries())


def load_dashboards(
    folder: Path, monitors: Path, values: Values = AS_WRITTEN
) -> dict[str, Dashboard]:
    """Read dashboards/, and monitors/ for variables and tags. Raises BadDefinition with all."""
    need_folder(folder, "--folder")  # which is named first where both are missing
    return dashboards_of(load(monitors, "--monitors", values), folder, "--folder")


def dashboards_of(
    assets: Assets, folder: Path, option: str, *, may_be_empty: bool = False
) -> dict[str, Dashboard]:
    """Read dashboards/, beside these monitors. Raises BadDefinition with all that is wrong.

    `option` is what names the folder on the command line.
    """
    need_folder(folder, option)
    found: dict[str, Dashboard] = {}
    problems: list[str] = []
    for path in sorted(folder.glob("*.json")):
        try:
            found[path.stem] = Dashboard(_definition(path, assets.variables), assets)
        except BadDefinition as exc:
            problems.append(str(exc))
    if problems:
        raise BadDefinition("\n".join(problems))
    if not found and not may_be_empty:
        raise BadDefinition(
            f"{folder}: [file] holds no dashboard: write one, or name another folder with {option}"
        )
    return found


def dicts(given: Any, path: str) -> list[tuple[str, dict[str, Any]]]:
    """The objects in a list, each with its path."""
    pairs = enumerate(_list(given))
    return [(f"{path}[{index}]", one) for index, one in pairs if isinstance(one, dict)]


def _definition(path: Path, variables: dict[str, Any]) -> Definition:
    given = read_wrapper(path, _FIELDS)
    written = given.pop("payload")
    payload = resolve(written, variables, f"{path}: payload")
    payload = described(payload, variables["env"], given["key"])
    return Definition(
        file=str(path), runbook="", pages="No page.", payload=payload, written=written, **given
    )


def _widgets(holder: dict[str, Any], path: str) -> tuple[Widget, ...]:
    return tuple(_widget(at, one) for at, one in dicts(holder.get("widgets"), path))


def _widget(path: str, given: dict[str, Any]) -> Widget:
    definition = given.get("definition")
    definition = definition if isinstance(definition, dict) else {}
    inner = _widgets(definition, f"{path}.definition.widgets")
    return Widget(path, definition, _place(given.get("layout")), inner)


def _place(layout: Any) -> Place | None:
    given = layout if isinstance(layout, dict) else {}
    numbers = [given.get(one) for one in ("x", "y", "width", "height")]
    whole = [one for one in numbers if type(one) is int]
    return Place(*whole) if len(whole) == len(numbers) else None


def _leaves(widgets: tuple[Widget, ...]) -> Iterator[Widget]:
    for widget in widgets:
        if widget.kind == "group":
            yield from _leaves(widget.inner)
        else:
            yield widget


def _of_request(path: str, request: dict[str, Any]) -> Iterator[WidgetQuery]:
    for at, one in dicts(request.get("queries"), f"{path}.queries"):
        if one.get("data_source") == "metrics":
            aggregator = str(one.get("aggregator") or "")
            yield WidgetQuery(f"{at}.query", "metrics", str(one.get("query")), aggregator)
    query = request.get("query")
    if isinstance(query, dict):
        source = "slos" if request.get("request_type") == "slo_list" else query.get("data_source")
        yield WidgetQuery(
            f"{path}.query.query_string", str(source), str(query.get("query_string"))
        )


def _list(given: Any) -> list[Any]:
    return given if isinstance(given, list) else []
