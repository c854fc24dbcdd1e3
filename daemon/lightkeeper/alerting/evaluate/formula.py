"""What `{{eval "…"}}` shows: arithmetic on a message's variables, as Datadog documents it."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Final, TypeAlias

from lightkeeper.alerting.errors import TemplateError, Unsupported
from lightkeeper.alerting.query.scanner import Reader
from lightkeeper.alerting.query.syntax import QuerySyntaxError

Filling: TypeAlias = str | float
"""What a variable of a message is filled with."""


def shown(given: Filling) -> str:
    """Return how it stands in a message: numbers with a point have three digits behind it at most.

    Datadog does not say how many it shows: a message that rounds does not depend on it.
    """
    return str(round(given, 3)) if isinstance(given, float) else str(given)


_LONGEST: Final = 500


@dataclass(frozen=True, slots=True)
class _Value:
    name: str


@dataclass(frozen=True, slots=True)
class _Call:
    name: str
    arguments: tuple["_Node", ...]


_Node: TypeAlias = float | _Value | _Call


class Formula:
    """An expression, read once and computed for every notification.

    Raises TemplateError for what Datadog cannot read, and Unsupported for functions whose result
    is not documented.
    """

    def __init__(self, text: str) -> None:
        if len(text) > _LONGEST:
            raise TemplateError(
                f'message: {{{{eval "…"}}}} holds {len(text)} characters: write {_LONGEST} at most'
            )
        reader = Reader(text)
        try:
            self._node = _sum(reader)
            if not reader.sees(r"\Z"):
                raise reader.fault("an operator or the end")
        except QuerySyntaxError as exc:
            raise TemplateError(
                f'message: {{{{eval "…"}}}}: {exc}'.replace("query: ", "")
            ) from exc

    @property
    def names(self) -> tuple[str, ...]:
        """The variables in it."""
        return tuple(dict.fromkeys(_names(self._node)))

    def text(self, values: Mapping[str, Filling]) -> str:
        """Return the result; empty where a variable has no number, or there is no result."""
        try:
            result = _result(self._node, values)
            if isinstance(result, bool):
                return str(result).lower()
            return "" if result is None else shown(result)
        except (ArithmeticError, ValueError):  # such as a division by zero, or a number too large
            return ""


def _sum(reader: Reader) -> _Node:
    left = _product(reader)
    while found := reader.maybe(r"[+-]"):
        left = _Call(found[0], (left, _product(reader)))
    return left


def _product(reader: Reader) -> _Node:
    left = _signed(reader)
    while found := reader.maybe(r"[*/%]"):
        left = _Call(found[0], (left, _signed(reader)))
    return left


def _signed(reader: Reader) -> _Node:
    if reader.maybe(r"-"):
        with reader.inner():
            return _Call("-", (0, _signed(reader)))
    base = _single(reader)
    if not reader.maybe(r"\^"):
        return base
    with reader.inner():
        return _Call("^", (base, _signed(reader)))


def _single(reader: Reader) -> _Node:
    if found := reader.maybe(r"\d{1,15}(\.\d{1,15})?"):
        return float(found[0]) if found[1] else int(found[0])
    if reader.maybe(r"\("):
        with reader.inner():
            inner = _sum(reader)
        reader.take(r"\)", "`)`")
        return inner
    if found := reader.maybe(r"([A-Za-z]\w*)\s*\("):
        with reader.inner():
            return _function(reader, found[1])
    name = reader.take(r"[A-Za-z_][\w.]*", "a variable, a number, a function or `(`")[0]
    return _Value(name)


def _function(reader: Reader, name: str) -> _Call:
    arguments = [_sum(reader)]
    while reader.maybe(r","):
        arguments.append(_sum(reader))
    reader.take(r"\)", f"`,` or `)` in {name}(…)")
    if name not in _FUNCTIONS:
        known = ", ".join(one for one in _FUNCTIONS if one.isidentifier())
        raise Unsupported(
            f"message: {name}() in {{{{eval}}}} is not supported, as what it shows is not "
            f"documented: write one of {known}"
        )
    if len(arguments) not in _ARITY.get(name, (1,)):
        wanted = " or ".join(map(str, _ARITY.get(name, (1,))))
        raise TemplateError(f"message: {name}() in {{{{eval}}}} takes {wanted} values")
    return _Call(name, tuple(arguments))


def _names(node: _Node) -> Iterator[str]:
    match node:
        case _Value(name):
            yield name
        case _Call(_, arguments):
            for one in arguments:
                yield from _names(one)


def _result(node: _Node, values: Mapping[str, Filling]) -> float | None:
    match node:
        case _Value(name):
            value = values.get(name)
            return None if isinstance(value, str) else value
        case _Call(name, arguments):
            numbers = [_result(one, values) for one in arguments]
            known = [one for one in numbers if one is not None]
            return _FUNCTIONS[name](*known) if len(known) == len(numbers) else None
    return node


def _rounded(number: float, digits: float = 0) -> float:
    """Round a half up; without digits to an integer."""
    step = Decimal(1).scaleb(-int(digits))
    found = Decimal(str(number)).quantize(step, ROUND_HALF_UP)
    return float(found) if digits else int(found)


def _as_bool(number: float) -> bool:
    if number not in (0, 1):
        raise ValueError("only 1 and 0 are documented")
    return number == 1


_ARITY: Final = {"round": (1, 2), "atan2": (2,)}
_FUNCTIONS: Final[dict[str, Callable[..., float]]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "%": lambda a, b: a % b,
    "^": math.pow,
    "abs": abs,
    "int": math.floor,
    "trunc": math.floor,
    "float": float,
    "dec": lambda number: number - math.floor(number),
    "round": _rounded,
    "ceil": math.ceil,
    "floor": math.floor,
    "sgn": lambda number: (number > 0) - (number < 0),
    "to_bool": _as_bool,
    **{
        name: getattr(math, name)
        for name in (
            *("exp", "log10", "sin", "sinh", "asin", "asinh", "cos", "cosh", "acos", "acosh"),
            *("tan", "tanh", "atan", "atan2", "atanh"),
        )
    },
}
