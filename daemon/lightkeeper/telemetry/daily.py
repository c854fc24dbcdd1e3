"""Counts once a day the documents that need people, so that an alert comes every day of them."""

from collections.abc import Callable

from lightkeeper.domain.policy import Policy
from lightkeeper.domain.time import DAY, HOUR, Instant
from lightkeeper.store.levels import Levels, troubles
from lightkeeper.store.outbox import Outbox
from lightkeeper.telemetry.dogstatsd import Emitter


class DailyCount:
    """Sends the count once the hour of the day (UTC) has come, or as soon as it can that day.

    The store keeps the day: a restart sends nothing again. Only a crash between sending and
    marking does.
    """

    def __init__(
        self,
        levels: Levels,
        outbox: Outbox,
        emitter: Emitter,
        clock: Callable[[], Instant],
        hour: int,
        policy: Policy,
    ) -> None:
        self._levels = levels
        self._outbox = outbox
        self._emitter = emitter
        self._clock = clock
        self._hour = hour
        self._policy = policy
        self._sent_on: int | None = None
        self._marked_on: int | None = None

    def reconfigure(self, emitter: Emitter, hour: int, policy: Policy) -> None:
        """Send through this emitter, at this hour, and count by this, from now on."""
        self._emitter, self._hour, self._policy = emitter, hour, policy

    def send_due(self) -> None:
        """Send the count of today, if it is due; after a day that passed it is not made up.

        Raises what a store raises that cannot be written to; what was sent is marked later then,
        and not sent again.
        """
        today, since_midnight = divmod(self._clock(), DAY)
        if self._marked_on == today or since_midnight < self._hour * HOUR:
            return
        if self._sent_on != today and self._outbox.unattended_counted_on() != today:
            if not self._send():
                return
            self._sent_on = today
        if self._sent_on == today:
            self._outbox.mark_unattended(today)
        self._marked_on = today

    def _send(self) -> bool:
        """Send it; whether the Agent has it."""
        self._emitter.flush()  # what was lost before is no loss of this
        counts = troubles(self._levels.totals())
        now = self._clock()
        counts["unsettled"] = self._levels.unsettled(now - self._policy.unsettled_after_ms)
        missing = self._levels.expected_missing(now, self._policy.expected_within_ms)
        counts["expected_missing"] = sum(missing.values())
        for condition, count in counts.items():
            self._emitter.count("lightkeeper.documents.unattended", count, condition=condition)
        return self._emitter.flush()
