"""What Terraform and its Datadog provider make of a configuration, as their sources say it.

SCHEMA and BLOCKS are the provider's 4.25.0, as cdktn-provider-datadog 16.1.1 publishes it. What is
kept is from DataDog/terraform-provider-datadog: resource_datadog_monitor_json.go and
resource_datadog_dashboard_json.go. The server's answers are recorded: see RECORDED in
unit/alerting/account/test_server_defaults.py.
"""

import copy
import json
import re

REQUIRED, OPTIONAL = "required", "optional"
SCHEMA = {
    "datadog_monitor_json": {"monitor": (str, REQUIRED)},
    "datadog_dashboard_json": {"dashboard": (str, REQUIRED)},
    "datadog_service_level_objective": {
        "name": (str, REQUIRED),
        "type": (str, REQUIRED),
        "thresholds": (list, REQUIRED),
        "description": (str, OPTIONAL),
        "force_delete": (bool, OPTIONAL),
        "groups": (list, OPTIONAL),
        "monitor_ids": (list, OPTIONAL),
        "query": (list, OPTIONAL),
        "sli_specification": (list, OPTIONAL),
        "tags": (list, OPTIONAL),
        "target_threshold": ((int, float), OPTIONAL),
        "timeframe": (str, OPTIONAL),
        "validate": (bool, OPTIONAL),
        "warning_threshold": ((int, float), OPTIONAL),
    },
    "datadog_metric_tag_configuration": {
        "metric_name": (str, REQUIRED),
        "metric_type": (str, REQUIRED),
        "tags": (list, REQUIRED),
        "exclude_tags_mode": (bool, OPTIONAL),
        "include_percentiles": (bool, OPTIONAL),
    },
}
_QUERY = {"name": (str, REQUIRED), "query": (str, REQUIRED), "data_source": (str, OPTIONAL)}
BLOCKS = {
    "thresholds": {
        "timeframe": (str, REQUIRED),
        "target": ((int, float), REQUIRED),
        "warning": ((int, float), OPTIONAL),
    },
    "query": {"numerator": (str, REQUIRED), "denominator": (str, REQUIRED)},
    "sli_specification": {"count": (list, OPTIONAL), "time_slice": (list, OPTIONAL)},
    "sli_specification.count": {
        "good_events_formula": (str, REQUIRED),
        "total_events_formula": (str, OPTIONAL),
        "bad_events_formula": (str, OPTIONAL),
        "queries": (list, REQUIRED),
    },
    "sli_specification.count.queries": {"metric_query": (list, OPTIONAL)},
    "sli_specification.count.queries.metric_query": _QUERY,
    "sli_specification.time_slice": {
        "comparator": (str, REQUIRED),
        "threshold": ((int, float), REQUIRED),
        "query_interval_seconds": (int, OPTIONAL),
        "query": (list, OPTIONAL),
    },
    "sli_specification.time_slice.query": {"formula": (list, OPTIONAL), "query": (list, OPTIONAL)},
    "sli_specification.time_slice.query.formula": {"formula_expression": (str, REQUIRED)},
    "sli_specification.time_slice.query.query": {"metric_query": (list, OPTIONAL)},
    "sli_specification.time_slice.query.query.metric_query": _QUERY,
}
COMPUTED = (
    *("id", "author_handle", "author_name", "classification", "created", "creator", "created_at"),
    *("deleted", "modified", "modified_at", "multi", "org_id", "overall_state", "url", "run_as"),
    *("overall_state_modified", "draft_status", "restricted"),
)
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_FILLED = re.compile(r"(?<!\$)\$\{([^{}]*)\}")


def mistakes(configuration):
    """Every resource that the provider's schema would not take, and each odd name."""
    for kind, resources in configuration["resource"].items():
        for name, given in resources.items():
            at = f"{kind}.{name}"
            if not NAME.fullmatch(name):
                yield f"{at}: no identifier"
            yield from _of_schema(given, SCHEMA[kind], at)
            yield from _of_blocks(given, "", at)


def _of_blocks(given, above, at):
    for name in given:
        if (path := f"{above}{name}") in BLOCKS:
            for one in given[name]:
                yield from _of_schema(one, BLOCKS[path], f"{at}.{path}")
                yield from _of_blocks(one, f"{path}.", at)


def _of_schema(given, schema, at):
    for name in given.keys() - schema.keys():
        yield f"{at}: unknown {name}"
    for name, (kind, need) in schema.items():
        if name not in given and need is REQUIRED:
            yield f"{at}: missing {name}"
        if name in given and (
            not isinstance(given[name], kind)
            or (isinstance(given[name], bool) and kind is not bool)
        ):
            yield f"{at}: {name} is {type(given[name]).__name__}"


def references(value):
    """What a resource asks others for, such as `datadog_monitor_json.stuck.id`."""
    return {inside for text in _texts(value) for inside in _FILLED.findall(text)}


def order(configuration):
    """The resources in the order in which Terraform makes them; fails where there is a circle."""
    todo = {
        f"{kind}.{name}": {one.removesuffix(".id") for one in references(given)}
        for kind, resources in configuration["resource"].items()
        for name, given in resources.items()
    }
    made = []
    while todo:
        ready = [name for name, needed in todo.items() if needed <= set(made)]
        assert ready, f"a circle, or nothing to refer to: {todo}"
        made += ready
        todo = {name: needed for name, needed in todo.items() if name not in made}
    return made


def filled(value, ids):
    """The value as a provider gets it: ids filled in, escapes undone."""
    if isinstance(value, str):
        text = _FILLED.sub(lambda one: ids[one[1]], value)
        return text.replace("$${", "${").replace("%%{", "%{")
    if isinstance(value, dict):
        return {name: filled(one, ids) for name, one in value.items()}
    return [filled(one, ids) for one in value] if isinstance(value, list) else value


def applied(configuration):
    """Each resource's arguments by its address, after every id is known."""
    ids = {f"{name}.id": str(1000 + at) for at, name in enumerate(order(configuration))}
    return {
        f"{kind}.{name}": filled(given, ids)
        for kind, resources in configuration["resource"].items()
        for name, given in resources.items()
    }


def monitor_kept(text):
    """A monitor as the provider keeps it, whether it is configured or the server's answer."""
    given = json.loads(text) if isinstance(text, str) else copy.deepcopy(text)
    for name in COMPUTED:
        given.pop(name, None)
    given.get("options", {}).pop("silenced", None)
    for name in ("restricted_roles", "restriction_policy"):
        if given.get(name) is None:
            given.pop(name, None)
    return given


def dashboard_kept(text):
    """A dashboard as the provider keeps it."""
    given = json.loads(text) if isinstance(text, str) else copy.deepcopy(text)
    for name in ("id", "author_handle", "author_name", "created_at", "modified_at", "url"):
        given.pop(name, None)
    if isinstance(given.get("restricted_roles"), list):
        given.pop("is_read_only", None)
    else:
        given.setdefault("is_read_only", False)
    return given


def monitor_answered(payload):
    """What the server answers with when it is given this monitor."""
    made = copy.deepcopy(payload)
    options = made.setdefault("options", {})
    options.setdefault("notify_audit", False)
    options.setdefault("include_tags", True)
    options["silenced"] = {}
    if "new_group_delay" not in options:
        options.setdefault("new_host_delay", 300)
    if "on_missing_data" not in options:
        options.setdefault("notify_no_data", False)
    if made.get("type") == "log alert":
        options.setdefault("groupby_simple_monitor", False)
    found = {k: float(v) for k, v in options.pop("thresholds", {}).items() if v is not None}
    options |= {"thresholds": found} if found else {}
    if made.get("assets"):
        more = {"monitor_id": 7, "template_variables": {}, "options": {}}
        made["assets"] = [one | more for one in made["assets"]]
    return {"priority": None, "tags": [], "id": 7, "restricted_roles": None, "multi": True} | made


def dashboard_answered(payload):
    """What the server answers with when it is given this dashboard."""
    added = {"notify_list": None, "template_variables": None, "description": None}
    return {**added, "restricted_roles": [], "id": "abc", "url": "/x"} | copy.deepcopy(payload)


def _texts(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _texts(one)
