"""Rules about what a monitor says: whom it tells, what it may name, where it sends the reader."""

import re
from collections.abc import Iterator
from typing import Final

from lightkeeper.alerting.evaluate.message import FLAGS, Template, TemplateError, handles
from lightkeeper.alerting.lint.subject import Finding, Subject
from lightkeeper.alerting.query.syntax import Unsupported

SECTION_PARTS: Final = ("Meaning", "Confirm", "Do", "May wait")
_PAGED: Final = frozenset({"is_alert", "is_no_data"})
_NAMES: Final = re.compile(r"\{\{\{?\s*(?:[#^]\w+\s+)?\[?([\w.-]+)\]?")
_MARKS: Final = re.compile(r"\{\{.*?\}\}|\$\{.*?\}", re.DOTALL)
_SECTION: Final = re.compile(r"^## (.+)\n((?:(?!##? ).*\n?)*)", re.MULTILINE)
_NUMBER: Final = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?![\w.]*\w)")


def channel(subject: Subject) -> Iterator[Finding]:
    """Each notification reaches the channel, and nobody by a name that is typed in."""
    written = str(subject.definition.written.get("message", ""))
    if typed := handles(written):
        yield "payload.message", f"{typed[0]} is typed: take it from variables.json"
        return
    if any(_channel(subject) not in told for told in _told(subject).values()):
        yield "payload.message", "write ${channel} outside the conditional blocks"


def pager(subject: Subject) -> Iterator[Finding]:
    """Who pages does so in alerts and missing data and nowhere else; the others never."""
    told = _told(subject)
    if not told:
        return
    on_call = subject.assets.variables["pager"]
    paged = {reason for reason, who in told.items() if on_call in who}
    if not subject.pages:
        if paged:
            yield "payload.message", "`pages` says nobody: take ${pager} out, or say whom"
    elif subject.payload.get("type") == "slo alert":
        yield "pages", "SLO alerts page nobody, for one failure in a quiet hour would: say so"
    elif paged != {reason for reason in told if reason & _PAGED}:
        yield (
            "payload.message",
            "write ${pager} into {{#is_alert}} and {{#is_no_data}}, and nowhere else",
        )


def typed_threshold(subject: Subject) -> Iterator[Finding]:
    """No threshold is typed into a text, where it would stay when the real one is moved."""
    numbers = {float(one) for one in subject.thresholds.values()}
    # As people would say them: in minutes or hours, or in percent.
    said = numbers | {one / 60 for one in numbers} | {one / 3600 for one in numbers}
    said |= {one * 100 for one in numbers if 0 < one < 1}
    for name in ("name", "message"):
        text = _MARKS.sub(" ", str(subject.definition.written.get(name, "")))
        for found in _NUMBER.findall(text):
            if float(found) in said:
                yield f"payload.{name}", f"{found} is a threshold: write {{{{threshold}}}}"


def runbook(subject: Subject) -> Iterator[Finding]:
    """Its section of the runbook exists, is whole, and is linked."""
    anchor = subject.definition.runbook
    if anchor != subject.definition.key:
        yield "runbook", f"write {subject.definition.key}: each has a section of its own"
    section = _sections(subject.assets.runbook).get(anchor)
    if section is None:
        yield "runbook", f"monitors/README.md has no section ## {anchor}: write it"
        return
    for part in SECTION_PARTS:
        if f"**{part}" not in section:
            yield "runbook", f"section {anchor} of monitors/README.md lacks **{part}**"
    name = "description" if subject.is_slo else "message"
    if f"${{runbook_url}}#{anchor}" not in str(subject.definition.written.get(name, "")):
        yield f"payload.{name}", f"link the runbook: ${{runbook_url}}#{anchor}"


def _channel(subject: Subject) -> str:
    return str(subject.assets.variables["channel"])


def _told(subject: Subject) -> dict[frozenset[str], tuple[str, ...]]:
    """Whom the message reaches for each reason there is; nothing where it cannot be read.

    The empty reason stands for one that the message does not ask for.
    """
    text = str(subject.payload.get("message", ""))
    try:
        template = Template(text, frozenset(_NAMES.findall(text)))
    except (TemplateError, Unsupported):
        return {}
    reasons = {frozenset[str](), *(frozenset({flag}) for flag in FLAGS)}
    reasons |= {frozenset({flag, "is_renotify"}) for flag in FLAGS}
    return {reason: handles(template.render(reason, {})) for reason in reasons}


def _sections(text: str) -> dict[str, str]:
    """Each section of second level by the anchor its heading gets."""
    found = {}
    for heading, body in _SECTION.findall(text):
        found[re.sub(r"[^\w\s-]", "", heading.strip().lower()).replace(" ", "-")] = body
    return found


RULES: Final = (channel, pager, typed_threshold, runbook)
