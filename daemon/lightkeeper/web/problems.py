"""How the API says no: problem details (RFC 9457), in which nothing of a request is repeated."""

import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import orjson
from starlette.responses import Response

MEDIA_TYPE: Final = "application/problem+json"
RETRY_AFTER_SECONDS: Final = 5
_TITLES: Final = {
    400: "The request cannot be read",
    401: "The token is missing or refused",
    403: "The token does not allow this",
    404: "There is no such address",
    405: "This is not done at this address",
    408: "The request took too long to arrive",
    409: "A request id is tracked already for another document",
    410: "The store does not hold the change that the cursor names any more",
    413: "The body is too large",
    415: "The body is not sent as JSON",
    422: "The request is not understood",
    431: "The headers are too large",
    500: "The API made a mistake",
    503: "The API cannot answer now",
}
_REASONS: Final = {
    "bool_parsing": "must be true or false",
    "extra_forbidden": "there is no such name here: remove it",
    "greater_than_equal": "must be at least {ge}",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "json_invalid": "is no JSON",
    "less_than_equal": "must be at most {le}",
    "list_type": "must be a list",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "missing": "is missing",
    "string_pattern_mismatch": "must match {pattern}",
    "string_type": "must be text",
    "too_long": "must have at most {max_length} {items}: send the others in another call",
    "too_short": "must have at least {min_length}: the list of {items} is empty",
}
"""Our words for pydantic's errors, by its type of error."""
_ITEMS: Final = {"submissions": "ids"}
"""What a list holds, by its name; else items."""
_COUNT: Final = {"type": "integer", "minimum": 0}
SCHEMA: Final = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "const": "about:blank"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What happens, then what to do."},
        "errors": {
            "description": "Of a 422: each place that is wrong, 20 at most.",
            "type": "array",
            "items": {
                "type": "object",
                "required": ["where", "reason"],
                "properties": {
                    "where": {
                        "type": "string",
                        "description": "Such as `query.limit`, or `body.expected.0` for the "
                        "first item. A field or name that is not known is a place as well: "
                        "`query.1` is the second name of the query.",
                    },
                    "reason": {"type": "string"},
                },
            },
        },
        "tracked": _COUNT | {"description": "Where documents are rejected: how many are new."},
        "known": _COUNT | {"description": "Where documents are rejected: how many were tracked."},
        "rejected": {
            "description": "Each document that is rejected.",
            "type": "array",
            "items": {
                "type": "object",
                "required": ["item", "lighthouse_request_id", "is_conflict", "reason"],
                "properties": {
                    "item": _COUNT | {"description": "Its place, counted from 0."},
                    "lighthouse_request_id": {
                        "type": ["integer", "null"],
                        "description": "Of a conflict; else null.",
                    },
                    "is_conflict": {
                        "type": "boolean",
                        "description": "Whether its request id is tracked for another document.",
                    },
                    "reason": {"type": "string"},
                },
            },
        },
        "go_on_after": {"type": "string", "description": "Of a 410: the cursor to go on after."},
        "heartbeat_age_s": _COUNT
        | {"description": "Of `/readyz`: how many seconds ago the daemon wrote to the store."},
    },
}
"""The schema of a problem, with all the members that one may have."""


class HttpProblem(Exception):
    """A request is refused: `detail` says what happens, then what to do.

    `title` is in place of the usual one of the status; `more` are further members of the answer.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        title: str | None = None,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.more = status, detail, more
        self.title = title or _TITLES.get(status, _TITLES[400])
        self.headers = dict(headers or {})

    def content(self) -> dict[str, Any]:
        """The members of the answer."""
        first = {"type": "about:blank", "title": self.title, "status": self.status}
        return first | {"detail": self.detail} | self.more

    def response(self) -> Response:
        """The answer; one that may be repeated soon says so."""
        headers = dict(self.headers)
        if self.status == 503:
            headers.setdefault("Retry-After", str(RETRY_AFTER_SECONDS))
        return Response(orjson.dumps(self.content()), self.status, headers, MEDIA_TYPE)


def of_mistake(exc: Exception) -> HttpProblem:
    """The problem of a mistake of ours: which one, and where. Its own words may be personal."""
    where = traceback.extract_tb(exc.__traceback__)[-1]
    at = f"{Path(where.filename).name}:{where.lineno}"
    return HttpProblem(500, f"internal error: {type(exc).__name__} at {at}: please report it")


def of_invalid(errors: Sequence[Mapping[str, Any]], body: Any = None) -> HttpProblem:
    """The problem of a request whose parameters or body break the schema.

    pydantic repeats what it was given; here only the place and the rule are named.
    """
    return of_reasons([(_location(each, body), _reason(each)) for each in errors[:20]])


def _location(error: Mapping[str, Any], body: Any) -> Sequence[Any]:
    """Where an error is, in names of ours: an unknown field is the place that it has."""
    if error["type"] != "extra_forbidden":
        return tuple(error["loc"])
    *within, name = error["loc"]
    for each in within[1:]:
        body = body[each]
    return (*within, list(body).index(name))


def of_reasons(reasons: Sequence[tuple[Sequence[Any], str]]) -> HttpProblem:
    """The problem of a request that is wrong at these places, for these reasons.

    A place is made of names of ours, and of numbers for what has none: nothing of the request.
    """
    said = [
        {"where": ".".join(map(str, location)), "reason": reason} for location, reason in reasons
    ]
    first = said[0]
    return HttpProblem(422, f"{first['where']}: {first['reason']}", errors=said)


def _reason(error: Mapping[str, Any]) -> str:
    if ours := _REASONS.get(error["type"]):
        items = _ITEMS.get(str(error["loc"][-1]), "items")
        return ours.format_map({"items": items} | error.get("ctx", {}))
    message = str(error["msg"]).removeprefix("Value error, ")
    return f"{message[0].lower()}{message[1:]}"


def documented(
    *statuses: int, titles: Mapping[int, str] = MappingProxyType({})
) -> dict[int | str, dict[str, Any]]:
    """What an operation's description says of these answers; `titles` has those of its own."""
    reference = {"schema": {"$ref": "#/components/schemas/Problem"}}
    return {
        status: {"description": title, "content": {MEDIA_TYPE: reference}}
        for status, title in ({each: _TITLES[each] for each in statuses} | dict(titles)).items()
    }
