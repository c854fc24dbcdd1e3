"""Which documents are polled early, because answers have become usable again."""

from collections.abc import Sequence
from typing import Final

from lightkeeper.domain.change import Recorded
from lightkeeper.domain.document import Document
from lightkeeper.domain.time import HOUR, MINUTE, Instant

LASTING_MS: Final = 30 * MINUTE
"""For how long a document was given no status, or none was, where the next ends a fault."""
FOR_EACH: Final = 2
"""How many others are polled early for a document that is given a status again."""
AT_FIRST: Final = 5
"""How many are polled early once any document is given a status, after none was."""
BEGAN_WITHIN_MS: Final = HOUR
"""How much earlier than its own the trouble of the others may have begun. A fault shows in a
document when that is polled, which is up to an hour after the fault began."""
ROUND_MS: Final = 10 * MINUTE
"""For how long a document that was polled early in vain is not polled early again."""


class Early:
    """Finds that a fault is over which left documents without a status, and what it put off.

    After such a fault documents are polled up to an hour late, those not found later still. One
    that is given a status again has two others polled early, each of which has two more if it is
    given one too: soon all are polled that the fault put off, and few where it goes on. One that
    was in trouble long before them keeps its time: it may be at fault itself.

    Nothing of it is stored: after a restart the first status is taken for the end of a fault.
    """

    def __init__(self) -> None:
        self.room = 0
        """How many documents may be polled early now."""
        self.in_trouble_since: Instant = 0
        """None of them was in trouble before that time."""
        self.polled_before: Instant = 0
        """Each of them was polled last before that time."""
        self._none_since: Instant | None = 0  # what was before the start is not known

    def recorded(self, batch: Sequence[Recorded], now: Instant) -> None:
        """Note what the answers of one call, which came now, say of each document."""
        if all(_trouble_since(each.decision.after) is not None for each in batch):
            self._none_since = now if self._none_since is None else self._none_since
            return
        if self._none_since is not None:
            self._over(self._none_since, AT_FIRST, now)
            self._none_since = None
        for each in batch:
            before = each.before  # no call in the hot loop: hardly any was in trouble
            since = before.unanswered_since or before.not_found_since
            if since is not None and _trouble_since(each.decision.after) is None:
                self._over(since, FOR_EACH, now)

    def fetched(self, count: int, limit: int) -> None:
        """Note that of the documents to poll early, at most `limit`, so many were found."""
        self.room = 0 if count < limit else self.room - count

    def _over(self, trouble_since: Instant, count: int, now: Instant) -> None:
        """Make room for so many where trouble is over that lasted."""
        if now - trouble_since < LASTING_MS:
            return
        since = trouble_since - BEGAN_WITHIN_MS
        if not 0 <= now - self.polled_before < ROUND_MS:
            self.polled_before, self.in_trouble_since = now, since
        self.in_trouble_since = min(self.in_trouble_since, since)
        self.room += count


def _trouble_since(document: Document) -> Instant | None:
    """Since when it is given no status: no usable answer, or Lighthouse does not know it."""
    return document.unanswered_since or document.not_found_since
