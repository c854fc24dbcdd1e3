"""The commands that pages and the runbook name are typed as they stand there."""

import json
import re
import shlex
from pathlib import Path

import click
import pytest

from lightkeeper.commands.main import main

MONITORS = Path(__file__).parents[3] / "monitors"
STANDS_FOR = {
    "REQUEST_ID": "600111222",
    "ID": "7",
    "COUNT": "3",
    "FILE": "x.db",
    "TIME": "2026-11-23",
    "STEP": "claims_evidence",
    "…": "why",
}


def named(text: str) -> set[str]:
    """Every command of ours between backticks."""
    return {" ".join(one.split()) for one in re.findall(r"`(lightkeeper [^`]+)`", text)}


def runbook() -> str:
    """The text of the runbook."""
    return (MONITORS / "README.md").read_text()


def messages() -> str:
    """All messages of the monitors."""
    texts = [json.loads(path.read_text()) for path in MONITORS.glob("*.json")]
    return "\n".join(one["payload"]["message"] for one in texts if "payload" in one)


def accepts(command: str) -> bool:
    """Tell whether it is understood; a command alone may be named without its arguments."""
    words = [STANDS_FOR.get(one, one) for one in shlex.split(command)][1:]
    entry: click.Command = main
    while words and isinstance(entry, click.Group):
        name = words.pop(0)
        if name not in entry.commands:
            return False
        entry = entry.commands[name]
    if not words:
        return True
    try:
        entry.make_context(entry.name, words)
    except click.UsageError:
        return False
    return True


@pytest.mark.parametrize("command", sorted(named(runbook()) | named(messages())))
def test_a_command_that_is_named_exists_as_it_stands(command):
    """On-call types it at night: command, options and their values are those of the program."""
    assert accepts(command)


@pytest.mark.parametrize("command", ["lightkeeper look", "lightkeeper list --condition x"])
def test_a_command_that_does_not_exist_is_noticed(command):
    """The test above can fail."""
    assert not accepts(command)


def test_most_messages_name_a_command_of_ours():
    """What is collected above is not nothing."""
    assert {"lightkeeper check", "lightkeeper status"} < named(messages())
    assert len(named(messages())) > 8
