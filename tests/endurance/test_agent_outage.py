"""An hour in which the Agent is unreachable."""

import gc
import tracemalloc
from itertools import pairwise
from pathlib import Path

import pytest
from daemon_rig import DaemonRig, Waiter
from published import assert_events_as_stored, received, stored
from structlog.testing import capture_logs

import lightkeeper
from lightkeeper.store.outbox import Backlog, Outbox
from lightkeeper.telemetry.tags import DOCUMENT_TYPES


class Turns:
    """The daemon's own loop, in simulated time."""

    def __init__(self, watch, stop):
        self._watch, self._stop = watch, stop
        self._loop = watch.daemon.loop()
        self._loop.start(stop)
        self.tracked = 0

    def minute(self, stories=("success", "fails_bgs", "fails_claims_evidence")):
        """Let a minute pass; at its beginning such documents are tracked."""
        clock = self._watch.clock
        for story in stories:
            kind = DOCUMENT_TYPES[self.tracked % len(DOCUMENT_TYPES)]
            self.tracked += len(self._watch.track(1, story, kind))
        until = clock.now + 60
        while clock.now < until:
            self._loop.turn(self._stop)
            clock.now = max(clock.now, self._loop.scheduler.next_run_at())


def _held_by_the_daemon(watch):
    """Bytes that our code and its libraries for sending and storing keep allocated."""
    package = Path(lightkeeper.__file__).parent  # a clone may have its name too
    ours = (f"{package}/*", "*/datadog/*", "*/peewee*", "*/requests/*")
    simulated = tracemalloc.Filter(False, f"{package}/simulation/*")
    wanted = [simulated, *(tracemalloc.Filter(True, pattern) for pattern in ours)]
    watch.database._db.close()  # it keeps up to 200 ended cursors; the next job opens it again
    gc.collect()  # garbage is not kept
    traces = tracemalloc.take_snapshot().filter_traces(wanted)
    return sum(statistic.size for statistic in traces.statistics("filename"))


@pytest.fixture
def watch(tmp_path):
    """A daemon in simulated time, on SQLite."""
    with DaemonRig(f"sqlite:///{tmp_path}/store.db", tmp_path) as running:
        yield running
    running.agent.assert_clean()


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
        kept = _held_by_the_daemon(watch)
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
    assert stored(watch.database) == received(watch.agent)
    assert_events_as_stored(watch.database, watch.agent)
    assert 1_500 < watch.emitter.lost_count == watch.agent.count("lightkeeper.dogstatsd.lost")
