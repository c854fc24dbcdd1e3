"""Each link must be absolute: no chat, e-mail or pager knows where a relative one would begin.

Write https://… in whole, or `${name}` of a variable that begins so.
"""

import re
from collections.abc import Iterator
from typing import Final

from lightkeeper.alerting.files.dashboards import dicts
from lightkeeper.alerting.lint.rules import Finding
from lightkeeper.alerting.lint.subject import Subject

_MARKDOWN: Final = re.compile(r"\]\(\s*([^)\s]*)")
_ABSOLUTE: Final = re.compile(r"https?://[^/\s]|mailto:")


def check(subject: Subject) -> Iterator[Finding]:
    for name in ("message", "description"):
        for target in _MARKDOWN.findall(str(subject.payload.get(name, ""))):
            yield from _relative(f"payload.{name}", target)
    for path, asset in dicts(subject.payload.get("assets"), "payload.assets"):
        url = asset.get("url")
        # What is Datadog's own has a path there.
        if isinstance(url, str) and not asset.get("resource_type"):
            yield from _relative(f"{path}.url", url)


def _relative(path: str, target: str) -> Iterator[Finding]:
    if not _ABSOLUTE.match(target):
        yield path, f"the link to {target or 'nothing'} is relative: write https://…"
