"""Waiting for the next change: one look at the store for all who wait, and none without them."""

import asyncio
import time

import pytest
from patience import at_most

from lightkeeper.web import change_signal
from lightkeeper.web.change_signal import ChangeSignal


@pytest.fixture(autouse=True)
def _often(monkeypatch):
    monkeypatch.setattr(change_signal, "LOOK_EVERY_SECONDS", 0.05)


class Store:
    """Its newest transition, how often that was looked up, and what a look raises."""

    def __init__(self):
        self.number = self.looks = 0
        self.failure = None

    async def newest(self):
        self.looks += 1
        if self.failure:
            raise self.failure
        return self.number


def _ended(*waits):
    """Which of the waits have returned."""
    return [wait.done() for wait in waits]


def test_all_who_wait_share_one_look():
    """However many wait, and from wherever on; who has something to read waits no longer."""

    async def scene():
        store = Store()
        waiting = ChangeSignal(store.newest)
        store.number = 7
        behind = [asyncio.create_task(waiting.after(3, 60)) for _ in range(100)]
        ahead = [asyncio.create_task(waiting.after(7, 60)) for _ in range(100)]
        await asyncio.gather(*behind)
        assert [False] * 100 == _ended(*ahead)
        first = store.looks
        store.number = 8
        await asyncio.gather(*ahead)
        return first, store.looks

    first, looks = asyncio.run(scene())

    assert 1 == first
    assert looks <= 3


def test_without_a_caller_nothing_is_looked_up():
    """Nor once all who waited have gone."""

    async def scene():
        store = Store()
        waiting = ChangeSignal(store.newest)
        await asyncio.sleep(0.12)
        assert 0 == store.looks
        await waiting.after(0, 0.12)
        await asyncio.sleep(0.06)
        before = store.looks
        await asyncio.sleep(0.12)
        return before, store.looks

    before, after = asyncio.run(scene())

    assert 1 <= before == after


def test_a_store_that_was_taken_back_is_waited_for_anew():
    """What was seen of it before makes no later wait end at once."""

    async def scene():
        store = Store()
        waiting = ChangeSignal(store.newest)
        store.number = 100
        await waiting.after(1, 60)
        store.number = 50
        began = time.monotonic()
        await waiting.after(60, 0.2)
        return time.monotonic() - began

    assert asyncio.run(scene()) >= 0.2


@pytest.mark.speed
def test_the_end_lets_all_go():
    """At once, and who comes then does not wait."""

    async def scene():
        waiting = ChangeSignal(Store().newest)
        tasks = [asyncio.create_task(waiting.after(0, 60)) for _ in range(10)]
        await asyncio.sleep(0.01)
        began = time.monotonic()
        waiting.end()
        await asyncio.gather(*tasks)
        await waiting.after(0, 60)
        return time.monotonic() - began

    assert asyncio.run(scene()) < at_most(0.5)


def test_a_store_that_cannot_be_read_is_said_to_all():
    """And the next one who waits looks again."""

    async def scene():
        store = Store()
        waiting = ChangeSignal(store.newest)
        store.failure = OSError("no store")
        said = await asyncio.gather(
            *(waiting.after(0, 60) for _ in range(3)), return_exceptions=True
        )
        store.failure, store.number = None, 1
        await waiting.after(0, 60)
        return said

    assert [OSError] * 3 == [type(each) for each in asyncio.run(scene())]
