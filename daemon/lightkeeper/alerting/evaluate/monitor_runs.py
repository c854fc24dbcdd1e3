"""Runs of several monitors together, so that composites see those that they name."""

from collections.abc import Mapping

from lightkeeper.alerting.evaluate.monitor_run import MonitorRun
from lightkeeper.alerting.files.definitions import Payload
from lightkeeper.alerting.query.parser import parse
from lightkeeper.alerting.query.syntax import Composite


def monitor_runs(
    monitors: Mapping[str, Payload], slos: dict[str, Payload]
) -> dict[str, MonitorRun]:
    """Return a run of each monitor by key, composites last: to be evaluated in this order.

    Raises what `MonitorRun` raises.
    """
    known = _known(monitors, slos)
    runs = {key: one for key, one in known.items() if one is not None}
    return runs | {
        key: MonitorRun(monitors[key], slos, known) for key in monitors if key not in runs
    }


def run_with_operands(
    monitor: Payload, monitors: Mapping[str, Payload], slos: dict[str, Payload]
) -> list[MonitorRun]:
    """Return the run of a monitor, behind those of the monitors that it names as a composite.

    `monitors` are all that it may name, by key. Raises what `MonitorRun` raises.
    """
    named = {key: monitors[key] for key in operands_of(monitor) if key in monitors}
    known = _known(named, slos)
    return [*filter(None, known.values()), MonitorRun(monitor, slos, known)]


def operands_of(monitor: Payload) -> tuple[str, ...]:
    """Return the keys that a composite names; () for other monitors. Raises QuerySyntaxError."""
    query = parse(str(monitor.get("query")))
    return query.operands if isinstance(query, Composite) else ()


def _known(
    monitors: Mapping[str, Payload], slos: dict[str, Payload]
) -> dict[str, MonitorRun | None]:
    """The runs of all monitors, None for composites."""
    return {
        key: None if operands_of(one) else MonitorRun(one, slos) for key, one in monitors.items()
    }
