"""The file of API tokens: which callers the API knows, what each may do, and until when.

JSON Lines, a token a line. A token itself is never stored: the file has its SHA-256, which is as
good as the token's 256 random bits. A bearer reads `lightkeeper_ENVIRONMENT_SECRET`.
"""

import json
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from typing import Any, Final, NamedTuple

from lightkeeper.config import plain_files, rewriting
from lightkeeper.domain.errors import ExitStatus, LightkeeperError
from lightkeeper.domain.time import SECOND, Instant

NO_ENVIRONMENT: Final = "none"
"""The environment of tokens where DD_ENV names none, as Datadog calls it."""
NAME_RULE: Final = "at most 40 of a-z, 0-9 and -, a letter first, no five digits in a row"
_NAME: Final = re.compile(r"(?!.*[0-9]{5})[a-z][a-z0-9-]{0,39}")
_ENVIRONMENT: Final = re.compile(r"[a-z0-9_./-]{1,180}")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


class Scope(StrEnum):
    """What a token allows."""

    TRACK = "track"
    READ = "read"
    CHANGES = "changes"
    STAFF = "staff"
    """Besides another scope: answers then hold what staff noted and what Lighthouse worded."""


class Token(NamedTuple):
    """A token as the file has it: all but the token itself."""

    name: str
    scopes: frozenset[Scope]
    environment: str
    sha256: str
    created: Instant
    ends: Instant


class WrongTokenFile(LightkeeperError):
    """The file of tokens cannot be used; the message names the file, its line and the reason."""

    exit_status = ExitStatus.CONFIG


class TokenFileUnread(WrongTokenFile):
    """The file of tokens is there, most likely, and cannot be read now."""


class NameTaken(LightkeeperError):
    """The file has a token of that name already."""

    exit_status = ExitStatus.IN_THE_WAY


class NameUnknown(LightkeeperError):
    """The file has no token of that name."""

    exit_status = ExitStatus.BAD_DATA


class TokenFileUnchanged(LightkeeperError):
    """The file of tokens cannot be written; it is as it was."""

    exit_status = ExitStatus.IO_ERROR


class Refusal(StrEnum):
    """Why a bearer is refused; the value is the rest of the sentence "the token …"."""

    MALFORMED = "is none of lightkeeper's, or was cut"
    OTHER_ENVIRONMENT = "is of another environment"
    UNKNOWN = "is not known: it was revoked, or never made"
    ENDED = "has ended"


class BearerRefused(LightkeeperError):
    """No token of the file fits a bearer; `reason` says why, and nothing repeats the bearer."""

    exit_status = ExitStatus.NO

    def __init__(self, reason: Refusal) -> None:
        self.reason = reason
        super().__init__(f"the token {reason}")


def digest_of(bearer: str) -> str:
    """What the file has of a token."""
    return sha256(bearer.encode()).hexdigest()


def made(
    name: str, scopes: frozenset[Scope], environment: str, now: Instant, ends: Instant
) -> tuple[Token, str]:
    """A new token, and its bearer. Raises ValueError for a wrong name."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"the name of a token is {NAME_RULE}")
    bearer = f"lightkeeper_{environment}_{token_hex(32)}"
    return Token(name, scopes, environment, digest_of(bearer), now, ends), bearer


def read(path: str) -> list[Token]:
    """The tokens of the file at `path`; raises `WrongTokenFile` naming each line that is wrong."""
    tokens, problems = found(path)
    if problems:
        raise WrongTokenFile("\n".join(problems))
    return tokens


def found(path: str) -> tuple[list[Token], list[str]]:
    """What `parse` finds in the file; raises `WrongTokenFile` where it cannot be read."""
    return parse(_text(path), path)


def parse(text: str, path: str) -> tuple[list[Token], list[str]]:
    """The tokens of a file's good lines, and what is wrong with the others.

    Of a wrong line nothing is repeated: it may hold a token that was pasted there.
    """
    tokens: list[Token] = []
    problems: list[str] = []
    names: dict[str, int] = {}
    for at, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            token = _token(line)
            if (first := names.setdefault(token.name, at)) != at:
                raise ValueError(f"the name is that of line {first}")
        except ValueError as exc:
            problems.append(f"{path}: line {at}: {exc}: repair or remove the line")
        else:
            tokens.append(token)
    return tokens, problems


def add(path: str, token: Token) -> None:
    """Add a token to the file, which is made if there is none.

    Raises `WrongTokenFile`, `NameTaken` and `TokenFileUnchanged`: the file is as it was.
    """

    def added(text: str) -> str:
        tokens, problems = parse(text, path)
        if problems:
            raise WrongTokenFile("\n".join(problems))
        if any(each.name == token.name for each in tokens):
            raise NameTaken(
                f"{path} has a token {token.name} already: revoke it first, or choose another "
                "name, so that both are known until the caller uses the new one"
            )
        lines = [line for line in text.split("\n") if line]
        return "\n".join([*lines, _line(token), ""])

    _changed(path, added)


def remove(path: str, name: str) -> None:
    """Remove the token of that name, and nothing else.

    Lines that are wrong stay as they are: what is wrong elsewhere keeps no token alive. Raises
    `NameUnknown`, `WrongTokenFile` where there is no file, and `TokenFileUnchanged`.
    """

    _text(path)  # a file that is not there is not made

    def removed(text: str) -> str:
        lines = text.split("\n")
        kept = [line for line in lines if _name(line) != name]
        if kept == lines:
            raise NameUnknown(
                f"{path} has no token of that name: `lightkeeper token list` names all"
            )
        return "\n".join(kept)

    _changed(path, removed)


def _name(line: str) -> str | None:
    try:
        return _token(line).name
    except ValueError:
        return None


def _token(line: str) -> Token:
    """The token of a line; raises ValueError, which says what is wrong with it."""
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        raise ValueError("is no JSON object")
    if missing := [name for name in Token._fields if name not in fields]:
        raise ValueError(f"{missing[0]} is missing")
    if len(fields) > len(Token._fields):
        raise ValueError(f"a field is none of {', '.join(Token._fields)}")
    return Token(
        _matched(fields, "name", _NAME, NAME_RULE),
        _scopes(fields["scopes"]),
        _matched(fields, "environment", _ENVIRONMENT, "a tag value of Datadog's"),
        _matched(fields, "sha256", _DIGEST, "64 hexadecimal digits"),
        _instant(fields, "created"),
        _instant(fields, "ends"),
    )


def _matched(fields: dict[str, Any], name: str, pattern: re.Pattern[str], rule: str) -> str:
    value = fields[name]
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise ValueError(f"{name} must be {rule}")
    return value


def _scopes(value: Any) -> frozenset[Scope]:
    known = {str(scope): scope for scope in Scope}
    if isinstance(value, list) and value and all(isinstance(each, str) for each in value):
        with suppress(KeyError):
            return frozenset(known[each] for each in value)
    raise ValueError(f"scopes must be a list of {', '.join(known)}")


def _instant(fields: dict[str, Any], name: str) -> Instant:
    with suppress(ValueError, TypeError, OverflowError):
        moment = datetime.fromisoformat(fields[name])
        if moment.tzinfo is not None:
            return round(moment.timestamp()) * SECOND
    raise ValueError(f"{name} must be a time such as 2027-03-01T00:00:00Z")


def _line(token: Token) -> str:
    fields = token._asdict() | {
        "scopes": sorted(token.scopes),
        "created": _written(token.created),
        "ends": _written(token.ends),
    }
    return json.dumps(fields)


def _written(at: Instant) -> str:
    return datetime.fromtimestamp(at // SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _text(path: str) -> str:
    try:
        return plain_files.read_text(path)
    except FileNotFoundError as exc:
        raise WrongTokenFile(f"{path}: no such file: `lightkeeper token new` makes it") from exc
    except OSError as exc:
        raise TokenFileUnread(f"cannot read {path}: {exc.strerror}") from exc
    except ValueError as exc:
        raise WrongTokenFile(f"cannot read {path}: not text") from exc


def _changed(path: str, change: Callable[[str], str]) -> None:
    try:
        rewriting.rewrite(Path(path), change)
    except UnicodeDecodeError as exc:
        raise WrongTokenFile(f"cannot read {path}: not text") from exc
    except OSError as exc:
        raise TokenFileUnchanged(
            f"cannot write {path}: {exc.strerror} (check its folder and its rights)"
        ) from exc
