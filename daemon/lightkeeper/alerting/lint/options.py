"""Rules about thresholds, missing data and tags, and whether it can be evaluated at all."""

import re
from collections.abc import Iterator
from typing import Any, Final

from lightkeeper.alerting.evaluate.message import TemplateError
from lightkeeper.alerting.evaluate.monitor_run import MonitorRun
from lightkeeper.alerting.lint.subject import Finding, Subject
from lightkeeper.alerting.query.syntax import (
    BadMonitor,
    BurnRate,
    ErrorBudget,
    MetricAlert,
    QuerySyntaxError,
    ServiceCheckAlert,
    Unsupported,
)

REQUIRED_TAGS: Final = (
    "form:526ez",
    "service:disability-application",
    "dependency:lighthouse",
    "itportfolio:benefits-delivery",
)
_TAG: Final = re.compile(r"[a-z][a-z0-9_./-]*:[a-z0-9_./-]+")


def thresholds(subject: Subject) -> Iterator[Finding]:
    """The number that alerts stands in the options too, and is the query's."""
    query = subject.query
    given = subject.thresholds
    path = "payload.options.thresholds.critical"
    if isinstance(query, MetricAlert | BurnRate | ErrorBudget):
        if given.get("critical") != query.threshold:
            yield path, f"must be the query's number: {query.threshold}"
    elif isinstance(query, ServiceCheckAlert) and "critical" not in given:
        yield path, "say after how many bad checks it alerts"


def recovery(subject: Subject) -> Iterator[Finding]:
    """What ends an alert is said, so that it is a decision."""
    given = subject.thresholds
    wanted = []
    if isinstance(subject.query, MetricAlert):
        wanted = [f"{one}_recovery" for one in ("critical", "warning") if one in given]
    elif isinstance(subject.query, ServiceCheckAlert):
        wanted = ["ok"]
    for name in wanted:
        if name not in given:
            yield f"payload.options.thresholds.{name}", "say when it is over"


def no_data(subject: Subject) -> Iterator[Finding]:
    """What missing data mean is said, in one of the two ways there are."""
    options = subject.options
    given = [name for name in ("on_missing_data", "notify_no_data") if name in options]
    if isinstance(subject.query, MetricAlert):
        if given != ["on_missing_data"]:
            yield "payload.options.on_missing_data", "say what missing data mean, by this alone"
    elif isinstance(subject.query, ServiceCheckAlert) and given != ["notify_no_data"]:
        yield (
            "payload.options.notify_no_data",
            "say whether missing checks are told, by this alone",
        )


def tags(subject: Subject) -> Iterator[Finding]:
    """VA's required tags are there, and each is one that Datadog keeps as it is."""
    variables = subject.assets.variables
    found = subject.payload.get("tags")
    given = [str(one) for one in found] if isinstance(found, list) else []
    wanted = (*REQUIRED_TAGS, f"team:{variables['team']}", f"env:{variables['env']}")
    for tag in wanted:
        if tag not in given:
            yield "payload.tags", f"add {tag}"
    for index, tag in enumerate(given):
        if not _TAG.fullmatch(tag):
            yield f"payload.tags[{index}]", f"{tag!r}: write key:value in lower case"


def query(subject: Subject) -> Iterator[Finding]:
    """The query can be read."""
    for path, error in _refused(subject):
        if isinstance(error, QuerySyntaxError):
            yield path, str(error)


def supported(subject: Subject) -> Iterator[Finding]:
    """Nothing is used whose result the documentation leaves open, so that tests mean something."""
    for path, error in _refused(subject):
        if isinstance(error, Unsupported):
            yield path, str(error)


def options(subject: Subject) -> Iterator[Finding]:
    """The options go with the query and with each other."""
    for path, error in _refused(subject):
        if isinstance(error, BadMonitor) and not str(error).startswith("thresholds.critical is "):
            yield path, str(error)


def variables(subject: Subject) -> Iterator[Finding]:
    """Texts use only what is filled in: Datadog's own names, and the query's grouping."""
    for path, error in _refused(subject):
        if isinstance(error, TemplateError):
            yield path, str(error)


def _refused(subject: Subject) -> Iterator[tuple[str, Exception]]:
    """What the evaluator has against it, texts apart from all else."""
    if subject.is_slo:
        yield from _refused_slo(subject)
        return
    if isinstance(subject.query, BurnRate | ErrorBudget):
        slo = subject.assets.slos.get(subject.query.slo)
        # Said once, of the SLO.
        if slo and any(_refused(Subject(slo, subject.assets, is_slo=True))):
            return
    for name in ("", "name", "message"):
        texts = {one: subject.payload.get(one, "") if one == name else "" for one in _TEXTS}
        error = _error({"query": "", **subject.payload, **texts}, subject)
        if error is not None:
            yield f"payload.{name or _place(error)}", error
            if not name:
                return


_TEXTS: Final = ("name", "message")


def _place(error: Exception) -> str:
    return "options" if isinstance(error, BadMonitor) else "query"


def _refused_slo(subject: Subject) -> Iterator[tuple[str, Exception]]:
    targets: Any = subject.payload.get("thresholds") or [{}]
    for target in targets:
        span = target.get("timeframe", "30d")
        windows = '.long_window("1h").short_window("5m")'
        query = f'burn_rate("{subject.definition.key}").over("{span}"){windows} > 1'
        error = _error({"type": "slo alert", "query": query}, subject)
        if error is not None:
            yield f"payload.{'thresholds' if isinstance(error, BadMonitor) else 'query'}", error


def _error(payload: dict[str, Any], subject: Subject) -> Exception | None:
    try:
        MonitorRun(payload, subject.assets.slo_payloads())
    except (QuerySyntaxError, Unsupported, BadMonitor, TemplateError) as exc:
        return exc
    except (TypeError, ValueError, KeyError, AttributeError, ZeroDivisionError) as exc:
        # Of a wrong type somewhere: the schema says where, where it is installed.
        return BadMonitor(f"a value is of the wrong kind: {exc}")
    return None


RULES: Final = (thresholds, recovery, no_data, tags, query, supported, options, variables)
