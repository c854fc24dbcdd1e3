"""Words nobody knew before as tag values: a few under their own name, the others as one."""

import re
from collections.abc import Callable, Iterable
from typing import Final

from lightkeeper.signals import OPEN_WORDS, tag_value

_WORD: Final = re.compile(r"(?!.*\d{5})[A-Za-z][A-Za-z0-9_]{0,39}")


class Words:
    """Keeps tag values bounded: known words, the first few unknown ones, then `other`.

    `kept` are those of before, and `keep` remembers a new one, so that a restart moves no series
    and adds none.
    """

    def __init__(
        self,
        known: Iterable[str],
        kept: Iterable[str] = (),
        keep: Callable[[str], None] = lambda _word: None,
    ) -> None:
        self._known = set(known)
        self._limit = len(self._known) + OPEN_WORDS
        self._known.update(kept)
        if len(self._known) >= self._limit:
            self._known.add("other")
        self._keep = keep

    def tag(self, word: str) -> str:
        """The tag value that stands for `word`."""
        value = tag_value(word)
        if value in self._known:
            return value
        # What does not look like a word of an interface may be anything, a person's name too.
        if len(self._known - {"other"}) >= self._limit or not _WORD.fullmatch(word):
            self._known.add("other")
            return "other"
        self._keep(value)
        self._known.add(value)
        return value

    @property
    def seen(self) -> frozenset[str]:
        """Every value handed out so far, and those known from the start."""
        return frozenset(self._known)
