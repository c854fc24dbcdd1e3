"""Who calls, and what its token allows: known before a byte of the body is read."""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Final, NamedTuple

from fastapi import Depends, Request
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from starlette.responses import Response

from lightkeeper.config.api_tokens import BearerRefused, Refusal, Scope
from lightkeeper.web import queries
from lightkeeper.web.problems import HttpProblem
from lightkeeper.web.services import Services

_ASK: Final = "ask those who run lightkeeper for one"
_ADVICE: Final = {
    Refusal.MALFORMED: "check that it was copied whole, or ",
    Refusal.OTHER_ENVIRONMENT: "use the one of this environment, or ",
}
_DESCRIPTION: Final = "A token that `lightkeeper token new` made, with its scopes."


class Caller(NamedTuple):
    """A system that uses the API, by the name of its token."""

    name: str
    is_staff: bool
    """Whether it is shown what staff noted and Lighthouse worded, besides what it asks for."""
    web: Services
    """What its call may use. A dependency of its own would cost each call 4 % more."""


class Needs(HTTPBearer):
    """A dependency that gives the caller, whose token has this scope: `GuardedRoute` saw to it."""

    def __init__(self, scope: Scope) -> None:
        super().__init__(scheme_name="HTTPBearer", description=_DESCRIPTION, auto_error=False)
        self.scope = scope

    async def __call__(self, request: Request) -> Caller:  # type: ignore[override]
        """Give the caller."""
        caller: Caller = request.state.caller
        return caller

    async def caller(self, request: Request) -> Caller:
        """Who calls; raises `HttpProblem` where the headers do not allow it."""
        given = await super().__call__(request)
        web: Services = request.app.state.services
        if given is None:
            raise _unauthorized(f"{_missing(request)}: send `Authorization: Bearer TOKEN`")
        try:
            token = web.tokens.find(given.credentials, web.clock())
        except BearerRefused as exc:
            raise _unauthorized(f"{exc}: {_ADVICE.get(exc.reason, '')}{_ASK}") from None
        if self.scope not in token.scopes:
            raise HttpProblem(
                403,
                f"the token {token.name} lacks the scope {self.scope}: use one that has it, "
                f"or {_ASK}",
            )
        return Caller(token.name, Scope.STAFF in token.scopes, web)


class GuardedRoute(APIRoute):
    """A route that refuses a caller by its headers, and reads and parses the body of others."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler, which parses the body first of all, behind the look at the token.

        It refuses wrong names in the query as well.
        """
        handler = super().get_route_handler()
        calls = [each.call for each in self.dependant.dependencies]
        needs = next(call for call in calls if isinstance(call, Needs))

        async def guarded(request: Request) -> Response:
            request.state.caller = await needs.caller(request)
            queries.refuse_wrong(request)  # not before: who has no token learns that alone
            if "POST" in (self.methods or ()):
                await request.body()  # FastAPI, which has it from there, would hide why it fails
            return await handler(request)

        return guarded


def _missing(request: Request) -> str:
    given = request.headers.get("authorization", "")
    if not given or given.strip().lower() == "bearer":
        return "there is no token"
    return "the type of the header Authorization must be Bearer"


def _unauthorized(detail: str) -> HttpProblem:
    return HttpProblem(401, detail, headers={"WWW-Authenticate": "Bearer"})


MayTrack = Annotated[Caller, Depends(Needs(Scope.TRACK))]
MayRead = Annotated[Caller, Depends(Needs(Scope.READ))]
MayFollow = Annotated[Caller, Depends(Needs(Scope.CHANGES))]
