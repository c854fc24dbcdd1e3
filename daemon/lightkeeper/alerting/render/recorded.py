"""What Datadog would hold of a span of time: all that a board can be drawn from."""

from collections.abc import Mapping
from dataclasses import dataclass

from lightkeeper.alerting.evaluate.series import SeriesStore
from lightkeeper.alerting.evaluate.thresholds import Status


@dataclass(frozen=True, slots=True)
class Entry:
    """An event or a log line: when it came, what it says, and what a search can find it by.

    `status` is the alert type of an event, the level of a log line.
    """

    at_seconds: float
    status: str
    text: str
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class MonitorState:
    """The worst status among a monitor's groups, and when one last went wrong, if one did."""

    status: Status | None
    triggered_at: int | None


@dataclass(frozen=True, slots=True)
class Recording:
    """Everything that came from `began_at` until `ended_at`, in seconds since the epoch."""

    began_at: int
    ended_at: int
    store: SeriesStore
    events: tuple[Entry, ...]
    logs: tuple[Entry, ...]
    monitors: Mapping[str, MonitorState]
