"""The loop: a failing job stops only itself, a signal ends the loop, the clock may jump."""

import concurrent.futures
import datetime
import os
import signal
import sqlite3
import threading
import time
from collections import Counter
from contextlib import closing, contextmanager
from functools import partial

import command_line
import freezegun
import patience
import pytest
import structlog
from daemon_rig import DaemonRig
from notify_socket import Notified
from patience import at_most

from lightkeeper.casework.maintenance_windows import announce
from lightkeeper.config.settings import Settings
from lightkeeper.domain.time import HOUR
from lightkeeper.service import loop as service
from lightkeeper.service.scheduler import ClockedScheduler
from lightkeeper.service.stop import Stop
from lightkeeper.service.systemd import ServiceManager
from lightkeeper.service.wiring import build_daemon
from lightkeeper.simulation.agent.server import SimulatedAgent
from lightkeeper.simulation.lighthouse.server import SimulatedLighthouse
from lightkeeper.store.database import open_database
from lightkeeper.store.errors import StoreCorrupt
from lightkeeper.store.levels import Levels, sums
from lightkeeper.store.maintenance_windows import MaintenanceWindows

OUTCOMES = "lightkeeper.documents.outcomes"
SUCCESS = "lightkeeper.cycle.success"
STARTS = "lightkeeper.service.starts"
DUE_LAG = "lightkeeper.poll.due_lag"


@pytest.fixture
def watch(tmp_path):
    """A daemon in a time of its own."""
    with DaemonRig(f"sqlite:///{tmp_path}/lightkeeper.db", tmp_path, batch_size=10) as running:
        yield running


@pytest.fixture
def looped(watch):
    """The loop over `watch`."""
    return watch.daemon.loop()


class Daemon:
    """The daemon as `lightkeeper run` builds it, between a simulated Lighthouse and Agent."""

    def __init__(self, folder, monkeypatch, **clocks):
        self.path = folder / "lightkeeper.db"
        self.lighthouse = SimulatedLighthouse()
        self.agent = SimulatedAgent(port=None, socket_path=folder / "dsd.socket")
        self._monkeypatch = monkeypatch
        self._clocks = clocks

    @contextmanager
    def running(self):
        with self.lighthouse, self.agent:
            env = command_line.environment(self.path, self.lighthouse, self.agent)
            for name, value in env.items():
                self._monkeypatch.setenv(name, value)
            settings = Settings.load(lighthouse=True)
            with closing(build_daemon(settings, create=True, **self._clocks)) as self.parts:
                yield self

    def run_while(self, scenario):
        """Run the loop until `scenario`, which runs beside it, is over."""
        with (
            Stop().on_signals() as stop,
            concurrent.futures.ThreadPoolExecutor(1) as beside,
        ):
            future = beside.submit(scenario)
            future.add_done_callback(lambda _: stop.request())
            self.parts.loop().run(stop)
            future.result()

    def track(self, count, story="instantly_done"):
        """Track documents, as another process would."""
        lines = "".join(
            f'{{"lighthouse_request_id":{request_id},"form_526_submission_id":"s",'
            f'"document_type":"form_0781"}}\n'
            for request_id in self.lighthouse.add_many(count, story)
        )
        env = command_line.environment(self.path)
        assert 0 == command_line.run("track", "-", env=env, input=lines).returncode

    def statuses(self):
        """How many documents have which status, read beside the daemon."""
        with closing(sqlite3.connect(self.path)) as reading:
            rows = reading.execute(
                "SELECT lighthouse_status FROM form_526_document_submissions"
            ).fetchall()
        return Counter(status for (status,) in rows)


class SettableClock:
    """The wall clock, which can be set to another time."""

    def __init__(self):
        self._ahead_ms = 0

    def __call__(self):
        return int(time.time() * 1_000) + self._ahead_ms

    def jump(self, hours):
        self._ahead_ms += hours * 3_600_000


@pytest.fixture
def wall_clock():
    """The clock of `daemon`."""
    return SettableClock()


@pytest.fixture
def daemon(tmp_path, monkeypatch, wall_clock):
    """A `Daemon` whose jobs all run every quarter of a second."""
    for job in ("POLL", "PUBLISH", "GAUGES"):
        monkeypatch.setattr(service, f"{job}_EVERY_SECONDS", 0.25)
    with Daemon(tmp_path, monkeypatch, clock=wall_clock).running() as made:
        yield made


def test_the_loop_polls_publishes_and_sends_gauges(daemon):
    """A document that is tracked while the loop runs becomes done, published and a gauge."""

    def scenario():
        daemon.track(250)
        done = "lightkeeper.documents.done"
        assert daemon.agent.wait_for(
            lambda agent: agent.gauge(done, document_type="form_0781") == 250, patience.SECONDS
        )

    daemon.run_while(scenario)

    assert {"done": 250} == daemon.statuses()
    assert 250 == daemon.agent.count(OUTCOMES, outcome="done")
    assert 1 == daemon.agent.count(STARTS)
    daemon.agent.assert_clean()


def test_the_status_line_says_so_during_maintenance(watch, tmp_path):
    """Until when and why; it is read anew each time."""
    at, windows = watch.clock.instant(), MaintenanceWindows(watch.database)
    announce(windows, at, at + HOUR, reason="BGS upgrade", by="jane", now=at)
    with Notified(tmp_path / "notify.socket") as manager:
        loop = watch.daemon.loop(ServiceManager({"NOTIFY_SOCKET": str(manager.path)}))
        loop.report_status()
        said = "STATUS=0 pending; maintenance of all of Lighthouse until"
        assert [f"{said} 2027-01-15T09:00:00Z: BGS upgrade"] == manager.heard()
        watch.clock.now += 3_600
        loop.report_status()
        assert ["STATUS=0 pending"] == manager.heard()


def test_a_start_on_a_store_that_no_daemon_watched_is_counted_as_that(tmp_path, monkeypatch):
    """Also where `track` made the store and `check` tried it; the next is on a known one."""
    for store in ("new", "known"):
        daemon = Daemon(tmp_path, monkeypatch)
        daemon.track(1)
        checked = command_line.run("check", env=command_line.environment(daemon.path))
        assert "ok    database" in checked.stdout
        with daemon.running():
            seen = partial(
                daemon.agent.wait_for, lambda agent: agent.count(STARTS), patience.SECONDS
            )
            daemon.run_while(seen)
            assert 1 == daemon.agent.count(STARTS, store=store) == daemon.agent.count(STARTS)


def test_a_reload_that_crashes_is_logged_and_the_loop_continues(daemon):
    """A reload that raises an unforeseen error is logged like a job that does."""

    asked = []

    def mistaken():
        asked.append(True)
        raise ZeroDivisionError

    with (
        Stop().on_signals(reloads=True) as stop,
        concurrent.futures.ThreadPoolExecutor(1) as beside,
    ):

        def scenario():
            os.kill(os.getpid(), signal.SIGHUP)
            command_line.until(lambda: asked)
            daemon.track(3)
            command_line.until(lambda: {"done": 3} == daemon.statuses())

        future = beside.submit(scenario)
        future.add_done_callback(lambda _: stop.request())
        with structlog.testing.capture_logs() as logged:
            daemon.parts.loop().run(stop, mistaken)
        future.result()

    crashed = [line for line in logged if line["event"] == "service.job.crashed"]
    assert ["reload"] == [line["job"] for line in crashed]


def test_a_job_that_keeps_crashing_starves_the_watchdog(daemon, tmp_path, monkeypatch):
    """The other jobs continue, and systemd misses the watchdog until the job works again."""

    def mistaken(*_):
        raise ZeroDivisionError

    with (
        Notified(tmp_path / "notify.socket") as manager,
        Stop().on_signals() as stop,
        concurrent.futures.ThreadPoolExecutor(1) as beside,
    ):
        monkeypatch.setenv("NOTIFY_SOCKET", str(manager.path))
        service, sound = daemon.parts.loop(), daemon.parts.poller.step

        def scenario():
            manager.wait_for("WATCHDOG=1")
            daemon.parts.poller.step = mistaken
            time.sleep(2)  # what was on its way
            manager.heard()
            time.sleep(6)
            assert "WATCHDOG=1" not in manager.heard()
            daemon.parts.poller.step = sound
            manager.wait_for("WATCHDOG=1")

        future = beside.submit(scenario)
        future.add_done_callback(lambda _: stop.request())
        service.run(stop)
        future.result()


@contextmanager
def _locked(path):
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@contextmanager
def _refusing(path):
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        for table in ("form_526_document_submissions", "transitions"):
            other.execute(
                f"CREATE TRIGGER no_{table} BEFORE UPDATE ON {table} "
                "BEGIN SELECT RAISE(ABORT, 'attempt to write a readonly database'); END"
            )
        yield
        for table in ("form_526_document_submissions", "transitions"):
            other.execute(f"DROP TRIGGER no_{table}")


@pytest.mark.parametrize("broken", [_locked, _refusing])
def test_a_store_that_cannot_be_written_stops_no_gauge(daemon, broken):
    """Gauges continue meanwhile; afterwards every document is polled and published once."""
    daemon.parts.database.execute("PRAGMA busy_timeout = 50")
    daemon.lighthouse.latency = 0.2  # so that the store is broken before the first answer

    def scenario():
        daemon.track(100)
        with broken(daemon.path):
            already = len(daemon.agent.values(DUE_LAG))
            time.sleep(2)
            assert 2 <= len(daemon.agent.values(DUE_LAG)) - already
            assert {"pending": 100} == daemon.statuses()
        command_line.until(lambda: daemon.statuses()["done"] == 100)

    daemon.run_while(scenario)

    assert 100 == daemon.agent.count(OUTCOMES)


def test_a_job_that_raises_is_reported_and_scheduled_again():
    """A failing job runs again at its interval, and the job beside it at its own."""
    ran, failed = [], []

    def broken():
        ran.append("broken")
        raise ZeroDivisionError

    clock = Monotonic()
    scheduler = ClockedScheduler(clock, lambda job, exc: failed.append((job, type(exc))))
    scheduler.every(20).seconds.do(broken)
    scheduler.every(20).seconds.do(ran.append, "neighbour")
    for _ in range(50):
        clock.now += 1
        scheduler.run_pending()

    assert {"broken": 2, "neighbour": 2} == Counter(ran)
    assert [("broken", ZeroDivisionError)] * 2 == failed


class Monotonic:
    """A clock that only the test moves on."""

    now = 100.0

    def __call__(self):
        return self.now


@pytest.mark.parametrize("jump", [-1, 2, 24 * 365])
def test_a_jump_of_the_wall_clock_moves_no_job(jump):
    """Jobs run at their pace, however far and wherever the wall clock is set, summer time too."""
    clock, ran = Monotonic(), []
    with freezegun.freeze_time("2026-03-08T06:59:00Z", tz_offset=-5) as frozen:
        scheduler = ClockedScheduler(clock, lambda *_: None)
        scheduler.every(30).seconds.do(lambda: ran.append(clock.now))
        clock.now += 15
        frozen.tick(datetime.timedelta(hours=jump))
        for _ in range(90):
            clock.now += 1
            scheduler.run_pending()

    assert [130.0, 160.0, 190.0] == ran


def test_missed_runs_are_not_made_up():
    """After an hour in which the loop had no turn, a job runs once."""
    clock, ran = Monotonic(), []
    scheduler = ClockedScheduler(clock, lambda *_: None)
    scheduler.every(1).seconds.do(ran.append, "job")
    clock.now += 3_600

    scheduler.run_pending()
    scheduler.run_pending()

    assert ["job"] == ran
    assert (1.0, clock.now + 1.0) == (scheduler.idle_seconds, scheduler.next_run_at())


@pytest.mark.parametrize("hours", [-1, 2])
@pytest.mark.parametrize("busy", [False, True], ids=["idle", "in the middle of a job"])
def test_the_loop_keeps_its_pace_when_the_wall_clock_is_set(daemon, wall_clock, hours, busy):
    """Jobs keep their interval when the clock is set, between jobs or during one; it is logged."""

    def seen():
        """How often gauges were sent, and how often the poll job ran and succeeded."""
        return len(daemon.agent.values(DUE_LAG)), daemon.agent.count(SUCCESS)

    def scenario():
        command_line.until(lambda: all(seen()))
        time.sleep(0.3)
        if busy:
            daemon.lighthouse.latency = 0.3
            daemon.track(10)
            command_line.until(lambda: daemon.lighthouse.calls)
        wall_clock.jump(hours)
        before = seen()
        time.sleep(1.5)
        for already, now in zip(before, seen(), strict=True):
            assert 2 <= now - already <= 7

    with structlog.testing.capture_logs() as logged:
        daemon.run_while(scenario)

    jumps = [line["seconds"] for line in logged if line["event"] == "service.clock_jumped"]
    assert [3_600 * hours] == [round(seconds) for seconds in jumps]


def _slice(looped):
    with Stop().on_signals() as stop:
        looped.poll_slice(stop)


def test_a_slice_with_nothing_due_is_a_success(watch, looped):
    """A slice with nothing to poll counts as a success."""
    _slice(looped)
    _slice(looped)

    watch.emitter.flush()
    assert 2 == watch.agent.count(SUCCESS)


def test_a_slice_in_which_every_call_fails_is_no_success(watch, looped):
    """Neither the failed call counts as a success, nor the slices that wait for its retry."""
    watch.track(10)
    watch.lighthouse.fail_share(1.0, 500)
    for _ in range(3):
        _slice(looped)

    watch.emitter.flush()
    assert 0 == watch.agent.count(SUCCESS)
    assert 1 == watch.agent.count("lightkeeper.poll.batches", outcome="server_error")


def test_a_slice_with_one_answer_is_a_success(watch, looped):
    """A slice with a failed and an answered call counts as a success."""
    watch.track(20)
    watch.steps(1)
    watch.lighthouse.fail_next(1, 500)
    _slice(looped)

    watch.emitter.flush()
    assert 1 == watch.agent.count(SUCCESS)


def test_waiting_after_a_429_is_no_success_until_an_answer(watch, looped):
    """Slices that wait after a 429 count only once Lighthouse has answered again."""
    watch.track(10)
    watch.lighthouse.fail_next(1, 429, headers={"Retry-After": "30"})
    _slice(looped)
    _slice(looped)
    _slice(looped)
    watch.emitter.flush()
    assert 0 == watch.agent.count(SUCCESS)
    assert 1 == len(watch.calls())

    watch.clock.now += 31
    _slice(looped)
    _slice(looped)

    watch.emitter.flush()
    assert 2 == watch.agent.count(SUCCESS)


@pytest.mark.speed
def test_a_slice_ends_in_time_with_any_backlog(watch, monkeypatch):
    """A slice takes no longer than its limit and one call."""
    monkeypatch.setattr(service, "SLICE_SECONDS", 0.2)
    watch.track(500)
    watch.lighthouse.latency = 0.05
    watch.daemon.monotonic = time.monotonic
    looped = watch.daemon.loop()
    began = time.monotonic()

    _slice(looped)

    assert 0.2 <= time.monotonic() - began < at_most(1.0)
    assert 10 < watch.statuses()["pending"] < 490


def test_a_store_that_was_tampered_with_ends_the_loop(watch):
    """A job that crashes at what lightkeeper never writes ends the daemon: no wait fixes that."""
    watch.track(1)
    watch.database.execute("UPDATE form_526_document_submissions SET tracked_at = 'soon'")

    with (
        Stop().on_signals() as stop,
        pytest.raises(StoreCorrupt, match="tracked_at of form_526_document_submissions holds"),
    ):
        watch.daemon.loop().start(stop)


def test_transitions_wait_while_the_agent_is_unreachable(watch, looped):
    """Polling continues, and each transition is published once when the Agent is reachable."""
    watch.agent.stop()
    watch.track(2_500)
    while watch.statuses()["pending"]:
        _slice(looped)
        looped.publish()
    assert [(2_500,)] == watch.database.rows(
        "SELECT COUNT(*) FROM transitions WHERE published_at IS NULL"
    )
    assert watch.emitter.reachable is False

    watch.agent.start()
    looped.publish()
    looped.publish()

    assert 2_500 == watch.agent.count(OUTCOMES)
    assert watch.emitter.reachable
    watch.agent.assert_clean()


@pytest.mark.speed
def test_a_request_to_stop_ends_a_wait_at_once():
    """A request ends a wait, from another thread or by a signal, and prevents the next."""
    for ask in (lambda stop: stop.request(), lambda _: os.kill(os.getpid(), signal.SIGTERM)):
        with Stop().on_signals() as stop:
            threading.Timer(0.1, ask, [stop]).start()
            began = time.monotonic()
            while not stop.requested:
                stop.wait(patience.SECONDS)
            stop.wait(patience.SECONDS)
            assert at_most(5) > time.monotonic() - began


@pytest.fixture
def simulated(tmp_path):
    """A Lighthouse with a long backlog and an Agent, the environment to find them, a store."""
    agent = SimulatedAgent(port=None, socket_path=tmp_path / "dsd.socket")
    with SimulatedLighthouse() as lighthouse, agent:
        env = command_line.environment(
            tmp_path / "lightkeeper.db", lighthouse, agent, LIGHTKEEPER_BATCH_SIZE="10"
        )
        lines = "".join(
            f"{request_id},s,form_0781\n" for request_id in lighthouse.add_many(3_000, "fails_bgs")
        )
        header = "lighthouse_request_id,form_526_submission_id,document_type\n"
        assert 0 == command_line.run("track", "-", env=env, input=header + lines).returncode
        yield lighthouse, env


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_process_with_nothing_half_done(simulated, tmp_path, number):
    """The process ends within a slice, with status 0; whole batches are stored and published."""
    lighthouse, env = simulated
    lighthouse.latency = 0.02
    with command_line.running("run", env=env, prepared=False) as process:
        command_line.until(lambda: len(lighthouse.calls) > 20)
        process.send_signal(number)
        began = time.monotonic()
        _, log = process.communicate()
        took = time.monotonic() - began

    assert 0 == process.returncode, log
    assert 3 > took
    assert "service.stopped" in log
    assert "Traceback" not in log
    with closing(open_database(env["LIGHTKEEPER_DATABASE_URL"], create=False)) as store:
        asked = "SELECT COUNT(*) FROM form_526_document_submissions WHERE last_answer IS NOT NULL"
        ((answered,),) = store.rows(asked)
        assert 10 * sum(call.status == 200 for call in lighthouse.calls if call.ids) == answered
        unpublished = store.rows("SELECT COUNT(*) FROM transitions WHERE published_at IS NULL")
        assert [(0,)] == unpublished
        assert 3_000 == sums(Levels(store).totals())["tracked"]


@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_the_process_at_once(simulated, first):
    """The second signal ends the process even while a call hangs."""
    lighthouse, env = simulated
    lighthouse.down("hang", "status")
    with command_line.running("run", env=env) as process:
        command_line.until(lambda: any(call.path == "status" for call in lighthouse.calls))
        process.send_signal(first)
        time.sleep(0.3)
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)

        assert -signal.SIGTERM == process.wait()
