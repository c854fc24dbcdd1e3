"""What the daemon knows of itself and of what it needs: counts of calls, and service checks."""

import time
from collections import Counter
from collections.abc import Callable
from typing import Final

from lightkeeper.cycle import Poller
from lightkeeper.emit import Emitter
from lightkeeper.model import ANSWERED, CallOutcome, LightkeeperError
from lightkeeper.ports import Budget, Counts

OK: Final = 0
CRITICAL: Final = 2
UNKNOWN: Final = 3

_UNREACHED: Final = frozenset(
    {CallOutcome.TIMEOUT, CallOutcome.CONNECTION, CallOutcome.UNEXPECTED}
)
_NO_TOKEN: Final = frozenset({CallOutcome.UNAUTHORIZED, CallOutcome.TOKEN_UNAVAILABLE})
_CALM: Final = "calm"
"""Stands for a slice in which nothing was due, or in which our turn had not come."""
_EVIDENCE: Final[dict[str, tuple[frozenset[str], frozenset[str]]]] = {
    "lightkeeper.lighthouse.can_connect": (
        frozenset(CallOutcome) - _UNREACHED - {CallOutcome.TOKEN_UNAVAILABLE},
        _UNREACHED,
    ),
    # Lighthouse in trouble, or counting our calls, may not have looked at the token.
    "lightkeeper.lighthouse.can_authenticate": (
        ANSWERED | {CallOutcome.TOO_LARGE, CallOutcome.REJECTED},
        _NO_TOKEN,
    ),
    "lightkeeper.polling": (
        ANSWERED | {_CALM},
        frozenset(CallOutcome) - ANSWERED - {CallOutcome.RATE_LIMITED},
    ),
}
"""For each check what shows it to be well, and what shows it not to be."""


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
        self._states = dict.fromkeys(_EVIDENCE, (UNKNOWN, "nothing was asked yet"))

    def slice_ended(self, *, calm: bool) -> Counts:
        """Send what a slice came to, and return it.

        `calm`: it ended because there was nothing (more) to do.
        """
        counts, emitter = self._poller.take_counts(), self._emitter
        for outcome, calls in counts.calls.items():
            emitter.count("lightkeeper.poll.batches", calls, outcome=outcome)
        for (kind, reason), documents in counts.unusable.items():
            emitter.count(
                "lightkeeper.answers.unusable", documents, document_type=kind, reason=reason
            )
        if counts.asked:
            emitter.count("lightkeeper.poll.documents", counts.asked)
        if counts.unasked:
            emitter.count("lightkeeper.answers.unasked", counts.unasked)
        answered = any(outcome in ANSWERED for outcome in counts.calls)
        if answered or (calm and not counts.calls):
            emitter.count("lightkeeper.cycle.success", 1)
        self._seen.update(counts.calls)
        if calm:
            self._seen[_CALM] += 1
        return counts

    def pulse(self) -> None:
        """Send heartbeat and service checks, both when all is well and when it is not."""
        emitter = self._emitter
        emitter.gauge("lightkeeper.heartbeat", 1)
        since = self._poller.failing_since
        failing = 0.0 if since is None else self._monotonic() - since
        emitter.gauge("lightkeeper.poll.failing_for", failing)
        if (calls_left := self._budget.remaining) is not None:
            emitter.gauge("lightkeeper.lighthouse.calls_left", calls_left)
        for name, (well, unwell) in _EVIDENCE.items():
            if any(self._seen[word] for word in well):
                self._states[name] = (OK, "")
            elif bad := sorted(word for word in unwell if self._seen[word]):
                # Outcomes only: Lighthouse's own words may hold what must not leave.
                self._states[name] = (CRITICAL, f"calls end as: {', '.join(bad)}")
            status, message = self._states[name]
            emitter.service_check(name, status=status, message=message)
        self._seen.clear()
        emitter.handed_over()  # a store that keeps us waiting keeps none of this
        self._check_store()

    def _check_store(self) -> None:
        status, message = OK, ""
        try:
            self._try_write()
        except LightkeeperError as exc:
            status, message = CRITICAL, str(exc)
        self._emitter.service_check(
            "lightkeeper.database.can_write", status=status, message=message
        )
        self._emitter.handed_over()
