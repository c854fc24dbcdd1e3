"""What describes a signal: its kind, its tags, which module sends it and when."""

from dataclasses import dataclass
from enum import StrEnum
from math import prod
from typing import TypeAlias

from lightkeeper.telemetry.tags import OPEN_TAGS, OPEN_WORDS, Tags


class Kind(StrEnum):
    """What a signal is to Datadog."""

    COUNT = "count"
    GAUGE = "gauge"
    DISTRIBUTION = "distribution"
    EVENT = "event"
    SERVICE_CHECK = "service check"


class Sender(StrEnum):
    """Which module sends a signal, and when."""

    PUBLISHER = "publisher, once per transition"
    TRACKED = "publisher, once per document"
    EVENTS = "events, at most once a minute or an hour"
    GAUGES = "gauges, every 50 s"
    DAILY = "gauges, once a day"
    SLICE = "health, after each polling slice"
    PULSE = "health, every 30 s"
    START = "health, at each start"
    LOSSES = "dogstatsd, once the Agent is reachable again"
    WEB = "the API, every 10 s"
    DRIFT = "`account drift`, at each run"
    COMPARISON = "the follower of vets-api, every hour, and `compare vets-api`"


Table: TypeAlias = dict[tuple[Kind, Sender], dict[str, tuple[str, Tags, str]]]
"""Signals by kind and sender: of each name the unit, the tags and the meaning."""


@dataclass(frozen=True, slots=True)
class Signal:
    """A metric, event or service check: name, kind, unit, tag keys with values, and meaning."""

    name: str
    kind: Kind
    sender: Sender
    unit: str
    tags: Tags
    meaning: str

    @property
    def most_series(self) -> int:
        """How many sets of tag values it can have, unknown words included."""
        return prod(
            len(values) + (OPEN_WORDS + 1 if tag in OPEN_TAGS else 0)
            for tag, values in self.tags.items()
        )
