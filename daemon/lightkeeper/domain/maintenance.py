"""Maintenance windows: planned outages of Lighthouse, or of a step of it. Pure."""

from typing import Final, NamedTuple

from lightkeeper.domain.time import DAY, Instant

AHEAD_MS: Final = 366 * DAY
"""How long ahead a window may be announced."""
LONGEST_MS: Final = 30 * DAY
"""How long a window may last: what it explains does not page until it is over."""


class MaintenanceWindow(NamedTuple):
    """A planned outage: from when until when, of which steps, why, and who announced it."""

    id: int
    starts_at: Instant
    ends_at: Instant
    steps: tuple[str, ...]
    """Under Lighthouse's own names; empty: all of Lighthouse."""
    reason: str
    announced_by: str
    announced_at: Instant
    ended_at: Instant | None = None
    """When it was ended, before its time or before it began."""
    ended_by: str | None = None

    @property
    def over_at(self) -> Instant:
        """When it is over, or was."""
        return self.ends_at if self.ended_at is None else min(self.ended_at, self.ends_at)

    def is_over(self, now: Instant) -> bool:
        """Whether it explains nothing any more."""
        return self.over_at <= now

    def is_in_effect(self, now: Instant) -> bool:
        """Whether it explains what goes wrong now."""
        return self.starts_at <= now < self.over_at


def problem(starts_at: Instant, ends_at: Instant, now: Instant) -> str | None:
    """Why there can be no window from `starts_at` until `ends_at`; None where there can."""
    if ends_at <= starts_at:
        return "the window has to end after it begins"
    if ends_at <= now:
        return "the window is over already, and would explain nothing"
    if ends_at - starts_at > LONGEST_MS:
        return "the window would last longer than 30 days: announce a shorter one"
    if starts_at - now > AHEAD_MS:
        return "the window would begin in more than a year: check the year"
    return None
