"""A clock that ran ahead: its times are pulled in once it comes right, and documents age again."""

import json
import re
import time
from contextlib import closing
from datetime import datetime

import pytest
from command_line import environment, run
from daemon_rig import DaemonRig
from store_rows import plans

from lightkeeper.casework import lookup
from lightkeeper.casework.triage import Action, by_lines, decide, note
from lightkeeper.domain.document import NewDocument
from lightkeeper.domain.policy import Policy
from lightkeeper.simulation.lighthouse.server import SimulatedLighthouse
from lightkeeper.store.clock import SPAN
from lightkeeper.store.database import open_database
from lightkeeper.store.documents import Documents
from lightkeeper.store.triage import TriageStore

YEAR = 365 * 86_400.0
TIMES = (
    *("tracked_at", "created_at", "first_tracked_at", "in_efolder_at", "last_polled_at"),
    *("last_answered_at", "next_poll_at", "not_found_since", "decided_at", "unanswered_since"),
    *("must_act_since", "judged_at", "acknowledged_at"),
)
STORIES = ("stuck_bgs", "stuck_claims_evidence", "lost", "fails_claims_evidence", "instantly_done")


@pytest.fixture
def rig(tmp_path):
    """A daemon on SQLite."""
    with DaemonRig(f"sqlite:///{tmp_path}/lightkeeper.db", tmp_path) as rig:
        yield rig


@pytest.fixture
def either(database_url, tmp_path):
    """A daemon on each engine in turn."""
    with DaemonRig(database_url, tmp_path) as rig:
        yield rig


def _ahead(rig):
    """The columns that hold a time in the future, those that the schedule puts there left out."""
    rows, now = rig.rows(", ".join(TIMES)), rig.clock.instant()
    return {name for row in rows for name, at in zip(TIMES, row, strict=True) if (at or 0) > now}


def _furnish(rig):
    """Track, poll, acknowledge and close with the clock as it is."""
    ids = [rig.track(1, story, age=60)[0] for story in STORIES]
    at = rig.clock.instant()
    tries = rig.lighthouse.add_many(2, "stuck_bgs", rig.clock.now)
    rig.documents.add([NewDocument(each, "s", "form_0781", "a", at) for each in tries], at)
    rig.poll()
    for action, request_id in ((Action.ACK, ids[3]), (Action.CLOSE, ids[1])):
        store, may = TriageStore(rig.database), decide(action, Policy(), at)
        chosen = by_lines(store, [str(request_id)], may)
        store.carry_out([one.id for one in chosen.documents], may, note(action, "a", "b", at))
    return ids


@pytest.mark.parametrize("seconds", [2 * YEAR, 300.0])
def test_every_time_is_pulled_in_when_the_clock_comes_right(either, seconds):
    """All times of a document by our clock, with a remark that says what they were."""
    either.clock.now += seconds
    first, *_ = _furnish(either)
    either.clock.now -= seconds
    assert set(TIMES) - {"unanswered_since"} == _ahead(either)

    either.poller.step()

    assert _ahead(either) <= {"next_poll_at"}
    ((latest,),) = either.database.rows("SELECT MAX(at) FROM transitions")
    assert either.clock.instant() == latest
    shown = lookup.document(either.database, first, either.clock.instant())
    remarks = [
        remark
        for change in shown.data["history"]
        for remark in change["remarks"]
        if remark["kind"] == "clock_corrected"
    ]
    assert 1 == len(remarks)
    assert re.match(
        r"tracked_at was \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ, created", remarks[0]["detail"]
    )
    assert not either.documents.has_times_ahead(either.clock.instant())


def test_pulling_in_is_no_loss_of_the_store(either):
    """A daemon that does not find what it wrote last takes its store for overwritten."""
    either.clock.now += YEAR
    either.health.pulse()
    window = (1, 0, either.clock.instant() + 1, "[]", "r", "b", either.clock.instant())
    marks = ", ".join("?" * len(window))
    columns = "id, starts_at, ends_at, step_names, reason, announced_by, announced_at"
    either.database.execute(
        f"INSERT INTO maintenance_windows ({columns}) VALUES ({marks})", window
    )
    either.clock.now -= YEAR

    either.documents.pull_in(either.clock.instant())
    either.clock.now += 30
    either.database.try_write(either.clock.instant())

    assert either.clock.instant() == either.database.watched_at()
    ((announced_at,),) = either.database.rows("SELECT announced_at FROM maintenance_windows")
    assert announced_at < either.clock.instant()


def test_times_are_pulled_in_wherever_they_lie(either):
    """In the whole of a large store, a bounded number of rows a transaction."""
    ids = either.track(3, "stuck_bgs")
    table = "form_526_document_submissions"
    for span, request_id in enumerate(ids):
        move = f"UPDATE {table} SET id = ? WHERE lighthouse_request_id = ?"
        either.database.execute(move, (1 + span * SPAN, request_id))
    either.clock.now += YEAR
    either.poll()
    moved = "UPDATE transitions SET id = ? WHERE document_id = ?"
    either.database.execute(moved, (3 * SPAN, 1))
    either.clock.now -= YEAR

    either.documents.pull_in(either.clock.instant())

    assert _ahead(either) == set()
    now = either.clock.instant()
    assert [] == either.database.rows(
        "SELECT id FROM transitions WHERE at > ? OR published_at > ?", (now, now)
    )


def test_poll_pulls_in_what_was_tracked_two_years_ahead(tmp_path):
    """The command polls it at once, and `show` says what its time was."""
    with SimulatedLighthouse() as lighthouse:
        env = environment(tmp_path / "lightkeeper.db", lighthouse)
        request_id = lighthouse.add(story="stuck_bgs", accepted_at=time.time() - 60)
        ahead = round((time.time() + 2 * YEAR) * 1_000)
        url = env["LIGHTKEEPER_DATABASE_URL"]
        with closing(open_database(url, create=True)) as database:
            new = NewDocument(request_id, "s", "form_0781", None, ahead)
            Documents(database).add([new], ahead)
        assert 0 == run("poll", env=env).returncode

    shown = run("show", request_id, env=env).stdout
    assert re.search(r"pending; clock corrected: tracked_at was 20\d\d-\d\d-\d\dT", shown)
    document = json.loads(run("show", request_id, "--json", env=env).stdout)
    assert document["last_polled_at"] >= document["tracked_at"]
    assert datetime.fromisoformat(document["tracked_at"]).timestamp() <= time.time()


def test_a_document_tracked_ahead_is_stuck_in_time(rig):
    """It ages from when the clock came right, and is polled ever more rarely."""
    rig.clock.now += 2 * YEAR
    (request_id,) = rig.track(1, "stuck_claims_evidence")
    rig.poll()
    rig.clock.now -= 2 * YEAR
    rig.poll()
    rig.clock.now += 3 * 86_400
    rig.poll()

    row = rig.row(request_id)
    assert "stuck" == row.condition
    assert 3_600_000 == row.next_poll_at - row.last_polled_at


def test_a_try_tracked_elsewhere_by_a_wrong_clock_is_pulled_in(rig):
    """The clock of `track` ran ahead, and not the daemon's, which looks for it once a minute."""
    rig.track(1, "stuck_bgs")
    rig.poll()
    for seconds in (2 * YEAR, 3 * 3_600):
        rig.clock.now += seconds
        (request_id,) = rig.track(1, "stuck_bgs")
        rig.clock.now -= seconds
        rig.clock.now += 61
        rig.poller.step()

        assert rig.row(request_id).tracked_at <= rig.clock.instant()
        assert rig.clock.instant() == rig.row(request_id).last_polled_at


def test_what_an_older_version_left_ahead_is_pulled_in(rig):
    """A pending document that is polled in time, and was tracked in the future."""
    (request_id, _) = rig.track(2, "stuck_bgs")
    rig.poll()
    later = rig.clock.instant() + 10**10
    rig.database.execute(
        "UPDATE form_526_document_submissions SET tracked_at = ? WHERE lighthouse_request_id = ?",
        (later, request_id),
    )
    rig.clock.now += 61
    rig.poll()

    assert rig.clock.instant() == rig.row(request_id).tracked_at


def test_looking_for_times_ahead_goes_through_no_table(either, monkeypatch):
    """A look is a few steps along indexes, and finds nothing where every clock is right."""
    _furnish(either)
    found = []
    seen = plans(
        either.database,
        monkeypatch,
        lambda: found.append(either.documents.has_times_ahead(either.clock.instant())),
    )

    assert [False] == found
    assert 6 == len(seen)
    if either.database.dialect == "sqlite":  # PostgreSQL reads a table this small as a whole
        assert not [plan for plan in seen if re.search(r"SCAN (form_526|transitions|d\b)", plan)]
    either.clock.now += 61
    either.poller.step()
    said = [text for (text,) in either.database.rows("SELECT remarks FROM transitions")]
    assert not [text for text in said if "clock_corrected" in text]
