"""What callers of the API are told of documents and submissions, as plain data for JSON.

The same as `lightkeeper show --json`, without the history, which the feed of changes has, and
without what Lighthouse and failed calls worded: answers are passed on.
"""

from collections.abc import Container
from typing import Any, Final

from lightkeeper.casework.lookup import (
    data_of,
    decided_by,
    for_the_veteran,
    submission,
    tries_of,
)
from lightkeeper.domain.policy import USUAL, Policy
from lightkeeper.domain.time import Instant
from lightkeeper.store.database import Database
from lightkeeper.store.documents import Documents
from lightkeeper.store.outbox import Outbox

_WORDED_ELSEWHERE: Final = frozenset({"last_answer", "last_problem"})


def document_answer(
    database: Database,
    request_id: int,
    now: Instant,
    policy: Policy = USUAL,
    stale: Container[int] | None = None,
) -> dict[str, Any] | None:
    """One document, with what its veteran may read; None where it is not tracked.

    `stale`: the request ids whose answers are older than the caller takes, if it says so.
    """
    row = Documents(database).find(request_id)
    if row is None:
        return None
    tries = tries_of(database, row)
    return {
        **_told(data_of(row, Outbox(database).moved_at(row.id), now, policy), stale),
        "decided_by": decided_by(tries, row),
        **for_the_veteran(database, tries, now).data,
    }


def submission_answer(
    database: Database,
    submission_id: str,
    now: Instant,
    policy: Policy = USUAL,
    stale: Container[int] | None = None,
) -> dict[str, Any] | None:
    """All documents of a submission, with what its veteran may read; None where it has none.

    `stale` as for a document.
    """
    found = submission(database, submission_id, now, policy)
    if found is None:
        return None
    documents = [
        {**_told(each, stale), "other_tries": [_told(one, stale) for one in each["other_tries"]]}
        for each in found.data["documents"]
    ]
    return found.data | {"documents": documents}


def _told(data: dict[str, Any], stale: Container[int] | None) -> dict[str, Any]:
    told = {name: value for name, value in data.items() if name not in _WORDED_ELSEWHERE}
    is_stale = None if stale is None else data["lighthouse_request_id"] in stale
    return told | {"answer_is_stale": is_stale}
