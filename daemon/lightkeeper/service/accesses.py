"""When the tokens of callers and the key to Lighthouse end: for the gauges, and for `check`."""

from collections.abc import Callable, Sequence

import structlog

from lightkeeper.casework.text import iso, lasting
from lightkeeper.config import accesses, plain_files
from lightkeeper.config.accesses import Expiry
from lightkeeper.config.settings import Settings
from lightkeeper.domain.time import Instant

log = structlog.get_logger()


def watched(settings: Settings) -> Callable[[], list[Expiry]]:
    """What finds the accesses of these settings, with the file of tokens as it is then.

    A file or a line that cannot be read is logged, and the others are found.
    """

    def found() -> list[Expiry]:
        callers, problems = accesses.of_callers(settings)
        if problems:
            log.warning("accesses.tokens.unread", reason=problems[0], problems=len(problems))
        elif settings.api_tokens_file is not None:
            log.info("accesses.tokens.read")
        return [*accesses.of_key(settings), *callers]

    return found


def key_checked(settings: Settings, now: Instant) -> tuple[bool, str]:
    """Whether the key to Lighthouse has not ended, and what to say of its end."""
    remedy = "register a new one with VA, and set LIGHTKEEPER_LIGHTHOUSE_KEY_ENDS to its end"
    return _checked(accesses.of_key(settings), now, remedy)


def callers_checked(settings: Settings, now: Instant) -> tuple[bool, str]:
    """Whether the file of tokens can be used and none has ended, and what to say of it."""
    callers, problems = accesses.of_callers(settings)
    exposed = plain_files.exposed(settings.api_tokens_file or "")
    problems += [exposed] if exposed else []
    remedy = "make another with `lightkeeper token new`, and revoke the old one"
    fine, said = _checked(callers, now, remedy) if callers else (True, "no token")
    return fine and not problems, "; ".join([*problems, said])


def _checked(found: Sequence[Expiry], now: Instant, remedy: str) -> tuple[bool, str]:
    said = [_said(each, now) for each in found]
    if any(each.ends_soon(now) for each in found):
        said.append(remedy)
    return not any(each.has_ended(now) for each in found), "; ".join(said)


def _said(access: Expiry, now: Instant) -> str:
    if access.has_ended(now):
        return f"{access.name} ended at {iso(access.ends)}"
    soon = "warning: " if access.ends_soon(now) else ""
    return f"{soon}{access.name} ends in {lasting(access.ends - now)}"
