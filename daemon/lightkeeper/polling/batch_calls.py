"""Whether calls about several documents fail while calls about one are answered."""

from collections.abc import Collection
from typing import Final

TRIAL_AFTER_SECONDS: Final = 60.0
"""How long after the first failed trial the next is made; after each further one twice as long."""
LONGEST_REST_SECONDS: Final = 240.0
"""Four minutes: what polling in batches again takes at most, once they are answered."""
ALONE_FAIL_AFTER: Final = 3
"""Failed calls about one document after which a third of them failing is no chance."""
REST: Final = 10
"""How many times as long as the pause after a trial other calls are made before the next."""


class BatchCalls:
    """Judges the calls about several documents by the calls about one that lie between them.

    One document can make every batch that it is in fail. Two request ids that were answered
    before cannot both be at fault: a call about them, the trial, decides. Where it fails too, the
    documents are polled singly, until a trial is answered, or calls about one document turn out to
    fail as well: by a rate limit that any call meets, for example. Times are in seconds,
    monotonic.
    """

    def __init__(self) -> None:
        self.failing_since: float | None = None
        """Since when no call about several documents was answered; None while they are."""
        self.singly_since: float | None = None
        """Since when documents are polled singly; None while they are polled in batches."""
        self._failing: frozenset[int] = frozenset()
        self._answered_alone = self._failed_alone = 0
        self._suspected = False
        self._tried_at = 0.0
        self._rested_at: float | None = None
        self._growing_seconds = self._rest_seconds = TRIAL_AFTER_SECONDS
        self.last_answered = False
        """Whether the last call about several documents was answered."""
        self.probed = False
        """Whether a probe was made since calls about several documents fail."""

    def answered_alone(self, now: float) -> None:
        """Note that a call about one document was answered."""
        self._answered_alone += 1
        if self._rested_at is None:
            self._rested_at = now

    def failed_alone(self) -> None:
        """Note that a call about one document was not answered, for whatever reason."""
        self._failed_alone += 1

    @property
    def alone_fail_as_well(self) -> bool:
        """Whether a third of the calls about one document failed since those about several fail.

        Batches are then no worse than they: whatever ends the calls ends both.
        """
        failed = self._failed_alone
        return failed >= ALONE_FAIL_AFTER and 2 * failed >= self._answered_alone

    def answered(self) -> None:
        """Note that a call about several documents was answered: they are polled in batches."""
        self.last_answered = True
        self.failing_since = self.singly_since = None
        self._failing, self._suspected, self.probed = frozenset(), False, False
        self._growing_seconds = TRIAL_AFTER_SECONDS

    def failed(self, request_ids: Collection[int], began_at: float, *, slow: bool) -> None:
        """Note that a call about these documents, which began at that time, failed.

        The endpoint is suspected once calls about different documents failed, and at once where
        the call was slow: each further one costs seconds.
        """
        ids, self.last_answered = frozenset(request_ids), False
        if self.failing_since is None:
            self.failing_since = began_at
            self._answered_alone = self._failed_alone = 0
        elif ids.isdisjoint(self._failing):
            self._suspected = True
        self._suspected |= slow
        self._failing = ids

    @property
    def only_alone_answered(self) -> bool:
        """Whether calls about one document were answered since those about several fail."""
        return self.failing_since is not None and self._answered_alone > 0

    def is_trial_due(self, now: float, *, idle: bool) -> bool:
        """Whether to find out by a call about two documents that were answered before.

        While documents are polled singly, a minute after the first answer since the last trial, in
        the end four, and longer where a trial is followed by a pause, which keeps all else from
        being polled.
        `idle`: there is nothing else to poll.
        """
        if self.singly_since is None:
            return self._suspected and self._answered_alone > 0 and not idle
        rested_at = self._tried_at if idle else self._rested_at
        return rested_at is not None and now - rested_at >= self._rest_seconds

    def trial_failed(self, now: float, pause: float) -> bool:
        """Note that the trial failed; whether documents are polled singly from now on.

        `pause`: for how many seconds Lighthouse then allows no call.
        """
        self._tried_at, self._rested_at = now, None
        self._rest_seconds = max(self._growing_seconds, REST * pause)
        self._growing_seconds = min(2 * self._growing_seconds, LONGEST_REST_SECONDS)
        begins = self.singly_since is None and self._answered_alone > 0
        if begins:
            self.singly_since = now
        return begins

    def trial_undecided(self, now: float) -> None:
        """Note that the trial showed nothing: what ended it ends other calls, too."""
        self._tried_at, self._rested_at, self._suspected = now, None, False

    def outage(self) -> None:
        """Note that calls about one document fail as well: the fault is not the batches'."""
        self.answered()
        self.last_answered = False
