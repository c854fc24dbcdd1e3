"""Every signal that a simulated Agent of this run received, held against the catalogue."""

from lightkeeper.simulation.agent import server as agent
from lightkeeper.simulation.agent.datagram import Event, Metric, ReceivedSignal
from lightkeeper.telemetry.catalogue import CATALOGUE

# What any Agent of this run received, from any process: (kind, name).
SEEN: set[tuple[str, str]] = set()
_read = agent.parse


def _noted(datagram: bytes) -> list[ReceivedSignal]:
    signals = _read(datagram)
    for signal in signals:
        if isinstance(signal, Metric):
            SEEN.add((signal.kind, signal.name))
        elif isinstance(signal, Event):
            SEEN.add(("event", signal.tags.get("event", "")))
        else:
            SEEN.add(("service check", signal.name))
    return signals


def watch() -> None:
    """Take note of all signals from now on."""
    agent.parse = _noted


def unlike_the_catalogue(seen: set[tuple[str, str]]) -> list[str]:
    """A line for each signal (kind, name) that no test saw, or that is not in the catalogue."""
    ours = {(kind, name) for kind, name in seen if name.startswith(("lightkeeper", "silent_"))}
    listed = {(str(signal.kind), signal.name) for signal in CATALOGUE.values()}
    return [
        *(f"no test saw the {kind} {name}" for kind, name in sorted(listed - ours)),
        *(f"the {kind} {name} is not in the catalogue" for kind, name in sorted(ours - listed)),
    ]
