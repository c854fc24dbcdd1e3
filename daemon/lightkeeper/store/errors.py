"""What can be wrong with a store, each with an exit status of its own."""

from typing import Final

from lightkeeper.domain.errors import ExitStatus, LightkeeperError

REMEDIES: Final = {
    "database disk image is malformed": "the database is corrupt: stop lightkeeper, restore a "
    "backup with `lightkeeper restore FILE`, which keeps this one, and track again the documents "
    "that came since",
    "file is not a database": "point LIGHTKEEPER_DATABASE_URL at the store; if it does, the "
    "database is corrupt: restore a backup with `lightkeeper restore FILE`, and track again the "
    "documents that came since",
    "attempt to write a readonly database": "let the user that lightkeeper runs as write to the "
    "file and its folder",
    "database is locked": "another process writes to it: try again later; the daemon "
    "does so by itself",
    "unable to open database file": "check that the folder is there, mounted for writing, and "
    "open to the user that lightkeeper runs as",
    "database or disk is full": "make room on its disk; lightkeeper then continues by itself",
    "disk I/O error": "look at its disk (dmesg) and at limits on the size of files",
}
"""SQLite's own words, and what to do about them."""
READ_ONLY: Final = (
    "the server is read-only (a standby, or a former primary): point LIGHTKEEPER_DATABASE_URL at "
    "the primary"
)
_CANCELLED: Final = "57014"
_INTERRUPTED: Final = "interrupted"
_BY_SQLSTATE: Final = {
    "25006": READ_ONLY,
    "55P03": "another session holds a lock: end it (see pg_locks and pg_stat_activity), or try "
    "again later; the daemon does so by itself",
    _CANCELLED: "the statement took too long: try again; the daemon does so by itself",
    "53100": "make room on the server's disk; lightkeeper then continues by itself",
}
"""The codes of PostgreSQL, whose words depend on its language, and what to do."""

MALFORMED: Final = "database disk image is malformed"
_DAMAGE: Final = {MALFORMED, "file is not a database"}
# SQLite appends what it read, which must not reach a message.
_ALSO_MALFORMED: Final = ("malformed database schema", "Could not decode to UTF-8")


class StoreUnavailable(LightkeeperError):
    """The database cannot be used right now."""

    exit_status = ExitStatus.IO_ERROR


class TookTooLong(StoreUnavailable):
    """The database gave a statement up, which took longer than this session allows."""


class Unstorable(StoreUnavailable):
    """The database cannot hold a text or a number of what was to be written."""


class StoreLost(LightkeeperError):
    """This process can no longer use the database; another process may."""

    def __init__(self, message: str, exit_status: ExitStatus) -> None:
        super().__init__(message)
        self.exit_status = exit_status


class StoreCorrupt(StoreUnavailable):
    """What is in the file makes no sense: waiting fixes nothing."""

    exit_status = ExitStatus.CORRUPT


class StoreMissing(LightkeeperError):
    """There is no store at this address."""

    exit_status = ExitStatus.NO_INPUT


class StoreForeign(LightkeeperError):
    """The database is not one this program can use."""

    exit_status = ExitStatus.CONFIG


class AlreadyWatched(LightkeeperError):
    """Another lightkeeper polls this store; one at a time may."""

    exit_status = ExitStatus.IN_THE_WAY


class StoreInTheWay(LightkeeperError):
    """Something is in the way that a person has to see to."""

    exit_status = ExitStatus.IN_THE_WAY


def unavailable(
    place: str, words: str, *, if_corrupt: str = "", sqlstate: str | None = None
) -> StoreUnavailable:
    """What to raise for a database's own words, with what to do where we know it.

    `if_corrupt` is what to do where that is another thing than for the store.
    """
    if words.startswith(_ALSO_MALFORMED):
        words = MALFORMED
    kind = StoreCorrupt if words in _DAMAGE else StoreUnavailable
    if words == _INTERRUPTED or sqlstate == _CANCELLED:
        kind = TookTooLong
    remedy = (kind is StoreCorrupt and if_corrupt) or REMEDIES.get(words)
    remedy = remedy or _BY_SQLSTATE.get(sqlstate or "")
    return kind(f"{place}: {words}" + (f" ({remedy})" if remedy else ""))


def second_daemon(place: str) -> str:
    """What to say where another process has the claim."""
    return f"{place} is already polled by another `lightkeeper run` or `poll`: stop that one first"
