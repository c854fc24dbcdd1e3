"""Reads files of monitors/ and dashboards/; whatever is in them, the error names the place."""

import json
import re
from pathlib import Path
from typing import Any, Final

from lightkeeper.alerting.errors import AlertingError

_HALF: Final = re.compile(r"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")


class BadDefinition(AlertingError):
    """A file of monitors/ or dashboards/ cannot be used; the message names file, place, remedy."""


def read_json(path: Path) -> dict[str, Any]:
    """Read an object from a JSON file. Raises BadDefinition, with the line of a mistake."""
    return as_object(path, read_value(path))


def as_object(path: Path, found: Any) -> dict[str, Any]:
    """Return what was read from the file. Raises BadDefinition unless it is an object."""
    if not isinstance(found, dict):
        raise BadDefinition(f"{path}: [file] is not one object: write {{…}}, one in each file")
    return found


def read_value(path: Path) -> Any:
    """Read whatever a JSON file holds. Raises BadDefinition, with the line of a mistake."""
    text = read_text(path)
    try:
        found = json.loads(
            text,
            object_pairs_hook=lambda pairs: _once(path, pairs),
            parse_constant=lambda word: _no_number(path, word),
        )
    except RecursionError as exc:
        raise BadDefinition(f"{path}: [file] is nested too deeply") from exc
    except json.JSONDecodeError as exc:
        where = f"line {exc.lineno} column {exc.colno}"
        raise BadDefinition(f"{path}: {where}: [file] is not JSON: {exc.msg}") from exc
    if half := _HALF.search(text):
        try:
            json.dumps(found, ensure_ascii=False).encode()
        except UnicodeEncodeError as exc:
            said = f"{half[0]} is half of a character: write the character"
            raise BadDefinition(f"{path}: [file] {said}") from exc
    return found


def refuse_endless(path: Path) -> None:
    """Raise BadDefinition for what is there and may have no end, such as a FIFO or a device."""
    if path.exists() and not path.is_file() and not path.is_dir():
        raise BadDefinition(f"{path}: [file] is not a regular file: name one that is")


def read_text(path: Path) -> str:
    """Read a file of UTF-8. Raises BadDefinition."""
    refuse_endless(path)
    try:
        return path.read_text(encoding="utf-8")
    except OSError as exc:
        raise BadDefinition(f"{path}: [file] cannot be read: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise BadDefinition(f"{path}: [file] byte {exc.start} is not UTF-8: save it so") from exc


def _once(path: Path, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise BadDefinition(f"{path}: [file] {twice!r} stands twice in one object: keep one")
    return found


def _no_number(path: Path, word: str) -> None:
    raise BadDefinition(f"{path}: [file] {word} is not JSON: write a number")
