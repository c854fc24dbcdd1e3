"""promtool's language for series: `0x5 1+2x3 _ 4`, and the same with the words of a check."""

import re
from collections.abc import Iterator
from typing import Final

from lightkeeper.alerting.errors import AlertingError

_NUMBER: Final = r"\d+(?:\.\d+)?(?:e[+-]?\d+)?"
_NUMBERS: Final = re.compile(rf"(-?{_NUMBER})(?:([+-]{_NUMBER})?x(\d+))?")
_NOTHING: Final = re.compile(r"_(?:x(\d+))?")
_STATUSES: Final = {"ok": 0, "warning": 1, "critical": 2, "unknown": 3}
_CHECKS: Final = re.compile(rf"({'|'.join(_STATUSES)})(?:x(\d+))?")
_MOST: Final = 100_000
_UNITS: Final = {"d": 86_400, "h": 3600, "m": 60, "s": 1}
_SPAN: Final = re.compile(r"".join(rf"(?:(\d+){unit})?" for unit in _UNITS))


class BadValues(AlertingError):
    """Not in the language of series, or of time spans."""


def numbers(text: str) -> list[float | None]:
    """Read `a` `axn` (a and n more) `a+bxn` `a-bxn` `_` `_xn` (n times nothing), space-separated.

    Raises BadValues, also for more than 100,000 values.
    """
    return _bounded(_numbers(text))


def statuses(text: str) -> list[float | None]:
    """Read `ok`, `warning`, `critical`, `unknown`, `_`, each with `xn`: statuses 0 to 3."""
    return _bounded(_check_runs(text))


def seconds(text: str) -> int:
    """Read a span such as `90s`, `5m` or `1h30m`. Raises BadValues."""
    found = _SPAN.fullmatch(text)
    if found is None or not text:
        raise BadValues(f"{text!r} is no span of time: write 30s, 5m or 1h30m")
    return sum(
        int(part or 0) * one for part, one in zip(found.groups(), _UNITS.values(), strict=True)
    )


def span(given: int) -> str:
    """Write seconds as `seconds` reads them."""
    parts = []
    for unit, one in _UNITS.items():
        amount, given = divmod(given, one)
        if amount:
            parts.append(f"{amount}{unit}")
    return "".join(parts) or "0s"


def _numbers(text: str) -> Iterator[tuple[float | None, float, int]]:
    for word in text.split():
        if nothing := _NOTHING.fullmatch(word):
            yield None, 0.0, int(nothing[1] or 1)
        elif found := _NUMBERS.fullmatch(word):
            yield float(found[1]), float(found[2] or 0), int(found[3] or 0) + 1
        else:
            raise BadValues(
                f"{word!r} is no value: write 3, 0x10, 1+2x10, 9-1x3, _ or _x10, space-separated"
            )


def _check_runs(text: str) -> Iterator[tuple[float | None, float, int]]:
    for word in text.split():
        if nothing := _NOTHING.fullmatch(word):
            yield None, 0.0, int(nothing[1] or 1)
        elif found := _CHECKS.fullmatch(word):
            yield float(_STATUSES[found[1]]), 0.0, int(found[2] or 0) + 1
        else:
            raise BadValues(
                f"{word!r} is no status of a check: write {', '.join(_STATUSES)} or _, "
                "each with xn behind it for n more"
            )


def _bounded(runs: Iterator[tuple[float | None, float, int]]) -> list[float | None]:
    values: list[float | None] = []
    for start, step, count in runs:
        if len(values) + count > _MOST:
            raise BadValues(f"more than {_MOST:,} values: shorten the series")
        values += [None if start is None else start + step * number for number in range(count)]
    if not values:
        raise BadValues("there is no value: write at least _")
    return values
