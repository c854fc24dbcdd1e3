"""What the simulated Datadog keeps of downtimes and SLO corrections, and what it refuses.

It is what the recorded interactions of datadog-api-client 2.62 show, and the refusals that users
of Datadog quote.
"""

import json
import re
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qs, unquote

from lightkeeper.simulation.datadog.faults import AccountFaults, error
from lightkeeper.simulation.datadog.stored import Refused, Stored
from lightkeeper.simulation.lighthouse.wire import Reply, Request

_PATH: Final = re.compile(r"/api/(?:v2/(downtime)|v1/slo/(correction))(?:/([^/]+))?")
_PERMISSIONS: Final = {"downtime": "monitors_downtime", "correction": "slos_corrections"}
_PAGES: Final[dict[str, tuple[str, str, int]]] = {
    "downtime": ("page[offset]", "page[limit]", 30),
    "correction": ("offset", "limit", 25),
}
_SCOPE: Final = re.compile(r"\*|-?[\w.-]+:\S.*")
_FIELDS: Final = (
    *("display_timezone", "message", "monitor_identifier", "mute_first_recovery_notification"),
    *("notify_end_states", "notify_end_types", "schedule", "scope"),
)
_CATEGORIES: Final = ("Scheduled Maintenance", "Outside Business Hours", "Deployment", "Other")


class Suppressed:
    """The downtimes and SLO corrections of one account, by kind and id. `now` is in seconds."""

    def __init__(self, slos: Mapping[str, Stored], now: Callable[[], float]) -> None:
        self.kept: dict[str, dict[str, Stored]] = {kind: {} for kind in _PERMISSIONS}
        self._slos = slos
        self._now = now

    def live(self) -> list[Stored]:
        """The attributes of each downtime that mutes, or will."""
        found = (self._shown(one)["attributes"] for one in self.kept["downtime"].values())
        return [one for one in found if one["status"] in ("active", "scheduled")]

    def answer(self, request: Request, faults: AccountFaults) -> Reply | None:
        """The answer; None for a call that is about neither."""
        matched = _PATH.fullmatch(unquote(request.path))
        if matched is None:
            return None
        kind, number = matched[1] or matched[2], matched[3]
        reads = kind == "correction" and request.method == "GET"
        if ("slos_read" if reads else _PERMISSIONS[kind]) in faults.lacks:
            return error(403, "Forbidden")
        try:
            return self._routed(request, kind, number, faults)
        except Refused as exc:
            return error(400, str(exc))

    def _routed(
        self, request: Request, kind: str, number: str | None, faults: AccountFaults
    ) -> Reply:
        if number is None:
            if request.method == "GET":
                return self._listed(kind, request, faults)
            return self._made(kind, request) if request.method == "POST" else error(405, "No")
        if kind == "downtime" and not _is_uuid(number):
            raise Refused("Invalid URL param: downtime_id must be an uuid")
        kept = self.kept[kind].get(number)
        if kept is None:
            deleted = kind == "downtime" and request.method == "DELETE"
            said = f"Downtime {number} not found" if deleted else f"{kind.title()} not found"
            return error(404, said)
        if request.method == "DELETE":
            if kind == "correction":
                del self.kept[kind][number]
            else:
                kept["attributes"]["canceled"] = _iso(self._now())
            return Reply(204, b"")
        if request.method == "PATCH":
            change = self._downtime if kind == "downtime" else self._correction
            kept["attributes"] = change(_attributes(request), kept["attributes"])
        return _json({"data": self._shown(kept)})

    def _made(self, kind: str, request: Request) -> Reply:
        given = _attributes(request)
        if kind == "correction":
            if "slo_id" in given and given["slo_id"] not in self._slos:
                return error(404, "SLO not found")
            made = self._correction(given, {})
        else:
            made = self._downtime(given, {})
        number = str(uuid.uuid4())
        one: Stored = {"type": kind, "id": number, "attributes": made}
        self.kept[kind][number] = one
        return _json({"data": self._shown(one)})

    def _listed(self, kind: str, request: Request, faults: AccountFaults) -> Reply:
        given = {name: values[-1] for name, values in parse_qs(request.query).items()}
        begin, size, usual = _PAGES[kind]
        every = [] if faults.lists_nothing else list(self.kept[kind].values())
        if faults.late_lists:
            faults.late_lists -= 1
            every = every[:-1]
        first = int(given.get(begin, 0))
        rows = [self._shown(one) for one in every[first : first + int(given.get(size, usual))]]
        return _json({"data": rows, "meta": {"page": {"total_filtered_count": len(every)}}})

    def _downtime(self, given: Stored, before: Stored) -> Stored:
        for name in given:
            if name not in _FIELDS:
                said = f"Additional properties are not allowed ('{name}' was unexpected)"
                raise Refused(said)
        made = {**_as_made(self._now()), **before, **given, "modified": _iso(self._now())}
        for name in ("monitor_identifier", "scope"):
            if name not in made:
                raise Refused(f"'{name}' is a required property")
        if not _SCOPE.fullmatch(str(made["scope"])):
            raise Refused("All values must have a key")
        if "schedule" in given or not before:
            made["schedule"] = self._schedule(given.get("schedule") or {}, before)
        return made

    def _schedule(self, given: Stored, before: Stored) -> Stored:
        start, now = _seconds(given.get("start")), self._now()
        held = _seconds((before.get("schedule") or {}).get("start"))
        if held is not None and held <= now:
            if start is not None and abs(start - held) >= 1:
                raise Refused("Start times of downtimes in progress cannot be changed")
            start = held
        elif start is not None and start < now:
            raise Refused("Scheduled downtime start cannot be in the past")
        start, end = now if start is None else start, _seconds(given.get("end"))
        if end is not None and end <= max(start, now):
            raise Refused("Scheduled downtime end must be after its start, and in the future")
        return {"start": _iso(start), "end": None if end is None else _iso(end)}

    def _correction(self, given: Stored, before: Stored) -> Stored:
        made = {**before, **given}
        if len({"slo_id", "slo_query"} & made.keys()) != 1 or ("slo_id" in given and before):
            raise Refused("Exactly one of slo_id or slo_query is required")
        if made.get("category") not in _CATEGORIES:
            raise Refused("Invalid category")
        start, end = made.get("start"), made.get("end")
        once = not made.get("rrule")
        if once and not (isinstance(start, int) and isinstance(end, int) and start < end):
            raise Refused("end must be after start")
        none = dict.fromkeys(("end", "rrule", "duration"))
        known = {"description": "", "timezone": "UTC", **none}
        return {**known, **made, "modified_at": int(self._now())}

    def _shown(self, one: Stored) -> Stored:
        if one["type"] == "correction":
            return one
        attributes = one["attributes"]
        start, end = (_seconds(attributes["schedule"][name]) or 0 for name in ("start", "end"))
        status = "canceled" if attributes["canceled"] else "active"
        if status == "active" and start > self._now():
            status = "scheduled"
        elif status == "active" and end and end <= self._now():
            status = "ended"
        return {**one, "attributes": {**attributes, "status": status}}


def _as_made(now: float) -> Stored:
    return {
        "canceled": None,
        "created": _iso(now),
        "display_timezone": "UTC",
        "message": None,
        "mute_first_recovery_notification": False,
        "notify_end_states": ["warn", "alert", "no data"],
        "notify_end_types": ["expired"],
    }


def _attributes(request: Request) -> Stored:
    try:
        return dict(json.loads(request.body)["data"]["attributes"])
    except (ValueError, KeyError, TypeError) as exc:
        raise Refused("Invalid JSON") from exc


def _seconds(text: Any) -> float | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError as exc:
        raise Refused(f"{text!r} is not a 'date-time'") from exc
    if found.utcoffset() is None or found.utcoffset():
        raise Refused(f"{text!r} must have a UTC offset of zero")
    return found.timestamp()


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds")


def _is_uuid(text: str) -> bool:
    try:
        return bool(uuid.UUID(text))
    except ValueError:
        return False


def _json(value: Any) -> Reply:
    return Reply(200, json.dumps(value).encode())
