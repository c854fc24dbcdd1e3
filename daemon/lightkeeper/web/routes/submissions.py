"""Submissions: all documents of each, and what its veteran may read."""

import asyncio
from collections.abc import Container
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from lightkeeper.casework.answers import submission_answer
from lightkeeper.domain.time import Instant
from lightkeeper.store.database import Database
from lightkeeper.store.documents import Documents
from lightkeeper.store.wanted import Key
from lightkeeper.web import problems, schemas
from lightkeeper.web.auth import Caller, GuardedRoute, MayRead
from lightkeeper.web.fresh import MaxAge
from lightkeeper.web.problems import HttpProblem

MOST_ASKED: Final = 100
SubmissionId = Annotated[str, Path(description="The id of the Form 526 submission.")]
_FEW: Final = 20
"""How many documents are read at once, while every other caller waits."""
_MOST_BYTES: Final = 8 * 2**20
"""Of several submissions in one answer: some 10,000 documents."""
_NONE: Final = orjson.dumps(None)
_UNKNOWN: Final = "This submission is not known"

router = APIRouter(route_class=GuardedRoute, tags=["submissions"])


class SubmissionsQuery(BaseModel):
    """The submissions that a caller asks about."""

    model_config = ConfigDict(extra="forbid")

    submissions: list[str] = Field(min_length=1, max_length=MOST_ASKED)


# Before the route with an id: a 405 names the methods of the first address that matches.
@router.post(
    "/v1/submissions/query",
    response_model=schemas.SubmissionsAnswer,
    responses=problems.documented(415),
)
async def query_submissions(
    caller: MayRead, asked: SubmissionsQuery, max_age: MaxAge = None
) -> Any:
    """Say the same of up to 100 submissions, in the order asked; null for one without a document.

    An answer of more than 8 MiB is refused, unless it is of one submission. Scope: `read`.
    """
    web = caller.web
    stale = await web.fresh.poll(caller.name, Key.SUBMISSION_ID, asked.submissions, max_age)
    now = web.clock()
    found, size = [], 0
    for submission_id in asked.submissions:
        found.append(await _found(caller, submission_id, now, stale))
        size += len(found[-1])
        if size > _MOST_BYTES and len(asked.submissions) > 1:
            detail = "the answer would have more than 8 MiB: ask for fewer submissions at once"
            raise HttpProblem(422, detail, title="The answer is too large")
        await asyncio.sleep(0)  # others are answered in between
    content = b'{"submissions":[' + b",".join(found) + b"]}"
    return Response(content, media_type="application/json")


@router.get(
    "/v1/submissions/{submission_id}",
    response_model=schemas.SubmissionAnswer,
    responses=problems.documented(titles={404: _UNKNOWN}),
)
async def get_submission(
    caller: MayRead, submission_id: SubmissionId, max_age: MaxAge = None
) -> Any:
    """Say where a submission's documents are, and what its veteran may read. Scope: `read`."""
    web = caller.web
    stale = await web.fresh.poll(caller.name, Key.SUBMISSION_ID, [submission_id], max_age)
    found = await _found(caller, submission_id, web.clock(), stale)
    if found == _NONE:
        detail = "nothing of this submission is tracked or expected: check the id"
        raise HttpProblem(404, detail, title=_UNKNOWN)
    return Response(found, media_type="application/json")


async def _found(
    caller: Caller,
    submission_id: str,
    now: Instant,
    stale: Container[int] | None,
) -> bytes:
    """The answer as JSON; of a submission with many documents it is made in a thread."""
    web = caller.web
    if not submission_id.isprintable():  # none is tracked, and PostgreSQL takes no NUL
        return _NONE

    def found(database: Database) -> bytes:
        answer = submission_answer(
            database, submission_id, now, web.policy, stale, for_staff=caller.is_staff
        )
        return orjson.dumps(answer)

    def found_if_few(database: Database) -> bytes | None:
        count = Documents(database).count_of_submission(submission_id)
        return found(database) if count <= _FEW else None

    answer = await web.store.read(found_if_few)
    return await web.store.read_much(found) if answer is None else answer
