"""What Datadog says before anything is written: of the payloads, and of the keys."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from lightkeeper.alerting.account import corrections, downtimes
from lightkeeper.alerting.account.client import Account
from lightkeeper.alerting.account.errors import AccessRefused, Gone, PayloadRefused
from lightkeeper.alerting.account.normal import sent
from lightkeeper.alerting.account.objects import ObjectKind
from lightkeeper.alerting.account.plan import Deed, Plan

_NO_ID: Final = "00000000-0000-0000-0000-000000000000"
_BY_ID: Final = ("composite", "slo alert")


class Permission(NamedTuple):
    """A permission of the keys, and whether they have it."""

    name: str
    held: bool


def permissions(account: Account) -> Iterator[Permission]:
    """What the keys may do, as the account answers. Nothing is written."""
    for kind in ObjectKind:
        for write in (False, True):
            name = f"{kind}s_{'write' if write else 'read'}"
            yield Permission(name, account.may(kind, write=write))
    # Changes of what no account has: with the right to make them, 404 is the answer.
    none = {"data": {"type": "downtime", "id": _NO_ID, "attributes": {"message": ""}}}
    may_mute = account.allows("PATCH", f"{downtimes.PATH}/{_NO_ID}", body=none)
    yield Permission(downtimes.NEEDS, may_mute)
    none = {"data": {"type": "correction", "attributes": {"description": ""}}}
    may_correct = account.allows("PATCH", f"{corrections.PATH}/{_NO_ID}", body=none)
    yield Permission(corrections.NEEDS, may_correct)


def validate(account: Account, plan: Plan) -> None:
    """Raise PayloadRefused with every new or changed monitor that Datadog would not take.

    What names others by id is left out: they may not be there yet.
    """
    wanted = {(one.kind, one.mark): one for one in plan.wanted}
    problems = []
    for step in plan.of(Deed.CREATE, Deed.CHANGE):
        one = wanted[step.kind, step.mark]
        if step.kind is not ObjectKind.MONITOR or one.payload.get("type") in _BY_ID:
            continue
        try:
            account.validate(sent(step.kind, one.resolved(plan.ids)), step.what)
        except PayloadRefused as exc:
            problems.append(str(exc))
        except (AccessRefused, Gone):
            return  # what may be asked is not known here: the write itself will say
    if problems:
        raise PayloadRefused("\n".join(problems))
