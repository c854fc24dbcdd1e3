"""What Datadog gets, against what the store holds: through kills, outages, locks and stops."""

import gc
import json
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import tracemalloc
from collections import Counter
from contextlib import closing, contextmanager
from itertools import cycle, pairwise, product
from pathlib import Path

import command_line
import pytest
from daemon_rig import DaemonRig, Waiter
from store_rows import counted, tallied
from structlog.testing import capture_logs

import lightkeeper
from lightkeeper.domain.document import NewDocument
from lightkeeper.service.loop import GAUGES_EVERY_SECONDS, PUBLISH_EVERY_SECONDS
from lightkeeper.simulation.agent.server import SimulatedAgent
from lightkeeper.simulation.lighthouse.server import SimulatedLighthouse
from lightkeeper.store.database import StoreUnavailable, open_database
from lightkeeper.store.documents import Documents
from lightkeeper.store.levels import UNOBSERVED_AFTER_MS, Levels, sums
from lightkeeper.store.outbox import Backlog, Outbox
from lightkeeper.telemetry.catalogue import CATALOGUE
from lightkeeper.telemetry.publisher import PUBLISH_AT_MOST
from lightkeeper.telemetry.signals import DOCUMENT_TYPES, STEPS, Sender

OUTCOMES = "lightkeeper.documents.outcomes"
STORIES = (
    *("instantly_done", "instantly_done", "fails_claims_evidence", "fails_bgs", "stuck_bgs"),
    *("contradictory", "fails_cleanup", "lost", "unknown_status"),
)
HOUR = 3_600


def _stored(database, where="1 = 1"):
    """What publishing the store's transitions sends: how often each count and each value."""
    sent = Counter()
    rows = database.rows(
        "SELECT d.document_type, t.to_step, t.outcome, t.step_changes, t.remarks, "
        "t.processing_ms, t.detection_ms FROM transitions AS t "
        f"JOIN form_526_document_submissions AS d ON d.id = t.document_id WHERE {where}"
    )

    def add(name, *value, **tags):
        sent[name, tuple(sorted(tags.items())), *value] += 1

    for kind, step, outcome, changes, remarks, *times in rows:
        if outcome:
            add(OUTCOMES, document_type=kind, step=step.lower(), outcome=outcome)
            for name, ms in zip(("processing_time", "detection_delay"), times, strict=True):
                if ms is not None:
                    tags = {"document_type": kind, "outcome": outcome}
                    add(f"lightkeeper.documents.{name}", ms / 1_000, **tags)
        for name, word in json.loads(changes):
            tags = {"document_type": kind, "step": name.lower(), "outcome": word.lower()}
            add("lightkeeper.step.outcomes", **tags)
        said = [tuple(remark) for remark in json.loads(remarks)]
        missed = {word for what, word in said if what == "slo_missed"}
        if missed or ("slo_met", None) in said:
            for objective in ("outcome", "efolder", "detection"):
                result = "bad" if objective in missed else "good"
                add(f"lightkeeper.slo.{objective}", document_type=kind, result=result)
        for what, word in said:
            if what in {"slo_met", "slo_missed"}:
                continue
            if what.startswith("unknown_"):
                add("lightkeeper.answers.unknown_words", field=what, word=word.lower())
            elif what == "veteran_must_act":
                add("silent_failure", service="disability-application", function=kind)
            else:
                add("lightkeeper.answers.remarkable", document_type=kind, remark=what)
    return sent


def _tags(metric):
    """The signal's own tags, without the common ones."""
    return tuple(sorted((tag, metric.tags[tag]) for tag in CATALOGUE[metric.name].tags))


def _received(agent):
    """The same of what the Agent received."""
    sent = Counter()
    for metric in agent.metrics:
        if CATALOGUE[metric.name].sender is Sender.PUBLISHER:
            if metric.kind == "count":
                sent[metric.name, _tags(metric)] += metric.value
            else:
                sent[metric.name, _tags(metric), metric.value] += 1
    return sent


def _event_key(event):
    return tuple(event.tags[tag] for tag in ("event", "document_type", "step", "outcome"))


def _assert_events_as_stored(database, agent, doubled=0):
    """The events received, and what is gathered for the next, hold every transition once.

    Where the last event before a kill was not marked, its `doubled` documents come twice.
    """
    in_events, gathered = Counter(), Counter()
    for event in agent.events:
        in_events[_event_key(event)] += _documents_in(event)
    for digest in Outbox(database).unsent_events():
        gathered[digest.key] += digest.document_count
    assert gathered.keys() <= in_events.keys()  # the first of each key is sent at once
    stored = Counter()
    name = {OUTCOMES: "lightkeeper.document", "lightkeeper.step.outcomes": "lightkeeper.step"}
    for (metric, tags, *_), count in _stored(database).items():
        if metric in name:
            key = dict(tags)
            stored[name[metric], key["document_type"], key["step"], key["outcome"]] += count
    found = in_events + gathered
    assert Counter() == stored - found
    assert doubled == (found - stored).total()
    folded = {(event.aggregation_key, _event_key(event)) for event in agent.events}
    assert len(in_events) == len(folded) == len({key for key, _ in folded})


def _documents_in(event):
    return int(event.title.split()[0])


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
        dying = [
            sys.executable,
            Path(__file__).parents[2] / "support" / "dying_daemon.py",
            *fatal_call.split(),
        ]
        died = subprocess.run(dying, env=env, capture_output=True, text=True, check=False)
        assert -signal.SIGKILL == died.returncode, died.stderr
        agent.drain()
        _assert_whole(database)
        oldest = f"SELECT id FROM transitions WHERE published_at IS NULL LIMIT {PUBLISH_AT_MOST}"
        in_doubt = _stored(database, f"t.id IN ({oldest})")
        last = sum(map(_documents_in, agent.events[-1:]))

        after = command_line.run("poll", env=env)
        assert 0 == after.returncode, after.stderr
        agent.drain()

        _assert_whole(database)
        unanswered = "SELECT id FROM form_526_document_submissions WHERE last_answered_at IS NULL"
        assert [] == database.rows(unanswered)
        assert 0 == Outbox(database).unpublished_count()
        stored, received = _stored(database), _received(agent)
        assert Counter() == stored - received
        if twice == HALF_SENT_TWICE:
            assert Counter() < received - stored < in_doubt
        else:
            assert (in_doubt if twice == SENT_TWICE else Counter()) == received - stored
        _assert_events_as_stored(database, agent, last if twice == EVENT_TWICE else 0)


@pytest.fixture
def watch(tmp_path):
    """A daemon in simulated time, on SQLite."""
    with DaemonRig(f"sqlite:///{tmp_path}/store.db", tmp_path) as running:
        # It goes by the same clock as everything else.
        running.emitter._monotonic = running.clock
        yield running
    running.agent.assert_clean()


class Turns:
    """The loop's jobs at the loop's pace, in simulated time."""

    def __init__(self, watch, stop):
        self._watch, self._stop = watch, stop
        self._service = watch.daemon.loop()
        self._second = 0
        self.tracked = 0

    def minute(self, stories=("success", "fails_bgs", "fails_claims_evidence")):
        """Let a minute pass; at its beginning such documents are tracked."""
        for story in stories:
            kind = DOCUMENT_TYPES[self.tracked % len(DOCUMENT_TYPES)]
            self.tracked += len(self._watch.track(1, story, kind))
        for _ in range(60):
            self._service.poll_slice(self._stop)
            if self._second % PUBLISH_EVERY_SECONDS == 0:
                self._service.publish()
            if self._second % GAUGES_EVERY_SECONDS == 0:
                self._watch.health.pulse()
                self._watch.gauges.send()
            self._second += 1
            self._watch.clock.now += 1


def _held_by_the_daemon():
    """Bytes that our code and its libraries for sending and storing keep allocated."""
    package = Path(lightkeeper.__file__).parent  # a clone may have its name too
    ours = (f"{package}/*", "*/datadog/*", "*/peewee*", "*/requests/*")
    simulated = tracemalloc.Filter(False, f"{package}/simulation/*")
    wanted = [simulated, *(tracemalloc.Filter(True, pattern) for pattern in ours)]
    gc.collect()  # garbage is not kept
    traces = tracemalloc.take_snapshot().filter_traces(wanted)
    return sum(statistic.size for statistic in traces.statistics("filename"))


def test_an_hour_without_the_agent_costs_no_transition_and_no_memory(watch):
    """Polling continues, only the store grows, and all is published after the outage."""
    said, ended = [], []
    with capture_logs() as logs, Waiter(watch.clock).on_signals() as stop:
        turns = Turns(watch, stop)
        turns.minute()
        watch.agent.stop()
        for minute in range(60):
            if minute == 10:
                tracemalloc.start()
            turns.minute()
            said.append(sum(entry["event"] == "dogstatsd.agent.unreachable" for entry in logs))
            ended.append(turns.tracked - watch.statuses()["pending"])
        kept = _held_by_the_daemon()
        tracemalloc.stop()
        unpublished_count = Outbox(watch.database).unpublished_count()
        watch.agent.start()
        turns.minute()
        for _ in range(3):  # events of one key come a minute apart
            turns.minute(())

    assert all(later > before for before, later in pairwise(ended))
    assert unpublished_count > 3 * 60
    # 3,000 slices whose counts were lost: one pointer kept of each would be more.
    assert kept < 24_000
    assert {1} == {later - before for before, later in pairwise([0, *said])}
    assert ["dogstatsd.agent.reachable"] == [
        entry["event"] for entry in logs if entry["event"].startswith("dogstatsd.agent")
    ][-1:]
    assert Backlog(0, None) == Outbox(watch.database).backlog()
    assert _stored(watch.database) == _received(watch.agent)
    _assert_events_as_stored(watch.database, watch.agent)
    assert 1_500 < watch.emitter.lost_count == watch.agent.count("lightkeeper.dogstatsd.lost")


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
        (metric.name, _tags(metric)): metric.value
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


@pytest.mark.parametrize("noticed", [True, False], ids=["refused", "swallowed"])
def test_over_udp_the_gauges_heal_what_the_counts_lost(database_url, tmp_path, noticed):
    """Counts may be lost unnoticed, but one round of gauges shows every level as it is."""
    watch = DaemonRig(database_url, tmp_path)
    watch._agent = SimulatedAgent(port=0)
    with watch:
        watch.track(5, "fails_bgs", "form_0781", age=100.0)
        watch.poll()
        before = _stored(watch.database)
        assert before == _received(watch.agent)
        watch.agent.stop()
        with _without_agent(watch.agent.port, listening=not noticed):
            _bring_into_every_state(watch)
            watch.poll()
            watch.track_ids(range(6, 9), "form_0781a")  # and they are not polled
            watch.clock.now += UNOBSERVED_AFTER_MS / 1_000 + 10
            watch.publisher.publish()
        unpublished = _stored(watch.database, "t.published_at IS NULL")
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
        stored = _stored(watch.database)
        assert before + unpublished == _received(watch.agent)
        assert bool(unpublished) is noticed
        assert Counter() < stored - before
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
    assert _stored(watch.database) == _received(watch.agent)
    assert 0 == Outbox(watch.database).unpublished_count()
    _assert_events_as_stored(watch.database, watch.agent)


@pytest.mark.parametrize("moment", ["answered", "published"])
def test_sigterm_leaves_nothing_unpublished_and_every_gauge_true(tmp_path, simulated, moment):
    """Before the process ends it publishes all that it recorded and sends the gauges again."""
    lighthouse, agent = simulated
    url = f"sqlite:///{tmp_path}/store.db"
    env = command_line.environment(tmp_path / "store.db", lighthouse, agent)
    with command_line.running("run", env=env) as process:
        gauge = "lightkeeper.outbox.depth"
        assert agent.wait_for(lambda agent: agent.gauge(gauge) == 0, 20)
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
        assert _stored(database) == _received(agent)
        _assert_events_as_stored(database, agent)
        assert _counts(database, int(time.time() * 1_000)) == _gauges(agent, "document")
