"""Documents that a submission should have, in the store: how many, and how many are missing.

What is missing is counted anew in each transaction that tracks or corrects a document, so that
a caller who asks what is missing reads no document.
"""

from collections.abc import Collection, Mapping
from functools import partial
from typing import Final

from lightkeeper.domain.expected import Expectation, counted, said_again
from lightkeeper.domain.time import Instant
from lightkeeper.store import audit
from lightkeeper.store.database import Database
from lightkeeper.store.transact import transact

OPEN: Final = "missing_count > 0 AND settled_at IS NULL"
"""What `Expectation.is_open` says; word for word as in the index."""
_KEY: Final = ("form_526_submission_id", "document_type")
_COLUMNS: Final = (
    *(*_KEY, "document_count", "missing_count"),
    *("expected_at", "expected_by", "settled_at", "settled_by", "settled_reason"),
)
_SELECT: Final = f"SELECT {', '.join(f'e.{each}' for each in _COLUMNS)}"
_FROM: Final = "FROM expected_documents AS e"
# Tries of one attachment are one document; one without an attachment is a document by itself.
TRACKED: Final = """
    SELECT COUNT(*) - COUNT(form_attachment_id) + COUNT(DISTINCT form_attachment_id)
    FROM form_526_document_submissions AS d
    WHERE d.form_526_submission_id = e.form_526_submission_id
        AND d.document_type = e.document_type
"""
"""How many documents are tracked of what is expected; the outer query names that `e`."""
_PUT: Final = f"""
    INSERT INTO expected_documents ({", ".join(_COLUMNS)})
    VALUES ({", ".join("?" * len(_COLUMNS))})
    ON CONFLICT ({", ".join(_KEY)})
    DO UPDATE SET {", ".join(f"{each} = excluded.{each}" for each in _COLUMNS if each not in _KEY)}
"""
_TAKE_BACK: Final = """
    DELETE FROM expected_documents WHERE form_526_submission_id = ? AND document_type = ?
"""
_LATE: Final = f"""
    SELECT document_type, SUM(missing_count) FROM expected_documents
    WHERE {OPEN} AND expected_at <= ? GROUP BY document_type
"""


class ExpectedDocuments:
    """What is expected of each submission."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def of_submission(self, submission_id: str) -> list[Expectation]:
        """What is expected of one submission, by type."""
        rows = self._db.rows(
            f"{_SELECT} {_FROM} WHERE form_526_submission_id = ? ORDER BY document_type",
            (submission_id,),
        )
        return [Expectation._make(row) for row in rows]

    def missing(self, *, also_settled: bool = False) -> list[Expectation]:
        """What is expected and not tracked, the oldest first."""
        which = "missing_count > 0" if also_settled else OPEN
        rows = self._db.rows(
            f"{_SELECT} {_FROM} WHERE {which} "
            "ORDER BY expected_at, form_526_submission_id, document_type"
        )
        return [Expectation._make(row) for row in rows]

    def late(self, until: Instant) -> dict[str, int]:
        """How many documents are expected since then or earlier and not tracked, by type.

        Reads only what is open, however much is expected.
        """
        return {kind: int(count) for kind, count in self._db.rows(_LATE, (until,))}

    def expect(
        self, submission_id: str, counts: Mapping[str, int], by: str, now: Instant
    ) -> list[Expectation]:
        """Note how many documents of these types a submission should have; all that is expected
        of it then.

        What is said again replaces what was said of that type, and 0 takes it back. Documents that
        are tracked already count.
        """
        return transact(self._db, partial(self._expect, submission_id, counts, by, now))

    def _expect(
        self, submission_id: str, counts: Mapping[str, int], by: str, now: Instant
    ) -> list[Expectation]:
        self._db.lock_intake()
        known = {each.document_type: each for each in self.of_submission(submission_id)}
        for kind, count in sorted(counts.items()):
            if not count:
                self._db.execute(_TAKE_BACK, (submission_id, kind))
            elif kind in known:
                self._db.execute(_PUT, said_again(known[kind], count, by, now))
            else:
                self._db.execute(_PUT, Expectation(submission_id, kind, count, count, now, by))
        recount(self._db, [submission_id])
        found = self.of_submission(submission_id)
        if found != list(known.values()):
            said = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
            audit.note(self._db, by, "expected", f"submission {submission_id}: {said}", now)
        return found

    def settle(
        self,
        submission_id: str,
        kinds: Collection[str],
        by: str,
        reason: str,
        now: Instant,
        *,
        revoke: bool = False,
    ) -> list[Expectation]:
        """Note that staff settled what is missing of a submission, and count it no longer.

        Of these types, or of all without any; with `revoke` it is missing again. What changed, as
        it is now.
        """
        at, who, why = (None, None, None) if revoke else (now, by, reason)

        def write() -> list[Expectation]:
            self._db.lock_intake()
            changed = [
                each._replace(settled_at=at, settled_by=who, settled_reason=why)
                for each in self.of_submission(submission_id)
                if each.missing_count and each.is_open != revoke
                if not kinds or each.document_type in kinds
            ]
            if changed:
                self._db.execute_many(_PUT, changed)
                which = ", ".join(f"{each.missing_count} {each.document_type}" for each in changed)
                what = f"submission {submission_id}, {which}{reason and f': {reason}'}"
                action = "missing_again" if revoke else "settled"
                audit.note(self._db, by, action, what, now)
            return changed

        return transact(self._db, write)


def recount(database: Database, submissions: Collection[str]) -> None:
    """Count anew what is missing of these submissions.

    Call it in the transaction that tracked or moved a document of theirs, under `lock_intake`.
    Where nothing is expected of them it costs a look at an index.
    """
    if not submissions:
        return
    rows = database.rows(
        f"{_SELECT}, ({TRACKED}) {_FROM} "
        f"WHERE form_526_submission_id IN ({', '.join('?' * len(submissions))})",
        list(submissions),
    )
    changed = []
    for *columns, tracked in rows:
        was = Expectation._make(columns)
        if (one := counted(was, tracked)) != was:
            changed.append(one)
    if changed:
        database.execute_many(_PUT, changed)
