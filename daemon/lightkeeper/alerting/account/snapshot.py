"""What an account holds of ours at one moment, and whether it can be told apart."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from lightkeeper.alerting.account.client import Account
from lightkeeper.alerting.account.errors import AccountMoved, Gone
from lightkeeper.alerting.account.objects import Names, ObjectKind, Wanted
from lightkeeper.alerting.files.definitions import Payload
from lightkeeper.alerting.files.markers import mark, mark_of

_TERRAFORM: Final = "managedby:terraform"

Address = tuple[ObjectKind, str]
"""A kind of object, and a mark."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Our objects of one environment, by kind and mark; how many objects of each kind there are.

    `of_terraform` are those of ours that Terraform manages, which are never written.
    """

    held: Mapping[Address, Payload]
    of_terraform: Mapping[Address, Payload]
    listed: Mapping[ObjectKind, int]

    def ids(self, wanted: Iterable[Wanted]) -> Names:
        """The ids of these objects by key, where the account holds them."""
        found: dict[ObjectKind, dict[str, str]] = {kind: {} for kind in ObjectKind}
        for one in wanted:
            address = one.kind, one.mark
            if there := self.held.get(address) or self.of_terraform.get(address):
                found[one.kind][one.key] = str(there["id"])
        return found

    def refuse_doubles(self, making: Iterable[ObjectKind]) -> None:
        """Raise AccountMoved where objects are to be made, and lists are empty that cannot be.

        Datadog once listed nothing, and a tool made everything a second time.
        """
        kinds = [*ObjectKind]
        ours = {kind for kind, _ in (*self.held, *self.of_terraform)}
        for kind in making:
            later = any(one in ours for one in kinds[kinds.index(kind) + 1 :])
            if not any(self.listed.values()):
                raise AccountMoved(
                    "the account lists no object at all: if it is new, run this again with "
                    "--first; if it is not, Datadog lists wrongly: try again later"
                )
            if not self.listed[kind] and later:
                raise AccountMoved(
                    f"the account lists no {kind} at all, but later objects of lightkeeper's: "
                    "try again later; if they were all deleted, run this again with --first"
                )


def read(account: Account, env: str) -> Snapshot:
    """Look at the account. Raises AccountMoved where two objects carry one mark."""
    held: dict[Address, Payload] = {}
    of_terraform: dict[Address, Payload] = {}
    listed: Counter[ObjectKind] = Counter()
    for kind in ObjectKind:
        rows = account.listed(kind)
        listed[kind] = len(rows)
        for row in rows:
            marked = marked_as(kind, row)
            if marked is None or marked.rpartition("/")[0] != mark(env, "").rstrip("/"):
                continue
            found = of_terraform if is_of_terraform(row) else held
            address = kind, marked
            if other := held.get(address) or of_terraform.get(address):
                raise AccountMoved(
                    f"two {kind}s carry the mark {marked}, {other['id']} and {row['id']}: unless "
                    "another apply runs right now, delete one of them, or take the mark off it"
                )
            found[address] = row
    return Snapshot(
        {at: _whole(account, *at, one) for at, one in held.items()}, of_terraform, listed
    )


def marked_as(kind: ObjectKind, row: Payload) -> str | None:
    """The mark of an object, as a list has it: that of dashboards leaves out their widgets."""
    return mark_of({**row, "widgets": []} if kind is ObjectKind.DASHBOARD else row)


def carrying(kind: ObjectKind, marked: str, rows: Iterable[Payload]) -> Payload | None:
    """The one object with this mark; None where there is none. Raises AccountMoved for two."""
    found = [row for row in rows if marked_as(kind, row) == marked]
    if len(found) > 1:
        ids = " and ".join(str(one["id"]) for one in found)
        raise AccountMoved(f"two {kind}s carry the mark {marked}, {ids}: delete one of them")
    return found[0] if found else None


def is_of_terraform(row: Payload) -> bool:
    """Tell whether Terraform manages an object, by its tag."""
    tags = row.get("tags")
    return isinstance(tags, list) and any(str(one).lower() == _TERRAFORM for one in tags)


def _whole(account: Account, kind: ObjectKind, marked: str, row: Payload) -> Payload:
    """The object with everything that it has; a list of dashboards leaves out their widgets."""
    if kind is not ObjectKind.DASHBOARD:
        return row
    try:
        return account.one(kind, str(row["id"]))
    except Gone as exc:
        raise AccountMoved(f"dashboard {marked} was deleted just now: run this again") from exc
