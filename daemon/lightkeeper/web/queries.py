"""The names in a query: one that the operation does not have is refused, or that is given twice.

If it were ignored, a caller would be answered something that it did not ask. The refusal
names an unknown one by its place, and not as it was written: it may be a person's.
"""

import re
from collections import Counter
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


def refuse_wrong(request: Request) -> None:
    """Raise an `HttpProblem` for a name that the description lacks, or has for one value alone."""
    given = Counter(name for name, _ in request.query_params.multi_items())
    if not given:
        return
    path = request.scope["route"].path_format
    operation = request.app.openapi()["paths"][path][request.method.lower()]
    schemas = {
        each["name"]: each["schema"]
        for each in operation.get("parameters", ())
        if each["in"] == "query"
    }
    names = list(schemas)
    wrong: list[tuple[tuple[str, str | int], str]] = []
    for at, (name, count) in enumerate(given.items()):
        if name not in schemas:
            wrong.append((("query", at), _reason(name, names)))
        elif count > 1 and schemas[name].get("type") != "array":
            wrong.append((("query", name), "is given more than once: give one value"))
    if wrong:
        raise problems.of_reasons(wrong[:_MOST_NAMED])


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
