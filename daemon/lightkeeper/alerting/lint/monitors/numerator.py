"""An SLO's numerator must count a part of what its denominator counts: good events among all.

Write the same metric into both, with a narrower scope into the numerator; or as the denominator a
sum that holds the numerator. Neither is multiplied or divided.
"""

from collections import Counter
from collections.abc import Iterator
from itertools import chain
from typing import Final

from lightkeeper.alerting.lint.monitors import env, metric
from lightkeeper.alerting.lint.rules import Finding
from lightkeeper.alerting.lint.subject import Subject
from lightkeeper.alerting.query.parser import parse_expression
from lightkeeper.alerting.query.scopes import implies
from lightkeeper.alerting.query.syntax import (
    Arithmetic,
    Expression,
    Function,
    MetricQuery,
    QuerySyntaxError,
)

_PLACE: Final = "payload.query.numerator"


def check(subject: Subject) -> Iterator[Finding]:
    query = subject.payload.get("query")
    if not subject.is_slo or not isinstance(query, dict):
        return
    if any(chain(metric.check(subject), env.check(subject))):
        return  # those rules say what is wrong with it
    surplus: Counter[MetricQuery] = Counter()  # what the denominator counts oftener
    try:
        for part, sign in (("denominator", 1), ("numerator", -1)):
            expression = parse_expression(str(query.get(part)))
            if _multiplies(expression):
                yield (
                    f"payload.query.{part}",
                    "`*` and `/` make of a count what is none any more: write the counts alone",
                )
                return
            for one, times in _terms(expression, sign):
                surplus[one] += times
    except QuerySyntaxError:
        return
    if not any(surplus.values()):
        yield _PLACE, "it counts all that the denominator counts: write the good ones alone"
    for one in -surplus:
        if not any(_is_part(one, other) for other in +surplus if surplus[other] >= -surplus[one]):
            yield (
                _PLACE,
                f"its {one.metric} is no part of what the denominator counts: write a narrower "
                "scope of the same metric, or both the other way round",
            )


def _multiplies(expression: Expression) -> bool:
    match expression:
        case Arithmetic(operator, left, right):
            return operator in "*/" or _multiplies(left) or _multiplies(right)
        case Function(_, arguments):
            return any(_multiplies(one) for one in arguments if not isinstance(one, str))
    return False


def _terms(expression: Expression, sign: int) -> Iterator[tuple[MetricQuery, int]]:
    """The queries of a sum, each with 1 where it is added and -1 where it is taken away."""
    match expression:
        case MetricQuery():
            yield expression, sign
        case Arithmetic("+" | "-" as operator, left, right):
            yield from _terms(left, sign)
            yield from _terms(right, sign if operator == "+" else -sign)
        case Function("default_zero", (MetricQuery() as inner,)):
            yield inner, sign


def _is_part(one: MetricQuery, other: MetricQuery) -> bool:
    same = (one.metric, one.aggregator, one.by) == (other.metric, other.aggregator, other.by)
    narrower = implies(one.scope, other.scope) and not implies(other.scope, one.scope)
    return same and narrower
