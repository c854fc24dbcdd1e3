"""The condition of a composite monitor, as text and as records."""

from typing import Final

from lightkeeper.alerting.query.scanner import Reader
from lightkeeper.alerting.query.syntax import (
    Composite,
    CompositeCondition,
    Inverse,
    Joined,
    Operand,
    QuerySyntaxError,
)

_KEY: Final = r"[A-Za-z0-9][\w.-]*"
BEGINS: Final = rf"[^{{\"']*[&|]|[\s(]*!|[\s(]*{_KEY}[\s)]*(?:\Z|\s(?i:and|or)\b)"
"""How a composite's query begins, unlike any other."""


def composite(reader: Reader) -> Composite:
    """Read a whole query. Raises QuerySyntaxError."""
    found = Composite(_condition(reader))
    if not reader.sees(r"\Z"):
        raise reader.fault("&&, || or the end of the query")
    return found


def _condition(reader: Reader) -> CompositeCondition:
    parts = [_single(reader)]
    operator = ""
    while found := reader.maybe(r"&&|\|\|"):
        operator = operator or found[0]
        if found[0] != operator:
            raise QuerySyntaxError(
                "query: && stands beside || without parentheses, and Datadog does not say which "
                f"goes first: write parentheses, in `{reader.text}`"
            )
        parts.append(_single(reader))
    return Joined(operator, tuple(parts)) if operator else parts[0]


def _single(reader: Reader) -> CompositeCondition:
    if reader.maybe(r"!"):
        with reader.inner():
            return Inverse(_single(reader))
    if reader.maybe(r"\("):
        with reader.inner():
            inner = _condition(reader)
        reader.take(r"\)", "&&, || or `)`")
        return inner
    return Operand(reader.take(_KEY, "the key of a monitor, `!` or `(`")[0])


def written(condition: CompositeCondition) -> str:
    """Return the text that is read as this condition."""
    match condition:
        case Operand(monitor):
            return monitor
        case Inverse(inner):
            return f"!{_enclosed(inner)}"
        case Joined(operator, parts):
            return f" {operator} ".join(map(_enclosed, parts))


def _enclosed(condition: CompositeCondition) -> str:
    text = written(condition)
    return f"({text})" if isinstance(condition, Joined) else text
