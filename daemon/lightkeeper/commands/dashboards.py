"""`lightkeeper dashboards`: check, print and draw dashboards, which are files."""

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
    """Check, print and draw the dashboards."""


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

    payloads = {name: board.payload for name, board in _chosen(key, folder, monitors, values)}
    found = payloads if key is None else payloads[key]
    click.echo(json.dumps(found, indent=2, ensure_ascii=False))
    return ExitStatus.OK


@dashboards.command()
@click.argument("key", required=False)
@click.option(
    "--drill",
    metavar="NAME",
    help="The drill; without it, one with each kind of trouble once.",
)
@click.option(
    "--to", type=click.Path(path_type=Path), help="The file to write; without it, standard output."
)
@_folder
@_monitors
@values_options
def render(
    key: str | None,
    drill: str | None,
    to: Path | None,
    folder: Path,
    monitors: Path,
    values: "Values",
) -> int:
    """Draw a dashboard as a web page, to look at it before it is applied.

    KEY is a file's name without .json; without it, all are drawn. The data are those of a drill,
    from an hour before its fault until the fault is over. The page is one file, loads nothing and
    has no script. What no data came for, and what is not drawn, is named.
    """
    from lightkeeper.alerting.files.printed import need_writable, write_text

    if to is not None:
        need_writable(to)
    boards = [board for _, board in _chosen(key, folder, monitors, values)]
    from lightkeeper.alerting.render.page import page
    from lightkeeper.commands.drill import refuse_unknown
    from lightkeeper.simulation.drills.every_trouble import EVERY_TROUBLE
    from lightkeeper.simulation.drills.faults import FAULTS
    from lightkeeper.simulation.drills.recording import record

    faults = {EVERY_TROUBLE.name: EVERY_TROUBLE, **FAULTS}
    name = EVERY_TROUBLE.name if drill is None else drill
    refuse_unknown(name, faults)
    fault = faults[name]
    drawn = page(boards, record(fault, boards[0].assets), fault.name, fault.says)
    if to is None:
        click.echo(drawn.html, nl=False)
    else:
        write_text(to, drawn.html)
    for one in drawn.widgets:
        if one.why:
            click.echo(f"{one.board}: {one.title}: {one.why}", err=True)
    return ExitStatus.OK


def _chosen(
    key: str | None, folder: Path, monitors: Path, values: "Values"
) -> "list[tuple[str, Dashboard]]":
    """The dashboard of that key, or all of them."""
    boards = _load(folder, monitors, values)
    if key is not None and key not in boards:
        raise click.ClickException(f"no such dashboard: {key}; choose from {', '.join(boards)}")
    return [(name, board) for name, board in boards.items() if key in (None, name)]


def _load(folder: Path, monitors: Path, values: "Values") -> "dict[str, Dashboard]":
    from lightkeeper.alerting.files.dashboards import load_dashboards

    return load_dashboards(folder, monitors, values)
