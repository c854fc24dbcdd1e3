"""What Datadog's server adds to a monitor, SLO or dashboard, and what it leaves out.

The server answers with more than it was given. Who compares an object in an account with a file,
as Terraform does, finds a difference for ever in what the file does not spell out. The tables are
what recorded answers show: those of datadog-api-client 2.62, of terraform-provider-datadog and of
datadog-sync-cli.

Answers differ in two things that are in no table. One account added `avalanche_window: 20`, and
left out an `on_missing_data` that is `default`; others did neither. It stays written: without it
a monitor shows No Data where it would count a sum as 0, and a dead man's switch would be silent.
"""

import re
from collections.abc import Iterable
from typing import Any, Final, NamedTuple


class ServerDefault(NamedTuple):
    """A value that the server adds at a path such as `options.new_host_delay`."""

    path: str
    value: Any
    unless: str = ""
    """A path where a value keeps the server from it."""
    types: frozenset[str] = frozenset()
    """The types of monitors that get it; all, where none are named."""


_SEARCHES: Final = frozenset(
    f"{one} alert"
    for one in ("ci-pipelines", "ci-tests", "error-tracking", "llm-observability", "log", "rum")
)
MONITOR_DEFAULTS: Final = (
    ServerDefault("priority", None),
    ServerDefault("tags", []),
    ServerDefault("options.include_tags", True),
    ServerDefault("options.notify_audit", False),
    ServerDefault("options.notify_no_data", False, unless="options.on_missing_data"),
    ServerDefault("options.new_host_delay", 300, unless="options.new_group_delay"),
    ServerDefault("options.groupby_simple_monitor", False, types=_SEARCHES),
)
SLO_DEFAULTS: Final = (
    ServerDefault("description", ""),
    ServerDefault("tags", []),
)
DASHBOARD_DEFAULTS: Final = (
    ServerDefault("description", None),
    ServerDefault("notify_list", []),
    ServerDefault("template_variables", []),
    # Where a list of roles is written, the provider leaves out `is_read_only` on both sides.
    ServerDefault("restricted_roles", []),
)
_TRIMMED: Final = ("name", "message", "query", "title", "description")
_NOT_IN_TAGS: Final = re.compile(r"[^\w:./-]")
_LONGEST_TAG: Final = 200


def as_kept(payload: dict[str, Any]) -> dict[str, Any]:
    """The payload with its texts, tags and type as the server keeps them.

    It trims texts, writes tags in one way and keeps each once, and a `metric alert` is to it a
    `query alert`.
    """
    made = {
        name: one.strip() if name in _TRIMMED and isinstance(one, str) else one
        for name, one in payload.items()
    }
    if isinstance(tags := made.get("tags"), list):
        written = (_NOT_IN_TAGS.sub("_", str(one).strip().lower()) for one in tags)
        made["tags"] = list(dict.fromkeys(one[:_LONGEST_TAG] for one in written))
    if made.get("type") == "metric alert":
        made["type"] = "query alert"
    return made


def spelled_out(payload: dict[str, Any], defaults: Iterable[ServerDefault]) -> dict[str, Any]:
    """The payload with each default that it leaves to the server, without what that leaves out.

    The server leaves out thresholds that are null, and thresholds of which there are none.
    """
    made = dict(payload)
    options = made.get("options")
    if isinstance(options, dict):
        made["options"] = options = dict(options)
        if isinstance(thresholds := options.pop("thresholds", None), dict):
            kept = {name: one for name, one in thresholds.items() if one is not None}
            options |= {"thresholds": kept} if kept else {}
    for default in defaults:
        applies = not default.types or made.get("type") in default.types
        if applies and not (default.unless and _has(made, default.unless)):
            _add(made, default)
    return made


def _has(payload: dict[str, Any], path: str) -> bool:
    above, _, last = path.rpartition(".")
    holder = payload.get(above) if above else payload
    return isinstance(holder, dict) and last in holder


def _add(payload: dict[str, Any], default: ServerDefault) -> None:
    above, _, last = default.path.rpartition(".")
    holder = payload.setdefault(above, {}) if above else payload
    if isinstance(holder, dict):
        holder.setdefault(last, default.value)
