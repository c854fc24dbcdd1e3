"""Downtimes: each keeps monitors from notifying for a time.

Ours are known by the mark in their message. One that people made is never changed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from lightkeeper.alerting.account.client import Account, Paged
from lightkeeper.alerting.account.errors import Gone, Uncertain
from lightkeeper.alerting.account.objects import Payload
from lightkeeper.alerting.files.markers import mark_in, signed

NEEDS: Final = "monitors_downtime"
"""The permission, for reading downtimes too."""
PATH: Final = "/api/v2/downtime"
_PAGES: Final = Paged(PATH, "page[offset]", "page[limit]", 100, "data", needs=NEEDS)
_LIVE: Final = ("active", "scheduled")
"""Canceled ones are listed for about two days more."""
_CREATES: Final = 3
_SOON: Final = timedelta(minutes=1)
"""Datadog refuses a start in the past: by its clock, and once the call arrives."""
_LOOK_AFTER: Final = (1.0, 3.0)
"""Seconds before each look for a downtime that may have been made: a list may be older."""


@dataclass(frozen=True, slots=True)
class Downtime:
    """What shall be muted until when, and the words that say why; without `since` from now on.

    `of` are the monitors, by their id or by tags, and `scope` their groups.
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
        """The words, which notify nobody, and the mark."""
        plain = "".join(char if char.isprintable() else " " for char in self.words)
        return signed(plain.replace("@", "(at)"), self.mark)


def listed(account: Account) -> list[Payload]:
    """Every downtime of the account that mutes, will mute, or was canceled not long ago."""
    return account.rows(_PAGES, "downtimes")


def is_live(row: Payload) -> bool:
    """Tell whether a downtime mutes, or will."""
    return _attributes(row).get("status") in _LIVE


def mark_of(row: Payload) -> str | None:
    """The mark of a downtime; None where it is not ours."""
    return mark_in(str(_attributes(row).get("message") or ""))


def monitor_id(row: Payload) -> Any:
    """The id of the one monitor that a downtime is of; None where it is of others."""
    return (_attributes(row).get("monitor_identifier") or {}).get("monitor_id")


def bring(account: Account, wanted: Downtime, rows: list[Payload], now: datetime) -> bool:
    """Make a downtime, or bring ours among `rows` to what is wanted; whether that took a write.

    Of several with its mark one remains. What has begun cannot begin at another time: it is
    replaced.
    """
    ours = [row for row in rows if is_live(row) and mark_of(row) == wanted.mark]
    kept = next((row for row in ours if _fits(row, wanted, now)), None)
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
    same_end = _time(schedule.get("end")) == _whole(wanted.until)
    if same_end and held.get("message") == wanted.message:
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
    for turn in range(_CREATES):
        try:
            _send(account, "POST", made, wanted)
        except Uncertain:
            if _was_made(account, wanted, now):
                return
            if turn + 1 == _CREATES:
                raise
        else:
            return


def _was_made(account: Account, wanted: Downtime, now: datetime) -> bool:
    for pause in _LOOK_AFTER:
        account.sleep(pause)
        for row in listed(account):
            if is_live(row) and mark_of(row) == wanted.mark and _fits(row, wanted, now):
                return True
    return False


def _send(
    account: Account, method: str, attributes: Payload, wanted: Downtime, number: Any = None
) -> None:
    data = {"type": "downtime", "attributes": attributes}
    path = PATH if number is None else f"{PATH}/{number}"
    body = {"data": data if number is None else {**data, "id": number}}
    account.call(method, path, body=body, what=wanted.what, needs=NEEDS)


def _fits(row: Payload, wanted: Downtime, now: datetime) -> bool:
    """Tell whether a downtime becomes what is wanted by another end and other words."""
    held = _attributes(row)
    of = held.get("monitor_identifier") or {}
    same_tags = sorted(of.get("monitor_tags") or []) == sorted(wanted.of.get("monitor_tags") or [])
    same_of = same_tags and of.get("monitor_id") == wanted.of.get("monitor_id")
    start = _time((held.get("schedule") or {}).get("start"))
    begins_alike = (_begins_now(wanted, now) and held.get("status") == "active") or (
        wanted.since is not None and start == _whole(wanted.since)
    )
    return same_of and held.get("scope") == wanted.scope and begins_alike


def _begins_now(wanted: Downtime, now: datetime) -> bool:
    return wanted.since is None or wanted.since - now < _SOON


def _attributes(row: Payload) -> Payload:
    found = row.get("attributes")
    return found if isinstance(found, dict) else {}


def _time(text: Any) -> datetime | None:
    try:
        return _whole(datetime.fromisoformat(text))
    except (TypeError, ValueError):
        return None


def _whole(at: datetime) -> datetime:
    return at.replace(microsecond=0)


def _written(at: datetime) -> str:
    return _whole(at.astimezone(UTC)).isoformat()
