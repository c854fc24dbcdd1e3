"""Plays a drill until its fault is over, and keeps all that its daemon sent."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from lightkeeper.alerting.evaluate.series import SeriesStore
from lightkeeper.alerting.files.definitions import Assets
from lightkeeper.alerting.render.recorded import Entry, Recording
from lightkeeper.simulation.agent.datagram import Event, Metric, parse
from lightkeeper.simulation.drills.courses import HOUR
from lightkeeper.simulation.drills.faults import Fault
from lightkeeper.simulation.drills.run import world_of
from lightkeeper.telemetry.logging import diverted
from lightkeeper.telemetry.signals import Kind

_NAMES: Final = frozenset({"event", "level"})
_STATE_DIRECTORY: Final = "/var/lib/lightkeeper"
"""Where a daemon has its store; a drill's is in a folder whose name is another each time."""


def record(fault: Fault, assets: Assets) -> Recording:
    """What Datadog holds of a drill when its fault is over: as on-call sees it then.

    The same drill gives the same, to the byte.
    """
    kept = _Kept(fault.start, fault.env or str(assets.variables["env"]))
    with diverted(kept.log, kept.now), world_of(fault, assets) as world:
        kept.now.clock, kept.folder = world.clock, str(world.folder)
        world.datadog.also_given = kept.take
        world.advance(HOUR)
        for seconds in fault.course(world):
            world.advance(seconds)
        return Recording(
            int(fault.start),
            int(world.clock.now),
            kept.store,
            tuple(kept.events),
            tuple(kept.logs),
            world.datadog.monitor_states(),
        )


class _Now:
    """The time of a world, or its beginning before there is one."""

    def __init__(self, start: float) -> None:
        self.clock: Callable[[], float] = lambda: start

    def __call__(self) -> float:
        return self.clock()


class _Kept:
    """Everything that arrived, of which monitors read a part."""

    def __init__(self, start: float, env: str) -> None:
        self.store = SeriesStore()
        self.events: list[Entry] = []
        self.logs: list[Entry] = []
        self.now = _Now(start)
        self.folder = _STATE_DIRECTORY
        self._env = env
        self._read = lru_cache(maxsize=16_384)(parse)  # most lines say the same as before

    def take(self, line: bytes, at_seconds: float) -> None:
        """Keep a line of DogStatsD."""
        for signal in self._read(line):
            if isinstance(signal, Event):
                text = self._shown(f"{signal.title}\n{signal.text}")
                self.events.append(Entry(at_seconds, signal.alert_type, text, signal.tags))
                continue
            tags = tuple(f"{key}:{value}" for key, value in signal.tags.items() if value)
            if isinstance(signal, Metric):
                kind = Kind(signal.kind)
                self.store.add(signal.name, kind, tags, at_seconds, signal.value)
            else:
                message = self._shown(signal.message)
                self.store.check(signal.name, tags, at_seconds, signal.status, message)

    def log(self, line: dict[str, Any]) -> None:
        """Keep a log line."""
        said = {name: value for name, value in line.items() if value is not None}
        more = (f"{name}={value}" for name, value in said.items() if name not in _NAMES)
        text = self._shown(" ".join([str(line.get("event")), *more]))
        level = str(line.get("level"))
        status = {"warning": "warn", "exception": "error"}.get(level, level)
        tags = {"env": self._env, "service": "lightkeeper"}
        self.logs.append(Entry(self.now(), status, text, tags))

    def _shown(self, text: str) -> str:
        return text.replace(self.folder, _STATE_DIRECTORY)
