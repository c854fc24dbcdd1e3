"""Mutants of monitors, one fault each: every one has to turn a unit test red.

Each fault is a mistake that is easily made and hard to see in the file.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Final, TypeAlias

from lightkeeper.alerting.evaluate.message import handles
from lightkeeper.alerting.files.definitions import Assets, Payload
from lightkeeper.alerting.query.conditions import written
from lightkeeper.alerting.query.parser import parse
from lightkeeper.alerting.query.syntax import (
    BurnRate,
    Composite,
    ErrorBudget,
    MetricAlert,
    Query,
    ServiceCheckAlert,
)
from lightkeeper.alerting.unit_tests.faulty_conditions import faulty_conditions
from lightkeeper.alerting.unit_tests.faulty_queries import faulty_aggregators, faulty_windows
from lightkeeper.alerting.unit_tests.runner import (
    Failure,
    PreparedTest,
    Report,
    load,
    prepared_tests,
)

_LIMIT: Final = re.compile(r"(<=|>=|==|!=|<|>)\s*(-?[\d.]+(?:[eE][+-]?\d+)?)\s*$")
_SCOPE: Final = re.compile(r"(?<!\bby)(?<!\bby )\{([^{}]*)\}")
_TAG: Final = re.compile(r"[A-Za-z0-9_$@*][^\s,(){}!]*")
_OVER: Final = re.compile(r"\.(?:over|exclude)\(([^()]*)\)")
_QUOTED: Final = re.compile(r"[^\"',\s]+")
_NO_TAGS: Final = ("*", "and", "or", "not", "in")
_FLIPPED: Final = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "==": "!=", "!=": "=="}
_LAST: Final = re.compile(r"\.last\(\d+\)")
_NO_DATA: Final = ("on_missing_data", "notify_no_data", "no_data_timeframe")
_NOTIFIED: Final = "show_and_notify_no_data"
_NO_DATA_BLOCK: Final = re.compile(r"\{\{#is_no_data\}\}.*?\{\{/is_no_data\}\}", re.DOTALL)
_RENOTIFY: Final = ("renotify_interval", "renotify_statuses", "renotify_occurrences")

_FaultyMonitor: TypeAlias = tuple[str, str, Payload]
"""What, which test is missing, the faulty monitor."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """A monitor with one fault, and which test would have to notice."""

    what: str
    missing: str
    monitor: Payload
    slos: dict[str, Payload]


def run_mutants(assets: Assets, files: Iterable[Path], *, every: bool = True) -> Report:
    """Run each mutant of each monitor against the tests of that monitor, until one is red.

    Unless `every`, only monitors that the files test are looked at. The monitors' own tests have
    to pass: see `run_tests`. Raises BadTests for files that are no tests.
    """
    tests: dict[str, list[PreparedTest]] = {key: [] for key in assets.monitors}
    for suite in load(assets, files).values():
        tests[suite.monitor] += prepared_tests(suite)
    monitors, slos = assets.monitor_payloads(), assets.slo_payloads()
    run, failures = {}, []
    for key, monitor in monitors.items():
        if not tests[key] and not every:
            continue
        found = list(mutants(monitor, slos))
        run[key] = len(found)
        ordered = sorted(tests[key], key=lambda one: one.case.end)
        failures += [
            Failure(key, f"no test notices: {one.what}", (f"missing: {one.missing}",))
            for one in found
            if not any(_red(test, one, monitors) for test in ordered)
        ]
    return Report(run, tuple(failures))


def mutants(monitor: Payload, slos: dict[str, Payload]) -> Iterator[Mutant]:
    """Yield the monitor with each fault that can be made in it."""
    query = parse(str(monitor["query"]))
    of_query = _of_limits(monitor)
    if isinstance(query, ServiceCheckAlert):
        of_query = _of_runs(monitor, query.last)
    elif isinstance(query, Composite):
        of_query = _of_condition(monitor, query)
    for what, missing, mutant in chain(
        of_query, _of_text(monitor, query), _of_no_data(monitor, query), _of_notifications(monitor)
    ):
        yield Mutant(what, missing, mutant, slos)
    yield from _of_scopes(monitor, query, slos)


def _red(test: PreparedTest, mutant: Mutant, monitors: dict[str, Payload]) -> bool:
    return any(True for _ in test.failures(mutant.monitor, monitors, mutant.slos))


def _with(monitor: Payload, **options: Any) -> Payload:
    """Return the monitor with other options (None: without) and, under its name, another text."""
    texts = {name: options.pop(name) for name in ("query", "message") if name in options}
    together = {**monitor.get("options", {}), **options}
    kept = {name: value for name, value in together.items() if value is not None}
    return monitor | texts | {"options": kept}


def _of_limits(monitor: Payload) -> Iterator[_FaultyMonitor]:
    text = str(monitor["query"])
    found = _LIMIT.search(text)
    if found is None:
        return
    comparator, critical = found[1], float(found[2])
    before = text[: found.start()]
    limits = monitor.get("options", {}).get("thresholds") or {}
    for moved in _moved(critical):
        yield (
            f"threshold {critical:g} made {moved:g}",
            f"a test with a value between {critical:g} and {moved:g}",
            _with(
                monitor,
                query=f"{before}{comparator} {moved:.10g}",
                thresholds=_fitting(comparator, {**limits, "critical": moved}),
            ),
        )
    if monitor.get("options", {}).get("require_full_window"):
        yield (
            "require_full_window dropped",
            "a test that data which have only just begun do not fire it",
            _with(monitor, require_full_window=False),
        )
    flipped = _FLIPPED[comparator]
    yield (
        f"comparator {comparator} made {flipped}",
        "a test that fires and one that does not",
        _with(monitor, query=f"{before}{flipped} {found[2]}", thresholds={"critical": critical}),
    )
    yield from _of_other_limits(monitor, comparator, limits)


def _of_other_limits(
    monitor: Payload, comparator: str, limits: dict[str, Any]
) -> Iterator[_FaultyMonitor]:
    warning = limits.get("warning")
    for moved in _moved(float(warning)) if warning is not None else ():
        fitting = _fitting(comparator, {**limits, "warning": moved})
        if "warning" in fitting:  # else it went past the critical one
            yield (
                f"warning threshold {warning:g} made {moved:g}",
                f"a test with a value between {warning:g} and {moved:g}",
                _with(monitor, thresholds=fitting),
            )
    for name, base in (("critical_recovery", "critical"), ("warning_recovery", "warning")):
        recovery = limits.get(name)
        if recovery is not None and recovery != limits.get(base):
            yield (
                f"{name} dropped",
                f"a test whose value falls back between {limits.get(base)} and {recovery}",
                _with(monitor, thresholds={**limits, name: None}),
            )


def _moved(limit: float) -> tuple[float, float]:
    """Return a limit moved up and down: by 1 where it is a small number of things, else 10 %."""
    step = 1.0 if limit.is_integer() and abs(limit) <= 10 else abs(limit) / 10
    if limit.is_integer():
        step = float(round(step))
    return limit + step, limit - step


def _fitting(comparator: str, limits: dict[str, Any]) -> dict[str, Any]:
    """Drop a warning, and move a recovery, that would be on the wrong side of what was moved."""
    sign = 1 if comparator.startswith(">") else -1
    fitting = {name: value for name, value in limits.items() if value is not None}
    if "warning" in fitting and sign * fitting["warning"] >= sign * fitting["critical"]:
        del fitting["warning"]
        fitting.pop("warning_recovery", None)
    for name, base in (("critical_recovery", "critical"), ("warning_recovery", "warning")):
        if name in fitting:
            fitting[name] = sign * min(sign * fitting[name], sign * fitting[base])
    return fitting


def _of_runs(monitor: Payload, last: int) -> Iterator[_FaultyMonitor]:
    """A service check's limits are numbers of runs in a row."""
    text = str(monitor["query"])
    limits = {"critical": 1, **(monitor.get("options", {}).get("thresholds") or {})}
    for name, limit in limits.items():
        for moved in (limit + 1, limit - 1):
            if moved < 1:
                continue
            # The query's .last(…) has to hold the highest of them.
            query = _LAST.sub(f".last({max(moved, last)})", text)
            yield (
                f"threshold {name} {limit} made {moved}",
                f"a test with {min(limit, moved)} runs of status {name} in a row",
                _with(monitor, query=query, thresholds={**limits, name: moved}),
            )


def _of_condition(monitor: Payload, composite: Composite) -> Iterator[_FaultyMonitor]:
    for what, missing, condition in faulty_conditions(composite.condition):
        yield what, missing, _with(monitor, query=written(condition))


def _of_text(monitor: Payload, query: Query) -> Iterator[_FaultyMonitor]:
    text = str(monitor["query"])
    for what, missing, faulty_text in chain(faulty_windows(text, query), faulty_aggregators(text)):
        yield what, missing, _with(monitor, query=faulty_text)


def _of_no_data(monitor: Payload, query: Query) -> Iterator[_FaultyMonitor]:
    options, text = monitor.get("options", {}), str(monitor["query"])
    without = dict.fromkeys(_NO_DATA)
    missing = "a test in which the data end"
    if "default_zero(" in text:
        fewer = text.replace("default_zero(", "(")
        yield "default_zero() dropped", missing, _with(monitor, query=fewer)
    elif options.get("notify_no_data") or options.get("on_missing_data") not in (None, "default"):
        yield "no-data choice dropped", missing, _with(monitor, **without)
    elif isinstance(query, MetricAlert):
        notifying = {**without, "on_missing_data": "show_and_notify_no_data"}
        yield "no data made to notify", missing, _with(monitor, **notifying)
    elif isinstance(query, ServiceCheckAlert):
        notifying = {"on_missing_data": None, "notify_no_data": True}
        yield "no data made to notify", missing, _with(monitor, **notifying)


def _of_notifications(monitor: Payload) -> Iterator[_FaultyMonitor]:
    options, text = monitor.get("options", {}), str(monitor.get("message", ""))
    for handle in handles(text):
        yield (
            f"{handle} dropped from the message",
            "a test whose notifications say who is notified",
            _with(monitor, message=text.replace(handle, "")),
        )
    notified = options.get("notify_no_data") or options.get("on_missing_data") == _NOTIFIED
    if notified and _NO_DATA_BLOCK.search(text):
        yield (
            "no-data part of the message dropped",
            "a test whose notifications say who is notified of no data, and with what text",
            _with(monitor, message=_NO_DATA_BLOCK.sub("", text)),
        )
    if options.get("renotify_interval"):
        yield (
            "renotify dropped",
            f"a test that lists notifications until after {options['renotify_interval']} minutes",
            _with(monitor, **dict.fromkeys(_RENOTIFY)),
        )


def _of_scopes(monitor: Payload, query: Query, slos: dict[str, Payload]) -> Iterator[Mutant]:
    text = str(monitor["query"])
    if isinstance(query, BurnRate | ErrorBudget):
        slo = slos.get(query.slo, {})
        for part, counted in slo.get("query", {}).items():
            for tag, typo in _mistyped(str(counted), _SCOPE, _TAG):
                wrong = {**slo, "query": {**slo["query"], part: typo}}
                yield _scope_fault(tag, monitor, {**slos, query.slo: wrong})
        return
    found = (_OVER, _QUOTED) if isinstance(query, ServiceCheckAlert) else (_SCOPE, _TAG)
    for tag, typo in _mistyped(text, *found):
        yield _scope_fault(tag, _with(monitor, query=typo), slos)


def _scope_fault(tag: str, monitor: Payload, slos: dict[str, Payload]) -> Mutant:
    missing = f"a test with another result if {tag} were left out of the scope or matched nothing"
    return Mutant(f"{tag} mistyped as {tag}x", missing, monitor, slos)


def _mistyped(
    text: str, scopes: re.Pattern[str], tags: re.Pattern[str]
) -> Iterator[tuple[str, str]]:
    """Yield each tag of each scope, and the text with that one mistyped."""
    for scope in scopes.finditer(text):
        for tag in tags.finditer(text, scope.start(1), scope.end(1)):
            if tag[0].lower() not in _NO_TAGS:
                yield tag[0], f"{text[: tag.end()]}x{text[tag.end() :]}"
