"""Draws what has a status: service checks, monitors, objectives."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final
from xml.etree.ElementTree import Element

from lightkeeper.alerting.errors import Unsupported
from lightkeeper.alerting.evaluate.graph import Buckets, MetricGraph
from lightkeeper.alerting.evaluate.thresholds import Status
from lightkeeper.alerting.files.dashboards import Widget, WidgetQuery, dicts
from lightkeeper.alerting.query.parser import parse
from lightkeeper.alerting.query.scopes import Group, groups_of, matches
from lightkeeper.alerting.query.search import Search
from lightkeeper.alerting.query.slo_counts import PARTS, counted
from lightkeeper.alerting.query.syntax import ServiceCheckAlert, Tag
from lightkeeper.alerting.render.elements import element
from lightkeeper.alerting.render.scene import Scene, clock, name_of, no_data, pixels, table

_CHECKS: Final = (("OK", "ok"), ("WARNING", "warn"), ("CRITICAL", "alert"), ("UNKNOWN", "plain"))
_MONITORS: Final = {
    Status.ALERT: "alert",
    Status.WARN: "warn",
    Status.NO_DATA: "none",
    Status.OK: "ok",
}
"""The statuses of monitors, the worst first."""
_PIXELS_A_ROW: Final = 24


def check_status(scene: Scene, widget: Widget) -> list[Element]:
    """The last status of a check in each group; of several checks in one, the worst."""
    asked = _query(widget, "check")
    query = parse(scene.template.in_tag(asked.text))
    if not isinstance(query, ServiceCheckAlert):
        raise Unsupported(f"{asked.text} is no service check")
    by = () if query.by == ("*",) else query.by
    last: dict[Group, list[Any]] = {}
    for tags, runs in scene.store.checks(query.check).items():
        if runs and all(tag == "*" or matches(Tag(tag), tags) for tag in query.over):
            for group in groups_of(tags, by):
                last.setdefault(group, []).append(runs[-1])
    if not last:
        return no_data()
    return [_check(group, runs) for group, runs in sorted(last.items())]


def _query(widget: Widget, source: str) -> WidgetQuery:
    """The one query of that source that a widget has."""
    found = [one for one in widget.queries() if one.source == source]
    if len(found) != 1:
        raise Unsupported(f"a {widget.kind} without one query of {source} is not drawn here")
    return found[0]


def _check(group: Group, runs: list[Any]) -> Element:
    worst = max(runs, key=lambda run: (0, 1, 3, 2)[run.status])
    word, colours = _CHECKS[worst.status]
    said = worst.message or f"last at {clock(worst.at_seconds)} UTC"
    name = f"{name_of(group, otherwise='')} " if group else ""
    return element("p", f"{name}{word}", element("small", said), class_=f"status {colours}")


def manage_status(scene: Scene, widget: Widget) -> list[Element]:
    """How many monitors have which status, and those that are not OK, the worst first."""
    if str(widget.definition.get("summary_type") or "monitors") != "monitors":
        raise Unsupported("a summary of others than monitors is not drawn here")
    search = Search(scene.template.in_search(str(widget.definition.get("query"))))
    monitors = scene.board.assets.monitors
    states = {
        key: state
        for key, state in scene.recorded.monitors.items()
        if key in monitors and search.matches(_tags(monitors[key].payload))
    }
    if not states:
        return no_data()
    order: list[Status | None] = list(_MONITORS)
    counts = Counter(one.status or Status.NO_DATA for one in states.values())
    boxes = [
        element("span", f"{counts[status]} {status}", class_=f"count {colours}")
        for status, colours in _MONITORS.items()
        if counts[status]
    ]
    wrong = [key for key, one in states.items() if one.status not in (Status.OK, None)]
    wrong.sort(key=lambda key: (order.index(states[key].status), _priority(monitors[key].payload)))
    room = max(3, pixels(widget, beside=60)[1] // _PIXELS_A_ROW)
    rows = [
        [
            str(states[key].status),
            f"P{_priority(monitors[key].payload)}",
            str(monitors[key].payload.get("name")),
            clock(states[key].triggered_at or 0),
        ]
        for key in wrong[:room]
    ]
    left = len(wrong) - len(rows)
    more = [element("p", f"and {left} more", class_="more")] if left > 0 else []
    listed = [table(("status", "priority", "monitor", "since"), rows, "monitors")] if rows else []
    return [element("p", *boxes, class_="counts"), *listed, *more]


def slo_list(scene: Scene, widget: Widget) -> list[Element]:
    """Each objective with its target, and what it is over the time shown."""
    asked = _query(widget, "slos")
    search = Search(scene.template.in_search(asked.text))
    slos = scene.board.assets.slos
    found = [one.payload for one in slos.values() if search.matches(_tags(one.payload))]
    if not found:
        return no_data()
    rows = [_objective(scene, payload) for payload in found]
    return [table(("objective", "target", "in this time"), rows, "slos")]


def _objective(scene: Scene, payload: Mapping[str, Any]) -> list[Element | str]:
    query = counted(payload)
    if payload.get("type") != "metric" or query is None:
        raise Unsupported(
            f"an SLO of type {payload.get('type')} is not drawn here: only metric is"
        )
    good, every = (_total(scene, str(query.get(part))) for part in PARTS)
    targets = [one.get("target") for _, one in dicts(payload.get("thresholds"), "")]
    target = float(targets[0]) if targets and targets[0] is not None else None
    share = 100 * good / every if every else None
    missed = share is not None and target is not None and share < target
    shown = "no data" if share is None else f"{share:.2f} %{', missed' if missed else ''}"
    return [
        str(payload.get("name")),
        "–" if target is None else f"{target:g} %",
        element("span", shown, class_="alert" if missed else "plain"),
    ]


def _total(scene: Scene, text: str) -> float:
    minutes = scene.minutes
    whole = Buckets(minutes.began_at, minutes.ended_at, 1)
    points = MetricGraph(text).points(scene.store, whole).get((), {})
    return sum(points.values())


def _tags(payload: Mapping[str, Any]) -> set[str]:
    given = payload.get("tags")
    return set(map(str, given)) if isinstance(given, list) else set()


def _priority(payload: Mapping[str, Any]) -> int:
    given = payload.get("priority")
    return given if isinstance(given, int) else 5
