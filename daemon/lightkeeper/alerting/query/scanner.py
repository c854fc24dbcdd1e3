"""A scanner: reads patterns from a text, and names the place where it cannot."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from lightkeeper.alerting.query.syntax import QuerySyntaxError

_DEEPEST: Final = 50
_MOST_OPERATORS: Final = 100


class Reader:
    """The text and how far it was read; spaces and line breaks before a token are skipped."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self._depth = 0
        self._operators = 0

    def sees(self, pattern: str) -> bool:
        """Tell whether the pattern comes next."""
        return self._match(pattern) is not None

    def maybe(self, pattern: str) -> re.Match[str] | None:
        """Read the pattern if it comes next."""
        found = self._match(pattern)
        if found:
            self.at = found.end()
        return found

    def operator(self, pattern: str) -> re.Match[str] | None:
        """Read an operator if it comes next. Raises QuerySyntaxError where there are too many."""
        found = self.maybe(pattern)
        if found:
            self._operators += 1
            if self._operators > _MOST_OPERATORS:
                raise self.fault(f"no more than {_MOST_OPERATORS} operators")
        return found

    def take(self, pattern: str, expected: str) -> re.Match[str]:
        """Read the pattern, which has to come next."""
        found = self.maybe(pattern)
        if found is None:
            raise self.fault(expected)
        return found

    @contextmanager
    def inner(self) -> Iterator[None]:
        """Read what stands inside of something. Raises QuerySyntaxError where it goes too deep."""
        self._depth += 1
        if self._depth > _DEEPEST:
            raise self.fault(f"no more than {_DEEPEST} levels inside one another")
        yield
        self._depth -= 1

    def end(self) -> None:
        """Make sure that nothing is left."""
        if not self.sees(r"\Z"):
            raise self.fault("the end of the query")

    def fault(self, expected: str) -> QuerySyntaxError:
        """Say where reading stopped, and what should stand there."""
        at = self._skipped()
        found = f"`{self.text[at : at + 20]}`" if at < len(self.text) else "the end"
        return QuerySyntaxError(
            f"query: expected {expected} at position {at + 1}, found {found}, in `{self.text}`"
        )

    def _match(self, pattern: str) -> re.Match[str] | None:
        return re.compile(pattern).match(self.text, self._skipped())

    def _skipped(self) -> int:
        at = self.at
        while at < len(self.text) and self.text[at].isspace():
            at += 1
        return at
