"""A clock that only the test moves on."""


class ManualClock:
    """Seconds, as `time.time` and `time.monotonic` give them; `instant` gives milliseconds."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now
        self.ahead = 0.0
        """Seconds by which the wall clock is ahead of what it should be."""

    def __call__(self) -> float:
        return self.now

    def instant(self) -> int:
        """Return whole milliseconds since the epoch, as the store keeps times."""
        return round((self.now + self.ahead) * 1_000)
