"""Follows vets-api's table for ever: round after round, and every hour compares all of it."""

import time
from collections.abc import Callable
from contextlib import closing
from typing import Final, Protocol

import structlog

from lightkeeper.casework.compare import NOT_TRACKED, Comparison, States
from lightkeeper.casework.follow import SOURCE, Follower, FollowTally, Uploads
from lightkeeper.config.settings import StoreSettings
from lightkeeper.domain.errors import LightkeeperError
from lightkeeper.domain.policy import Policy
from lightkeeper.domain.time import Instant
from lightkeeper.service.clock import now
from lightkeeper.service.stop import Stop
from lightkeeper.store.database import Database
from lightkeeper.store.documents import Documents
from lightkeeper.store.followed import Followed
from lightkeeper.store.vets_api import SourceUnavailable, VetsApiUploads
from lightkeeper.telemetry.disagreements import report_disagreements
from lightkeeper.telemetry.dogstatsd import Emitter

PAUSE_SECONDS: Final = 10.0
LONGEST_PAUSE_SECONDS: Final = 60.0
"""Between two tries to read a database that cannot be read."""
COMPARE_EVERY_SECONDS: Final = 3_600.0

log = structlog.get_logger()


def tried_source(url: str) -> tuple[bool, str]:
    """Whether vets-api's table can be read there; where it is, or what is wrong."""
    with closing(VetsApiUploads(url)) as uploads:
        unverified = uploads.unverified()
        try:
            can_read, said = True, uploads.tried()
        except LightkeeperError as exc:
            can_read, said = False, str(exc)
    return can_read, f"{said}; warning: {unverified}" if unverified else said


class VetsApiTable(Uploads, States, Protocol):
    """What is followed and compared, such as `VetsApiUploads`."""


class FollowLoop:
    """A follower that goes on until a stop. A database that cannot be read is tried again.

    `run` is all of it. The drills, which move the clock themselves, call `start` and `turn`.
    """

    def __init__(
        self,
        uploads: VetsApiTable,
        store: Database,
        followed: Followed,
        follower: Follower,
        emitter: Emitter,
        *,
        policy: Policy,
        clock: Callable[[], Instant],
        monotonic: Callable[[], float],
    ) -> None:
        self._uploads = uploads
        self._store = store
        self._followed = followed
        self._follower = follower
        self._emitter = emitter
        self._policy = policy
        self._clock = clock
        self._monotonic = monotonic
        self._compare_at = 0.0
        self._failures = 0

    def run(self, stop: Stop, since: Instant = 0) -> None:
        """Take what comes, and what was created since then, until `stop` is requested."""
        self.start()
        while not stop.requested:
            stop.wait(self.turn(lambda: stop.requested, since))

    def start(self) -> None:
        """Note that the table is followed from now on."""
        self._followed.begin(self._clock())

    def turn(self, is_over: Callable[[], bool] = lambda: False, since: Instant = 0) -> float:
        """Take what is new and created since then, until `is_over`, and compare if it is time.

        How many seconds to wait before the next turn.
        """
        try:
            self._said(self._follower.round(is_over, since))
            if not is_over():  # else the rest of the table was left
                self._followed.taken(self._clock())
                self._compare(is_over)
            self._was_read()
        except SourceUnavailable as exc:
            self._failures += 1
            if self._failures == 1:
                log.warning("follow.source.unavailable", reason=str(exc))
        return min(PAUSE_SECONDS * max(1, self._failures), LONGEST_PAUSE_SECONDS)

    def _was_read(self) -> None:
        if self._failures:
            log.info("follow.source.available", failures=self._failures)
        self._failures = 0

    def _compare(self, is_over: Callable[[], bool]) -> None:
        """Once an hour: publish where the two disagree, and take what no round has found.

        A row that was created long before it was committed is such a one.
        """
        if self._monotonic() < self._compare_at:
            return
        compared, missed = Comparison(self._clock(), self._policy), []
        begin = self._followed.taken_from() or 0
        for found in compared.disagreements(self._uploads, self._store, begin):
            if found["lightkeeper"] == NOT_TRACKED:
                missed.append(found["row_id"])
            if is_over():
                return
        report_disagreements(self._emitter, compared.counts, compared.lasting)
        log.info("follow.compared", rows=compared.rows, disagreeing=compared.disagreeing)
        self._said(self._follower.take(missed))
        self._compare_at = self._monotonic() + COMPARE_EVERY_SECONDS

    def _said(self, tally: FollowTally) -> None:
        if tally.new or tally.rejected:
            log.info(
                "follow.tracked",
                tracked=tally.new,
                rejected=tally.rejected,
                not_handed_over=tally.without_request_id,
            )


def build_follow_loop(
    settings: StoreSettings,
    uploads: VetsApiTable,
    store: Database,
    emitter: Emitter,
    *,
    reject: Callable[[int, str], None],
    clock: Callable[[], Instant] = now,
    monotonic: Callable[[], float] = time.monotonic,
) -> FollowLoop:
    """Join a loop that follows these uploads; `reject` is as a `Follower` has it."""
    return FollowLoop(
        uploads,
        store,
        Followed(store, SOURCE),
        build_follower(settings, uploads, store, reject=reject, clock=clock),
        emitter,
        policy=settings.policy,
        clock=clock,
        monotonic=monotonic,
    )


def build_follower(
    settings: StoreSettings,
    uploads: Uploads,
    store: Database,
    *,
    reject: Callable[[int, str], None],
    clock: Callable[[], Instant] = now,
) -> Follower:
    """Join a follower of these uploads."""
    return Follower(
        uploads,
        Documents(store),
        Followed(store, SOURCE),
        overlap_ms=settings.follow_overlap,
        clock=clock,
        reject=reject,
    )
