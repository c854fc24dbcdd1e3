"""A monitor and the points it is evaluated on, for tests: minutes instead of seconds."""

from typing import Any

from lightkeeper.alerting.evaluate.monitor_runs import run_with_operands
from lightkeeper.alerting.evaluate.notify import Notification
from lightkeeper.alerting.evaluate.series import SeriesStore
from lightkeeper.alerting.evaluate.thresholds import Status
from lightkeeper.alerting.query.scopes import Group
from lightkeeper.telemetry.signals import Kind

MESSAGE = "{{#is_alert}}alert{{/is_alert}} @oncall"


def payload(query: str, **options: Any) -> dict[str, Any]:
    """Return a monitor as the API takes it; name, message, type and priority may be given too."""
    kinds = {'"': "service check", "b": "slo alert", "e": "slo alert"}
    composite = "{" not in query and any(sign in query for sign in ("&&", "||", "!"))
    own = {
        name: options.pop(name)
        for name in ("name", "message", "type", "priority")
        if name in options
    }
    return {
        "name": "a monitor",
        "message": MESSAGE,
        "type": "composite" if composite else kinds.get(query[0], "query alert"),
        "query": query,
        "tags": [],
        "options": options,
        **own,
    }


class Watched:
    """One monitor with its points and a clock that counts minutes from zero.

    `operands` are the payloads of the monitors that a composite names.
    """

    def __init__(
        self,
        query: str,
        slos: dict[str, Any] | None = None,
        operands: dict[str, Any] | None = None,
        **options: Any,
    ) -> None:
        one = payload(query, **options)
        *self._operands, self.run = run_with_operands(one, operands or {}, slos or {})
        self.store = SeriesStore()
        self.minute = 0

    def gauge(self, value: float, *tags: str, name: str = "g", second: int = 30) -> None:
        """Send a gauge within the coming minute."""
        self.store.add(name, Kind.GAUGE, tags, self.minute * 60 + second, value)

    def count(self, value: float, *tags: str, name: str = "c", second: int = 30) -> None:
        """Send a count within the coming minute."""
        self.store.add(name, Kind.COUNT, tags, self.minute * 60 + second, value)

    def check(self, status: int, *tags: str, message: str = "") -> None:
        """Send a run of the service check `up` within the coming minute."""
        self.store.check("up", tags, self.minute * 60 + 30, status, message)

    def pass_minutes(self, minutes: int = 1) -> list[Notification]:
        """Let minutes pass, evaluating after each; return the notifications."""
        notifications = []
        for _ in range(minutes):
            self.minute += 1
            for operand in self._operands:
                operand.evaluate(self.store, self.minute * 60)
            notifications += self.run.evaluate(self.store, self.minute * 60)
        return notifications

    def gauges(self, *values: float | None, tags: tuple[str, ...] = ()) -> list[Notification]:
        """Send one gauge a minute (None: nothing) and evaluate after each."""
        notifications = []
        for value in values:
            if value is not None:
                self.gauge(value, *tags)
            notifications += self.pass_minutes()
        return notifications

    def counts(self, *values: float | None, tags: tuple[str, ...] = ()) -> list[Notification]:
        """Send one count a minute (None: nothing) and evaluate after each."""
        notifications = []
        for value in values:
            if value is not None:
                self.count(value, *tags)
            notifications += self.pass_minutes()
        return notifications

    def status(self, *group: str) -> Status | None:
        """The status of a group now; None while it has none."""
        found: dict[Group, Status] = self.run.states
        return found.get(group)

    def value(self, *group: str) -> float | None:
        """The value that a group's status was last computed from."""
        return self.run.value(group)


def whys(notifications: list[Notification]) -> list[str]:
    """The reasons of notifications, in order."""
    return [one.why.value for one in notifications]
