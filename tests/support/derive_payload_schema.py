"""Makes alerting/files/datadog.schema.json from Datadog's published OpenAPI document, version 1.

    python tests/support/derive_payload_schema.py openapi.yaml

The document is in the source distribution of `datadog-api-client` (2.62.0 was taken; Apache-2.0):
.generator/schemas/v1/openapi.yaml. What it does not declare is refused; what only the server
writes is left out, and so are kinds of widgets and queries that have no use here.
"""

import json
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import yaml

TARGET = Path(__file__).parents[2] / "daemon/lightkeeper/alerting/files/datadog.schema.json"
ROOTS = ("Monitor", "ServiceLevelObjectiveRequest", "Dashboard")
KEPT = {
    *("AlertGraphWidgetDefinition", "AlertValueWidgetDefinition", "ChangeWidgetDefinition"),
    *("CheckStatusWidgetDefinition", "DistributionWidgetDefinition"),
    *("EventStreamWidgetDefinition", "EventTimelineWidgetDefinition", "FreeTextWidgetDefinition"),
    *("GroupWidgetDefinition", "HeatMapWidgetDefinition", "ListStreamWidgetDefinition"),
    *("MonitorSummaryWidgetDefinition", "NoteWidgetDefinition", "QueryValueWidgetDefinition"),
    *("SLOListWidgetDefinition", "SLOWidgetDefinition", "TableWidgetDefinition"),
    *("TimeseriesWidgetDefinition", "ToplistWidgetDefinition"),
    *("FormulaAndFunctionEventQueryDefinition", "FormulaAndFunctionMetricQueryDefinition"),
    "FormulaAndFunctionSLOQueryDefinition",
}
LEFT_OUT = {
    *("apm_query", "apm_stats_query", "audit_query", "event_query", "log_query"),
    *("network_query", "process_query", "profile_metrics_query", "rum_query", "security_query"),
}
COPIED = (
    *("type", "enum", "required", "minimum", "maximum", "minItems", "maxItems"),
    *("minLength", "maxLength", "pattern", "uniqueItems"),
)


def converted(given: dict[str, Any]) -> dict[str, Any]:
    """Return a schema of OpenAPI 3.0 as JSON Schema, closed where it names its properties."""
    if "$ref" in given:
        return {"$ref": f"#/$defs/{_name(given)}"}
    made = {word: given[word] for word in COPIED if word in given}
    if "properties" in given:
        made["properties"] = {
            name: converted(one)
            for name, one in given["properties"].items()
            if not one.get("readOnly") and name not in LEFT_OUT
        }
    others = given.get("additionalProperties")
    if isinstance(others, dict) and others:
        made["additionalProperties"] = converted(others)
    elif others is False or (others is None and "properties" in given):
        made["additionalProperties"] = False
    if "items" in given:
        made["items"] = converted(given["items"])
    for word in {"oneOf", "anyOf", "allOf"} & given.keys():
        kept = [one for one in given[word] if _name(one) in KEPT]
        made[word] = [converted(one) for one in kept or given[word]]
    if given.get("nullable") and "type" in made:
        made["type"] = [made["type"], "null"]
        if "enum" in made:
            made["enum"] = [*made["enum"], None]
    return made


def needed(schemas: dict[str, Any]) -> dict[str, Any]:
    """Return the roots and what they refer to; what is short or used once stands in its place."""
    found: dict[str, Any] = {}
    todo = list(ROOTS)
    while todo:
        name = todo.pop()
        if name not in found:
            found[name] = converted(schemas[name])
            todo += _references(found[name])
    while True:
        uses = Counter(_references(found))
        short = {
            name
            for name, one in found.items()
            if name not in ROOTS and name not in _references(one)
            if uses[name] == 1 or len(json.dumps(one)) < 45
        }
        if not short:
            return dict(sorted(found.items()))
        found = {k: _inlined(v, found, short) for k, v in found.items() if k not in short}


def _inlined(node: Any, found: dict[str, Any], short: set[str]) -> Any:
    if isinstance(node, dict):
        if "$ref" in node and _name(node) in short:
            return _inlined(found[_name(node)], found, short)
        return {key: _inlined(one, found, short) for key, one in node.items()}
    return [_inlined(one, found, short) for one in node] if isinstance(node, list) else node


def _name(node: dict[str, Any]) -> str:
    return str(node.get("$ref", "")).rpartition("/")[2]


def _references(node: Any) -> list[str]:
    return re.findall(r'"#/\$defs/(\w+)"', json.dumps(node))


if __name__ == "__main__":
    spec = yaml.safe_load(Path(sys.argv[1]).read_text())
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": "Made by tests/support/derive_payload_schema.py from Datadog's OpenAPI "
        "document (Apache-2.0).",
        "$defs": needed(spec["components"]["schemas"]),
    }
    TARGET.write_text(json.dumps(schema, separators=(",", ":")) + "\n")
