"""What lets a program in, and ends: the tokens of the API's callers, and the key to Lighthouse."""

from typing import Final, NamedTuple

from lightkeeper.config import api_tokens
from lightkeeper.config.api_tokens import WrongTokenFile
from lightkeeper.config.settings import Settings
from lightkeeper.domain.time import DAY, Instant

LIGHTHOUSE_KEY: Final = "lighthouse_key"
"""The key to Lighthouse among the accesses; no token can have a name like it."""
SOON_MS: Final = 30 * DAY
"""How long before its end an access is spoken of."""


class Expiry(NamedTuple):
    """A token or a key that has an end."""

    name: str
    ends: Instant

    def has_ended(self, now: Instant) -> bool:
        """Whether it lets no program in any more."""
        return self.ends <= now

    def ends_soon(self, now: Instant) -> bool:
        """Whether it has ended, or will within `SOON_MS`."""
        return self.ends - now <= SOON_MS


def of_key(settings: Settings) -> list[Expiry]:
    """The key to Lighthouse, where a setting says when it ends."""
    ends = settings.lighthouse_key_ends
    return [] if ends is None else [Expiry(LIGHTHOUSE_KEY, ends)]


def of_callers(settings: Settings) -> tuple[list[Expiry], list[str]]:
    """The tokens of the file that a setting names, the one that ends first at the beginning.

    And what is wrong with the file, or with lines of it.
    """
    if settings.api_tokens_file is None:
        return [], []
    try:
        tokens, problems = api_tokens.found(settings.api_tokens_file)
    except WrongTokenFile as exc:
        return [], [str(exc)]
    return sorted((Expiry(each.name, each.ends) for each in tokens), key=_end), problems


def _end(access: Expiry) -> Instant:
    return access.ends
