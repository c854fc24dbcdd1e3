"""When Lighthouse allows the next call: by its rate limit's headers and `Retry-After`."""

import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

import structlog

from lightkeeper.upstream import limit_headers

LOWEST_PAUSE_SECONDS: Final = 1.0
LONGEST_PAUSE_SECONDS: Final = 3600.0
LONGEST_UNNAMED_PAUSE_SECONDS: Final = 60.0
"""To this the pause grows while calls end as 429 and no header names a usable time."""
SAY_AGAIN_SECONDS: Final = 600.0
"""How often it is logged that calls still end as 429."""
SHARE_OF_WANTED: Final = 10
"""One call of so many is left free for what callers wait for."""
KEPT_FOR_SECONDS: Final = 600.0
"""For how long calls are left free once a caller waited for one."""
USUAL_LIMIT: Final = 60
"""Calls a minute that Lighthouse allows where it names no limit."""

log = structlog.get_logger()


class RateBudget:
    """How long to wait before the next call: without such headers, not at all.

    `max_calls_per_minute` spaces calls evenly, further apart than Lighthouse demands.
    `wall_clock` gives seconds since 1970, for headers that name a time instead of a pause; without
    it such a time counts only beside the server's `Date`.
    """

    def __init__(
        self,
        max_calls_per_minute: int | None = None,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float | None] = lambda: None,
    ) -> None:
        self.reconfigure(max_calls_per_minute)
        self._monotonic = monotonic
        self._wall_clock = wall_clock
        self._not_before = 0.0
        self._rate_limited = True
        self.limit: int | None = None
        self._remaining: int | None = None
        self._resets_at = 0.0
        self._refused = self._unnamed = 0
        self._refused_since = self._said_at = 0.0
        self._wanted_at: dict[str, float] = {}
        self._wanted_calls: Counter[str] = Counter()
        self._share_renewed_at = 0.0

    def reconfigure(self, max_calls_per_minute: int | None) -> None:
        """Space calls like this from the next one on; what Lighthouse said stays in force."""
        self._max_calls = max_calls_per_minute
        self._gap = 60.0 / max_calls_per_minute if max_calls_per_minute else 0.0

    def wait_seconds(self) -> float:
        """Seconds until a call may go out; 0.0 when it may go now.

        The last tenth of the calls that Lighthouse allows is left free while callers wait for
        polls now and then.
        """
        until = self._not_before
        if self._is_kept_free:
            until = max(until, self._resets_at)
        return max(0.0, until - self._monotonic())

    def wanted_calls(self, by: str) -> int:
        """How many of the calls for which callers wait were those of this one, of late."""
        return self._wanted_calls[by]

    def wait_for_wanted(self, callers: Collection[str] = ("",), *, backlog: bool) -> float:
        """Seconds until a call may go out for which one of these waits; a tenth is kept for all.

        Beyond that tenth such calls may use what other polling does not need: nothing while it
        has a `backlog`, else half of what Lighthouse allows. Callers that wait now and then
        share the tenth evenly.
        """
        now = self._monotonic()
        self._wanted_at.update(dict.fromkeys(callers, now))
        if now >= self._share_renewed_at:
            self._wanted_calls.clear()
        left, limit = self.remaining, self.limit or USUAL_LIMIT
        needed = backlog or (left is not None and 2 * left <= limit)
        share = self._share_of_each(self._callers(now))
        used_up = needed and min(map(self.wanted_calls, callers)) >= share
        until = max(self._not_before, self._share_renewed_at) if used_up else self._not_before
        return max(0.0, until - now)

    def _callers(self, now: float) -> list[str]:
        return [each for each, at in self._wanted_at.items() if now - at < KEPT_FOR_SECONDS]

    def _share_of_each(self, callers: Sequence[str]) -> int:
        return max(1, self._share // len(callers))

    def spend_on_wanted(self, by: str = "") -> None:
        """Count that the next call is one for which this caller waits."""
        if not self._wanted_calls.total():
            now = self._monotonic()
            named = self._remaining is not None and now < self._resets_at
            self._share_renewed_at = self._resets_at if named else now + 60.0
        self._wanted_calls[by] += 1

    @property
    def _share(self) -> int:
        """How many calls of those that are allowed until a reset are for waiting callers."""
        limits = [limit for limit in (self.limit, self._max_calls) if limit]
        return max(1, min(limits, default=USUAL_LIMIT) // SHARE_OF_WANTED)

    @property
    def _is_kept_free(self) -> bool:
        """Whether what is left of the calls is for waiting callers alone."""
        now = self._monotonic()
        callers = self._callers(now)
        if not callers or self._remaining is None or now >= self._resets_at:
            return False
        share = self._share_of_each(callers)
        used = self._wanted_calls if now < self._share_renewed_at else Counter[str]()
        return self._remaining <= sum(max(0, share - used[each]) for each in callers)

    @property
    def rate_limited(self) -> bool:
        """Whether the pause is for the rate limit; otherwise for a 503 with `Retry-After`."""
        return self._rate_limited or self._is_kept_free

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
        """Read an answer's headers; a 429 always pauses.

        For as long as the headers say; where they name no usable time, for a second, then twice
        as long after each further 429, a minute at most.
        """
        said = limit_headers.read(headers, self._wall_clock())
        self._remaining, self.limit = said.remaining, said.limit
        reset = 60.0 if said.reset is None else min(said.reset, LONGEST_PAUSE_SECONDS)
        self._resets_at = self._monotonic() + reset
        if said.reset is not None:
            self._share_renewed_at = min(self._share_renewed_at, self._resets_at)
        if status != 429:
            self._answered()
        if said.remaining is not None and said.remaining <= 0 and status != 429:
            self._pause(max(said.reset or 0.0, LOWEST_PAUSE_SECONDS))
        else:
            self._obey(status, said, "Lighthouse")

    def token_refused(self, status: int, headers: Mapping[str, str]) -> None:
        """Read the headers of the token endpoint where it gave no token.

        It pauses as `update` does; but its limit is one of its own.
        """
        self._obey(status, limit_headers.read(headers, self._wall_clock()), "the token endpoint")

    def _obey(self, status: int, said: limit_headers.LimitHeaders, who: str) -> None:
        if status == 429:
            named = max(said.retry_after or 0.0, said.reset or 0.0)
            if named <= 0.0:
                doublings = min(self._unnamed, 16)
                named = min(LOWEST_PAUSE_SECONDS * 2.0**doublings, LONGEST_UNNAMED_PAUSE_SECONDS)
                self._unnamed += 1
            self._pause(max(named, LOWEST_PAUSE_SECONDS))
            self._say_refused(who)
        elif status == 503 and said.retry_after is not None:
            self._pause(said.retry_after, rate_limited=False)

    def _say_refused(self, who: str) -> None:
        now = self._monotonic()
        if not self._refused:
            self._refused_since = now
        self._refused += 1
        if self._refused == 1 or now - self._said_at >= SAY_AGAIN_SECONDS:
            self._said_at = now
            log.warning(
                "lighthouse.rate_limited",
                answered_by=who,
                calls=self._refused,
                next_call_in_seconds=round(self.wait_seconds(), 1),
            )

    def _answered(self) -> None:
        if self._refused:
            seconds = round(self._monotonic() - self._refused_since, 1)
            log.info("lighthouse.rate_limited.ended", calls=self._refused, after_seconds=seconds)
        self._refused = self._unnamed = 0

    def _pause(self, seconds: float, *, rate_limited: bool = True) -> None:
        if self._not_before <= self._monotonic() or rate_limited:
            self._rate_limited = rate_limited
        until = self._monotonic() + min(seconds, LONGEST_PAUSE_SECONDS)
        self._not_before = max(self._not_before, until)
