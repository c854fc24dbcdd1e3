"""What Datadog gets, against what the store holds: through kills, outages, locks and stops."""

import signal
import socket
import sqlite3
import time
from collections import Counter
from contextlib import closing, contextmanager
from itertools import cycle, product

import command_line
import dying_daemon
import patience
import prepared_command
import pytest
from daemon_rig import DaemonRig
from published import OUTCOMES, assert_events_as_stored, documents_in, own_tags, received, stored
from store_rows import counted, tallied

from lightkeeper.casework.triage import Action, decide, note
from lightkeeper.domain.document import NewDocument
from lightkeeper.domain.policy import Policy
from lightkeeper.simulation.agent.server import SimulatedAgent
from lightkeeper.simulation.lighthouse.server import SimulatedLighthouse
from lightkeeper.store.database import StoreUnavailable, open_database
from lightkeeper.store.documents import Documents
from lightkeeper.store.expected import ExpectedDocuments
from lightkeeper.store.levels import UNOBSERVED_AFTER_MS, Levels, sums
from lightkeeper.store.outbox import Outbox
from lightkeeper.store.triage import TriageStore
from lightkeeper.telemetry.catalogue import CATALOGUE
from lightkeeper.telemetry.publisher import PUBLISH_AT_MOST
from lightkeeper.telemetry.signals import Sender
from lightkeeper.telemetry.tags import DOCUMENT_TYPES, STEPS

STORIES = (
    *("instantly_done", "instantly_done", "fails_claims_evidence", "fails_bgs", "stuck_bgs"),
    *("contradictory", "fails_cleanup", "lost", "unknown_status"),
)
HOUR = 3_600


def _assert_whole(database):
    """Every document is one of pending, done and failed, and the tallies say so too."""
    totals = sums(Levels(database).totals())
    ((tracked,),) = database.rows("SELECT COUNT(*) FROM form_526_document_submissions")
    assert tracked == totals["tracked"]
    assert tracked == totals["pending"] + totals["done"] + totals["failed"]
    assert counted(database) == tallied(database)


# Where the daemon is killed, and what Datadog then gets twice.
SENT_TWICE, HALF_SENT_TWICE, EVENT_TWICE = "batch", "part of batch", "event"
DEATHS = {
    "answered": ("after poller._lighthouse.poll_batch 3", ""),
    "half written": ("after database.execute_many 8", ""),
    "committed": ("after poller._store.record 3", ""),
    "half sent": ("after emitter.distribution 12", HALF_SENT_TWICE),
    "sent": ("before publisher._outbox.mark_published 2", SENT_TWICE),
    "half marked": ("after publisher._outbox.unsent_events 1", SENT_TWICE),
    "marked": ("after publisher._outbox.mark_published 2", ""),
    "before an event": ("before emitter.event 3", ""),
    "event sent": ("before publisher._outbox.mark_sent 3", EVENT_TWICE),
    "event marked": ("after publisher._outbox.mark_sent 3", ""),
}


@pytest.fixture
def simulated(tmp_path):
    """A Lighthouse and an Agent that wants nothing malformed."""
    with (
        SimulatedLighthouse() as lighthouse,
        SimulatedAgent(port=None, socket_path=tmp_path / "dsd") as agent,
    ):
        yield lighthouse, agent
        agent.assert_clean()


def _track(database, lighthouse, count):
    """Track so many documents of every type and ending, handed to Lighthouse an hour ago."""
    at = int((time.time() - HOUR) * 1_000)
    stories = zip(range(count), cycle(STORIES), cycle(DOCUMENT_TYPES), strict=False)
    new = [
        NewDocument(lighthouse.add(None, story, at / 1_000), f"s{number}", kind, "a", at)
        for number, story, kind in stories
    ]
    Documents(database).add(new, at)


@pytest.mark.parametrize("death", DEATHS)
def test_killed_anywhere_it_publishes_all_and_doubles_one_batch_at_most(
    database_url, simulated, death
):
    """Only a kill between sending and marking doubles anything: what was sent then, once."""
    lighthouse, agent = simulated
    fatal_call, twice = DEATHS[death]
    env = command_line.environment(None, lighthouse, agent, LIGHTKEEPER_DATABASE_URL=database_url)
    with closing(open_database(database_url, create=True)) as database:
        _track(database, lighthouse, PUBLISH_AT_MOST + 200)
        died = prepared_command.run(fatal_call.split(), env, script=dying_daemon.__file__)
        assert -signal.SIGKILL == died.returncode, died.stderr
        agent.drain()
        _assert_whole(database)
        oldest = f"SELECT id FROM transitions WHERE published_at IS NULL LIMIT {PUBLISH_AT_MOST}"
        in_doubt = stored(database, f"t.id IN ({oldest})")
        last = sum(map(documents_in, agent.events[-1:]))

        after = command_line.run("poll", env=env)
        assert 0 == after.returncode, after.stderr
        agent.drain()

        _assert_whole(database)
        unanswered = "SELECT id FROM form_526_document_submissions WHERE last_answered_at IS NULL"
        assert [] == database.rows(unanswered)
        assert 0 == Outbox(database).unpublished_count()
        expected, found = stored(database), received(agent)
        assert Counter() == expected - found
        if twice == HALF_SENT_TWICE:
            assert Counter() < found - expected < in_doubt
        else:
            assert (in_doubt if twice == SENT_TWICE else Counter()) == found - expected
        assert_events_as_stored(database, agent, last if twice == EVENT_TWICE else 0)


@pytest.fixture
def watch(tmp_path):
    """A daemon in simulated time, on SQLite."""
    with DaemonRig(f"sqlite:///{tmp_path}/store.db", tmp_path) as running:
        # It goes by the same clock as everything else.
        running.emitter._monotonic = running.clock
        yield running
    running.agent.assert_clean()


_PENDING, _FAILED = "lighthouse_status = 'pending'", "lighthouse_status = 'failed'"
_AGE = f"{_PENDING} AND not_found_since IS NULL AND last_answered_at - tracked_at"
BY_STEP = {
    "pending": _PENDING,
    "failed": _FAILED,
    "unacknowledged": f"{_FAILED} AND acknowledged_at IS NULL",
    "slow": f"{_AGE} >= {24 * HOUR}000",
    "stuck": f"{_AGE} >= {48 * HOUR}000",
    "overdue": f"{_AGE} >= {96 * HOUR}000",
}
BY_TYPE = {
    "done": "lighthouse_status = 'done'",
    "in_efolder_not_bgs": f"{_FAILED} AND in_efolder_at IS NOT NULL",
    "efolder_unknown": f"{_FAILED} AND in_efolder_at IS NULL "
    "AND COALESCE(failed_step, '') <> 'CLAIMS_EVIDENCE'",
    "contradictory": "condition = 'contradictory'",
    "acknowledged": "condition = 'acknowledged'",
    "not_found": f"{_PENDING} AND not_found_since IS NOT NULL",
}


def _rows(database, what, where="1 = 1"):
    """What a query of the documents' table gives for each type and step."""
    rows = database.rows(
        f"SELECT document_type, LOWER(current_step), {what} "
        f"FROM form_526_document_submissions WHERE {where} GROUP BY 1, 2"
    )
    return {(kind, step): value for kind, step, value in rows}


def _counts(database, now):
    """Every gauge of documents as a count of the documents gives it, zeros included."""
    steps = {*STEPS, *(step for _, step in _rows(database, "1"))}
    levels = {}
    for name, where in BY_STEP.items():
        found = _rows(database, "COUNT(*)", where)
        for kind, step in product(DOCUMENT_TYPES, steps):
            tags = (("document_type", kind), ("step", step))
            levels[f"lightkeeper.documents.{name}", tags] = found.get((kind, step), 0)
    for name, where in BY_TYPE.items():
        found = _rows(database, "COUNT(*)", where)
        for kind in DOCUMENT_TYPES:
            value = sum(found.get((kind, step), 0) for step in steps)
            levels[f"lightkeeper.documents.{name}", (("document_type", kind),)] = value
    missing = dict(
        database.rows(
            "SELECT document_type, SUM(missing_count) FROM expected_documents GROUP BY 1"
        )
    )
    for kind in DOCUMENT_TYPES:
        tags = (("document_type", kind),)
        levels["lightkeeper.documents.expected_missing", tags] = missing.get(kind, 0)
    late = f"COALESCE(unanswered_since, next_poll_at) <= {now - UNOBSERVED_AFTER_MS}"
    unobserved = _rows(database, "COUNT(*)", f"next_poll_at IS NOT NULL AND {late}")
    return levels | {("lightkeeper.documents.unobserved", ()): sum(unobserved.values())}


def _ages(database, now):
    """Every gauge of an age, computed in the same way."""
    steps = {*STEPS, *(step for _, step in _rows(database, "1"))}
    tracked_at = _rows(database, "MIN(tracked_at)", _PENDING)
    levels = {
        (
            "lightkeeper.documents.oldest_pending_age",
            (("document_type", kind), ("step", step)),
        ): now - tracked_at.get((kind, step), now)
        for kind, step in product(DOCUMENT_TYPES, steps)
    }
    for step in steps:
        waiting = [now] + [
            at
            for at, at_step in database.rows(
                "SELECT tracked_at, LOWER(current_step) FROM form_526_document_submissions "
                f"WHERE {_PENDING} ORDER BY tracked_at DESC"
            )
            if at_step == step
        ]
        median = waiting[len(waiting) // 2]
        levels["lightkeeper.documents.median_pending_age", (("step", step),)] = now - median
    since = {
        "documents.oldest_failure_age": _rows(database, "MIN(decided_at)", _FAILED).values(),
        "poll.due_lag": _rows(database, "MIN(next_poll_at)", f"next_poll_at <= {now}").values(),
        "intake.newest_age": [max(_rows(database, "MAX(created_at)").values())],
        "outbox.age": [
            at for (at,) in database.rows("SELECT at FROM transitions WHERE published_at IS NULL")
        ],
    }
    for name, instants in since.items():
        levels[f"lightkeeper.{name}", ()] = now - min(instants, default=now)
    return {key: age / 1_000 for key, age in levels.items()}


def _gauges(agent, unit):
    """The last value of every gauge of the store that has this unit."""
    return {
        (metric.name, own_tags(metric)): metric.value
        for metric in agent.metrics
        if (found := CATALOGUE[metric.name]).sender is Sender.GAUGES and found.unit == unit
    }


@contextmanager
def _without_agent(port, *, listening):
    """The stopped Agent's port: closed, or that of a process that never reads."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        if listening:
            sock.bind(("127.0.0.1", port))
        yield


def _bring_into_every_state(watch):
    """Documents in every state, some of them polled without an answer."""
    for days in (1, 2, 4):
        watch.track(days, "stuck_bgs", "veteran_upload", age=days * 24 * HOUR + 60.0)
        watch.track(1, "stuck_claims_evidence", "form_0781", age=days * 24 * HOUR - 60.0)
    for number, story in enumerate(("fails_claims_evidence", "fails_bgs", "fails_unknown")):
        watch.track(number + 1, story, "form_0781a", age=100.0)
    watch.track(4, "contradictory", "form_0781", age=100.0)
    watch.track(2, "instantly_done", "bdd_instructions")
    watch.track(3, "unknown_step", "form_0781", age=13.0)  # at the unknown step
    watch.track_ids(range(1, 6), "veteran_upload")  # which Lighthouse does not
    for request_id in watch.track(2, "success", "form_0781a"):
        watch.lighthouse.omit(request_id)
    two_hours_ago = watch.clock.instant() - 2 * HOUR * 1_000
    ExpectedDocuments(watch.database).expect("s-0", {"form_0781": 2}, "caller", two_hours_ago)


def _acknowledge_one(watch, condition):
    (document_id,), *_ = watch.rows("id", f"condition = '{condition}'")
    now = watch.clock.instant()
    may, by_staff = decide(Action.ACK, Policy(), now), note(Action.ACK, "jane", "seen to", now)
    assert 1 == TriageStore(watch.database).carry_out([document_id], may, by_staff)


@pytest.mark.parametrize("noticed", [True, False], ids=["refused", "swallowed"])
def test_over_udp_the_gauges_heal_what_the_counts_lost(database_url, tmp_path, noticed):
    """Counts may be lost unnoticed, but one round of gauges shows every level as it is."""
    watch = DaemonRig(database_url, tmp_path)
    watch._agent = SimulatedAgent(port=0)
    with watch:
        watch.track(5, "fails_bgs", "form_0781", age=100.0)
        watch.poll()
        before = stored(watch.database)
        assert before == received(watch.agent)
        watch.agent.stop()
        with _without_agent(watch.agent.port, listening=not noticed):
            _bring_into_every_state(watch)
            watch.poll()
            _acknowledge_one(watch, "contradictory")
            watch.track_ids(range(6, 9), "form_0781a")  # and they are not polled
            watch.clock.now += UNOBSERVED_AFTER_MS / 1_000 + 10
            watch.publisher.publish()
        unpublished = stored(watch.database, "t.published_at IS NULL")
        watch.agent.start()
        watch.health.pulse()
        watch.gauges.send()

        now = watch.clock.instant()
        counts = _counts(watch.database, now)
        assert "virus_scan" in {dict(tags).get("step") for _, tags in counts}
        assert counts == _gauges(watch.agent, "document")
        assert _ages(watch.database, now) == _gauges(watch.agent, "second")
        assert {name for name, _ in counts} == {
            name for (name, _), value in counts.items() if value
        }
        assert Outbox(watch.database).backlog().depth == watch.agent.gauge(
            "lightkeeper.outbox.depth"
        )
        assert 1 == watch.agent.gauge("lightkeeper.heartbeat")
        while watch.publisher.publish():
            pass
        assert before + unpublished == received(watch.agent)
        assert bool(unpublished) is noticed
        assert Counter() < stored(watch.database) - before
        watch.agent.assert_clean()


@contextmanager
def _locked(watch):
    """Another writer locks the store."""
    watch.database.execute("PRAGMA busy_timeout = 20")
    with closing(sqlite3.connect(watch.database.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@contextmanager
def _full(watch):
    """The disk has room for what is stored, and no more."""
    ((pages,),) = watch.database.rows("PRAGMA page_count")
    watch.database.rows(f"PRAGMA max_page_count = {pages}")
    yield
    watch.database.rows("PRAGMA max_page_count = 1000000")


@contextmanager
def _no_events(watch):
    """All can be written but the mark that an event was sent."""
    watch.database.execute(
        "CREATE TRIGGER no_events BEFORE UPDATE OF sent_at ON event_digests "
        "BEGIN SELECT RAISE(ABORT, 'disk I/O error'); END"
    )
    yield
    watch.database.execute("DROP TRIGGER no_events")


@pytest.mark.parametrize("broken", [_locked, _full, _no_events])
def test_what_cannot_be_marked_is_not_sent_again_and_again(watch, broken):
    """What was sent while the store cannot be written is marked later, and not sent again."""
    watch.track(900)
    watch.steps(9)
    with broken(watch):
        for _ in range(5):
            with pytest.raises(StoreUnavailable):
                watch.publisher.publish()
    while watch.publisher.publish():
        pass

    assert 900 == watch.agent.count(OUTCOMES)
    assert stored(watch.database) == received(watch.agent)
    assert 0 == Outbox(watch.database).unpublished_count()
    assert_events_as_stored(watch.database, watch.agent)


@pytest.mark.parametrize("moment", ["answered", "published"])
def test_sigterm_leaves_nothing_unpublished_and_every_gauge_true(tmp_path, simulated, moment):
    """Before the process ends it publishes all that it recorded and sends the gauges again."""
    lighthouse, agent = simulated
    url = f"sqlite:///{tmp_path}/store.db"
    env = command_line.environment(tmp_path / "store.db", lighthouse, agent)
    with command_line.running("run", env=env) as process:
        gauge = "lightkeeper.outbox.depth"
        assert agent.wait_for(lambda agent: agent.gauge(gauge) == 0, patience.SECONDS)
        with closing(open_database(url, create=False)) as database:
            _track(database, lighthouse, 200)
            asked = "SELECT COUNT(*) FROM form_526_document_submissions WHERE last_polled_at > 0"
            command_line.until(lambda: [(200,)] == database.rows(asked))
            if moment == "published":
                command_line.until(lambda: not Outbox(database).unpublished_count())
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate()
    assert 0 == process.returncode, log
    agent.drain()

    with closing(open_database(url, create=False)) as database:
        _assert_whole(database)
        assert 0 == Outbox(database).unpublished_count()
        assert stored(database) == received(agent)
        assert_events_as_stored(database, agent)
        assert _counts(database, int(time.time() * 1_000)) == _gauges(agent, "document")
