"""The daemon's own health: counts of calls, heartbeat, and a service check for each need."""

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
    # Lighthouse may answer a 5xx or a 429 without looking at the token; and while the OAuth token
    # endpoint fails, it refuses no token: polling fails, and that pages once.
    "lightkeeper.lighthouse.can_authenticate": (
        ANSWERED | {CallOutcome.TOO_LARGE, CallOutcome.REJECTED},
        frozenset({CallOutcome.UNAUTHORIZED}),
    ),
}
"""For each check the outcomes of calls that show it is OK, and those that show it is critical."""
POLLING: Final = "lightkeeper.polling"
BATCHES: Final = "lightkeeper.poll.batch_endpoint"
RATE_LIMITED_TOO_LONG_SECONDS: Final = 300.0
"""How long every call may end as 429 before polling counts as failing."""


class Calls(NamedTuple):
    """The calls to Lighthouse, in seconds and calls; None for what is not known."""

    last_ago: float | None = None
    failing_for: float = 0.0
    left: int | None = None
    limit: int | None = None
    singly_for: float | None = None
    """Since when documents are polled singly, because batches fail; None while they do not."""


class StoreFound(NamedTuple):
    """What a start found in the place of the store."""

    is_new: bool = False
    """Whether no daemon has watched it before."""
    lacks: int | None = None
    """The request id of the document that was tracked last, if the store lacks it."""


class Health:
    """Counts what each polling slice came to, and sends heartbeat and service checks.

    `others` gives what else is wrong, a sentence each.
    """

    def __init__(
        self,
        poller: Poller,
        budget: Budget,
        emitter: Emitter,
        try_write: Callable[[], None],
        others: Callable[[], list[str]] = list,
        *,
        found: StoreFound | None = None,
    ) -> None:
        self._poller = poller
        self._budget = budget
        self._emitter = emitter
        self._try_write = try_write
        self._found = found or StoreFound()
        self._others = others
        self._seen: Counter[str] = Counter()
        self._progressed = False
        self._obstacles: set[str] = set()
        self._store_problem = self._unwritable = ""
        self._states = dict.fromkeys((*_EVIDENCE, POLLING), (UNKNOWN, "nothing was polled yet"))

    def reconfigure(self, budget: Budget, emitter: Emitter) -> None:
        """Use these from now on; what was seen before still counts."""
        self._budget, self._emitter = budget, emitter

    def calls(self) -> Calls:
        """The calls to Lighthouse, as of now."""
        report = self._poller.report()
        return Calls(
            report.last_call_ago,
            self._failing_for(),
            self._budget.remaining,
            self._budget.limit,
            report.singly_seconds,
        )

    def problems(self) -> list[str]:
        """What is wrong with the store, the Datadog Agent and others, a sentence each."""
        found = [f"the store cannot be written: {self._unwritable}"] if self._unwritable else []
        if self._emitter.reachable is False:
            found.append("Datadog Agent unreachable")
        return [*found, *self._others()]

    def slice_ended(self, *, calm: bool, recorded: bool) -> Counts:
        """Send what a slice came to, and return it.

        `calm`: it ended because nothing was left to poll, or to wait for the rate limit;
        `recorded`: the store recorded every answer.
        """
        counts, emitter = self._poller.take_counts(), self._emitter
        for outcome, calls in (counts.calls + counts.trials).items():
            emitter.count("lightkeeper.poll.batches", calls, outcome=outcome)
        for (kind, reason), documents in counts.unusable.items():
            emitter.count(
                "lightkeeper.answers.unusable", documents, document_type=kind, reason=reason
            )
        for outcome, documents in counts.refused.items():
            emitter.count("lightkeeper.answers.refused", documents, outcome=outcome)
        if counts.polled:
            emitter.count("lightkeeper.poll.documents", counts.polled)
        if counts.unrequested:
            emitter.count("lightkeeper.answers.unrequested", counts.unrequested)
        self._seen.update(counts.calls)
        self._note_progress(counts, calm and not self._failing_for(), recorded)
        return counts

    def _note_progress(self, counts: Counts, calm: bool, recorded: bool) -> None:
        answered = any(outcome in ANSWERED for outcome in counts.calls)
        # A wait after a 429 is calm, but no success: the next call may end as 429 too.
        at_rest = calm and not counts.calls and not self._poller.report().rate_limited_in_row
        if recorded and (answered or at_rest):
            self._emitter.count("lightkeeper.cycle.success", 1)
        if not recorded:
            self._obstacles.add("nothing could be recorded")
        elif answered or calm:
            self._progressed = True
        self._obstacles.update(f"calls end as {word}" for word in counts.calls if not answered)

    def store_failed(self, exc: LightkeeperError) -> None:
        """Note that a job could not read or write the store."""
        self._store_problem = str(exc)

    def _failing_for(self) -> float:
        """Seconds since the first failure in a row; 0.0 while calls are answered."""
        report = self._poller.report()
        limited = report.rate_limited_seconds
        if limited < RATE_LIMITED_TOO_LONG_SECONDS:
            return report.failing_seconds
        return max(report.failing_seconds, limited)

    def started(self) -> None:
        """Count a start of the daemon: one that ends again and again still has a heartbeat.

        A store that no daemon has watched, or that lacks what it had, holds none or not all of the
        documents that were tracked before.
        """
        store = "known"
        if self._found.is_new:
            store = "new"
            log.warning(
                "health.store.new",
                reason="no daemon has watched this store before: unless this is the first start, "
                "the documents tracked so far are in another store (new-store in the runbook)",
            )
        elif self._found.lacks is not None:
            store = "older"
            log.error(
                "health.store.older",
                lighthouse_request_id=self._found.lacks,
                reason="this store lacks the document that was tracked last: an older copy was "
                "put in its place. Put the newer one back, or track again what was tracked since "
                "that copy was made; nothing is stored twice (new-store in the runbook)",
            )
        self._emitter.count("lightkeeper.service.starts", 1, store=store)

    def pass_started(self) -> None:
        """Count a pass of `lightkeeper poll` as a start where an older copy is in the store's
        place: the next pass cannot know.
        """
        if self._found.lacks is not None:
            self.started()

    def pulse(self) -> None:
        """Send the heartbeat and every service check, whatever its status."""
        emitter = self._emitter
        emitter.gauge("lightkeeper.heartbeat", 1)
        emitter.gauge("lightkeeper.poll.failing_for", self._failing_for())
        if (calls_left := self._budget.remaining) is not None:
            emitter.gauge("lightkeeper.lighthouse.calls_left", calls_left)
        for name, (good, bad) in _EVIDENCE.items():
            if any(self._seen[word] for word in good):
                self._states[name] = (OK, "")
            elif words := sorted(word for word in bad if self._seen[word]):
                # Outcomes only: Lighthouse's own words may name a person.
                self._states[name] = (CRITICAL, f"calls end as {', '.join(words)}")
        if self._progressed:
            self._states[POLLING] = (OK, "")
        elif self._obstacles:
            self._states[POLLING] = (CRITICAL, "; ".join(sorted(self._obstacles)))
        singly = self._poller.report().singly_seconds is not None
        why = "batches fail: documents are polled singly"
        self._states[BATCHES] = (CRITICAL, why) if singly else (OK, "")
        for name, (status, message) in self._states.items():
            emitter.service_check(name, status=status, message=message)
        self._seen.clear()
        self._obstacles.clear()
        self._progressed = False
        emitter.flush()  # before the store, which may keep the daemon waiting
        self._check_store()

    def _check_store(self) -> None:
        problem, self._store_problem = self._store_problem, ""
        try:
            self._try_write()
        except LightkeeperError as exc:
            problem = str(exc)
        if problem and not self._unwritable:
            log.error("health.store.unwritable", reason=problem)
        elif self._unwritable and not problem:
            log.info("health.store.writable")
        # On a full disk this one write may fit where a job's did not.
        self._unwritable = problem
        status = CRITICAL if problem else OK
        self._emitter.service_check(
            "lightkeeper.database.can_write", status=status, message=problem
        )
        self._emitter.flush()
