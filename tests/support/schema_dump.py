"""Stores as released versions left them: `make schema-dump` writes the newest schema's, once.

A dump is SQL text with a few documents of each condition in it.
"""

import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import postgres
import run_folder
from daemon_rig import DaemonRig

from lightkeeper.casework.triage import Action, decide, note
from lightkeeper.domain.maintenance_windows import MaintenanceWindow
from lightkeeper.domain.policy import Policy
from lightkeeper.domain.time import DAY
from lightkeeper.store.expected import ExpectedDocuments
from lightkeeper.store.followed import Followed
from lightkeeper.store.maintenance_windows import MaintenanceWindows
from lightkeeper.store.migrations import NEWEST
from lightkeeper.store.triage import Filter, TriageStore
from lightkeeper.store.wanted import WantedPolls

FOLDER = Path(__file__).parent / "schemas"
STORIES = {
    **dict.fromkeys(("success", "fails_claims_evidence", "fails_bgs", "fails_unknown"), 60),
    **dict.fromkeys(("contradictory", "lost", "unknown_step", "unknown_status"), 60),
    "stuck_claims_evidence": 30 * 3_600,
    "stuck_bgs": 60 * 3_600,
    "recovers": 120,
}


def furnish(url, folder):
    """Make a store at this address that knows a document or two of each kind."""
    with DaemonRig(url, folder) as watch:
        for story, age in STORIES.items():
            watch.track(2, story, age=age)
        watch.poll()
        watch.track(3)  # not polled yet
        triage, now = TriageStore(watch.database), watch.clock.instant()
        (failed, *_) = triage.matching(Filter(frozenset({"not_in_efolder"})))
        ack = decide(Action.ACK, Policy(), now)
        triage.carry_out([failed.id], ack, note(Action.ACK, "on-call", "seen to", now))
        Followed(watch.database, "vets-api").keep(now, 0, [(7, now, None), (8, now, "wrong")], ())
        ExpectedDocuments(watch.database).expect("s-1", {"form_0781": 2}, "vets-api", now)
        windows = MaintenanceWindows(watch.database)
        windows.add(MaintenanceWindow(0, now, now + DAY, ("COMPLETE",), "upgrade", "jane", now))
        watch.clock.now += DAY / 1_000
        watch.poll()
        seen = dict(watch.rows("id, last_polled_at", "next_poll_at IS NOT NULL"))
        assert WantedPolls(watch.database).want(seen, watch.clock.instant())


def sqlite_dump(folder):
    """The store as SQL for SQLite."""
    furnish(f"sqlite:///{folder}/store.db", folder)
    with closing(sqlite3.connect(folder / "store.db")) as database:
        return "\n".join(database.iterdump()) + "\n"


def postgresql_dump(folder):
    """The same for PostgreSQL, without what names a host, a user or a version."""
    with postgres.server() as server, server.fresh_database() as url:
        furnish(url, folder)
        options = ("--inserts", "--no-owner", "--no-privileges", "--no-comments")
        text = subprocess.run(
            ["pg_dump", *options, url], check=True, capture_output=True, text=True
        ).stdout
    kept = [
        line
        for line in text.splitlines()
        if line and not line.startswith(("--", "SET ", "\\", "SELECT pg_catalog.set_config"))
    ]
    return "\n".join(kept) + "\n"


if __name__ == "__main__":
    run_folder.make()
    for engine, dump in (("sqlite", sqlite_dump), ("postgresql", postgresql_dump)):
        target = FOLDER / f"{engine}-{NEWEST}.sql"
        if target.exists():
            sys.exit(f"{target.name} is there: a schema that was released does not change")
        with tempfile.TemporaryDirectory() as folder:
            target.write_text(dump(Path(folder)))
