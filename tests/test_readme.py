"""The README says what is so: commands, settings, exit statuses."""

import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from lightkeeper.cli import main
from lightkeeper.settings import PREFIX, Settings

README = (Path(__file__).parents[1] / "README.md").read_text()


def variables() -> set[str]:
    """Every environment variable the settings read."""
    return {
        field.validation_alias
        if isinstance(field.validation_alias, str)
        else PREFIX + name.upper()
        for name, field in Settings.model_fields.items()
    }


def test_every_setting_is_in_the_table_and_no_other() -> None:
    """A setting that nobody can read about does not exist, and the other way round."""
    table = README.split("## Settings")[1].split("\n## ")[0]
    named = set(re.findall(r"`((?:LIGHTKEEPER|DD|DATADOG)_[A-Z_]+)`", table))

    assert variables() | {"LIGHTKEEPER_SETTINGS"} == {name.removesuffix("_FILE") for name in named}


def test_every_command_is_in_the_table() -> None:
    """The table of commands is complete."""
    named = set(re.findall(r"^\| `lightkeeper (\w+)", README, re.MULTILINE))

    assert set(main.commands) == named


@pytest.mark.parametrize(("name", "command"), sorted(main.commands.items()))
def test_every_command_says_what_it_does(name: str, command: click.Command) -> None:
    """`--help` of each command works and says something."""
    out = subprocess.run(
        [sys.executable, "-m", "lightkeeper", name, "--help"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert (command.help or "").split("\n")[0].rstrip(".") in out.stdout.replace("\n  ", " ")


def test_exit_statuses_of_the_errors_are_in_the_table() -> None:
    """Whoever raises an error with a status of its own has told the reader about it."""
    from lightkeeper import checks, cli, demo, intake, model  # noqa: F401

    table = {int(n) for n in re.findall(r"^\| (\d+) \|", README, re.MULTILINE)}
    kinds = [model.LightkeeperError]
    for kind in kinds:
        kinds.extend(kind.__subclasses__())

    statuses = {kind.exit_status for kind in kinds}

    assert statuses - {70} <= table


def test_the_examples_of_track_are_accepted(tmp_path: Path) -> None:
    """The README's own examples can be typed in."""
    block = README.split("or many, as JSON Lines")[1].split("```")[1]
    environment = {
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "LIGHTKEEPER_DATABASE_URL": f"sqlite:///{tmp_path}/store.db",
    }

    out = subprocess.run(
        ["/bin/sh", "-c", block], env=environment, capture_output=True, text=True, check=False
    )

    assert (0, "1 tracked, 0 known already, 0 refused\n") == (out.returncode, out.stdout)
