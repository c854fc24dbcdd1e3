"""What a SQLite file holds: whether it is exactly a store of this program, whole, and how much."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from typing import Final, NamedTuple, TypeAlias

from lightkeeper.store import migrations
from lightkeeper.store.errors import StoreCorrupt, StoreForeign
from lightkeeper.store.expected import TRACKED
from lightkeeper.store.soundness import first_unsound

_COUNTED: Final = """
    SELECT document_type, lighthouse_status, current_step, condition, COUNT(*)
    FROM form_526_document_submissions GROUP BY 1, 2, 3, 4
"""
_TALLIED: Final = """
    SELECT document_type, lighthouse_status, step, condition, count FROM tallies WHERE count <> 0
"""
_MISCOUNTED: Final = f"""
    SELECT 1 FROM expected_documents AS e
    WHERE missing_count <> MAX(0, document_count - ({TRACKED})) LIMIT 1
"""
# What SQLite makes by itself is named sqlite_…, and nothing else may be.
_SCHEMA: Final = (
    "SELECT type, name, sql FROM main.sqlite_master WHERE substr(name, 1, 7) <> 'sqlite_'"
)

_Schema: TypeAlias = dict[tuple[str, str], str]
"""The SQL that made each table, index, trigger and view, by type and name."""


class Contents(NamedTuple):
    """What a verified copy holds."""

    request_ids: int
    """More than documents, where one was handed over several times."""
    newest_at: int | None
    size: int

    def text(self) -> str:
        """All of it in one line."""
        newest = ""
        if self.newest_at is not None:
            at = datetime.fromtimestamp(self.newest_at / 1_000, UTC)
            newest = f"the newest tracked {at:%Y-%m-%d %H:%M} UTC, "
        size = f"{self.size / 1e6:,.0f} MB" if self.size >= 1e6 else f"{self.size / 1e3:,.0f} kB"
        return f"{self.request_ids:,} request ids, {newest}{size}, verified"


def version(database: sqlite3.Connection, place: str) -> int:
    """The schema version of the store that is open; raises `StoreForeign` where it is not ours.

    It has exactly the tables, columns, indexes and triggers of its version, unless that is newer
    than this program.
    """
    found = _schema(database)
    if ("table", "lightkeeper_schema") not in found:
        raise StoreForeign(f"{place} is no store of lightkeeper's: name the one that is")
    try:
        ((number,),) = database.execute("SELECT version FROM lightkeeper_schema").fetchall()
    except (ValueError, sqlite3.OperationalError):  # not one row, or no such column
        number = None
    if not isinstance(number, int) or number < 1:
        raise StoreForeign(f"{place} is no store of lightkeeper's: it says no version")
    if number > migrations.NEWEST:
        return number
    if differing := sorted(found.items() ^ _made(number).items()):
        (kind, name), _ = differing[0]
        raise StoreForeign(
            f"{place} is not exactly a store of lightkeeper's: its {kind} {name[:60]!r} is "
            "missing, changed, or of another program; name the one that is, or undo the change"
        )
    return number


def _schema(database: sqlite3.Connection) -> _Schema:
    return {
        (kind, name): " ".join((sql or "").split())
        for kind, name, sql in database.execute(_SCHEMA)
    }


def _made(number: int) -> _Schema:
    """The schema that the migrations up to this version make."""
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute(migrations.VERSION)
        for statements in migrations.MIGRATIONS[:number]:
            for statement in statements:
                database.execute(statement.format(identity=migrations.IDENTITY["sqlite"]))
        return _schema(database)


def verify(database: sqlite3.Connection, place: str, size: int) -> Contents:
    """What the store that is open holds, once every page and every count of it was looked at.

    Raises `StoreForeign` where it is not exactly a store of this program, `StoreCorrupt` where it
    does not add up.
    """
    if (number := version(database, place)) > migrations.NEWEST:
        raise StoreForeign(
            f"{place} was written by a newer lightkeeper (schema {number}; this one knows "
            f"{migrations.NEWEST}): install that version, or take an older backup"
        )
    if problem := _problem(database):
        raise StoreCorrupt(
            f"{place} is corrupt ({' '.join(problem.split())}): restore another backup with "
            "`lightkeeper restore FILE`"
        )
    ((documents, newest_at),) = database.execute(
        "SELECT COUNT(*), MAX(created_at) FROM form_526_document_submissions"
    )
    return Contents(documents, newest_at, size)


def _problem(database: sqlite3.Connection) -> str | None:
    """Why what the store holds does not add up; None where it does."""
    ((verdict,),) = database.execute("PRAGMA integrity_check(1)")
    if verdict != "ok":
        return str(verdict)
    if database.execute("PRAGMA foreign_key_check").fetchone():
        return "it has history of documents that it has not"
    if set(database.execute(_COUNTED)) != set(database.execute(_TALLIED)):
        return "its tallies are not what a full count gives"
    if database.execute(_MISCOUNTED).fetchone():
        return "what it misses of expected documents is not what a full count gives"
    found = first_unsound(lambda sql: database.execute(sql).fetchall(), "sqlite")
    return f"{found} holds what lightkeeper never writes" if found else None
