"""Carries out a plan, in an order in which each object finds those that it names.

It can be interrupted anywhere and run again: what is done already is found by its mark, and an
object is never made a second time.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from lightkeeper.alerting.account.client import Account
from lightkeeper.alerting.account.errors import (
    AccountMoved,
    BadPlan,
    Gone,
    PayloadRefused,
    StillDifferent,
    Uncertain,
)
from lightkeeper.alerting.account.normal import fingerprint, normal, sent
from lightkeeper.alerting.account.objects import Names, ObjectKind, Wanted
from lightkeeper.alerting.account.plan import Deed, Plan, PlanStep, changes, make
from lightkeeper.alerting.account.snapshot import (
    Snapshot,
    carrying,
    is_of_terraform,
    marked_as,
    read,
)
from lightkeeper.alerting.files.definitions import Payload

_CREATES: Final = 4
_LOOK_AFTER: Final = (1.0, 3.0)
"""Seconds before each look for an object that may have been made."""
_LOOKS: Final = (0.0, 1.0, 2.0, 4.0)
"""Seconds before each look at the account after all was written."""


@dataclass(frozen=True, slots=True)
class Consent:
    """What may be done beyond changes: so many objects deleted; an empty account filled."""

    deletes: int = 0
    first: bool = False


@dataclass(slots=True)
class Applied:
    """What was done: how many objects were made, changed and deleted, and were done before."""

    counts: dict[Deed, int] = field(default_factory=lambda: dict.fromkeys(Deed, 0))
    done_before: int = 0


def apply(account: Account, plan: Plan, consent: Consent, say: Callable[[str], None]) -> Applied:
    """Carry out the plan; `say` gets a line for each object.

    Raises AccountMoved before any write where the account is not as the plan has seen it, or where
    the plan needs a consent that is not given; StillDifferent where the account is not as planned
    in the end.
    """
    _refuse_another(account, plan)
    snapshot = read(account, plan.env)
    todo = _remaining(plan, snapshot)
    if not consent.first:
        snapshot.refuse_doubles({one.kind for one in todo if one.action is Deed.CREATE})
    deletes = sum(one.action is Deed.DELETE for one in todo)
    if deletes > consent.deletes:
        raise AccountMoved(
            f"the plan deletes {deletes} object{'s' if deletes > 1 else ''}: run it again with "
            f"--allow-delete {deletes}, if that is meant"
        )
    run = _Run(account, plan, snapshot, say, len(todo))
    run.applied.done_before = len(plan.pending) - len(todo)
    for step in todo:
        run.take(step)
    run.link_boards()
    _look_again(account, plan)
    return run.applied


def _look_again(account: Account, plan: Plan) -> None:
    """Raise StillDifferent unless the account is as planned, if need be after a while."""
    for pause in _LOOKS:
        account.sleep(pause)  # a list may be older than the last write
        try:
            now = read(account, plan.env)
        except AccountMoved:  # two of one: another apply, which now gives way
            if pause == _LOOKS[-1]:
                raise
            continue
        after = make(plan.wanted, now, plan.env, plan.site, plan.organisation)
        if not after.pending:
            return
    named = ", ".join(one.what for one in after.pending[:5])
    raise StillDifferent(
        f"all was written, and the account still differs in {named}: run `lightkeeper account "
        "plan` to see how"
    )


def _refuse_another(account: Account, plan: Plan) -> None:
    """Raise for a plan of another site or organisation."""
    if account.access.site != plan.site:
        raise BadPlan(
            f"the plan is of {plan.site}, and DD_SITE is {account.access.site}: make a new plan"
        )
    organisation = account.organisation()
    if None not in (plan.organisation, organisation) and organisation != plan.organisation:
        raise BadPlan(
            "the plan is of another organisation than the keys: take the keys that it was made "
            "with, or make a new plan"
        )


def _remaining(plan: Plan, snapshot: Snapshot) -> list[PlanStep]:
    """The steps that are not done yet. Raises AccountMoved with the objects that moved on."""
    ids = snapshot.ids(plan.wanted)
    found = {(one.kind, one.mark): one for one in plan.wanted}
    todo, moved = [], []
    for step in plan.steps:
        held = snapshot.held.get((step.kind, step.mark))
        wanted = found.get((step.kind, step.mark))
        if step.action is Deed.DELETE:
            done = held is None
        else:
            done = held is not None and wanted is not None and _is_done(plan, wanted, held, ids)
        if done:
            continue
        seen = fingerprint(step.kind, held) if held is not None else None
        of_terraform = (step.kind, step.mark) in snapshot.of_terraform
        if step.action is Deed.KEEP or of_terraform or seen != step.seen:
            moved.append(step.what)
        todo.append(step)
    known = {(one.kind, one.mark) for one in plan.steps}
    moved += [f"{kind} {mark.rpartition('/')[2]}" for kind, mark in snapshot.held.keys() - known]
    if moved:
        more = f" and {len(moved) - 5} more" if len(moved) > 5 else ""
        raise AccountMoved(
            f"the account changed since the plan was made, in {', '.join(moved[:5])}{more}: "
            "make a new plan"
        )
    return todo


def _is_done(plan: Plan, wanted: Wanted, held: Payload, ids: Names) -> bool:
    """Tell whether an object is as it shall be, perhaps but for links to boards that are new."""
    return not changes(wanted, held, ids) or not changes(wanted, held, _at_first(plan, ids))


def _at_first(plan: Plan, ids: Names) -> Names:
    """The ids with which monitors are written before the dashboards that are new."""
    return {**ids, ObjectKind.DASHBOARD: plan.ids.get(ObjectKind.DASHBOARD, {})}


class _Run:
    """One run of a plan: it knows the ids so far, and counts."""

    def __init__(
        self,
        account: Account,
        plan: Plan,
        snapshot: Snapshot,
        say: Callable[[str], None],
        steps: int,
    ) -> None:
        self.applied = Applied()
        self._account = account
        self._plan = plan
        self._held = dict(snapshot.held)
        self._ids: dict[ObjectKind, dict[str, str]] = {
            kind: dict(names) for kind, names in snapshot.ids(plan.wanted).items()
        }
        self._wanted = {(one.kind, one.mark): one for one in plan.wanted}
        self._say = say
        self._steps = steps
        self._at = 0

    def take(self, step: PlanStep) -> None:
        """Make, change or delete one object."""
        address = step.kind, step.mark
        self._at += 1
        if step.action is Deed.DELETE:
            self._account.delete(step.kind, str(self._held[address]["id"]), step.what)
        else:
            wanted = self._wanted[address]
            ids = _at_first(self._plan, self._ids) if step.action is Deed.CHANGE else self._ids
            payload = wanted.resolved(ids)
            if step.action is Deed.CREATE:
                made = self._create(step, payload)
                self._ids[step.kind][wanted.key] = str(made["id"])
            else:
                made = self._change(step, payload)
            self._held[address] = made
        self._count(step)

    def link_boards(self) -> None:
        """Write the ids of new dashboards into the messages that link them."""
        for wanted in self._plan.wanted:
            held = self._held.get((wanted.kind, wanted.mark))
            if wanted.kind is not ObjectKind.MONITOR or held is None:
                continue
            if not changes(wanted, held, self._ids):
                continue
            step = PlanStep(Deed.CHANGE, wanted.kind, wanted.mark, str(held["id"]))
            self._change(step, wanted.resolved(self._ids))
            self._say(f"link {step.what} to the new dashboards")

    def _count(self, step: PlanStep) -> None:
        self.applied.counts[step.action] += 1
        self._say(f"[{self._at}/{self._steps}] {step.action} {step.what}")

    def _change(self, step: PlanStep, payload: Payload) -> Payload:
        held = self._held[step.kind, step.mark]
        body = sent(step.kind, payload, kept=held)
        try:
            return self._account.update(step.kind, str(held["id"]), body, step.what)
        except Gone as exc:
            raise AccountMoved(f"{step.what} was deleted just now: make a new plan") from exc

    def _create(self, step: PlanStep, payload: Payload) -> Payload:
        """Make an object, unless a call of which nothing is known has made it already."""
        body = sent(step.kind, payload)
        for turn in range(_CREATES):
            try:
                made = self._account.create(step.kind, body, step.what)
                return self._settled(step, made, payload)
            except (Uncertain, PayloadRefused) as exc:
                if (found := self._made_after_all(step, exc)) is not None:
                    return self._as_wanted(step, found, payload)
                if isinstance(exc, PayloadRefused) or turn + 1 == _CREATES:
                    raise
        raise AssertionError("the last turn returns or raises")

    def _settled(self, step: PlanStep, made: Payload, payload: Payload) -> Payload:
        """The object that stays where another apply makes the same one: that which is older."""
        rows = self._account.listed(step.kind, step.mark)
        same = [row for row in rows if marked_as(step.kind, row) == step.mark]
        first = min(
            same, key=lambda one: (str(one.get("created_at")), str(one["id"])), default=made
        )
        if str(first["id"]) == str(made["id"]):
            return made
        self._account.delete(step.kind, str(made["id"]), step.what)
        self._say(f"{step.what} is made by another apply just now: that one stays")
        return self._as_wanted(step, first, payload)

    def _made_after_all(self, step: PlanStep, exc: Uncertain | PayloadRefused) -> Payload | None:
        """What a call made whose answer is lost; None where it made nothing.

        A list may be older than that call, so that the second one is believed, and only one that
        has all that is known to be there.
        """
        known = {str(one["id"]) for (kind, _), one in self._held.items() if kind is step.kind}
        for pause in _LOOK_AFTER if isinstance(exc, Uncertain) else (0.0,):
            self._account.sleep(pause)
            rows = self._account.listed(step.kind)
            if (found := carrying(step.kind, step.mark, rows)) is not None:
                return found
        if not known <= {str(one["id"]) for one in rows}:
            raise exc
        return None

    def _as_wanted(self, step: PlanStep, found: Payload, payload: Payload) -> Payload:
        """What another call has made, brought to what was to be made."""
        if is_of_terraform(found):
            raise AccountMoved(f"{step.what} is Terraform's since just now: make a new plan")
        held = self._account.one(step.kind, str(found["id"]))
        if normal(step.kind, held, like=payload) == normal(step.kind, payload):
            return held
        return self._account.update(
            step.kind, str(held["id"]), sent(step.kind, payload, held), step.what
        )


def summary(applied: Applied) -> str:
    """What was done, in one line."""
    counts: dict[Any, int] = applied.counts
    said = (
        f"{counts[Deed.CREATE]} created, {counts[Deed.CHANGE]} changed, "
        f"{counts[Deed.DELETE]} deleted"
    )
    before = f", {applied.done_before} were done before" if applied.done_before else ""
    return f"{said}{before}; the account is as planned"
