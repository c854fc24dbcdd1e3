"""The commands around monitors as code; `cli` puts them beside the others."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lightkeeper.domain.errors import ExitStatus

if TYPE_CHECKING:
    from lightkeeper.alerting.files.definitions import Assets


_folder = click.option(
    "--folder",
    default="monitors",
    show_default=True,
    type=click.Path(path_type=Path),
    help="Where the definitions, variables.json and README.md are.",
)


@click.group()
def monitors() -> None:
    """Monitors and SLOs as code: check, test and print them."""


@monitors.command()
@_folder
def check(folder: Path) -> int:
    """Find mistakes in monitors and SLOs: file, place, rule and remedy of each."""
    from lightkeeper.alerting.files import payload_schema as schema
    from lightkeeper.alerting.lint.monitor_rules import lint

    assets = _load(folder)
    problems = lint(assets)
    for problem in problems:
        click.echo(problem)
    if not schema.available():
        click.echo(
            "lightkeeper: warning: shapes were not checked, jsonschema is missing: "
            "pip install 'lightkeeper[dev]'",
            err=True,
        )
    click.echo(f"{len(assets.monitors)} monitors, {len(assets.slos)} SLOs: {_sum(len(problems))}")
    return ExitStatus.NO if problems else ExitStatus.OK


@monitors.command("print")
@click.argument("key", required=False)
@_folder
def print_command(key: str | None, folder: Path) -> int:
    """Print payloads exactly as Datadog takes them: of KEY, or of all by kind and key."""
    import json

    assets = _load(folder)
    if key is None:
        found: object = {
            "monitors": {name: one.payload for name, one in assets.monitors.items()},
            "slos": assets.slo_payloads(),
        }
    else:
        definition = assets.monitors.get(key) or assets.slos.get(key)
        if definition is None:
            from difflib import get_close_matches

            near = get_close_matches(key, [*assets.monitors, *assets.slos], n=3, cutoff=0)
            raise click.ClickException(
                f"{folder} holds no monitor or SLO {key}; perhaps {' or '.join(near)}"
            )
        found = definition.payload
    click.echo(json.dumps(found, indent=2, ensure_ascii=False))
    return ExitStatus.OK


@monitors.command("test")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@_folder
@click.option("--mutants", is_flag=True, help="Also make faults that the tests have to notice.")
def test_command(files: tuple[Path, ...], folder: Path, mutants: bool) -> int:
    """Run the unit tests of the monitors: FILES, or all of tests/monitors."""
    from lightkeeper.alerting.unit_tests.mutants import run_mutants
    from lightkeeper.alerting.unit_tests.runner import run_tests

    assets, every = _load(folder), not files
    paths = list(files) or sorted(Path("tests/monitors").glob("*.yaml"))
    report = run_tests(assets, paths, every=every)
    if report.ok and mutants:  # faults in what fails already would all be noticed
        report = run_mutants(assets, paths, every=every)
    for line in report.lines():
        click.echo(line)
    return ExitStatus.OK if report.ok else ExitStatus.NO


def _load(folder: Path) -> "Assets":
    from lightkeeper.alerting.files.definitions import load

    return load(folder)


def _sum(count: int) -> str:
    return "no problem" if not count else f"{count} problem{'s' if count > 1 else ''}"
