"""Who calls, and what its token allows. A refusal takes a while, so that guessing does too."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Final, NamedTuple

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from lightkeeper.config.api_tokens import BearerRefused, Refusal, Scope
from lightkeeper.web import queries
from lightkeeper.web.problems import HttpProblem
from lightkeeper.web.services import Web

REFUSED_AFTER_SECONDS: Final = 0.5
_ASK: Final = "ask those who run lightkeeper for one"
_ADVICE: Final = {
    Refusal.MALFORMED: "check that it was copied whole, or ",
    Refusal.OTHER_ENVIRONMENT: "use the one of this environment, or ",
}
_bearer = HTTPBearer(
    auto_error=False, description="A token that `lightkeeper token new` made, with its scopes."
)
_Given = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


class Caller(NamedTuple):
    """A system that uses the API, by the name of its token."""

    name: str


def needs(scope: Scope) -> Callable[..., Awaitable[Caller]]:
    """A dependency that gives the caller, and refuses one whose token lacks this scope.

    It refuses query names that the operation does not have as well.
    """

    async def caller(request: Request, web: Web, given: _Given) -> Caller:
        try:
            if given is None:
                raise _unauthorized(f"{_missing(request)}: send `Authorization: Bearer TOKEN`")
            try:
                token = web.tokens.find(given.credentials, web.clock())
            except BearerRefused as exc:
                raise _unauthorized(f"{exc}: {_ADVICE.get(exc.reason, '')}{_ASK}") from None
            if scope not in token.scopes:
                raise HttpProblem(
                    403,
                    f"the token {token.name} lacks the scope {scope}: use one that has it, or "
                    f"{_ASK}",
                )
        except HttpProblem:
            await asyncio.sleep(REFUSED_AFTER_SECONDS)
            raise
        queries.refuse_unknown(request)  # not before: who has no token is told that alone
        return Caller(token.name)

    return caller


def _missing(request: Request) -> str:
    given = request.headers.get("authorization", "")
    if not given or given.strip().lower() == "bearer":
        return "there is no token"
    return "the type of the header Authorization must be Bearer"


def _unauthorized(detail: str) -> HttpProblem:
    return HttpProblem(401, detail, headers={"WWW-Authenticate": "Bearer"})


Tracker = Annotated[Caller, Depends(needs(Scope.TRACK))]
Reader = Annotated[Caller, Depends(needs(Scope.READ))]
Follower = Annotated[Caller, Depends(needs(Scope.CHANGES))]
Staff = Annotated[Caller, Depends(needs(Scope.STAFF))]
