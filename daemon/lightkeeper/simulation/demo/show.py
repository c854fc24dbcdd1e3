"""`lightkeeper demo`: a day of documents in half a minute.

The daemon, its store, its signals and the monitors are the real ones. Lighthouse, Datadog and
time are simulated, as in the drills: a day passes as fast as the machine allows and `seconds` ask.
"""

import random
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from rich.console import Console
from rich.live import Live

from lightkeeper.alerting.files.definitions import Assets
from lightkeeper.domain.document import Condition
from lightkeeper.domain.errors import ExitStatus
from lightkeeper.service.stop import Stop
from lightkeeper.simulation.demo.board import Board, CountingDatadog, gauges_agree, read
from lightkeeper.simulation.demo.day import DAY, HOUR, MOMENTS
from lightkeeper.simulation.demo.place import fresh_store, url_in_shell
from lightkeeper.simulation.demo.screen import Lines, Screen, View
from lightkeeper.simulation.drills.world import DOCUMENTS_AN_HOUR, World
from lightkeeper.telemetry import logging

_SEED: Final = 526
_FRAME_SECONDS: Final = 0.25
_ENDS_AFTER: Final = DAY - 60
_MOST_A_FRAME: Final = 900.0
"""So many seconds of the day: a slow machine shows every frame, and takes longer."""


class Ending(NamedTuple):
    """How a demo ended: its last board, and what the simulated Datadog received."""

    board: Board
    metric_count: int
    event_count: int
    agrees: bool
    """Whether the last gauges equal the store."""
    store: Path

    def summary(self) -> tuple[str, ...]:
        """What was received, and what to try next."""
        verdict = "equal the store" if self.agrees else "DIFFER from the store"
        return (
            f"Datadog received {self.metric_count:,} metrics, {self.event_count:,} events; "
            f"last gauges {verdict}",
            f"export LIGHTKEEPER_DATABASE_URL={url_in_shell(self.store)}",
            f"{_command()} show {_worth_a_look(self.board)}  "
            "# try next: what happened to a document",
        )


def show_demo(seconds: float, assets: Assets) -> int:
    """Run the demo for `seconds` or longer; exit status 0 when everything adds up."""
    console = Console()
    with _view(console) as view:
        ending = run_day(seconds, assets, view)
    for line in ending.summary():
        console.print(line, soft_wrap=True, highlight=False, markup=False)
    return ExitStatus.OK if ending.agrees else ExitStatus.NO


def run_day(seconds: float, assets: Assets, view: View) -> Ending:
    """Let the day pass within `seconds` or longer, and show it; SIGTERM and SIGINT end it early.

    Raises what `fresh_store` raises.
    """
    logging.configure(level="error")
    random.seed(_SEED)  # the poller's jitter: every demo shows the same day
    store = fresh_store()
    with tempfile.TemporaryDirectory(prefix="lightkeeper-demo-") as folder:
        world = World(
            Path(folder),
            assets,
            seed=_SEED,
            an_hour=DOCUMENTS_AN_HOUR,
            start=time.time() // DAY * DAY - DAY,  # yesterday: `show` then speaks of the past
            store=store,
        )
        with closing(world), Stop().on_signals() as stop:
            world.datadog = datadog = CountingDatadog(assets)
            board = _watch(world, seconds, assets, stop, view)
    return Ending(
        board,
        datadog.metric_count,
        datadog.event_count,
        gauges_agree(board, datadog),
        store,
    )


def _watch(world: World, seconds: float, assets: Assets, stop: Stop, view: View) -> Board:
    """Let the day pass, and show it; the last board."""
    start, began_at = world.clock.now, time.monotonic()
    moments = list(MOMENTS)
    while (over := world.clock.now - start) < _ENDS_AFTER and not stop.requested:
        shown_at = time.monotonic()
        paced = (shown_at - began_at + _FRAME_SECONDS) / seconds * DAY
        until = min(max(paced, over), over + _MOST_A_FRAME, _ENDS_AFTER)
        while moments and moments[0].hour * HOUR <= until:
            moment = moments.pop(0)
            world.advance(max(start + moment.hour * HOUR - world.clock.now, 0))
            moment.happens(world)
        world.advance(max(start + until - world.clock.now, 0))
        view.show(read(world, assets))
        spent = time.monotonic() - shown_at
        stop.wait(max(_FRAME_SECONDS - spent, 0.0))
    if world.daemon is not None:
        world.daemon.publish_the_rest()
        world.datadog.take(world.agent.read(), world.clock.now)
    board = read(world, assets)
    view.show(board)
    return board


def _worth_a_look(board: Board) -> str:
    """A document that the veteran must send again, or else any in trouble."""
    documents = sorted(board.troubles, key=lambda one: one.condition != Condition.NOT_IN_EFOLDER)
    return str(documents[0].request_id) if documents else "REQUEST_ID"


def _command() -> str:
    """This command as it can be typed here."""
    called = Path(sys.argv[0])
    if shutil.which("lightkeeper") or called.name != "lightkeeper":
        return "lightkeeper"
    return shlex.quote(str(called))


@contextmanager
def _view(console: Console) -> Iterator[View]:
    if not console.is_terminal:
        yield Lines()
        return
    with Live(console=console, auto_refresh=False) as live:
        yield Screen(lambda drawn: live.update(drawn, refresh=True))
