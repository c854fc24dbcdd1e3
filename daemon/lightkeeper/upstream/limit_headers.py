"""Reads the headers in which a server names its rate limit and how long to wait. Pure.

Proxies and gateways write them in many ways: a pause as seconds or as a time (HTTP's own, ISO 8601
or since 1970), a header twice ("60, 60"), and the newer `RateLimit: "default";r=0;t=30`.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, NamedTuple
from urllib.request import parse_http_list

_PREFIXES: Final = ("RateLimit-{}", "X-RateLimit-{}-Minute", "X-RateLimit-{}")
_EPOCH_FROM: Final = 1_000_000_000.0
"""A number from here on is a time since 1970 (this one is in 2001): no pause is that long."""
_MILLISECONDS_FROM: Final = 100_000_000_000.0
_HTTP_DATE: Final = re.compile(
    r"[A-Za-z]{3,9}, \d{1,2}[ -][A-Za-z]{3}[ -]\d{2,4} [\d:]{8} (?:GMT|UTC|[+-]\d{4})"
    r"|[A-Za-z]{3} [A-Za-z]{3} [ \d]\d [\d:]{8} \d{4}"
)
_QUOTED: Final = re.compile(r'"(?:[^"\\]|\\.)*"')
_LONGEST: Final = 1_000
"""Characters of a header that are read: none that means something is longer."""


class LimitHeaders(NamedTuple):
    """What the headers say; None for what they do not. Waits are in seconds from now."""

    limit: int | None = None
    remaining: int | None = None
    reset: float | None = None
    retry_after: float | None = None


def read(headers: Mapping[str, str], now: float | None) -> LimitHeaders:
    """Read `headers`; `now`, in seconds since 1970 if known, is used where they have no `Date`.

    Of several values the one counts that asks for more caution: fewer calls, a longer wait.
    """
    server_now = date(headers)
    now = now if server_now is None else server_now
    limits, left, resets = _structured(headers)
    limits += [n for name in _names("Limit") for n in _numbers(headers.get(name))]
    left += [n for name in _names("Remaining") for n in _numbers(headers.get(name))]
    resets += [wait for name in _names("Reset") for wait in _waits(headers.get(name), now)]
    return LimitHeaders(
        limit=int(min(limits)) if limits else None,
        remaining=int(min(left)) if left else None,
        reset=max(resets, default=None),
        retry_after=max(_waits(headers.get("Retry-After"), now), default=None),
    )


def date(headers: Mapping[str, str]) -> float | None:
    """The server's time by its `Date`, in seconds since 1970; None where it is no time."""
    return next(_times(headers.get("Date") or ""), None)


def _names(what: str) -> list[str]:
    return [prefix.format(what) for prefix in _PREFIXES]


def _structured(headers: Mapping[str, str]) -> tuple[list[float], list[float], list[float]]:
    """Limits, calls left and resets in the `RateLimit` header and its policy.

    Of several quotas only the one that is used up first has a reset that counts.
    """
    if "RateLimit" not in headers:
        return [], [], []
    policies = dict(_items(headers.get("RateLimit-Policy")))
    limits, found = [], []
    for name, parameters in _items(headers.get("RateLimit")):
        policy = policies.get(name, {})
        left = parameters.get("r", parameters.get("remaining"))
        reset = parameters.get("t", parameters.get("reset", policy.get("w")))
        if left is not None:
            found.append((left, -(reset or 0.0), reset))
            limits += [n for n in (policy.get("q"), parameters.get("limit")) if n is not None]
    if not found:
        return [], [], []
    left, _, reset = min(found)
    return limits, [left], [] if reset is None else [reset]


def _items(value: str | None) -> Iterator[tuple[str, dict[str, float]]]:
    """Each item of a list with its parameters: `"default";r=0;t=30`, or `limit=9, reset=3`."""
    if not value:
        return
    loose: dict[str, float] = {}
    for item in parse_http_list(value[:_LONGEST]):
        name = _QUOTED.match(item)
        head, *parameters = _QUOTED.sub("", item).split(";")
        pairs = [
            pair.partition("=") for pair in ([head, *parameters] if "=" in head else parameters)
        ]
        read = {
            key.strip().lower(): number
            for key, _, text in pairs
            if (number := _number(text)) is not None
        }
        if "=" in head:
            loose |= read
        else:
            yield (name[0] if name else head.strip()), read
    if loose:
        yield "", loose


def _waits(value: str | None, now: float | None) -> Iterator[float]:
    """Each wait that a header names, as seconds or as a time; one that is past is 0."""
    value = (value or "")[:_LONGEST]
    numbers = list(_numbers(value))
    yield from (number for number in numbers if number < _EPOCH_FROM)
    times = [*(number for number in numbers if number >= _EPOCH_FROM), *_times(value)]
    if now is not None:
        for time in times:
            yield max(0.0, (time if time < _MILLISECONDS_FROM else time / 1_000) - now)


def _numbers(value: str | None) -> Iterator[float]:
    for part in (value or "")[:_LONGEST].split(","):
        if (number := _number(part)) is not None:
            yield number


def _number(text: str) -> float | None:
    """A number from 0 on; None where it is none."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 <= number < float("inf") else None


def _times(value: str) -> Iterator[float]:
    """Each time in HTTP's format or ISO 8601, in seconds since 1970."""
    value = value[:_LONGEST]
    for text in _HTTP_DATE.findall(value):
        try:
            at = parsedate_to_datetime(text)
        except ValueError:
            continue
        yield _seconds(at)
    for part in value.split(","):
        try:
            at = datetime.fromisoformat(part.strip())
        except ValueError:
            continue
        # "20261129" would be a date as well, and is a number.
        if "-" in part:
            yield _seconds(at)


def _seconds(at: datetime) -> float:
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
