"""Whether a payload has the shape that Datadog publishes: its keys, types and words alone.

tests/support/derive_payload_schema.py makes the schema beside this file. The check needs
jsonschema, which comes with `lightkeeper[dev]` only: the daemon checks no monitors.
"""

import json
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from importlib.util import find_spec
from typing import Any, Final

MONITOR: Final = "Monitor"
SLO: Final = "ServiceLevelObjectiveRequest"
DASHBOARD: Final = "Dashboard"
_NAMING: Final = ("type", "data_source", "response_format")
"""Keys whose value says which of several shapes is meant."""


def available() -> bool:
    """Whether jsonschema is installed."""
    return find_spec("jsonschema") is not None


def mistakes(kind: str, payload: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (path, what is wrong) for each mistake; `kind` is one of the constants above."""
    for error in _validator(kind).iter_errors(payload):
        innermost = _innermost(error)
        path = "".join(
            f"[{one}]" if isinstance(one, int) else f".{one}" for one in innermost.absolute_path
        )
        said = innermost.message
        yield f"payload{path}", said if len(said) <= 200 else f"{said[:200]}…"


@cache
def _validator(kind: str) -> Any:
    from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
    from jsonschema.validators import extend  # type: ignore[import-untyped]

    text = files("lightkeeper.alerting.files").joinpath("datadog.schema.json").read_text()
    schema = json.loads(text)
    of_all = Draft202012Validator.VALIDATORS["oneOf"]

    def one_of(validator: Any, shapes: list[Any], given: Any, above: Any) -> Iterator[Any]:
        """As jsonschema does, but only with the shapes that the payload itself may mean."""
        meant = [one for one in shapes if _may_be(given, one, schema["$defs"])] or shapes
        if len(meant) == 1:
            yield from validator.descend(given, meant[0])
        else:
            yield from of_all(validator, meant, given, above)

    made = extend(Draft202012Validator, {"oneOf": one_of})
    return made({**schema, "$ref": f"#/$defs/{kind}"})


def _may_be(given: Any, shape: dict[str, Any], definitions: dict[str, Any]) -> bool:
    """Tell whether no word of a payload says that it is meant to have another shape."""
    if not isinstance(given, dict):
        return True
    known = _resolved(shape, definitions).get("properties", {})
    for name in _NAMING:
        words = _resolved(known.get(name, {}), definitions).get("enum")
        if name in given and words is not None and given[name] not in words:
            return False
    return True


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
