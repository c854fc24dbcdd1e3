"""The documents that the simulated Lighthouse knows, and what it answers about them."""

import json
import threading
from collections.abc import Callable, Iterable
from typing import Final

import orjson

from lightkeeper.simulation.lighthouse.stories import NOT_FOUND, STORIES, Pieces, SimulatedDocument

StatusObject = bytes | dict[str, object]

_FIRST_ID: Final = 600_000_001
_JITTER = (0.9, 0.25)  # the least pace, and the breadth above it


class SimulatedDocuments:
    """
    All documents by request id; may be used from any thread.

    Attributes:
        as_strings: whether ids are answered as strings.
    """

    def __init__(self, *, seed: int, speed: float, clock: Callable[[], float]) -> None:
        self.as_strings = False
        self._seed = seed
        self._speed = speed
        self._documents_clock = clock
        self._documents: dict[int, SimulatedDocument] = {}
        self._given: dict[int, bytes] = {}
        self._omitted: set[int] = set()
        self._unasked: list[bytes] = []
        self._next_id = _FIRST_ID
        self._id_lock = threading.Lock()

    def add(
        self,
        request_id: int | None = None,
        story: str = "success",
        accepted_at: float | None = None,
    ) -> int:
        """
        Accept a document, anew if its id is known already; return its id.

        Args:
            story: one of `STORIES`.
            accepted_at: seconds since the epoch; None is now.
        """
        if request_id is None:
            return self.add_many(1, story, accepted_at)[0]
        self._accept([request_id], story, accepted_at)
        return request_id

    def add_many(
        self, count: int, story: str = "success", accepted_at: float | None = None
    ) -> range:
        """Accept so many documents under ids that follow each other; return the ids."""
        with self._id_lock:
            ids = range(self._next_id, self._next_id + count)
            while not self._documents.keys().isdisjoint(ids):
                ids = range(ids.stop, ids.stop + count)
            self._next_id = ids.stop
            self._accept(ids, story, accepted_at)
        return ids

    def answer(self, request_id: int, status_object: StatusObject) -> None:
        """Answer exactly this about the id from now on; bytes go out as they are, JSON or not."""
        self._given[request_id] = _encoded(status_object)

    def omit(self, request_id: int) -> None:
        """Name the id in neither list from now on; polled alone it is answered."""
        self._omitted.add(request_id)

    def also_answer(self, status_object: StatusObject) -> None:
        """Put this into every later answer about many ids, whichever they are."""
        self._unasked.append(_encoded(status_object))

    def state(self, request_id: int) -> str:
        """The status word for this id as of now; NOT_FOUND is one of them."""
        if request_id in self._given:
            return _word(self._given[request_id])
        document = self._documents.get(request_id)
        return NOT_FOUND if document is None else document.status(self._documents_clock())

    def truth(self) -> dict[int, str]:
        """The status word for every id that was ever added or given an answer."""
        return {
            request_id: self.state(request_id) for request_id in (*self._documents, *self._given)
        }

    def _accept(self, ids: Iterable[int], story: str, accepted_at: float | None) -> None:
        if story not in STORIES:
            raise ValueError(f"no such story: {story!r}; there are {', '.join(STORIES)}")
        at = self._documents_clock() if accepted_at is None else accepted_at
        stages = STORIES[story]
        self._documents.update(
            {
                request_id: SimulatedDocument(request_id, stages, at, self._pace(request_id))
                for request_id in ids
            }
        )

    def _pace(self, request_id: int) -> float:
        """Seconds of the clock for a second of the story: scattered, but the same each time."""
        scattered = (request_id + self._seed) * 2_654_435_761 % 2**32 / 2**32
        least, breadth = _JITTER
        return (least + breadth * scattered) / self._speed

    def _statuses(self, ids: Iterable[int], *, internal: bool) -> tuple[list[bytes], list[int]]:
        """The pieces that join to `,{status object},{status object}`, and the ids not found."""
        now = self._documents_clock()
        pieces: list[bytes] = []
        not_found: list[int] = []
        for request_id in ids:
            if request_id in self._omitted:
                continue
            found = self._pieces(request_id, now, internal=internal)
            if found is None:
                not_found.append(request_id)
            else:
                pieces += found
        return pieces, not_found

    def _pieces(self, request_id: int, now: float, *, internal: bool) -> Pieces | None:
        if request_id in self._given:
            return b",", self._given[request_id]
        document = self._documents.get(request_id)
        if document is None:
            return None
        if internal or self.as_strings:
            return document.variant(now, internal=internal, as_string=self.as_strings)
        return document.pieces(now)


def _encoded(status_object: StatusObject) -> bytes:
    return status_object if isinstance(status_object, bytes) else orjson.dumps(status_object)


def _word(status_object: bytes) -> str:
    try:
        word = json.loads(status_object)["status"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return "MALFORMED"
    return word if isinstance(word, str) else "MALFORMED"
