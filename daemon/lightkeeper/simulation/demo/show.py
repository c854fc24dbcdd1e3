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
from lightkeeper.simulation.demo.api import ANY_PORT, PORT, DemoApi, curl, path_of
from lightkeeper.simulation.demo.board import Board, CountingDatadog, gauges_agree, read
from lightkeeper.simulation.demo.day import DAY, HOUR, MOMENTS
from lightkeeper.simulation.demo.place import fresh_store, in_shell, kept
from lightkeeper.simulation.demo.screen import Lines, Screen, View
from lightkeeper.simulation.drills.world import DOCUMENTS_AN_HOUR, World
from lightkeeper.telemetry import logging

_SEED: Final = 526
_FRAME_SECONDS: Final = 0.25
_ENDS_AFTER: Final = DAY - 60
_NOT_INSTALLED: Final = "the API does not answer: pip install 'lightkeeper[web]'"
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
    request_id: int | None
    """Of a document that the veteran must send again, or of any in trouble."""
    answer: str | None
    """What the API answers about that document: what the veteran may read."""

    def summary(self, *, is_brief: bool) -> tuple[str, ...]:
        """What was received and answered; `is_brief`: as much of it as a screen has room for."""
        verdict = "equal the store" if self.agrees else "DIFFER from the store"
        received = (
            f"Datadog received {self.metric_count:,} metrics, {self.event_count:,} events; "
            f"last gauges {verdict}",
        )
        if self.request_id is None:
            return received
        said = f"the API answers at {path_of(self.request_id)}: {self.answer}"
        if is_brief and self.answer:
            said = f"the API (kept by --serve) says: {_begun(self.answer)}"
        return (*received, said if self.answer else _NOT_INSTALLED)

    def to_try(self, url: str | None) -> tuple[str, ...]:
        """What to try next, to be typed in a shell; `url` is where the API goes on."""
        if self.request_id is None:
            return ()
        if url is not None:
            line = curl(self.store, url, self.request_id)
            return (f"{line}  # try next; Ctrl-C ends the API",)
        return (
            f"export LIGHTKEEPER_DATABASE_URL={in_shell(f'sqlite:///{self.store}')}",
            f"{_command()} show {self.request_id}  # try next: what happened to a document",
        )


def show_demo(seconds: float, assets: Assets, *, serve: bool = False) -> int:
    """Run the demo for `seconds` or longer; exit status 0 when everything adds up.

    `serve`: the API goes on afterwards, until it is stopped. Raises what `run_day` raises.
    """
    console = Console()
    with _view(console) as view:
        ending = run_day(seconds, assets, view)
    print_summary(console, ending)
    if ending.request_id is None or not serve:
        print_to_try(console, ending)
    else:
        store = ending.store
        with Stop().on_signals() as stop, kept(store), DemoApi(store, PORT) as api:
            print_to_try(console, ending, api.url())
            while not stop.requested:
                stop.wait(_FRAME_SECONDS)
    return ExitStatus.OK if ending.agrees else ExitStatus.NO


def print_summary(console: Console, ending: Ending) -> None:
    """Print what stands below the last board."""
    for line in ending.summary(is_brief=console.is_terminal):
        console.print(line, highlight=False, markup=False)


def print_to_try(console: Console, ending: Ending, url: str | None = None) -> None:
    """Print what stands at the very end, each in one line, wherever the terminal breaks it."""
    for line in ending.to_try(url):
        console.print(line, soft_wrap=True, highlight=False, markup=False)


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
        with closing(world), Stop().on_signals() as stop, _api(store) as api:
            world.datadog = datadog = CountingDatadog(assets)
            board = _watch(world, seconds, assets, stop, view)
            request_id = _worth_a_look(board)
            answer = None
            if api is not None and request_id is not None:
                answer = str(api.document(request_id)["veteran_wording"])
    return Ending(
        board,
        datadog.metric_count,
        datadog.event_count,
        gauges_agree(board, datadog),
        store,
        request_id,
        answer,
    )


@contextmanager
def _api(store: Path) -> Iterator[DemoApi | None]:
    """The API of this store, where its packages are installed."""
    if not DemoApi.is_installed():
        yield None
        return
    with DemoApi(store, ANY_PORT) as api:
        yield api


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


def _worth_a_look(board: Board) -> int | None:
    """A document that the veteran must send again, or else any in trouble."""
    documents = sorted(board.troubles, key=lambda one: one.condition != Condition.NOT_IN_EFOLDER)
    return documents[0].request_id if documents else None


def _begun(answer: str) -> str:
    """Its first sentence, and a sign that it goes on."""
    first, _, rest = answer.partition(". ")
    return f"{first}. ..." if rest else answer


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
