"""Arithmetic on metric queries: minute by minute, or once on their sums."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from lightkeeper.alerting.query.syntax import Number


@dataclass(frozen=True, slots=True)
class QueryRef:
    """One of the expression's metric queries, by its place among them."""

    index: int


@dataclass(frozen=True, slots=True)
class ZeroFilled:
    """`default_zero(…)`: empty minutes are 0, unless all of the window are empty."""

    inner: "Plain"


@dataclass(frozen=True, slots=True)
class Combined:
    """`Arithmetic` of what is left in an expression when only the evaluated parts are allowed."""

    operator: str
    left: "Plain"
    right: "Plain"


Plain: TypeAlias = Number | QueryRef | Combined | ZeroFilled


def points_of(
    node: Plain, values: Sequence[Mapping[int, float]], minutes: range
) -> list[float | None]:
    """Return the value of each minute, None where there is none or it divides by zero."""
    match node:
        case Number(value):
            return [value] * len(minutes)
        case QueryRef(index):
            return list(map(values[index].get, minutes))
        case Combined(operator, left, right):
            pairs = zip(
                points_of(left, values, minutes), points_of(right, values, minutes), strict=True
            )
            return [_combined(operator, a, b) for a, b in pairs]
    points = points_of(node.inner, values, minutes)
    if all(value is None for value in points):
        return points
    return [0.0 if value is None else value for value in points]


def value_of(node: Plain, sums: list[float]) -> float | None:
    """Return the value of what was summed before, None where it divides by zero."""
    match node:
        case Number(value):
            return value
        case QueryRef(index):
            return sums[index]
        case Combined(operator, left, right):
            return _combined(operator, value_of(left, sums), value_of(right, sums))
    return value_of(node.inner, sums)


def _combined(operator: str, left: float | None, right: float | None) -> float | None:
    if left is None or right is None:
        return None
    match operator:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
    return left / right if right else None
