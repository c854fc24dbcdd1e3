"""`lightkeeper drill`: which monitor pages at which fault, in simulated time."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lightkeeper.commands.shared import folder_option
from lightkeeper.commands.terminal import unfiltered
from lightkeeper.commands.values import values_options
from lightkeeper.domain.errors import ExitStatus

if TYPE_CHECKING:
    from lightkeeper.alerting.files.variables import Values
    from lightkeeper.simulation.drills.run import Result


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option(
    "--days", type=click.IntRange(1, 366), help="Length of the healthy drill; default 7."
)
@folder_option("monitors", "Where the definitions, variables.json and README.md are.")
@values_options
def drill(names: tuple[str, ...], days: int | None, folder: Path, values: "Values") -> int:
    """Inject faults in simulated time and see which monitors page.

    Each NAME is a fault; without one, all are tried, which takes two minutes or more. Fails if
    another monitor pages than should, or none. On a pipe the table is Markdown.
    """
    from lightkeeper.alerting.files.definitions import load
    from lightkeeper.simulation.drills.faults import FAULTS
    from lightkeeper.simulation.drills.run import run_drills, undrilled
    from lightkeeper.simulation.drills.table import problems

    for name in names:
        refuse_unknown(name, FAULTS)
    assets = load(folder, values=values)
    wanted = list(dict.fromkeys(names or FAULTS))
    results = _shown(run_drills(wanted, assets, days=days), len(wanted))
    wrong = problems(results)
    if not names:
        wrong += [f"{key}: no drill fires it" for key in undrilled(assets)]
    for line in wrong:
        click.echo(line, err=True)
    return ExitStatus.NO if wrong else ExitStatus.OK


def refuse_unknown(name: str, drills: Iterable[str]) -> None:
    """A usage error unless there is such a drill; it names the nearest."""
    known = list(drills)
    if name not in known:
        near = get_close_matches(name, known)
        hint = f"did you mean {' or '.join(near)}?" if near else f"choose from {', '.join(known)}"
        raise click.UsageError(f"no such drill: {name}; {hint}")


def _shown(running: Iterator["Result"], count: int) -> Sequence["Result"]:
    """Wait for the results, with a bar on a terminal, and print them."""
    from rich.console import Console
    from rich.progress import track

    from lightkeeper.simulation.drills.table import markdown, terminal

    out, err = Console(file=unfiltered(sys.stdout)), Console(file=unfiltered(sys.stderr))
    results = list(
        track(
            running,
            "drilling",
            total=count,
            console=err,
            transient=True,
            disable=not err.is_terminal,
        )
    )
    if out.is_terminal:
        out.print(terminal(results))
    else:
        click.echo(markdown(results))
    return results
