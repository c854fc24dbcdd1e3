"""Each monitor and SLO must have a whole section of the runbook of its own, and link to it.

Write `## key` into monitors/README.md with **Meaning**, **Confirm**, **Do** and **May wait**, and
`${runbook_url}#key` into the message, or into an SLO's description. A monitor without a recipient
may write in `runbook` a composite that names it instead.
"""

import re
from collections.abc import Iterator
from typing import Final

from lightkeeper.alerting.lint.rules import Finding
from lightkeeper.alerting.lint.subject import Subject

_PARTS: Final = ("Meaning", "Confirm", "Do", "May wait")
_SECTION: Final = re.compile(r"^## (.+)\n((?:(?!##? ).*\n?)*)", re.MULTILINE)


def check(subject: Subject) -> Iterator[Finding]:
    anchor = subject.definition.runbook
    if anchor in subject.composites and not any(subject.notified.values()):
        return
    if anchor != subject.definition.key:
        yield "runbook", f"write {subject.definition.key}: each has a section of its own"
    section = sections(subject.assets.runbook).get(anchor)
    if section is None:
        yield "runbook", f"monitors/README.md has no section ## {anchor}: write it"
        return
    for part in _PARTS:
        if f"**{part}" not in section:
            yield "runbook", f"section {anchor} of monitors/README.md lacks **{part}**: write it"
    name = "description" if subject.is_slo else "message"
    if f"${{runbook_url}}#{anchor}" not in str(subject.definition.written.get(name, "")):
        yield f"payload.{name}", f"link the runbook: ${{runbook_url}}#{anchor}"


def sections(text: str) -> dict[str, str]:
    """Each section of second level by the anchor that its heading gets."""
    found = {}
    for heading, body in _SECTION.findall(text):
        found[re.sub(r"[^\w\s-]", "", heading.strip().lower()).replace(" ", "-")] = body
    return found
