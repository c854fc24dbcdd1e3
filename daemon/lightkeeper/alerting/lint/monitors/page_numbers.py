"""A page must show its numbers as people read them: no 1.0, no 21600 s.

Write `{{eval "int(value)"}}` or `{{eval "round(value, 1)"}}`, and of seconds the hours or minutes:
`{{eval "round(value / 3600)"}} h`.
"""

import re
from collections.abc import Iterator
from string import ascii_lowercase
from typing import Final

from lightkeeper.alerting.evaluate.filled import Variable
from lightkeeper.alerting.evaluate.formula import Formula
from lightkeeper.alerting.lint.rules import Finding
from lightkeeper.alerting.lint.subject import Subject, metric_signal
from lightkeeper.alerting.query.syntax import (
    Arithmetic,
    Composite,
    Expression,
    Function,
    MetricAlert,
    MetricQuery,
    ServiceCheckAlert,
)

_THRESHOLDS: Final = tuple(
    f"{kind}threshold" for kind in ("", "warn_", "ok_", "alert_recovery_", "warn_recovery_")
)
_WITH_POINT: Final = re.compile(rf"(?:[a-j]\.)?value|{'|'.join(_THRESHOLDS)}")
_PROBE: Final = 98_765.4321
"""A value that shows what a formula does: over a day in seconds, and with digits to round off."""


def check(subject: Subject) -> Iterator[Finding]:
    template = subject.template
    if template is None or not subject.is_page:
        return
    seconds = {"triggered_duration_sec", *_names_of_seconds(subject)}
    counted = isinstance(subject.query, ServiceCheckAlert)  # its thresholds are whole numbers
    for one in template.shown:
        match one:
            case Variable(name) if name in seconds:
                yield "payload.message", _of_seconds(name)
            case Variable(name) if _WITH_POINT.fullmatch(name) and not counted:
                yield (
                    "payload.message",
                    f'{{{{{name}}}}} is shown as 1.0: write {{{{eval "int({name})"}}}}',
                )
            case Formula():
                yield from _of_formula(one, seconds)


def _of_formula(formula: Formula, seconds: set[str]) -> Iterator[Finding]:
    if any(name.endswith("_epoch") for name in formula.names):
        return  # a time, for a link
    shown = formula.text(dict.fromkeys(formula.names, _PROBE))
    if not re.fullmatch(r"-?\d+(\.\d+)?", shown):
        return
    named = sorted(seconds.intersection(formula.names))
    if named and abs(float(shown)) > _PROBE / 59:
        yield "payload.message", _of_seconds(named[0])
    elif len(shown.partition(".")[2]) > 1:
        yield (
            "payload.message",
            f"an {{{{eval}}}} shows a number as {shown}: write int(…) or round(…, 1) around it",
        )


def _of_seconds(name: str) -> str:
    hours = f'{{{{eval "round({name} / 3600)"}}}} h'
    return f"{{{{{name}}}}} is in seconds: write {hours}, or by / 60 the minutes"


def _names_of_seconds(subject: Subject) -> Iterator[str]:
    query = subject.query
    if isinstance(query, MetricAlert) and _in_seconds(query.expression):
        yield from ("value", *_THRESHOLDS)
    if isinstance(query, Composite):
        of = {one.definition.key: one.query for one in subject.operands}
        for letter, key in zip(ascii_lowercase, query.operands, strict=False):
            operand = of.get(key)
            if isinstance(operand, MetricAlert) and _in_seconds(operand.expression):
                yield f"{letter}.value"


def _in_seconds(expression: Expression) -> bool:
    match expression:
        case MetricQuery():
            signal = metric_signal(expression)
            return signal is not None and signal.unit == "second"
        case Arithmetic(operator, left, right):
            return operator in "+-" and (_in_seconds(left) or _in_seconds(right))
        case Function(_, arguments):
            return any(_in_seconds(one) for one in arguments if not isinstance(one, str))
    return False
