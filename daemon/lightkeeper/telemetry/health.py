"""What the daemon knows of itself and of what it needs: counts of calls, and service checks."""

import time
from collections import Counter
from collections.abc import Callable
from typing import Final, NamedTuple

import structlog

from lightkeeper.domain.answer import ANSWERED, CallOutcome
from lightkeeper.domain.errors import LightkeeperError
from lightkeeper.polling.interfaces import Budget, Counts
from lightkeeper.polling.poller import Poller
from lightkeeper.telemetry.dogstatsd import Emitter

log = structlog.get_logger()

OK: Final = 0
CRITICAL: Final = 2
UNKNOWN: Final = 3

_UNREACHED: Final = frozenset(
    {CallOutcome.TIMEOUT, CallOutcome.CONNECTION, CallOutcome.UNEXPECTED}
)
_EVIDENCE: Final[dict[str, tuple[frozenset[str], frozenset[str]]]] = {
    "lightkeeper.lighthouse.can_connect": (
        frozenset(CallOutcome) - _UNREACHED - {CallOutcome.TOKEN_UNAVAILABLE},
        _UNREACHED,
    ),
    # Lighthouse in trouble, or counting our calls, may not have looked at the token; and a token
    # endpoint in trouble refuses nobody: polling stops, which is told once.
    "lightkeeper.lighthouse.can_authenticate": (
        ANSWERED | {CallOutcome.TOO_LARGE, CallOutcome.REJECTED},
        frozenset({CallOutcome.UNAUTHORIZED}),
    ),
}
"""For each check the outcomes of calls that show it to be well, and those that show it is not."""
POLLING: Final = "lightkeeper.polling"
THROTTLED_TOO_LONG_SECONDS: Final = 300.0
"""To wait for our turn is calm, unless the turn never comes."""


class Calls(NamedTuple):
    """What is known of calls to Lighthouse; seconds, and None for what is not known."""

    last_ago: float | None = None
    failing_for: float = 0.0
    left: int | None = None
    limit: int | None = None


class Health:
    """Gathers what polling slices came to, and sends the state of it every so often."""

    def __init__(
        self,
        poller: Poller,
        budget: Budget,
        emitter: Emitter,
        try_write: Callable[[], None],
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._poller = poller
        self._budget = budget
        self._emitter = emitter
        self._try_write = try_write
        self._monotonic = monotonic
        self._seen: Counter[str] = Counter()
        self._went_on = False
        self._held_up: set[str] = set()
        self._store_problem = self._unwritable = ""
        self._states = dict.fromkeys((*_EVIDENCE, POLLING), (UNKNOWN, "nothing was asked yet"))

    def reconfigure(self, budget: Budget, emitter: Emitter) -> None:
        """Send by these from now on; what was seen before still counts."""
        self._budget, self._emitter = budget, emitter

    def calls(self) -> Calls:
        """What is known of calls to Lighthouse."""
        called_at = self._poller.called_at
        return Calls(
            None if called_at is None else self._monotonic() - called_at,
            self._failing_for(),
            self._budget.remaining,
            self._budget.limit,
        )

    def problems(self) -> list[str]:
        """What is wrong on our side, a sentence each."""
        found = [f"the store cannot be written: {self._unwritable}"] if self._unwritable else []
        if self._emitter.reachable is False:
            found.append("the Datadog Agent takes nothing")
        return found

    def slice_ended(self, *, calm: bool, recorded: bool) -> Counts:
        """Send what a slice came to, and return it.

        `calm`: it ended because there was nothing (more) to do, or our turn had not come;
        `recorded`: the store took all that was learned.
        """
        counts, emitter = self._poller.take_counts(), self._emitter
        for outcome, calls in counts.calls.items():
            emitter.count("lightkeeper.poll.batches", calls, outcome=outcome)
        for (kind, reason), documents in counts.unusable.items():
            emitter.count(
                "lightkeeper.answers.unusable", documents, document_type=kind, reason=reason
            )
        if counts.polled:
            emitter.count("lightkeeper.poll.documents", counts.polled)
        if counts.unrequested:
            emitter.count("lightkeeper.answers.unrequested", counts.unrequested)
        self._seen.update(counts.calls)
        self._judge(counts, calm and not self._failing_for(), recorded)
        return counts

    def _judge(self, counts: Counts, calm: bool, recorded: bool) -> None:
        answered = any(outcome in ANSWERED for outcome in counts.calls)
        # Waiting after a 429 is calm, but nobody knows yet whether the turn will come.
        at_rest = calm and not counts.calls and not self._poller.throttled_in_row
        if recorded and (answered or at_rest):
            self._emitter.count("lightkeeper.cycle.success", 1)
        if not recorded:
            self._held_up.add("nothing could be recorded")
        elif answered or calm:
            self._went_on = True
        self._held_up.update(f"calls end as {word}" for word in counts.calls if not answered)

    def store_failed(self, exc: LightkeeperError) -> None:
        """Take note that some job could not read or write the store."""
        self._store_problem = str(exc)

    def _failing_for(self) -> float:
        """Seconds since when no call has been answered; 0.0 while all is well, or just begun."""
        now, poller = self._monotonic(), self._poller
        failing = 0.0 if poller.failing_since is None else now - poller.failing_since
        throttled = 0.0 if poller.throttled_since is None else now - poller.throttled_since
        return max(failing, throttled if throttled >= THROTTLED_TOO_LONG_SECONDS else 0.0)

    def pulse(self) -> None:
        """Send heartbeat and service checks, both when all is well and when it is not."""
        emitter = self._emitter
        emitter.gauge("lightkeeper.heartbeat", 1)
        emitter.gauge("lightkeeper.poll.failing_for", self._failing_for())
        if (calls_left := self._budget.remaining) is not None:
            emitter.gauge("lightkeeper.lighthouse.calls_left", calls_left)
        for name, (well, unwell) in _EVIDENCE.items():
            if any(self._seen[word] for word in well):
                self._states[name] = (OK, "")
            elif bad := sorted(word for word in unwell if self._seen[word]):
                # Outcomes only: Lighthouse's own words may hold what must not leave.
                self._states[name] = (CRITICAL, f"calls end as {', '.join(bad)}")
        if self._went_on:
            self._states[POLLING] = (OK, "")
        elif self._held_up:
            self._states[POLLING] = (CRITICAL, "; ".join(sorted(self._held_up)))
        for name, (status, message) in self._states.items():
            emitter.service_check(name, status=status, message=message)
        self._seen.clear()
        self._held_up.clear()
        self._went_on = False
        emitter.handed_over()  # a store that keeps us waiting keeps none of this
        self._check_store()

    def _check_store(self) -> None:
        problem, self._store_problem = self._store_problem, ""
        try:
            self._try_write()
        except LightkeeperError as exc:
            problem = str(exc)
        if problem and not self._unwritable:
            log.error("health.store.unwritable", reason=problem)
        # Room for this one write does not mean that there was room for the others.
        self._unwritable = problem
        status = CRITICAL if problem else OK
        self._emitter.service_check(
            "lightkeeper.database.can_write", status=status, message=problem
        )
        self._emitter.handed_over()
