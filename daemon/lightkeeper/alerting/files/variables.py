"""The values that differ between installations: `variables.json`, and `${name}` in payloads.

`${name}` stands inside a string as text, or as the whole string, which becomes the value itself.
An environment is a file beside it, environments/<name>.json, with the values that it has instead.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from math import isfinite
from pathlib import Path
from typing import Any, Final

from lightkeeper.alerting.errors import AlertingStatus
from lightkeeper.alerting.files.markers import mark
from lightkeeper.alerting.files.reading import BadDefinition, read_json

_VARIABLE: Final = re.compile(r"\$\{([^}]*)\}")
_NEEDED: Final = ("env", "team", "channel", "pager", "runbook_url")
_ABSOLUTE: Final = re.compile(r"https?://[^/\s]")
_SET: Final = "--set "


class RefusedValues(BadDefinition):
    """The values asked for cannot be used; the message says which of them, and what to write."""

    def __init__(self, message: str, exit_status: int = AlertingStatus.BAD_DATA) -> None:
        super().__init__(message)
        self.exit_status = exit_status


@dataclass(frozen=True, slots=True)
class Values:
    """Which values stand in for those of variables.json; of several, the last named decides.

    `environment` is a name, `file` holds some values, and `single` are texts `name=value`.
    """

    environment: str | None = None
    file: Path | None = None
    single: tuple[str, ...] = ()


AS_WRITTEN: Final = Values()
"""The values of variables.json and no others."""


def environments(folder: Path) -> tuple[str, ...]:
    """The environments of monitors/: that of variables.json, then each file in environments/.

    Raises BadDefinition, also where two of them have the same env.
    """
    found: dict[str, tuple[str, Path]] = {}
    for values, file in each_environment(folder):
        env = load_variables(folder / "variables.json", values=values)["env"]
        marked = mark(env, "").rstrip("/")  # as it stands at each object in the account
        if other := found.get(marked):
            said = f"{marked} is that of {other[1]} too: give each environment one of its own"
            raise RefusedValues(f"{file}: env: [variable] {said}")
        found[marked] = values.environment or env, file
    return tuple(name for name, _ in found.values())


def each_environment(folder: Path) -> Iterator[tuple[Values, Path]]:
    """The values of each environment, unread, and the file that they come from."""
    yield AS_WRITTEN, folder / "variables.json"
    for name in _files(folder):
        yield Values(name), _file(folder, name)


def load_variables(
    path: Path, needed: Iterable[str] = _NEEDED, values: Values = AS_WRITTEN
) -> dict[str, Any]:
    """Read the variables; a value may use those above it. Raises BadDefinition.

    `needed` are those without which the file cannot be used. A value that stands in for another
    is one of the same type.
    """
    given = read_json(path)
    sources = dict.fromkeys(given, str(path))
    base = _resolved(given, sources, path)
    _need(needed, base, sources, path)
    for source, others in _instead(path.parent, base, values):
        for name in others:
            if name not in base:
                raise _bad(source, name, _unknown(name, base), path)
        given |= others
        sources |= dict.fromkeys(others, source)
    variables = _resolved(given, sources, path)
    for name, value in variables.items():
        if (kind := _kind(base[name])) != _kind(value):
            said = f"{json.dumps(value, ensure_ascii=False)} has the wrong type: write {kind}"
            raise _bad(sources[name], name, said, path)
    _need(needed, variables, sources, path)
    return variables


def resolve(value: Any, variables: dict[str, Any], where: str) -> Any:
    """Fill in variables all the way down. Raises BadDefinition, with the place, for others."""
    match value:
        case dict():
            return {key: resolve(one, variables, f"{where}.{key}") for key, one in value.items()}
        case list():
            return [
                resolve(one, variables, f"{where}[{index}]") for index, one in enumerate(value)
            ]
        case str():
            return _filled(value, variables, where)
    return value


def _instead(
    folder: Path, base: dict[str, Any], values: Values
) -> Iterable[tuple[str, dict[str, Any]]]:
    """What stands in for the values of variables.json, each with what names it."""
    name = values.environment
    if name is not None and name in _files(folder):
        file = _file(folder, name)
        given = _read(file)
        if str(given.get("env", base["env"])).lower() == base["env"].lower():
            said = f"{base['env']} is that of variables.json: give the environment one of its own"
            raise RefusedValues(f"{file}: env: [variable] {said}")
        yield str(file), given
    elif name is not None and name != base["env"]:
        known = ", ".join((base["env"], *_files(folder)))
        said = f"choose from {known}, or write {_file(folder, 'NAME')}"
        raise RefusedValues(f"no such environment: {name}: {said}", AlertingStatus.USAGE)
    if values.file is not None:
        yield str(values.file), _read(values.file)
    for text in values.single:
        name, equals, value = text.partition("=")
        if not equals:
            raise RefusedValues(f"{_SET}{text}: write it as NAME=VALUE", AlertingStatus.USAGE)
        yield f"{_SET}{text}", {name: _typed(value, base.get(name))}


def _files(folder: Path) -> list[str]:
    return sorted(path.stem for path in (folder / "environments").glob("*.json"))


def _file(folder: Path, name: str) -> Path:
    return folder / "environments" / f"{name}.json"


def _read(file: Path) -> dict[str, Any]:
    try:
        return read_json(file)
    except BadDefinition as exc:
        missing = isinstance(exc.__cause__, OSError)
        raise RefusedValues(
            str(exc), AlertingStatus.NO_INPUT if missing else AlertingStatus.BAD_DATA
        ) from exc


def _typed(text: str, like: Any) -> Any:
    """The value that a text of the command line stands for; the text itself where it is none."""
    if isinstance(like, str):
        return text
    try:
        return json.loads(text, parse_constant=str)
    except (json.JSONDecodeError, RecursionError):
        return text


def _need(
    needed: Iterable[str], variables: dict[str, Any], sources: dict[str, str], path: Path
) -> None:
    for name in needed:
        source = sources.get(name, str(path))
        if not isinstance(variables.get(name), str) or not variables[name].strip():
            raise _bad(source, name, "missing: give it a text", path)
        if name == "runbook_url" and not _ABSOLUTE.match(variables[name]):
            said = f"{variables[name]} is relative, which no chat or pager can follow"
            raise _bad(source, name, f"{said}: write https://…", path)


def _bad(source: str, name: str, said: str, path: Path) -> BadDefinition:
    """The error about a value that stands in variables.json, at `path`, or in for one of its."""
    return _error(source, f"{source}: {name}: [variable] {said}", path)


def _error(source: str, message: str, path: Path) -> BadDefinition:
    if source == str(path):
        return BadDefinition(message)
    return RefusedValues(
        message, AlertingStatus.USAGE if source.startswith(_SET) else AlertingStatus.BAD_DATA
    )


def _unknown(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, known, n=1)
    meant = f"did you mean {near[0]}" if near else "write one of its names"
    return f"variables.json has no {name}: {meant}"


def _kind(value: Any) -> str:
    """What a value is, in words; true and false are no numbers."""
    match value:
        case bool():
            return "true or false"
        case int() | float():
            return "a number" if isfinite(value) else "a number out of range"
        case str():
            return "a text"
        case list():
            texts = all(isinstance(one, str) for one in value)
            return "a list of texts" if texts else "a list"
    return "null" if value is None else "an object"


def _resolved(given: dict[str, Any], sources: dict[str, str], path: Path) -> dict[str, Any]:
    variables: dict[str, Any] = {}
    for name, value in given.items():
        try:
            variables[name] = resolve(value, variables, f"{sources[name]}: {name}")
        except BadDefinition as exc:
            raise _error(sources[name], str(exc), path) from exc
    return variables


def _filled(text: str, variables: dict[str, Any], where: str) -> Any:
    def value(found: re.Match[str]) -> Any:
        if found[1] not in variables:
            known = ", ".join(variables) or "none yet"
            raise BadDefinition(
                f"{where}: [variable] variables.json has no ${{{found[1]}}}: write one of {known}"
            )
        return variables[found[1]]

    def as_text(found: re.Match[str]) -> str:
        inside = value(found)
        if isinstance(inside, list | dict):
            raise BadDefinition(
                f"{where}: [variable] {found[0]} is no text: write it as the whole value"
            )
        return inside if isinstance(inside, str) else json.dumps(inside)

    if whole := _VARIABLE.fullmatch(text):
        return value(whole)
    return _VARIABLE.sub(as_text, text)
