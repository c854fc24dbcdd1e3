"""Each link must be absolute: no chat, e-mail or pager knows where a relative one would begin.

Write https://… in whole, or `${name}` of a variable that begins so. A path that is no link, such
as a file on the host, stands in backquotes.
"""

import re
from collections.abc import Iterator
from typing import Final

from lightkeeper.alerting.files.dashboards import dicts
from lightkeeper.alerting.lint.rules import Finding
from lightkeeper.alerting.lint.subject import Subject

_CODE: Final = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)
_BLOCK: Final = re.compile(r"\{\{(?:[#^/!].*?|else)\}\}", re.DOTALL)
_VALUE: Final = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_LINKS: Final = (
    re.compile(r"\]\(\s*<?([^)\s>]*)[^)]*\)?"),
    re.compile(r"^ {0,3}\[[^\]\n]+\]:[ \t]*<?([^\s>]+)>?(?:[ \t]+[\"'(].*)?[ \t]*$", re.MULTILINE),
    re.compile(r"<[a-z][^<>]*?\s(?:href|src)\s*=\s*[\"']?([^\"'\s>]*)[^>]*>", re.IGNORECASE),
)
"""Links of Markdown, in the text and below it, and of HTML."""
_PATH: Final = re.compile(
    r"(?<![\w/:.@#?&=%}])((?:\.{1,2}/|//?)[\w~%-][^\s()<>\[\]{}\"']*|[\w./-]+\.(?:md|html?)\b[#\w-]*)"
)
"""What looks like a link without its beginning: /wiki/x, ../x, README.md#x."""
_ON_HOST: Final = re.compile(
    r"/(?:bin|boot|dev|etc|home|lib|mnt|opt|proc|root|run|sbin|srv|sys|tmp|usr|var)(?:/|$)"
)
_UNIT: Final = re.compile(r"/\w+")
_ABSOLUTE: Final = re.compile(r"https?://[^/\s]|mailto:", re.IGNORECASE)
_WHOLE: Final = re.compile(r"\b\w+://\S+")


def check(subject: Subject) -> Iterator[Finding]:
    for name in ("message", "description"):
        place, text = f"payload.{name}", _plain(str(subject.payload.get(name) or ""))
        for pattern in _LINKS:
            for target in pattern.findall(text):
                yield from _relative(place, target)
            text = pattern.sub(" ", text)
        for target in _bare(_WHOLE.sub(" ", text)):
            yield (
                place,
                f"the link to {target} is relative: write https://…, or in backquotes what is no "
                "link",
            )
    for path, asset in dicts(subject.payload.get("assets"), "payload.assets"):
        url = asset.get("url")
        # What is Datadog's own has a path there.
        if isinstance(url, str) and not asset.get("resource_type"):
            yield from _relative(f"{path}.url", url)


def _plain(text: str) -> str:
    """A text without its code and blocks, and with {…} for each value that Datadog fills in."""
    return _VALUE.sub("{…}", _BLOCK.sub(" ", _CODE.sub(" ", text)))


def _bare(text: str) -> Iterator[str]:
    for found in _PATH.finditer(text):
        target = found[1].rstrip(".,:;!?*_")
        if not _ON_HOST.match(target) and not (_UNIT.fullmatch(target) and _is_unit(text, found)):
            yield target


def _is_unit(text: str, found: re.Match[str]) -> bool:
    """Whether a path of one word stands in a sentence, as in 10 /min, and not as a link.

    A link stands behind a colon, or alone in its line.
    """
    line = text[text.rfind("\n", 0, found.start()) + 1 : found.start()].rstrip()
    return bool(line) and line[-1] not in ":-*>("


def _relative(path: str, target: str) -> Iterator[Finding]:
    if not _ABSOLUTE.match(target):
        yield path, f"the link to {target or 'nothing'} is relative: write https://…"
