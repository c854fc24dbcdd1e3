"""Tag values as Datadog keeps them, the unified service tags, and a limit on unknown words."""

import re
from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from typing import Final

from lightkeeper import __version__
from lightkeeper.telemetry.signals import OPEN_WORDS

TAG_VARIABLES: Final = ("DATADOG_TAGS", "DD_TAGS")
UNIFIED: Final = ("env", "service", "version")
MAX_TAG_VALUE: Final = 180  # Datadog's 200 are for key and value together
_ODD_IN_TAG: Final = re.compile(r"[^a-z0-9_./-]")
_WORD: Final = re.compile(r"(?!.*\d{5})[A-Za-z][A-Za-z0-9_]{0,39}")


def tag_value(text: str) -> str:
    """`text` as Datadog keeps a tag value: lower case, no odd characters, bounded, not empty."""
    return _ODD_IN_TAG.sub("_", text.lower())[:MAX_TAG_VALUE] or "_"


def listed_tags(environ: Mapping[str, str]) -> list[tuple[str, str]]:
    """The tags of `DATADOG_TAGS` and `DD_TAGS`, keys and values.

    Commas part them, or blanks where there is no comma. What has no colon has an empty value.
    """
    texts = (environ.get(name, "") for name in TAG_VARIABLES)
    items = chain.from_iterable(text.split("," if "," in text else None) for text in texts)
    parts = (item.strip().partition(":") for item in items)
    return [(key.strip().lower(), value.strip()) for key, _, value in parts if key or value]


def unified_tags(environ: Mapping[str, str]) -> dict[str, str]:
    """Datadog's unified service tags, as sent.

    Each comes from `DD_ENV`, `DD_SERVICE` or `DD_VERSION`, or else from `listed_tags`.
    """
    listed = dict(reversed(listed_tags(environ)))
    given = {
        key: environ.get(f"DD_{key.upper()}", "").strip() or listed.get(key, "") for key in UNIFIED
    }
    ours = {"service": "lightkeeper", "version": __version__}
    return ours | {key: tag_value(value) for key, value in given.items() if value}


class OpenTag:
    """The values of one tag: known words, the first `OPEN_WORDS` unknown ones, then `other`.

    `kept` are the unknown words of earlier runs, and `keep` stores a new one: after a restart
    every word has the same tag value as before.
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
        # What does not look like a word of an API may be anything, even a person's name.
        if len(self._known - {"other"}) >= self._limit or not _WORD.fullmatch(word):
            self._known.add("other")
            return "other"
        self._keep(value)
        self._known.add(value)
        return value

    @property
    def seen(self) -> frozenset[str]:
        """Every value that `tag` has returned so far, and those known from the start."""
        return frozenset(self._known)
