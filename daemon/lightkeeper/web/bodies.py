"""Bodies: each is JSON and said to be, and is refused in the same words at every address."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from lightkeeper.web import problems
from lightkeeper.web.problems import HttpProblem

OBJECT: Final = "a JSON object, as /openapi.json describes it"


def refuse_unless_json(content_type: str | None) -> None:
    """Raise an `HttpProblem` for a body that is not said to be JSON."""
    kind = (content_type or "").partition(";")[0].strip().lower()
    if kind != "application/json" and not (
        kind.startswith("application/") and kind.endswith("+json")
    ):
        raise HttpProblem(415, "send JSON, as application/json (in the header Content-Type)")


def empty(wanted: str) -> HttpProblem:
    """The problem of a call without a body, where `wanted` is to be sent."""
    return HttpProblem(422, f"the body is empty: send {wanted}")


def no_json(wanted: str, at: int | None = None) -> HttpProblem:
    """The problem of a body that is no JSON from the character `at` on, counted from 0."""
    where = "" if at is None else f" from its character {at} on (was it cut?)"
    return HttpProblem(422, f"the body is no JSON{where}: send {wanted}")


def of_invalid(
    errors: Sequence[Mapping[str, Any]], body: Any, content_type: str | None
) -> HttpProblem:
    """The problem of a request whose parameters or body break the schema."""
    whole = next((each for each in errors if _is_of_whole_body(each)), None)
    if whole is None:
        return problems.of_invalid(errors, body)
    if whole["type"] == "missing":
        return empty(OBJECT)
    try:
        refuse_unless_json(content_type)
    except HttpProblem as exc:
        return exc
    if whole["type"] == "json_invalid":
        return no_json(OBJECT, whole["loc"][-1])
    return HttpProblem(422, f"the body is no object: send {OBJECT}")


def _is_of_whole_body(error: Mapping[str, Any]) -> bool:
    location = tuple(error["loc"])
    return location == ("body",) or (location[:1] == ("body",) and error["type"] == "json_invalid")
