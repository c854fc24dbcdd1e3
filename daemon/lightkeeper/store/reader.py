"""Another program's PostgreSQL: read as it is, and left as it was.

psycopg is an extra: only `engines` imports this module, once such an address is given.
"""

from collections.abc import Sequence
from typing import Any, Final

from psycopg.adapt import Buffer, Loader

from lightkeeper.store.postgresql import ANSWER_SECONDS, COMMAND, ENCODING, Connection, Engine

_UNCHECKED: Final = "SQL_ASCII"
_SETTINGS: Final = {
    "statement_timeout": str(COMMAND.statement_ms),
    "lock_timeout": str(COMMAND.lock_ms),
    "TimeZone": "UTC",  # what a time without a zone means there, as Rails has it
    "DateStyle": "ISO",
}


class _TextLoader(Loader):
    """Text of a database that checks none of it: bytes that are not UTF-8 spoil no other row."""

    def load(self, data: Buffer) -> str:
        return bytes(data).decode(ENCODING, "replace")


class SourceEngine(Engine):
    """An engine that writes nothing, and sets nothing that outlives a transaction.

    A pooler gives the session to the other program afterwards. A standby will do, and so will
    any encoding.
    """

    _settings = _SETTINGS

    def set_up(self, connection: Connection) -> None:
        """Read only, each statement in a transaction of its own."""
        connection.autocommit = True
        connection.read_only = True
        connection.answer_within = COMMAND.statement_ms / 1_000 + ANSWER_SECONDS
        for kind in ("text", "varchar", "bpchar"):
            connection.adapters.register_loader(kind, _TextLoader)
        if connection.info.parameter_status("server_encoding") == _UNCHECKED:
            # Its server converts nothing, and would send nothing that is not UTF-8.
            self._settings = _SETTINGS | {"client_encoding": _UNCHECKED}
        self._open = connection

    def read(self, sql: str, params: Sequence[Any]) -> list[tuple[Any, ...]]:
        """The rows of a statement; raises what the driver raises."""
        if self.is_closed():
            self.connect()
        connection: Connection = self.connection()  # type: ignore[no-untyped-call]
        calls = (
            f"set_config('{name}', '{value}', true)" for name, value in self._settings.items()
        )
        with connection.transaction():
            connection.execute(f"SELECT {', '.join(calls)}".encode())
            return connection.execute(sql.encode(), params).fetchall()
