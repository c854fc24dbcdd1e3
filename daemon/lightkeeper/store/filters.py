"""Which documents staff ask for: one filter for `list`, `ack`, `close` and `recheck`, as SQL."""

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import orjson

from lightkeeper.domain.document import FAILED, PENDING, Condition, LighthouseStatus
from lightkeeper.domain.time import Instant
from lightkeeper.store.database import Database
from lightkeeper.store.errors import StoreUnavailable
from lightkeeper.store.levels import OPEN, UNOBSERVED, UNOBSERVED_AFTER_MS

_FROM: Final = "FROM form_526_document_submissions AS d"
# Each has an index but the contradictory, which are too rare to slow every delivery down with one.
_CONDITIONS_BY_INDEX: Final[dict[str, frozenset[str]]] = {
    f"lighthouse_status = 'pending' AND {OPEN}": frozenset(
        {
            *(Condition.WAITING, Condition.SLOW, Condition.STUCK, Condition.OVERDUE),
            Condition.NOT_FOUND,
        }
    ),
    f"lighthouse_status = 'failed' AND {OPEN}": frozenset(
        {Condition.NOT_IN_EFOLDER, Condition.IN_EFOLDER, Condition.EFOLDER_UNKNOWN}
    ),
    "condition = 'contradictory'": frozenset({Condition.CONTRADICTORY}),
    "acknowledged_at IS NOT NULL": frozenset({Condition.ACKNOWLEDGED, Condition.CLOSED}),
}
_INDEXED: Final = frozenset().union(*_CONDITIONS_BY_INDEX.values())
FOUND_AT_ONCE: Final = 10_000
"""How many ids of documents that match are in memory at a time."""
READ_AT_ONCE: Final = 500
OTHER: Final = "other"
"""What Datadog is sent for a word that has no tag value of its own."""
_OWN_TAGS: Final = "SELECT word FROM open_words WHERE tag = ?"
# Both spelled as `steps` are stored: as JSON.
_HAS_WORD: Final = "(LOWER(reported_status) = ? OR LOWER(steps) LIKE ? ESCAPE '!')"
_HAS_OTHER_WORD: Final = f"""
    EXISTS (
        SELECT 1 FROM transitions AS t WHERE t.document_id = d.id AND t.remarks LIKE ?
    ) AND NOT EXISTS (
        SELECT 1 FROM ({_OWN_TAGS}) AS own
        WHERE LOWER(reported_status) = own.word
            OR LOWER(steps) LIKE ? || REPLACE(own.word, '_', '!_') || ? ESCAPE '!'
    )
"""


class Filter(NamedTuple):
    """Which documents match: those for which all of it holds; an empty set allows any value.

    Of several tries of one document the one that decides is found, as it is counted.
    """

    conditions: frozenset[str] = frozenset(map(str, Condition)) - {Condition.SUPERSEDED}
    statuses: frozenset[str] = frozenset()
    steps: frozenset[str] = frozenset()
    document_types: frozenset[str] = frozenset()
    submissions: frozenset[str] = frozenset()
    failed_since: Instant | None = None
    failed_until: Instant | None = None
    tracked_since: Instant | None = None
    tracked_until: Instant | None = None
    unobserved_at: Instant | None = None
    """The time at which they are unobserved."""
    acknowledged_until: Instant | None = None
    """Acknowledged or closed then or earlier."""
    after_id: int | None = None
    words: frozenset[str] = frozenset()
    """Statuses, steps or statuses of steps as Lighthouse calls them, in lower case, or `OTHER`."""


def select(
    database: Database, wanted: Filter, columns: str, limit: int | None = None
) -> tuple[str, list[Any]]:
    """The query for all that match, in the order they were tracked, and its parameters.

    `columns` begins with `id`. With `limit` for the first ones alone.
    """
    clauses, given = _clauses(wanted)
    conditions = wanted.conditions & _present(database, wanted)
    by_index = not wanted.submissions and conditions <= _INDEXED
    parts = _CONDITIONS_BY_INDEX if by_index else {"id IS NOT NULL": conditions}
    queries: list[str] = []
    params: list[Any] = []
    for where, indexed in parts.items():
        if some := sorted(map(str, conditions & indexed)):
            marks = ", ".join("?" * len(some))
            clause = " AND ".join([where, f"condition IN ({marks})", *clauses])
            queries.append(f"SELECT {columns} {_FROM} WHERE {clause}")
            params += [*some, *given]
    if not queries:
        return f"SELECT {columns} {_FROM} WHERE id IS NULL", []
    # The sign keeps SQLite from walking the whole table in the order of its ids.
    order = "+id" if by_index or wanted.submissions else "id"
    first = "" if limit is None else f" LIMIT {limit}"
    return (
        f"SELECT * FROM ({' UNION ALL '.join(queries)}) AS found ORDER BY {order}{first}",
        params,
    )


def _select_among(wanted: Filter, ids: Sequence[int], columns: str) -> tuple[str, list[Any]]:
    """The query for those of these documents that match still, and its parameters."""
    clauses, given = _clauses(wanted)
    conditions = sorted(wanted.conditions)
    among = (("id", ids), ("condition", conditions))
    where = [f"{column} IN ({', '.join('?' * len(some))})" for column, some in among]
    sql = f"SELECT {columns} {_FROM} WHERE {' AND '.join([*where, *clauses])} ORDER BY id"
    return sql, [*ids, *conditions, *given]


def _clauses(wanted: Filter) -> tuple[list[str], list[Any]]:
    clauses: list[str] = []
    params: list[Any] = []
    among: dict[str, frozenset[str]] = {
        "lighthouse_status": wanted.statuses,
        "current_step": wanted.steps,
        "document_type": wanted.document_types,
        "form_526_submission_id": wanted.submissions,
    }
    for column, values in among.items():
        if values:
            clauses.append(f"{column} IN ({', '.join('?' * len(values))})")
            params += sorted(values)
    if wanted.failed_since is not None or wanted.failed_until is not None:
        clauses.append("lighthouse_status = 'failed'")
    bounds = {
        "decided_at >= ?": wanted.failed_since,
        "decided_at <= ?": wanted.failed_until,
        "tracked_at >= ?": wanted.tracked_since,
        "tracked_at <= ?": wanted.tracked_until,
        "acknowledged_at <= ?": wanted.acknowledged_until,
        "id > ?": wanted.after_id,
    }
    given = {clause: at for clause, at in bounds.items() if at is not None}
    if wanted.unobserved_at is not None:
        clauses.append(UNOBSERVED)
        params += [wanted.unobserved_at - UNOBSERVED_AFTER_MS] * 2
    has_word, words = _word_clauses(wanted.words)
    return [*clauses, *has_word, *given], [*params, *words, *given.values()]


def _word_clauses(words: frozenset[str]) -> tuple[list[str], list[Any]]:
    clauses: list[str] = []
    params: list[Any] = []
    for word in sorted(words):
        if word == OTHER:
            clauses.append(f"({_HAS_OTHER_WORD} OR {_HAS_WORD})")
            params += ['%"unknown_%', "word", '%"', '"%']
        else:
            clauses.append(_HAS_WORD)
        quoted = orjson.dumps(word).decode()
        for sign in "!%_":
            quoted = quoted.replace(sign, f"!{sign}")
        params += [word, f"%{quoted}%"]
    return ([f"({' OR '.join(clauses)})"] if clauses else []), params


def _present(database: Database, wanted: Filter) -> frozenset[str]:
    """The conditions in which there are documents of these types in these statuses at all."""
    tallied = database.rows(
        "SELECT DISTINCT condition, lighthouse_status, document_type FROM tallies WHERE count <> 0"
    )
    statuses = wanted.statuses or frozenset(map(str, LighthouseStatus))
    if wanted.failed_since is not None or wanted.failed_until is not None:
        statuses &= {FAILED}
    if wanted.unobserved_at is not None:
        statuses &= {PENDING}
    return frozenset(
        condition
        for condition, status, kind in tallied
        if status in statuses and kind in (wanted.document_types or {kind})
    )


class Listing:
    """Reads documents one by one, however many there are."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def page(self, wanted: Filter, columns: str, limit: int) -> list[tuple[Any, ...]]:
        """The first `limit` that match, `id` and then these columns."""
        # The ids first: what a column costs is not spent on those beyond the page.
        ids = [row[0] for row in self._read(*select(self._db, wanted, "id", limit))]
        return self._read(*_select_among(wanted, ids, f"id, {columns}")) if ids else []

    def rows(self, wanted: Filter, columns: str) -> Iterator[tuple[Any, ...]]:
        """All that match, `id` and then these columns, read as they are needed.

        Nothing is open between two reads: a reader may pause for as long as it likes, and holds
        up neither the daemon nor the emptying of the store's -wal.
        """
        while ids := self._ids(wanted):
            for at in range(0, len(ids), READ_AT_ONCE):
                some = ids[at : at + READ_AT_ONCE]
                yield from self._read(*_select_among(wanted, some, f"id, {columns}"))
            wanted = wanted._replace(after_id=ids[-1])

    def _ids(self, wanted: Filter) -> list[int]:
        rows = self._read(*select(self._db, wanted, "id", FOUND_AT_ONCE))
        return [document_id for (document_id,) in rows]

    def _read(self, sql: str, params: list[Any]) -> list[tuple[Any, ...]]:
        try:
            return self._db.rows(sql, params)
        except StoreUnavailable:
            if not self._db.is_cut_off:
                raise
            return self._db.rows(sql, params)

    def own_tags(self, tag: str) -> list[str]:
        """The values of this tag that stand for one word that no contract knows."""
        return [word for (word,) in self._db.rows(_OWN_TAGS, (tag,))]

    def steps(self) -> list[str]:
        """Every step that a document is or was tallied at, under Lighthouse's own names."""
        rows = self._db.rows("SELECT DISTINCT step FROM tallies")
        return sorted(step for (step,) in rows)
