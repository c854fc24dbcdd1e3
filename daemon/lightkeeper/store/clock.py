"""Times that a clock which ran ahead left in the store, and how they come right."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from lightkeeper.domain.change import Remark, RemarkKind
from lightkeeper.domain.time import DAY, HOUR, MINUTE, SECOND, Instant
from lightkeeper.store.database import Database
from lightkeeper.store.expected import OPEN as EXPECTED_OPEN
from lightkeeper.store.history import write_remark
from lightkeeper.store.levels import HANDED_OVER_AT, OPEN
from lightkeeper.store.transact import transact

LONGEST_AHEAD_MS: Final = DAY + HOUR
"""How far ahead of now a poll schedule may put a document."""
TOLERANCE_MS: Final = MINUTE
"""How far apart the clocks of two hosts may be."""
SPAN: Final = 10_000
"""How many rows are looked at in one transaction; no statement then outlasts its time limit."""

_TABLE: Final = "form_526_document_submissions"
_TIMES: Final = (
    "tracked_at",
    "created_at",
    "first_tracked_at",
    "in_efolder_at",
    "last_answered_at",
    "not_found_since",
    "decided_at",
    "unanswered_since",
    "must_act_since",
    "judged_at",
    "acknowledged_at",
)
"""The times of a document by our own clock that an answer, staff or `track` leave in the past."""
_AHEAD: Final = " OR ".join(f"{column} > ?" for column in (*_TIMES, "last_polled_at"))
_FOUND: Final = f"""
    SELECT id, lighthouse_status, current_step, last_polled_at, next_poll_at, {", ".join(_TIMES)}
    FROM {_TABLE} WHERE id > ? AND id <= ? AND ({_AHEAD} OR next_poll_at > ?) ORDER BY id
"""
_PULLED_IN: Final = f"""
    UPDATE {_TABLE} SET last_polled_at = ?, next_poll_at = ?,
        {", ".join(f"{column} = ?" for column in _TIMES)}
    WHERE id = ?
"""
# The latest time written by each who writes: daemon, `track` and staff, callers, the poll
# schedule, and what is still pending. Each is one step along an index, however large the table.
_LATEST: Final = (
    "SELECT written_at FROM lightkeeper_schema",
    "SELECT MAX(at) FROM transitions WHERE id > (SELECT MAX(id) FROM transitions) - 100",
    f"SELECT MAX(created_at) FROM {_TABLE} WHERE id > (SELECT MAX(id) FROM {_TABLE}) - 100",
    f"SELECT MAX(expected_at) FROM expected_documents WHERE {EXPECTED_OPEN}",
    f"""
    SELECT MAX(tracked_at) FROM (
        SELECT (
            SELECT MAX({HANDED_OVER_AT}) FROM {_TABLE} AS d
            WHERE d.lighthouse_status = 'pending' AND d.document_type = places.document_type
                AND d.current_step = places.step AND d.{OPEN}
        ) AS tracked_at
        FROM (
            SELECT DISTINCT document_type, step FROM tallies
            WHERE lighthouse_status = 'pending' AND count <> 0
        ) AS places
    ) AS latest
    """,
)
_OTHERS: Final = {
    "event_digests": ("first_at", "last_at", "sent_at"),
    "maintenance_windows": ("announced_at", "ended_at"),
    "tallies": ("ended_well_at",),
    "followed_up_to": ("followed_at",),
    "waiting_uploads": ("settled_at",),
    "expected_documents": ("expected_at", "settled_at"),
    "wanted_polls": ("asked_at",),
    "audit_log": ("at",),
}


def has_times_ahead(database: Database, now: Instant) -> bool:
    """Whether a clock that ran ahead has written to the store: one look at each index."""
    last_due = _first(
        database, f"SELECT MAX(next_poll_at) FROM {_TABLE} WHERE next_poll_at IS NOT NULL"
    )
    if last_due > now + LONGEST_AHEAD_MS:
        return True
    return any(_first(database, sql) > now + TOLERANCE_MS for sql in _LATEST)


def _first(database: Database, sql: str) -> Instant:
    rows = database.rows(sql)
    return int(rows[0][0] or 0) if rows else 0


def pull_in(database: Database, now: Instant) -> None:
    """Bring every time that lies in the future to now, with a remark in the document's history.

    A document that was put off, too far or at a time still to come, is due at once. Goes through
    whole tables, `SPAN` rows a transaction.
    """
    for table in (_TABLE, "transitions"):
        pull = _pull_in_documents if table == _TABLE else _pull_in_transitions
        for after in range(0, _first(database, f"SELECT MAX(id) FROM {table}"), SPAN):
            transact(database, partial(pull, database, after, now))
    transact(database, partial(_pull_in_others, database, now))
    database.try_write(now)  # the daemon goes by what it wrote itself


def _pull_in_documents(database: Database, after: int, now: Instant) -> None:
    lock = "FOR UPDATE" if database.dialect == "postgresql" else ""
    limits = (*[now] * (len(_TIMES) + 1), now + LONGEST_AHEAD_MS)
    if rows := database.rows(f"{_FOUND} {lock}", (after, after + SPAN, *limits)):
        database.execute_many(_PULLED_IN, [_row(row, now) for row in rows])
        for document_id, status, step, _, _, *times in rows:
            write_remark(database, document_id, status, step, _remark(times, now), now)


def _pull_in_transitions(database: Database, after: int, now: Instant) -> None:
    for column in ("at", "published_at"):
        database.execute(
            f"UPDATE transitions SET {column} = ? WHERE id > ? AND id <= ? AND {column} > ?",
            (now, after, after + SPAN, now),
        )


def _pull_in_others(database: Database, now: Instant) -> None:
    for table, columns in _OTHERS.items():
        for column in columns:
            database.execute(f"UPDATE {table} SET {column} = ? WHERE {column} > ?", (now, now))


def _row(row: tuple[Any, ...], now: Instant) -> tuple[Any, ...]:
    document_id, _, _, polled_at, due_at, *times = row
    put_off = due_at is not None and due_at > now
    if put_off and (due_at > now + LONGEST_AHEAD_MS or (polled_at or due_at) > now):
        due_at, polled_at = now, None
    elif polled_at is not None:
        polled_at = min(polled_at, now)
    pulled_in = [at if at is None else min(at, now) for at in times]
    return (polled_at, due_at, *pulled_in, document_id)


def _remark(times: Sequence[Instant | None], now: Instant) -> Remark:
    ahead = [
        f"{column} was {_iso(at)}"
        for column, at in zip(_TIMES, times, strict=True)
        if at is not None and at > now
    ]
    return Remark(RemarkKind.CLOCK_CORRECTED, ", ".join(ahead) or "it was put off too far")


def _iso(at: Instant) -> str:
    try:
        return f"{datetime.fromtimestamp(at / SECOND, UTC):%Y-%m-%dT%H:%M:%SZ}"
    except (ValueError, OverflowError):
        return f"{at} ms since 1970"
