"""The commands that pages and the runbook name are typed as they stand there."""

import json
import re
from pathlib import Path

import pytest

from lightkeeper.commands.named import complaint

MONITORS = Path(__file__).parents[3] / "monitors"


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


@pytest.mark.parametrize("command", sorted(named(runbook()) | named(messages())))
def test_a_command_that_is_named_exists_as_it_stands(command):
    """On-call types it at night: command, options and their values are those of the program."""
    assert complaint(command) is None


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("lightkeeper lst", "there is no command 'lst': did you mean 'list'?"),
        ("lightkeeper maintenance ad --why x", "there is no command 'ad': did you mean 'add'?"),
        ("lightkeeper qqqqqq", "there is no command 'qqqqqq': see lightkeeper --help"),
        ("lightkeeper list --condition stuk", "Did you mean 'stuck'?"),
        ("lightkeeper list --stp claims_evidence", "No such option"),
        ("lightkeeper list --failed-since 2weeks", "--failed-since: give a date such as"),
        ("lightkeeper list --condition", "requires an argument"),
        ("lightkeeper show first", "'first' is not"),
        ("lightkeeper show 1 2", "unexpected extra argument"),
        ("sudo -u lightkeeper lightkeeper shw 1", "there is no command 'shw'"),
        ("/opt/lightkeeper/bin/lightkeeper lst", "there is no command 'lst'"),
        ("python -m lightkeeper lst | head", "there is no command 'lst'"),
        ('lightkeeper ack 1 --reason "why', "a quotation mark is not closed"),
    ],
)
def test_a_command_that_is_not_understood_is_named_with_the_remedy(command, words):
    """A command, an option or a value that the program does not have."""
    assert words in complaint(command)


@pytest.mark.parametrize(
    "command",
    [
        "journalctl -u lightkeeper --since -1h",
        "systemctl status lightkeeper",
        "lightkeeper-backup now",
        "lightkeeper",
        "lightkeeper --version",
        "lightkeeper list --help",
        "lightkeeper show <request id>",
        "lightkeeper list --document-type={{function.name}} --step {{step.name}} | head -3",
        "lightkeeper list --format csv > failures.csv",
        "lightkeeper list --condition unacknowledged --document-type TYPE && lightkeeper lst",
        "lightkeeper ack --condition CONDITION --yes COUNT --by {{owner}} --reason ...",
        "lightkeeper list --failed-since TIME --failed-until 2026-11-23T14:05Z",
    ],
)
def test_what_is_right_or_of_another_program_is_left_alone(command):
    """What stands for a value is no mistake, and the shell's own is not read."""
    assert complaint(command) is None


def test_most_messages_name_a_command_of_ours():
    """What is collected above is not nothing."""
    assert {"lightkeeper check", "lightkeeper status"} < named(messages())
    assert len(named(messages())) > 8
