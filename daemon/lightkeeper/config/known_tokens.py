"""The API tokens that are known now: those of a file, which may change at any time."""

import re
import time
from collections.abc import Callable
from hmac import compare_digest
from typing import Final

from lightkeeper.config import api_tokens
from lightkeeper.config.api_tokens import (
    BearerRefused,
    Refusal,
    Token,
    TokenFileUnread,
    WrongTokenFile,
)
from lightkeeper.config.file_changes import FileChanges
from lightkeeper.domain.time import Instant

KEPT_SECONDS: Final = 60.0
"""For how long tokens count whose file cannot be read any more."""
_BEARER: Final = re.compile(r"lightkeeper_([a-z0-9_./-]{1,180})_[0-9a-f]{64}")


class Tokens:
    """The tokens of a file, read again once the file has changed.

    Raises `WrongTokenFile` for a file that is wrong at the start. Where a later one has a wrong
    line, its other lines count, and `problem` says what is wrong. Where it cannot be read, it is
    tried again at each look, and what was known counts for another minute; where it is not there,
    no token is known.
    """

    def __init__(
        self, path: str, environment: str, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._path, self._monotonic = path, monotonic
        self._unread_since: float | None = None
        self.environment = environment
        self._changes = FileChanges(path)
        self._changes.found()
        self._tokens = tuple(api_tokens.read(path))
        self.problem: str | None = None

    def find(self, bearer: str, now: Instant) -> Token:
        """The token that `bearer` is; raises `BearerRefused`.

        It takes as long whichever token fits.
        """
        self.look()
        found = _BEARER.fullmatch(bearer)
        if found is None:
            raise BearerRefused(Refusal.MALFORMED)
        if found[1] != self.environment:
            raise BearerRefused(Refusal.OTHER_ENVIRONMENT)
        digest = api_tokens.digest_of(bearer)
        fits = [token for token in self._tokens if compare_digest(token.sha256, digest)]
        # A line that was copied into the file of another environment opens nothing there.
        if not fits or fits[0].environment != self.environment:
            raise BearerRefused(Refusal.UNKNOWN)
        if fits[0].ends <= now:
            raise BearerRefused(Refusal.ENDED)
        return fits[0]

    def look(self) -> None:
        """Read the file, where it has changed or could not be read at the last look."""
        if not self._changes.found() and self._unread_since is None:
            return
        try:
            tokens, problems = api_tokens.found(self._path)
        except TokenFileUnread as exc:
            self.problem = str(exc)
            now = self._monotonic()
            self._unread_since = now if self._unread_since is None else self._unread_since
            if now - self._unread_since >= KEPT_SECONDS:
                self._tokens = ()
            return
        except WrongTokenFile as exc:
            tokens, problems = [], [str(exc)]
        self._unread_since = None
        self._tokens = tuple(tokens)
        self.problem = "\n".join(problems) or None
