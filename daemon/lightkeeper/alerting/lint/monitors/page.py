"""A page must say what to run first, and the runbook must agree and say how urgent it is, and why.

Write the command between backticks into the message: ${first} `lightkeeper check`. Begin the
section of monitors/README.md with the same command, where `{{step.name}}` is a word in capitals
such as STEP, and name `pager` or `pager_low` under **May wait.** A folder whose variables.json
has no `first` is not held to it, nor to numbers and links.
"""

import re
from collections.abc import Iterator
from typing import Final

from lightkeeper.alerting.lint.monitors.runbook import sections
from lightkeeper.alerting.lint.rules import Finding
from lightkeeper.alerting.lint.subject import Subject

_CODE: Final = re.compile(r"`([^`\n]+)`")
_FILLED: Final = re.compile(r"\{\{\s*(\w+)[^}]*\}\}")
_MAY_WAIT: Final = re.compile(r"\*\*May wait\.?\*\*(.*)", re.DOTALL)


def check(subject: Subject) -> Iterator[Finding]:
    if not subject.is_page:
        return
    named = _CODE.search(str(subject.payload.get("message", "")))
    if named is None:
        yield (
            "payload.message",
            "it names no command: write the first one to run between backticks, such as "
            "`lightkeeper check`",
        )
    anchor, urgency = subject.definition.runbook, subject.definition.urgency
    section = sections(subject.assets.runbook).get(anchor)
    if section is None:
        return  # the rule `runbook` says so
    begins = _CODE.search(section.lstrip().partition("\n")[0])
    if named and (begins is None or not _is_same(named[1], begins[1])):
        yield (
            "runbook",
            f"section {anchor} of monitors/README.md begins with another command than the "
            f"message: write **First.** `{_capitals(named[1])}` into its first line",
        )
    why = _MAY_WAIT.search(section)
    if why and f"`{urgency}`" not in why[1]:
        yield (
            "runbook",
            f"section {anchor} of monitors/README.md does not say how urgent the page is: name "
            f"`{urgency}` under **May wait.**, and why",
        )


def _is_same(command: str, begins: str) -> bool:
    """Whether a section begins with the command of a message, or with capitals in it."""
    words = map(re.escape, re.split(r"\{\{[^}]*\}\}", command))
    return begins == command or re.fullmatch("[A-Z][A-Z_]*".join(words), begins) is not None


def _capitals(command: str) -> str:
    return _FILLED.sub(lambda filled: filled[1].upper(), command)
