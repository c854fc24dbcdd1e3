"""An object that was made by hand, as a file of monitors/ or dashboards/."""

import json
import re
from dataclasses import dataclass
from typing import Any, Final

from lightkeeper.alerting.account.client import Account
from lightkeeper.alerting.account.errors import AccountMoved, PayloadRefused
from lightkeeper.alerting.account.normal import normal, sent
from lightkeeper.alerting.account.objects import LONGEST_MARK, ObjectKind, Wanted, renamed
from lightkeeper.alerting.account.snapshot import carrying, is_of_terraform
from lightkeeper.alerting.errors import AlertingError, AlertingStatus
from lightkeeper.alerting.files.definitions import Payload, Urgency
from lightkeeper.alerting.files.markers import (
    described,
    mark,
    mark_of,
    planned_outage_of,
    tagged,
    unmarked,
)

_IDS: Final = {
    ObjectKind.MONITOR: re.compile(r"[0-9]{1,19}"),
    ObjectKind.SLO: re.compile(r"[0-9a-f]{32}"),
    ObjectKind.DASHBOARD: re.compile(r"\w{3}-\w{3}-\w{3}", re.ASCII),
}
_KEY: Final = re.compile(r"[A-Za-z0-9][\w.-]*")
_PAGES: Final = {
    Urgency.PAGER: "On-call is woken.",
    Urgency.PAGER_LOW: "In working hours.",
    Urgency.CHANNEL: "No page.",
}


class BadName(AlertingError):
    """The id or the key cannot be one."""

    exit_status = AlertingStatus.BAD_DATA


@dataclass(frozen=True, slots=True)
class Imported:
    """What the account holds, and the file of it: `key`.json, which is `text`."""

    kind: ObjectKind
    key: str
    held: Payload
    file: dict[str, Any]

    @property
    def text(self) -> str:
        """What stands in the file."""
        return json.dumps(self.file, indent=2, ensure_ascii=False) + "\n"


def kind_of(number: str) -> ObjectKind:
    """What an id is of. Raises BadName."""
    for kind, form in _IDS.items():
        if form.fullmatch(number):
            return kind
    raise BadName(
        f"{number} is no id: write that of a monitor (12345), an SLO (32 digits and letters) or a "
        "dashboard (abc-def-ghi)"
    )


def imported(
    account: Account,
    number: str,
    key: str | None,
    wanted: tuple[Wanted, ...],
    variables: dict[str, Any],
) -> Imported:
    """Read an object, and make the file of it. Raises AccountMoved for one that is not to be had.

    `wanted` are the objects that have files already; the file names them by key.
    """
    kind = kind_of(number)
    held = account.one(kind, number)
    env, marked = variables["env"], mark_of(held)
    if is_of_terraform(held):
        raise AccountMoved(f"{kind} {number} is ManagedBy:Terraform: change it there")
    name = str(held.get("name") or held.get("title") or number)
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60].strip("-")
    key = key or (marked or "").rpartition("/")[2] or slug or number
    if not _KEY.fullmatch(key):
        raise BadName(f"{key}: is no key: write letters, digits and dashes with --key")
    if len(mark(env, key)) > LONGEST_MARK:
        raise BadName(f"{key}: with the env it is too long for a tag: write a shorter --key")
    if marked is not None and marked != mark(env, key):
        raise AccountMoved(f"{kind} {number} is {marked} already: it has a file, or another env")
    ids = {one: _keys(account, one, wanted) for one in _named_by(held, kind)}
    payload = renamed(kind, _payload(kind, unmarked(held)), ids)
    if "${" in json.dumps(payload, ensure_ascii=False):
        raise PayloadRefused(
            f"{kind} {number} holds ${{, which stands for a variable in a file: change it in the "
            "account, and import it then"
        )
    file = {"key": key, "description": name, "runbook": key, "owner": variables["team"]}
    urgency = _urgency(payload, variables)
    file |= {"pages": _PAGES[urgency], "payload": _with_variables(payload, variables)}
    if planned := planned_outage_of(held):
        file["planned_outage"] = planned
    if kind is ObjectKind.DASHBOARD:
        file = {name: file[name] for name in ("key", "description", "owner", "payload")}
    return Imported(kind, key, held, file)


def adopt(account: Account, found: Imported, env: str) -> None:
    """Write the mark onto the object, so that a plan finds it; nothing else of it changes."""
    marked = mark(env, found.key)
    if mark_of(found.held) == marked:
        return
    if carrying(found.kind, marked, account.listed(found.kind)) is not None:
        raise AccountMoved(f"another {found.kind} carries {marked}: write another key with --key")
    if found.kind is ObjectKind.DASHBOARD:
        held = described(found.held, env, found.key)
    else:
        held = tagged(found.held, env, found.key, planned_outage_of(found.held))
    what = f"{found.kind} {found.key} ({held['id']})"
    if found.kind is ObjectKind.MONITOR:
        body: Payload = {"tags": held["tags"]}
    else:
        body = sent(found.kind, held, kept=found.held)
    account.update(found.kind, str(held["id"]), body, what)


def _keys(account: Account, kind: ObjectKind, wanted: tuple[Wanted, ...]) -> dict[str, str]:
    """The keys of a kind's objects by id."""
    known = {one.mark: one.key for one in wanted if one.kind is kind}
    rows = account.listed(kind)
    marks = ((str(row["id"]), mark_of({"widgets": [], **row})) for row in rows)
    return {number: known[marked] for number, marked in marks if marked in known}


def _named_by(held: Payload, kind: ObjectKind) -> list[ObjectKind]:
    """The kinds of which an object may name others."""
    if kind is ObjectKind.DASHBOARD:
        return [ObjectKind.MONITOR, ObjectKind.SLO]
    links = [ObjectKind.DASHBOARD] if "/dashboard/" in str(held.get("message")) else []
    of_type = {"composite": [ObjectKind.MONITOR], "slo alert": [ObjectKind.SLO]}
    return links + of_type.get(str(held.get("type")), [])


def _payload(kind: ObjectKind, held: Payload) -> Payload:
    made = normal(kind, held, like={})
    options = held.get("options")
    if isinstance(options, dict) and options.get("on_missing_data"):
        made.setdefault("options", {})["on_missing_data"] = options["on_missing_data"]
    return {name: made[name] for name in held if name in made}


def _with_variables(value: Any, variables: dict[str, Any]) -> Any:
    """The same with variables for the env and the handles: the file holds for each environment."""
    if isinstance(value, dict):
        return {name: _with_variables(one, variables) for name, one in value.items()}
    if isinstance(value, list):
        return [_with_variables(one, variables) for one in value]
    if not isinstance(value, str):
        return value
    for name, text in (("env", f"env:{variables['env']}"), *_handles(variables)):
        stands_for = f"env:${{{name}}}" if name == "env" else f"${{{name}}}"
        value = re.sub(rf"(?<![\w@.-]){re.escape(text)}(?![\w/-]|\.\w)", stands_for, value)
    return value


def _handles(variables: dict[str, Any]) -> list[tuple[str, str]]:
    return [(str(one), variables[one]) for one in Urgency if variables.get(one)]


def _urgency(payload: Payload, variables: dict[str, Any]) -> Urgency:
    message = str(payload.get("message", ""))
    handles = re.findall(r"@[\w.-]+", message)
    return next((one for one in Urgency if variables.get(one) in handles), Urgency.CHANNEL)
