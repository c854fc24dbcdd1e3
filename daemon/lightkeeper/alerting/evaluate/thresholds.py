"""From a value and the status before it to the status now: thresholds with recovery."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from lightkeeper.alerting.errors import BadMonitor
from lightkeeper.alerting.evaluate.formula import Filling
from lightkeeper.alerting.query.syntax import Comparator


class Status(StrEnum):
    """The status of a group."""

    OK = "OK"
    WARN = "Warn"
    ALERT = "Alert"
    NO_DATA = "No Data"


_RECOVERS: Final = {
    Comparator.ABOVE: Comparator.AT_MOST,
    Comparator.AT_LEAST: Comparator.BELOW,
    Comparator.BELOW: Comparator.AT_LEAST,
    Comparator.AT_MOST: Comparator.ABOVE,
}


@dataclass(frozen=True, slots=True)
class Thresholds:
    """A monitor's numbers; None where it has none."""

    comparator: Comparator
    critical: float
    warning: float | None = None
    critical_recovery: float | None = None
    warning_recovery: float | None = None

    def status_of(self, value: float, before: Status | None) -> Status:
        """Return the status of a value, given the group's status until now."""
        if self.comparator.holds(value, self.critical):
            return Status.ALERT
        if before is Status.ALERT and self._held(value, self.critical_recovery):
            return Status.ALERT
        if self.warning is not None:
            if self.comparator.holds(value, self.warning):
                return Status.WARN
            if before is Status.WARN and self._held(value, self.warning_recovery):
                return Status.WARN
        return Status.OK

    def variables(self) -> dict[str, Filling]:
        """What a message may show of them."""
        names: dict[str, Filling] = {
            "threshold": self.critical,
            "comparator": self.comparator.value,
        }
        further = {
            "warn_threshold": self.warning,
            "alert_recovery_threshold": self.critical_recovery,
            "warn_recovery_threshold": self.warning_recovery,
        }
        return names | {name: one for name, one in further.items() if one is not None}

    def _held(self, value: float, recovery: float | None) -> bool:
        return recovery is not None and not _RECOVERS[self.comparator].holds(value, recovery)


def thresholds(comparator: Comparator, critical: float, given: dict[str, Any]) -> Thresholds:
    """Read `options.thresholds`. Raises BadMonitor where they contradict the query."""
    numbers = {name: float(value) for name, value in given.items() if value is not None}
    if numbers.get("critical", critical) != critical:
        raise BadMonitor(
            f"thresholds.critical is {numbers['critical']:g}, but the query says {critical:g}"
        )
    numbers["critical"] = critical
    known = ("critical", "warning", "critical_recovery", "warning_recovery")
    for name in numbers:
        if name not in known:
            raise BadMonitor(f"thresholds.{name} does not go with this query")
    found = Thresholds(comparator, **numbers)
    _refuse_wrong_sides(found)
    return found


def _refuse_wrong_sides(found: Thresholds) -> None:
    comparator = found.comparator
    sided = {
        "warning": (found.warning, found.critical),
        "critical_recovery": (found.critical_recovery, found.critical),
        "warning_recovery": (found.warning_recovery, found.warning),
    }
    for name, (value, base) in sided.items():
        if value is None:
            continue
        if base is None:
            raise BadMonitor("thresholds.warning_recovery goes only with thresholds.warning")
        if comparator not in _RECOVERS:
            raise BadMonitor(f"thresholds.{name} does not go with {comparator}")
        above = comparator in (Comparator.ABOVE, Comparator.AT_LEAST)
        if name == "warning" and value == base:
            raise BadMonitor("thresholds.warning equals thresholds.critical")
        if (value > base) if above else (value < base):
            side = "at most" if above else "at least"
            raise BadMonitor(f"thresholds.{name} is {value:g}, but must be {side} {base:g}")
