"""Where another program's table of uploads and the store disagree about a document."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from lightkeeper.casework.text import printable
from lightkeeper.casework.values import WrongDocument, request_id_of
from lightkeeper.domain import time
from lightkeeper.domain.document import DONE, FAILED, PENDING
from lightkeeper.domain.policy import USUAL, Policy
from lightkeeper.domain.time import Instant
from lightkeeper.store.compared import Known, known
from lightkeeper.store.database import Database
from lightkeeper.store.vets_api import Upload

PAGE: Final = 5_000
FIELDS: Final = ("row_id", "lighthouse_request_id", "vets_api", "lightkeeper")
"""What is said of each row: its ids, and what either calls its document."""
NOT_TRACKED: Final = "not tracked"
NOT_FOUND: Final = "not found"
_NO_REQUEST_ID: Final = "no request id of Lighthouse's"
_STATES: Final = frozenset({"pending", "completed", "failed"})
_DISAGREE: Final = frozenset(
    {
        ("completed", NOT_FOUND),
        ("completed", FAILED),
        ("pending", FAILED),
        ("failed", DONE),
        ("completed", PENDING),
        ("failed", PENDING),
    }
)
"""What cannot both be true for long. That one of the two learned of an end first is none of it:
one that is pending is counted once it is stuck."""
_UNTRACKED: Final = frozenset({NOT_TRACKED, _NO_REQUEST_ID})
_LASTING: Final = range(2 * time.HOUR, 48 * time.HOUR)
"""For how long vets-api has been wrong when staff hear of it; after that it pages no more."""
_ROW: Final = "{:<12}{:<22}{:<14}{}".format


class States(Protocol):
    """A table of uploads with the other program's states, as `VetsApiUploads` has it."""

    def with_states(
        self, created_at: Instant, after: Upload | None, limit: int
    ) -> list[tuple[Upload, str | None]]: ...


@dataclass(slots=True)
class Comparison:
    """Compares rows as they are read; the counts are final once `disagreements` has ended."""

    now: Instant
    policy: Policy = USUAL
    rows: int = 0
    """Those with a request id."""
    counts: Counter[str] = field(default_factory=Counter)
    """Of disagreements, by what either says, as the catalogue has it."""
    lasting: Counter[str] = field(default_factory=Counter)
    """Of those that began two hours to two days ago: vets-api had the time to learn of it."""

    @property
    def disagreeing(self) -> int:
        """How many rows the two disagree about."""
        return self.counts.total()

    def disagreements(
        self, uploads: States, database: Database, since: Instant = 0
    ) -> Iterator[dict[str, Any]]:
        """The rows created since then about which the two disagree, in the order of creation.

        Memory stays the same however many there are. Rows without a request id are left out.
        """
        last = None
        while page := uploads.with_states(since, last, PAGE):
            last = page[-1][0]
            rows = [(row, _state(state)) for row, state in page if row.request_id]
            self.rows += len(rows)
            for found in _disagreeing(rows, database, self.policy.stuck_after_ms, self.now):
                *said, began = found
                *_, theirs, ours = said
                kind = NOT_TRACKED if ours in _UNTRACKED else f"{theirs} {ours}"
                kind = kind.replace(" ", "_")
                self.counts[kind] += 1
                self.lasting[kind] += self.now - began in _LASTING
                yield dict(zip(FIELDS, said, strict=True))
            if len(page) < PAGE:
                break

    def table(self, rows: Iterator[dict[str, Any]]) -> Iterator[str]:
        """Rows as lines for a person, and at the end how many."""
        for number, row in enumerate(rows):
            if number == 0:
                yield _ROW("row", "request id", "vets-api", "lightkeeper") + "\n"
            cells = (f"{'' if cell is None else cell} " for cell in row.values())
            yield printable(_ROW(*cells).rstrip()) + "\n"
        yield f"{self.rows:,} compared, {self.disagreeing:,} disagree\n"


def _disagreeing(
    rows: list[tuple[Upload, str]], database: Database, stuck_after_ms: int, now: Instant
) -> Iterator[tuple[int, int | None, str, str, Instant]]:
    """Yield what is said of each row, and since when the store has it so, or it is stuck."""
    ids = {row.id: _number(row) for row, _ in rows}
    tracked = known(database, [each for each in ids.values() if each is not None])
    for row, state in rows:
        request_id = ids[row.id]
        if request_id is None:
            yield row.id, None, state, _NO_REQUEST_ID, row.created_at
        elif request_id not in tracked:
            yield row.id, request_id, state, NOT_TRACKED, row.created_at
        elif (state, ours := _word(tracked[request_id])) in _DISAGREE:
            document = tracked[request_id]
            stuck_at = document.handed_over_at + stuck_after_ms
            if ours != PENDING:
                yield row.id, request_id, state, ours, document.since or row.created_at
            elif stuck_at <= now:
                yield row.id, request_id, state, ours, stuck_at


def _word(document: Known) -> str:
    is_missed = document.is_not_found and document.lighthouse_status == PENDING
    return NOT_FOUND if is_missed else document.lighthouse_status


def _state(word: str | None) -> str:
    return word if word in _STATES else "other"


def _number(row: Upload) -> int | None:
    try:
        return request_id_of(row.request_id)
    except WrongDocument:
        return None
