"""The feed: what changed of all documents, for callers that do not ask about each."""

from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Query
from starlette.responses import Response

from lightkeeper.casework.changes import ChangesPage, CursorGone, Feed, WrongCursor
from lightkeeper.store.changes import Changes
from lightkeeper.web import problems, schemas
from lightkeeper.web.auth import GuardedRoute, MayFollow
from lightkeeper.web.problems import HttpProblem

LONGEST_WAIT_SECONDS: Final = 30
MOST_CHANGES: Final = 1_000
FeedCursor = Annotated[
    str | None,
    Query(
        description="The cursor of the last page; without it, or empty, from the first change on."
    ),
]
Limit = Annotated[int, Query(ge=1, le=MOST_CHANGES, description="How many changes at most.")]
Wait = Annotated[
    int,
    Query(
        ge=0,
        le=LONGEST_WAIT_SECONDS,
        description="How many seconds to wait for a change where there is none yet.",
    ),
]
_WRONG_CURSOR: Final = "This is not a cursor of this feed"

router = APIRouter(route_class=GuardedRoute, tags=["changes"])


@router.get(
    "/v1/changes",
    response_model=schemas.ChangesAnswer,
    responses=problems.documented(410, titles={400: _WRONG_CURSOR}),
)
async def get_changes(
    caller: MayFollow, after: FeedCursor = None, limit: Limit = 100, wait: Wait = 0
) -> Any:
    """Give the changes after a cursor, in the order of their commits. Scope: `changes`.

    Each is given at least once: keep the cursor only once the page is dealt with. A document has
    no change until its first answer differs from how it was tracked. Where an older copy of the
    store was restored, a 410 names the cursor to go on after, in `go_on_after`.
    """
    web = caller.web
    feed = Feed(web.tokens.environment)
    try:
        position = feed.position(after or None)

        async def page() -> ChangesPage:
            return await web.store.read_much(
                lambda database: feed.page(
                    Changes(database), position, limit, web.clock(), for_staff=caller.is_staff
                )
            )

        found = await page()
        if wait and not found.changes:
            await web.store.change_signal.after(position.id, wait)
            found = await page()
    except WrongCursor as exc:
        raise HttpProblem(400, str(exc), title=_WRONG_CURSOR) from None
    except CursorGone as exc:
        raise HttpProblem(410, str(exc), go_on_after=exc.go_on_after) from None
    return Response(orjson.dumps(found._asdict()), media_type="application/json")
