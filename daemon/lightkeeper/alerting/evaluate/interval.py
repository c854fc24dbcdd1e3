"""How often Datadog evaluates a monitor, by the length of its window."""

from typing import Final

DAY: Final = 86_400


def evaluated_every(window_seconds: int) -> int:
    """Return the seconds between two evaluations of a monitor with such a window."""
    if window_seconds < DAY:
        return 60
    return 600 if window_seconds < 2 * DAY else 1800
