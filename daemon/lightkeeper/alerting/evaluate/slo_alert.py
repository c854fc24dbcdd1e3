"""An SLO alert: how fast, or how far, an objective's error budget is used up."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from lightkeeper.alerting.errors import BadMonitor, Unsupported
from lightkeeper.alerting.evaluate.formula import Filling
from lightkeeper.alerting.evaluate.interval import DAY, evaluated_every
from lightkeeper.alerting.evaluate.measure import Measure, Measured
from lightkeeper.alerting.evaluate.message import OF_NUMBERS
from lightkeeper.alerting.evaluate.series import SeriesStore
from lightkeeper.alerting.evaluate.thresholds import Status, thresholds
from lightkeeper.alerting.query import slo_counts
from lightkeeper.alerting.query.parser import parse_expression
from lightkeeper.alerting.query.scopes import Group
from lightkeeper.alerting.query.syntax import (
    BurnRate,
    Comparator,
    ErrorBudget,
    MetricAlert,
    Window,
)


@dataclass(frozen=True, slots=True)
class BudgetUse:
    """How fast (or how far) an SLO's budget is used up; None where nothing happened."""

    value: float | None
    oldest: int
    newest: int
    details: dict[str, Filling]


class SloAlertEvaluator:
    """Measures the burn rate or the error budget of an SLO that counts good and all events.

    Its seconds are those of `MetricAlertEvaluator`.
    """

    by: tuple[str, ...] = ()
    zero = False
    default_zero = False
    delay = 0
    retention = DAY

    def __init__(
        self,
        alert: BurnRate | ErrorBudget,
        options: dict[str, Any],
        slos: dict[str, dict[str, Any]],
    ) -> None:
        if alert.comparator not in (Comparator.ABOVE, Comparator.AT_LEAST):
            raise BadMonitor("an SLO alert compares with > or >=")
        self._target = _target(alert, slos)
        self.thresholds = thresholds(
            alert.comparator, alert.threshold, options.get("thresholds") or {}
        )
        if isinstance(alert, BurnRate):
            _refuse_windows(alert, 1 / (1 - self._target))
            windows = {"long_window_burn_rate": alert.long, "short_window_burn_rate": alert.short}
            self._scale = 1.0
        else:
            windows = {"": alert.over}
            self._scale = 100.0
        queries = _queries(alert, slos[alert.slo])
        self._good, self._all = (
            {name: _counted(queries[part], window) for name, window in windows.items()}
            for part in slo_counts.PARTS
        )
        self.names = OF_NUMBERS | {"timeframe", *filter(None, windows)}
        self._timeframe = f"{alert.over.amount}{alert.over.unit}"
        longest = max(window.seconds for window in windows.values())
        self.reach, self.every, self.silence = longest, evaluated_every(longest), 2 * longest

    def measure(self, store: SeriesStore, at_seconds: int) -> dict[Group, BudgetUse]:
        """Return the lower of the windows' rates: both have to exceed the threshold."""
        rates: dict[str, float | None] = {}
        spans: list[Measured] = []
        for name, every_event in self._all.items():
            total = every_event.measure(store, at_seconds).get(())
            good = self._good[name].measure(store, at_seconds).get(())
            spans += [one for one in (total, good) if one is not None]
            rates[name] = self._rate(good, total)
        if not spans:
            return {}
        known = [rate for rate in rates.values() if rate is not None]
        value = min(known) if len(known) == len(rates) else None
        details: dict[str, Filling] = {
            name: rate for name, rate in rates.items() if name and rate is not None
        }
        oldest, newest = min(s.oldest for s in spans), max(s.newest for s in spans)
        return {(): BudgetUse(value, oldest, newest, details)}

    def status_of(self, found: BudgetUse | None, before: Status | None) -> Status | None:
        """Return the status; None where nothing happened: the status stays."""
        if found is None or found.value is None:
            return None
        return self.thresholds.status_of(found.value, before)

    def constants(self) -> dict[str, Filling]:
        """What a message may show besides the rates."""
        return {**self.thresholds.variables(), "timeframe": self._timeframe}

    def _rate(self, good: Measured | None, total: Measured | None) -> float | None:
        if total is None or not total.value:
            return None
        well = good.value if good is not None and good.value is not None else 0.0
        return (1 - well / total.value) / (1 - self._target) * self._scale


def _target(alert: BurnRate | ErrorBudget, slos: dict[str, dict[str, Any]]) -> float:
    slo = slos.get(alert.slo)
    if slo is None:
        raise BadMonitor(f"there is no SLO {alert.slo!r}")
    over = f"{alert.over.amount}{alert.over.unit}"
    targets: Iterable[dict[str, Any]] = slo.get("thresholds") or ()
    target = next((one["target"] for one in targets if one.get("timeframe") == over), None)
    if target is None:
        raise BadMonitor(f"SLO {alert.slo!r} has no target over {over}")
    if not 0 < float(target) < 100:
        raise BadMonitor(
            f"SLO {alert.slo!r} has the target {target} over {over}: write one above 0 and below "
            "100, which leaves errors a budget"
        )
    return float(target) / 100


def _queries(alert: BurnRate | ErrorBudget, slo: dict[str, Any]) -> dict[str, str]:
    kind, queries = slo.get("type"), slo_counts.counted(slo)
    if kind != "metric":
        raise Unsupported(
            f"the type of SLO {alert.slo!r} is not supported: write metric, which counts good "
            f"events; or keep {kind} without an alert on it, and silence this rule"
        )
    if queries is None:
        raise Unsupported(
            f"what SLO {alert.slo!r} counts is not supported: write a query of numerator and "
            "denominator; or a sli_specification of `count`, with good_events_formula, queries, "
            "and one of total_events_formula and bad_events_formula"
        )
    return queries


def _refuse_windows(alert: BurnRate, highest: float) -> None:
    long, short = alert.long.seconds, alert.short.seconds
    if not 3600 <= long <= 2 * DAY or not 60 <= short < long:
        raise BadMonitor(
            "the long window is 1 to 48 hours, the short one shorter, and a minute or more"
        )
    if alert.threshold > highest:
        raise BadMonitor(f"a burn rate above {highest:g} cannot happen with this target")


def _counted(text: str, window: Window) -> Measure:
    expression = parse_expression(text)
    measure = Measure(MetricAlert("sum", window, expression, Comparator.ABOVE, 0.0))
    if measure.by:
        raise Unsupported("an SLO grouped by tags is not supported: leave out `by {…}`")
    return measure
