"""The command `lightkeeper drill`; `cli` puts it beside the others."""

from pathlib import Path
from typing import Final

import click

EX_OK: Final = 0
EX_NO: Final = 1


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--days", type=click.FloatRange(min=0, min_open=True), help="Of the healthy drill.")
@click.option(
    "--folder",
    default="monitors",
    show_default=True,
    type=click.Path(path_type=Path),
    help="Where the definitions, variables.json and README.md are.",
)
def drill(names: tuple[str, ...], days: float | None, folder: Path) -> int:
    """Try faults (NAME, or all) in simulated time: which monitor pages when, and no other."""
    from lightkeeper.assets.definitions import load
    from lightkeeper.drills.faults import FAULTS
    from lightkeeper.drills.run import run_drills, undrilled
    from lightkeeper.drills.table import problems, table

    if unknown := [name for name in names if name not in FAULTS]:
        raise click.ClickException(
            f"there is no drill {unknown[0]}; there are {', '.join(FAULTS)}"
        )
    assets = load(folder)
    results = run_drills(dict.fromkeys(names or FAULTS), assets, days=days)
    click.echo(table(results))
    wrong = problems(results)
    if not names:
        wrong += [f"{key}: no drill fires it" for key in undrilled(assets)]
    for line in wrong:
        click.echo(line, err=True)
    return EX_NO if wrong else EX_OK
