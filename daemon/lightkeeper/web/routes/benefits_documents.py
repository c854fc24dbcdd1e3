"""Documents at Lighthouse's Benefits Documents API, each by its request id.

The upstream is in the path: another one has ids of its own.
"""

import re
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Path
from pydantic import BeforeValidator
from starlette.responses import Response

from lightkeeper.casework.answers import document_answer
from lightkeeper.store.wanted import Key
from lightkeeper.web import problems, schemas
from lightkeeper.web.auth import GuardedRoute, MayRead
from lightkeeper.web.fresh import MaxAge
from lightkeeper.web.problems import HttpProblem

MAX_REQUEST_ID: Final = 2**63 - 1


def _digits(text: str) -> str:
    if not re.fullmatch("-?[0-9]+", text):  # of "1.0", "+1" and "1_0" pydantic makes a number
        raise ValueError("must be a whole number")
    return text


RequestId = Annotated[
    int,
    BeforeValidator(_digits),
    Path(ge=0, le=MAX_REQUEST_ID, description="The requestId that Lighthouse returned."),
]
_NOT_TRACKED: Final = "This document is not tracked"

router = APIRouter(route_class=GuardedRoute, tags=["documents"])


@router.get(
    "/v1/benefits-documents/{request_id}",
    response_model=schemas.DocumentAnswer,
    responses=problems.documented(titles={404: _NOT_TRACKED}),
)
async def get_document(caller: MayRead, request_id: RequestId, max_age: MaxAge = None) -> Any:
    """Say where a document is, since when, and what its veteran may read. Scope: `read`."""
    web = caller.web
    stale = await web.fresh.poll(caller.name, Key.REQUEST_ID, [request_id], max_age)
    now = web.clock()
    found = await web.store.read(
        lambda database: document_answer(
            database, request_id, now, web.policy, stale, for_staff=caller.is_staff
        )
    )
    if found is None:
        detail = "this request id is not tracked here: check the id"
        raise HttpProblem(404, detail, title=_NOT_TRACKED)
    return Response(orjson.dumps(found), media_type="application/json")
