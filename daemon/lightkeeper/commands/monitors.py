"""`lightkeeper monitors`: check, test and print monitors and SLOs, which are files."""

from collections.abc import Container
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lightkeeper.commands.shared import complain, folder_option, places
from lightkeeper.commands.values import every_environment, summary, told_apart, values_options
from lightkeeper.domain.errors import ExitStatus

if TYPE_CHECKING:
    from lightkeeper.alerting.files.definitions import Assets
    from lightkeeper.alerting.files.variables import Values


_folder = folder_option("monitors", "The folder of monitors, slos/, variables.json and README.md.")


@click.group()
def monitors() -> None:
    """Check, test and print the monitors and SLOs."""


@monitors.command()
@_folder
@values_options
def check(folder: Path, values: "Values") -> int:
    """Find mistakes in monitors and SLOs, in every environment or in the one named.

    One line each: the file, the place in it, the rule, and what to write instead.
    """
    from lightkeeper.alerting.lint.monitor_rules import lint
    from lightkeeper.commands.named import complaint

    chosen = every_environment(folder, values)
    assets = {name: _load(folder, each) for name, each in chosen.items()}
    lines = list(told_apart({name: lint(one, complaint) for name, one in assets.items()}))
    for line in lines:
        click.echo(line)
    one = next(iter(assets.values()))
    what = f"{len(one.monitors)} monitors, {len(one.slos)} SLOs"
    click.echo(summary(what, len(lines), chosen))
    return ExitStatus.NO if lines else ExitStatus.OK


@monitors.command("print")
@click.argument("key", required=False)
@_folder
@values_options
@click.option(
    "--to",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Write one file an object instead; it is empty, or holds what this wrote before.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["json", "terraform"]),
    default="json",
    show_default=True,
    help="terraform: one configuration of all, dashboards included, for a file ….tf.json.",
)
@click.option(
    "--dashboards",
    type=click.Path(path_type=Path),
    show_default="dashboards beside the folder",
    help="The folder of dashboards, for Terraform.",
)
def print_command(
    key: str | None,
    folder: Path,
    to: Path | None,
    form: str,
    dashboards: Path | None,
    values: "Values",
) -> int:
    """Print payloads for Datadog's API: of KEY, or of all.

    KEY is a file's name without .json. Variables are filled in, and each object carries its key.
    """
    import json

    for given, option in ((to, "--to"), (None if form == "json" else form, f"--format {form}")):
        if given is not None and key is not None:
            raise click.UsageError(f"{option} is about all of them: leave KEY or {option} out")
    if form == "json" and dashboards is not None:
        raise click.UsageError("--dashboards goes with --format terraform")
    assets = _load(folder, values)
    if form == "terraform":
        if to is not None:
            raise click.UsageError("--format terraform is one file: send it there with >")
        found: object = _terraform(assets, folder, dashboards)
    elif to is not None:
        return _write(assets, to)
    elif key is None:
        found = {"monitors": assets.monitor_payloads(), "slos": assets.slo_payloads()}
    else:
        found = _payload_of(assets, key)
    click.echo(json.dumps(found, indent=2, ensure_ascii=False))
    return ExitStatus.OK


@monitors.command("test")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@_folder
@values_options
@click.option(
    "--mutants",
    is_flag=True,
    help="Also put faults into the monitors; each has to turn a test red.",
)
def test_command(files: tuple[Path, ...], folder: Path, mutants: bool, values: "Values") -> int:
    """Run unit tests of the monitors, with the values of variables.json or of an environment.

    FILES are tests in YAML; by default all that lie beside the folder in tests/monitors, or else
    those of lightkeeper's own monitors, and then each monitor needs some.
    """
    from lightkeeper.alerting.unit_tests.mutants import run_mutants
    from lightkeeper.alerting.unit_tests.runner import run_tests

    assets, every = _load(folder, values), not files
    paths = list(files) or _tests_of(folder, assets.monitors)
    report = run_tests(assets, paths, every=every)
    if report.ok and mutants:  # a test that fails already would notice every fault
        report = run_mutants(assets, paths, every=every)
    for line in report.lines():
        click.echo(line)
    return ExitStatus.OK if report.ok else ExitStatus.NO


def _tests_of(folder: Path, monitors: Container[str]) -> list[Path]:
    """The tests beside a folder of monitors, or else those of ours that it has."""
    beside = folder.resolve().parent / "tests" / "monitors"
    if found := sorted(beside.glob("*.yaml")):
        return found
    for place in places("tests/monitors"):
        if found := [each for each in sorted(place.glob("*.yaml")) if each.stem in monitors]:
            return found
    raise click.ClickException(
        f"no tests in {beside}, and none of these monitors came with lightkeeper: name the files "
        "of tests"
    )


def _payload_of(assets: "Assets", key: str) -> object:
    definition = assets.monitors.get(key) or assets.slos.get(key)
    if definition is None:
        from difflib import get_close_matches

        near = get_close_matches(key, [*assets.monitors, *assets.slos], n=3, cutoff=0)
        raise click.ClickException(
            f"no such monitor or SLO: {key}; did you mean {' or '.join(near)}"
        )
    return definition.payload


def _terraform(assets: "Assets", folder: Path, dashboards: Path | None) -> object:
    """The configuration of everything; without dashboards where there are none beside `folder`."""
    from lightkeeper.alerting.account.terraform import terraform
    from lightkeeper.alerting.files.dashboards import dashboards_of

    beside = folder.resolve().parent / "dashboards"
    named = dashboards or (beside if beside.is_dir() else None)
    boards = dashboards_of(assets, named, "--dashboards") if named else {}
    return terraform(assets, boards, lambda said: complain(f"warning: {said}", "warning"))


def _write(assets: "Assets", to: Path) -> int:
    from lightkeeper.alerting.files.printed import write

    files = {f"{name}.json": payload for name, payload in assets.monitor_payloads().items()}
    files |= {f"slos/{name}.json": payload for name, payload in assets.slo_payloads().items()}
    write(to, files)
    click.echo(f"{to}: {len(assets.monitors)} monitors, {len(assets.slos)} SLOs")
    return ExitStatus.OK


def _load(folder: Path, values: "Values") -> "Assets":
    from lightkeeper.alerting.files.definitions import load

    return load(folder, values=values)
