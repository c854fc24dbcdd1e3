"""The rate limit: how many calls a minute an endpoint takes, and the headers that say so."""

import math
import threading
from collections.abc import Callable, Mapping


class Quota:
    """
    A fixed window, aligned to the clock as API gateways do it.

    Args:
        limit: calls a window.
        window: its length in seconds; the header names say a minute whatever it is.
    """

    def __init__(self, limit: int, window: float, clock: Callable[[], float]) -> None:
        self._limit = limit
        self._window = window
        self._clock = clock
        self._lock = threading.Lock()
        self._current = -1
        self._taken = 0

    def take(self) -> tuple[bool, Mapping[str, str]]:
        """Count one call; return whether it may pass, and the headers for its answer."""
        now = self._clock()
        current = int(now // self._window)
        with self._lock:
            if current != self._current:
                self._current, self._taken = current, 0
            passes = self._taken < self._limit
            self._taken += passes
            remaining = str(self._limit - self._taken)
        reset = max(1, math.ceil((current + 1) * self._window - now))
        return passes, {
            "X-RateLimit-Limit-Minute": str(self._limit),
            "RateLimit-Limit": str(self._limit),
            "RateLimit-Remaining": remaining,
            "RateLimit-Reset": str(reset),
            "X-RateLimit-Remaining-Minute": remaining,
        }
