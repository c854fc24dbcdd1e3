"""Evaluates a Datadog monitor minute by minute, on points that a test or a drill sends.

`MonitorRun` takes the payload exactly as the API does. It follows what Datadog documents; where
that leaves a choice, a comment says which; what cannot be known is refused (`Unsupported`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final, TypeAlias

from lightkeeper.alerting.errors import BadMonitor, Unsupported
from lightkeeper.alerting.evaluate.composite import CompositeEvaluator, Constituent
from lightkeeper.alerting.evaluate.metric_alert import MetricAlertEvaluator
from lightkeeper.alerting.evaluate.notify import (
    GroupStatus,
    Notification,
    Notifier,
    StatusChange,
)
from lightkeeper.alerting.evaluate.series import SeriesStore
from lightkeeper.alerting.evaluate.service_check import ServiceCheckEvaluator
from lightkeeper.alerting.evaluate.slo_alert import SloAlertEvaluator
from lightkeeper.alerting.evaluate.thresholds import Status
from lightkeeper.alerting.query.parser import parse
from lightkeeper.alerting.query.scopes import Group
from lightkeeper.alerting.query.syntax import (
    BurnRate,
    Composite,
    ErrorBudget,
    MetricAlert,
    OtherAlert,
    Query,
    ServiceCheckAlert,
)

_TYPES: Final = {
    MetricAlert: ("query alert", "metric alert"),
    ServiceCheckAlert: ("service check",),
    BurnRate: ("slo alert",),
    ErrorBudget: ("slo alert",),
    Composite: ("composite",),
}


Evaluator: TypeAlias = (
    MetricAlertEvaluator | ServiceCheckEvaluator | SloAlertEvaluator | CompositeEvaluator
)


class _Missing(Enum):
    """What becomes of a group without data."""

    ZERO = auto()
    STAYS = auto()
    NO_DATA = auto()
    RESOLVE = auto()


@dataclass(slots=True)
class _GroupState:
    """One group, from its first data until it is dropped."""

    first_seen: int
    newest: int
    status: Status | None = None
    value: float | None = None
    silent_since: int | None = None
    timed_out: bool = False


class MonitorRun:
    """One monitor and the states of its groups.

    `slos` holds the payloads of the SLOs that SLO alerts name, by id; `monitors` the runs of those
    that composites name, by key, None for composites. They are to be evaluated before this one:
    see `monitor_runs`. Raises QuerySyntaxError, BadMonitor, TemplateError for what Datadog would
    not take or render, and Unsupported.
    """

    def __init__(
        self,
        monitor: dict[str, Any],
        slos: dict[str, dict[str, Any]] | None = None,
        monitors: Mapping[str, Constituent | None] | None = None,
    ) -> None:
        query = parse(str(monitor["query"]))
        options: dict[str, Any] = monitor.get("options") or {}
        self._evaluator = _evaluator(query, options, slos or {}, monitors or {})
        if monitor.get("type") not in _TYPES[type(query)]:
            raise BadMonitor(f"type {monitor.get('type')!r} does not go with the query")
        self._missing, self.notifies_no_data, self._silence = _missing(
            self._evaluator, query, options
        )
        self.can_lack_data = self._missing is _Missing.NO_DATA
        self.by = self._evaluator.by
        self._timeout = int(options.get("timeout_h") or 0) * 3600
        if self._missing is _Missing.RESOLVE and self._timeout:
            raise BadMonitor("timeout_h does not go with on_missing_data resolve")
        self._new_group = _new_group_delay(options, self.by)
        self._notifier = Notifier(monitor, self.by, self._evaluator.names, self.notifies_no_data)
        self._groups: dict[Group, _GroupState] = {}
        self.transitions: list[StatusChange] = []

    @property
    def states(self) -> dict[Group, Status]:
        """Each group's status now; groups that were never evaluated, or dropped, are missing."""
        found = ((group, state.status) for group, state in self._groups.items())
        return {group: status for group, status in found if status is not None}

    def value(self, group: Group) -> float | None:
        """Return the number that a group's status was last computed from, if any."""
        return self._groups[group].value if group in self._groups else None

    def evaluate(self, store: SeriesStore, at_seconds: int) -> list[Notification]:
        """Evaluate at a full minute; points at or after it are not looked at.

        To be called for every minute, in order; it leaves out those in which Datadog, by the
        length of the window, does not evaluate.
        """
        if at_seconds % 60:
            raise ValueError("monitors are evaluated at full minutes")
        evaluator = self._evaluator
        store.advance(at_seconds, evaluator.reach)
        if at_seconds % evaluator.every:
            return []
        found = evaluator.measure(store, at_seconds)
        statuses = {}
        for group in sorted(self._groups.keys() | found.keys()):
            one = found.get(group)
            state = self._groups.get(group)
            if one is None and state is not None:
                before = state.status
                self._without_data(group, state, at_seconds)
            elif one is not None:
                if state is None:
                    state = self._groups[group] = _GroupState(
                        one.oldest + evaluator.delay, one.newest
                    )
                before = state.status
                self._with_data(state, one, at_seconds)
            if state is None or state.status is None or group not in self._groups:
                continue
            if state.status is not before:
                self.transitions.append(StatusChange(at_seconds, group, before, state.status))
            statuses[group] = GroupStatus(state.status, state.value, getattr(one, "details", {}))
        return self._notifier.notify(at_seconds, statuses, evaluator.constants)

    def _with_data(self, state: _GroupState, found: Any, at_seconds: int) -> None:
        state.newest = found.newest
        state.silent_since = None
        state.timed_out = False
        if at_seconds - state.first_seen < self._new_group:
            return
        status = self._evaluator.status_of(found, state.status)
        if status is not None:
            state.status, state.value = status, found.value

    def _without_data(self, group: Group, state: _GroupState, at_seconds: int) -> None:
        if state.silent_since is None:
            state.silent_since = at_seconds
        silent = at_seconds - state.silent_since
        if silent >= self._evaluator.retention:
            del self._groups[group]
            return
        if state.status is None or state.timed_out:
            return
        if self._timeout and silent >= self._timeout and state.status is not Status.OK:
            # It stays resolved until there are data again: Datadog says only that it may trigger
            # again.
            state.status, state.timed_out = Status.OK, True
            return
        match self._missing:
            case _Missing.ZERO:
                status = self._evaluator.status_of(None, state.status)
                state.status, state.value = status or state.status, 0.0
            case _Missing.RESOLVE:
                state.status, state.value = Status.OK, None
            case _Missing.NO_DATA:
                if at_seconds - self._evaluator.delay - state.newest >= self._silence:
                    state.status, state.value = Status.NO_DATA, None
            case _Missing.STAYS:
                pass


def _evaluator(
    query: Query,
    options: dict[str, Any],
    slos: dict[str, dict[str, Any]],
    monitors: Mapping[str, Constituent | None],
) -> Evaluator:
    for name in ("group_retention_duration", "scheduling_options", "silenced"):
        if options.get(name):
            raise Unsupported(f"the option {name} is not supported: leave it out")
    if options.get("evaluation_delay") and not isinstance(query, MetricAlert):
        raise Unsupported("evaluation_delay is supported for metrics only: leave it out")
    match query:
        case MetricAlert():
            return MetricAlertEvaluator(query, options)
        case ServiceCheckAlert():
            return ServiceCheckEvaluator(query, options)
        case BurnRate() | ErrorBudget():
            return SloAlertEvaluator(query, options, slos)
        case Composite():
            return CompositeEvaluator(query, options, monitors)
        case OtherAlert(kind):
            raise Unsupported(
                f"{kind} is not supported: write a query of metrics, a service check or an SLO"
            )


def _missing(
    evaluator: Evaluator, query: Query, options: dict[str, Any]
) -> tuple[_Missing, bool, int]:
    """Return what missing data do, whether they notify, and after how many seconds of silence."""
    given = options.get("on_missing_data")
    if options.get("notify_no_data"):
        if given:
            raise BadMonitor("notify_no_data and on_missing_data exclude each other")
        if isinstance(query, BurnRate | ErrorBudget):
            raise Unsupported("notify_no_data of an SLO alert is not supported: leave it out")
        minutes = options.get("no_data_timeframe")
        return _Missing.NO_DATA, True, (int(minutes) * 60 if minutes else evaluator.silence)
    if given in (None, "default"):
        return (_Missing.ZERO if evaluator.zero else _Missing.STAYS), False, 0
    if not isinstance(query, MetricAlert):
        raise Unsupported("on_missing_data is supported for metrics only: write notify_no_data")
    if evaluator.default_zero:
        raise BadMonitor("with default_zero(), on_missing_data can only be default")
    modes = {
        "show_no_data": (_Missing.NO_DATA, False, 0),
        "show_and_notify_no_data": (_Missing.NO_DATA, True, 0),
        "resolve": (_Missing.RESOLVE, False, 0),
    }
    if given not in modes:
        raise BadMonitor(f"on_missing_data: {given!r} is none of default, {', '.join(modes)}")
    return modes[given]


def _new_group_delay(options: dict[str, Any], by: tuple[str, ...]) -> int:
    """Return the seconds before a new group is evaluated; 60 by default, 0 without groups."""
    if not by:
        return 0
    group, host = options.get("new_group_delay"), options.get("new_host_delay")
    if group is not None:
        return int(group)
    return int(host) if host is not None and "host" in by else 60
