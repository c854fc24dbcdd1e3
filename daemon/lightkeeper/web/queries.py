"""The names in a query: one that the operation does not have is refused.

If it were ignored, a caller would be answered something that it did not ask. The refusal
names it by its place, and not as it was written: it may be a person's.
"""

import re
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Final

from starlette.requests import Request

from lightkeeper.web import problems

_OTHER_WORDS: Final = {
    "age": "max_age",
    "count": "limit",
    "cursor": "after",
    "form_526_submission_id": "submission",
    "go_on_after": "after",
    "page": "after",
    "page_size": "limit",
    "per_page": "limit",
    "since": "after",
    "size": "limit",
    "state": "status",
    "submission_id": "submission",
    "timeout": "wait",
    "type": "document_type",
}
"""What callers of other APIs write, and what it is called here."""
_MOST_NAMED: Final = 20


def refuse_unknown(request: Request) -> None:
    """Raise an `HttpProblem` where the query has a name that the description does not."""
    given = dict.fromkeys(request.query_params.keys())
    if not given:
        return
    path = request.scope["route"].path_format
    operation = request.app.openapi()["paths"][path][request.method.lower()]
    names = [each["name"] for each in operation.get("parameters", ()) if each["in"] == "query"]
    unknown = [(at, each) for at, each in enumerate(given) if each not in names][:_MOST_NAMED]
    if unknown:
        reasons = [(("query", at), _reason(each, names)) for at, each in unknown]
        raise problems.of_reasons(reasons)


def _reason(name: str, names: Sequence[str]) -> str:
    if not names:
        return "there is no such name here: remove it, this address takes no query"
    near = _nearest(name, names)
    meant = f"did you mean {near}? The" if near else "remove it; the"
    return f"there is no such name here: {meant} names are {', '.join(names)}"


def _nearest(name: str, names: Sequence[str]) -> str | None:
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[\s-]+", "_", name[:60].strip(" []")).lower()
    close = get_close_matches(snake, names, n=1, cutoff=0.75)
    other = _OTHER_WORDS.get(snake)
    return close[0] if close else other if other in names else None
