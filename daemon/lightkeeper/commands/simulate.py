"""`lightkeeper simulate`: a simulated Lighthouse, Datadog Agent and Datadog account."""

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
    """Refuse `nan` and `inf`, which no range excludes."""
    if not math.isfinite(value):
        raise click.BadParameter(f"{value} is not a finite number")
    return value


@click.group()
def simulate() -> None:
    """Run a simulated Lighthouse, Agent or Datadog account."""


@simulate.command("lighthouse")
@click.option("--port", default=0, type=_PORT, help="TCP port; 0 picks a free one.")
@click.option(
    "--rate-limit",
    default=60,
    show_default=True,
    type=_COUNT,
    help="Calls allowed per minute; 0: no limit.",
)
@click.option(
    "--speed",
    default=1.0,
    show_default=True,
    type=click.FloatRange(0, min_open=True),
    callback=_finite,
    help="How many times faster documents advance.",
)
@click.option(
    "--latency",
    default=0.0,
    show_default=True,
    type=click.FloatRange(0),
    callback=_finite,
    help="Seconds that each answer takes.",
)
@click.option("--documents", default=0, type=_COUNT, help="Number of documents it starts with.")
@click.option(
    "--story",
    "stories",
    multiple=True,
    default=("success",),
    show_default=True,
    help="What happens to these documents; several stories take turns.",
)
@click.option(
    "--first-id",
    default=1,
    show_default=True,
    type=_REQUEST_ID,
    help="Request id of the first of them.",
)
@click.option(
    "--failing",
    default=0.0,
    show_default=True,
    type=click.FloatRange(0, 1),
    callback=_finite,
    help="Share of calls that fail with 500, from 0 to 1.",
)
def simulate_lighthouse(**options: Any) -> int:
    """Run a simulated Lighthouse until stopped.

    It prints the settings that point lightkeeper at it, as `export` lines.
    """
    from lightkeeper.simulation.serve import serve_lighthouse

    with _as_plain_errors():
        serve_lighthouse(**options)
    return ExitStatus.OK


@simulate.command("agent")
@click.option(
    "--port", default=8125, show_default=True, type=_PORT, help="UDP port; 0 picks a free one."
)
@click.option("--socket", "socket_path", help="Listen on this Unix socket instead.")
def simulate_agent(port: int, socket_path: str | None) -> int:
    """Run a simulated Datadog Agent until stopped; print each signal."""
    from lightkeeper.simulation.serve import serve_agent

    with _as_plain_errors():
        serve_agent(port, socket_path)
    return ExitStatus.OK


@simulate.command("datadog")
@click.option("--port", default=0, type=_PORT, help="TCP port; 0 picks a free one.")
def simulate_datadog(port: int) -> int:
    """Run a simulated Datadog account, empty at first, until stopped.

    It prints the settings that point `lightkeeper account` at it, as `export` lines.
    """
    from lightkeeper.simulation.serve import serve_datadog

    with _as_plain_errors():
        serve_datadog(port)
    return ExitStatus.OK


@contextmanager
def _as_plain_errors() -> Iterator[None]:
    """Report a port in use or an unknown story without a traceback."""
    try:
        yield
    except ValueError as exc:
        raise click.ClickException(str(exc)) from exc
