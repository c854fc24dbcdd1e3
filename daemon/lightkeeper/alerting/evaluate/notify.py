"""Who is notified of what, and when: status changes and renotifications of a monitor's groups."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from lightkeeper.alerting.errors import BadMonitor, Unsupported
from lightkeeper.alerting.evaluate.formula import Filling
from lightkeeper.alerting.evaluate.message import Template, handles
from lightkeeper.alerting.evaluate.thresholds import Status
from lightkeeper.alerting.query.scopes import Group

_RENOTIFIES_FOR: Final = 30 * 3600  # after the first alert, unless occurrences are limited
_SEVERITY: Final = {Status.OK: 0, Status.NO_DATA: 1, Status.WARN: 2, Status.ALERT: 3}
_STATUS_WORDS: Final = {"alert": Status.ALERT, "warn": Status.WARN, "no data": Status.NO_DATA}


class Why(StrEnum):
    """The reason of a notification."""

    ALERT = "alert"
    WARN = "warn"
    NO_DATA = "no data"
    RECOVERY = "recovery"
    RENOTIFY = "renotify"


_WHY: Final = {
    Status.ALERT: Why.ALERT,
    Status.WARN: Why.WARN,
    Status.NO_DATA: Why.NO_DATA,
    Status.OK: Why.RECOVERY,
}


@dataclass(frozen=True, slots=True)
class Notification:
    """A notification of one group; `who` is empty where the text holds no handle."""

    at_seconds: int
    monitor: str
    group: Group
    why: Why
    before: Status
    status: Status
    value: float | None
    title: str
    message: str
    who: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StatusChange:
    """A group's change of status; `before` is None for its first."""

    at_seconds: int
    group: Group
    before: Status | None
    status: Status


@dataclass(frozen=True, slots=True)
class Renotify:
    """When to notify again while a status stays; an interval of 0 is never."""

    interval: int
    statuses: frozenset[Status]
    occurrences: int | None

    def due(self, thread: "Thread", at_seconds: int) -> bool:
        """Tell whether a thread whose status stayed is to notify again."""
        if not self.interval or thread.status not in self.statuses or not thread.notified:
            return False
        if at_seconds - thread.notified_at < self.interval:
            return False
        if self.occurrences is not None:
            return thread.repeated < self.occurrences
        return at_seconds - thread.first_triggered < _RENOTIFIES_FOR


def renotify(options: dict[str, Any]) -> Renotify:
    """Read the renotify options of a monitor. Raises BadMonitor, Unsupported."""
    interval = int(options.get("renotify_interval") or 0)
    words = options.get("renotify_statuses")
    occurrences = options.get("renotify_occurrences")
    if not interval and (words or occurrences is not None):
        raise BadMonitor("renotify_statuses and renotify_occurrences need a renotify_interval")
    if options.get("escalation_message"):
        raise Unsupported(
            "escalation_message is not supported: write {{#is_renotify}} into the message"
        )
    if words == []:
        raise BadMonitor("renotify_statuses: name at least one, or leave it out")
    unknown = [word for word in words or () if word not in _STATUS_WORDS]
    if unknown:
        raise BadMonitor(
            f"renotify_statuses: {unknown[0]!r} is none of {', '.join(_STATUS_WORDS)}"
        )
    statuses = words or ("alert", "no data")
    return Renotify(interval * 60, frozenset(_STATUS_WORDS[w] for w in statuses), occurrences)


@dataclass(slots=True)
class Thread:
    """The notifications of one group so far."""

    status: Status | None = None
    notified: bool = False  # of trouble whose end was not notified yet
    notified_at: int = 0
    repeated: int = 0
    first_triggered: int = 0
    last_triggered: int = 0


@dataclass(frozen=True, slots=True)
class GroupStatus:
    """One group's status at an instant, with what the message may show."""

    status: Status
    value: float | None = None
    details: dict[str, Filling] = field(default_factory=dict)


class Notifier:
    """Turns the statuses of all groups, evaluation by evaluation, into notifications.

    `no_data` says whether missing data notify at all. Groups notify by the keys in `notify_by`,
    one thread for the worst of its groups.
    """

    def __init__(
        self, payload: dict[str, Any], by: tuple[str, ...], extra: frozenset[str], no_data: bool
    ) -> None:
        options = payload.get("options") or {}
        self._keys = _notify_keys(options.get("notify_by"), by)
        names = {name for key in self._keys for name in (key, f"{key}.name")}
        self._name = str(payload.get("name", ""))
        self._title = Template(self._name, frozenset(names) | extra)
        self._message = Template(str(payload.get("message", "")), frozenset(names) | extra)
        priority = payload.get("priority")
        if isinstance(priority, int) and priority not in range(1, 6):
            raise BadMonitor(f"priority is 1 to 5, or left out, and not {priority}")
        self._priority = f"P{priority}" if priority else ""
        self._renotify = renotify(options)
        self._no_data = no_data
        self._positions = [by.index(key) for key in self._keys]
        self._threads: dict[Group, Thread] = {}

    def notify(
        self,
        at_seconds: int,
        statuses: dict[Group, GroupStatus],
        constants: Callable[[], dict[str, Filling]],
    ) -> list[Notification]:
        """Take every group's status and return the notifications of now."""
        worst = statuses
        if self._positions != list(range(len(next(iter(statuses), ())))):
            worst = {}
            for group, one in statuses.items():
                key = tuple(group[position] for position in self._positions)
                if key not in worst or _SEVERITY[one.status] > _SEVERITY[worst[key].status]:
                    worst[key] = one
        if len(self._threads) > len(worst):
            self._threads = {
                group: self._threads[group] for group in self._threads if group in worst
            }
        found = []
        for group, one in worst.items():
            thread = self._threads.get(group)
            if thread is None:
                thread = self._threads[group] = Thread()
            if one.status is not thread.status or self._renotify.interval:
                why, before = self._step(thread, one.status, at_seconds)
                if why:
                    found.append(
                        self._notification(at_seconds, group, why, before, one, thread, constants)
                    )
        return found

    def _step(self, thread: Thread, status: Status, at_seconds: int) -> tuple[Why | None, Status]:
        before = thread.status or Status.OK
        if thread.status is status:
            if not self._renotify.due(thread, at_seconds):
                return None, before
            thread.repeated += 1
            thread.notified_at = at_seconds
            return Why.RENOTIFY, before
        thread.status = status
        if status is not Status.OK:
            thread.last_triggered = at_seconds
            if before is Status.OK:
                thread.first_triggered = at_seconds
        silent = status is Status.NO_DATA and not self._no_data
        if silent or (status is Status.OK and not thread.notified):
            return None, before
        thread.notified = status is not Status.OK
        thread.notified_at, thread.repeated = at_seconds, 0
        return _WHY[status], before

    def _notification(
        self,
        at_seconds: int,
        group: Group,
        why: Why,
        before: Status,
        current: GroupStatus,
        thread: Thread,
        constants: Callable[[], dict[str, Filling]],
    ) -> Notification:
        flags = _flags(why, before, current.status)
        values = {**constants(), **current.details, **_times(thread, at_seconds)}
        if current.value is not None:
            values["value"] = current.value
        for key, tag in zip(self._keys, group, strict=True):
            values[key] = values[f"{key}.name"] = tag.removeprefix(f"{key}:")
        text = self._message.render(flags, values, self._priority)
        title = self._title.render(flags, values, self._priority)
        return Notification(
            at_seconds,
            self._name,
            group,
            why,
            before,
            current.status,
            current.value,
            title,
            text,
            handles(text),
        )


def _notify_keys(given: list[str] | None, by: tuple[str, ...]) -> tuple[str, ...]:
    if not given:
        return by
    if given == ["*"]:
        return ()
    unknown = [key for key in given if key not in by]
    if unknown:
        raise BadMonitor(f"notify_by: the query is not grouped by {unknown[0]!r}: leave it out")
    return tuple(key for key in by if key in given)


def _flags(why: Why, before: Status, status: Status) -> frozenset[str]:
    named = {Status.ALERT: "alert", Status.WARN: "warning", Status.NO_DATA: "no_data"}
    flags = set()
    if status in named:
        flags.add(f"is_{named[status]}")
    else:
        flags |= {"is_recovery", f"is_{named[before]}_recovery"}
    if before is Status.ALERT and status is Status.WARN:
        flags.add("is_alert_to_warning")
    if why is Why.RENOTIFY:
        flags.add("is_renotify")
    return frozenset(flags)


def _times(thread: Thread, at_seconds: int) -> dict[str, Filling]:
    times = {"first": thread.first_triggered, "last": thread.last_triggered}
    values: dict[str, Filling] = {"triggered_duration_sec": at_seconds - thread.first_triggered}
    for name, moment in times.items():
        values[f"{name}_triggered_at"] = (
            f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M:%S} UTC"
        )
        values[f"{name}_triggered_at_epoch"] = moment * 1000
    return values
