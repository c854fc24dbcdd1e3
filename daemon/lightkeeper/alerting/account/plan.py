"""What has to change in an account so that it holds what the files say: a plan, and its text."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from lightkeeper.alerting.account.difference import ABSENT, FieldChange, difference
from lightkeeper.alerting.account.errors import AccountMoved
from lightkeeper.alerting.account.normal import default_of, fingerprint, normal, unknown
from lightkeeper.alerting.account.objects import Names, ObjectKind, Wanted
from lightkeeper.alerting.account.snapshot import Snapshot
from lightkeeper.alerting.files.definitions import Payload

_FIXED: Final = {
    ObjectKind.MONITOR: "type",
    ObjectKind.SLO: "type",
    ObjectKind.DASHBOARD: "layout_type",
}
"""What Datadog does not change of an object that is there."""
_SIGNS: Final = {"create": "+", "change": "~", "delete": "-"}


class Deed(StrEnum):
    """What a step does with its object."""

    CREATE = "create"
    CHANGE = "change"
    DELETE = "delete"
    KEEP = "keep"


@dataclass(frozen=True, slots=True)
class PlanStep:
    """What is done with one object.

    `seen` is the fingerprint of what the account holds of it, and `number` its id there.
    """

    action: Deed
    kind: ObjectKind
    mark: str
    number: str | None = None
    seen: str | None = None
    changes: tuple[FieldChange, ...] = ()

    @property
    def key(self) -> str:
        """The name of its file."""
        return self.mark.rpartition("/")[2]

    @property
    def what(self) -> str:
        """The object in a message."""
        return f"{self.kind} {self.key}" + (f" ({self.number})" if self.number else "")


@dataclass(frozen=True, slots=True)
class Plan:
    """What has to change in one account for one environment.

    `wanted` is all that the account shall hold, `ids` are those of what it holds already, and
    `notes` say what is left as it is. `organisation` is None where Datadog does not say.
    """

    site: str
    organisation: str | None
    env: str
    wanted: tuple[Wanted, ...]
    ids: Names
    steps: tuple[PlanStep, ...]
    notes: tuple[str, ...]

    @property
    def pending(self) -> list[PlanStep]:
        """The steps that change something."""
        return [one for one in self.steps if one.action is not Deed.KEEP]

    def of(self, *actions: Deed) -> list[PlanStep]:
        """The steps with these actions."""
        return [one for one in self.steps if one.action in actions]

    def lines(self) -> Iterator[str]:
        """The plan for people."""
        for step in self.pending:
            yield f"{_SIGNS[step.action]} {step.what}"
            for change in step.changes if step.action is Deed.CHANGE else ():
                for line in change.lines(default_of(step.kind, change.path)):
                    yield f"    {line}"
        yield from (f"! {note}" for note in self.notes)
        counts = Counter(one.action for one in self.steps)
        said = ", ".join(
            f"{counts[one]} to {one}" for one in (Deed.CREATE, Deed.CHANGE, Deed.DELETE)
        )
        where = f"env {self.env} at {self.site}"
        yield f"{said}, {counts[Deed.KEEP]} as they should be ({where})"


def make(
    wanted: tuple[Wanted, ...], snapshot: Snapshot, env: str, site: str, organisation: str | None
) -> Plan:
    """Compare. Raises AccountMoved for a change that Datadog does not make."""
    ids = snapshot.ids(wanted)
    steps: list[PlanStep] = []
    notes: list[str] = []
    unmanaged: dict[str, None] = {}
    for one in wanted:
        address = one.kind, one.mark
        if of_terraform := snapshot.of_terraform.get(address):
            notes.append(f"{one.kind} {one.key} ({of_terraform['id']}) is left to Terraform")
            continue
        held = snapshot.held.get(address)
        steps.append(_step(one, held, ids))
        if held is not None:
            found = unknown(one.kind, held, one.payload)
            unmanaged |= dict.fromkeys(f"{one.kind}: {name}" for name in found)
    if unmanaged:
        notes.append(
            f"fields that lightkeeper does not know stay as they are: {', '.join(unmanaged)}"
        )
    known = {(one.kind, one.mark) for one in wanted}
    gone = [
        (kind, marked, held)
        for (kind, marked), held in snapshot.held.items()
        if (kind, marked) not in known
    ]
    for kind, marked, held in sorted(gone, key=_turn, reverse=True):
        seen = fingerprint(kind, held)
        steps.append(PlanStep(Deed.DELETE, kind, marked, str(held["id"]), seen))
    return Plan(site, organisation, env, wanted, ids, tuple(steps), tuple(notes))


def changes(one: Wanted, held: Payload, ids: Names) -> tuple[FieldChange, ...]:
    """What differs between what the account holds and what it shall hold."""
    payload = one.resolved(ids)
    return tuple(difference(normal(one.kind, held, like=payload), normal(one.kind, payload)))


def _step(one: Wanted, held: Payload | None, ids: Names) -> PlanStep:
    if held is None:
        made = normal(one.kind, one.resolved(ids))
        new = tuple(FieldChange(name, ABSENT, value) for name, value in made.items())
        return PlanStep(Deed.CREATE, one.kind, one.mark, changes=new)
    found = changes(one, held, ids)
    for change in found:
        if change.path == _FIXED[one.kind]:
            raise AccountMoved(
                f"{one.kind} {one.key} ({held['id']}): Datadog does not change the {change.path} "
                f"of an object, from {change.before} to {change.after}: delete it in the account, "
                "or give the file another key"
            )
    action = Deed.CHANGE if found else Deed.KEEP
    seen = fingerprint(one.kind, held)
    return PlanStep(action, one.kind, one.mark, str(held["id"]), seen, found)


def _turn(found: tuple[ObjectKind, str, Payload]) -> tuple[int, bool]:
    kind, _, held = found
    return [*ObjectKind].index(kind), held.get("type") in ("composite", "slo alert")


def as_json(plan: Plan) -> dict[str, Any]:
    """The plan for programs, and as it is saved."""
    made: dict[str, Any] = {
        "lightkeeper_plan": 1,
        "site": plan.site,
        "organisation": plan.organisation,
        "env": plan.env,
        "steps": [
            {
                "action": str(one.action),
                "kind": str(one.kind),
                "key": one.key,
                "mark": one.mark,
                "id": one.number,
                "seen": one.seen,
                "changes": [change.as_json() for change in one.changes],
            }
            for one in plan.steps
        ],
        "notes": list(plan.notes),
        "ids": {str(kind): dict(names) for kind, names in plan.ids.items()},
        "wanted": [
            {"kind": str(one.kind), "key": one.key, "mark": one.mark, "payload": one.payload}
            for one in plan.wanted
        ],
    }
    return {**made, "digest": digest(made)}


def digest(written: Mapping[str, Any]) -> str:
    """What another plan, or this one once it is edited, has otherwise."""
    rest = {name: one for name, one in written.items() if name != "digest"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()
