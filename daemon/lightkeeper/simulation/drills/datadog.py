"""Datadog in simulated time: reads what the daemon sends, and evaluates all monitors on it."""

import socket
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

from lightkeeper.alerting.evaluate.monitor_run import MonitorRun
from lightkeeper.alerting.evaluate.monitor_runs import monitor_runs
from lightkeeper.alerting.evaluate.notify import Notification
from lightkeeper.alerting.evaluate.series import SeriesStore
from lightkeeper.alerting.evaluate.thresholds import Status
from lightkeeper.alerting.files.definitions import Assets
from lightkeeper.alerting.lint.subject import Subject
from lightkeeper.alerting.render.recorded import MonitorState
from lightkeeper.simulation.agent.datagram import (
    MAX_DATAGRAM_BYTES,
    Event,
    MalformedDatagram,
    ServiceCheck,
    parse,
)
from lightkeeper.telemetry.dogstatsd import Emitter
from lightkeeper.telemetry.signals import Kind
from lightkeeper.telemetry.tag_values import constant_tags

_WORST: Final = (Status.OK, Status.NO_DATA, Status.WARN, Status.ALERT)


class SignalPoint(NamedTuple):
    """One point of a metric, or one run of a service check, as the evaluator takes it."""

    name: str
    kind: Kind
    tags: tuple[str, ...]
    value: float
    message: str


class InProcessAgent:
    """A DogStatsD socket. It holds ten datagrams, so its `emitter` calls `take` in between.

    `read` returns what was taken.
    """

    def __init__(self, path: Path) -> None:
        self.url = f"unix://{path}"
        self._path = path
        self._arrived: deque[bytes] = deque()
        self._socket: socket.socket | None = None
        self.start()

    def emitter(self, env: str, clock: Callable[[], float]) -> Emitter:
        """One that sends here, as from this environment, and refuses no signal silently."""
        return Emitter(
            self.url,
            constant_tags=constant_tags({"DD_ENV": env}),
            strict=True,
            monotonic=clock,
            before_each=self.take,
        )

    def start(self) -> None:
        """Listen."""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(str(self._path))

    def stop(self) -> None:
        """Stop listening; what arrived before can still be read."""
        self.take()
        if self._socket is not None:
            self._path.unlink()
            self._socket.close()
            self._socket = None

    def take(self) -> None:
        """Take off what the socket holds."""
        if self._socket is not None:
            with suppress(BlockingIOError):
                while datagram := self._socket.recv(MAX_DATAGRAM_BYTES + 1):
                    self._arrived.append(datagram)

    def read(self) -> Iterator[bytes]:
        """The lines that have arrived. Raises MalformedDatagram for longer ones than it takes."""
        self.take()
        while self._arrived:
            datagram = self._arrived.popleft()
            if len(datagram) > MAX_DATAGRAM_BYTES:
                raise MalformedDatagram(datagram, "longer than the Agent reads")
            yield from datagram.split(b"\n")


def _points(line: bytes) -> tuple[SignalPoint, ...]:
    found = []
    for signal in parse(line):
        if isinstance(signal, Event):
            continue
        # `host:` says that the series has no host.
        tags = tuple(f"{key}:{value}" for key, value in signal.tags.items() if value)
        if isinstance(signal, ServiceCheck):
            value, kind, message = float(signal.status), Kind.SERVICE_CHECK, signal.message
        else:
            value, kind, message = signal.value, Kind(signal.kind), ""
        found.append(SignalPoint(signal.name, kind, tags, value, message))
    return tuple(found)


class Datadog:
    """All monitors, evaluated each minute on all that was received, and their notifications."""

    def __init__(self, assets: Assets) -> None:
        self._monitors = monitor_runs(assets.monitor_payloads(), assets.slo_payloads())
        self._store = SeriesStore()
        self._watched = frozenset(name.encode() for name in _read_by_monitors(assets))
        # Most lines say the same as half a minute before.
        self._read = lru_cache(maxsize=16_384)(self._points_for_monitors)
        self.notifications: list[tuple[str, Notification]] = []
        """Monitor and notification, in order of time."""
        self.also_given: Callable[[bytes, float], None] | None = None
        """Is given each line, and when it came, as well."""

    def take(self, lines: Iterator[bytes], at_seconds: float) -> None:
        """Take what arrived at that time. Raises MalformedDatagram for what cannot be read."""
        store, read = self._store, self._read
        for line in lines:
            if self.also_given is not None:
                self.also_given(line, at_seconds)
            for name, kind, tags, value, message in read(line):
                if kind is Kind.SERVICE_CHECK:
                    store.check(name, tags, at_seconds, int(value), message)
                else:
                    store.add(name, kind, tags, at_seconds, value)

    def _points_for_monitors(self, line: bytes) -> tuple[SignalPoint, ...]:
        """Those of a line; none of a metric that no monitor reads, which half of what comes is."""
        is_read = line.partition(b":")[0] in self._watched or line.startswith(b"_")
        return _points(line) if is_read else ()

    def evaluate(self, at_seconds: int) -> None:
        """Evaluate every monitor at a full minute; to be called for every one, in order."""
        for key, monitor in self._monitors.items():
            self.notifications += [(key, one) for one in monitor.evaluate(self._store, at_seconds)]

    def monitor_states(self) -> dict[str, MonitorState]:
        """Every monitor as it stands."""
        return {key: _state(monitor) for key, monitor in self._monitors.items()}

    def recovered_at(self, key: str) -> float | None:
        """When the last group of a monitor recovered; None while one is not OK."""
        monitor = self._monitors[key]
        if any(status is not Status.OK for status in monitor.states.values()):
            return None
        return max(one.at_seconds for one in monitor.transitions)


def _state(monitor: MonitorRun) -> MonitorState:
    status = max(monitor.states.values(), key=_WORST.index, default=None)
    wrong = [one.at_seconds for one in monitor.transitions if one.status is not Status.OK]
    return MonitorState(status, max(wrong, default=None))


def _read_by_monitors(assets: Assets) -> set[str]:
    """The metrics that monitors, and the SLOs they watch, are computed from."""
    subjects = [Subject(one, assets, is_slo=False) for one in assets.monitors.values()]
    subjects += [Subject(one, assets, is_slo=True) for one in assets.slos.values()]
    return {query.metric for subject in subjects for query in subject.queries}
