"""When Lighthouse allows the next call: by its `RateLimit-*` headers and `Retry-After`."""

import time
from collections.abc import Callable, Mapping
from typing import Final

LOWEST_PAUSE_SECONDS: Final = 1.0
LONGEST_PAUSE_SECONDS: Final = 3600.0
_REMAINING = ("RateLimit-Remaining", "X-RateLimit-Remaining-Minute")


class RateBudget:
    """How long to wait before the next call: without such headers, not at all.

    `max_calls_per_minute` spaces calls evenly, further apart than Lighthouse demands.
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
        """Whether the pause is for the rate limit; otherwise for a 503 with `Retry-After`."""
        self.limit: int | None = None
        self._remaining: int | None = None
        self._resets_at = 0.0

    def reconfigure(self, max_calls_per_minute: int | None) -> None:
        """Space calls like this from the next one on; what Lighthouse said stays in force."""
        self._gap = 60.0 / max_calls_per_minute if max_calls_per_minute else 0.0

    def wait_seconds(self) -> float:
        """Seconds until a call may go out; 0.0 when it may go now."""
        return max(0.0, self._not_before - self._monotonic())

    @property
    def remaining(self) -> int | None:
        """Calls left in the current window, as Lighthouse said last; None if it did not say."""
        if self._remaining is not None and self._monotonic() >= self._resets_at:
            return self.limit if self.limit is not None else self._remaining
        return self._remaining

    def spend(self) -> None:
        """Count a call that is made now."""
        if self._gap:
            self._pause(self._gap)

    def update(self, status: int, headers: Mapping[str, str]) -> None:
        """Read an answer's headers; a 429 always pauses, for its `Retry-After` at least."""
        reset = _seconds(headers.get("RateLimit-Reset"))
        left = [n for name in _REMAINING if (n := _seconds(headers.get(name))) is not None]
        self._remaining = remaining = int(min(left)) if left else None
        self._resets_at = self._monotonic() + (60.0 if reset is None else reset)
        limit = _seconds(headers.get("RateLimit-Limit"))
        self.limit = None if limit is None else int(limit)
        retry_after = _seconds(headers.get("Retry-After"))
        if status == 429:
            pause = max((s for s in (retry_after, reset) if s is not None), default=0.0)
            self._pause(max(pause, LOWEST_PAUSE_SECONDS))
        elif remaining is not None and remaining <= 0:
            self._pause(max(reset or 0.0, LOWEST_PAUSE_SECONDS))
        elif status == 503 and retry_after is not None:
            self._pause(retry_after, rate_limited=False)

    def _pause(self, seconds: float, *, rate_limited: bool = True) -> None:
        if self.wait_seconds() == 0.0 or rate_limited:
            self.rate_limited = rate_limited
        until = self._monotonic() + min(seconds, LONGEST_PAUSE_SECONDS)
        self._not_before = max(self._not_before, until)


def _seconds(value: str | None) -> float | None:
    """A header's number of seconds or calls; None where it is absent or is no such number."""
    try:
        number = float(value) if value is not None else None
    except ValueError:
        return None
    return number if number is not None and 0 <= number < float("inf") else None
