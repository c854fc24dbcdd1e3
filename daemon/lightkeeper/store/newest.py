"""The newest document of a SQLite store, noted beside it: an older copy of the store lacks it.

Documents are only ever added, and `track` commits them so that they survive a power cut: a store
without the document that is noted was taken back to an earlier time.
"""

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

SUFFIX: Final = "-newest"
_NOTE: Final = re.compile(r"(\d{1,19}) (\d{1,19})\n")


class Newest(NamedTuple):
    """The document that was tracked last: its number in the store, and its request id."""

    number: int
    request_id: int


def note(store: Path, newest: Newest | None) -> None:
    """Note it beside the store; None: the store has no document.

    Where that cannot be written, what was noted before stays: the store has that as well.
    """
    place, fresh = _place(store), _fresh(store)
    with suppress(OSError):
        if newest is None:
            place.unlink(missing_ok=True)
            return
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        with os.fdopen(os.open(fresh, flags, 0o600), "w", encoding="ascii") as file:
            file.write(f"{newest.number} {newest.request_id}\n")
        fresh.replace(place)


def noted(store: Path) -> Newest | None:
    """What was noted last; None where nothing was, or it cannot be read."""
    try:
        found = _NOTE.fullmatch(_place(store).read_text("ascii"))
    except (OSError, UnicodeDecodeError):
        return None
    newest = Newest(int(found[1]), int(found[2])) if found else None
    return newest if newest and max(newest) < 2**63 else None


def forget(store: Path) -> None:
    """Forget it, because people put another store in the place of this one."""
    for path in (_place(store), _fresh(store)):
        path.unlink(missing_ok=True)


def _place(store: Path) -> Path:
    return Path(f"{os.path.realpath(store)}{SUFFIX}")


def _fresh(store: Path) -> Path:
    """Where it is written before it takes its place: a crash may leave it."""
    return Path(f"{_place(store)}.new")
