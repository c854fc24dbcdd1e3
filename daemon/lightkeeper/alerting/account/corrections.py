"""SLO corrections: what happens meanwhile counts neither for nor against an SLO."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from lightkeeper.alerting.account.client import Account, Paged
from lightkeeper.alerting.account.errors import Gone
from lightkeeper.alerting.account.once import make_once
from lightkeeper.alerting.files.definitions import Payload
from lightkeeper.alerting.files.markers import mark_in, signed

NEEDS: Final = "slos_corrections"
PATH: Final = "/api/v1/slo/correction"
_PAGES: Final = Paged(PATH, "offset", "limit", 100, "data", needs="slos_read")
_CATEGORY: Final = "Scheduled Maintenance"
_ALIKE_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class SLOCorrection:
    """The correction that an SLO shall have, and the words that say why."""

    what: str
    mark: str
    slo_id: str
    since: datetime
    until: datetime
    words: str

    @property
    def attributes(self) -> dict[str, Any]:
        """What can be changed of it."""
        return {
            "category": _CATEGORY,
            "description": signed(self.words, self.mark),
            "start": int(self.since.timestamp()),
            "end": int(self.until.timestamp()),
            "timezone": "UTC",
        }

    def is_of(self, row: Payload) -> bool:
        """Tell whether a correction of the account is this one, whatever its times and words."""
        return mark_of(row) == self.mark and _attributes(row).get("slo_id") == self.slo_id


def listed(account: Account) -> list[Payload]:
    """Every correction of the account."""
    return account.rows(_PAGES, "corrections")


def mark_of(row: Payload) -> str | None:
    """The mark of a correction; None where it is not ours."""
    return mark_in(str(_attributes(row).get("description") or ""))


def bring(account: Account, wanted: SLOCorrection, held: Payload | None) -> bool:
    """Make a correction, or bring ours to what is wanted; whether that took a write."""
    if held is not None and _is_as_wanted(wanted, held):
        return False
    if held is not None:
        try:
            _send(account, "PATCH", f"{PATH}/{held['id']}", wanted.attributes, wanted.what)
        except Gone:
            held = None
    if held is None:
        made = {**wanted.attributes, "slo_id": wanted.slo_id}
        make_once(
            account,
            lambda: _send(account, "POST", PATH, made, wanted.what),
            lambda: any(wanted.is_of(row) for row in listed(account)),
        )
    return True


def delete(account: Account, row: Payload, what: str) -> None:
    """Delete a correction, or find that it is gone."""
    try:
        account.call("DELETE", f"{PATH}/{row['id']}", what=what, needs=NEEDS)
    except Gone:
        return


def _is_as_wanted(wanted: SLOCorrection, held: Payload) -> bool:
    """Tell whether it is as wanted, but for what is not worth a call."""
    has, shall = _attributes(held), wanted.attributes
    same_words = str(has.get("description")).split() == shall["description"].split()
    return same_words and all(
        isinstance(has.get(name), int) and abs(has[name] - shall[name]) < _ALIKE_SECONDS
        for name in ("start", "end")
    )


def _send(account: Account, method: str, path: str, attributes: Payload, what: str) -> None:
    body = {"data": {"type": "correction", "attributes": attributes}}
    account.call(method, path, body=body, what=what, needs=NEEDS)


def _attributes(row: Payload) -> Payload:
    found = row.get("attributes")
    return found if isinstance(found, dict) else {}
