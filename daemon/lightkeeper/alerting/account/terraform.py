"""Monitors, SLOs and dashboards as one configuration of Terraform, in its JSON syntax.

Each monitor and dashboard is the JSON that Datadog takes; what one names by key, Terraform fills
in as the id that another got. What Datadog's server would add is spelled out, so that a second
plan is empty.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from lightkeeper.alerting.account.server_defaults import (
    DASHBOARD_DEFAULTS,
    MONITOR_DEFAULTS,
    spelled_out,
)
from lightkeeper.alerting.files.dashboards import Dashboard, dicts
from lightkeeper.alerting.files.definitions import Assets, Definition
from lightkeeper.alerting.files.reading import BadDefinition
from lightkeeper.alerting.query.conditions import written
from lightkeeper.alerting.query.parser import parse
from lightkeeper.alerting.query.syntax import (
    BurnRate,
    Composite,
    Condition,
    ErrorBudget,
    Inverse,
    Joined,
    Operand,
    QuerySyntaxError,
)
from lightkeeper.telemetry.catalogue import CATALOGUE
from lightkeeper.telemetry.signals import CONSTANT_TAGS, Kind

MONITOR: Final = "datadog_monitor_json"
SLO: Final = "datadog_service_level_objective"
DASHBOARD: Final = "datadog_dashboard_json"
METRIC: Final = "datadog_metric_tag_configuration"
_PROVIDER: Final = {"source": "DataDog/datadog", "version": "~> 4.19"}
_SLO_ARGUMENTS: Final = (
    *("name", "type", "description", "tags", "timeframe", "target_threshold"),
    *("warning_threshold", "monitor_ids", "groups"),
)
_SLO_BLOCKS: Final = {
    "thresholds": ("timeframe", "target", "warning"),
    "query": ("numerator", "denominator"),
}
_LINKED: Final = ("name", "message")
_SLO_ID: Final = re.compile(r"[0-9a-f]{32}")
_PERCENTILE: Final = re.compile(r"(?<![\w.:])p\d{2}(?:\.\d+)?:([A-Za-z][\w.]*)\{")
_TEMPLATE: Final = re.compile(r"([$%])(?=\{)")
_NOT_IN_NAMES: Final = re.compile(r"[^A-Za-z0-9_-]")


@dataclass(frozen=True, slots=True)
class _Ids:
    """How Terraform names the ids of the monitors, SLOs and dashboards with these keys."""

    monitors: dict[str, str]
    slos: dict[str, str]
    dashboards: dict[str, str]


def terraform(assets: Assets, boards: Mapping[str, Dashboard]) -> dict[str, Any]:
    """Return the configuration, to be written into a file `….tf.json`.

    Raises BadDefinition with everything that Terraform or Datadog would not take.
    """
    definitions = {
        SLO: assets.slos,
        MONITOR: assets.monitors,
        DASHBOARD: {key: board.definition for key, board in boards.items()},
    }
    names = {kind: _names(found.values()) for kind, found in definitions.items()}
    ids = _Ids(*(_ids(kind, names[kind]) for kind in (MONITOR, SLO, DASHBOARD)))
    links = _Links(assets.variables.get("datadog_url"), _linked(definitions[DASHBOARD], ids))
    problems: list[str] = []
    resources: dict[str, dict[str, Any]] = {}
    for kind, found in definitions.items():
        for key, definition in found.items():
            try:
                made = _resource(kind, definition, ids, links)
            except BadDefinition as exc:
                problems.append(str(exc))
            else:
                resources.setdefault(kind, {})[names[kind][key]] = made
    if problems:
        raise BadDefinition("\n".join(problems))
    payloads = [one.payload for found in definitions.values() for one in found.values()]
    if metrics := sorted({metric for text in _texts(payloads) for metric in _percentiles(text)}):
        resources[METRIC] = {_NOT_IN_NAMES.sub("_", name): _metric(name) for name in metrics}
    env = _escaped(assets.variables["env"])
    return {
        "//": f"Made by `lightkeeper monitors print --format terraform`, env {env}.",
        "terraform": {"required_providers": {"datadog": _PROVIDER}},
        "resource": resources,
    }


def _resource(kind: str, definition: Definition, ids: _Ids, links: "_Links") -> dict[str, Any]:
    if kind == SLO:
        return _slo(definition)
    if kind == MONITOR:
        return {"monitor": json.dumps(_monitor(definition, ids, links), ensure_ascii=False)}
    by_key = {"slo_id": ids.slos, "alert_id": ids.monitors}
    payload = _escaped(spelled_out(definition.payload, DASHBOARD_DEFAULTS), by_key)
    return {"dashboard": json.dumps(payload, ensure_ascii=False)}


def _monitor(definition: Definition, ids: _Ids, links: "_Links") -> dict[str, Any]:
    # Into each of the assets the server writes the monitor's own id, which no file can spell out.
    payload = {name: one for name, one in definition.payload.items() if name != "assets"}
    made: dict[str, Any] = _escaped(spelled_out(payload, MONITOR_DEFAULTS))
    made |= {name: links.by_id(made[name]) for name in _LINKED if isinstance(made.get(name), str)}
    return {**made, "query": _query(definition, ids)}


def _query(definition: Definition, ids: _Ids) -> str:
    """The query, which names other monitors and SLOs by their ids."""
    text = str(definition.payload.get("query")).strip()
    try:
        query = parse(text)
    except QuerySyntaxError as exc:
        if definition.payload.get("type") in ("composite", "slo alert"):
            raise _refused(definition, "query", str(exc)) from exc
        return str(_escaped(text))
    match query:
        case Composite(condition):
            return written(_by_id(condition, definition, ids))
        case BurnRate(slo=slo) | ErrorBudget(slo=slo):
            if slo not in ids.slos and not _SLO_ID.fullmatch(slo):
                raise _refused(definition, "query", f"there is no SLO {slo}: write the key of one")
            by_id = f'"{ids.slos.get(slo, slo)}"'
            return str(_escaped(text)).replace(f'"{slo}"', by_id, 1)
    return str(_escaped(text))


def _by_id(condition: Condition, definition: Definition, ids: _Ids) -> Condition:
    match condition:
        case Operand(key):
            if key not in ids.monitors and not key.isdigit():
                said = f"there is no monitor {key}: write the key of one"
                raise _refused(definition, "query", said)
            if key == definition.key:
                raise _refused(definition, "query", f"{key} is itself: write the key of another")
            return Operand(ids.monitors.get(key, key))
        case Inverse(inner):
            return Inverse(_by_id(inner, definition, ids))
        case Joined(operator, parts):
            return Joined(operator, tuple(_by_id(one, definition, ids) for one in parts))


def _slo(definition: Definition) -> dict[str, Any]:
    """The arguments of the provider's resource, which takes no JSON."""
    payload = {name: one for name, one in definition.payload.items() if one is not None}
    for name in sorted(payload.keys() - {*_SLO_ARGUMENTS, *_SLO_BLOCKS}):
        raise _refused(definition, name, "it cannot be written for Terraform here: leave it out")
    made: dict[str, Any] = {name: payload[name] for name in _SLO_ARGUMENTS if name in payload}
    for name, words in _SLO_BLOCKS.items():
        given = payload.get(name)
        blocks = dicts(given if isinstance(given, list) else [given], name)
        kept = [{word: one.get(word) for word in words} for _, one in blocks]
        made |= {name: [{k: v for k, v in one.items() if v is not None} for one in kept]}
    return dict(_escaped({name: one for name, one in made.items() if one != []}))


def _metric(name: str) -> dict[str, Any]:
    """Percentiles switched on: whatever tags are not named can no longer be asked for."""
    tags = sorted({*CATALOGUE[name].tags, *CONSTANT_TAGS})
    return {
        "metric_name": name,
        "metric_type": "distribution",
        "include_percentiles": True,
        "tags": tags,
    }


def _percentiles(text: str) -> Iterator[str]:
    """The distributions of ours of which a text asks for percentiles."""
    for name in _PERCENTILE.findall(text):
        if (signal := CATALOGUE.get(name)) and signal.kind is Kind.DISTRIBUTION:
            yield name


@dataclass(frozen=True, slots=True)
class _Links:
    """Links to dashboards: their keys stand where the account has ids."""

    address: Any
    ids: dict[str, str]

    def by_id(self, text: str) -> str:
        """The escaped text with the ids of dashboards in its links."""
        if not isinstance(self.address, str) or not self.ids:
            return text
        start = f"{_escaped(self.address)}/dashboard/"
        keys = "|".join(map(re.escape, self.ids))
        found = re.compile(rf"{re.escape(start)}({keys})(?![\w-])")
        return found.sub(lambda one: f"{start}{self.ids[one[1]]}", text)


def _linked(boards: Mapping[str, Definition], ids: _Ids) -> dict[str, str]:
    """The dashboards that a monitor may link: one that names monitors would close a circle."""
    free = (key for key, one in boards.items() if not _names_any(one.payload, ids.monitors))
    return {key: ids.dashboards[key] for key in free}


def _names_any(value: Any, monitors: Mapping[str, str]) -> bool:
    if isinstance(value, dict):
        return value.get("alert_id") in monitors or _names_any([*value.values()], monitors)
    return isinstance(value, list) and any(_names_any(one, monitors) for one in value)


def _names(definitions: Iterable[Definition]) -> dict[str, str]:
    """The names of resources by key. Raises BadDefinition where two would have the same."""
    found: dict[str, Definition] = {}
    for one in definitions:
        name = _NOT_IN_NAMES.sub("_", one.key)
        other = found.setdefault(name if name[:1].isalpha() else f"_{name}", one)
        if other is not one:
            said = f"Terraform cannot tell it from that of {other.file}: write another"
            raise BadDefinition(f"{one.file}: key: [terraform] {said}")
    return {one.key: name for name, one in found.items()}


def _ids(kind: str, names: Mapping[str, str]) -> dict[str, str]:
    return {key: f"${{{kind}.{name}.id}}" for key, name in names.items()}


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _texts(one)


def _escaped(value: Any, by_key: Mapping[str, Mapping[str, str]] | None = None) -> Any:
    """The value without anything that Terraform would fill in, but for ids that `by_key` holds.

    `by_key` has for a name such as `slo_id` the ids by key.
    """
    match value:
        case str():
            return _TEMPLATE.sub(r"\1\1", value)
        case list():
            return [_escaped(one, by_key) for one in value]
        case dict():
            ids = by_key or {}
            return {
                name: ids.get(name, {}).get(one if isinstance(one, str) else "")
                or _escaped(one, by_key)
                for name, one in value.items()
            }
    return value


def _refused(definition: Definition, name: str, said: str) -> BadDefinition:
    return BadDefinition(f"{definition.file}: payload.{name}: [terraform] {said}")
