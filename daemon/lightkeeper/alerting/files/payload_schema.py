"""Whether a payload has the shape that Datadog publishes: names, types, words, nothing else.

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

    text = files("lightkeeper.alerting.files").joinpath("datadog.schema.json").read_text()
    return Draft202012Validator({**json.loads(text), "$ref": f"#/$defs/{kind}"})


def _innermost(error: Any) -> Any:
    """Of several shapes allowed, go by the one that was meant: its `type` fits, or most does."""
    while error.context:
        branches: dict[int, list[Any]] = {}
        for inner in error.context:
            branches.setdefault(inner.relative_schema_path[0], []).append(inner)
        meant = min(branches.values(), key=_distance)
        error = meant[0]
    return error


def _distance(errors: list[Any]) -> tuple[bool, bool, int]:
    """How far a payload is from one of the shapes allowed."""
    named = ("type", "data_source", "response_format")
    other_type = any(list(one.path)[-1:] in ([name] for name in named) for one in errors)
    return any(one.validator == "type" and not one.path for one in errors), other_type, len(errors)
