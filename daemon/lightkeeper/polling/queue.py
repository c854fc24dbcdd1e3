"""The batches that are to be polled: which documents go into a call, and in which order."""

from collections import deque
from typing import Final

import structlog

from lightkeeper.domain.document import Document
from lightkeeper.domain.time import HOUR, MINUTE, SECOND, Instant
from lightkeeper.polling.batch import Batch, halves
from lightkeeper.polling.early import Early
from lightkeeper.polling.interfaces import Store
from lightkeeper.polling.retry import ALONE_AFTER, DUE_AGAIN_MS

CALLS_AHEAD: Final = 10
"""For how many calls documents are fetched at once."""
LOOK_FOR_TIMES_AHEAD_MS: Final = MINUTE
"""How often the store is looked at for times that lie in the future."""
REFUSED_AT_ONCE: Final = 5
"""How many documents that make calls fail are fetched beside those calls; the rest wait."""
SINGLY_ROUND_MS: Final = 2 * HOUR
"""While documents are polled singly, those polled within this time wait for the others."""

log = structlog.get_logger()


class Queue:
    """Batches fetched from the store, and batches to be polled again, in turn.

    `in_flight` are the ids (of rows) of the documents that are in a batch.
    """

    def __init__(self, store: Store, in_flight: set[int], early: Early) -> None:
        self._store = store
        self._early = early
        self._in_flight = in_flight
        self._fresh: deque[Batch] = deque()
        self._again: deque[Batch] = deque()
        self._first: deque[Batch] = deque()
        self._apart: set[int] = set()
        self._turn = self._fetched_at = self._looked_at = 0

    def __bool__(self) -> bool:
        return bool(self._first or self._fresh or self._again)

    @property
    def is_fetch_due(self) -> bool:
        """Whether to look for due documents: few batches are left."""
        return not self._fresh and len(self._again) < CALLS_AHEAD

    @property
    def is_busy(self) -> bool:
        """Whether a probe goes before all else, or many batches are to be polled again already."""
        return bool(self._first) or len(self._again) >= CALLS_AHEAD

    @property
    def is_behind(self) -> bool:
        """Whether more is due than the next call is about."""
        return len(self._fresh) + len(self._again) > 1

    def take(self, documents: list[Document], size: int, *, alone: bool) -> Batch | None:
        """A batch of the first of these, which goes now; None where each is polled again anyway.

        Documents in trouble are polled alone, after the others. Where there is room, the call is
        about documents that are due, too.
        """
        self._take_out({document.id for document in documents})
        found = [document for document in documents if document.id not in self._in_flight]
        well = [each for each in found if not (each.trouble_count or each.id in self._apart)]
        batch = Batch(well[:size] or found[:1], alone=alone or not well)
        if self._fresh and not batch.alone:
            due = self._fresh[0]
            if not (due.alone or due.is_probe or due.documents[0].trouble_count):
                room = size - len(batch.documents)
                batch.documents += due.documents[:room]
                due.documents = due.documents[room:]
                self._take_out(set())
        self._in_flight.update(document.id for document in batch.documents)
        return batch if batch.documents else None

    def _take_out(self, ids: set[int]) -> None:
        """Take these documents out of the batches that no call was about yet."""
        for _ in range(len(self._fresh)):
            batch = self._fresh.popleft()
            taken = [each.id for each in batch.documents if each.id in ids]
            if taken:
                self._in_flight.difference_update(taken)
                batch.documents = [each for each in batch.documents if each.id not in ids]
            if batch.documents:
                self._fresh.append(batch)

    def released(self, batch: Batch) -> list[int]:
        """The ids (of rows) of its documents that may be fetched again."""
        return [each.id for each in batch.documents if each.id not in self._in_flight]

    def next(self, size: int) -> Batch:
        """The next batch, of at most `size` documents; fresh ones and others in turn."""
        if self._first:
            return self._first.popleft()
        self._turn += 1
        again = self._again and (not self._fresh or self._turn % 2)
        batch = (self._again if again else self._fresh).popleft()
        while len(batch.documents) > size:
            batch, rest = halves(batch)
            self._fresh.appendleft(rest)
        return batch

    def put_first(self, batch: Batch) -> None:
        """Have it polled before everything else."""
        self._first.append(batch)

    def put_again(self, *batches: Batch) -> None:
        """Have these polled again after those that wait already."""
        self._again.extend(batches)

    def put_back(self, batch: Batch) -> None:
        """Have it polled as if it had not been taken."""
        self._fresh.appendleft(batch)

    def release(self, batch: Batch) -> None:
        """Let its documents be fetched again."""
        self._in_flight.difference_update(document.id for document in batch.documents)

    def keep_apart(self, document: Document) -> None:
        """Poll it alone from now on: calls about it and others failed, until it was alone."""
        self._apart.add(document.id)

    def release_shared(self) -> None:
        """Release every document that waits for a call about several."""
        for batches in (self._fresh, self._again):
            for _ in range(len(batches)):
                batch = batches.popleft()
                if batch.alone or batch.is_probe:
                    batches.append(batch)
                else:
                    self.release(batch)

    def fetch(self, now: Instant, upto: Instant, size: int) -> None:
        """Make batches of `size` of what was due at `upto`.

        Documents without a usable answer share no call with others. Those whose calls failed are
        polled alone, and so are those in repeated trouble; the rest of them fill batches of their
        own, at most half of them in one. Where a fault is over, so do those that it put off.
        """
        self._right_times(now)
        found = self._not_in_flight(
            self._store.due(upto, size * CALLS_AHEAD + len(self._in_flight))
        )
        apart = self._apart
        odd = [each for each in found if each.trouble_count or each.id in apart]
        well = found
        if odd:
            well = [each for each in found if not (each.trouble_count or each.id in apart)]
        if room := -len(well) % size:
            upcoming = self._not_in_flight(self._store.due_next(upto, room))
            well += [each for each in upcoming if not (each.trouble_count or each.id in apart)]
        self._add(_parts(well, size), alone=False)
        self._add_odd(odd, size, len(found))
        self._fetch_early(upto, size)

    def _fetch_early(self, upto: Instant, size: int) -> None:
        """Make batches of what is polled early, if anything is."""
        early = self._early
        if limit := min(early.room, size * CALLS_AHEAD):
            found = self._store.in_trouble(
                upto, early.in_trouble_since, early.polled_before, limit
            )
            early.fetched(len(found), limit)
            self._add_odd(self._not_in_flight(found), size, len(found))

    def _add_odd(self, odd: list[Document], size: int, found_count: int) -> None:
        """Make batches of documents in trouble, of `found_count` that were found."""
        refused = self._refused(odd) if odd else set()
        troubled = [each for each in odd if each.id not in refused]
        # A share only: while Lighthouse answers for no document, all of them are in trouble.
        alone = [each for each in troubled if each.trouble_count >= ALONE_AFTER]
        alone = alone[: max(1, found_count // size // 4)]
        rest = [each for each in troubled if each not in alone]
        alone += [each for each in odd if each.id in refused][:REFUSED_AT_ONCE]
        self._add(_parts(rest, min(size, (len(rest) + 1) // 2)), alone=False)
        self._add(_parts(alone, 1), alone=True)

    def fetch_singly(
        self, now: Instant, upto: Instant, since: Instant, failing_since: Instant
    ) -> None:
        """Make batches of one of what was due at `upto`, first of all what waits since `since`.

        The newest and the oldest of those that were not polled since then, also where a failed
        batch put them off a minute; once there are none, the others. The few that were answered
        since batches fail, which was before `since`, are among the others.
        """
        self._right_times(now)
        wanted, before = CALLS_AHEAD + len(self._in_flight), max(since, now - SINGLY_ROUND_MS)
        put_off = max(upto, now) + DUE_AGAIN_MS
        due = self._not_in_flight(self._store.due(put_off, wanted, before))
        answered = max(failing_since, now - SINGLY_ROUND_MS)
        due = [each for each in due if (each.last_answered_at or 0) < answered]
        due = due or self._not_in_flight(self._store.due(upto, wanted))
        self._add(_parts(due[:CALLS_AHEAD], 1), alone=True)

    def _right_times(self, now: Instant) -> None:
        """Pull in what a clock that ran ahead has written: the daemon's, or one of `track`."""
        if now <= self._fetched_at - SECOND:
            ahead = True  # the clock was set back: nothing would be due for that time
        elif ahead := now >= self._looked_at + LOOK_FOR_TIMES_AHEAD_MS:
            self._looked_at = now
            ahead = self._store.has_times_ahead(now)
        self._fetched_at = now
        if ahead:
            log.warning("poll.times.pulled_in")
            self._store.pull_in(now)
            self._looked_at = now

    def _refused(self, found: list[Document]) -> set[int]:
        """Which of these make every call fail that they share with others, by id."""
        refused = {each.id for each in found if each.id in self._apart}
        if in_trouble := [each.id for each in found if each.trouble_count]:
            refused |= self._store.refused(in_trouble)
        return refused

    def _not_in_flight(self, documents: list[Document]) -> list[Document]:
        """Those that may be fetched, by id: rows that lie together are written together.

        A decision on a stale copy of a document in flight would count a change twice.
        """
        return sorted(document for document in documents if document.id not in self._in_flight)

    def _add(self, parts: list[list[Document]], *, alone: bool) -> None:
        # In one go: after an error of the store nothing is in flight without being in a batch.
        for part in parts:
            self._in_flight.update(document.id for document in part)
            self._fresh.append(Batch(part, alone=alone))


def _parts(documents: list[Document], size: int) -> list[list[Document]]:
    return [documents[at : at + size] for at in range(0, len(documents), max(size, 1))]
