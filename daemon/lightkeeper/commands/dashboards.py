"""`lightkeeper dashboards`: check and print dashboards, which are files."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lightkeeper.commands.shared import folder_option
from lightkeeper.commands.values import every_environment, summary, told_apart, values_options
from lightkeeper.domain.errors import ExitStatus

if TYPE_CHECKING:
    from lightkeeper.alerting.files.dashboards import Dashboard
    from lightkeeper.alerting.files.variables import Values


_folder = folder_option("dashboards", "The folder of dashboards.")
_monitors = folder_option(
    "monitors", "The folder of monitors, whose variables and tags dashboards use.", "--monitors"
)


@click.group()
def dashboards() -> None:
    """Check and print the dashboards."""


@dashboards.command()
@_folder
@_monitors
@values_options
def check(folder: Path, monitors: Path, values: "Values") -> int:
    """Find mistakes in dashboards, in every environment or in the one named.

    One line each: the file, the place in it, the rule, and what to write instead.
    """
    from lightkeeper.alerting.lint.dashboard_rules import lint

    chosen = every_environment(monitors, values)
    boards = {name: _load(folder, monitors, each) for name, each in chosen.items()}
    lines = list(told_apart({name: lint(one) for name, one in boards.items()}))
    for line in lines:
        click.echo(line)
    what = f"{len(next(iter(boards.values())))} dashboards"
    click.echo(summary(what, len(lines), chosen))
    return ExitStatus.NO if lines else ExitStatus.OK


@dashboards.command("print")
@click.argument("key", required=False)
@_folder
@_monitors
@values_options
def print_command(key: str | None, folder: Path, monitors: Path, values: "Values") -> int:
    """Print payloads for Datadog's API: of KEY, or of all.

    KEY is a file's name without .json. Variables are filled in, and each object carries its key.
    """
    import json

    boards = _load(folder, monitors, values)
    if key is not None and key not in boards:
        raise click.ClickException(f"no such dashboard: {key}; choose from {', '.join(boards)}")
    payloads = {name: board.payload for name, board in boards.items()}
    found = payloads if key is None else payloads[key]
    click.echo(json.dumps(found, indent=2, ensure_ascii=False))
    return ExitStatus.OK


def _load(folder: Path, monitors: Path, values: "Values") -> "dict[str, Dashboard]":
    from lightkeeper.alerting.files.dashboards import load_dashboards

    return load_dashboards(folder, monitors, values)
