"""Maintenance windows: planned outages of Lighthouse, or of a step of it. Pure."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from lightkeeper.domain.document import Step
from lightkeeper.domain.time import DAY, Instant

AHEAD_MS: Final = 366 * DAY
"""How long ahead a window may be announced."""
BY_VA: Final = "VA"
"""Who announced or ended a window that VA's list has, or had."""
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
    va_id: str | None = None
    """Its id in VA's list; None: staff announced it."""

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


class Listed(NamedTuple):
    """A maintenance window as VA's list has it."""

    va_id: str
    starts_at: Instant
    ends_at: Instant
    steps: tuple[str, ...]
    reason: str


def is_out(step: str, windows: Iterable[MaintenanceWindow]) -> bool:
    """Whether a document waits at this step by one of these windows."""
    ahead = Step.CLAIMS_EVIDENCE if step == Step.NONE else step
    return any(not window.steps or ahead in window.steps for window in windows)


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


def followed(
    known: Sequence[MaintenanceWindow], listed: Iterable[Listed], now: Instant, *, whole: bool
) -> list[MaintenanceWindow]:
    """VA's windows that are new (their id is 0) or change, each as it is from now on.

    `known` are those that VA's list had before. One that it has no longer is ended, if `whole`:
    every entry of the list could be read. What staff ended stays ended. Of a window that lasts
    longer than any may, the first 30 days count.
    """
    before = {window.va_id: window for window in known}
    changed = []
    for each in listed:
        ends_at = min(each.ends_at, each.starts_at + LONGEST_MS)
        if problem(each.starts_at, ends_at, now):
            continue
        was = before.pop(each.va_id, None)
        if was is not None and was.ended_by not in {None, BY_VA}:
            continue
        new = MaintenanceWindow(0, each.starts_at, ends_at, each.steps, each.reason, BY_VA, now)
        new = new._replace(va_id=each.va_id)
        if was is not None:
            new = new._replace(id=was.id, announced_at=was.announced_at)
        if new != was:
            changed.append(new)
    if whole:
        gone = [window for window in before.values() if not window.is_over(now)]
        changed += [window._replace(ended_at=now, ended_by=BY_VA) for window in gone]
    return changed
