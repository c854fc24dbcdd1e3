"""Which documents a submission should have, as the system that submits claims says.

What is expected and never tracked was lost before the watch began: on-call is paged an hour later.
"""

from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from lightkeeper.casework import expected
from lightkeeper.casework.answers import shown
from lightkeeper.casework.values import TYPE_NAMES, WrongDocument, submission_id_of
from lightkeeper.domain.expected import Expectation
from lightkeeper.store.database import Database
from lightkeeper.store.expected import ExpectedDocuments
from lightkeeper.web import problems, schemas
from lightkeeper.web.auth import GuardedRoute, MayTrack
from lightkeeper.web.problems import HttpProblem

MOST_ITEMS: Final = 100

router = APIRouter(route_class=GuardedRoute, tags=["documents"])


class ExpectedCount(BaseModel):
    """So many documents of one type."""

    model_config = ConfigDict(extra="forbid")

    # Checked by casework, so that a refusal has the words of `track`.
    document_type: Annotated[
        Any, Field(json_schema_extra={"type": "string", "enum": list(TYPE_NAMES)})
    ]
    count: Annotated[
        Any,
        Field(json_schema_extra={"type": "integer", "minimum": 0, "maximum": expected.MOST}),
    ]


class ExpectedBody(BaseModel):
    """How many documents of which type a submission should have; items of one type add up."""

    model_config = ConfigDict(extra="forbid")

    expected: list[ExpectedCount] = Field(min_length=1, max_length=MOST_ITEMS)


@router.post(
    "/v1/submissions/{submission_id}/expected",
    response_model=schemas.ExpectedAnswer,
    responses=problems.documented(404, 415),
)
async def expect_documents(
    caller: MayTrack, submission_id: Annotated[str, Path()], body: ExpectedBody
) -> Any:
    """Say how many documents of which type a submission should have. Scope: `track`.

    Documents that are tracked already count. Of a type that is said again the new number holds,
    and 0 takes it back; a type that is not named stays. The answer has all that is expected of
    the submission. Where an item is wrong, nothing is stored.
    """
    web = caller.web
    try:
        submission = submission_id_of(submission_id)
    except WrongDocument as exc:
        raise problems.of_reasons([(("path", "submission_id"), str(exc))]) from None
    counts, wrong = expected.counts_of((item.document_type, item.count) for item in body.expected)
    if wrong:
        errors = [
            {"where": f"body.expected.{at}", "reason": reason} for at, reason in wrong.items()
        ]
        first = errors[0]
        raise HttpProblem(422, f"{first['where']}: {first['reason']}", errors=errors)
    now = web.clock()

    def expect(database: Database) -> list[Expectation]:
        return ExpectedDocuments(database).expect(submission, counts, caller.name, now)

    within = web.policy.expected_within_ms
    found = [expected.data(each, now, within) for each in await web.store.write(expect)]
    content = {
        "form_526_submission_id": submission,
        "expected": [shown(each, for_staff=caller.is_staff) for each in found],
    }
    return Response(orjson.dumps(content), media_type="application/json")
