"""`lightkeeper demo`: a day of documents in half a minute, the real daemon against stand-ins.

The daemon, its store and its signals are the real ones; only its clock runs fast. Lighthouse and
the Agent are the sandbox's, on loopback. This Lighthouse has a slow day: a step takes it hours,
so that the documents can be seen to move.
"""

import os
import random
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol

import click
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from lightkeeper.config.settings import Settings
from lightkeeper.domain.document import Condition, DocumentType, NewDocument
from lightkeeper.domain.time import DAY, HOUR, SECOND, Instant
from lightkeeper.service.stop import Stop
from lightkeeper.service.wiring import build_daemon
from lightkeeper.simulation.agent.datagram import Event, Metric, ServiceCheck
from lightkeeper.simulation.agent.server import SimulatedAgent
from lightkeeper.simulation.lighthouse.server import SimulatedLighthouse
from lightkeeper.simulation.serve import describe
from lightkeeper.store.database import Database, open_database
from lightkeeper.store.documents import Documents
from lightkeeper.store.levels import Level, Levels, sums
from lightkeeper.telemetry import logging

DOCUMENTS: Final = 2_200
"""What a real day brings."""
OLD_STUCK: Final = 3
HOURS_A_STEP: Final = 2.0
_STEP_SECONDS: Final = 9.0
_TROUBLE: Final = (
    *("fails_claims_evidence", "fails_claims_evidence", "fails_bgs", "fails_bgs", "fails_unknown"),
    *("fails_cleanup", "recovers", "contradictory", "unknown_step", "lost"),
)
_REFRESH_SECONDS: Final = 0.25
_LINES: Final = 6


class FastClock:
    """Runs a day in `seconds`, from now on."""

    def __init__(self, seconds: float) -> None:
        self._began = time.time()
        self._speed = DAY / SECOND / seconds

    def seconds(self) -> float:
        """Seconds since the epoch."""
        return self._began + (time.time() - self._began) * self._speed

    def __call__(self) -> Instant:
        return int(self.seconds() * SECOND)

    def day_share(self) -> float:
        """How much of the day is over: 0 to 1 and beyond."""
        return (self.seconds() - self._began) / (DAY / SECOND)


class View(Protocol):
    """Where the demo shows itself."""

    def signal(self, received: Metric | Event | ServiceCheck) -> None: ...
    def refresh(self, clock: FastClock, totals: list[Level], trouble: list[str]) -> None: ...


class Feeder(threading.Thread):
    """Hands documents to Lighthouse and to the daemon's store through the day, and looks on."""

    def __init__(
        self, clock: FastClock, lighthouse: SimulatedLighthouse, url: str, stop: Stop, view: View
    ) -> None:
        super().__init__(name="demo-feeder", daemon=True)
        self._clock = clock
        self._lighthouse = lighthouse
        self._url = url
        self._ending = stop
        self._view = view
        self._random = random.Random(526)
        self._fed = 0

    def run(self) -> None:
        try:
            with closing(open_database(self._url, create=True)) as database:
                documents = Documents(database)
                self._old_ones(documents)
                while (share := self._clock.day_share()) < 1 and not self._ending.requested:
                    self._feed(documents, int(DOCUMENTS * min(1.0, share * 1.25)))
                    self._view.refresh(self._clock, *_levels(database))
                    time.sleep(_REFRESH_SECONDS)
        finally:
            self._ending.request()

    def _old_ones(self, documents: Documents) -> None:
        """A few that Lighthouse has sat on since before yesterday: they get stuck as we look."""
        now = self._clock()
        old = now - 47 * HOUR
        ids = self._lighthouse.add_many(OLD_STUCK, "stuck_claims_evidence", old / SECOND)
        documents.add([self._new(request_id, old) for request_id in ids], now)

    def _feed(self, documents: Documents, upto: int) -> None:
        now = self._clock()
        new = []
        while self._fed < upto:
            at, self._fed = self._fed, self._fed + 1
            every = DOCUMENTS // len(_TROUBLE) // 2
            is_trouble = at % every == every - 1 and at // every < len(_TROUBLE)
            story = _TROUBLE[at // every] if is_trouble else "success"
            new.append(self._new(self._lighthouse.add(story=story), now))
        if new:
            documents.add(new, now)

    def _new(self, request_id: int, at: Instant) -> NewDocument:
        kind = self._random.choice(list(DocumentType))
        attachment = str(request_id) if kind is DocumentType.VETERAN_UPLOAD else None
        return NewDocument(request_id, f"demo-{request_id // 4}", str(kind), attachment, at)


class Lines:
    """Plain lines, for where there is no terminal."""

    def __init__(self, stop: Stop) -> None:
        self._stop = stop
        self._told: set[str] = set()
        self._next = 0.0

    def signal(self, received: Metric | Event | ServiceCheck) -> None:
        if isinstance(received, Event) and received.alert_type == "error":
            self._say(f"         event: {received.title}")

    def refresh(self, clock: FastClock, totals: list[Level], trouble: list[str]) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + 2
            self._say(f"{_hour(clock)}  {sum_line(totals)}")
        for line in trouble:
            if line not in self._told:
                self._told.add(line)
                self._say(f"{_hour(clock)}  {line}")

    def _say(self, line: str) -> None:
        try:
            click.echo(line)
        except OSError:
            self._stop.request()  # nobody looks on any more; the summary meets the same, and ends


class Screen:
    """A table that moves, for a terminal."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._counts: deque[str] = deque(maxlen=_LINES // 2)
        self._events: deque[str] = deque(maxlen=_LINES // 2)
        self._lock = threading.Lock()

    def signal(self, received: Metric | Event | ServiceCheck) -> None:
        if isinstance(received, Metric) and (received.kind != "count" or not received.value):
            return
        with self._lock:
            lines = self._counts if isinstance(received, Metric) else self._events
            lines.append(describe(received))

    def refresh(self, clock: FastClock, totals: list[Level], trouble: list[str]) -> None:
        with self._lock:
            signals = [*self._counts, *self._events]
        self._live.update(
            Group(
                f"[bold]lightkeeper demo[/]  {_hour(clock)}  {sum_line(totals)}",
                _table(totals),
                _panel("failed and stuck", _first(trouble)),
                _panel("some signals to Datadog, as they leave", signals),
            )
        )


def show_demo(seconds: int) -> int:
    """Run the demo for about `seconds`; exit status 0 when everything adds up."""
    with (
        tempfile.TemporaryDirectory(prefix="lightkeeper-demo-") as folder,
        Stop().on_signals() as stop,
        _view(stop) as view,
    ):
        seen = _watch_a_day(Path(folder), max(seconds - 4, 2), stop, view)
    return _summary(*seen)


def _watch_a_day(
    folder: Path, seconds: float, stop: Stop, view: View
) -> tuple[list[Level], list[str], SimulatedAgent]:
    clock = FastClock(seconds)
    agent = SimulatedAgent(port=None, socket_path=folder / "dsd.socket", listener=view.signal)
    speed = _STEP_SECONDS / (HOURS_A_STEP * HOUR / SECOND)
    with agent, SimulatedLighthouse(documents_clock=clock.seconds, speed=speed) as lighthouse:
        url = f"sqlite:///{folder}/lightkeeper.db"
        os.environ.update(
            lighthouse.environment(),
            LIGHTKEEPER_DATABASE_URL=url,
            DD_DOGSTATSD_URL=agent.url,
        )
        logging.configure(level="error")
        settings = Settings.load(lighthouse=True)
        with closing(build_daemon(settings, create=True, clock=clock)) as daemon:
            feeder = Feeder(clock, lighthouse, url, stop, view)
            feeder.start()
            daemon.loop().run(stop)
            feeder.join()
            daemon.gauges.send()
            totals, trouble = _levels(daemon.database)
        agent.drain()
    return totals, trouble, agent


def _summary(totals: list[Level], trouble: list[str], agent: SimulatedAgent) -> int:
    counts = sums(totals)
    gauges = ("pending", "done", "failed")
    told = {
        name: sum(
            metric.value
            for metric in {
                tuple(sorted(metric.tags.items())): metric
                for metric in agent.metrics
                if metric.name == f"lightkeeper.documents.{name}"
            }.values()
        )
        for name in gauges
    }
    agreed = all(told[name] == counts[name] for name in gauges) and not agent.malformed
    click.echo("")
    click.echo("\n".join(trouble))
    click.echo(
        f"Datadog was sent {len(agent.metrics)} metrics and {len(agent.events)} events; "
        + ("the last gauges say the same as the store" if agreed else "they DISAGREE")
    )
    click.echo(sum_line(totals))
    return 0 if agreed and counts["tracked"] == sum(counts[name] for name in gauges) else 1


def sum_line(totals: list[Level]) -> str:
    """`tracked N = pending N + done N + failed N`"""
    counts = sums(totals)
    return (
        f"tracked {counts['tracked']} = pending {counts['pending']} "
        f"+ done {counts['done']} + failed {counts['failed']}"
    )


def _levels(database: Database) -> tuple[list[Level], list[str]]:
    levels = Levels(database)
    totals = levels.totals()
    failed = [
        f"failed  {row.document_type} at {row.step}: request id {row.request_id}"
        for row in levels.failed(3 * _LINES)
    ]
    stuck = [
        f"stuck   {row.document_type} at {row.step}: request id {row.request_id}"
        for row in levels.stuck(_LINES)
    ]
    lost = [level for level in totals if level.condition == Condition.NOT_FOUND]
    unknown = [f"unknown to Lighthouse: {row.document_count} {row.document_type}" for row in lost]
    return totals, failed + stuck + unknown


def _table(totals: list[Level]) -> RenderableType:
    steps = ("none", "CLAIMS_EVIDENCE", "VIRUS_SCAN", "BENEFITS_GATEWAY_SERVICE")
    counts = {(level.document_type, level.lighthouse_status, level.step): 0 for level in totals}
    for level in totals:
        counts[level.document_type, level.lighthouse_status, level.step] += level.document_count
    table = Table("documents")
    for column in ("handed in", "CLAIMS_EVIDENCE", "BENEFITS_GATEWAY", "done", "failed"):
        table.add_column(column, justify="right")
    for kind in DocumentType:
        at = [counts.get((str(kind), "pending", step), 0) for step in steps]
        ended = [
            sum(
                level.document_count
                for level in totals
                if level.document_type == kind and level.lighthouse_status == status
            )
            for status in ("done", "failed")
        ]
        row = (at[0], at[1] + at[2], at[3], *ended)
        table.add_row(str(kind), *(str(count) for count in row))
    return table


def _first(lines: list[str]) -> list[str]:
    """As many as fit an ordinary terminal, and how many more there are."""
    if len(lines) <= _LINES:
        return lines
    return [*lines[: _LINES - 1], f"and {len(lines) - _LINES + 1} more"]


def _panel(title: str, lines: list[str]) -> RenderableType:
    text = Text("\n".join(lines) or "nothing yet", no_wrap=True, overflow="ellipsis")
    return Panel(text, title=title)


@contextmanager
def _view(stop: Stop) -> Iterator[View]:
    console = Console()
    if not console.is_terminal:
        yield Lines(stop)
        return
    with Live(console=console, refresh_per_second=8, transient=False) as live:
        yield Screen(live)


def _hour(clock: FastClock) -> str:
    return datetime.fromtimestamp(clock.seconds(), UTC).strftime("%H:%M")
