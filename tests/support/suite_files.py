"""Small monitors and files of unit tests for them, as tests need them."""

import json
from typing import Any

from lightkeeper.alerting.files.definitions import Assets, Definition

OUTCOMES = "lightkeeper.documents.outcomes"
FAILED = f"{OUTCOMES}{{document_type:form_0781,step:claims_evidence,outcome:failed}}"
MESSAGE = "{{#is_alert}}{{value}} failed at {{step.name}} @pager{{/is_alert}} @channel"
COUNT = {
    "name": "Documents failed at {{step.name}}",
    "type": "query alert",
    "query": f"sum(last_5m):sum:{OUTCOMES}{{env:prod,outcome:failed}} by {{step}}.as_count() > 0",
    "message": MESSAGE,
    "options": {"thresholds": {"critical": 0}, "on_missing_data": "default"},
}
LAG = {
    "name": "Polling is behind",
    "type": "query alert",
    "query": "min(last_5m):max:lightkeeper.poll.due_lag{env:prod} > 600",
    "message": "{{#is_alert}}behind @pager{{/is_alert}}{{#is_no_data}}gone @pager{{/is_no_data}}",
    "options": {
        "thresholds": {"critical": 600, "warning": 300, "critical_recovery": 400},
        "notify_no_data": True,
        "no_data_timeframe": 10,
        "renotify_interval": 60,
    },
}
CHECK = {
    "name": "Polling stopped",
    "type": "service check",
    "query": '"lightkeeper.polling".over("env:prod").last(4).count_by_status()',
    "message": "{{#is_alert}}{{check_message}} @pager{{/is_alert}}",
    "options": {"thresholds": {"ok": 2, "warning": 1, "critical": 3}, "notify_no_data": False},
}


def definition(key: str, payload: dict[str, Any]) -> Definition:
    """Return a monitor or SLO as if it had been read from a file."""
    return Definition(f"{key}.json", key, "d", "r", "o", "p", payload, payload)


def assets(
    slos: dict[str, Any] | None = None, variables: dict[str, Any] | None = None, **monitors: Any
) -> Assets:
    """Return monitors and SLOs, given as payloads by key, with these variables."""
    found = (
        {key: definition(key, payload) for key, payload in one.items()}
        for one in (monitors, slos or {})
    )
    return Assets(*found, variables or {}, "")


def suite(monitor: str, *tests: dict[str, Any], tags: str = "env:prod") -> str:
    """Return a file of tests; JSON is YAML. Tests without a name get a number."""
    named = [{"name": str(number), **test} for number, test in enumerate(tests)]
    return json.dumps({"monitor": monitor, "tags": tags, "tests": named})
