"""Monitors, SLOs and dashboards as one configuration of Terraform, in its JSON syntax.

Each monitor and dashboard is the JSON that Datadog takes; what one names by key, Terraform fills
in as the id that another got. What Datadog's server would add is spelled out, and what it would
write otherwise is written so, so that a second plan is empty.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from lightkeeper.alerting.account import terraform_slo
from lightkeeper.alerting.account.circles import leads_to, references, texts
from lightkeeper.alerting.account.objects import Names, ObjectKind, renamed, unfilled
from lightkeeper.alerting.account.server_defaults import (
    DASHBOARD_DEFAULTS,
    MONITOR_DEFAULTS,
    as_kept,
    spelled_out,
)
from lightkeeper.alerting.files.dashboards import Dashboard
from lightkeeper.alerting.files.definitions import Assets, Definition
from lightkeeper.alerting.files.reading import BadDefinition
from lightkeeper.telemetry.catalogue import CATALOGUE
from lightkeeper.telemetry.signals import Kind
from lightkeeper.telemetry.tags import CONSTANT_TAGS

MONITOR: Final = "datadog_monitor_json"
SLO: Final = "datadog_service_level_objective"
DASHBOARD: Final = "datadog_dashboard_json"
METRIC: Final = "datadog_metric_tag_configuration"
_PROVIDER: Final = {"source": "DataDog/datadog", "version": "~> 4.19"}
_KINDS: Final = {
    SLO: ObjectKind.SLO,
    MONITOR: ObjectKind.MONITOR,
    DASHBOARD: ObjectKind.DASHBOARD,
}
_PERCENTILE: Final = re.compile(r"(?<![\w.:])p\d{2}(?:\.\d+)?:([A-Za-z][\w.]*)\{")
_TEMPLATE: Final = re.compile(r"([$%])(?=\{)")
_CIRCLE: Final = (
    "the link to dashboard {board} leads nowhere, because that needs this monitor, and Terraform "
    "cannot make each before the other: once it is made, write its id for {board} in the link"
)
_NOT_IN_NAMES: Final = re.compile(r"[^A-Za-z0-9_-]")


def terraform(
    assets: Assets,
    boards: Mapping[str, Dashboard],
    warn: Callable[[str], object] = lambda _said: None,
) -> dict[str, Any]:
    """Return the configuration, to be written into a file `….tf.json`.

    `warn` is called for each link to a dashboard that Terraform cannot fill in. Raises
    BadDefinition with everything that Terraform or Datadog would not take.
    """
    definitions = {
        SLO: assets.slos,
        MONITOR: assets.monitors,
        DASHBOARD: {key: board.definition for key, board in boards.items()},
    }
    names = {kind: _names(found.values()) for kind, found in definitions.items()}
    ids = {_KINDS[kind]: _ids(kind, found) for kind, found in names.items()}
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
    _link(resources, assets.monitors, names, warn)
    payloads = [one.payload for found in definitions.values() for one in found.values()]
    if metrics := sorted({metric for text in texts(payloads) for metric in _percentiles(text)}):
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
    payload = _escaped(spelled_out(as_kept(definition.payload), DASHBOARD_DEFAULTS))
    made = renamed(ObjectKind.DASHBOARD, payload, ids)
    return {"dashboard": json.dumps(made, ensure_ascii=False)}


def _monitor(definition: Definition, assets: Assets, ids: Names) -> dict[str, Any]:
    """The monitor with the ids of what it needs, and dashboards by key: see `_link`."""
    if said := [*unfilled(definition, assets)]:
        raise BadDefinition("\n".join(str(_refused(definition, "query", one)) for one in said))
    # Into each of the assets the server writes the monitor's own id, which no file can spell out.
    payload = {name: one for name, one in definition.payload.items() if name != "assets"}
    payload = _escaped(spelled_out(as_kept(payload), MONITOR_DEFAULTS))
    return renamed(ObjectKind.MONITOR, payload, {**ids, ObjectKind.DASHBOARD: {}})


def _link(
    resources: dict[str, dict[str, Any]],
    monitors: Mapping[str, Definition],
    names: Mapping[str, Mapping[str, str]],
    warn: Callable[[str], object],
) -> None:
    """Fill in the ids of dashboards in messages, except where that would close a circle."""
    needs = {
        f"{kind}.{name}": references(one)
        for kind, found in resources.items()
        for name, one in found.items()
    }
    for key, definition in monitors.items():
        name = names[MONITOR][key]
        made, mine = resources[MONITOR][name], f"{MONITOR}.{name}"
        for board, board_name in names[DASHBOARD].items():
            one = {ObjectKind.DASHBOARD: {board: f"${{{DASHBOARD}.{board_name}.id}}"}}
            payload = json.loads(made["monitor"])
            linked = renamed(ObjectKind.MONITOR, payload, one)
            if linked == payload:
                continue
            if leads_to(f"{DASHBOARD}.{board_name}", mine, needs):
                warn(str(_refused(definition, "message", _CIRCLE.format(board=board))))
                continue
            needs[mine] = {*needs[mine], f"{DASHBOARD}.{board_name}"}
            made["monitor"] = json.dumps(linked, ensure_ascii=False)


def _slo(definition: Definition) -> dict[str, Any]:
    try:
        return dict(_escaped(terraform_slo.arguments(definition.payload)))
    except terraform_slo.NotForTerraform as exc:
        said = "it cannot be written for Terraform here: leave it out"
        raise _refused(definition, str(exc), said) from exc


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
