"""`/healthz`: the process answers; `/readyz`: and what it answers can be trusted."""

from fastapi import APIRouter
from pydantic import BaseModel

from lightkeeper.domain.time import SECOND, Instant
from lightkeeper.store.database import Database, StoreForeign
from lightkeeper.web.fresh import is_lately
from lightkeeper.web.problems import HttpProblem
from lightkeeper.web.services import Web

router = APIRouter(tags=["health"])


class Healthy(BaseModel):
    """The process answers."""

    status: str = "ok"


class Ready(BaseModel):
    """The store can be read, has the right schema, and is watched by a daemon."""

    status: str = "ok"
    heartbeat_age_s: int
    """How many seconds ago the daemon wrote to the store."""


@router.get("/healthz")
async def healthz() -> Healthy:
    """Say that this process answers; nothing else is looked at."""
    return Healthy()


@router.get("/readyz")
async def readyz(web: Web) -> Ready:
    """Say that answers can be trusted; a 503 says what keeps them from it."""
    try:
        watched_at = await web.store.read(_watched_at)
    except StoreForeign:
        raise HttpProblem(
            503,
            "the store has a schema that this process does not know: install one version of "
            "lightkeeper for all, and restart this",
        ) from None
    if watched_at is None:
        raise HttpProblem(503, "no daemon has ever watched the store: start `lightkeeper run`")
    now = web.clock()
    age_s = max(0, now - watched_at) // SECOND
    if not is_lately(watched_at, now):
        if watched_at > now:
            raise HttpProblem(
                503,
                f"the daemon's last heartbeat is {(watched_at - now) // SECOND} s in the future, "
                "which does not show that it runs: correct the clocks of its host and of this one",
            )
        raise HttpProblem(
            503,
            f"the daemon's last heartbeat is {age_s} s old, and answers grow old with it: look "
            "at `lightkeeper run`",
            heartbeat_age_s=age_s,
        )
    return Ready(heartbeat_age_s=age_s)


def _watched_at(database: Database) -> Instant | None:
    database.refuse_older()
    return database.watched_at()
