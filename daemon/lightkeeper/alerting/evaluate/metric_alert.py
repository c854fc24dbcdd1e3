"""A metric alert: the value of each group over a window, compared with the thresholds."""

from typing import Any

from lightkeeper.alerting.errors import Unsupported
from lightkeeper.alerting.evaluate.formula import Filling
from lightkeeper.alerting.evaluate.interval import DAY, evaluated_every
from lightkeeper.alerting.evaluate.measure import Measure, Measured
from lightkeeper.alerting.evaluate.message import OF_NUMBERS
from lightkeeper.alerting.evaluate.series import SeriesStore
from lightkeeper.alerting.evaluate.thresholds import Status, thresholds
from lightkeeper.alerting.query.scopes import Group
from lightkeeper.alerting.query.syntax import MetricAlert


class MetricAlertEvaluator:
    """Measures a metric alert and says its status.

    `every`, `reach`, `delay`, `silence` and `retention` are seconds: between evaluations, back to
    the oldest point looked at, by which the window is shifted, without data until No Data, and
    without data until a group is dropped.
    """

    names = OF_NUMBERS
    retention = DAY

    def __init__(self, alert: MetricAlert, options: dict[str, Any]) -> None:
        delay = int(options.get("evaluation_delay") or 0)
        if delay % 60 or not 0 <= delay <= DAY:
            raise Unsupported(
                f"evaluation_delay {delay} is not supported: write whole minutes, up to a day"
            )
        full = bool(options.get("require_full_window"))
        self._measure = Measure(alert, full_window=full, delay=delay)
        self.thresholds = thresholds(
            alert.comparator, self._measure.threshold, options.get("thresholds") or {}
        )
        self.by = self._measure.by
        self.zero = self._measure.counts
        self.default_zero = self._measure.default_zero
        self.delay = delay
        self.reach = alert.window.seconds + delay
        self.every = evaluated_every(alert.window.seconds)
        self.silence = 2 * alert.window.seconds

    def measure(self, store: SeriesStore, at_seconds: int) -> dict[Group, Measured]:
        """Return the value of each group with data at that instant."""
        return self._measure.measure(store, at_seconds)

    def status_of(self, found: Measured | None, before: Status | None) -> Status | None:
        """Return the status; no data count as zero. None: the status stays."""
        value = 0.0 if found is None else found.value
        return None if value is None else self.thresholds.status_of(value, before)

    def constants(self) -> dict[str, Filling]:
        """What a message may show besides the value."""
        return self.thresholds.variables()
