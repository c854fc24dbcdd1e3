"""Whether a payload has the shape that Datadog publishes: its keys, types and words alone.

tests/support/derive_payload_schema.py makes the schema beside this file. It uses few words of JSON
Schema, which are read here: a plain install has no library for them, and is held to it as well.
"""

import json
from collections.abc import Iterator
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from typing import Any, Final, TypeAlias

MONITOR: Final = "Monitor"
SLO: Final = "ServiceLevelObjectiveRequest"
DASHBOARD: Final = "Dashboard"
_NAMING: Final = ("type", "data_source", "response_format")
"""Keys whose value says which of several shapes is meant."""
_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
    "null": (type(None),),
}
_LONGEST: Final = 200

_Shape: TypeAlias = dict[str, Any]
_Mistake: TypeAlias = tuple[str, str]


def mistakes(kind: str, payload: dict[str, Any]) -> Iterator[_Mistake]:
    """Yield (path, what is wrong) for each mistake; `kind` is one of the constants above."""
    for path, said in _of_any(_shapes()[kind], payload, "payload"):
        yield path, said if len(said) <= _LONGEST else f"{said[:_LONGEST]}…"


@cache
def _shapes() -> dict[str, _Shape]:
    text = files("lightkeeper.alerting.files").joinpath("datadog.schema.json").read_text()
    return dict(json.loads(text)["$defs"])


def _resolved(shape: _Shape) -> _Shape:
    return _shapes()[shape["$ref"].rpartition("/")[2]] if "$ref" in shape else shape


def _of_any(shape: _Shape, given: Any, path: str) -> Iterator[_Mistake]:
    shape = _resolved(shape)
    if not _has_type(shape, given):
        types = shape["type"]
        wanted = types if isinstance(types, str) else " or ".join(types)
        yield path, f"{_shown(given)} has the wrong type: write {_article(wanted)}"
    elif "enum" in shape and given not in shape["enum"]:
        yield path, _unknown(given, shape["enum"])
    else:
        if "oneOf" in shape:
            yield from _of_one(shape["oneOf"], given, path)
        yield from _out_of_bounds(shape, given, path)
        if isinstance(given, dict):
            yield from _of_object(shape, given, path)
        elif isinstance(given, list):
            for index, one in enumerate(given):
                yield from _of_any(shape.get("items", {}), one, f"{path}[{index}]")


def _has_type(shape: _Shape, given: Any) -> bool:
    types = shape.get("type", list(_TYPES))
    wanted = [types] if isinstance(types, str) else types
    if isinstance(given, bool):
        return "boolean" in wanted
    if isinstance(given, float) and given.is_integer():
        return "number" in wanted or "integer" in wanted
    return isinstance(given, tuple(kind for name in wanted for kind in _TYPES[name]))


def _of_one(shapes: list[_Shape], given: Any, path: str) -> Iterator[_Mistake]:
    """What keeps a value from having one of these shapes: the one it means, or the nearest."""
    meant = [one for one in shapes if _may_be(given, one)]
    if not meant:
        yield from _unmeant(shapes, given, path)
        return
    found = ((_has_type(_resolved(one), given), list(_of_any(one, given, path))) for one in meant)
    yield from min(found, key=lambda one: (not one[0], len(one[1])))[1]


def _may_be(given: Any, shape: _Shape) -> bool:
    """Tell whether no word of a value says that it is meant to have another shape."""
    if not isinstance(given, dict):
        return True
    known = ((name, _words(shape, name)) for name in _NAMING if name in given)
    return all(not words or given[name] in words for name, words in known)


def _words(shape: _Shape, name: str) -> list[Any]:
    one = _resolved(shape).get("properties", {}).get(name, {})
    return list(_resolved(one).get("enum", ()))


def _unmeant(shapes: list[_Shape], given: dict[str, Any], path: str) -> Iterator[_Mistake]:
    for name in (one for one in _NAMING if one in given):
        words = [word for one in shapes for word in _words(one, name)]
        if words and given[name] not in words:
            yield f"{path}.{name}", _unknown(given[name], words)
            return
    yield path, f"{' and '.join(one for one in _NAMING if one in given)} contradict each other"


def _of_object(shape: _Shape, given: dict[str, Any], path: str) -> Iterator[_Mistake]:
    known, others = shape.get("properties", {}), shape.get("additionalProperties", True)
    for name in shape.get("required", ()):
        if name not in given:
            yield path, f"{name} is missing: write it"
    for name, one in given.items():
        if name in known or isinstance(others, dict):
            yield from _of_any(known.get(name, others), one, f"{path}.{name}")
        elif not others:
            near = get_close_matches(name, known, n=1)
            remedy = f"perhaps {near[0]}" if near else "leave it out"
            yield path, f"Datadog takes no {name} here: {remedy}"


def _out_of_bounds(shape: _Shape, given: Any, path: str) -> Iterator[_Mistake]:
    size: float
    if isinstance(given, list | str):
        kind, unit = ("Items", "entries") if isinstance(given, list) else ("Length", "letters")
        size, what = len(given), f"{len(given)} {unit}"
        least, most = shape.get(f"min{kind}"), shape.get(f"max{kind}")
    elif isinstance(given, int | float):
        size, what, least, most = given, str(given), shape.get("minimum"), shape.get("maximum")
    else:
        return
    if least is not None and size < least:
        yield path, f"{what}: write {least} or more"
    if most is not None and size > most:
        yield path, f"{what}: write {most} or less"


def _shown(given: Any) -> str:
    text = json.dumps(given, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:60]}…"


def _article(noun: str) -> str:
    return f"{'an' if noun[0] in 'aio' else 'a'} {noun}"


def _unknown(given: Any, words: list[Any]) -> str:
    near = get_close_matches(str(given), [str(one) for one in words], n=1)
    wanted = near[0] if near else f"one of {', '.join(dict.fromkeys(map(_shown, words)))}"
    return f"{_shown(given)} is unknown: write {wanted}"
