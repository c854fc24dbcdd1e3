"""What is simulated as programs of their own, until a signal ends them."""

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from typing import Final, TextIO
from urllib.parse import quote

from lightkeeper.simulation.agent.datagram import Event, Metric, ServiceCheck
from lightkeeper.simulation.agent.server import SimulatedAgent
from lightkeeper.simulation.datadog.server import SimulatedDatadog
from lightkeeper.simulation.lighthouse.server import SimulatedLighthouse
from lightkeeper.simulation.lighthouse.stories import STORIES

_STORE: Final = "LIGHTKEEPER_DATABASE_URL"


def serve_lighthouse(  # noqa: PLR0913  # each is one option of the command
    *,
    port: int,
    rate_limit: int,
    speed: float,
    latency: float,
    documents: int,
    stories: Sequence[str],
    first_id: int,
    failing: float,
    out: TextIO = sys.stdout,
) -> None:
    """Run a Lighthouse; print the settings that point at it as `export` lines.

    Its documents take the stories in turn: of two, each gets every other document. Raises
    ValueError for an unknown story or a port that is not free, and OSError where `out` is closed.
    """
    for story in stories:
        if story not in STORIES:
            raise ValueError(f"no such story: {story!r}; there are {', '.join(STORIES)}")
    lighthouse = SimulatedLighthouse(
        port=port,
        rate_limit=rate_limit or None,
        speed=speed,
        latency=latency,
        record_calls=False,
    )
    ids = range(first_id, first_id + documents)
    for request_id, story in zip(ids, cycle(stories), strict=False):
        lighthouse.add(request_id, story)
    if failing:
        lighthouse.fail_share(failing)
    # The signals first: they would end threads that run already.
    with _until_signalled() as wait, _listening(lighthouse):
        for name, value in lighthouse.environment().items():
            print(f"export {name}='{value}'", file=out)
        print(_store_of_its_own(), file=out)
        print(f"# simulated Lighthouse listens at {lighthouse.url}", file=out, flush=True)
        wait()


def _store_of_its_own() -> str:
    """The setting for a store in this folder; one that is named already stays."""
    url = f"sqlite:///{quote(str(Path.cwd()))}/simulated.db"
    return f'export {_STORE}="${{{_STORE}:-{url}}}"'


def serve_agent(port: int, socket_path: str | None, out: TextIO = sys.stdout) -> None:
    """Run an Agent; print each signal it receives, and at the end what was malformed.

    Raises ValueError where it cannot listen, and OSError where `out` is closed.
    """

    def show(signal_received: Metric | Event | ServiceCheck) -> None:
        try:
            print(describe(signal_received), file=out, flush=True)
        except OSError:
            os.kill(os.getpid(), signal.SIGTERM)  # the reader of `out` has gone

    agent = SimulatedAgent(
        port=None if socket_path else port, socket_path=socket_path, listener=show
    )
    with _until_signalled() as wait, _listening(agent):
        print(f"export DD_DOGSTATSD_URL='{agent.url}'", file=out, flush=True)
        wait()
    for datagram, reason in agent.malformed:
        print(f"malformed: {reason}: {datagram!r}", file=out)


def serve_datadog(port: int, out: TextIO = sys.stdout) -> None:
    """Run a Datadog account; print the settings that point at it as `export` lines.

    Raises ValueError for a port that is not free, and OSError where `out` is closed.
    """
    datadog = SimulatedDatadog(port=port)
    with _until_signalled() as wait, _listening(datadog):
        for name, value in datadog.environment().items():
            print(f"export {name}='{value}'", file=out)
        print(f"# simulated Datadog listens at {datadog.url}", file=out, flush=True)
        wait()


def describe(received: Metric | Event | ServiceCheck) -> str:
    """One line for a terminal."""
    tags = " ".join(f"{key}:{value}" for key, value in sorted(received.tags.items()) if value)
    if isinstance(received, Metric):
        return f"{received.kind} {received.name} {received.value:g} {tags}"
    if isinstance(received, Event):
        return f"event {received.title!r} {tags}"
    return f"check {received.name} {received.status} {tags}"


@contextmanager
def _listening(
    simulated: SimulatedAgent | SimulatedDatadog | SimulatedLighthouse,
) -> Iterator[None]:
    try:
        simulated.start()
    except OSError as exc:
        raise ValueError(f"cannot listen there: {exc.strerror or exc}") from exc
    try:
        yield
    finally:
        simulated.stop()


@contextmanager
def _until_signalled() -> Iterator["_Waiter"]:
    """Something to call that returns once SIGTERM or SIGINT has come."""
    waiter = _Waiter()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, waiter.signals)
    try:
        yield waiter
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Waiter:
    signals = frozenset({signal.SIGTERM, signal.SIGINT})

    def __call__(self) -> None:
        signal.sigwait(self.signals)
