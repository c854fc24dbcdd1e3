"""A command of lightkeeper that a message or its section of the runbook names must be understood.

Write it as `lightkeeper --help` has it. A word in capitals such as REQUEST_ID, and what the
message fills in such as `{{step.name}}`, stand for a value.
"""

import re
from collections.abc import Iterator
from typing import Final

from lightkeeper.alerting.lint.monitors.runbook import sections
from lightkeeper.alerting.lint.rules import Finding
from lightkeeper.alerting.lint.subject import Subject

_BLOCK: Final = re.compile(r"```(?:\w*\n)?(.*?)```", re.DOTALL)
_CODE: Final = re.compile(r"`([^`]+)`")


def check(subject: Subject) -> Iterator[Finding]:
    name = "description" if subject.is_slo else "message"
    section = sections(subject.assets.runbook).get(subject.definition.runbook, "")
    texts = {f"payload.{name}": str(subject.payload.get(name, "")), "runbook": section}
    for path, text in texts.items():
        for command in _commands(text):
            if wrong := subject.complaint(command):
                yield path, f"`{command}`: {wrong}"


def _commands(text: str) -> Iterator[str]:
    """What stands between backticks, and each line of a block of code."""
    for block in _BLOCK.findall(text):
        yield from (line.strip().removeprefix("$ ") for line in block.splitlines())
    yield from (" ".join(one.split()) for one in _CODE.findall(_BLOCK.sub("", text)))
