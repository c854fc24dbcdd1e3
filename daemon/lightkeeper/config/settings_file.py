"""The file LIGHTKEEPER_SETTINGS_FILE names: read by every command, and anew at a reload.

Its variables are put into the process's environment, so that they count for all who look there,
Datadog's libraries included. What the environment held when the process began outweighs it.
"""

import re
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Final

from dotenv.parser import Binding, parse_stream

from lightkeeper.config.settings import SETTINGS_FILE, Settings, SettingsError

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OURS: Final = re.compile(r"\s*(?:export\s+)?((?:LIGHTKEEPER|DD|DATADOG)_[A-Z_]{1,40})\b")


class SettingsFile:
    """The file, if `environ` names one; `environ` is what it is put into."""

    def __init__(self, environ: MutableMapping[str, str]) -> None:
        self._environ = environ
        self._inherited = frozenset(environ)
        self._path = environ.get(SETTINGS_FILE)

    def read(self, *, lighthouse: bool = False) -> None:
        """Put into the environment what the file says now, and take out what it no longer says.

        Raises SettingsError where it cannot be read, or some lines are no settings; the latter
        together with what the others lack, those for Lighthouse if `lighthouse`.
        """
        if not self._path:
            return
        found, problems = _parsed(self._path)
        for name in self._environ.keys() - self._inherited - found.keys():
            del self._environ[name]
        for name in found.keys() - self._inherited:
            self._environ[name] = found[name]
        if problems:
            try:
                Settings.load(lighthouse=lighthouse)
            except SettingsError as exc:
                problems += exc.problems
            raise SettingsError(problems)

    @contextmanager
    def undone_on_error(self) -> Iterator[None]:
        """What is read meanwhile stays if nothing is raised; else the environment is as before."""
        before = dict(self._environ)
        try:
            yield
        except BaseException:
            self._environ.clear()
            self._environ.update(before)
            raise


def _parsed(path: str) -> tuple[dict[str, str], list[str]]:
    """What the file's good lines say, and what is wrong with the others."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "not text"
        raise SettingsError([f"{SETTINGS_FILE}: cannot read {path}: {reason}"]) from exc
    found, problems = {}, []
    for binding in parse_stream(StringIO(text)):
        name, value = binding.key, binding.value
        if not binding.error and name is None:
            continue  # blank, or a comment
        # No environment holds a NUL, nor a name with an equals sign.
        if binding.error or value is None or "\0" in value or not _NAME.fullmatch(name or ""):
            problems.append(f"{path}:{_problem(binding)}")
        else:
            found[str(name)] = value
    return found, problems


def _problem(binding: Binding) -> str:
    """The line, and its name where that is one of ours: anything else may be a secret's part."""
    text = binding.original.string
    line = binding.original.line + text[: len(text) - len(text.lstrip())].count("\n")
    ours = _OURS.match(text)
    asks = "write NAME=value, and a value of several words or lines in double quotes"
    return f"{line}: {ours[1]}: {asks}" if ours else f"{line}: {asks}"
