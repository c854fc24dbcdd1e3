"""Sends the store's levels as gauges, zeros included."""

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import product
from typing import Final

from lightkeeper.config.accesses import Expiry
from lightkeeper.domain.document import COUNTED_AS
from lightkeeper.domain.policy import Policy
from lightkeeper.domain.time import DAY, MINUTE, SECOND, Instant
from lightkeeper.store.levels import Levels
from lightkeeper.store.outbox import Outbox
from lightkeeper.telemetry.daily import DailyCount
from lightkeeper.telemetry.dogstatsd import Emitter
from lightkeeper.telemetry.tag_values import OpenTag
from lightkeeper.telemetry.tags import DOCUMENT_TYPES, OPEN_WORDS

_BY_STEP: Final = ("pending", "failed", "unacknowledged", "slow", "stuck", "overdue")
_BY_TYPE: Final = (
    *("done", "in_efolder_not_bgs", "efolder_unknown", "contradictory", "not_found"),
    "acknowledged",
)
MOST_ACCESSES: Final = 1 + OPEN_WORDS + 1
"""The key to Lighthouse, and tokens: as many series as the catalogue allows."""
MEDIANS_EVERY_MS: Final = 5 * MINUTE
"""How often medians are computed: they cost as much as all other gauges together."""


class Gauges:
    """Sends every level gauge; `steps` holds the step words that have a tag value of their own."""

    def __init__(
        self,
        levels: Levels,
        outbox: Outbox,
        steps: OpenTag,
        emitter: Emitter,
        clock: Callable[[], Instant],
        daily_count_hour: int,
        policy: Policy,
        accesses: Callable[[], Sequence[Expiry]],
    ) -> None:
        self._levels = levels
        self._outbox = outbox
        self._steps = steps
        self._emitter = emitter
        self._clock = clock
        self._policy = policy
        self._accesses = accesses
        self._began = clock()
        self._medians: Counter[str] = Counter()
        self._medians_at: Instant | None = None
        self._daily = DailyCount(levels, outbox, emitter, clock, daily_count_hour, policy)

    def reconfigure(
        self,
        emitter: Emitter,
        *,
        daily_count_hour: int,
        policy: Policy,
        accesses: Callable[[], Sequence[Expiry]],
    ) -> None:
        """Send through this emitter, and count by these settings, from now on."""
        self._emitter, self._policy, self._accesses = emitter, policy, accesses
        self._daily.reconfigure(emitter, daily_count_hour, policy)

    def send(self) -> None:
        """Send the store's levels; every series goes out each time, so that monitors see no gap.

        An unreachable Agent raises nothing: the next call sends the levels of then. Once a day the
        daily count goes out as well; that it was sent, the store has to keep.
        """
        now = self._clock()
        self._counts()
        self._expected(now)
        self._oldest(now)
        self._median(now)
        self._maintenance(now)
        self._following(now)
        self._endings(now)
        backlog = self._outbox.backlog()
        since = {
            "documents.oldest_failure_age": self._levels.oldest_failure(),
            "intake.newest_age": self._levels.newest() or self._began,
            "poll.due_lag": self._levels.due_since(now),
            "outbox.age": backlog.oldest_at,
        }
        for name, at in since.items():
            self._emitter.gauge(f"lightkeeper.{name}", _seconds_since(at, now))
        self._emitter.gauge("lightkeeper.outbox.depth", backlog.depth)
        self._emitter.gauge("lightkeeper.documents.unobserved", self._levels.unobserved(now))
        self._emitter.flush()
        self._daily.send_due()

    def _counts(self) -> None:
        counts: Counter[tuple[str, str, str]] = Counter()
        for level in self._levels.totals():
            step = self._steps.tag(level.step)
            for name in (level.lighthouse_status, *COUNTED_AS.get(level.condition, ())):
                at = step if name in _BY_STEP else ""
                counts[name, level.document_type, at] += level.document_count
        steps = self._steps.seen
        for kind in DOCUMENT_TYPES:
            for name in _BY_TYPE:
                value = counts[name, kind, ""]
                self._emitter.gauge(f"lightkeeper.documents.{name}", value, document_type=kind)
            for name in _BY_STEP:
                signal = f"lightkeeper.documents.{name}"
                for step in steps:
                    value = counts.get((name, kind, step), 0)
                    self._emitter.gauge(signal, value, document_type=kind, step=step)

    def _expected(self, now: Instant) -> None:
        missing = self._levels.expected_missing(now, self._policy.expected_within_ms)
        for kind in DOCUMENT_TYPES:
            value = missing.get(kind, 0)
            self._emitter.gauge(
                "lightkeeper.documents.expected_missing", value, document_type=kind
            )

    def _oldest(self, now: Instant) -> None:
        ages = dict.fromkeys(product(DOCUMENT_TYPES, self._steps.seen), 0.0)
        for oldest in self._levels.oldest_pending():
            key = (oldest.document_type, self._steps.tag(oldest.step))
            ages[key] = max(ages.get(key, 0.0), _seconds_since(oldest.tracked_at, now))
        for (kind, step), age in ages.items():
            self._emitter.gauge(
                "lightkeeper.documents.oldest_pending_age", age, document_type=kind, step=step
            )

    def _median(self, now: Instant) -> None:
        if self._medians_at is None or not 0 <= now - self._medians_at < MEDIANS_EVERY_MS:
            self._medians_at, self._medians = now, Counter()
            for step, at in self._levels.median_pending().items():
                tag = self._steps.tag(step)
                self._medians[tag] = max(self._medians[tag], now - at)
        for step in self._steps.seen:
            age = self._medians[step] / SECOND
            self._emitter.gauge("lightkeeper.documents.median_pending_age", age, step=step)

    def _maintenance(self, now: Instant) -> None:
        windows = self._levels.maintenance(now)
        out = {self._steps.tag(step) for window in windows for step in window.steps}
        all_out = not all(window.steps for window in windows)
        for step in self._steps.seen:
            self._emitter.gauge("lightkeeper.maintenance", int(all_out or step in out), step=step)

    def _endings(self, now: Instant) -> None:
        for access in self._accesses()[:MOST_ACCESSES]:
            days = (access.ends - now) / DAY
            self._emitter.gauge("lightkeeper.access.days_left", days, access=access.name)

    def _following(self, now: Instant) -> None:
        following = self._levels.following()
        if following is None:  # an age of nothing would say that all is well
            return
        self._emitter.gauge("lightkeeper.follow.not_tracked", following.waiting)
        for name, at in (
            ("oldest_not_tracked_age", following.oldest),
            ("round_age", following.followed_at),
        ):
            self._emitter.gauge(f"lightkeeper.follow.{name}", _seconds_since(at, now))


def _seconds_since(at: Instant | None, now: Instant) -> float:
    return 0.0 if at is None else max(0, now - at) / SECOND
