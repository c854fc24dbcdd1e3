"""What callers of the API are told of documents and submissions, as plain data for JSON.

The same as `lightkeeper show --json`, without the history, which the feed of changes has, and
without what Lighthouse and failed calls worded: answers are passed on. What staff noted, by name,
is for staff alone.
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

_WORDED_ELSEWHERE: Final = frozenset({"last_answer", "last_problem"})
_NOTED_BY_STAFF: Final = frozenset(
    {"acknowledged_by", "acknowledged_reason", "settled_by", "settled_reason"}
)


def document_answer(
    database: Database,
    request_id: int,
    now: Instant,
    policy: Policy = USUAL,
    stale: Container[int] | None = None,
    *,
    for_staff: bool = False,
) -> dict[str, Any] | None:
    """One document, with what its veteran may read; None where it is not tracked.

    `stale`: the request ids whose answers are older than the caller takes, if it says so.
    """
    row = Documents(database).find(request_id)
    if row is None:
        return None
    tries = tries_of(database, row)
    return {
        **_told(data_of(row, now, policy), stale, for_staff),
        "decided_by": decided_by(tries, row),
        **for_the_veteran(database, tries, now).data,
    }


def submission_answer(
    database: Database,
    submission_id: str,
    now: Instant,
    policy: Policy = USUAL,
    stale: Container[int] | None = None,
    *,
    for_staff: bool = False,
) -> dict[str, Any] | None:
    """All documents of a submission, with what its veteran may read; None where it has none.

    `stale` as for a document.
    """
    found = submission(database, submission_id, now, policy)
    if found is None:
        return None
    documents = []
    for each in found.data["documents"]:
        others = [_told(one, stale, for_staff) for one in each["other_tries"]]
        documents.append({**_told(each, stale, for_staff), "other_tries": others})
    expected = [told(each, for_staff=for_staff) for each in found.data["expected"]]
    return found.data | {"documents": documents, "expected": expected}


def told(data: dict[str, Any], *, for_staff: bool) -> dict[str, Any]:
    """The same, where what staff noted is None unless it is `for_staff`."""
    if for_staff:
        return data
    return {name: None if name in _NOTED_BY_STAFF else value for name, value in data.items()}


def _told(data: dict[str, Any], stale: Container[int] | None, for_staff: bool) -> dict[str, Any]:
    known = {name: value for name, value in data.items() if name not in _WORDED_ELSEWHERE}
    is_stale = None if stale is None else data["lighthouse_request_id"] in stale
    return told(known, for_staff=for_staff) | {"answer_is_stale": is_stale}
