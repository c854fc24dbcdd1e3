"""The feed: what changed, a page at a time, after a cursor that its reader keeps."""

import base64
import hashlib
import struct
from typing import Any, Final, NamedTuple

from lightkeeper.casework.answers import shown_step, shown_steps
from lightkeeper.casework.text import iso
from lightkeeper.domain.errors import LightkeeperError
from lightkeeper.domain.time import HOUR, Instant
from lightkeeper.store import remarks, step_changes
from lightkeeper.store.changes import START, Changed, Changes, Position

SAFETY_MS: Final = HOUR
"""More than the clocks of two hosts differ, and than a transaction may take."""
_NUMBERS: Final = struct.Struct(">qqq")
_CHECK_BYTES: Final = 6


class WrongCursor(LightkeeperError):
    """This text is no cursor of this feed."""


class CursorGone(LightkeeperError):
    """The store does not hold the change that a cursor names."""

    def __init__(self, go_on_after: str) -> None:
        super().__init__(
            "the store does not hold the change that this cursor names any more: an older copy of "
            "it was restored, and what changed since then may be undone. Go on after the cursor "
            "in go_on_after: it lies so early that no change is missed, and some come again"
        )
        self.go_on_after = go_on_after


class ChangesPage(NamedTuple):
    """Changes in the order in which they were committed, and the cursor after the last."""

    changes: list[dict[str, Any]]
    cursor: str
    has_more: bool
    """Whether there are more right now."""


class Feed:
    """The feed of one environment; each change is given at least once."""

    def __init__(self, environment: str) -> None:
        self._environment = environment

    def position(self, cursor: str | None) -> Position:
        """What a cursor stands for, None for the beginning; raises `WrongCursor`."""
        if cursor is None:
            return START
        try:
            raw = base64.urlsafe_b64decode(cursor.encode("ascii"))
            position = Position._make(_NUMBERS.unpack(raw[:-_CHECK_BYTES]))
        except (ValueError, struct.error):
            position = START
        if cursor != self.cursor(position):
            raise WrongCursor(
                "this is not a cursor of this feed: give the one of the last page as it was, of "
                "the same environment, or none to begin with the first change"
            )
        return position

    def cursor(self, position: Position) -> str:
        """What a reader keeps of a position, so that it can go on after it."""
        numbers = _NUMBERS.pack(*position)
        text = f"lightkeeper changes {self._environment} ".encode()
        check = hashlib.sha256(text + numbers).digest()[:_CHECK_BYTES]
        return base64.urlsafe_b64encode(numbers + check).decode()

    def page(
        self,
        changes: Changes,
        after: Position,
        limit: int,
        now: Instant,
        *,
        for_staff: bool = False,
    ) -> ChangesPage:
        """At most `limit` changes after this position; raises `CursorGone`.

        Unless it is `for_staff`, a step that is no known one is `other`.
        """
        # The change that the cursor names is read with them: it has to be there still.
        known = int(after != START)
        found = changes.since(after.id, limit + known + 1)
        if known and (not found or _position(found[0]) != after):
            raise CursorGone(self.cursor(_safe(changes, after, now)))
        page = found[known : known + limit]
        last = _position(page[-1]) if page else after
        shown = [_data(each, for_staff) for each in page]
        return ChangesPage(shown, self.cursor(last), len(found) > known + limit)


def _position(change: Changed) -> Position:
    return Position(change.id, change.at, change.document_id)


def _safe(changes: Changes, after: Position, now: Instant) -> Position:
    """A position before all that its reader cannot have seen.

    What came into a restored copy happened later than what the reader saw last. The change that
    has its number now, and the present, are bounds for a time that a wrong clock wrote.
    """
    there = [each.at for each in changes.since(after.id, 1)]
    return changes.before(min(after.at, now, *there) - SAFETY_MS)


def _data(change: Changed, for_staff: bool) -> dict[str, Any]:
    return {
        "at": iso(change.at),
        "lighthouse_request_id": change.request_id,
        "form_526_submission_id": change.submission_id,
        "form_attachment_id": change.attachment_id,
        "document_type": change.document_type,
        "from_status": change.from_status,
        "to_status": change.to_status,
        "from_step": shown_step(change.from_step, for_staff=for_staff),
        "to_step": shown_step(change.to_step, for_staff=for_staff),
        "outcome": change.outcome,
        "step_changes": shown_steps(
            dict(step_changes.decode(change.step_changes)), for_staff=for_staff
        ),
        # Their details hold who and why, which are for staff.
        "remarks": [each.kind for each in remarks.decode(change.remarks)],
    }
