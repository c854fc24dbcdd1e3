"""The file that LIGHTKEEPER_SETTINGS_FILE names: read by every command, and at each reload.

Its variables are put into the process's environment, where Datadog's libraries find them too. A
variable that the environment had when the process began wins over the file.
"""

import re
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from io import StringIO
from typing import Final

from dotenv.parser import Binding, parse_stream

from lightkeeper.config import plain_files
from lightkeeper.config.settings import SETTINGS_FILE, Settings, SettingsError

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OURS: Final = re.compile(r"\s*(?:export\s+)?((?:LIGHTKEEPER|DD|DATADOG)_[A-Z_]{1,40})\b")
_SECRET: Final = re.compile(r"PRIVATE KEY-----|://[^/@]*:[^/@]+@|[?&]password=")
"""A key, or a URL with a password."""


class SettingsFile:
    """The file, if `environ` names one; `read` puts its variables into `environ`."""

    def __init__(self, environ: MutableMapping[str, str]) -> None:
        self._environ = environ
        self._inherited = frozenset(environ)
        self._path = environ.get(SETTINGS_FILE)
        self.problems: list[str] = []
        """What is wrong with the file itself."""

    def read(self, *, lighthouse: bool = False) -> None:
        """Put the file's variables into the environment, and remove those it no longer has.

        Raises `SettingsError` if the file cannot be read, or for lines that set no variable,
        together with all other problems of the settings; `lighthouse` as in `Settings.load`.
        """
        if not self._path:
            return
        try:
            found, problems = _parsed(self._path)
        except SettingsError as exc:
            self.problems = exc.problems
            raise
        self.problems = list(problems)
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

    def exposed(self) -> str | None:
        """What is wrong with the rights of the file, where it holds a key or a password."""
        found = [self._environ[name] for name in self._environ.keys() - self._inherited]
        holds_secret = any(map(_SECRET.search, found))
        return plain_files.exposed(self._path) if self._path and holds_secret else None

    @contextmanager
    def undone_on_error(self) -> Iterator[None]:
        """Restore the environment as it was if the body raises."""
        before = dict(self._environ)
        try:
            yield
        except BaseException:
            self._environ.clear()
            self._environ.update(before)
            raise


def _parsed(path: str) -> tuple[dict[str, str], list[str]]:
    """The variables of the file's good lines, and what is wrong with the other lines."""
    try:
        text = plain_files.read_text(path)
    except (OSError, ValueError) as exc:
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
    """Which line is wrong; of its text only a name of ours, since the rest may be a secret."""
    text = binding.original.string
    line = binding.original.line + text[: len(text) - len(text.lstrip())].count("\n")
    ours = _OURS.match(text)
    remedy = "write NAME=value; put a value with spaces or line breaks in double quotes"
    return f"{line}: {ours[1]}: {remedy}" if ours else f"{line}: {remedy}"
