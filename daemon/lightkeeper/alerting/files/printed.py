"""Payloads written as files, one an object, into a folder that holds nothing else."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightkeeper.alerting.errors import AlertingError, AlertingStatus
from lightkeeper.alerting.files.markers import mark_of
from lightkeeper.alerting.files.reading import BadDefinition, read_json


class InTheWay(AlertingError):
    """The folder holds what was not written into it by this; nothing was changed."""

    exit_status = AlertingStatus.IN_THE_WAY


class Unwritable(AlertingError):
    """A file or its folder cannot be written."""

    exit_status = AlertingStatus.IO_ERROR


def write(folder: Path, payloads: Mapping[str, dict[str, Any]]) -> None:
    """Write each payload into the file of that name; the same payloads give the same bytes.

    What an earlier call wrote for the same environment is replaced, or removed where it is no
    longer among the payloads. Raises InTheWay where the folder holds anything else, and
    Unwritable.
    """
    env = next((_env(payload) for payload in payloads.values()), None)
    try:
        for path in _before(folder, env):
            if str(path.relative_to(folder)) not in payloads:
                path.unlink()
        for name, payload in payloads.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            text = json.dumps(payload, indent=2, ensure_ascii=False)
            path.write_text(f"{text}\n", encoding="utf-8")
    except OSError as exc:
        raise Unwritable(f"{exc.filename or folder}: {exc.strerror}") from exc


def need_writable(path: Path) -> None:
    """Raise Unwritable unless the file can be written; what is in it stays."""
    try:
        path.open("ab").close()
    except OSError as exc:
        raise Unwritable(f"{path}: {exc.strerror}") from exc


def write_text(path: Path, text: str) -> None:
    """Write a file as UTF-8. Raises Unwritable."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as exc:
        raise Unwritable(f"{path}: {exc.strerror}") from exc


def _before(folder: Path, env: str | None) -> list[Path]:
    """What an earlier call wrote. Raises InTheWay where there is anything else."""
    if not folder.is_dir():
        if folder.exists():
            raise InTheWay(f"{folder}: is no folder: name one, or a new one")
        return []
    found = [path for path in sorted(folder.rglob("*")) if not path.is_dir()]
    for path in found:
        theirs = _env_of_file(path)
        if theirs is None:
            said = "was not written by this command: name an empty folder, or a new one"
            raise InTheWay(f"{path}: {said}")
        if theirs != env:
            raise InTheWay(f"{path}: is of the environment {theirs}: name another folder")
    return found


def _env_of_file(path: Path) -> str | None:
    try:
        return _env(read_json(path))
    except BadDefinition:
        return None


def _env(payload: dict[str, Any]) -> str | None:
    found = mark_of(payload)
    return found.partition("/")[0] if found else None
