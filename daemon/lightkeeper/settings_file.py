"""The file LIGHTKEEPER_SETTINGS_FILE names: read by every command, and anew at a reload.

Its variables are put into the process's environment, so that they count for all who look there,
Datadog's libraries included. What the environment held when the process began outweighs it.
"""

from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Final

from dotenv.parser import parse_stream

from lightkeeper.settings import SETTINGS_FILE, SettingsError

_SHOWN: Final = 40


class SettingsFile:
    """The file, if `environ` names one; `environ` is what it is put into."""

    def __init__(self, environ: MutableMapping[str, str]) -> None:
        self._environ = environ
        self._inherited = frozenset(environ)
        self._path = environ.get(SETTINGS_FILE)

    def read(self) -> None:
        """Put into the environment what the file says now, and take out what it no longer says.

        Raises SettingsError, with the environment as it was, where it cannot be read.
        """
        if not self._path:
            return
        found = _parsed(self._path)
        for name in self._environ.keys() - self._inherited - found.keys():
            del self._environ[name]
        for name in found.keys() - self._inherited:
            self._environ[name] = found[name]

    @contextmanager
    def read_anew(self) -> Iterator[None]:
        """The same, for as long as what is done with it raises nothing: else all is as before."""
        before = dict(self._environ)
        try:
            self.read()
            yield
        except BaseException:
            self._environ.clear()
            self._environ.update(before)
            raise


def _parsed(path: str) -> dict[str, str]:
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "not text"
        raise SettingsError([f"{SETTINGS_FILE}: cannot read {path}: {reason}"]) from exc
    found, problems = {}, []
    for binding in parse_stream(StringIO(text)):
        if binding.error or (binding.key is not None and binding.value is None):
            # The name alone: what follows may be a secret.
            name = binding.original.string.strip().split("=")[0][:_SHOWN]
            line = binding.original.line
            problems.append(
                f"{path}:{line}: {name!r} is not NAME=value, quoted where it has blanks"
            )
        elif binding.key is not None and binding.value is not None:
            found[binding.key] = binding.value
    if problems:
        raise SettingsError(problems)
    return found
