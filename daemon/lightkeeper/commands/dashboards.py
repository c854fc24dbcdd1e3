"""`lightkeeper dashboards`: check and print dashboards, which are files."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lightkeeper.commands.monitors import counted
from lightkeeper.commands.shared import folder_option
from lightkeeper.domain.errors import ExitStatus

if TYPE_CHECKING:
    from lightkeeper.alerting.files.dashboards import Dashboard


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
def check(folder: Path, monitors: Path) -> int:
    """Find mistakes in dashboards.

    One line each: the file, the place in it, the rule, and what to write instead.
    """
    from lightkeeper.alerting.lint.dashboard_rules import lint

    boards = _load(folder, monitors)
    problems = lint(boards)
    for problem in problems:
        click.echo(problem)
    click.echo(f"{len(boards)} dashboards: {counted(len(problems))}")
    return ExitStatus.NO if problems else ExitStatus.OK


@dashboards.command("print")
@click.argument("key", required=False)
@_folder
@_monitors
def print_command(key: str | None, folder: Path, monitors: Path) -> int:
    """Print payloads for Datadog's API: of KEY, or of all.

    KEY is a file's name without .json. Variables are filled in.
    """
    import json

    boards = _load(folder, monitors)
    if key is not None and key not in boards:
        raise click.ClickException(f"no such dashboard: {key}; choose from {', '.join(boards)}")
    payloads = {name: board.payload for name, board in boards.items()}
    found = payloads if key is None else payloads[key]
    click.echo(json.dumps(found, indent=2, ensure_ascii=False))
    return ExitStatus.OK


def _load(folder: Path, monitors: Path) -> "dict[str, Dashboard]":
    from lightkeeper.alerting.files.dashboards import load_dashboards

    return load_dashboards(folder, monitors)
