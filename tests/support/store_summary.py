"""What a store holds after a test: each document's status, the sums, what is unpublished."""

import json
from contextlib import closing

from store_rows import counted, tallied

from lightkeeper.store.database import open_database
from lightkeeper.store.levels import Levels, sums
from lightkeeper.store.outbox import Outbox

WORDS = {"SUCCESS": "done", "FAILED": "failed", "IN_PROGRESS": "pending"}


def json_lines(ids):
    """These documents as JSON Lines."""
    return "".join(
        json.dumps(
            {
                "lighthouse_request_id": request_id,
                "form_526_submission_id": f"s{request_id // 4}",
                "document_type": "form_0781",
            }
        )
        + "\n"
        for request_id in ids
    )


def summary(path):
    """(status by request id, rows, sums, unpublished) of a store that no process writes to."""
    with closing(open_database(f"sqlite:///{path}", create=False)) as database:
        rows = database.rows(
            "SELECT lighthouse_request_id, lighthouse_status FROM form_526_document_submissions"
        )
        totals = sums(Levels(database).totals())
        assert counted(database) == tallied(database)
        unpublished = database.rows("SELECT COUNT(*) FROM transitions WHERE published_at IS NULL")
    return dict(rows), len(rows), totals, unpublished[0][0]


def pending_and_unpublished(path):
    """(pending, unpublished), while the daemon may be writing."""
    with closing(open_database(f"sqlite:///{path}", create=False)) as database:
        pending = sums(Levels(database).totals())["pending"]
        return pending, Outbox(database).unpublished_count()
