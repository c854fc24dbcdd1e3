"""The documents of one call, how a batch is halved, and how many documents a call may have."""

from dataclasses import dataclass, replace
from typing import Final

from lightkeeper.domain.document import Document

GROW_AFTER: Final = 100
"""Answered calls after which a batch size learned from a 413 is doubled: it may be outdated."""


@dataclass(slots=True)
class Batch:
    """Documents polled in one call."""

    documents: list[Document]
    failures: int = 0
    """How many calls with it have failed."""
    limited: int = 0
    """How many calls with it ended as 429."""
    alone: bool = False
    """Whether it is polled by `poll_one`."""
    answers_before: int = 0
    """How many calls had been answered when it failed first."""
    split: bool = False
    """Whether it is a part of another batch."""
    probe: tuple[int, ...] = ()
    """Request ids that were answered before, polled only to see whether Lighthouse answers."""
    companion: int | None = None
    """A request id that Lighthouse knows, polled along: its answer is then no 404 for all, and
    names each document that it does not know."""

    @property
    def is_probe(self) -> bool:
        """Whether it is polled for Lighthouse's sake, and has no documents."""
        return bool(self.probe)

    @property
    def is_trial(self) -> bool:
        """Whether it is polled to see whether a call about several documents is answered."""
        return self.is_probe and not self.alone

    @property
    def request_ids(self) -> list[int]:
        """The request ids to poll."""
        if self.probe:
            return list(self.probe)
        ids = [document.request_id for document in self.documents]
        return ids if self.companion is None else [*ids, self.companion]


def halves(batch: Batch, companion: int | None = None) -> list[Batch]:
    """Both halves of a batch, with one failure less each, and `companion` polled along."""
    middle = len(batch.documents) // 2
    parts = (batch.documents[:middle], batch.documents[middle:])
    half = replace(_eased(batch), split=True, companion=companion)
    return [replace(half, documents=part) for part in parts]


def by_itself(batch: Batch) -> Batch:
    """The batch of one document, with one failure less, polled by `poll_one`."""
    return replace(_eased(batch), alone=True, companion=None)


def _eased(batch: Batch) -> Batch:
    failures, limited = max(batch.failures - 1, 0), max(batch.limited - 1, 0)
    return replace(batch, failures=failures, limited=limited)


class BatchSize:
    """How many documents a call may have: the setting, or fewer where a 413 taught so.

    Lighthouse names no maximum, so it is learned, and not tried again at every call.
    """

    def __init__(self, full: int) -> None:
        self._full = self.now = full
        self._answers = 0

    def shrink(self, refused: int) -> None:
        """Learn that so many documents were too many."""
        self.now = min(self.now, refused // 2)

    def reset(self) -> None:
        """Forget what was learned."""
        self.now = self._full

    def answered(self) -> None:
        """Count an answered call, and try more documents now and then."""
        self._answers += 1
        if self._answers % GROW_AFTER == 0:
            self.now = min(self._full, 2 * self.now)
