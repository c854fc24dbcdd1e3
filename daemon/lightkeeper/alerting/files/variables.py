"""The values that differ between installations: `variables.json`, and `${name}` in payloads.

`${name}` stands inside a string as text, or as the whole string, which becomes the value itself.
"""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from lightkeeper.alerting.files.reading import BadDefinition, read_json

_VARIABLE: Final = re.compile(r"\$\{([^}]*)\}")
_NEEDED: Final = ("env", "team", "channel", "pager", "runbook_url")
_ABSOLUTE: Final = re.compile(r"https?://[^/\s]")


def load_variables(path: Path, needed: Iterable[str] = _NEEDED) -> dict[str, Any]:
    """Read the variables; a value may use those above it. Raises BadDefinition.

    `needed` are those without which the file cannot be used.
    """
    given = read_json(path)
    variables: dict[str, Any] = {}
    for name, value in given.items():
        variables[name] = resolve(value, variables, f"{path}: {name}")
    for name in needed:
        if not isinstance(variables.get(name), str) or not variables[name].strip():
            raise BadDefinition(f"{path}: {name}: [variable] missing: give it a text")
    if "runbook_url" in needed and not _ABSOLUTE.match(variables["runbook_url"]):
        raise BadDefinition(
            f"{path}: runbook_url: [variable] {variables['runbook_url']} is relative, which no "
            "chat or pager can follow: write https://…"
        )
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
