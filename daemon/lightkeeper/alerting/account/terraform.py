"""Monitors, SLOs and dashboards as one configuration of Terraform, in its JSON syntax.

Each monitor and dashboard is the JSON that Datadog takes; what one names by key, Terraform fills
in as the id that another got. What Datadog's server would add is spelled out, so that a second
plan is empty.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from lightkeeper.alerting.account.objects import Names, ObjectKind, renamed, unfilled
from lightkeeper.alerting.account.server_defaults import (
    DASHBOARD_DEFAULTS,
    MONITOR_DEFAULTS,
    spelled_out,
)
from lightkeeper.alerting.files.dashboards import Dashboard, dicts
from lightkeeper.alerting.files.definitions import Assets, Definition
from lightkeeper.alerting.files.reading import BadDefinition
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
_KINDS: Final = {
    SLO: ObjectKind.SLO,
    MONITOR: ObjectKind.MONITOR,
    DASHBOARD: ObjectKind.DASHBOARD,
}
_PERCENTILE: Final = re.compile(r"(?<![\w.:])p\d{2}(?:\.\d+)?:([A-Za-z][\w.]*)\{")
_TEMPLATE: Final = re.compile(r"([$%])(?=\{)")
_NOT_IN_NAMES: Final = re.compile(r"[^A-Za-z0-9_-]")


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
    ids = {_KINDS[kind]: _ids(kind, found) for kind, found in names.items()}
    ids[ObjectKind.DASHBOARD] = _linked(definitions[DASHBOARD], ids)
    problems: list[str] = []
    resources: dict[str, dict[str, Any]] = {}
    for kind, found in definitions.items():
        for key, definition in found.items():
            try:
                made = _resource(kind, definition, assets, ids)
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


def _resource(kind: str, definition: Definition, assets: Assets, ids: Names) -> dict[str, Any]:
    if kind == SLO:
        return _slo(definition)
    if kind == MONITOR:
        return {"monitor": json.dumps(_monitor(definition, assets, ids), ensure_ascii=False)}
    payload = _escaped(spelled_out(definition.payload, DASHBOARD_DEFAULTS))
    made = renamed(ObjectKind.DASHBOARD, payload, ids)
    return {"dashboard": json.dumps(made, ensure_ascii=False)}


def _monitor(definition: Definition, assets: Assets, ids: Names) -> dict[str, Any]:
    if said := [*unfilled(definition, assets)]:
        raise BadDefinition("\n".join(str(_refused(definition, "query", one)) for one in said))
    # Into each of the assets the server writes the monitor's own id, which no file can spell out.
    payload = {name: one for name, one in definition.payload.items() if name != "assets"}
    payload["query"] = str(payload.get("query")).strip()
    return renamed(ObjectKind.MONITOR, _escaped(spelled_out(payload, MONITOR_DEFAULTS)), ids)


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


def _linked(boards: Mapping[str, Definition], ids: Names) -> dict[str, str]:
    """The dashboards that a monitor may link: one that names monitors would close a circle."""
    monitors, by_key = ids[ObjectKind.MONITOR], ids[ObjectKind.DASHBOARD]
    return {
        key: by_key[key] for key, one in boards.items() if not _names_any(one.payload, monitors)
    }


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


def _escaped(value: Any) -> Any:
    """The value without anything that Terraform would fill in."""
    match value:
        case str():
            return _TEMPLATE.sub(r"\1\1", value)
        case list():
            return [_escaped(one) for one in value]
        case dict():
            return {name: _escaped(one) for name, one in value.items()}
    return value


def _refused(definition: Definition, name: str, said: str) -> BadDefinition:
    return BadDefinition(f"{definition.file}: payload.{name}: [terraform] {said}")
