"""What the demo shows at an instant: read from the store, and from the simulated Datadog."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from lightkeeper.alerting.evaluate.notify import Why
from lightkeeper.alerting.files.definitions import Assets, Urgency
from lightkeeper.casework.triage import CONDITIONS, Action
from lightkeeper.domain.document import Condition, Document, LighthouseStatus
from lightkeeper.simulation.drills.datadog import Datadog
from lightkeeper.simulation.drills.world import World
from lightkeeper.store.filters import Filter
from lightkeeper.store.levels import Level, Levels, sums
from lightkeeper.store.triage import TriageStore

_TROUBLE: Final = CONDITIONS[Action.ACK] - {Condition.CONTRADICTORY}
_FIRES: Final = frozenset({Why.ALERT, Why.WARN, Why.NO_DATA})
_STATUSES: Final = tuple(map(str, LighthouseStatus))
_GAUGES: Final = tuple(f"lightkeeper.documents.{name}:".encode() for name in _STATUSES)


class Alert(NamedTuple):
    """A monitor that fired: when for the first time, how often, and whether it fires still."""

    monitor: str
    title: str
    at: float
    times: int
    urgency: Urgency
    is_over: bool


class Board(NamedTuple):
    """All that the demo shows at one instant."""

    at: float
    totals: list[Level]
    troubles: list[Document]
    """The failed, the late and the not found, in the order in which they were tracked."""
    alerts: list[Alert]

    @property
    def counts(self) -> dict[str, int]:
        """How many documents are tracked, and how many of them pending, done and failed."""
        return sums(self.totals)


class CountingDatadog(Datadog):
    """Datadog that counts what it receives, and keeps the last gauge of each status."""

    def __init__(self, assets: Assets) -> None:
        super().__init__(assets)
        self.metric_count = self.event_count = 0
        self._gauges: dict[tuple[str, bytes], float] = {}

    def take(self, lines: Iterator[bytes], at_seconds: float) -> None:
        """Take what arrived at that time."""
        super().take(self._counted(lines), at_seconds)

    def gauges(self) -> dict[str, float]:
        """The sum of the last gauges of each status."""
        return {
            status: sum(
                value
                for (name, _), value in self._gauges.items()
                if name == f"lightkeeper.documents.{status}"
            )
            for status in _STATUSES
        }

    def _counted(self, lines: Iterator[bytes]) -> Iterator[bytes]:
        for line in lines:
            if line.startswith(b"_e"):
                self.event_count += 1
            elif not line.startswith(b"_"):
                self.metric_count += 1
            if line.startswith(_GAUGES):
                name, _, rest = line.partition(b":")
                value, _, tags = rest.partition(b"|")  # not `parse`: one line in four comes here
                self._gauges[name.decode(), tags] = float(value)
            yield line


def read(world: World, assets: Assets) -> Board:
    """What stands in the store, and what the monitors did."""
    documents = TriageStore(world.desk).matching(Filter(_TROUBLE))
    return Board(
        world.clock.now,
        Levels(world.desk).totals(),
        documents,
        list(_alerts(world.datadog, assets)),
    )


def gauges_agree(board: Board, datadog: CountingDatadog) -> bool:
    """Whether the last gauges say what the store says, and every document has one status."""
    counts, gauges = board.counts, datadog.gauges()
    return all(gauges[status] == counts[status] for status in _STATUSES) and counts[
        "tracked"
    ] == sum(counts[status] for status in _STATUSES)


def _alerts(datadog: Datadog, assets: Assets) -> Iterator[Alert]:
    by_monitor: dict[str, Alert] = {}
    for key, one in datadog.notifications:
        urgency = assets.urgency_of(key, one.who)
        if one.why not in _FIRES or urgency is None:
            continue
        first = by_monitor.get(key) or Alert(
            key,
            one.title,
            one.at_seconds,
            0,
            urgency,
            datadog.recovered_at(key) is not None,
        )
        by_monitor[key] = first._replace(times=first.times + 1)
    yield from by_monitor.values()
