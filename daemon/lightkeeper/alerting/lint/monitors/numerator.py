"""An SLO's numerator must count a part of what its denominator counts: good events among all.

Write the same metric into both, with a narrower scope into the numerator; or as the denominator a
sum that holds the numerator. Both are sums of counts. Neither all events nor none are the good
ones: the SLO would be 100 % or 0 % for ever.
"""

from collections.abc import Iterator
from itertools import chain
from typing import TypeAlias

from lightkeeper.alerting.errors import Unsupported
from lightkeeper.alerting.lint.monitors import env, metric, tag
from lightkeeper.alerting.lint.rules import Finding
from lightkeeper.alerting.lint.subject import Subject
from lightkeeper.alerting.query import slo_counts
from lightkeeper.alerting.query.parser import parse_expression
from lightkeeper.alerting.query.scopes import matches, told_apart
from lightkeeper.alerting.query.syntax import (
    Arithmetic,
    Expression,
    Function,
    MetricQuery,
    Number,
    QuerySyntaxError,
)
from lightkeeper.telemetry.catalogue import CATALOGUE
from lightkeeper.telemetry.tags import OPEN_TAGS

_Term: TypeAlias = tuple[MetricQuery, int]
"""A query of a sum, with 1 where it is added and -1 where it is taken away."""


def check(subject: Subject) -> Iterator[Finding]:
    query = slo_counts.counted(subject.payload) if subject.is_slo else None
    if query is None:
        return
    refused = any(place == subject.place for place, _ in subject.refusals)
    if refused or any(chain(metric.check(subject), env.check(subject), tag.check(subject))):
        return  # those rules, or the evaluator, say what is wrong with it
    try:
        good, every = (parse_expression(str(query.get(part))) for part in slo_counts.PARTS)
    except QuerySyntaxError:
        return
    of_query = subject.place == "payload.query"
    places = [f"{subject.place}{f'.{one}' if of_query else ''}" for one in slo_counts.PARTS]
    for place, expression in zip(places, (good, every), strict=True):
        if not_understood := _not_understood(expression):
            yield place, not_understood
            return
    try:
        yield from _wrong(list(_terms(good, 1)), list(_terms(every, 1)), *places)
    except Unsupported as exc:
        yield places[0], str(exc)


def _not_understood(expression: Expression) -> str | None:
    """Say why it is no sum of counts; None for a sum."""
    match expression:
        case Number(value) if value:
            return f"{value:g} counts nothing that happened: leave it out"
        case Arithmetic("*" | "/"):
            return "`*` and `/` make of a count what is none any more: write the counts alone"
        case Arithmetic(_, left, right):
            return _not_understood(left) or _not_understood(right)
        case Function("default_zero", (inner,)) if not isinstance(inner, str):
            return _not_understood(inner)
        case Function(name, _):
            return f"{name}() makes of a count what is none any more: write the counts alone"
    return None


def _terms(expression: Expression, sign: int) -> Iterator[_Term]:
    match expression:
        case MetricQuery():
            yield expression, sign
        case Arithmetic(operator, left, right):
            yield from _terms(left, sign)
            yield from _terms(right, sign if operator == "+" else -sign)
        case Function(_, (inner,)) if not isinstance(inner, str):
            yield from _terms(inner, sign)


def _wrong(
    good: list[_Term], every: list[_Term], numerator: str, denominator: str
) -> Iterator[Finding]:
    """Compare how often both sides count one event, for every kind of event that they tell apart.

    Each metric is compared by itself, and read in the same way on both sides.
    """
    some = rest = False
    for kind in dict.fromkeys(_kind(query) for query, _ in good + every):
        for mine, total in _counted(kind, good, every):
            name = kind[0]
            if mine < 0 or total < 0:
                said = f"it takes away more of {name} than it counts: write the good ones alone"
                yield (numerator if mine < 0 else denominator), said
                return
            if mine > total:
                yield (
                    numerator,
                    f"its {name} is no part of what the denominator counts: write a narrower "
                    "scope of the same metric, or both the other way round",
                )
                return
            some, rest = some or mine > 0, rest or mine < total
    if not some:
        yield numerator, "it counts nothing, which is 0 % for ever: write the good ones"
    elif not rest:
        yield (
            numerator,
            "it counts all that the denominator counts, which is 100 % for ever: write the good "
            "ones alone",
        )


def _kind(query: MetricQuery) -> tuple[str, str | None, tuple[str, ...]]:
    return query.metric, query.aggregator, tuple(sorted(query.by))


def _counted(
    kind: tuple[str, str | None, tuple[str, ...]], *sides: list[_Term]
) -> Iterator[list[int]]:
    """How often each side counts an event, for each kind of events of this metric."""
    of_it = [[(one.scope, times) for one, times in side if _kind(one) == kind] for side in sides]
    tags_of = CATALOGUE[kind[0]].tags
    known = {key: values for key, values in tags_of.items() if key not in OPEN_TAGS}
    for tags in told_apart([scope for side in of_it for scope, _ in side], known):
        yield [sum(times for scope, times in side if matches(scope, tags)) for side in of_it]
