"""Faults in the condition of a composite: what is easily left out of it or mistaken."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final, TypeAlias

from lightkeeper.alerting.query.conditions import written
from lightkeeper.alerting.query.syntax import CompositeCondition, Inverse, Joined

_FaultyCondition: TypeAlias = tuple[str, str, CompositeCondition]
"""What, which test is missing, the condition."""

_EXCHANGED: Final = {"&&": "||", "||": "&&"}


def faulty_conditions(condition: CompositeCondition) -> Iterator[_FaultyCondition]:
    """Yield the condition with a part dropped, a `!` dropped, or && and || exchanged."""
    match condition:
        case Inverse(inner):
            yield (
                f"! before {written(inner)} dropped",
                f"a test in which {written(inner)} decides",
                inner,
            )
            for what, missing, other in faulty_conditions(inner):
                yield what, missing, Inverse(other)
        case Joined(operator, parts):
            exchanged = _EXCHANGED[operator]
            yield (
                f"{operator} made {exchanged} in {written(condition)}",
                f"a test in which some of {', '.join(map(written, parts))} hold and some do not",
                replace(condition, operator=exchanged),
            )
            for place, part in enumerate(parts):
                yield (
                    f"{written(part)} dropped",
                    f"a test in which {written(part)} decides",
                    _without(condition, place),
                )
                for what, missing, other in faulty_conditions(part):
                    yield what, missing, _with(condition, place, other)


def _with(condition: Joined, place: int, other: CompositeCondition) -> Joined:
    parts = (*condition.parts[:place], other, *condition.parts[place + 1 :])
    return replace(condition, parts=parts)


def _without(condition: Joined, place: int) -> Joined:
    """Return a condition in which that part decides nothing.

    By the law of absorption, `a && (b || a)` is `a`. The part is still named, so that the
    message's {{b.value}} and the groups are the same.
    """
    left = condition.parts[:place] + condition.parts[place + 1 :]
    rest = left[0] if len(left) == 1 else replace(condition, parts=left)
    nothing = Joined(_EXCHANGED[condition.operator], (condition.parts[place], rest))
    return _with(condition, place, nothing)
