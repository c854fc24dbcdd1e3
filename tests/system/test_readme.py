"""The docs say what is so: commands, settings, exit statuses, and blocks that can be typed in."""

import re
import subprocess
import sys
from pathlib import Path

import click
import command_line
import pytest

from lightkeeper.commands.main import main
from lightkeeper.config.settings import PREFIX, Settings
from lightkeeper.domain.errors import ExitStatus

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
OPERATING = (ROOT / "systemd" / "README.md").read_text()


def variables() -> set[str]:
    """Every environment variable the settings read."""
    return {
        field.validation_alias
        if isinstance(field.validation_alias, str)
        else PREFIX + name.upper()
        for name, field in Settings.model_fields.items()
    }


def commands_in(text: str) -> set[str]:
    """The commands that rows of a table begin with."""
    return set(re.findall(r"^\| `lightkeeper (\w+)", text, re.MULTILINE))


def run_block(block: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a block of the docs in a shell of its own, in that folder, on an empty store."""
    environment = {
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "LIGHTKEEPER_DATABASE_URL": f"sqlite:///{folder}/store.db",
    }
    return subprocess.run(
        ["/bin/bash", "-c", block],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_setting_is_in_the_table_and_no_other() -> None:
    """The settings table has every variable that is read, and no other."""
    table = OPERATING.split("## Settings")[1].split("\n## ")[0]
    named = set(re.findall(r"`((?:LIGHTKEEPER|DD|DATADOG)_[A-Z_]+)(?:=\w+)?`", table))

    read = variables() | {"LIGHTKEEPER_SETTINGS_FILE"}

    assert {name.removesuffix("_FILE") for name in read} == {
        name.removesuffix("_FILE") for name in named
    }


def test_every_command_is_in_the_table() -> None:
    """The table of commands is complete."""
    assert set(main.commands) == commands_in(OPERATING)


def test_the_readme_shows_the_daily_commands() -> None:
    """The README's table has seven commands, and each of them exists."""
    assert 7 == len(commands_in(README))
    assert set(main.commands) >= commands_in(README)


@pytest.mark.parametrize(("name", "command"), sorted(main.commands.items()))
def test_every_command_says_what_it_does(name: str, command: click.Command) -> None:
    """`--help` of each command works and says something."""
    done = command_line.run(name, "--help", env=command_line.environment(), prepared=False)

    assert 0 == done.returncode
    assert (command.help or "").split("\n")[0].rstrip(".") in done.stdout.replace("\n  ", " ")


def test_the_table_of_exit_statuses_and_the_code_agree() -> None:
    """The table explains every exit status of the code, and no other."""
    table = [int(n) for n in re.findall(r"^\| (\d+) \|", OPERATING, re.MULTILINE)]

    assert sorted(ExitStatus) == table
    assert {click.ClickException.exit_code, click.UsageError.exit_code} <= set(table)


def test_every_exit_status_can_be_met() -> None:
    """Each name of `ExitStatus` is used where a command ends or an error is defined."""
    sources = (ROOT / "daemon" / "lightkeeper").rglob("*.py")
    used = set(re.findall(r"ExitStatus\.(\w+)", "".join(path.read_text() for path in sources)))

    assert ExitStatus.__members__.keys() - {"USAGE"} == used - {"USAGE"}


def test_the_example_of_track_is_accepted(tmp_path: Path) -> None:
    """The line of JSON in systemd/README.md is tracked."""
    block = OPERATING.split("## What `track` takes")[1].split("```")[1]

    out = run_block(block, tmp_path)

    assert (0, "1 tracked, 0 known already, 0 rejected\n") == (out.returncode, out.stdout)
