"""Writes tests/schemas/ENGINE-VERSION.sql: a store of the newest schema version as SQL text.

    python tests/dump_schema.py

To be run, and its files committed, with each migration that is released; never for one before.
"""

import sqlite3
import subprocess
import tempfile
from contextlib import closing
from pathlib import Path

import postgres
from lightkeeper.model import HOUR, Condition
from lightkeeper.store import migrations
from lightkeeper.store.database import open_database
from lightkeeper.store.documents import Documents
from stored import NOW, moved, new

FOLDER = Path(__file__).with_name("schemas")
DONE = {Condition.DELIVERED, Condition.CONTRADICTORY}
FAILED = {Condition.NOT_IN_EFOLDER, Condition.IN_EFOLDER, Condition.EFOLDER_UNKNOWN}


def fill(url: str) -> None:
    """Put two documents of each condition into a store, and what became of them."""
    with closing(open_database(url, create=True)) as database:
        documents = Documents(database)
        count = 2 * len(Condition)
        documents.add([new(each) for each in range(1, count + 1)], NOW)
        found = documents.due(NOW, count)
        documents.record(
            [_brought_to(each, list(Condition)[each.request_id // 2 % 12]) for each in found], NOW
        )


def _brought_to(document, condition):
    ends = {**dict.fromkeys(DONE, "done"), **dict.fromkeys(FAILED, "failed")}
    status = ends.get(condition, "pending")
    over = status == "done" or condition == Condition.CLOSED
    return moved(
        document,
        condition=str(condition),
        lighthouse_status=status,
        outcome=status if status != "pending" else None,
        current_step="complete" if status == "done" else "CLAIMS_EVIDENCE",
        decided_at=NOW if status != "pending" else None,
        next_poll_at=None if over else NOW + HOUR,
        answer='{"status": "an answer"}',
    )


def sqlite() -> str:
    """The store as `sqlite3 .dump` gives it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.db"
        fill(f"sqlite:///{path}")
        with closing(sqlite3.connect(path)) as connection:
            return "\n".join(connection.iterdump()) + "\n"


def postgresql() -> str:
    """The store as `pg_dump --inserts` gives it, without what only psql understands."""
    with postgres.server() as server, server.fresh_database() as url:
        fill(url)
        options = ("--inserts", "--no-owner", "--no-privileges")
        text = subprocess.run(
            ["pg_dump", *options, url], check=True, capture_output=True, text=True
        ).stdout
    return "".join(
        f"{line}\n"
        for line in text.splitlines()
        if line and not line.startswith(("--", "\\", "SET ", "SELECT pg_catalog.set_config"))
    )


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for engine in (sqlite, postgresql):
        (FOLDER / f"{engine.__name__}-{migrations.NEWEST}.sql").write_text(engine())
