"""Mutes a monitor by its key: a downtime of ours on the monitor that carries it."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches

from lightkeeper.alerting.account import downtimes
from lightkeeper.alerting.account.client import Account
from lightkeeper.alerting.account.downtimes import Downtime
from lightkeeper.alerting.account.errors import Gone
from lightkeeper.alerting.account.imported import BadName
from lightkeeper.alerting.account.objects import ObjectKind
from lightkeeper.alerting.account.snapshot import carrying
from lightkeeper.alerting.files.definitions import Payload
from lightkeeper.alerting.files.markers import mark


@dataclass(frozen=True, slots=True)
class MonitorHeld:
    """A monitor of ours in the account: its key, its mark, and its id and tags there."""

    key: str
    mark: str
    number: int
    tags: frozenset[str] = frozenset()

    @property
    def what(self) -> str:
        """What is said of its downtime."""
        return f"downtime of {self.key}"


def find(account: Account, env: str, key: str, known: Collection[str]) -> MonitorHeld:
    """The monitor with this key in the account; `known` are the keys that have files.

    Raises Gone where the account does not have it, and BadName where no file has it either.
    """
    marked = mark(env, key)
    row = carrying(ObjectKind.MONITOR, marked, account.listed(ObjectKind.MONITOR))
    if row is not None:
        return MonitorHeld(key, marked, int(row["id"]), frozenset(row.get("tags") or ()))
    if key in known:
        raise Gone(
            f"no monitor in the account carries {marked}: run `lightkeeper account apply`, or "
            "name another environment with --env"
        )
    near = " or ".join(get_close_matches(key, known, n=3, cutoff=0.4))
    raise BadName(f"no such monitor: {key}: {f'did you mean {near}' if near else 'write a key'}")


def mute(
    account: Account, monitor: MonitorHeld, *, until: datetime, words: str, now: datetime
) -> None:
    """Mute it until then. A downtime that it has from us already ends then, with these words."""
    wanted = Downtime(monitor.what, monitor.mark, {"monitor_id": monitor.number}, until, words)
    downtimes.bring(account, wanted, downtimes.listed(account), now)


def unmute(account: Account, monitor: MonitorHeld) -> tuple[int, list[Payload]]:
    """End the downtimes that `mute` made of it; how many, and the others that are of it."""
    live = [row for row in downtimes.listed(account) if downtimes.is_live(row)]
    ours = [row for row in live if downtimes.mark_of(row) == monitor.mark]
    for row in ours:
        downtimes.cancel(account, row, monitor.what)
    others = (row for row in live if row not in ours)
    return len(ours), [
        row for row in others if downtimes.is_of_monitor(row, monitor.number, monitor.tags)
    ]
