"""Rules about what a monitor or SLO asks for: known metrics and tags, fit windows."""

from collections.abc import Iterator
from typing import Final

from lightkeeper.alerting.lint.subject import Finding, Subject
from lightkeeper.alerting.query.syntax import (
    All,
    AnyOf,
    Everything,
    MetricAlert,
    MetricQuery,
    Not,
    Scope,
    ServiceCheckAlert,
    Tag,
)
from lightkeeper.telemetry.catalogue import CATALOGUE
from lightkeeper.telemetry.signals import OPEN_TAGS, Kind, Signal

CONSTANT_TAGS: Final = ("env", "service", "version")
"""Keys that every signal carries besides its own."""
EMITTED_EVERY_SECONDS: Final = 30
_SHORTEST_WINDOW_SECONDS: Final = 10 * EMITTED_EVERY_SECONDS
_FEWEST_CHECKS: Final = 2
_METRICS: Final = (Kind.COUNT, Kind.GAUGE, Kind.DISTRIBUTION)


def metric(subject: Subject) -> Iterator[Finding]:
    """Whatever is asked for is in the catalogue."""
    for query in subject.queries:
        signal = CATALOGUE.get(query.metric)
        if signal is None or signal.kind not in _METRICS:
            yield (
                subject.query_path,
                f"{query.metric} is no metric of catalogue.py: {_like(query)}",
            )
    check = subject.query
    if isinstance(check, ServiceCheckAlert):
        signal = CATALOGUE.get(check.check)
        if signal is None or signal.kind is not Kind.SERVICE_CHECK:
            yield subject.query_path, f"{check.check} is no service check of catalogue.py"


def kind(subject: Subject) -> Iterator[Finding]:
    """Counts are summed as counts, gauges are not, and distributions are told by how many."""
    for query in subject.queries:
        signal = CATALOGUE.get(query.metric)
        counted = any(call.name in ("as_count", "as_rate") for call in query.calls)
        if signal is None or signal.kind not in _METRICS:
            continue
        what = f"{query.metric} is a {signal.kind}"
        if signal.kind is Kind.COUNT and (not counted or query.aggregator != "sum"):
            yield subject.query_path, f"{what}: write sum:{query.metric}{{…}}.as_count()"
        elif signal.kind is Kind.GAUGE and counted:
            yield subject.query_path, f"{what}: leave out .as_count() and .as_rate()"
        elif signal.kind is Kind.DISTRIBUTION and counted != (query.aggregator == "count"):
            yield subject.query_path, f"{what}: write count:….as_count(), or min or max without it"


def tag(subject: Subject) -> Iterator[Finding]:
    """A scope and a grouping use tags that the signal carries, with values it can have."""
    for query in subject.queries:
        signal = CATALOGUE.get(query.metric)
        if signal is not None:
            for remedy in _of_tags(signal, [*_tags(query.scope), *query.by]):
                yield subject.query_path, remedy
    check = subject.query
    if isinstance(check, ServiceCheckAlert) and (signal := CATALOGUE.get(check.check)):
        for remedy in _of_tags(signal, [*check.over, *check.exclude, *check.by]):
            yield subject.query_path, remedy


def env(subject: Subject) -> Iterator[Finding]:
    """Each query is about one environment, named by the variable."""
    wanted = Tag(f"env:{subject.assets.variables['env']}".lower())
    scopes = [_required(query.scope) for query in subject.queries]
    if isinstance(subject.query, ServiceCheckAlert):
        scopes.append({Tag(text) for text in subject.query.over})
    typed = "env:" in subject.written_queries.replace("env:${env}", "")
    if typed or any(wanted not in scope for scope in scopes):
        yield subject.query_path, "write env:${env} into each scope, and no other env"


def window(subject: Subject) -> Iterator[Finding]:
    """A window holds so many emissions that one lost packet changes nothing."""
    query, options = subject.query, subject.options
    if isinstance(query, MetricAlert):
        if query.window.seconds < _SHORTEST_WINDOW_SECONDS:
            yield (
                subject.query_path,
                f"signals come every {EMITTED_EVERY_SECONDS} s: look back at least last_5m",
            )
        lasts = query.aggregator == "min" and not any(one.calls for one in subject.queries)
        if options.get("require_full_window") not in ((False, True) if lasts else (False,)):
            yield (
                "payload.options.require_full_window",
                "write true where a gauge has to be too high for the whole min window, also "
                "after a pause of the data; else false",
            )
        silence = options.get("no_data_timeframe")
        if isinstance(silence, int) and silence * 60 < 2 * query.window.seconds:
            yield (
                "payload.options.no_data_timeframe",
                f"must be twice the window at least: {2 * query.window.seconds // 60}",
            )
    if isinstance(query, ServiceCheckAlert):
        critical = subject.thresholds.get("critical")
        if critical is not None and critical < _FEWEST_CHECKS:
            yield (
                "payload.options.thresholds.critical",
                f"one bad check is no news yet: at least {_FEWEST_CHECKS}",
            )


def _of_tags(signal: Signal, texts: list[str]) -> Iterator[str]:
    for text in texts:
        if text == "*":
            continue
        key, _, value = text.partition(":")
        if key in signal.tags:
            values = signal.tags[key]
            open_ended = "*" in value or not values or key in OPEN_TAGS
            if value and value not in values and not open_ended:
                yield f"{signal.name} has no {key}:{value}; there are {', '.join(values)}"
        elif key not in CONSTANT_TAGS:
            known = ", ".join([*signal.tags, *CONSTANT_TAGS])
            yield f"{signal.name} has no tag {key}; there are {known}"


def _tags(scope: Scope) -> Iterator[str]:
    match scope:
        case Tag(text):
            yield text
        case Not(inner):
            yield from _tags(inner)
        case All(scopes) | AnyOf(scopes):
            for one in scopes:
                yield from _tags(one)
        case Everything():
            pass


def _required(scope: Scope) -> set[Scope]:
    """What holds for all that a scope takes in."""
    if isinstance(scope, All):
        return set().union(*map(_required, scope.scopes))
    return {scope}


def _like(query: MetricQuery) -> str:
    from difflib import get_close_matches

    names = [name for name, signal in CATALOGUE.items() if signal.kind in _METRICS]
    near = get_close_matches(query.metric, names, n=3, cutoff=0.5)
    return f"perhaps {' or '.join(near)}" if near else "add it there, or ask for another"


RULES: Final = (metric, kind, tag, env, window)
