"""A composite: the statuses of other monitors, combined by a condition, group by group."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from string import ascii_lowercase
from typing import Any, Final, Protocol

from lightkeeper.alerting.errors import BadMonitor, Unsupported
from lightkeeper.alerting.evaluate.formula import Filling
from lightkeeper.alerting.evaluate.series import SeriesStore
from lightkeeper.alerting.evaluate.thresholds import Status
from lightkeeper.alerting.query.scopes import Group
from lightkeeper.alerting.query.syntax import (
    Composite,
    CompositeCondition,
    Inverse,
    Joined,
    Operand,
)

_MOST: Final = 10
_SEVERITY: Final = (Status.OK, Status.NO_DATA, Status.WARN, Status.ALERT)
_OPTIONS: Final = (
    "notify_no_data",
    *("renotify_interval", "renotify_statuses", "renotify_occurrences", "escalation_message"),
    *("include_tags", "notification_preset_name", "notify_audit", "locked"),
    *("require_full_window", "silenced", "scheduling_options", "group_retention_duration"),
)
"""What a composite takes; the last three no monitor takes here."""


class BadOperands(BadMonitor):
    """A composite names monitors that cannot be combined."""


class Constituent(Protocol):
    """What a composite has to know of a monitor that it names."""

    by: tuple[str, ...]
    can_lack_data: bool
    notifies_no_data: bool

    @property
    def states(self) -> dict[Group, Status]:
        """The status of each group that has one."""

    def value(self, group: Group) -> float | None:
        """Return the number that a group's status was last computed from, if any."""


@dataclass(frozen=True, slots=True)
class Combination:
    """The status of one group by the condition; what a message may show of the operands."""

    status: Status
    details: dict[str, Filling] = field(default_factory=dict)
    value: None = None
    oldest: int = 0  # a new group is not waited for again: its operands did
    newest: int = 0


class CompositeEvaluator:
    """Combines the operands' statuses of the same minute, and never reads points itself.

    `monitors` holds the monitors of the account by key, None for composites. Its seconds are
    those of `MetricAlertEvaluator`. Datadog does not say how often it evaluates a composite.
    """

    zero = False
    default_zero = False
    delay = 0
    every = 60
    reach = 0
    silence = 0
    retention = 0  # what an operand has no status for is dropped: the operand waited already

    def __init__(
        self,
        composite: Composite,
        options: dict[str, Any],
        monitors: Mapping[str, Constituent | None],
    ) -> None:
        for name, value in options.items():
            if value and name not in _OPTIONS:
                raise BadMonitor(f"a composite takes no {name}: leave it out")
        self._operands = _operands(composite.operands, monitors)
        self.by = _common_keys(self._operands)
        self._condition = composite.condition
        self._known: dict[tuple[Status, ...], Status] = {}  # in most minutes nothing has changed
        self._no_data = bool(options.get("notify_no_data"))
        if self._no_data:
            _refuse_no_data(self._operands)
        # Messages call the operands a, b, c. Only for those that are chosen on Datadog's page it
        # is documented which is which; it is taken to be the order of the query.
        self._letters = dict(zip(self._operands, ascii_lowercase, strict=False))
        self.names = frozenset(
            f"{letter}.{what}" for letter in self._letters.values() for what in ("value", "status")
        )

    def measure(self, _store: SeriesStore, _at_seconds: int) -> dict[Group, Combination]:
        """Return the combination of each group for which every operand has a status."""
        states = {key: one.states for key, one in self._operands.items()}
        found = {}
        for group in self._common_groups(states):
            of_group = {key: self._group(key, group) for key in states}
            if all(of_group[key] in states[key] for key in states):
                statuses = {key: states[key][of_group[key]] for key in states}
                details = self._details(statuses, of_group)
                found[group] = Combination(self._combined(statuses), details)
        return found

    def status_of(self, found: Combination | None, _before: Status | None) -> Status | None:
        """Return the status; None where it stays: No Data that are not to notify."""
        if found is None or (found.status is Status.NO_DATA and not self._no_data):
            return None
        return found.status

    def constants(self) -> dict[str, Filling]:
        """What a message may show besides the operands: nothing."""
        return {}

    def _combined(self, statuses: dict[str, Status]) -> Status:
        key = tuple(statuses.values())
        if (known := self._known.get(key)) is None:
            known = self._known[key] = status_of(self._condition, statuses)
        return known

    def _common_groups(self, states: dict[str, dict[Group, Status]]) -> set[Group]:
        grouped = [set(states[key]) for key, one in self._operands.items() if one.by]
        return set.intersection(*grouped) if grouped else {()}

    def _group(self, key: str, group: Group) -> Group:
        """The operand's group; what is not grouped counts for every group."""
        return group if self._operands[key].by else ()

    def _details(
        self, statuses: dict[str, Status], groups: dict[str, Group]
    ) -> dict[str, Filling]:
        details: dict[str, Filling] = {}
        for key, letter in self._letters.items():
            details[f"{letter}.status"] = str(statuses[key])
            value = self._operands[key].value(groups[key])
            if value is not None:
                details[f"{letter}.value"] = value
        return details


def status_of(condition: CompositeCondition, statuses: Mapping[str, Status]) -> Status:
    """Return the status of a condition: `&&` the least severe, `||` the most severe of them.

    Alert, Warn and No Data hold, and OK does not; the opposite of No Data is No Data.
    """
    match condition:
        case Operand(monitor):
            return statuses[monitor]
        case Inverse(inner):
            status = status_of(inner, statuses)
            if status is Status.NO_DATA:
                return status
            return Status.ALERT if status is Status.OK else Status.OK
        case Joined(operator, parts):
            severities = [_SEVERITY.index(status_of(part, statuses)) for part in parts]
            return _SEVERITY[(min if operator == "&&" else max)(severities)]


def _operands(
    keys: tuple[str, ...], monitors: Mapping[str, Constituent | None]
) -> dict[str, Constituent]:
    unknown = [key for key in keys if key not in monitors]
    if any(key.isdecimal() for key in unknown):
        raise Unsupported(
            f"a composite of ids such as {unknown[0]} is not supported: name monitors by key"
        )
    if unknown:
        raise BadOperands(f"there is no monitor {' or '.join(unknown)}: write the key of another")
    if nested := [key for key in keys if monitors[key] is None]:
        raise BadOperands(
            f"{' and '.join(nested)} is a composite, which no composite can name, itself neither: "
            "write the monitors that it names"
        )
    if len(keys) > _MOST:
        raise BadOperands(
            f"it names {len(keys)} monitors, and Datadog takes {_MOST}: name fewer, or let one "
            "monitor's query say what several do"
        )
    if len(keys) < 2:
        raise Unsupported("a composite of one monitor is not supported: name two or more")
    return {key: one for key in keys if (one := monitors[key]) is not None}


def _common_keys(operands: Mapping[str, Constituent]) -> tuple[str, ...]:
    """Return the keys by which the operands are grouped, () where none is."""
    grouped = {key: one.by for key, one in operands.items() if one.by}
    by = next(iter(grouped.values()), ())
    # Datadog compares the values of tags, whatever their keys are, and combines monitors whose
    # keys are a part of another's; how is not documented.
    if other := next((key for key in grouped if grouped[key] != by), None):
        first = next(iter(grouped))
        raise BadOperands(
            f"{first} is grouped by {', '.join(by)} and {other} by {', '.join(grouped[other])}, "
            "so they have no group in common: group both by the same keys in the same order, or "
            "one by none"
        )
    return by


def _refuse_no_data(operands: Mapping[str, Constituent]) -> None:
    """Refuse a composite that is to notify of missing data where an operand is not."""
    lacking = [key for key, one in operands.items() if one.can_lack_data]
    silent = [key for key in lacking if not operands[key].notifies_no_data]
    if silent:
        raise BadMonitor(
            f"notify_no_data: missing data of {silent[0]} do not notify, and Datadog notifies of "
            "those of a composite only where both do: make it false, or both notify"
        )
    if not lacking:
        raise BadMonitor(
            "notify_no_data: none of its monitors can have no data, so it is never sent: make it "
            "false, or write show_and_notify_no_data into one of them"
        )
