"""What an account shall hold: each object's payload, in the order in which it can be made.

A payload of a file names monitors, SLOs and dashboards by key; an account knows them by id.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from lightkeeper.alerting.files.dashboards import Dashboard
from lightkeeper.alerting.files.definitions import Assets, Definition, Payload
from lightkeeper.alerting.files.markers import mark, mark_of
from lightkeeper.alerting.files.reading import BadDefinition
from lightkeeper.alerting.query.conditions import written
from lightkeeper.alerting.query.parser import parse
from lightkeeper.alerting.query.syntax import (
    Composite,
    CompositeCondition,
    Inverse,
    Joined,
    Operand,
    QuerySyntaxError,
)


class ObjectKind(StrEnum):
    """The kinds of objects, in the order in which they are made."""

    SLO = "slo"
    MONITOR = "monitor"
    DASHBOARD = "dashboard"


Names = Mapping[ObjectKind, Mapping[str, str]]
"""Of each kind, what stands for a name: an id for a key, or a key for an id."""

_COMBINING: Final = ("composite", "slo alert")
_SLO: Final = re.compile(r'(?<=burn_rate\(")[^"]*(?=")|(?<=error_budget\(")[^"]*(?=")')
_SLO_ID: Final = re.compile(r"[0-9a-f]{32}")
_LETTER: Final = re.compile(r"[A-Za-z]")
_LINK: Final = re.compile(r"(https?://[\w.:-]+/dashboard/)([\w-]+(?:\.[\w-]+)*)")
LONGEST_MARK: Final = 180  # Datadog cuts a tag off at 200
_IN_WIDGETS: Final = {"slo_id": ObjectKind.SLO, "alert_id": ObjectKind.MONITOR}


@dataclass(frozen=True, slots=True)
class Wanted:
    """One object that the account shall hold; its payload names others by key."""

    kind: ObjectKind
    key: str
    mark: str
    payload: Payload

    def resolved(self, ids: Names) -> Payload:
        """The payload with the ids that are known; what has none keeps its key."""
        return renamed(self.kind, self.payload, ids)


def wanted(assets: Assets, boards: Mapping[str, Dashboard]) -> tuple[Wanted, ...]:
    """Everything of an environment: SLOs, monitors, what combines those, dashboards.

    Raises BadDefinition with every query whose keys cannot be replaced by ids.
    """
    env = assets.variables["env"]
    made = {
        ObjectKind.SLO: assets.slos,
        ObjectKind.MONITOR: assets.monitors,
        ObjectKind.DASHBOARD: {key: one.definition for key, one in boards.items()},
    }
    problems = [
        f"{one.file}: payload.query: [account] {said}"
        for one in assets.monitors.values()
        for said in unfilled(one, assets)
    ]
    problems += [
        f"{one.file}: key: [account] with the env it is too long for a tag: write a shorter one"
        for definitions in made.values()
        for key, one in definitions.items()
        if len(mark(env, key)) > LONGEST_MARK
    ]
    problems += [
        f"{one.file}: payload: [account] cannot carry its key, and would be made again and again: "
        "write a list of tags, and widgets and a text as description in a dashboard"
        for definitions in made.values()
        for key, one in definitions.items()
        if mark_of(one.payload) != mark(env, key)
    ]
    if problems:
        raise BadDefinition("\n".join(problems))
    found = [
        Wanted(kind, key, mark(env, key), one.payload)
        for kind, definitions in made.items()
        for key, one in definitions.items()
    ]
    return tuple(sorted(found, key=_turn))


def _turn(one: Wanted) -> tuple[int, bool]:
    return [*ObjectKind].index(one.kind), one.payload.get("type") in _COMBINING


def unfilled(definition: Definition, assets: Assets) -> Iterator[str]:
    """What keeps the keys in a query from being replaced by ids, and what to write instead."""
    kind, query = definition.payload.get("type"), str(definition.payload.get("query"))
    if kind not in _COMBINING:
        return
    is_composite = kind == "composite"
    known, what = (assets.monitors, "monitor") if is_composite else (assets.slos, "SLO")
    try:
        names = _operands(_condition(query)) if is_composite else _SLO.findall(query)
    except QuerySyntaxError as exc:
        if _LETTER.search(query):  # ids alone go to Datadog as they are
            yield str(exc)
        return
    for name in names:
        if is_composite and name == definition.key:
            yield f"{name} is itself: write the key of another"
        elif name not in known and not name.isdigit() and not _SLO_ID.fullmatch(name):
            yield f"there is no {what} {name}: write the key of one"


def renamed(kind: ObjectKind, payload: Payload, names: Names) -> Payload:
    """The payload with other names for the objects that it refers to.

    These are operands of a composite, the SLO of an SLO alert, those in a dashboard's widgets, and
    the dashboards that a message links.
    """
    if kind is ObjectKind.DASHBOARD:
        return dict(_in_widgets(payload, names))
    if kind is ObjectKind.SLO:
        return dict(payload)
    made = dict(payload)
    query, boards = str(payload.get("query")), names.get(ObjectKind.DASHBOARD, {})
    if payload.get("type") == "composite":
        made["query"] = _combined(query, names.get(ObjectKind.MONITOR, {}))
    elif payload.get("type") == "slo alert":
        slos = names.get(ObjectKind.SLO, {})
        made["query"] = _SLO.sub(lambda one: slos.get(one[0], one[0]), query)
    for name in ("name", "message"):
        if isinstance(made.get(name), str):
            made[name] = _LINK.sub(lambda one: one[1] + boards.get(one[2], one[2]), made[name])
    return made


def _in_widgets(value: Any, names: Names) -> Any:
    if isinstance(value, list):
        return [_in_widgets(one, names) for one in value]
    if not isinstance(value, dict):
        return value
    made = {name: _in_widgets(one, names) for name, one in value.items()}
    for name, kind in _IN_WIDGETS.items():
        if isinstance(made.get(name), str):
            made[name] = names.get(kind, {}).get(made[name], made[name])
    return made


def _combined(query: str, names: Mapping[str, str]) -> str:
    try:
        return written(_each(_condition(query), names))
    except QuerySyntaxError:
        return query


def _operands(condition: CompositeCondition) -> Iterator[str]:
    match condition:
        case Operand(name):
            yield name
        case Inverse(inner):
            yield from _operands(inner)
        case Joined(_, parts):
            for one in parts:
                yield from _operands(one)


def _condition(query: str) -> CompositeCondition:
    found = parse(query)
    if isinstance(found, Composite):
        return found.condition
    raise QuerySyntaxError("query: it combines no monitors: write their keys, as in `a && !b`")


def _each(condition: CompositeCondition, names: Mapping[str, str]) -> CompositeCondition:
    match condition:
        case Operand(name):
            return Operand(names.get(name, name))
        case Inverse(inner):
            return Inverse(_each(inner, names))
        case Joined(operator, parts):
            return Joined(operator, tuple(_each(one, names) for one in parts))
