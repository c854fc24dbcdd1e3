"""Every widget must follow each template variable whose values its data can have, and no other.

Write `$name` into the query, or leave it out, as the message says; and declare `env`, since a
board shows one environment.
"""

import re
from collections.abc import Iterator
from typing import Any

from lightkeeper.alerting.files.dashboards import Dashboard, WidgetQuery
from lightkeeper.alerting.lint.board import tags_of
from lightkeeper.alerting.lint.rules import Finding
from lightkeeper.telemetry.catalogue import CATALOGUE
from lightkeeper.telemetry.signals import Kind
from lightkeeper.telemetry.tags import CONSTANT_TAGS, OPEN_TAGS


def check(board: Dashboard) -> Iterator[Finding]:
    declared = {str(one.get("name")): (path, one) for path, one in board.variables}
    if "env" not in declared:
        yield "payload.template_variables", "declare env: a board shows one environment"
    for path, variable in declared.values():
        if "default" in variable or not variable.get("defaults"):
            yield path, "write `defaults`, a list: `default` is deprecated"
    for query in board.queries:
        yield from _mismatches(board, query, {name: one for name, (_, one) in declared.items()})
    used = set().union(*(query.variables for query in board.queries))
    for name, (path, _) in declared.items():
        if name not in used:
            yield path, f"no query uses ${name}: leave it out"


def _mismatches(
    board: Dashboard, query: WidgetQuery, variables: dict[str, dict[str, Any]]
) -> Iterator[Finding]:
    if re.search(r"\benv:", query.text):
        yield query.path, "write $env for the environment"
    for name in sorted(query.variables - variables.keys()):
        yield query.path, f"there is no template variable {name}: declare it, or leave it out"
    for tags in _carried(board, query):
        for name, variable in variables.items():
            key = str(variable.get("prefix") or name)
            if not _fits(variable, key, tags):
                if name in query.variables:
                    yield query.path, f"leave out ${name}: no data here can have its values"
            elif name not in query.variables and not re.search(rf"\b{key}:", query.text):
                yield query.path, f"add ${name}"


def _fits(variable: dict[str, Any], key: str, tags: dict[str, tuple[str, ...]]) -> bool:
    """Tell whether data with these tags can have every value that the variable offers."""
    given = variable.get("available_values")
    choice = {str(one) for one in given} - {"*"} if isinstance(given, list) else set()
    return key in tags and (not tags[key] or key in OPEN_TAGS or choice <= set(tags[key]))


def _carried(board: Dashboard, query: WidgetQuery) -> Iterator[dict[str, tuple[str, ...]]]:
    """The tags of each thing that is queried, with their values; no values stand for any."""
    constant: dict[str, tuple[str, ...]] = dict.fromkeys(CONSTANT_TAGS, ())
    match query.source:
        case "metrics" | "check":
            for name in re.findall(r"[A-Za-z][\w.]*", query.plain):
                if name in CATALOGUE:
                    yield constant | CATALOGUE[name].tags
        case "event_stream":
            events = [one for one in CATALOGUE.values() if one.kind is Kind.EVENT]
            named = [one for one in events if f"event:{one.name}" in query.text.split()]
            for event in named or events:
                yield constant | event.tags
        case "monitors" | "slos":
            values: dict[str, tuple[str, ...]] = {}
            for tags in tags_of(board, query.source):
                for key, _, value in (one.partition(":") for one in tags):
                    values[key] = (*values.get(key, ()), value)
            yield values
        case _:
            yield constant
