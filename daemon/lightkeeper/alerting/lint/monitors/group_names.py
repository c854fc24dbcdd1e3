"""The notifications of two groups must differ: otherwise two alerts look like one.

Of a page that is grouped by step, write `{{step.name}}` into the message, outside of links. Where
`include_tags` keeps Datadog from writing the group before the name, write it into the name of any
monitor that notifies. Where variables.json has `links_at_step`, it stands for `links`.
"""

import re
from collections.abc import Iterator
from typing import Final

from lightkeeper.alerting.errors import TemplateError, Unsupported
from lightkeeper.alerting.evaluate.formula import Filling
from lightkeeper.alerting.evaluate.message import VARIABLES, Template
from lightkeeper.alerting.files.definitions import PAGERS
from lightkeeper.alerting.lint.rules import Finding
from lightkeeper.alerting.lint.subject import Subject
from lightkeeper.alerting.query.syntax import All, QueryScope, ServiceCheckAlert, Tag

_LINK: Final = re.compile(r"https?://\S+")
_ALERT: Final = frozenset({"is_alert"})
_SHOWN: Final = "shown-group"


def check(subject: Subject) -> Iterator[Finding]:
    if not any(subject.notified.values()):
        return
    asked = ["message"] * (subject.definition.urgency in PAGERS)
    asked += ["name"] * (subject.options.get("include_tags") is False)
    refused = {path for path, _ in subject.refusals}
    for key in _keys(subject):
        for name in asked:
            path, text = f"payload.{name}", str(subject.payload.get(name, ""))
            if path not in refused and not _shows(text, key):
                yield path, f"it is grouped by {key}: say which by {{{{{key}.name}}}}"
        written = str(subject.definition.written.get("message", ""))
        if f"links_at_{key}" in subject.assets.variables and "${links}" in written:
            yield (
                "payload.message",
                f"it is grouped by {key}, and its links show them all: write ${{links_at_{key}}} "
                "instead of ${links}",
            )


def _keys(subject: Subject) -> list[str]:
    """The keys by which it notifies, without those that its scope leaves one value."""
    chosen = subject.options.get("notify_by") or subject.by
    return [key for key in subject.by if key in chosen and not _is_fixed(subject, key)]


def _is_fixed(subject: Subject, key: str) -> bool:
    scopes: list[QueryScope] = []
    for one in (subject, *subject.operands):
        scopes += [query.scope for query in one.queries if key in query.by]
        if isinstance(one.query, ServiceCheckAlert) and key in one.query.by:
            scopes.append(All(tuple(map(Tag, one.query.over))))
    return bool(scopes) and all(_fixes(scope, key) for scope in scopes)


def _fixes(scope: QueryScope, key: str) -> bool:
    match scope:
        case Tag(text):
            return text.startswith(f"{key}:") and "*" not in text
        case All(scopes):
            return any(_fixes(one, key) for one in scopes)
    return False


def _shows(text: str, key: str) -> bool:
    """Whether an alert's text shows the group outside of links; True where it is unreadable."""
    try:
        template = Template(text, None)
    except (TemplateError, Unsupported):
        return True
    filled: dict[str, Filling] = dict.fromkeys(template.names | VARIABLES, 1.0)
    filled |= {key: _SHOWN, f"{key}.name": _SHOWN}
    return _SHOWN in _LINK.sub("", template.render(_ALERT, filled))
