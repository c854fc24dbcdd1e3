"""The README says what is so: commands, settings, exit statuses."""

import pkgutil
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import click
import pytest

import lightkeeper
from lightkeeper.commands.main import main
from lightkeeper.config.settings import PREFIX, Settings
from lightkeeper.domain.errors import LightkeeperError

README = (Path(__file__).parents[2] / "README.md").read_text()


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


def test_the_table_of_exit_statuses_and_the_code_agree() -> None:
    """A status that can be met is explained, and none is explained that cannot be met."""
    names = [each.name for each in pkgutil.walk_packages(lightkeeper.__path__, "lightkeeper.")]
    modules = [import_module(name) for name in names if not name.endswith("__main__")]
    table = [int(n) for n in re.findall(r"^\| (\d+) \|", README, re.MULTILINE)]
    kinds: list[type[LightkeeperError]] = [LightkeeperError]
    for kind in kinds:
        kinds.extend(kind.__subclasses__())

    raised = {kind.exit_status for kind in kinds if kind.__module__.startswith("lightkeeper.")}
    raised |= {click.ClickException.exit_code, click.UsageError.exit_code}
    returned = {
        status
        for module in modules
        for name, status in vars(module).items()
        if name.startswith("EX_")
    }

    assert table == sorted(raised | returned)


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

    assert (0, "1 tracked, 0 known already, 0 rejected\n") == (out.returncode, out.stdout)
