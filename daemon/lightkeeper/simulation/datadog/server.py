"""The simulated Datadog: its API for what we keep there, on loopback and with a memory."""

import json
import re
import secrets
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qs, unquote

from lightkeeper.simulation.datadog import stored
from lightkeeper.simulation.datadog.faults import AccountFault, AccountFaults, error
from lightkeeper.simulation.datadog.stored import Refused, Stored
from lightkeeper.simulation.datadog.suppressed import Suppressed
from lightkeeper.simulation.lighthouse.wire import Listening, Reply, Request

_PATH: Final = re.compile(r"/api/v1/(monitor|slo|dashboard)(?:/([^/]+))?(/validate)?")
_MAKE: Final[dict[str, Callable[..., Stored]]] = {
    "monitor": stored.monitor,
    "slo": stored.slo,
    "dashboard": stored.dashboard,
}
_PAGES: Final = {
    "monitor": ("page", "page_size", 100, 1000),
    "slo": ("offset", "limit", 1000, 1000),
    "dashboard": ("start", "count", 100, 100),
}
"""Of each kind: what names the beginning and size of a page, its usual size, and the largest."""
_NOT_LISTED: Final = ("widgets", "template_variables", "notify_list", "restricted_roles", "tags")
_OPERAND: Final = re.compile(r"\b\d+\b")
_SLO: Final = re.compile(r'(?:burn_rate|error_budget)\("([^"]*)"\)')


class AccountCall(NamedTuple):
    """One call that was received; `status` is 0 where no answer was sent."""

    method: str
    path: str
    status: int
    body: bytes = b""


class SimulatedDatadog(Listening):
    """
    An account at Datadog, empty at first. It serves from `start()` to `stop()`, or within `with`.

    Args:
        port: 0 takes a free one and stays with it.
        largest_page: most objects in one page of a list.
        clock: seconds since the epoch.

    Attributes:
        objects: by kind (`monitor`, `slo`, `dashboard`) and id, as they are kept.
        suppressed: downtimes and SLO corrections.
        faults: what goes wrong.
        calls: every call, oldest first.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        largest_page: int | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.host = host
        self.port = port
        self.api_key = secrets.token_hex(16)
        self.app_key = secrets.token_hex(20)
        self.organisation = str(uuid.uuid4())
        self.objects: dict[str, dict[str, Stored]] = {kind: {} for kind in _MAKE}
        self.suppressed = Suppressed(self.objects["slo"], clock)
        self.faults = AccountFaults()
        self.calls: list[AccountCall] = []
        self._largest_page = largest_page
        self._clock = clock
        self._made = 0
        self._lock = threading.Lock()

    @property
    def writes(self) -> list[AccountCall]:
        """The calls that changed something, or tried to."""
        return [
            one for one in self.calls if one.method != "GET" and not one.path.endswith("/validate")
        ]

    def environment(self) -> dict[str, str]:
        """The variables with which a client finds this account."""
        return {"DD_SITE": self.url, "DD_API_KEY": self.api_key, "DD_APP_KEY": self.app_key}

    def fail(self, status: int | None, **more: Any) -> None:
        """Let the next call meet a fault; `more` are the fields of `AccountFault`."""
        self.faults.pending.append(AccountFault(status, **more))

    def add(self, kind: str, payload: Stored) -> Any:
        """Store an object as a person would by hand; its id."""
        made = self._create(kind, payload)
        return made["id"]

    def change(self, kind: str, number: Any, **fields: Any) -> None:
        """Change fields of an object as a person would by hand."""
        kept = self.objects[kind][str(number)]
        self.objects[kind][str(number)] = _MAKE[kind](
            {**kept, **fields}, kept["id"], self._now(), kept
        )

    def _now(self) -> float:
        self._made += 1
        return self._clock() + self._made / 1000

    def _serve(self, request: Request) -> Reply:
        with self._lock:
            reply = self.faults.distorted(request, self._answer)
            status = reply.status if reply.manner == "whole" else 0
            self.calls.append(AccountCall(request.method, request.path, status, request.body))
            return reply

    def _answer(self, request: Request) -> Reply:
        if request.headers.get("dd-api-key") != self.api_key:
            return error(403, "Forbidden")
        if request.path == "/api/v1/validate":
            return _json({"valid": True})
        if request.path == "/api/v2/validate":
            attributes = {"valid": True, "api_key_scopes": []}
            found = {"id": self.organisation, "type": "validate_v2", "attributes": attributes}
            return _json({"data": found})
        if request.headers.get("dd-application-key") != self.app_key:
            return error(403, "Forbidden")
        if reply := self.suppressed.answer(request, self.faults):
            return reply
        matched = _PATH.fullmatch(unquote(request.path))
        if matched is None:
            return error(404, "Not found")
        kind, number = matched[1], matched[2]
        validating = bool(matched[3]) or (kind, number) == ("monitor", "validate")
        reads = request.method == "GET" or validating
        if f"{kind}s_{'read' if reads else 'write'}" in self.faults.lacks:
            return error(403, "Forbidden")
        try:
            if validating:
                self._checked("monitor", stored.monitor(_read(request), 0, 0.0))
                return _json({})
            return self._routed(request, kind, number)
        except (Refused, AttributeError, LookupError, TypeError, ValueError) as exc:
            wrong_type = "The value provided for a parameter has the wrong type"
            return error(400, str(exc) if isinstance(exc, Refused) else wrong_type)

    def _routed(self, request: Request, kind: str, number: str | None) -> Reply:
        if number is None:
            if request.method == "POST":
                made = self._create(kind, _read(request))
                return _json({"data": [made], "error": None} if kind == "slo" else made)
            return self._listed(kind, request) if request.method == "GET" else error(405, "No")
        if number not in self.objects[kind]:
            return error(404, _not_found(kind, number))
        kept = self.objects[kind][number]
        if request.method == "GET":
            return _json({"data": kept, "error": None} if kind == "slo" else kept)
        if request.method == "PUT":
            made = _MAKE[kind](_read(request), kept["id"], self._now(), kept)
            self.objects[kind][number] = self._checked(kind, made)
            return _json({"data": [made], "error": None} if kind == "slo" else made)
        return self._delete(kind, number, "force=true" in request.query)

    def _create(self, kind: str, payload: Stored) -> Stored:
        number = self._number(kind)
        made = self._checked(kind, _MAKE[kind](payload, number, self._now()))
        if kind == "monitor":
            self._refuse_duplicate(made)
        self.objects[kind][str(number)] = made
        return made

    def _number(self, kind: str) -> Any:
        self._made += 1
        if kind == "monitor":
            return 100_000_000 + self._made
        if kind == "slo":
            return f"{self._made:032x}"
        return "-".join(re.findall("...", f"{self._made:09d}".translate(_LETTERS)))

    def _checked(self, kind: str, made: Stored) -> Stored:
        """The object; raises Refused where it names a monitor or SLO that is not there."""
        query = str(made.get("query"))
        if kind == "monitor" and made["type"] == "composite":
            named = _OPERAND.findall(query)
            rest = _OPERAND.sub("", query).translate(str.maketrans("", "", "&|!() "))
            if rest or not named or any(one not in self.objects["monitor"] for one in named):
                raise Refused(
                    "The value provided for parameter 'query' is invalid: invalid monitor id"
                )
        if kind == "monitor" and made["type"] == "slo alert":
            slo = _SLO.match(query)
            if slo is None or slo[1] not in self.objects["slo"]:
                raise Refused("The value provided for parameter 'query' is invalid: SLO not found")
        return made

    def _refuse_duplicate(self, made: Stored) -> None:
        same = ("type", "query", "name", "message", "tags", "options")
        for one in self.objects["monitor"].values():
            if all(one[name] == made[name] for name in same):
                raise Refused(f"Duplicate of an existing monitor_id:{one['id']} org_id:321813")

    def _listed(self, kind: str, request: Request) -> Reply:
        given = {name: values[-1] for name, values in parse_qs(request.query).items()}
        begin, size, usual, largest = _PAGES[kind]
        found = [] if self.faults.lists_nothing else list(self.objects[kind].values())
        if self.faults.late_lists:
            self.faults.late_lists -= 1
            found = found[:-1]
        if wanted := given.get("monitor_tags") or given.get("tags_query"):
            found = [one for one in found if set(wanted.split(",")) <= set(one["tags"])]
        if kind != "monitor" or begin in given:
            count = min(int(given.get(size, usual)), self._largest_page or largest)
            first = int(given.get(begin, 0)) * (count if kind == "monitor" else 1)
            found = found[first : first + count]
        if kind == "slo":
            page = {"total_count": len(self.objects["slo"]), "total_filtered_count": len(found)}
            return _json({"data": found, "error": None, "metadata": {"page": page}})
        if kind == "dashboard":
            short = [{k: v for k, v in one.items() if k not in _NOT_LISTED} for one in found]
            return _json({"dashboards": [{**one, "deleted_at": None} for one in short]})
        return _json([{**one, "matching_downtimes": []} for one in found])

    def _users(self, kind: str, number: str) -> Iterator[str]:
        """What needs a monitor or an SLO."""
        named = re.compile(rf'(?<![\w"]){number}\b' if kind == "monitor" else rf'"{number}"')
        user = {"monitor": "composite", "slo": "slo alert"}.get(kind)
        for one in self.objects["monitor"].values():
            if one["type"] == user and named.search(one["query"]):
                yield f"{user} monitors: [{one['id']},{one['name']}]"
        for one in self.objects["slo"].values():
            if kind == "monitor" and number in map(str, one.get("monitor_ids") or []):
                yield f"slos: [{one['id']},{one['name']}]"

    def _delete(self, kind: str, number: str, force: bool) -> Reply:
        users = list(self._users(kind, number))
        if users and not force:
            name = self.objects[kind][number]["name"]
            said = f"{kind} [{number},{name}] is referenced in {', '.join(users)}"
            # As recorded in an issue of terraform-provider-datadog: 401 where an SLO needs it.
            in_slo = any(one.startswith("slos") for one in users)
            return error(409 if kind == "slo" else 401 if in_slo else 400, said)
        del self.objects[kind][number]
        if kind == "monitor":
            return _json({"deleted_monitor_id": int(number)})
        if kind == "slo":
            return _json({"data": [number], "error": None})
        return _json({"deleted_dashboard_id": number})


_LETTERS: Final = str.maketrans("0123456789", "abcdefghij")


def _read(request: Request) -> Stored:
    try:
        given = json.loads(request.body)
    except (RecursionError, ValueError) as exc:
        raise Refused("Invalid JSON") from exc
    if not isinstance(given, dict):
        raise Refused("Invalid JSON")
    return given


def _not_found(kind: str, number: str) -> str:
    if kind == "monitor":
        return "Monitor not found"
    said = f"SLO not found: {number}" if kind == "slo" else f"Dashboard with ID {number}"
    return f"{said} not found"


def _json(value: Any) -> Reply:
    return Reply(200, json.dumps(value).encode())
