"""`lightkeeper demo`: a day of documents in half a minute."""

import sys
from pathlib import Path

import click

from lightkeeper.commands.shared import folder_option
from lightkeeper.commands.terminal import unfiltered


@click.command()
@click.option(
    "--seconds",
    default=30,
    show_default=True,
    type=click.IntRange(8, 3_600),
    help="How long, at least.",
)
@click.option("--serve", is_flag=True, help="Go on serving the API afterwards, until stopped.")
@folder_option("monitors", "Where the monitors, variables.json and README.md are.")
def demo(seconds: int, serve: bool, folder: Path) -> int:
    """Watch a simulated day of documents in half a minute.

    The real daemon, monitors and API, with a simulated Lighthouse and Datadog. The store stays
    until the next demo, in $XDG_STATE_HOME or ~/.local/state.
    """
    from lightkeeper.alerting.files.definitions import load
    from lightkeeper.simulation.demo.show import show_demo

    sys.stdout = unfiltered(sys.stdout)  # rich draws on it, and all that it shows is simulated
    return show_demo(seconds, load(folder), serve=serve)
