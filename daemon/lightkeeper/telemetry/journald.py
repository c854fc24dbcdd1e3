"""systemd's journal, by its native protocol: each field of a log line is one of the entry's.

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
    """A logger for structlog: takes the fields of an event. What the journal does not take goes
    to `fallback` as a line of JSON, with its priority as systemd reads it there.
    """

    def __init__(self, path: str = SOCKET, fallback: TextIO = sys.stderr) -> None:
        self._path = path
        self._fallback = fallback

    def __call__(self, *_args: Any) -> "Journal":
        """Be the factory of itself."""
        return self

    def msg(self, **event: Any) -> None:
        """Write one entry."""
        priority = PRIORITIES.get(str(event.get("level")), 6)
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to_journal:
                to_journal.settimeout(1.0)  # one that reads nothing must not hold the daemon up
                to_journal.sendto(entry(event, priority), self._path)
        except OSError:
            print(f"<{priority}>{json.dumps(event, default=str)}", file=self._fallback, flush=True)

    debug = info = warning = error = critical = msg


def marked(text: str, level: str) -> str:
    """Text for a stream that `is_journal`, each line with its priority as systemd reads it."""
    return "\n".join(f"<{PRIORITIES[level]}>{line}" for line in text.splitlines())


def entry(event: Mapping[str, Any], priority: int) -> bytes:
    """An event as a datagram of the journal's; values too long for one are cut."""
    name = str(event.get("event", ""))
    fields = {
        key: value for key, value in event.items() if key not in ("event", "level", "timestamp")
    }
    shown = [f"{key}={_text(value)}" for key, value in fields.items() if not key.startswith("dd.")]
    told: dict[str, str] = {
        "MESSAGE": " ".join([name, *shown]),
        "PRIORITY": str(priority),
        "SYSLOG_IDENTIFIER": "lightkeeper",
        "LIGHTKEEPER_EVENT": name,
    }
    for key, value in fields.items():
        told.setdefault(_field(key), _text(value))
    longest = min(_LONGEST_VALUE, _LONGEST_ENTRY // len(told))
    return b"".join(_encoded(key, value, longest) for key, value in told.items())


def _field(key: str) -> str:
    """A name the journal takes: capitals, digits, inner underscores, and no digit first."""
    name = _NO_FIELD.sub("_", key.upper()).strip("_")
    return (name if name[:1].isalpha() else f"FIELD_{name}")[:_LONGEST_NAME]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _encoded(key: str, value: str, longest: int) -> bytes:
    # Half a character at the end would make journalctl show all of it as binary.
    data = value.encode("utf-8", "replace")[:longest].decode("utf-8", "ignore").encode()
    if b"\n" not in data:
        return b"%b=%b\n" % (key.encode(), data)
    return b"%b\n%b%b\n" % (key.encode(), struct.pack("<Q", len(data)), data)
