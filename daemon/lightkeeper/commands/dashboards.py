"""The commands around dashboards as code; `cli` puts them beside the others."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lightkeeper.domain.errors import ExitStatus

if TYPE_CHECKING:
    from lightkeeper.alerting.files.dashboards import Dashboard


def _folders(command: Any) -> Any:
    """Where dashboards are, and the monitors whose variables and tags they share."""
    for name, what in (("monitors", "variables.json and the monitors"), ("folder", "dashboards")):
        command = click.option(
            f"--{name}",
            default="dashboards" if name == "folder" else name,
            show_default=True,
            type=click.Path(path_type=Path),
            help=f"Where the {what} are.",
        )(command)
    return command


@click.group()
def dashboards() -> None:
    """Dashboards as code: check and print them."""


@dashboards.command()
@_folders
def check(folder: Path, monitors: Path) -> int:
    """Find mistakes in dashboards: file, place, rule and remedy of each."""
    from lightkeeper.alerting.files import payload_schema as schema
    from lightkeeper.alerting.lint.dashboard_rules import lint

    boards = _load(folder, monitors)
    problems = lint(boards)
    for problem in problems:
        click.echo(problem)
    if not schema.available():
        click.echo(
            "lightkeeper: warning: shapes were not checked, jsonschema is missing: "
            "pip install 'lightkeeper[dev]'",
            err=True,
        )
    count = len(problems)
    told = "no problem" if not count else f"{count} problem{'s' if count > 1 else ''}"
    click.echo(f"{len(boards)} dashboards: {told}")
    return ExitStatus.NO if problems else ExitStatus.OK


@dashboards.command("print")
@click.argument("key", required=False)
@_folders
def print_command(key: str | None, folder: Path, monitors: Path) -> int:
    """Print payloads exactly as Datadog takes them: of KEY, or of all by key."""
    import json

    boards = _load(folder, monitors)
    if key is not None and key not in boards:
        raise click.ClickException(f"{folder} holds no {key}; there are {', '.join(boards)}")
    payloads = {name: board.payload for name, board in boards.items()}
    found = payloads if key is None else payloads[key]
    click.echo(json.dumps(found, indent=2, ensure_ascii=False))
    return ExitStatus.OK


def _load(folder: Path, monitors: Path) -> "dict[str, Dashboard]":
    from lightkeeper.alerting.files.dashboards import load_dashboards

    return load_dashboards(folder, monitors)
