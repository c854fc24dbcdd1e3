"""The address of the database: a PostgreSQL database, or a file of SQLite's."""

import re
from typing import Final
from urllib.parse import unquote

from pydantic import SecretStr

_POSTGRESQL: Final = ("postgresql://", "postgres://")
_SQLITE: Final = re.compile(r"sqlite:///([^?#]+)")


def problem(url: str) -> str | None:
    """What is wrong with the address, and what to write; None where it can be a store's."""
    if url.startswith(_POSTGRESQL):
        return None
    if (sqlite := _SQLITE.fullmatch(url)) is None:
        return (
            "must be sqlite:///relative.db, sqlite:////absolute/path.db or "
            "postgresql://user@host/name"
        )
    path = unquote(sqlite[1]).strip()
    is_file = path.rpartition("/")[2] not in {"", ".", "..", ":memory:"}
    if is_file and "\0" not in path and not path.startswith("file:"):
        return None
    return (
        "names no file of its own, and a store in memory would be lost: write "
        "sqlite:///relative.db or sqlite:////absolute/path.db"
    )


def postgresql(url: SecretStr) -> SecretStr:
    """The same address, if it is a PostgreSQL database's; raises `ValueError`."""
    if not url.get_secret_value().startswith(_POSTGRESQL):
        raise ValueError("must be postgresql://user@host/name")
    return url
