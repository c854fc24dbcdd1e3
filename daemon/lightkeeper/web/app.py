"""The application: routes, limits, and problems in place of errors."""

from typing import Any, Final

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from lightkeeper import __version__
from lightkeeper.domain.errors import LightkeeperError
from lightkeeper.web import bodies, problems
from lightkeeper.web.limits import Observe, RequestLimits
from lightkeeper.web.problems import HttpProblem
from lightkeeper.web.routes import (
    benefits_documents,
    changes,
    documents,
    expected,
    health,
    submissions,
)
from lightkeeper.web.services import Services

_OF_CALLERS: Final = (
    benefits_documents.router,
    documents.router,
    submissions.router,
    expected.router,
    changes.router,
)
ROUTERS: Final = (health.router, *_OF_CALLERS)
_ANYWHERE: Final = (405, 408, 413, 431, 500, 503)
"""What may be answered at every address, whatever it is."""
_DESCRIPTION: Final = """\
What lightkeeper knows of the documents of Form 526 claims that were handed to Lighthouse.

Every time is UTC. Every refusal is a problem (RFC 9457) that says what happens, then what to do. \
Each call but `/healthz`, `/readyz` and `/openapi.json` needs a bearer token with the scope that \
the operation names. With the scope `staff` besides, the answers also hold what staff noted, and \
by whom, and what Lighthouse worded, by which only staff may look for documents. A name in the \
query that the operation does not have, or that is given twice where it has one value, is refused.
"""

log = structlog.get_logger()


def build_app(services: Services, observe: Observe = lambda *_: None) -> Any:
    """The ASGI application, which calls `observe` for each answer."""
    app = described()
    app.state.services = services
    return RequestLimits(app, observe)


def described() -> FastAPI:
    """The routes alone, with the description that is published; they cannot be called yet."""
    app = FastAPI(
        title="lightkeeper",
        version=__version__,
        description=_DESCRIPTION,
        docs_url=None,  # its page loads from elsewhere
        redoc_url=None,
        generate_unique_id_function=_name,
        responses=problems.documented(*_ANYWHERE),
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # it tells of requests
    )
    app.include_router(health.router)
    for router in _OF_CALLERS:
        app.include_router(router, responses=problems.documented(401, 403, 422))
    for kind, handler in _HANDLERS.items():
        app.add_exception_handler(kind, handler)
    described_by_fastapi = app.openapi

    def openapi() -> dict[str, Any]:
        description = described_by_fastapi()
        schemas = description.setdefault("components", {}).setdefault("schemas", {})
        schemas["Problem"] = problems.SCHEMA
        return description

    app.openapi = openapi  # type: ignore[method-assign]  # as FastAPI's own documentation does
    return app


def _name(route: APIRoute) -> str:
    return route.name


async def _problem(_request: Request, exc: Exception) -> Response:
    assert isinstance(exc, HttpProblem)  # noqa: S101  # it is the handler of this kind alone
    return exc.response()


async def _invalid(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, RequestValidationError)  # noqa: S101
    kind = request.headers.get("content-type")
    return bodies.of_invalid(exc.errors(), exc.body, kind).response()


async def _http(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, HTTPException)  # noqa: S101
    if exc.status_code == 404:
        return HttpProblem(404, "no such address: /openapi.json has all").response()
    if exc.status_code == 405:
        allowed = ", ".join(_methods_at(request.url.path))
        headers = {"Allow": allowed}
        return HttpProblem(405, f"here these are done: {allowed}", headers=headers).response()
    return bodies.no_json(bodies.OBJECT).response()  # FastAPI's 400


def _methods_at(path: str) -> list[str]:
    """The methods of the first address that matches: what follows may be one with an id."""
    routes = [route for each in ROUTERS for route in each.routes if isinstance(route, APIRoute)]
    first = next((route.path for route in routes if route.path_regex.match(path)), None)
    return sorted({name for each in routes if each.path == first for name in each.methods or ()})


async def _unavailable(_request: Request, exc: Exception) -> Response:
    # Why is in the log alone: a caller can do nothing about the place of the store.
    log.warning("web.store.unavailable", reason=str(exc))
    return HttpProblem(503, "the store cannot be used now: repeat this later").response()


async def _mistake(_request: Request, exc: Exception) -> Response:
    return problems.of_mistake(exc).response()  # and `RequestLimits` logs it


_HANDLERS: Final = {
    Exception: _mistake,
    HttpProblem: _problem,
    RequestValidationError: _invalid,
    HTTPException: _http,
    LightkeeperError: _unavailable,
}
