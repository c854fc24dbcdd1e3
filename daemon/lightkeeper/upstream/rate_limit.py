"""How fast Lighthouse lets us ask: what its `RateLimit-*` headers and `Retry-After` say."""

import time
from collections.abc import Callable, Mapping
from typing import Final

LOWEST_PAUSE_SECONDS: Final = 1.0
LONGEST_PAUSE_SECONDS: Final = 3600.0
_REMAINING = ("RateLimit-Remaining", "X-RateLimit-Remaining-Minute")


class RateBudget:
    """Says how long to wait before the next call. No header, no throttle.

    `max_calls_per_minute` spaces the calls further apart than Lighthouse asks for.
    """

    def __init__(
        self,
        max_calls_per_minute: int | None = None,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.reconfigure(max_calls_per_minute)
        self._monotonic = monotonic
        self._not_before = 0.0
        self.rate_limited = True
        """Whether a pause is for our rate; otherwise Lighthouse is unwell and asks for time."""
        self.limit: int | None = None
        self._remaining: int | None = None
        self._resets_at = 0.0

    def reconfigure(self, max_calls_per_minute: int | None) -> None:
        """Space calls like this from the next on; what Lighthouse told stays."""
        self._gap = 60.0 / max_calls_per_minute if max_calls_per_minute else 0.0

    def wait_seconds(self) -> float:
        """Seconds until a call may go out; 0.0 when it may go now."""
        return max(0.0, self._not_before - self._monotonic())

    @property
    def remaining(self) -> int | None:
        """Calls left in the current window, as last told by Lighthouse; None if it never did."""
        if self._remaining is not None and self._monotonic() >= self._resets_at:
            return self.limit if self.limit is not None else self._remaining
        return self._remaining

    def sent(self) -> None:
        """Take note that a call goes out now."""
        if self._gap:
            self._pause(self._gap)

    def note(self, status: int, headers: Mapping[str, str]) -> None:
        """Learn from an answer's headers; a 429 always pauses, its `Retry-After` is obeyed."""
        reset = _seconds(headers.get("RateLimit-Reset"))
        told = [n for name in _REMAINING if (n := _seconds(headers.get(name))) is not None]
        self._remaining = remaining = int(min(told)) if told else None
        self._resets_at = self._monotonic() + (60.0 if reset is None else reset)
        limit = _seconds(headers.get("RateLimit-Limit"))
        self.limit = None if limit is None else int(limit)
        if status == 429:
            asked = _seconds(headers.get("Retry-After"))
            pause = max((s for s in (asked, reset) if s is not None), default=0.0)
            self._pause(max(pause, LOWEST_PAUSE_SECONDS))
        elif remaining is not None and remaining <= 0:
            self._pause(max(reset or 0.0, LOWEST_PAUSE_SECONDS))
        elif status == 503 and (asked := _seconds(headers.get("Retry-After"))) is not None:
            self._pause(asked, rate_limited=False)

    def _pause(self, seconds: float, *, rate_limited: bool = True) -> None:
        if self.wait_seconds() == 0.0 or rate_limited:
            self.rate_limited = rate_limited
        until = self._monotonic() + min(seconds, LONGEST_PAUSE_SECONDS)
        self._not_before = max(self._not_before, until)


def _seconds(value: str | None) -> float | None:
    """A header's number of seconds or calls; None where it is absent or no such number."""
    try:
        number = float(value) if value is not None else None
    except ValueError:
        return None
    return number if number is not None and 0 <= number < float("inf") else None
