"""Waits for the next change: the store is asked once for all callers that wait for it."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

LOOK_EVERY_SECONDS: Final = 1.0


class ChangeSignal:
    """Lets callers wait; `newest` reads the number of the last transition from the store.

    It is read once a second while there are callers that wait, and not otherwise.
    """

    def __init__(self, newest: Callable[[], Awaitable[int]]) -> None:
        self._newest = newest
        self._look: asyncio.Task[int] | None = None
        self._is_over = asyncio.Event()

    async def after(self, number: int, seconds: float) -> None:
        """Return once there is a transition after this number, after so long, or at the end.

        Raises what reading the store raises.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not self._is_over.is_set() and await self._next_look() <= number:
                    pass

    def end(self) -> None:
        """Let all who wait go, and no caller wait from now on."""
        self._is_over.set()

    async def _next_look(self) -> int:
        if self._look is None or self._look.done():
            self._look = asyncio.create_task(self._look_soon())
            # Where all who waited are gone, no caller asks what became of it.
            self._look.add_done_callback(lambda look: look.cancelled() or look.exception())
        return await asyncio.shield(self._look)  # it is of the others too

    async def _look_soon(self) -> int:
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_EVERY_SECONDS):
                await self._is_over.wait()
        return 0 if self._is_over.is_set() else await self._newest()
