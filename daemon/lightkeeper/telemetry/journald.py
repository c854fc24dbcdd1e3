"""Writes log lines to systemd's journal by its native protocol, each field as the entry's own.

The protocol is at https://systemd.io/JOURNAL_NATIVE_PROTOCOL/.
"""

import json
import os
import re
import socket
import struct
import sys
from collections.abc import Mapping
from typing import Any, Final, TextIO

from lightkeeper.domain.plain_text import harmless

SOCKET: Final = "/run/systemd/journal/socket"
PRIORITIES: Final = {"critical": 2, "error": 3, "warning": 4, "info": 6, "debug": 7}
_NO_FIELD: Final = re.compile(r"[^A-Z0-9]+")
_LONGEST_VALUE: Final = 16_384
_LONGEST_ENTRY: Final = 131_072
_LONGEST_NAME: Final = 64


def is_journal(stream: TextIO, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether systemd connected this stream to its journal."""
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


class Journal:
    """A logger for structlog that writes events as journal entries.

    An event that the journal does not take goes to `fallback`, as a line of JSON after the
    priority in the form that systemd reads.
    """

    def __init__(self, path: str = SOCKET, fallback: TextIO = sys.stderr) -> None:
        self._path = path
        self._fallback = fallback

    def __call__(self, *_args: Any) -> "Journal":
        """Return itself: structlog asks a factory for its logger."""
        return self

    def msg(self, **event: Any) -> None:
        """Write one entry."""
        priority = PRIORITIES.get(str(event.get("level")), 6)
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to_journal:
                to_journal.settimeout(1.0)  # a journal that does not read must not stop the daemon
                to_journal.sendto(entry(event, priority), self._path)
        except OSError:
            print(f"<{priority}>{json.dumps(event, default=str)}", file=self._fallback, flush=True)

    debug = info = warning = error = critical = msg


def marked(text: str, level: str) -> str:
    """Text for a stream that `is_journal`: before each line its priority, as systemd reads it."""
    return "\n".join(f"<{PRIORITIES[level]}>{line}" for line in text.splitlines())


def entry(event: Mapping[str, Any], priority: int) -> bytes:
    """An event as a datagram for the journal; values that are too long for one are cut."""
    name = str(event.get("event", ""))
    fields = {
        key: value for key, value in event.items() if key not in ("event", "level", "timestamp")
    }
    shown = [f"{key}={_text(value)}" for key, value in fields.items() if not key.startswith("dd.")]
    values: dict[str, str] = {
        "MESSAGE": " ".join([name, *shown]),
        "PRIORITY": str(priority),
        "SYSLOG_IDENTIFIER": "lightkeeper",
        "LIGHTKEEPER_EVENT": name,
    }
    for key, value in fields.items():
        values.setdefault(_field(key), _text(value))
    longest = min(_LONGEST_VALUE, _LONGEST_ENTRY // len(values))
    return b"".join(_encoded(key, value, longest) for key, value in values.items())


def _field(key: str) -> str:
    """A field name that the journal takes: a letter, then capitals, digits and underscores."""
    name = _NO_FIELD.sub("_", key.upper()).strip("_")
    return (name if name[:1].isalpha() else f"FIELD_{name}")[:_LONGEST_NAME]


def _text(value: Any) -> str:
    return harmless(value) if isinstance(value, str) else json.dumps(value, default=str)


def _encoded(key: str, value: str, longest: int) -> bytes:
    # With half a character at the end journalctl shows the whole value as binary.
    data = value.encode("utf-8", "replace")[:longest].decode("utf-8", "ignore").encode()
    if b"\n" not in data:
        return b"%b=%b\n" % (key.encode(), data)
    return b"%b\n%b%b\n" % (key.encode(), struct.pack("<Q", len(data)), data)
