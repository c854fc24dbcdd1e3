"""Whether a payload has the shape that Datadog publishes: its keys, types and words alone.

tests/support/derive_payload_schema.py makes the schema beside this file.
"""

import json
from collections.abc import Iterator
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from typing import Any, Final

MONITOR: Final = "Monitor"
SLO: Final = "ServiceLevelObjectiveRequest"
DASHBOARD: Final = "Dashboard"
_NAMING: Final = ("type", "data_source", "response_format")
"""Keys whose value says which of several shapes is meant."""
_LONGEST: Final = 200


def mistakes(kind: str, payload: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (path, what is wrong) for each mistake; `kind` is one of the constants above."""
    for error in _validator(kind).iter_errors(payload):
        innermost = _innermost(error)
        path = "".join(
            f"[{one}]" if isinstance(one, int) else f".{one}" for one in innermost.absolute_path
        )
        for said in _in_our_words(innermost):
            yield f"payload{path}", said if len(said) <= _LONGEST else f"{said[:_LONGEST]}…"


@cache  # 2.6 ms each time; a comparison with an account asks for each field
def published() -> frozenset[str]:
    """The name of every field that Datadog publishes, wherever it stands."""
    return frozenset(_fields(json.loads(_text())))


def _fields(schema: Any) -> Iterator[str]:
    inner = list(schema.values()) if isinstance(schema, dict) else schema
    if isinstance(schema, dict) and isinstance(known := schema.get("properties"), dict):
        yield from known
    for one in inner:
        if isinstance(one, dict | list):
            yield from _fields(one)


def _text() -> str:
    return files("lightkeeper.alerting.files").joinpath("datadog.schema.json").read_text()


@cache  # without it `monitors check` takes 30 % longer
def _validator(kind: str) -> Any:
    from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
    from jsonschema.validators import extend  # type: ignore[import-untyped]

    schema = json.loads(_text())
    of_all = Draft202012Validator.VALIDATORS["oneOf"]

    def one_of(validator: Any, shapes: list[Any], given: Any, above: Any) -> Iterator[Any]:
        """As jsonschema does, but only with the shapes that the payload itself may mean."""
        meant = [one for one in shapes if _may_be(given, one, schema["$defs"])]
        unknown = [] if meant else list(_unknown_words(given, shapes, schema["$defs"]))
        if unknown:
            yield from unknown
        elif len(meant) == 1:
            yield from validator.descend(given, meant[0])
        else:
            yield from of_all(validator, meant or shapes, given, above)

    made = extend(Draft202012Validator, {"oneOf": one_of})
    return made({**schema, "$ref": f"#/$defs/{kind}"})


def _may_be(given: Any, shape: dict[str, Any], definitions: dict[str, Any]) -> bool:
    """Tell whether no word of a payload says that it is meant to have another shape."""
    if not isinstance(given, dict):
        return True
    named = ((name, _words(shape, name, definitions)) for name in _NAMING if name in given)
    return all(not words or given[name] in words for name, words in named)


def _unknown_words(
    given: dict[str, Any], shapes: list[Any], definitions: dict[str, Any]
) -> Iterator[Any]:
    """A mistake for each naming key whose value stands in none of these shapes."""
    from jsonschema import ValidationError

    for name in (one for one in _NAMING if one in given):
        words = [word for one in shapes for word in _words(one, name, definitions)]
        if words and given[name] not in words:
            yield ValidationError(
                "", path=[name], validator="enum", validator_value=words, instance=given[name]
            )


def _words(shape: dict[str, Any], name: str, definitions: dict[str, Any]) -> list[Any]:
    """What the shape lets this key say; empty where it says nothing of it."""
    known = _resolved(shape, definitions).get("properties", {})
    return list(_resolved(known.get(name, {}), definitions).get("enum", ()))


def _resolved(shape: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    return dict(definitions[shape["$ref"].rpartition("/")[2]]) if "$ref" in shape else shape


def _innermost(error: Any) -> Any:
    """Of several shapes that may be meant, go by the one that fits best."""
    while error.context:
        shapes: dict[int, list[Any]] = {}
        for inner in error.context:
            shapes.setdefault(inner.relative_schema_path[0], []).append(inner)
        error = min(shapes.values(), key=_distance)[0]
    return error


def _distance(errors: list[Any]) -> tuple[bool, int]:
    """How far a payload is from a shape: of another type altogether, or so many mistakes."""
    return any(one.validator == "type" and not one.path for one in errors), len(errors)


def _in_our_words(error: Any) -> Iterator[str]:
    """What is wrong and what to write; the library's message names no remedy."""
    given, wanted = error.instance, error.validator_value
    if error.validator == "additionalProperties":
        known = error.schema["properties"]
        for name in given.keys() - known.keys():
            near = get_close_matches(name, known, n=1)
            remedy = f"perhaps {near[0]}" if near else "leave it out"
            yield f"Datadog takes no {name} here: {remedy}"
    elif error.validator == "type":
        types = [wanted] if isinstance(wanted, str) else wanted
        yield f"{_shown(given)} has the wrong type: write {' or '.join(map(_with_article, types))}"
    elif error.validator == "enum":
        near = get_close_matches(str(given), list(map(str, wanted)), n=1)
        words = near[0] if near else f"one of {', '.join(map(_shown, wanted))}"
        yield f"{_shown(given)} is unknown: write {words}"
    else:
        yield error.message


def _shown(given: Any) -> str:
    text = json.dumps(given, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:60]}…"


def _with_article(noun: str) -> str:
    return noun if noun == "null" else f"{'an' if noun[0] in 'aio' else 'a'} {noun}"
