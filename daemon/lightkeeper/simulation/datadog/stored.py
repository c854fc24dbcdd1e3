"""What Datadog's server makes of the payloads it is given: defaults, ids, times, tags.

It is what the recorded interactions of datadog-api-client 2.62 show. Where they show several
things, as of `metric alert` and `query alert`, one of them is done here.
"""

import copy
import re
from datetime import UTC, datetime
from typing import Any, Final

Stored = dict[str, Any]

_SEARCHES: Final = (
    "log",
    "rum",
    "ci-pipelines",
    "ci-tests",
    "error-tracking",
    "llm-observability",
)
_GROUPED: Final = re.compile(r"\bby\s*\{|\.by\(")
_NOT_IN_TAGS: Final = re.compile(r"[^\w:./-]")
_TRIMMED: Final = ("name", "message", "query", "title")
_READ_ONLY: Final = ("id", "org_id", "created", "created_at", "modified", "modified_at", "creator")
_AUTHOR: Final = "frog@datadog.test"


class Refused(Exception):
    """The server answers 400 with these words."""


def monitor(given: Stored, number: int, now: float, before: Stored | None = None) -> Stored:
    """A monitor as it is kept: what a change leaves out stays as it was, but for options."""
    taken = _taken(given)
    kept = {**(before or {}), **taken}
    if not isinstance(kept.get("type"), str) or not isinstance(kept.get("query"), str):
        raise Refused("The value provided for parameter 'query' is invalid: ")
    kept["type"] = "query alert" if kept["type"] == "metric alert" else kept["type"]
    if before is not None and before["type"] != kept["type"]:
        raise Refused("Monitor type cannot be changed.")
    muted = ((before or {}).get("options") or {}).get("silenced")
    options = _options(kept.get("options") or {}, kept["type"]) if "options" in taken else None
    added: Stored = {
        "name": "",
        "message": "",
        "tags": [],
        "priority": None,
        "restricted_roles": None,
        "restriction_policy": None,
        "draft_status": "published",
        "assets": [],
        "overall_state": "No Data",
        "overall_state_modified": None,
        "creator": _creator(),
        "created_at": int(now) * 1000,
        "created": _iso(now),
        "deleted": None,
        "org_id": 321_813,
    }
    made = {**added, **kept, "id": number, "modified": _iso(now)}
    made["multi"] = bool(_GROUPED.search(made["query"]))
    made["options"] = options or made.get("options") or _options({}, made["type"])
    # A mute ends only where it is asked for: terraform-provider-datadog says so of the server.
    made["options"].setdefault("silenced", muted or {})
    made["tags"] = _tags(made["tags"] or [])
    more = {"monitor_id": number, "template_variables": {}, "options": {}}
    made["assets"] = [one | more for one in made["assets"] or []]
    return made


def slo(given: Stored, number: str, now: float, before: Stored | None = None) -> Stored:
    """An SLO as it is kept; a change replaces all of it."""
    taken = _taken(given)
    thresholds = taken.get("thresholds")
    if not thresholds or not taken.get("name"):
        raise Refused("Invalid payload: must specify a name and thresholds")
    if taken.get("type") == "metric" and not (
        taken.get("query") or taken.get("sli_specification")
    ):
        raise Refused("Invalid payload: must specify the query for count types")
    first = thresholds[0]
    made = {
        "description": "",
        "timeframe": first["timeframe"],
        "target_threshold": first["target"],
        "type_id": {"monitor": 0, "metric": 1}.get(str(taken.get("type")), 2),
        "creator": _creator(),
        "created_at": int(now),
        **({"warning_threshold": first["warning"]} if first.get("warning") is not None else {}),
        **{name: one for name, one in taken.items() if one is not None},
        **({"created_at": before["created_at"]} if before else {}),
        "id": number,
        "modified_at": int(now),
        "monitor_tags": [],
        "thresholds": [_threshold(one) for one in thresholds],
        "tags": _tags(taken.get("tags") or []),
    }
    if slice_ := (made.get("sli_specification") or {}).get("time_slice"):
        slice_.setdefault("query_interval_seconds", 300)
    return made


def dashboard(given: Stored, number: str, now: float, before: Stored | None = None) -> Stored:
    """A dashboard as it is kept; a change replaces all of it."""
    taken = _taken(given)
    for name in ("title", "layout_type", "widgets"):
        if name not in taken:
            raise Refused(f"The parameter '{name}' is required")
    if any(not str(one).startswith("team:") for one in taken.get("tags") or []):
        raise Refused("Invalid tag format. Valid tag keys are: team.")
    made = {
        "description": None,
        **({} if "restricted_roles" in taken else {"is_read_only": False}),
        "template_variables": None,
        "notify_list": None,
        "restricted_roles": [],
        "author_handle": _AUTHOR,
        "author_name": None,
        "created_at": _iso(now),
        **taken,
        **({"created_at": before["created_at"]} if before else {}),
        "id": number,
        "url": f"/dashboard/{number}/{re.sub('[^a-z0-9]+', '-', str(taken['title']).lower())}",
        "modified_at": _iso(now),
    }
    _number_widgets(made, int(now * 1000) % 10**15)
    return made


def _taken(given: Stored) -> Stored:
    """What the server reads of a payload: nothing that it alone writes, and texts trimmed."""
    taken = {name: one for name, one in copy.deepcopy(given).items() if name not in _READ_ONLY}
    return {
        name: one.strip() if name in _TRIMMED and isinstance(one, str) else one
        for name, one in taken.items()
    }


def _options(given: Stored, kind: str) -> Stored:
    made = dict(given)
    thresholds = {
        name: float(one)
        for name, one in (made.pop("thresholds", None) or {}).items()
        if one is not None
    }
    if thresholds:
        made["thresholds"] = thresholds
    made.setdefault("notify_audit", False)
    made.setdefault("include_tags", True)
    if made.get("on_missing_data") is None:
        made.setdefault("notify_no_data", False)
    if made.get("new_group_delay") is None:
        made.setdefault("new_host_delay", 300)
    elif made.get("new_host_delay") is None:
        made.pop("new_host_delay", None)
    if kind.removesuffix(" alert") in _SEARCHES:
        made.setdefault("groupby_simple_monitor", False)
    return made


def _threshold(given: Stored) -> Stored:
    made: Stored = {"timeframe": given["timeframe"]}
    for name in ("target", "warning"):
        if given.get(name) is not None:
            made[name] = float(given[name])
            made[f"{name}_display"] = f"{float(given[name]):.10f}".rstrip("0")
    return made


def _tags(given: list[Any]) -> list[str]:
    written = (_NOT_IN_TAGS.sub("_", str(one).strip().lower())[:200] for one in given)
    return list(dict.fromkeys(written))


def _number_widgets(holder: Stored, first: int) -> int:
    """Give each widget a number, unless it has one; the next free number."""
    for one in holder.get("widgets") or []:
        one.setdefault("id", first)
        first = _number_widgets(one.get("definition") or {}, first + 1)
    return first


def _creator() -> Stored:
    return {"name": None, "handle": _AUTHOR, "email": _AUTHOR, "id": 1_445_416}


def _iso(now: float) -> str:
    return datetime.fromtimestamp(now, UTC).isoformat(timespec="microseconds")
