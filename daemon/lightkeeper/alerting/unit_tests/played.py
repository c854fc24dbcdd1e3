"""Plays the points of a test to a monitor, and keeps what became of it for composites."""

from collections.abc import Iterator, Sequence

from lightkeeper.alerting.evaluate.monitor_run import MonitorRun
from lightkeeper.alerting.evaluate.series import SeriesStore
from lightkeeper.alerting.evaluate.thresholds import Status
from lightkeeper.alerting.query.scopes import Group
from lightkeeper.alerting.unit_tests.cases import Point
from lightkeeper.telemetry.signals import Kind


def minutes(points: Sequence[Point], end: int) -> Iterator[tuple[SeriesStore, int]]:
    """Yield each full minute until the end, with a store of what was sent before it."""
    store = SeriesStore()
    sent = 0
    for at in range(60, end + 1, 60):
        while sent < len(points) and points[sent].at_seconds < at:
            _send(store, points[sent])
            sent += 1
        yield store, at


class Played:
    """A monitor's statuses and values in each minute of a test: those of the minute `now`.

    A composite evaluated with one fault after another needs them again and again.
    """

    def __init__(self, run: MonitorRun, points: Sequence[Point], end: int) -> None:
        self.by = run.by
        self.can_lack_data = run.can_lack_data
        self.notifies_no_data = run.notifies_no_data
        self.now = 0
        self._states: dict[int, dict[Group, Status]] = {0: {}}
        self._values: dict[int, dict[Group, float | None]] = {0: {}}
        for store, at in minutes(points, end):
            run.evaluate(store, at)
            self._states[at] = run.states
            self._values[at] = {group: run.value(group) for group in run.states}

    @property
    def states(self) -> dict[Group, Status]:
        """Each group's status at that minute."""
        return self._states[self.now]

    def value(self, group: Group) -> float | None:
        """Return the number that a group's status was computed from, if any."""
        return self._values[self.now].get(group)


def _send(store: SeriesStore, point: Point) -> None:
    if point.kind is Kind.SERVICE_CHECK:
        store.check(point.name, point.tags, point.at_seconds, int(point.value), point.message)
    else:
        store.add(point.name, point.kind, point.tags, point.at_seconds, point.value)
