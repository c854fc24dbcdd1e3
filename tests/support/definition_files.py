"""A small faultless set of definitions in a folder, for tests to break."""

import copy
import json
from functools import reduce
from pathlib import Path
from typing import Any

VARIABLES = {
    "env": "test",
    "team": "benefits",
    "channel": "@slack-x",
    "pager": "@pagerduty-x",
    "pager_low": "@pagerduty-x-low",
    "runbook_url": "https://example.test/README.md",
    "first": "First, run",
    "datadog_url": "https://datadog.test",
    "links": "https://datadog.test/dashboard/1?tpl_var_env=${env}&from_ts=1&to_ts=2 "
    "https://datadog.test/event/explorer?query=env%3A${env}&from_ts=1&to_ts=2",
    "most": 7,
    "tags": [
        *("form:526ez", "team:${team}", "service:disability-application"),
        *("dependency:lighthouse", "env:${env}", "itportfolio:benefits-delivery"),
    ],
}
GONE = object()
SECTION = (
    "**First.** `lightkeeper check`\n**Meaning.** It.\n**Confirm.** So.\n**Do.** This.\n"
    "**May wait.** No, so it pages `pager`, and some `pager_low`.\n"
)
VALUE = '{{eval "int(value)"}}'
FIRST = "${first} `lightkeeper check` ${links} "
PAGING = (
    f"{{{{#is_alert}}}}{VALUE} at {{{{step.name}}}} ${{pager}}{{{{/is_alert}}}} now ${{channel}} "
    f"{FIRST}${{runbook_url}}#"
)
MISSING = "{{#is_no_data}}gone ${pager}{{/is_no_data}}"
CHANNEL = "{{value}} ${channel} ${runbook_url}#"
QUIET = "{{value}} ${runbook_url}#"
EXPLAINED = PAGING.replace("value", "a.value")
FAILED = (
    "sum(last_5m):sum:lightkeeper.documents.outcomes"
    "{env:${env},outcome:failed} by {step}.as_count() > ${most}"
)
STUCK = "min(last_5m):sum:lightkeeper.documents.stuck{env:${env}} by {step} > 0"
CHECK = '"lightkeeper.polling".over("env:${env}").by("env").last(5).count_by_status()'
BURN = 'burn_rate("share").over("30d").long_window("6h").short_window("30m") > 6'
GOOD = "sum:lightkeeper.slo.efolder{env:${env},result:good}.as_count()"
ALL = "sum:lightkeeper.slo.efolder{env:${env}}.as_count()"


def monitor(key: str, query: str, message: str, pages: str, **options: Any) -> dict[str, Any]:
    """Return a definition whose type goes by the query."""
    kinds = {'"': "service check", "b": "slo alert"}
    kind = kinds.get(query[0], "query alert") if "(" in query else "composite"
    payload = {
        "name": f"It {key}",
        "type": kind,
        "query": query,
        "message": f"{message}{key}",
        "tags": "${tags}",
        "options": options,
    }
    return wrapped(key, pages, payload)


def wrapped(key: str, pages: str, payload: dict[str, Any]) -> dict[str, Any]:
    """Return what stands in a file."""
    words = {"key": key, "description": "One of them.", "runbook": key, "owner": "us"}
    return {**words, "pages": pages, "payload": payload}


def definitions() -> dict[str, dict[str, Any]]:
    """Return a count that pages, a gauge for the channel, a check, an SLO and its burn rate."""
    common = {"on_missing_data": "default", "require_full_window": False}
    share = {
        "type": "metric",
        "name": "Share",
        "description": "${runbook_url}#share",
        "query": {"numerator": GOOD, "denominator": ALL},
        "thresholds": [{"timeframe": "30d", "target": 99}],
        "tags": "${tags}",
    }
    most = {"critical": "${most}", "critical_recovery": 0}
    none = {"critical": 0, "critical_recovery": 0}
    checks = {"ok": 2, "critical": 4}
    made = {
        "failed.json": monitor("failed", FAILED, PAGING, "On-call.", thresholds=most, **common),
        "stuck.json": monitor("stuck", STUCK, CHANNEL, "No page.", thresholds=none, **common),
        "polling.json": monitor(
            "polling", CHECK, CHANNEL, "No page.", thresholds=checks, notify_no_data=False
        ),
        "burn.json": monitor("burn", BURN, CHANNEL, "No page.", thresholds={"critical": 6}),
        "slos/share.json": wrapped("share", "No page.", share),
    }
    return copy.deepcopy(made)


def composites() -> dict[str, dict[str, Any]]:
    """Return a monitor without a recipient, and a composite that names it and pages."""
    none = {"critical": 0, "critical_recovery": 0}
    common = {"on_missing_data": "default", "require_full_window": False}
    query = STUCK.replace(" by {step}", "")
    made = {
        "base.json": monitor("base", query, QUIET, "No page.", thresholds=none, **common),
        "page.json": monitor("page", "stuck && !base && !failed", EXPLAINED, "On-call."),
    }
    return copy.deepcopy(made)


def put(given: Any, path: str, value: Any) -> None:
    """Set what stands at a dotted path, or take it out where the value is GONE."""
    *above, last = path.split(".")
    inner = reduce(lambda one, name: one[name], above, given)
    if value is GONE:
        del inner[last]
    else:
        inner[last] = value


def write(folder: Path, files: dict[str, dict[str, Any]]) -> Path:
    """Write definitions, variables and a runbook with a section for each."""
    (folder / "slos").mkdir(parents=True)
    for name, one in files.items():
        (folder / name).write_text(json.dumps(one))
    (folder / "variables.json").write_text(json.dumps(VARIABLES))
    all_of_them = (definitions() | files).values()
    sections = [f"## {one['key']}\n{SECTION}\n" for one in all_of_them]
    (folder / "README.md").write_text("# Runbook\n" + "".join(sections) + "# Files\n")
    return folder
