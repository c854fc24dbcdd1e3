"""Keeps the log of a trouble that lasts short: a line when it begins, changes and ends."""

import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from structlog.typing import EventDict, WrappedLogger

FIRST_GAP_SECONDS: Final = 60.0
LONGEST_GAP_SECONDS: Final = 600.0
AFTER_END_SECONDS: Final = 120.0
"""How soon after its end the same trouble is logged again, where it comes and goes."""
QUIET_SECONDS: Final = 600.0
"""A trouble that was not met for so long is over; the next one begins."""
NEW_AT_MOST: Final = 10
"""Changes of one event logged in `QUIET_SECONDS`: an error may be worded anew each time."""
ENDS: Final = {
    "accesses.tokens.read": ("accesses.tokens.unread",),
    "dogstatsd.agent.reachable": ("dogstatsd.agent.unreachable",),
    "health.store.writable": ("health.store.unwritable",),
    "lighthouse.rate_limited.ended": ("lighthouse.rate_limited",),
    "maintenance.list.read": ("maintenance.list.unread",),
    "poll.batches.resumed": ("poll.batches.failing",),
    "poll.call.answered": ("poll.call.failed",),
    "web.tokens.read": ("web.tokens.wrong",),
    "service.job.recovered": ("service.job.failed", "service.job.crashed"),
}
"""The line that says that a trouble has ended, and the lines of that trouble."""
_TROUBLE: Final = frozenset({"warning", "error", "exception", "critical"})
_ANSWERS_A_PERSON: Final = frozenset({"service.reload.refused"})
_NEW_EACH_TIME: Final = frozenset({"instance", "diagnostics"})  # Lighthouse's ids of one call
_NUMBER: Final = re.compile(r"\d{4,}|\d+\.\d+|\b(?=\w*\d)\w{8,}")

_Variety = tuple[object, ...]


@dataclass(slots=True)
class _Logged:
    """What was logged of one event."""

    met_at: dict[_Variety, float] = field(default_factory=dict)
    """When each variety that was logged was met last."""
    logged_at: list[float] = field(default_factory=list)
    """When a variety was logged for the first time, within `QUIET_SECONDS`."""
    gap: float = FIRST_GAP_SECONDS
    next_at: float = 0.0
    left_out: int = 0
    lines: int = 0
    ended: dict[_Variety, int] = field(default_factory=dict)
    """By each line that said that it ended: `lines` as of then."""

    def forget(self, now: float) -> None:
        """Forget the varieties that are over."""
        over = now - QUIET_SECONDS
        self.met_at = {key: at for key, at in self.met_at.items() if at > over}
        self.logged_at = [at for at in self.logged_at if at > over]
        if not self.met_at:
            self.gap, self.next_at = FIRST_GAP_SECONDS, 0.0

    def is_logged(self, key: _Variety, now: float) -> bool:
        """Whether a line of this variety is logged now."""
        self.forget(now)
        if key not in self.met_at:
            if len(self.logged_at) >= NEW_AT_MOST:
                self.left_out += 1
                return False
            self.logged_at.append(now)
            self.next_at = self.next_at or now + self.gap
        elif now >= self.next_at:
            self.gap = min(2 * self.gap, LONGEST_GAP_SECONDS)
            self.next_at = now + self.gap
        else:
            self.met_at[key] = now
            self.left_out += 1
            return False
        self.met_at[key] = now
        self.lines += 1
        return True

    def ends(self, key: _Variety, now: float) -> bool:
        """Whether this end is logged: not where nothing was since the last one."""
        if self.ended.get(key, 0) == self.lines:
            return False
        self.ended[key] = self.lines
        self.next_at = now + AFTER_END_SECONDS
        return True


class Lasting:
    """A processor of structlog that drops warnings and errors which only say that it goes on.

    What differs in words, in an HTTP status or in the document is a line of its own. The same
    again is logged after a minute, and then ever more rarely, up to 10 minutes, with the number
    of lines `left_out`.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._troubles: dict[str, _Logged] = {}

    def __call__(self, _logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        """The event; raises `structlog.DropEvent` for one that says nothing new."""
        name, now = str(event.get("event")), self._monotonic()
        if name in ENDS:
            begun = [self._troubles[one] for one in ENDS[name] if one in self._troubles]
            ended = [one for one in begun if one.ends(_key(event), now)]
            if not ended:
                raise structlog.DropEvent
            trouble = ended[0]
        elif method in _TROUBLE and name not in _ANSWERS_A_PERSON:
            trouble = self._troubles.setdefault(name, _Logged())
            if not trouble.is_logged(_key(event), now):
                raise structlog.DropEvent
        else:
            return event
        if trouble.left_out:
            event["left_out"], trouble.left_out = trouble.left_out, 0
        return event


def _key(event: EventDict) -> _Variety:
    return tuple(
        (name, _essence(name, value))
        for name, value in sorted(event.items())
        if name not in _NEW_EACH_TIME
    )


def _essence(name: str, value: Any) -> object:
    """What makes a value another one: its words, not its counts."""
    if name == "exc_info":
        exc = value if isinstance(value, BaseException) else sys.exc_info()[1]
        return type(exc).__name__, _NUMBER.sub("#", str(exc))
    if (
        isinstance(value, bool)
        or value is None
        or name in ("http_status", "lighthouse_request_id")
    ):
        return value
    if isinstance(value, int | float):
        return value < 0
    return _NUMBER.sub("#", str(value))
