"""The mark by which an object in an account is known as ours: its environment and its key.

Monitors and SLOs carry it as tags, by which they can be listed. Datadog takes no tags but `team:`
on a dashboard, and none on a downtime, so that it stands in the last line of their text.
"""

import re
from typing import Any, Final

MANAGED_BY: Final = "managed_by:lightkeeper"
KEY_TAG: Final = "monitor_key:"
_PLANNED: Final = "planned_outage:"
_LINE: Final = "Managed by lightkeeper: "
_NOT_IN_TAGS: Final = re.compile(r"[^\w./-]")


def mark(env: str, key: str) -> str:
    """The mark of an object, as Datadog keeps it: `staging/documents-failed`.

    Datadog writes tags in lower case, with `_` for a sign that it does not allow.
    """
    return _NOT_IN_TAGS.sub("_", f"{env}/{key}".lower())


def planned_tag(env: str, planned_outage: str) -> str:
    """The tag of what a planned outage explains, of that kind."""
    return f"{_PLANNED}{mark(env, planned_outage)}"


def planned_outage_of(payload: dict[str, Any]) -> str:
    """Which kind of planned outage explains it, by its tag; empty where none does."""
    tags = payload.get("tags")
    found = (str(one) for one in tags) if isinstance(tags, list) else iter(())
    return next((one.rpartition("/")[2] for one in found if one.startswith(_PLANNED)), "")


def tagged(
    payload: dict[str, Any], env: str, key: str, planned_outage: str = ""
) -> dict[str, Any]:
    """A monitor or SLO with its mark among its tags, and no other mark."""
    tags = payload.get("tags", [])
    if not isinstance(tags, list):
        return payload  # the rule `shape` says so
    others = [one for one in tags if one != MANAGED_BY and not _is_mark(one)]
    planned = [planned_tag(env, planned_outage)] if planned_outage else []
    return {**payload, "tags": [*others, *planned, MANAGED_BY, f"{KEY_TAG}{mark(env, key)}"]}


def described(payload: dict[str, Any], env: str, key: str) -> dict[str, Any]:
    """A dashboard with its mark below its description, and no other mark."""
    given = payload.get("description") or ""
    if not isinstance(given, str):
        return payload  # the rule `shape` says so
    return {**payload, "description": signed(given, mark(env, key))}


def signed(text: str, marked: str) -> str:
    """A text with this mark in its last line, and no other mark."""
    others = "\n".join(line for line in text.split("\n") if not line.startswith(_LINE))
    return f"{others.rstrip()}\n\n{_LINE}{marked}".lstrip()


def mark_in(text: str) -> str | None:
    """The mark that a text carries; None where it carries none."""
    # In any line: people write below it, and an object that is not known is made a second time.
    found = (line.removeprefix(_LINE) for line in text.split("\n") if line.startswith(_LINE))
    return next((one.strip() for one in found), None)


def unmarked(payload: dict[str, Any]) -> dict[str, Any]:
    """The object without any mark."""
    made = dict(payload)
    if isinstance(tags := made.get("tags"), list):
        made["tags"] = [one for one in tags if one != MANAGED_BY and not _is_mark(one)]
    if "widgets" in made and isinstance(text := made.get("description"), str):
        lines = (line for line in text.split("\n") if not line.startswith(_LINE))
        made["description"] = "\n".join(lines).rstrip()
    return made


def mark_of(payload: dict[str, Any]) -> str | None:
    """The mark that an object carries, whatever its kind; None where it is not ours."""
    tags, text = payload.get("tags"), payload.get("description")
    tags = tags if isinstance(tags, list) else []
    marks = [
        one.removeprefix(KEY_TAG)
        for one in tags
        if MANAGED_BY in tags and isinstance(one, str) and one.startswith(KEY_TAG)
    ]
    return next(iter(marks), mark_in(str(text)) if "widgets" in payload else None)


def _is_mark(tag: Any) -> bool:
    return isinstance(tag, str) and tag.startswith((KEY_TAG, _PLANNED))
