"""Faults in the text of a query: windows half or twice as long, and other aggregators."""

import re
from collections.abc import Iterator
from typing import Final, TypeAlias

from lightkeeper.alerting.query.syntax import UNIT_SECONDS, BurnRate, Query
from lightkeeper.telemetry.catalogue import CATALOGUE
from lightkeeper.telemetry.signals import Kind

_FaultyQuery: TypeAlias = tuple[str, str, str]
"""What, which test is missing, the query."""

_LAST: Final = re.compile(r"\b(last)_(\d+(?:mo|m|h|d|w))\b")
_BURN: Final = re.compile(r"\.(long|short)_window\([\"'](\d+[mhd])[\"']\)")
_SPACE: Final = re.compile(
    r"\b(avg|sum|min|max):([A-Za-z][\w.]*)\{[^{}]*\}(?:\s*by\s*\{[^{}]*\})?+(?!\.as_)"
)
_TIME: Final = re.compile(r"^\s*(avg|min|max)\s*\(\s*last_")
_AGGREGATORS: Final = ("avg", "sum", "min", "max")
_OPPOSITE: Final = {"min": "max", "max": "min"}
_LONG: Final = range(3600, 2 * 86_400 + 1)


def faulty_windows(text: str, query: Query) -> Iterator[_FaultyQuery]:
    """Yield the query with its window, or each of its burn rate's, twice and half as long."""
    if isinstance(query, BurnRate):
        lengths = {"long": query.long.seconds, "short": query.short.seconds}
        for one in _BURN.finditer(text):
            for changed in _twice_and_half(one[2]):
                other = lengths | {one[1]: _seconds(changed)}
                if other["long"] in _LONG and other["short"] < other["long"]:
                    yield _fault(text, one, f"{one[1]} window {one[2]}", changed)
    elif found := _LAST.search(text):
        for changed in _twice_and_half(found[2]):
            yield _fault(text, found, f"window {found[2]}", changed)


def faulty_aggregators(text: str) -> Iterator[_FaultyQuery]:
    """Yield the query with each gauge aggregated in each other way, over time and over its series.

    A count can only be summed, and of a distribution's samples only the least or the greatest is
    taken, over time as among them.
    """
    over_time = None if ".as_" in text else _TIME.search(text)
    if over_time is not None:
        for other in (one for one in ("avg", "min", "max") if one != over_time[1]):
            yield (
                f"{over_time[1]} over time made {other}",
                f"a test with a short peak, whose {over_time[1]} and {other} differ",
                text[: over_time.start(1)] + other + text[over_time.end(1) :],
            )
        yield from _of_samples(text, over_time[1])
    for found in _SPACE.finditer(text):
        signal = CATALOGUE.get(found[2])
        if signal is not None and signal.kind is not Kind.GAUGE:
            continue
        for other in _AGGREGATORS:
            if other != found[1]:
                yield (
                    f"{found[1]}:{found[2]} made {other}",
                    f"a test with several series in a group, whose {found[1]} and {other} differ",
                    text[: found.start(1)] + other + text[found.end(1) :],
                )


def _of_samples(text: str, extreme: str) -> Iterator[_FaultyQuery]:
    """Yield the query of a distribution with the least sample for the greatest, or the reverse."""
    signals = [CATALOGUE.get(found[2]) for found in _SPACE.finditer(text)]
    if extreme in _OPPOSITE and any(one and one.kind is Kind.DISTRIBUTION for one in signals):
        other = _OPPOSITE[extreme]
        yield (
            f"{extreme} of the samples made {other}",
            f"a test with samples whose {extreme} and {other} differ",
            re.sub(rf"\b{extreme}(?=\s*\(\s*last_|:[A-Za-z])", other, text),
        )


def _twice_and_half(length: str) -> Iterator[str]:
    """Other lengths in whole minutes: Datadog takes no others."""
    amount, unit = re.findall(r"\d+|\D+", length)
    yield f"{2 * int(amount)}{unit}"
    if (seconds := _seconds(length)) >= 120:
        yield f"{seconds // 120}m"


def _seconds(length: str) -> int:
    amount, unit = re.findall(r"\d+|\D+", length)
    return int(amount) * UNIT_SECONDS[unit]


def _fault(text: str, found: re.Match[str], what: str, changed: str) -> _FaultyQuery:
    return (
        f"{what} made {changed}",
        "a test with the minutes at which it alerts and recovers",
        text[: found.start(2)] + changed + text[found.end(2) :],
    )
