"""The template variables of a board with their defaults, and texts with these filled in."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from lightkeeper.alerting.errors import Unsupported

_USED: Final = re.compile(r"\$(\w+)(\.value)?")
_SCOPE: Final = re.compile(r"(?<!by )(?<!by)\{[^{}()]*\}")
_EVERYTHING: Final = "*"


@dataclass(frozen=True, slots=True)
class TemplateVariable:
    """One of them: what it filters by, and the values that a board opens with."""

    name: str
    prefix: str
    values: tuple[str, ...]

    @property
    def words(self) -> str:
        """Its values for people."""
        return ", ".join(self.values) or _EVERYTHING


class TemplateVariables:
    """The template variables as a board opens with them."""

    def __init__(self, given: Iterable[Mapping[str, Any]]) -> None:
        self.variables = tuple(_variable(one) for one in given)
        self._by_name = {one.name: one for one in self.variables}

    def in_scope(self, text: str) -> str:
        """A metric query with each `$name` as the tag that it stands for. Raises Unsupported."""

        def several(key: str, values: tuple[str, ...]) -> str:
            return f"({' OR '.join(f'{key}:{value}' for value in values)})"

        return self._filled(
            _SCOPE.sub(_in_words, text) if self._has_several(text) else text, several
        )

    def in_search(self, text: str) -> str:
        """A search with each `$name` as the term that it stands for. Raises Unsupported."""
        return self._filled(text, lambda key, values: f"{key}:({' OR '.join(values)})")

    def in_tag(self, text: str) -> str:
        """A tag alone, as `in_search` has it. Raises Unsupported for one of several values."""
        return self._filled(text, _refused)

    def _has_several(self, text: str) -> bool:
        used = (self._by_name.get(match[1]) for match in _USED.finditer(text))
        return any(one is not None and len(one.values) > 1 for one in used)

    def _filled(self, text: str, several: Callable[[str, tuple[str, ...]], str]) -> str:
        def fill(match: re.Match[str]) -> str:
            variable = self._by_name.get(match[1])
            if variable is None:
                raise Unsupported(f"${match[1]} is no template variable of this board")
            values, key = variable.values, variable.prefix
            if _EVERYTHING in values or not values:
                return _EVERYTHING
            if len(values) > 1 and key and not match[2]:
                return several(key, values)
            return values[0] if match[2] or not key else f"{key}:{values[0]}"

        return _USED.sub(fill, text)


def _in_words(scope: re.Match[str]) -> str:
    """A scope with words for its symbols, beside which no OR may stand."""
    return scope[0].replace(",", " AND ").replace("!", "NOT ")


def _refused(key: str, values: tuple[str, ...]) -> str:
    said = " or ".join(values)
    raise Unsupported(f"{key} of several values ({said}) is not drawn in a check: write one")


def _variable(given: Mapping[str, Any]) -> TemplateVariable:
    values = given.get("defaults")
    if not isinstance(values, list):
        values = [given["default"]] if given.get("default") else []
    return TemplateVariable(
        str(given.get("name")), str(given.get("prefix") or ""), tuple(map(str, values))
    )
