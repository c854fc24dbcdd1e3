"""How times, durations and other programs' words are written for people."""

from datetime import UTC, datetime
from itertools import pairwise

from lightkeeper.domain.time import DAY, HOUR, MINUTE, SECOND, Instant


def iso(at: Instant | None) -> str | None:
    """The time in ISO 8601, UTC, to the second; None for None."""
    if at is None:
        return None
    return datetime.fromtimestamp(at // SECOND, UTC).isoformat().removesuffix("+00:00") + "Z"


def printable(text: str, keep: str = "") -> str:
    """`text` without what would move the reader's cursor, but for the characters in `keep`."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() or char in keep else "\N{REPLACEMENT CHARACTER}"
        for char in text
    )


def lasting(duration_ms: int) -> str:
    """A duration in its two largest units: `51 h 12 min`, `6 d 3 h`."""
    seconds = max(0, duration_ms) // SECOND
    units = (("d", DAY), ("h", HOUR), ("min", MINUTE), ("s", SECOND))
    for (name, unit_ms), (smaller, smaller_ms) in pairwise(units):
        unit, below = unit_ms // SECOND, smaller_ms // SECOND
        if seconds >= unit:
            rest = seconds % unit // below
            return f"{seconds // unit} {name}" + (f" {rest} {smaller}" if rest else "")
    return f"{seconds} s"
