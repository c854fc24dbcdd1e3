"""Planned outages in an account: a downtime of what an outage explains, and SLO corrections.

What an outage explains, the definitions say by `planned_outage`, and the account by a tag.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from lightkeeper.alerting.account import corrections, downtimes
from lightkeeper.alerting.account.client import Account
from lightkeeper.alerting.account.corrections import SLOCorrection
from lightkeeper.alerting.account.downtimes import Downtime
from lightkeeper.alerting.account.errors import Unanswered
from lightkeeper.alerting.account.objects import ObjectKind
from lightkeeper.alerting.errors import AlertingError
from lightkeeper.alerting.files.definitions import Payload
from lightkeeper.alerting.files.markers import MANAGED_BY, mark, planned_outage_of, planned_tag

LINGERS: Final = timedelta(minutes=15)
"""How much longer it is quiet, so that documents can move on: as long as maintenance-at-step,
-anywhere and -everywhere hold."""
_WORTH_A_CORRECTION: Final = timedelta(minutes=1)
"""Datadog counts in whole seconds, and refuses a correction without any."""
_AT_STEP, _ANYWHERE, _EVERYWHERE = "at-step", "anywhere", "everywhere"
_HOUSEKEEPING: Final = frozenset({"remove_file_binary"})
"""A step that holds no document up."""


@dataclass(frozen=True, slots=True)
class PlannedOutage:
    """An outage that was announced. `steps` are tag values; none stands for all of Lighthouse.

    One that is over before it begins was called off.
    """

    number: int
    since: datetime
    until: datetime
    steps: tuple[str, ...]
    words: str

    @property
    def name(self) -> str:
        """What it is called in messages."""
        return f"maintenance window {self.number}"

    def explains(self) -> Iterator[tuple[str, str]]:
        """The kinds of what it explains, each with the groups of it, as a downtime's scope."""
        steps = self.steps[0] if len(self.steps) == 1 else f"({' OR '.join(self.steps)})"
        yield _AT_STEP, f"step:{steps}" if self.steps else "*"
        if not self.steps or set(self.steps) - _HOUSEKEEPING:
            yield _ANYWHERE, "*"
        if not self.steps:
            yield _EVERYWHERE, "*"


@dataclass(slots=True)
class Mirrored:
    """How many downtimes and corrections there are now, and how many writes that took."""

    downtimes: int = 0
    corrections: int = 0
    writes: int = 0
    explains_nothing: bool = False
    """No SLO in the account has the tag of what a planned outage explains."""


def mirror(
    account: Account, env: str, outages: Sequence[PlannedOutage], now: datetime
) -> Mirrored:
    """Bring the account's downtimes and SLO corrections to what these outages say.

    What is wrong with the one kind does not keep the other from being written, unless Datadog does
    not answer. Raises the errors of errors.py, with all that went wrong.
    """
    done, wrong = Mirrored(), list[AlertingError]()
    part: Callable[[Account, str, Sequence[PlannedOutage], datetime, Mirrored], None]
    for part in (_mirror_downtimes, _mirror_corrections):
        try:
            part(account, env, outages, now, done)
        except AlertingError as exc:
            wrong.append(exc)
            if type(exc) is Unanswered:
                break
    if len(wrong) == 1:
        raise wrong[0]
    if wrong:
        raise type(wrong[0])("\n".join(map(str, wrong)))
    return done


def _mirror_downtimes(
    account: Account, env: str, outages: Sequence[PlannedOutage], now: datetime, done: Mirrored
) -> None:
    rows = downtimes.listed(account)
    wanted = {one.mark: one for outage in outages for one in _downtimes(env, outage, now)}
    ours = tuple(f"{_mark(env, outage)}/" for outage in outages)
    for row in rows:
        marked = downtimes.mark_of(row) or ""
        if downtimes.is_live(row) and marked.startswith(ours) and marked not in wanted:
            downtimes.cancel(account, row, f"downtime {marked}")
            done.writes += 1
    for one in wanted.values():
        done.writes += downtimes.bring(account, one, rows, now)
        done.downtimes += 1


def _downtimes(env: str, outage: PlannedOutage, now: datetime) -> Iterator[Downtime]:
    until = outage.until + LINGERS
    if outage.until <= outage.since or until <= now:
        return
    for kind, scope in outage.explains():
        yield Downtime(
            f"downtime of {outage.name}",
            "/".join((_mark(env, outage), kind, *(outage.steps if scope != "*" else ()))),
            {"monitor_tags": [MANAGED_BY, planned_tag(env, kind)]},
            until,
            outage.words,
            scope,
            outage.since,
        )


def _mirror_corrections(
    account: Account, env: str, outages: Sequence[PlannedOutage], _now: datetime, done: Mirrored
) -> None:
    slos = [one for one in account.listed(ObjectKind.SLO) if planned_outage_of(one)]
    done.explains_nothing = not slos
    wanted = [one for outage in outages for one in _corrections(env, outage, slos)]
    ours = {_mark(env, outage) for outage in outages}
    held = [row for row in corrections.listed(account) if corrections.mark_of(row) in ours]
    for one in wanted:
        found = next((row for row in held if one.is_of(row)), None)
        if found is not None:
            held.remove(found)
        done.writes += corrections.bring(account, one, found)
        done.corrections += 1
    for row in held:
        corrections.delete(account, row, f"correction {corrections.mark_of(row)}")
        done.writes += 1


def _corrections(
    env: str, outage: PlannedOutage, slos: Sequence[Payload]
) -> Iterator[SLOCorrection]:
    if outage.until - outage.since < _WORTH_A_CORRECTION:
        return
    tags = {planned_tag(env, kind) for kind, _ in outage.explains()}
    for slo in slos:
        found = slo.get("tags") or []
        if MANAGED_BY in found and not tags.isdisjoint(found):
            what, words = f"correction of {outage.name}", downtimes.quiet(outage.words)
            number = str(slo["id"])
            yield SLOCorrection(
                what, _mark(env, outage), number, outage.since, outage.until, words
            )


def _mark(env: str, outage: PlannedOutage) -> str:
    return f"{mark(env, 'maintenance')}/{outage.number}"
