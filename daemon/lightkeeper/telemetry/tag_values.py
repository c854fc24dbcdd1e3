"""Tag values as Datadog keeps them, the unified service tags, and a limit on unknown words."""

import re
from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from typing import Final

import structlog

from lightkeeper import __version__
from lightkeeper.telemetry.catalogue import CATALOGUE
from lightkeeper.telemetry.tags import OPEN_WORDS

TAG_VARIABLES: Final = ("DATADOG_TAGS", "DD_TAGS")
UNIFIED: Final = ("env", "service", "version")
MAX_TAG_VALUE: Final = 180  # Datadog's 200 are for key and value together
_ODD_IN_TAG: Final = re.compile(r"[^a-z0-9_./-]")
_TAG_KEY: Final = re.compile(r"[a-z][a-z0-9_./-]{0,99}")
_PARTED: Final = re.compile(r",|\s+(?=[A-Za-z][\w./-]*:)")
_WORD: Final = re.compile(r"(?!.*\d{5})[A-Za-z][A-Za-z0-9_]{0,39}")

log = structlog.get_logger()


def tag_value(text: str) -> str:
    """`text` as Datadog keeps a tag value: lower case, no odd characters, bounded, not empty."""
    return _ODD_IN_TAG.sub("_", text.lower())[:MAX_TAG_VALUE] or "_"


def listed_tags(environ: Mapping[str, str]) -> list[tuple[str, str]]:
    """The tags of `DATADOG_TAGS` and `DD_TAGS`, keys and values.

    Commas part them, and blanks: where there are commas, those before a key, for a value may have
    blanks. What has no colon has an empty value.
    """
    texts = (environ.get(name, "") for name in TAG_VARIABLES)
    parted = (_PARTED.split(text) if "," in text else text.split() for text in texts)
    parts = (item.strip().partition(":") for item in chain.from_iterable(parted))
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


def constant_tags(environ: Mapping[str, str]) -> dict[str, str]:
    """The unified service tags, then those of `listed_tags`, each key once.

    A tag that is not `key:value`, that comes twice with two values, or whose key a signal uses,
    is logged and left out.
    """
    own = {tag for signal in CATALOGUE.values() for tag in signal.tags} | {"host", "event"}
    tags = unified_tags(environ)
    for key, text in listed_tags(environ):
        item, value = f"{key}:{text}"[:200], tag_value(text)
        if not _TAG_KEY.fullmatch(key) or not text:
            log.warning("dogstatsd.tag.ignored", tag=item, reason="not key:value")
        elif key in own - tags.keys() or tags.setdefault(key, value) != value:
            log.warning("dogstatsd.tag.ignored", tag=item, reason="the key is taken")
    return tags


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
