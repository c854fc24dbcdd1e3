"""The simulated Datadog Agent: DogStatsD on loopback, strict about what it receives."""

import contextlib
import selectors
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from lightkeeper.simulation.agent.datagram import (
    Event,
    MalformedDatagram,
    Metric,
    ReceivedSignal,
    ServiceCheck,
    parse,
)

Listener = Callable[[ReceivedSignal], None]
SeriesKey = tuple[str, tuple[tuple[str, str], ...]]

_RECEIVE_BUFFER_BYTES = 16 * 1024 * 1024  # the kernel grants what it allows
_LARGEST_DATAGRAM_BYTES = 65_536
_DATAGRAMS_A_TURN = 16


class SimulatedAgent:
    """
    A strict DogStatsD listener on UDP, on a Unix datagram socket, or on both.

    It listens from `start()` to `stop()`, or within `with`. After `stop()` it can be started again
    on the same port and path; what it had received stays until `clear()`. Only faultless datagrams
    are received, the others land in `malformed` with the reason; datadogpy's metrics about itself
    are kept apart in `telemetry`.

    Args:
        port: UDP port on 127.0.0.1; 0 takes a free one and stays with it, None means no UDP.
        socket_path: where to put the Unix socket; one left behind there is replaced.
        listener: called in the reading thread with each signal received.
    """

    def __init__(
        self,
        *,
        port: int | None = 0,
        socket_path: str | Path | None = None,
        listener: Listener | None = None,
    ) -> None:
        if port is None and socket_path is None:
            raise ValueError("an Agent listens on a UDP port, on a Unix socket, or on both")
        self.port = port
        self.socket_path = None if socket_path is None else Path(socket_path)
        self.listener = listener
        self.received: list[ReceivedSignal] = []
        self.telemetry: list[Metric] = []
        self.malformed: list[tuple[bytes, str]] = []
        self._arrival = threading.Condition()
        self._reading = threading.Event()
        self._running = contextlib.ExitStack()
        self._selector: selectors.BaseSelector | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """What `DD_DOGSTATSD_URL` has to say, once started; the Unix socket goes first."""
        if self.socket_path is not None:
            return f"unix://{self.socket_path}"
        return f"udp://127.0.0.1:{self.port}"

    @property
    def metrics(self) -> list[Metric]:
        """The metrics received, in their order."""
        return [signal for signal in self.received if isinstance(signal, Metric)]

    @property
    def events(self) -> list[Event]:
        """The events received, in their order."""
        return [signal for signal in self.received if isinstance(signal, Event)]

    @property
    def checks(self) -> list[ServiceCheck]:
        """The service checks received, in their order."""
        return [signal for signal in self.received if isinstance(signal, ServiceCheck)]

    def start(self) -> None:
        """Listen; OSError where the port or the path cannot be had."""
        if self._selector is not None:
            raise RuntimeError("this Agent is listening already")
        with contextlib.ExitStack() as opening:
            selector = opening.enter_context(selectors.DefaultSelector())
            stopper, stopped = socket.socketpair()
            opening.enter_context(stopper)
            selector.register(opening.enter_context(stopped), selectors.EVENT_READ)
            for family, address in self._addresses():
                sock = opening.enter_context(socket.socket(family, socket.SOCK_DGRAM))
                sock.setblocking(False)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
                sock.bind(address)
                selector.register(sock, selectors.EVENT_READ, sock)
                if family == socket.AF_INET:
                    self.port = sock.getsockname()[1]
            reader = threading.Thread(target=self._read, args=(selector,), daemon=True)
            opening.callback(reader.join)
            opening.callback(stopper.send, b".")
            self._reading.set()
            reader.start()
            self._selector = selector
            self._running = opening.pop_all()

    def stop(self) -> None:
        """Stop listening: what was not read is lost, and the socket file is removed."""
        if self._selector is None:
            return
        self._reading.set()
        self._running.close()
        self._selector = None
        if self.socket_path is not None:
            self.socket_path.unlink(missing_ok=True)

    def pause(self) -> None:
        """Read nothing until `resume()`, so that a full Unix socket is felt by the senders."""
        with self._arrival:
            self._reading.clear()

    def resume(self) -> None:
        """Read on after `pause()`."""
        self._reading.set()

    def clear(self) -> None:
        """Forget everything received so far."""
        with self._arrival:
            self.received.clear()
            self.telemetry.clear()
            self.malformed.clear()

    def wait_for(
        self, condition: Callable[["SimulatedAgent"], bool], timeout: float = 60.0
    ) -> bool:
        """Return whether the condition held within so many seconds; each arrival tries it."""
        with self._arrival:
            return self._arrival.wait_for(lambda: condition(self), timeout)

    def drain(self, quiet: float = 0.05) -> None:
        """Wait until nothing has arrived for so many seconds."""
        with self._arrival:
            while self._arrival.wait(quiet) or self._has_unread():
                pass

    def count(self, name: str, /, **tags: str) -> float:
        """Return the sum of the counts of that name that carry at least these tags."""
        return sum(metric.value for metric in self._matching(name, tags) if metric.kind == "count")

    def gauge(self, name: str, /, **tags: str) -> float | None:
        """Return the latest gauge of that name that carries at least these tags, if any."""
        gauges = [metric for metric in self._matching(name, tags) if metric.kind == "gauge"]
        return gauges[-1].value if gauges else None

    def values(self, name: str, /, **tags: str) -> list[float]:
        """Return all values of that name, of any kind, that carry at least these tags."""
        return [metric.value for metric in self._matching(name, tags)]

    def series(self) -> set[SeriesKey]:
        """Return each metric name with each set of tags it came with, as sorted pairs."""
        return {(metric.name, tuple(sorted(metric.tags.items()))) for metric in self.metrics}

    def assert_clean(self) -> None:
        """Raise AssertionError with every malformed datagram and its reason, if there is one."""
        if self.malformed:
            faults = (f"{reason}: {line[:200]!r}" for line, reason in self.malformed)
            raise AssertionError("\n".join(["malformed datagrams:", *faults]))

    def _matching(self, name: str, tags: dict[str, str]) -> Iterator[Metric]:
        wanted = tags.items()
        return (m for m in self.metrics if m.name == name and wanted <= m.tags.items())

    def _addresses(self) -> Iterator[tuple[socket.AddressFamily, tuple[str, int] | str]]:
        if self.port is not None:
            yield socket.AF_INET, ("127.0.0.1", self.port)
        if self.socket_path is not None:
            if self.socket_path.is_socket():
                self.socket_path.unlink()
            yield socket.AF_UNIX, str(self.socket_path)

    def _read(self, selector: selectors.BaseSelector) -> None:
        while True:
            self._reading.wait()
            ready = [key.data for key, _ in selector.select()]
            if None in ready:  # the stopper, the one that has no socket beside it
                return
            for sock in ready:
                signals = self._receive(sock)
                if self.listener is not None:
                    for signal in signals:
                        self.listener(signal)

    def _receive(self, sock: socket.socket) -> list[ReceivedSignal]:
        with self._arrival:
            start = len(self.received)
            with contextlib.suppress(BlockingIOError):
                for _ in range(_DATAGRAMS_A_TURN if self._reading.is_set() else 0):
                    self._take(sock.recv(_LARGEST_DATAGRAM_BYTES))
            self._arrival.notify_all()
            return self.received[start:]

    def _take(self, datagram: bytes) -> None:
        try:
            signals = parse(datagram)
        except MalformedDatagram as fault:
            self.malformed.append((fault.line, fault.reason))
            return
        for signal in signals:
            if isinstance(signal, Metric) and signal.is_telemetry:
                self.telemetry.append(signal)
            else:
                self.received.append(signal)

    def _has_unread(self) -> bool:
        if self._selector is None or not self._reading.is_set():
            return False
        return bool(self._selector.select(0))
