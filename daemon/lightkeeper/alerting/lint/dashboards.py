"""Finds what is wrong with dashboards before somebody looks at one that shows nothing."""

import dataclasses
import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from lightkeeper.alerting.files import payload_schema as schema
from lightkeeper.alerting.files.dashboards import Dashboard, WidgetQuery
from lightkeeper.alerting.files.definitions import Definition, Problem
from lightkeeper.alerting.lint import layout as lint_layout
from lightkeeper.alerting.lint import queries as lint_queries
from lightkeeper.alerting.lint.subject import Finding, Subject
from lightkeeper.alerting.query.parser import parse_expression
from lightkeeper.alerting.query.syntax import QuerySyntaxError
from lightkeeper.telemetry.catalogue import CATALOGUE
from lightkeeper.telemetry.signals import OPEN_TAGS, Kind

_BY_ID: Final = ("alert_graph", "alert_value", "slo")
_PERCENTILE: Final = re.compile(r"p\d+")


def shape(board: Dashboard) -> Iterator[Finding]:
    """The payload has the shape Datadog publishes (looked at where jsonschema is installed)."""
    if schema.available():
        yield from schema.mistakes(schema.DASHBOARD, board.payload)


def team(board: Dashboard) -> Iterator[Finding]:
    """The team's tag is there, and no other: Datadog takes no other on a dashboard."""
    wanted = [f"team:{board.assets.variables['team']}"]
    if board.payload.get("tags") != wanted:
        yield "payload.tags", f"write {wanted} and nothing else"


def query(board: Dashboard) -> Iterator[Finding]:
    """Each metric query can be read."""
    for ask in board.asks:
        if ask.source == "metrics":
            try:
                parse_expression(ask.plain)
            except QuerySyntaxError as exc:
                yield ask.path, str(exc)


def metric(board: Dashboard) -> Iterator[Finding]:
    """Whatever is asked for is in the catalogue."""
    yield from _as_of_monitors(board, lint_queries.metric)


def kind(board: Dashboard) -> Iterator[Finding]:
    """Signals are added up, over series and over time, only where a sum means something."""
    yield from _as_of_monitors(board, lint_queries.kind)
    for ask, subject in _subjects(board):
        for one in subject.queries:
            signal = CATALOGUE.get(one.metric)
            if signal is not None and ask.source == "metrics":
                what = f"{one.metric} is a {signal.kind} of {signal.unit or 'one'}"
                for remedy in _adding_up(signal.kind, signal.unit, one.aggregator or "avg", ask):
                    yield ask.path, f"{what}: {remedy}"


def tag(board: Dashboard) -> Iterator[Finding]:
    """A scope and a grouping use tags that the signal carries, with values it can have."""
    yield from _as_of_monitors(board, lint_queries.tag)


def template(board: Dashboard) -> Iterator[Finding]:
    """Every graph listens to every template variable whose values its data can have."""
    named = {str(one.get("name")): (path, one) for path, one in board.variables}
    if "env" not in named:
        yield "payload.template_variables", "declare env: a board shows one environment"
    for path, variable in named.values():
        if "default" in variable or not variable.get("defaults"):
            yield path, "say `defaults`, a list; `default` is deprecated"
    for ask in board.asks:
        yield from _unlike(board, ask, {name: one for name, (_, one) in named.items()})
    used = set().union(*(ask.variables for ask in board.asks))
    for name, (path, _) in named.items():
        if name not in used:
            yield path, f"nothing uses ${name}: leave it out"


def reference(board: Dashboard) -> Iterator[Finding]:
    """Monitors and SLOs are chosen by tags that ours carry, never by ids, which differ."""
    for widget in board.widgets:
        if widget.kind in _BY_ID:
            remedy = "names an id, which each installation has its own: choose by tags"
            yield f"{widget.path}.definition.type", f"{remedy}, with manage_status or slo_list"
    for ask in board.asks:
        if ask.source in ("monitors", "slos"):
            for remedy in _unmatched(board, ask):
                yield ask.path, remedy


def lint(boards: dict[str, Dashboard]) -> list[Problem]:
    """Return all that is wrong, file by file; silences that silence nothing among it."""
    return [problem for board in boards.values() for problem in _problems(board)]


_ALL: Final = (shape, team, query, metric, kind, tag, template, reference, *lint_layout.RULES)
RULES: Final[dict[str, Callable[[Dashboard], Iterator[Finding]]]] = {
    rule.__name__: rule for rule in _ALL
}
"""The rules by tag. Each is silenced by its tag in a dashboard's `silence`."""


def _problems(board: Dashboard) -> Iterator[Problem]:
    file, silenced = board.definition.file, board.definition.silence
    for name, rule in RULES.items():
        found = list(dict.fromkeys(rule(board)))
        if name not in silenced:
            yield from (Problem(file, path, name, remedy) for path, remedy in found)
        elif not found:
            yield Problem(file, f"silence.{name}", "unused-silence", "silences nothing: remove it")
    for name in sorted(silenced.keys() - RULES.keys()):
        known = ", ".join(RULES)
        yield Problem(
            file, f"silence.{name}", "unused-silence", f"no such rule; there are {known}"
        )


def _subjects(board: Dashboard) -> Iterator[tuple[WidgetQuery, Subject]]:
    """Its queries as the rules for monitors see them: a graph's query is what an SLO's part is."""
    for ask in board.asks:
        if ask.source in ("metrics", "check"):
            is_slo = ask.source == "metrics"
            text: Any = {"query": ask.plain} if is_slo else ask.plain
            one = dataclasses.replace(board.definition, payload={"query": text})
            yield ask, Subject(one, board.assets, is_slo=is_slo)


def _as_of_monitors(
    board: Dashboard, rule: Callable[[Subject], Iterator[Finding]]
) -> Iterator[Finding]:
    for ask, subject in _subjects(board):
        for _, remedy in rule(subject):
            yield ask.path, remedy


def _adding_up(signal: Kind, unit: str, aggregator: str, ask: WidgetQuery) -> Iterator[str]:
    if signal is Kind.GAUGE and unit == "second" and aggregator == "sum":
        yield "ages do not add up: write max, min or avg"
    if signal is Kind.GAUGE and unit not in ("second", "") and aggregator == "avg":
        yield "its series add up: write sum, or min or max"
    if signal is Kind.DISTRIBUTION and _PERCENTILE.fullmatch(aggregator):
        yield "percentiles have to be switched on by hand in Datadog: write avg, min or max"
    if signal is Kind.COUNT and ask.aggregator not in ("", "sum"):
        yield "over time a count adds up: aggregator sum"
    if signal is not Kind.COUNT and ask.aggregator == "sum":
        yield "over time only counts add up: aggregator last, max, min or avg"


def _unlike(
    board: Dashboard, ask: WidgetQuery, variables: dict[str, dict[str, Any]]
) -> Iterator[Finding]:
    """Where a query and the template variables do not go together."""
    if re.search(r"\benv:", ask.text):
        yield ask.path, "write $env for the environment"
    for name in sorted(ask.variables - variables.keys()):
        yield ask.path, f"there is no template variable {name}"
    for tags in _carried(board, ask):
        for name, variable in variables.items():
            key = str(variable.get("prefix") or name)
            if not _fits(variable, key, tags):
                if name in ask.variables:
                    yield ask.path, f"leave out ${name}: nothing here can have its values"
            elif name not in ask.variables and not re.search(rf"\b{key}:", ask.text):
                yield ask.path, f"add ${name}"


def _fits(variable: dict[str, Any], key: str, tags: dict[str, tuple[str, ...]]) -> bool:
    """Tell whether data with these tags can have every value there is to choose from."""
    given = variable.get("available_values")
    choice = {str(one) for one in given} - {"*"} if isinstance(given, list) else set()
    return key in tags and (not tags[key] or key in OPEN_TAGS or choice <= set(tags[key]))


def _carried(board: Dashboard, ask: WidgetQuery) -> Iterator[dict[str, tuple[str, ...]]]:
    """The tags that what is asked for carries, with their values; none stands for any."""
    constant: dict[str, tuple[str, ...]] = dict.fromkeys(lint_queries.CONSTANT_TAGS, ())
    match ask.source:
        case "metrics" | "check":
            for name in re.findall(r"[A-Za-z][\w.]*", ask.plain):
                if name in CATALOGUE:
                    yield constant | CATALOGUE[name].tags
        case "event_stream":
            events = [one for one in CATALOGUE.values() if one.kind is Kind.EVENT]
            named = [one for one in events if f"event:{one.name}" in ask.text.split()]
            for event in named or events:
                yield constant | event.tags
        case "monitors" | "slos":
            values: dict[str, tuple[str, ...]] = {}
            for tags in _tags_of(board, ask):
                for key, _, value in (one.partition(":") for one in tags):
                    values[key] = (*values.get(key, ()), value)
            yield values
        case _:
            yield constant


def _unmatched(board: Dashboard, ask: WidgetQuery) -> Iterator[str]:
    """Words of a search that some monitor or SLO of ours does not have."""
    prefix = "tag:" if ask.source == "monitors" else ""
    words = [one for one in ask.text.split() if one != "AND"]
    fixed = [one for one in words if "$" not in one]
    for word in words:
        if not word.startswith(prefix) or set(word) & set("()*"):
            yield f"{word}: write {prefix}key:value, one after the other"
    for word in fixed:
        if not all(word.removeprefix(prefix) in tags for tags in _tags_of(board, ask)):
            yield f"{word.removeprefix(prefix)} is no tag of all {ask.source}"
    if not fixed:
        yield f"choose ours by their tags: {prefix}key:value"


def _tags_of(board: Dashboard, ask: WidgetQuery) -> list[list[str]]:
    assets = board.assets
    found: list[Definition] = list(
        (assets.monitors if ask.source == "monitors" else assets.slos).values()
    )
    return [[str(tag) for tag in one.payload.get("tags") or ()] for one in found]
