"""The commands that run the stand-ins; `cli` puts them beside the others."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import click

from lightkeeper.domain.errors import ExitStatus

_PORT: Final = click.IntRange(0, 65_535)
_COUNT: Final = click.IntRange(0)
_REQUEST_ID: Final = click.IntRange(0, 2**63 - 1)


def _finite(_context: click.Context, _option: click.Parameter, value: float) -> float:
    """No bound of a range stops `nan`."""
    if not math.isfinite(value):
        raise click.BadParameter(f"{value} is no number to count with")
    return value


@click.group()
def simulate() -> None:
    """Stand-ins on loopback for trying things out."""


@simulate.command("lighthouse")
@click.option("--port", default=0, type=_PORT, help="0 picks a free one.")
@click.option(
    "--rate-limit",
    default=60,
    show_default=True,
    type=_COUNT,
    help="Calls a minute; 0 for none.",
)
@click.option(
    "--speed",
    default=1.0,
    show_default=True,
    type=click.FloatRange(0, min_open=True),
    callback=_finite,
    help="How much faster time runs.",
)
@click.option(
    "--latency",
    default=0.0,
    show_default=True,
    type=click.FloatRange(0),
    callback=_finite,
    help="Seconds an answer takes.",
)
@click.option("--documents", default=0, type=_COUNT, help="How many documents it already has.")
@click.option("--story", default="success", show_default=True, help="What becomes of them.")
@click.option(
    "--first-id", default=1, show_default=True, type=_REQUEST_ID, help="Request id of the first."
)
@click.option(
    "--failing",
    default=0.0,
    show_default=True,
    type=click.FloatRange(0, 1),
    callback=_finite,
    help="Share of calls that fail (500).",
)
def simulate_lighthouse(**options: Any) -> int:
    """Run a stand-in of Lighthouse until stopped; prints the settings that point at it."""
    from lightkeeper.simulation.serve import serve_lighthouse

    with _said_plainly():
        serve_lighthouse(**options)
    return ExitStatus.OK


@simulate.command("agent")
@click.option(
    "--port", default=8125, show_default=True, type=_PORT, help="UDP port; 0 picks a free one."
)
@click.option("--socket", "socket_path", help="Listen on this Unix socket instead.")
def simulate_agent(port: int, socket_path: str | None) -> int:
    """Run a stand-in of the Datadog Agent until stopped; prints every signal it gets."""
    from lightkeeper.simulation.serve import serve_agent

    with _said_plainly():
        serve_agent(port, socket_path)
    return ExitStatus.OK


@contextmanager
def _said_plainly() -> Iterator[None]:
    """A port that is taken, or a story nobody knows, is the user's mistake."""
    try:
        yield
    except ValueError as exc:
        raise click.ClickException(str(exc)) from exc
