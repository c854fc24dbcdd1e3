"""Answers that are fresh: a caller says how old one may be, and the daemon polls first if it is.

The daemon is asked through the store, once a document, however many callers wait for it. A caller
waits as long as `LONGEST_WAIT_MS` at most, and is then answered with what is known, as stale.
"""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Annotated, Final, NamedTuple

from fastapi import Query
from pydantic import BeforeValidator, WithJsonSchema

from lightkeeper.config.durations import Duration
from lightkeeper.domain.errors import LightkeeperError
from lightkeeper.domain.time import SECOND, Instant
from lightkeeper.store.database import Database
from lightkeeper.store.wanted import LONGEST_WAIT_MS, Key, LastPoll, WantedPolls
from lightkeeper.web.access import StoreAccess

HEARTBEAT_SECONDS: Final = 60
"""The daemon writes to the store every few seconds; after this long without, it does not run."""
GATHER_SECONDS: Final = 0.02
"""For how long callers are gathered before the daemon is asked, in one transaction."""
LOOK_EVERY_SECONDS: Final = 0.1
"""How often the store is looked at for all who wait."""
_AGE: Final = "^[1-9][0-9]{0,8}[smhd]$"
_NONE: Final = "0+[smhd]"


def _age(text: object) -> object:
    if isinstance(text, str) and re.fullmatch(_NONE, text):
        raise ValueError("must be at least 1s")
    if not isinstance(text, str) or not re.fullmatch(_AGE, text):
        raise ValueError("must be a whole number with a unit, such as 60s, 5m or 1h")
    return text


MaxAge = Annotated[
    Annotated[Duration, BeforeValidator(_age), WithJsonSchema({"type": "string", "pattern": _AGE})]
    | None,
    Query(
        description="How old an answer of Lighthouse may be, such as 60s: an older one is polled "
        "first, for 5 s at most. `answer_is_stale` then says whether one is still older."
    ),
]
"""The parameter by which a caller says how old an answer may be: milliseconds, None for any."""


class FreshAnswers:
    """Has documents polled whose answers are older than their callers take."""

    def __init__(self, store: StoreAccess, clock: Callable[[], Instant]) -> None:
        self._store, self._clock = store, clock
        self._waiting: dict[int, _AwaitedPoll] = {}
        self._new: dict[str, dict[int, Instant | None]] = {}
        self._asking: asyncio.Task[None] | None = None

    async def poll(
        self,
        by: str,
        key: Key,
        values: Sequence[int] | Sequence[str],
        max_age_ms: int | None,
    ) -> frozenset[int] | None:
        """Have the documents with these values polled where that is needed, and wait for it.

        `by` is the name of the caller: each has its share of such polls. Returns the request ids
        whose answers are older than `max_age_ms` even so; None where any age will do. An answer
        that came meanwhile is not, whatever the clock of the daemon's host says.
        """
        if max_age_ms is None:
            return None
        now = self._clock()

        def known(database: Database) -> tuple[list[LastPoll], bool]:
            return WantedPolls(database).last_polls(key, values), _is_watched(database, now)

        found, is_watched = await self._store.read(known)
        if not any(each.is_stale(max_age_ms, now) for each in found):
            return frozenset()
        before = {each.id: each.answered_at for each in found}
        wanted = {each.id: each.polled_at for each in found if each.is_wanted(max_age_ms, now)}
        if wanted and is_watched:
            await self._polled(by, wanted)
            found, _ = await self._store.read(known)
            found = [each for each in found if each.answered_at == before.get(each.id)]
        return frozenset(each.request_id for each in found if each.is_stale(max_age_ms, now))

    async def _polled(self, by: str, seen: Mapping[int, Instant | None]) -> None:
        """Wait until the daemon has polled these, by id, or will not in time."""
        loop = asyncio.get_running_loop()
        until = loop.time() + LONGEST_WAIT_MS / SECOND
        for each in seen.keys() - self._waiting.keys():
            self._waiting[each] = _AwaitedPoll(loop.create_future(), until)
            self._new.setdefault(by, {})[each] = seen[each]
        waited_for = [self._waiting[each].over for each in seen]
        if self._asking is None or self._asking.done():
            self._asking = loop.create_task(self._ask())
        await asyncio.wait(waited_for, timeout=LONGEST_WAIT_MS / SECOND)

    async def _ask(self) -> None:
        """Ask the daemon for what callers wait for, and let each go on, until none waits."""
        loop = asyncio.get_running_loop()
        try:
            await asyncio.sleep(GATHER_SECONDS)
            while self._waiting:
                added, self._new = self._new, {}
                for by, new in added.items():
                    wanted = await self._store.write(partial(self._want, by, new))
                    self._go_on(new.keys() - wanted)
                asked = self._waiting.keys() - chain.from_iterable(self._new.values())
                self._go_on(asked - await self._store.read(partial(_waiting, asked)))
                now = loop.time()
                self._go_on({each for each, it in self._waiting.items() if it.until <= now})
                await asyncio.sleep(LOOK_EVERY_SECONDS)
        except LightkeeperError:
            pass  # what keeps the store from answering, the callers' own reads meet too
        finally:
            self._new = {}
            self._go_on(set(self._waiting))

    def _want(self, by: str, seen: Mapping[int, Instant | None], database: Database) -> set[int]:
        return WantedPolls(database).want(seen, self._clock(), by)

    def _go_on(self, ids: set[int]) -> None:
        for each in ids:
            if each in self._waiting:
                self._waiting.pop(each).over.set_result(None)


class _AwaitedPoll(NamedTuple):
    """A poll that callers wait for."""

    over: asyncio.Future[None]
    until: float


def _waiting(ids: set[int], database: Database) -> set[int]:
    return WantedPolls(database).waiting(ids)


def _is_watched(database: Database, now: Instant) -> bool:
    watched_at = database.watched_at()
    return watched_at is not None and is_lately(watched_at, now)


def is_lately(watched_at: Instant, now: Instant) -> bool:
    """Whether a daemon that wrote to the store then runs still.

    A time that is more than a minute ahead does not show that: a clock was wrong.
    """
    return -HEARTBEAT_SECONDS * SECOND <= now - watched_at < HEARTBEAT_SECONDS * SECOND
