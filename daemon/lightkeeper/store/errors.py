"""What can be wrong with a store, each with an exit status of its own."""

from typing import Final

from lightkeeper.model import LightkeeperError

REMEDIES: Final = {
    "database disk image is malformed": "it is damaged: stop lightkeeper, keep this file for "
    "whoever looks into it, put the last backup in its place, and hand in again what came since",
    "file is not a database": "point LIGHTKEEPER_DATABASE_URL at the store; if this was it, it is "
    "damaged: put the last backup in its place, and hand in again what came since",
    "attempt to write a readonly database": "let the user that lightkeeper runs as write to the "
    "file and its folder",
    "unable to open database file": "check that the folder is there, mounted for writing, and "
    "open to the user that lightkeeper runs as",
    "database or disk is full": "make room on its disk; lightkeeper goes on by itself",
    "disk I/O error": "look at its disk (dmesg) and at limits on the size of files",
}
"""SQLite's own words, and what to do about them."""


class StoreUnavailable(LightkeeperError):
    """The database cannot be used right now."""

    exit_status = 74


class StoreMissing(LightkeeperError):
    """There is no store at this address."""

    exit_status = 66


class StoreForeign(LightkeeperError):
    """The database is not one this program can use."""

    exit_status = 78


class AlreadyWatched(LightkeeperError):
    """Another lightkeeper polls this store; one at a time may."""

    exit_status = 73
