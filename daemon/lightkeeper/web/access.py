"""How routes reach the store: what may wait is done in threads, and nothing waits for ever.

A quick read of SQLite is done at once, in the event loop: to hand it to a thread takes longer than
to do it. PostgreSQL, writes and long reads have threads with a connection each. What may have to
look at every document has threads of its own: however much of it there is, it holds up no other.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final, TypeVar

from lightkeeper.domain.errors import LightkeeperError
from lightkeeper.store.changes import Changes
from lightkeeper.store.database import Database, open_database
from lightkeeper.store.errors import StoreLost, StoreUnavailable
from lightkeeper.web.change_signal import ChangeSignal

ANSWER_SECONDS: Final = 10.0
"""How long a request waits for the store, for a free thread included."""
SCAN_SECONDS: Final = 5.0
"""How long SQLite looks for what a scan wants; a statement of PostgreSQL may take as long."""
_READERS: Final = {"sqlite": 2, "postgresql": 4}
_SCANNERS: Final = 2
_WRITERS: Final = {"sqlite": 1, "postgresql": 4}
"""SQLite has one writer at a time anyway."""
_T = TypeVar("_T")


class StoreSilent(LightkeeperError):
    """The store gave no answer in time: repeat this later, it is known then what was stored."""


class StoreAccess:
    """The store, as the routes use it. `open` it in the thread of the event loop."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.dialect = "sqlite" if url.startswith("sqlite:") else "postgresql"
        self._inline: Database | None = None
        self._readers = _Pool(url, _READERS[self.dialect], reads_only=True)
        self._scanners = _Pool(url, _SCANNERS, reads_only=True)
        self._writers = _Pool(url, _WRITERS[self.dialect], reads_only=False)
        self.change_signal = ChangeSignal(
            lambda: self.read(lambda database: Changes(database).newest())
        )
        self.lost: StoreLost | None = None
        """Why this process has to end: only a new one can use the store."""

    def open(self) -> None:
        """Make sure that there is a store to read; raises what `open_database` raises."""
        database = _opened(self._url, reads_only=True)
        if self.dialect == "sqlite":
            self._inline = database
        else:
            database.close()

    async def read(self, work: Callable[[Database], _T]) -> _T:
        """What `work` reads, quickly and of one moment: with SQLite everything else waits."""
        if self._inline is None:
            return await self.read_much(work)
        try:
            return _read(self._inline, work)
        except StoreLost as exc:
            self.lost = exc
            raise

    async def read_much(self, work: Callable[[Database], _T]) -> _T:
        """What `work` reads of one moment: much of it, which is found at once."""
        return await self._in(self._readers, lambda database: _read(database, work))

    async def scan(self, work: Callable[[Database], _T]) -> _T:
        """What `work` reads of one moment, and may have to look at every document to find.

        Raises `TookTooLong` after `SCAN_SECONDS`, and `StoreSilent` where other scans are in the
        way for too long.
        """

        def scan(database: Database) -> _T:
            with database.ended_after(SCAN_SECONDS):
                return work(database)

        return await self._in(self._scanners, lambda database: _read(database, scan))

    async def write(self, work: Callable[[Database], _T]) -> _T:
        """What `work` returns, which may write; raises `StoreSilent` if it takes too long.

        Whether it was written is then not known.
        """
        return await self._in(self._writers, work)

    async def _in(self, pool: "_Pool", work: Callable[[Database], _T]) -> _T:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await pool.run(work)
        except TimeoutError:
            raise StoreSilent from None
        except StoreLost as exc:
            self.lost = exc
            raise

    def close(self) -> None:
        """Close every connection; what is under way is waited for."""
        if self._inline is not None:
            self._inline.close()
        self._readers.close()
        self._scanners.close()
        self._writers.close()


class _Pool:
    """Threads with a connection each; work waits for a free one."""

    def __init__(self, url: str, count: int, *, reads_only: bool) -> None:
        self._threads = [_StoreThread(url, reads_only) for _ in range(count)]
        # The one used last goes first: the connections of the others are opened when needed.
        self._free: asyncio.LifoQueue[_StoreThread] = asyncio.LifoQueue()
        for thread in reversed(self._threads):
            self._free.put_nowait(thread)

    async def run(self, work: Callable[[Database], _T]) -> _T:
        thread = await self._free.get()
        future = asyncio.wrap_future(thread.executor.submit(thread.run, work))

        def is_over(done: asyncio.Future[_T]) -> None:
            self._free.put_nowait(thread)
            if not done.cancelled():
                done.exception()  # asked for, lest asyncio logs what no caller waits for

        # Not before the thread is done, even where no caller waits for it any more.
        future.add_done_callback(is_over)
        return await asyncio.shield(future)

    def close(self) -> None:
        for thread in self._threads:
            thread.close()


class _StoreThread:
    """One thread, and the connection that it alone uses."""

    def __init__(self, url: str, reads_only: bool) -> None:
        self._url, self._reads_only = url, reads_only
        self.executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")
        self._database: Database | None = None

    def run(self, work: Callable[[Database], _T]) -> _T:
        if self._database is None:
            self._database = _opened(self._url, reads_only=self._reads_only)
        return work(self._database)

    def close(self) -> None:
        def close() -> None:
            if self._database is not None:
                self._database.close()

        with suppress(LightkeeperError):
            self.executor.submit(close).result()
        self.executor.shutdown()


def _opened(url: str, *, reads_only: bool) -> Database:
    database = open_database(url, create=False, look=True)
    try:
        database.serve_callers(reads_only=reads_only)
        if not reads_only:
            database.durable()
    except BaseException:
        database.close()
        raise
    return database


def _read(database: Database, work: Callable[[Database], _T]) -> _T:
    try:
        with database.reading():
            return work(database)
    except StoreUnavailable:
        if not database.is_cut_off:
            raise
        with database.reading():  # the session had ended; this connects again
            return work(database)
