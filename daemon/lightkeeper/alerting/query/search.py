"""A search of events, logs, monitors or SLOs: `key:value` terms that must all hold."""

import fnmatch
import re
from collections.abc import Set
from typing import Final

from lightkeeper.alerting.errors import Unsupported

_TERM: Final = re.compile(r"""(-?)([\w.@/-]+):(?:\(([^()]*)\)|"([^"]*)"|([^\s()"]+))(?=\s|$)""")
_EVERYTHING: Final = frozenset({"AND", "*"})


class Search:
    """Terms with a space or AND between them; a value may be `(a OR b)`, and hold `*`.

    `tag:key:value`, as searches of monitors have it, is `key:value`. Raises Unsupported for
    anything else that a search may be.
    """

    def __init__(self, text: str) -> None:
        self._terms: list[tuple[bool, tuple[str, ...]]] = []
        at = 0
        while match := re.compile(r"\s*(\S+)").match(text, at):
            term = _TERM.match(text, match.start(1))
            if term:
                self._terms.append((not term[1], _patterns(term)))
            elif match[1] not in _EVERYTHING:
                raise Unsupported(
                    f"`{match[1]}` in a search is not supported: write key:value terms, with "
                    "spaces or AND between them"
                )
            at = term.end() if term else match.end()

    def matches(self, tags: Set[str]) -> bool:
        """Tell whether every term holds for what has these tags, `key:value` each."""
        return all(_any(patterns, tags) is wanted for wanted, patterns in self._terms)


def _patterns(term: re.Match[str]) -> tuple[str, ...]:
    key, many, quoted, single = term.group(2, 3, 4, 5)
    values = [quoted or single or ""] if many is None else re.split(r"\s+OR\s+", many.strip())
    if any(" " in value for value in values) and many is not None:
        raise Unsupported(f"`{many}` in a search is not supported: write values with OR between")
    return tuple((value if key == "tag" else f"{key}:{value}").lower() for value in values)


def _any(patterns: tuple[str, ...], tags: Set[str]) -> bool:
    for pattern in patterns:
        # [ and ? are no wildcards at Datadog.
        glob = pattern.replace("[", "[[]").replace("?", "[?]")
        if any(fnmatch.fnmatchcase(tag.lower(), glob) for tag in tags):
            return True
    return False
