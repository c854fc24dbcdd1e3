"""Runs drills, and holds what the monitors did against what they should have done."""

import gc
import multiprocessing
import os
import random
import tempfile
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

from lightkeeper.alerting.evaluate.message import handles
from lightkeeper.alerting.evaluate.notify import Notification, Why
from lightkeeper.alerting.files.definitions import PAGERS, Assets, Urgency
from lightkeeper.simulation.drills.courses import HOUR, MINUTE
from lightkeeper.simulation.drills.expected import EXPECTED, Expected, Fires
from lightkeeper.simulation.drills.faults import FAULTS, HEALTHY, Fault, healthy
from lightkeeper.simulation.drills.world import DOCUMENTS_AN_HOUR, World
from lightkeeper.telemetry import logging

SEED = 526
_TROUBLE = frozenset({Why.ALERT, Why.WARN, Why.NO_DATA})
_SHOULD = dict(zip(Urgency, ("page", "page low", "notify the channel"), strict=True))
_DID = dict(zip(Urgency, ("paged", "paged low", "notified the channel"), strict=True))


@dataclass(frozen=True, slots=True)
class Fired:
    """What one monitor did in a drill; times in minutes."""

    monitor: str
    urgency: Urgency
    """The most urgent handle that it notified."""
    times: tuple[int, ...]
    """How often, for each time something went wrong; reminders apart."""
    early_count: int
    """How often before anything went wrong."""
    after: float | None
    """From the trouble to its first notification, the longest if there were several."""
    over_after: float | None
    """From the end of it to recovery; below 0: before that. None: it did not recover."""
    reminder_count: int


@dataclass(frozen=True, slots=True)
class Result:
    """One drill: what fired, and what was not as expected."""

    name: str
    says: str
    fired: tuple[Fired, ...]
    problems: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether all was as expected."""
        return not self.problems


def run_drill(name: str, assets: Assets, *, days: float | None = None, seed: int = SEED) -> Result:
    """Run one drill; `days` is how long the healthy one lasts, `seed` decides all chance in it."""
    fault = healthy(days) if days is not None and name == HEALTHY else FAULTS[name]
    with world_of(fault, assets, seed=seed) as world:
        fired = _drilled(world, fault, assets)
    return Result(name, fault.says, fired, tuple(judged(fired, EXPECTED[name])))


@contextmanager
def world_of(fault: Fault, assets: Assets, *, seed: int = SEED) -> Iterator[World]:
    """The world in which that fault is to happen, just begun; `seed` decides all chance in it."""
    before = random.getstate()
    random.seed(seed)  # the poller's jitter
    gc.disable()  # it would look through half a million documents again and again
    try:
        with tempfile.TemporaryDirectory(prefix="lightkeeper-drill-") as folder:
            stated = _where_usual(assets, fault.an_hour)
            world = World(
                Path(folder),
                stated,
                seed=seed,
                an_hour=fault.an_hour,
                env=fault.env,
                batch_size=fault.batch_size,
                start=fault.start,
            )
            try:
                yield world
            finally:
                world.close()
    finally:
        gc.enable()
        random.setstate(before)


def run_drills(
    names: Iterable[str], assets: Assets, *, processes: int = 2, days: float | None = None
) -> Iterator[Result]:
    """Run drills side by side, those that take long first; yield results in the order of names."""
    names = list(names)
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=spawn, initializer=_begin_work) as pool:
        running = {
            name: pool.submit(run_drill, name, assets, days=days)
            for name in sorted(names, key=lambda name: -FAULTS[name].weight)
        }
        try:
            for name in names:
                yield running[name].result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)  # an interrupt, most likely
            raise


def undrilled(assets: Assets) -> list[str]:
    """The monitors that no drill is expected to fire; those without a recipient need none."""
    fired = {key for one in EXPECTED.values() for key in one.fires}
    messages = {key: str(one.payload.get("message")) for key, one in assets.monitors.items()}
    return sorted(key for key in messages.keys() - fired if handles(messages[key]))


def _begin_work() -> None:
    logging.configure(level="critical")
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: BaseProcess) -> None:
    # Killed, it cannot end its workers, and they would wait for work for ever.
    parent.join()
    os._exit(1)


def _where_usual(assets: Assets, an_hour: float) -> Assets:
    """The monitors as operators set them where so many documents are tracked an hour."""
    if an_hour == DOCUMENTS_AN_HOUR:
        return assets
    return assets.with_variable("intake_a_day", round(24 * an_hour))


def _drilled(world: World, fault: Fault, assets: Assets) -> tuple[Fired, ...]:
    world.advance(HOUR)
    began_at = world.clock.now
    for seconds in fault.course(world):
        world.advance(seconds)
    ended_at = world.clock.now
    world.advance(fault.settles)
    marks = world.marks or [began_at]
    sent: dict[str, list[Notification]] = {}
    for key, one in world.datadog.notifications:
        sent.setdefault(key, []).append(one)
    urgencies = {
        key: assets.urgency_of(key, {handle for one in sent[key] for handle in one.who})
        for key in assets.monitors
        if key in sent
    }
    return tuple(
        _fired(key, urgency, sent[key], marks, ended_at, world.datadog.recovered_at(key))
        for key, urgency in urgencies.items()
        if urgency
    )


def _fired(
    key: str,
    urgency: Urgency,
    sent: list[Notification],
    marks: list[float],
    ended_at: float,
    recovered_at: float | None,
) -> Fired:
    trouble = [one for one in sent if one.why in _TROUBLE]
    spans = list(zip(marks, [*marks[1:], float("inf")], strict=True))
    found = [[one for one in trouble if at < one.at_seconds <= until] for at, until in spans]
    delays = [first[0].at_seconds - at for first, at in zip(found, marks, strict=True) if first]
    return Fired(
        key,
        urgency,
        tuple(map(len, found)),
        len(trouble) - sum(map(len, found)),
        max(delays) / MINUTE if delays else None,
        None if recovered_at is None else (recovered_at - ended_at) / MINUTE,
        sum(one.why is Why.RENOTIFY for one in sent),
    )


def judged(fired: Iterable[Fired], expected: Expected) -> Iterator[str]:
    """Yield what did not go as expected."""
    by_key = {one.monitor: one for one in fired}
    for key, (urgency, wanted) in expected.fires.items():
        if key in by_key:
            yield from _differences(by_key[key], wanted, urgency)
        else:
            yield f"{key} did not {_SHOULD[urgency]}"
    for key in sorted(by_key.keys() - expected.fires.keys() - expected.may_notify):
        yield f"{key} {_DID[by_key[key].urgency]}, and should have been silent"
    for key in sorted(by_key.keys() & expected.may_notify):
        if by_key[key].urgency in PAGERS:
            did = _DID[by_key[key].urgency]
            yield f"{key} {did}, and should at most have notified the channel"
    for key in sorted(by_key):
        if bool(by_key[key].reminder_count) != (key in expected.reminds):
            count = by_key[key].reminder_count
            yield f"{key} repeated itself {count} times"


def _differences(fired: Fired, wanted: Fires, urgency: Urgency) -> Iterator[str]:
    key = fired.monitor
    if fired.urgency is not urgency:
        yield f"{key} should {_SHOULD[urgency]}, and {_DID[fired.urgency]}"
    if fired.early_count:
        yield f"{key} fired {fired.early_count} times before anything was wrong"
    if urgency in PAGERS and any(count != 1 for count in fired.times):
        yield f"{key} paged {' and '.join(map(str, fired.times))} times instead of once"
    if fired.after is not None and fired.after > wanted.within:
        yield f"{key} fired after {fired.after:.0f} min, not within {wanted.within:g}"
    if fired.over_after is None:
        yield f"{key} did not recover"
    elif fired.over_after > wanted.over:
        yield f"{key} recovered after {fired.over_after:.0f} min, not within {wanted.over:g}"
