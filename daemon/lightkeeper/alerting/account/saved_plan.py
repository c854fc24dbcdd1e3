"""A plan in a file, for `account apply` to carry out as it was shown."""

import json
from pathlib import Path
from typing import Any

from lightkeeper.alerting.account.difference import ABSENT, FieldChange
from lightkeeper.alerting.account.errors import BadPlan, NoPlan
from lightkeeper.alerting.account.objects import ObjectKind, Wanted
from lightkeeper.alerting.account.plan import Deed, Plan, PlanStep, as_json, digest
from lightkeeper.alerting.account.snapshot import marked_as
from lightkeeper.alerting.files.printed import write_text


def save(plan: Plan, path: Path) -> None:
    """Write the plan. Raises Unwritable."""
    text = json.dumps(as_json(plan), indent=1, ensure_ascii=False)
    write_text(path, f"{text}\n")


def load(path: Path) -> Plan:
    """Read a plan. Raises NoPlan where there is none, and BadPlan for what is not one."""
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
        if given["lightkeeper_plan"] != 1:
            raise BadPlan(f"{path}: is a plan of another version: make a new one")
        if given["digest"] != digest(given):
            raise BadPlan(
                f"{path}: is no plan any more: it was changed since it was saved: change the "
                f"definitions instead, and make one with `account plan --out {path}`"
            )
        return _plan(given)
    except OSError as exc:
        raise NoPlan(f"{path}: {exc.strerror}: make it with `account plan --out`") from exc
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as exc:
        raise BadPlan(f"{path}: is no plan: make one with `account plan --out {path}`") from exc


def _plan(given: dict[str, Any]) -> Plan:
    wanted = tuple(
        Wanted(ObjectKind(one["kind"]), one["key"], one["mark"], dict(one["payload"]))
        for one in given["wanted"]
    )
    steps = tuple(
        PlanStep(
            Deed(one["action"]),
            ObjectKind(one["kind"]),
            one["mark"],
            one["id"],
            one["seen"],
            tuple(
                FieldChange(each["path"], each.get("before", ABSENT), each.get("after", ABSENT))
                for each in one["changes"]
            ),
        )
        for one in given["steps"]
    )
    if any(marked_as(one.kind, one.payload) != one.mark for one in wanted):
        raise ValueError("a payload without its mark")
    ids = {ObjectKind(kind): dict(names) for kind, names in given["ids"].items()}
    known = {(one.kind, one.mark) for one in wanted}
    for step in steps:
        needs_id = step.action is not Deed.CREATE
        if not isinstance(step.mark, str) or isinstance(step.number, str) is not needs_id:
            raise ValueError("a step without its object")
        if step.action is not Deed.DELETE and (step.kind, step.mark) not in known:
            raise ValueError("a step without its payload")
    texts = (str(given["site"]), given["organisation"], str(given["env"]))
    return Plan(*texts, wanted, ids, steps, tuple(map(str, given["notes"])))
