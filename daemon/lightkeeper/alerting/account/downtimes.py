"""Downtimes: each keeps monitors from notifying for a time.

Ours are known by the mark in their message. One that people made is never changed.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from lightkeeper.alerting.account.client import Account, Paged
from lightkeeper.alerting.account.errors import Gone
from lightkeeper.alerting.account.once import make_once
from lightkeeper.alerting.files.definitions import Payload
from lightkeeper.alerting.files.markers import mark_in, signed

NEEDS: Final = "monitors_downtime"
"""The permission, for reading downtimes too."""
PATH: Final = "/api/v2/downtime"
_PAGES: Final = Paged(PATH, "page[offset]", "page[limit]", 100, "data", needs=NEEDS)
_LIVE: Final = ("active", "scheduled")
"""Canceled ones are listed for about two days more."""
_SOON: Final = timedelta(minutes=1)
"""Datadog refuses a start in the past: by its clock, and once the call arrives."""
_ALIKE: Final = timedelta(minutes=1)
"""How far times may lie apart that are not worth a call."""

_HANDLE: Final = re.compile(r"(?<![\w.+-])@")
"""The @ of an address, such as ann@va.gov, is none."""


@dataclass(frozen=True, slots=True)
class Downtime:
    """What shall be muted until when, and the words that say why; without `since` from now on.

    `of` are the monitors, by their id or by tags, and `scope` their groups. The mark of one by
    tags says which tags and groups these are.
    """

    what: str
    mark: str
    of: Mapping[str, Any]
    until: datetime
    words: str
    scope: str = "*"
    since: datetime | None = None

    @property
    def message(self) -> str:
        """The words and the mark."""
        return signed(quiet(self.words), self.mark)


def quiet(words: str) -> str:
    """Words without a recipient: Datadog notifies what stands behind an @ before a word."""
    plain = "".join(char if char.isprintable() else " " for char in words)
    return _HANDLE.sub("(at)", plain)


def listed(account: Account) -> list[Payload]:
    """Every downtime of the account that mutes, will mute, or was canceled not long ago."""
    return account.rows(_PAGES, "downtimes")


def is_live(row: Payload) -> bool:
    """Tell whether a downtime mutes, or will."""
    return _attributes(row).get("status") in _LIVE


def mark_of(row: Payload) -> str | None:
    """The mark of a downtime; None where it is not ours."""
    return mark_in(str(_attributes(row).get("message") or ""))


def is_of_monitor(row: Payload, number: int, tags: Collection[str]) -> bool:
    """Tell whether a downtime is of the monitor with this id and these tags.

    One of other people's by tags may be of groups that the monitor does not have, and counts only
    where it is of every group.
    """
    held = _attributes(row)
    named = (held.get("monitor_identifier") or {}).get("monitor_tags") or []
    is_whole = held.get("scope") == "*" or mark_of(row) is not None
    by_tags = bool(named) and is_whole and all(one == "*" or one in tags for one in named)
    return by_tags or _monitor_id(row) == number


def bring(account: Account, wanted: Downtime, rows: list[Payload], now: datetime) -> bool:
    """Make a downtime, or bring ours among `rows` to what is wanted; whether that took a write.

    Of several with its mark one remains. What has begun cannot begin at another time: it is
    replaced.
    """
    ours = [row for row in rows if is_live(row) and mark_of(row) == wanted.mark]
    kept = next((row for row in ours if _is_of(row, wanted, now)), None)
    wrote = kept is None or _changed(account, wanted, kept, now)
    if kept is None:
        _create(account, wanted, now)
    for row in ours:
        if row is not kept:
            wrote = True
            cancel(account, row, wanted.what)
    return wrote


def cancel(account: Account, row: Payload, what: str) -> None:
    """End a downtime, or find that it is gone."""
    try:
        account.call("DELETE", f"{PATH}/{row['id']}", what=what, needs=NEEDS)
    except Gone:
        return


def _changed(account: Account, wanted: Downtime, kept: Payload, now: datetime) -> bool:
    """Change end and words, where they differ; whether they did."""
    held = _attributes(kept)
    schedule = held.get("schedule") or {}
    same_words = str(held.get("message")).split() == wanted.message.split()
    if same_words and _alike(_time(schedule.get("end")), wanted.until):
        return False
    change = {
        "message": wanted.message,
        # As it is: what has begun cannot begin at another time.
        "schedule": {"start": schedule.get("start"), "end": _written(wanted.until)},
    }
    try:
        _send(account, "PATCH", change, wanted, kept["id"])
    except Gone:
        _create(account, wanted, now)
    return True


def _create(account: Account, wanted: Downtime, now: datetime) -> None:
    """Make it, unless a call of which nothing is known has made it already."""
    since = None if _begins_now(wanted, now) else wanted.since
    made = {
        "monitor_identifier": dict(wanted.of),
        "scope": wanted.scope,
        "message": wanted.message,
        "schedule": {
            "start": _written(since) if since else None,
            "end": _written(wanted.until),
        },
        # What is still wrong then notifies, also where it is unmuted before its time.
        "notify_end_states": ["alert", "no data", "warn"],
        "notify_end_types": ["canceled", "expired"],
    }
    make_once(
        account,
        lambda: _send(account, "POST", made, wanted),
        lambda: any(_is_of(row, wanted, now) for row in listed(account)),
    )


def _send(
    account: Account, method: str, attributes: Payload, wanted: Downtime, number: Any = None
) -> None:
    data = {"type": "downtime", "attributes": attributes}
    path = PATH if number is None else f"{PATH}/{number}"
    body = {"data": data if number is None else {**data, "id": number}}
    account.call(method, path, body=body, what=wanted.what, needs=NEEDS)


def _is_of(row: Payload, wanted: Downtime, now: datetime) -> bool:
    """Tell whether a downtime becomes what is wanted by another end and other words.

    Tags and scope are not compared: Datadog may write them in another way, and the mark of what
    has them names them.
    """
    if not is_live(row) or mark_of(row) != wanted.mark:
        return False
    held = _attributes(row)
    begins_alike = (_begins_now(wanted, now) and held.get("status") == "active") or (
        _alike(_time((held.get("schedule") or {}).get("start")), wanted.since)
    )
    return begins_alike and _monitor_id(row) == wanted.of.get("monitor_id")


def _begins_now(wanted: Downtime, now: datetime) -> bool:
    return wanted.since is None or wanted.since - now < _SOON


def _monitor_id(row: Payload) -> Any:
    """The id of the one monitor that a downtime is of; None where it is of others."""
    return (_attributes(row).get("monitor_identifier") or {}).get("monitor_id")


def _attributes(row: Payload) -> Payload:
    found = row.get("attributes")
    return found if isinstance(found, dict) else {}


def _time(text: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None


def _alike(one: datetime | None, other: datetime | None) -> bool:
    return one is not None and other is not None and abs(one - other) < _ALIKE


def _written(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds")
