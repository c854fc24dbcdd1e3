"""The two engines: SQLite and PostgreSQL, as Peewee opens them."""

import sqlite3
from pathlib import Path
from typing import Any, Final, TypeAlias
from urllib.parse import unquote, urlsplit

import peewee

from lightkeeper.store.errors import StoreForeign
from lightkeeper.store.files import StoreFiles

BUSY_TIMEOUT_MS: Final = 30_000

# The driver looks for an adapter of each None that it binds; finding one is quicker than finding
# out that there is none, which took 4 % of a pass.
sqlite3.register_adapter(type(None), {}.get)  # type: ignore[arg-type]  # it gives None

_DescribedEngine: TypeAlias = tuple[peewee.Database, str, type[Exception]]
"""Peewee's engine, where the database is (without its password), and what its driver raises."""


class _Sqlite(peewee.SqliteDatabase):
    """Peewee's engine, which does not close what its path no longer leads to."""

    files: StoreFiles

    def _close(self, connection: sqlite3.Connection) -> None:
        if not self.files.part(connection):
            self.files.release()
            super()._close(connection)  # type: ignore[misc]  # peewee's stubs lack it


def _sqlite(url: str) -> _DescribedEngine:
    path = str(Path(unquote(urlsplit(url).path[1:])))
    pragmas = {
        "synchronous": "normal",
        "foreign_keys": 1,
        "busy_timeout": BUSY_TIMEOUT_MS,
        "wal_autocheckpoint": 4_000,
    }
    engine = _Sqlite(path, pragmas=pragmas)
    engine.files = StoreFiles(Path(path))
    return engine, path, sqlite3.Error


def postgresql(
    url: str, setting: str = "LIGHTKEEPER_DATABASE_URL", *, is_ours: bool = True
) -> _DescribedEngine:
    """The engine for a PostgreSQL address that this setting gives; raises `StoreForeign`.

    For a database that `is_ours` it is an `Engine`, and for another program's a `SourceEngine`.
    """
    try:
        import psycopg
    except ImportError as exc:
        raise StoreForeign(
            "PostgreSQL needs a driver: pip install 'lightkeeper[postgres]'"
        ) from exc
    url = url.replace("postgres://", "postgresql://", 1)
    try:
        parts = psycopg.conninfo.conninfo_to_dict(url)
    except (psycopg.ProgrammingError, UnicodeEncodeError):
        parts = {"dbname": "@"}
    host, port, name = (str(parts.get(key) or "") for key in ("host", "port", "dbname"))
    # A password with a bare @ or / in it ends up in these, and from there in messages.
    if "@" in host + name or (port and not port.replace(",", "").isdecimal()):
        raise StoreForeign(
            f"{setting} is not postgresql://user:password@host:port/name "
            "(in user and password write %40 for @, %2F for /, %3A for :, %25 for %)"
        )
    from lightkeeper.store.postgresql import ENCODING, Engine
    from lightkeeper.store.reader import SourceEngine

    more: dict[str, Any] = {}
    if is_ours and "," in host and "target_session_attrs" not in parts:
        more["target_session_attrs"] = "read-write"  # the primary, whichever of them it is now
    # A server that fell silent must be noticed before the watchdog ends us, not within hours.
    engine = (Engine if is_ours else SourceEngine)(
        url,
        prefer_psycopg3=True,
        connect_timeout=3,
        keepalives_idle=30,
        keepalives_interval=10,
        keepalives_count=3,
        tcp_user_timeout=15_000,
        client_encoding=ENCODING,  # over PGCLIENTENCODING, and over what the role is set to
        prepare_threshold=None,  # a pooler loses what was prepared
        **more,
    )
    engine.setting = setting
    engine.place = f"PostgreSQL database {name or '(default)'}"
    return engine, engine.place, psycopg.Error


ENGINES: Final = {"sqlite": _sqlite, "postgresql": postgresql}
