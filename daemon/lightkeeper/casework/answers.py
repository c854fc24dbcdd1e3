"""What callers of the API are shown of documents and submissions, as plain data for JSON.

The same as `lightkeeper show --json`, without the history, which the feed of changes has, and
without whole answers and failed calls. What staff noted, by name, and what Lighthouse worded is
for staff alone: its free text may name persons.
"""

from collections.abc import Callable, Container, Mapping
from functools import partial
from typing import Any, Final

from lightkeeper.casework.lookup import (
    data_of,
    decided_by,
    for_the_veteran,
    submission,
    tries_of,
)
from lightkeeper.domain.answer import STEP_STATUSES
from lightkeeper.domain.document import Step
from lightkeeper.domain.policy import USUAL, Policy
from lightkeeper.domain.time import Instant
from lightkeeper.store.database import Database
from lightkeeper.store.documents import Documents
from lightkeeper.store.filters import OTHER

_WORDED_ELSEWHERE: Final = frozenset({"last_answer", "last_problem"})
_STEPS: Final = frozenset(map(str, Step))


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
        **_answered(data_of(row, now, policy), stale, for_staff),
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
        others = [_answered(one, stale, for_staff) for one in each["other_tries"]]
        documents.append({**_answered(each, stale, for_staff), "other_tries": others})
    expected = [shown(each, for_staff=for_staff) for each in found.data["expected"]]
    return found.data | {"documents": documents, "expected": expected}


def shown(data: dict[str, Any], *, for_staff: bool) -> dict[str, Any]:
    """The same; unless it is `for_staff` without what staff noted and what Lighthouse worded."""
    if for_staff:
        return data
    return {
        name: _FOR_ALL[name](value) if value is not None and name in _FOR_ALL else value
        for name, value in data.items()
    }


def shown_steps(steps: Mapping[str, str], *, for_staff: bool) -> dict[str, str]:
    """Statuses by step, where unknown words are `other` unless it is `for_staff`."""
    if for_staff:
        return dict(steps)
    return {
        shown_step(name, for_staff=False): word if word in STEP_STATUSES else OTHER
        for name, word in steps.items()
    }


def shown_step(name: str, *, for_staff: bool) -> str:
    """The name of a step: `other` where it is an unknown one, unless it is `for_staff`."""
    return name if for_staff or name in _STEPS else OTHER


def _withheld(_: Any) -> None:
    return None


_FOR_ALL: Final[Mapping[str, Callable[[Any], Any]]] = {
    "acknowledged_by": _withheld,
    "acknowledged_reason": _withheld,
    "settled_by": _withheld,
    "settled_reason": _withheld,
    "error_detail": _withheld,
    "last_call_failed": _withheld,
    "unknown_words": _withheld,
    "current_step": partial(shown_step, for_staff=False),
    "failed_step": partial(shown_step, for_staff=False),
    "steps": partial(shown_steps, for_staff=False),
}
"""What takes the place of a value for those who are no staff."""


def _answered(
    data: dict[str, Any], stale: Container[int] | None, for_staff: bool
) -> dict[str, Any]:
    known = {name: value for name, value in data.items() if name not in _WORDED_ELSEWHERE}
    is_stale = None if stale is None else data["lighthouse_request_id"] in stale
    return shown(known, for_staff=for_staff) | {"answer_is_stale": is_stale}
