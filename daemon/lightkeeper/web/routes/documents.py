"""Documents of every upstream: tracked, and listed by what `lightkeeper list` filters by."""

import re
from typing import Annotated, Any, Final, Literal

import orjson
from fastapi import APIRouter, Query
from pydantic import BaseModel, BeforeValidator, Field, WithJsonSchema
from starlette.requests import Request
from starlette.responses import Response

from lightkeeper.casework import filters, listing
from lightkeeper.casework.answers import shown
from lightkeeper.casework.filters import Asked, WrongFilter
from lightkeeper.casework.intake import BATCH, Items, track_items
from lightkeeper.domain.document import CONDITION_WORDS, DocumentType, LighthouseStatus
from lightkeeper.domain.time import Instant
from lightkeeper.store.database import Database
from lightkeeper.store.documents import Documents
from lightkeeper.store.errors import TookTooLong
from lightkeeper.store.filters import Listing
from lightkeeper.web import bodies, cursors, problems, schemas
from lightkeeper.web.auth import Caller, GuardedRoute, MayRead, MayTrack
from lightkeeper.web.problems import HttpProblem

MOST_LISTED: Final = 1_000
MOST_VALUES: Final = 20
"""Of one filter: each word is looked for in every document."""
_OPTION: Final = re.compile(r"--([a-z-]+)")
_TOO_LONG: Final = (
    "the documents were not found in time: ask for fewer (a later `tracked_since`, a "
    "`condition`), or repeat this later, when fewer lists are asked for"
)
_WORDED: Final = (
    "the filter `word` needs the scope staff, for Lighthouse's words may be of a person: use a "
    "token that has it, or leave `word` out"
)
_WANTED: Final = "a JSON object, or an array of them, as /openapi.json describes them"

router = APIRouter(route_class=GuardedRoute, tags=["documents"])


@router.post(
    "/v1/documents",
    response_model=schemas.TrackedAnswer,
    status_code=201,
    responses=problems.documented(409, 415)
    | {200: {"model": schemas.TrackedAnswer, "description": "All of them are known already."}},
    openapi_extra={"requestBody": schemas.DOCUMENTS_TO_TRACK},
)
async def track_documents(caller: MayTrack, request: Request) -> Any:
    """Track one document, or up to 1,000 in an array, by the rules of `lightkeeper track`.

    To send the same again changes nothing. Every good item is stored, also where others are
    refused: then the problem's `rejected` names each of those by its place, its `item`, counted
    from 0, and the status is 409 if a request id is tracked already for another document, else
    422.
    Scope: `track`.
    """
    web = caller.web
    items = _items(request.headers.get("content-type"), await request.body())
    now = web.clock()
    found = await web.store.write(
        lambda database: track_items(Documents(database), items, caller.name, now)
    )
    if found.rejected:
        raise _rejection(found, len(items))
    answer = {"tracked": found.new, "known": found.known}
    return Response(orjson.dumps(answer), 201 if found.new else 200, None, "application/json")


def _items(content_type: str | None, body: bytes) -> list[Any]:
    if not body:
        raise bodies.empty(_WANTED)
    bodies.refuse_unless_json(content_type)
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError as exc:
        raise bodies.no_json(_WANTED, exc.pos) from None
    items = given if isinstance(given, list) else [given]
    if not items:
        raise HttpProblem(422, "the array is empty: send at least one document")
    if len(items) > BATCH:
        raise HttpProblem(422, f"the array has {len(items):,} items: send {BATCH:,} at most")
    return items


def _rejection(found: Items, count: int) -> HttpProblem:
    is_conflict = any(each.is_conflict for each in found.rejected)
    first = next((each for each in found.rejected if each.is_conflict), found.rejected[0])
    if count == 1:
        title, detail = "The document is not tracked", first.reason
    else:
        title = "Some documents are not tracked"
        others = "the others are stored" if found.new or found.known else "none is stored"
        detail = (
            f"{len(found.rejected):,} of {count:,} documents are rejected, {others}: correct what "
            f"`rejected` names, and send that again; item {first.item} (counted from 0): "
            f"{first.reason}"
        )
    return HttpProblem(
        409 if is_conflict else 422,
        detail,
        title=None if is_conflict else title,
        tracked=found.new,
        known=found.known,
        rejected=[each._asdict() for each in found.rejected],
    )


TimeBound = Annotated[
    str | None,
    Field(
        description="A time, a date (its whole day, UTC), or an age such as 7d.",
        json_schema_extra={"format": "date-time"},
    ),
]


Cursor = Annotated[
    str | None,
    BeforeValidator(cursors.checked),
    WithJsonSchema({"type": "string", "pattern": cursors.PATTERN}),
]


class ListFilter(BaseModel):
    """The filters of `lightkeeper list` under the names of its options, and which page."""

    status: list[LighthouseStatus] = Field([], max_length=MOST_VALUES)
    step: list[str] = Field(
        [], max_length=MOST_VALUES, description="At which they are, or failed; or `other`."
    )
    document_type: list[DocumentType] = Field([], max_length=MOST_VALUES)
    condition: list[Literal[*CONDITION_WORDS]] = Field(  # type: ignore[valid-type]
        [],
        max_length=MOST_VALUES,
        description="As `lightkeeper status` counts: overdue is stuck and slow as well.",
    )
    but_not: list[Literal[*CONDITION_WORDS]] = Field(  # type: ignore[valid-type]
        [], alias="except", max_length=MOST_VALUES, description="None that is counted so."
    )
    word: list[str] = Field(
        [],
        max_length=MOST_VALUES,
        description="Of which Lighthouse uses this word. Scope: `staff`.",
    )
    submission: list[str] = Field([], max_length=MOST_VALUES)
    failed_since: TimeBound = None
    failed_until: TimeBound = None
    tracked_since: TimeBound = None
    tracked_until: TimeBound = None
    unobserved: bool = False
    unsettled: bool = False
    after: Cursor = Field(
        None, description="The cursor of the last page; empty as without it, the first page."
    )
    limit: int = Field(100, ge=1, le=MOST_LISTED)


@router.get(
    "/v1/documents",
    response_model=schemas.ListAnswer,
)
async def list_documents(caller: MayRead, wanted: Annotated[ListFilter, Query()]) -> Any:
    """List the documents that match every filter, in the order they were tracked. Scope: `read`.

    A filter that is given twice allows both values; 20 values are allowed at most. To go on, ask
    the same with `after`, as long as `has_more` is true.
    """
    if wanted.word and not caller.is_staff:
        raise HttpProblem(403, _WORDED)
    web = caller.web
    now = web.clock()
    after_id = cursors.read(wanted.after) if wanted.after else None
    asked = Asked(**wanted.model_dump(include=set(Asked._fields)))
    try:
        page = await web.store.scan(
            lambda database: _page(caller, database, asked, after_id, wanted.limit, now)
        )
    except WrongFilter as exc:
        named = _OPTION.sub(lambda found: found[1].replace("-", "_"), exc.unnamed)
        raise HttpProblem(422, named) from None
    except TookTooLong:
        raise HttpProblem(503, _TOO_LONG) from None
    last = page.next_after_id
    answer = {
        "documents": [shown(each, for_staff=caller.is_staff) for each in page.documents],
        "cursor": cursors.written(last) if last is not None else None,
        "has_more": last is not None,
    }
    return Response(orjson.dumps(answer), media_type="application/json")


def _page(
    caller: Caller,
    database: Database,
    asked: Asked,
    after_id: int | None,
    limit: int,
    now: Instant,
) -> listing.ListedPage:
    reader, policy = Listing(database), caller.web.policy
    chosen = filters.filter_of(asked, reader, policy, now, for_staff=caller.is_staff)
    return listing.page(reader, chosen._replace(after_id=after_id), limit, now, policy)
