"""The API's tokens for people: as a table, and as plain data for JSON."""

from collections.abc import Sequence
from typing import Any, Final

from lightkeeper.casework import personal
from lightkeeper.casework.text import iso, lasting
from lightkeeper.config import api_tokens
from lightkeeper.config.api_tokens import Scope, Token
from lightkeeper.domain.errors import ExitStatus, LightkeeperError
from lightkeeper.domain.time import DAY, Instant

_ROW: Final = "{:<42}{:<28}{:<16}{:<22}{}".format


class WrongTokenName(LightkeeperError):
    """A token cannot have this name."""

    exit_status = ExitStatus.USAGE


def make(
    path: str, name: str, scopes: frozenset[Scope], environment: str, days: int, now: Instant
) -> tuple[Token, str]:
    """Make a token, and add it to the file at `path`; with its bearer, which is nowhere else.

    Raises `WrongTokenName`, and what `api_tokens.add` raises.
    """
    if problem := personal.in_text(name):
        raise WrongTokenName(f"NAME: a part of it is {problem}: name the caller, not a person")
    try:
        token, bearer = api_tokens.made(name, scopes, environment, now, now + days * DAY)
    except ValueError as exc:
        raise WrongTokenName(f"NAME: {exc}") from exc
    api_tokens.add(path, token)
    return token, bearer


def table(tokens: Sequence[Token], now: Instant) -> list[str]:
    """Tokens as lines for a person, the one that ends first at the beginning."""
    if not tokens:
        return ["no token"]
    lines = [_ROW("name", "scopes", "environment", "ends", "").rstrip()]
    for each in tokens:
        environment = each.environment if _has_environment(each) else "no environment"
        cells = (each.name, scopes_of(each), environment, iso(each.ends))
        # A value as wide as its column would run into the next one.
        lines.append(_ROW(*(f"{cell} " for cell in cells), left(each, now)))
    return lines


def data(token: Token, now: Instant) -> dict[str, Any]:
    """A token as plain data for JSON."""
    return {
        "name": token.name,
        "scopes": sorted(token.scopes),
        "environment": token.environment,
        "created": iso(token.created),
        "ends": iso(token.ends),
        "state": "ended" if token.ends <= now else "in force",
    }


def place_of(token: Token) -> str:
    """Of which environment a token is, as words after its name."""
    return f"of {token.environment}" if _has_environment(token) else "without an environment"


def _has_environment(token: Token) -> bool:
    return token.environment != api_tokens.NO_ENVIRONMENT


def scopes_of(token: Token) -> str:
    """What a token allows, in one line."""
    return ", ".join(sorted(token.scopes))


def left(token: Token, now: Instant) -> str:
    """How long a token still lets its caller in."""
    return "ended" if token.ends <= now else f"in {lasting(token.ends - now)}"
