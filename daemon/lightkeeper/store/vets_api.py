"""vets-api's own table of uploads, in its PostgreSQL: read, and never written."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import peewee

from lightkeeper.domain.errors import ExitStatus, LightkeeperError
from lightkeeper.domain.time import Instant
from lightkeeper.store.engines import postgresql

_TABLE: Final = "lighthouse526_document_uploads"
# PostgreSQL knows times that Python does not: they come as the last one that both know.
_COLUMNS: Final = """
    one.id, one.form526_submission_id, one.form_attachment_id, one.lighthouse_document_request_id,
    one.document_type, LEAST(one.created_at, '9999-12-30')
"""
_AFTER: Final = f"""
    FROM {_TABLE} AS one WHERE (one.created_at, one.id) > (%s, %s)
    ORDER BY one.created_at, one.id LIMIT %s
"""
_CREATED: Final = f"SELECT {_COLUMNS} {_AFTER}"
_WITH_STATE: Final = f"SELECT {_COLUMNS}, one.aasm_state {_AFTER}"
_BY_ID: Final = f"SELECT {_COLUMNS} FROM {_TABLE} AS one WHERE one.id = ANY(%s) ORDER BY one.id"
_REPLACED: Final = f"""
    SELECT one.id FROM {_TABLE} AS one WHERE one.id = ANY(%s) AND EXISTS (
        SELECT 1 FROM {_TABLE} AS other
        WHERE other.form526_submission_id = one.form526_submission_id
            AND other.form_attachment_id = one.form_attachment_id AND other.id <> one.id
            AND other.lighthouse_document_request_id::text <> '')
"""
_REMEDIES: Final = {
    "42P01": "it names a database without vets-api's table",
    "42703": "its table has other columns than vets-api's",
    "42501": "grant its role SELECT on the table",
    "57014": "the statement took too long: an index on (created_at, id) makes it short",
}
"""By PostgreSQL's code of the error."""
SOURCE_SETTING: Final = "LIGHTKEEPER_FOLLOW_SOURCE_URL"


class SourceUnavailable(LightkeeperError):
    """vets-api's database cannot be read right now."""

    exit_status = ExitStatus.TRY_LATER


class Upload(NamedTuple):
    """A row of vets-api's table: a document that it hands to Lighthouse, or has handed over."""

    id: int
    submission_id: Any
    attachment_id: Any
    request_id: str | None
    """None as long as Lighthouse has not taken it."""
    document_type: Any
    created: datetime
    """To the microsecond, as rows are ordered by it."""

    @property
    def created_at(self) -> Instant:
        """The same for our store."""
        return int(self.created.timestamp() * 1_000)


class VetsApiUploads:
    """The table, read in transactions that can write nothing. Errors are `SourceUnavailable`."""

    def __init__(self, url: str) -> None:
        """Raises `StoreForeign` for an address that is none, or without the driver."""
        self._db: Any
        self._db, place, self._error = postgresql(url, SOURCE_SETTING, is_ours=False)
        self._place = f"vets-api's {place}"

    def close(self) -> None:
        """Close the connection."""
        if not self._db.is_closed():
            self._db.close()

    def tried(self) -> str:
        """Where the table can be read. Raises as all do where it cannot."""
        self._rows(_BY_ID, ([0],))
        return f"{self._place}: its table can be read"

    def unverified(self) -> str | None:
        """What is wrong with the way to a host that is not local; None where nothing is."""
        found: str | None = self._db.unverified()
        return found

    def created_since(self, created_at: Instant, after: Upload | None, limit: int) -> list[Upload]:
        """At most `limit` rows created then or later, in order; those that come after one."""
        place = _place(created_at, after)
        return [_upload(row) for row in self._rows(_CREATED, (*place, limit))]

    def with_states(
        self, created_at: Instant, after: Upload | None, limit: int
    ) -> list[tuple[Upload, str | None]]:
        """The same, each with the state that vets-api gives it."""
        place = _place(created_at, after)
        rows = self._rows(_WITH_STATE, (*place, limit))
        return [(_upload(row[:-1]), row[-1]) for row in rows]

    def by_id(self, row_ids: Sequence[int]) -> list[Upload]:
        """Those of these rows that are there."""
        return [_upload(row) for row in self._rows(_BY_ID, (list(row_ids),))]

    def replaced(self, row_ids: Sequence[int]) -> set[int]:
        """Those of these rows whose attachment was handed over by another row."""
        return {row_id for (row_id,) in self._rows(_REPLACED, (list(row_ids),))}

    def _rows(self, sql: str, params: Sequence[Any]) -> list[tuple[Any, ...]]:
        try:
            rows: list[tuple[Any, ...]] = self._db.read(sql, params)
        except (peewee.PeeweeException, self._error) as exc:
            code = self._db.sqlstate(exc)
            self.close()
            words = (str(exc).strip().splitlines() or [type(exc).__name__])[0][:300]
            remedy = f" ({SOURCE_SETTING}: {_REMEDIES[code]})" if code in _REMEDIES else ""
            raise SourceUnavailable(f"{self._place}: {words}{remedy}") from exc
        return rows


def _place(created_at: Instant, after: Upload | None) -> tuple[str, int]:
    begin = datetime.fromtimestamp(created_at / 1_000, UTC) if after is None else after.created
    # Without a zone: the column may have one, or none and mean UTC, as Rails has it.
    return begin.replace(tzinfo=None).isoformat(), -1 if after is None else after.id


def _upload(row: Sequence[Any]) -> Upload:
    upload = Upload._make(row)
    created = upload.created
    return upload._replace(created=created if created.tzinfo else created.replace(tzinfo=UTC))
