"""The real `lightkeeper run` between simulations, while something goes wrong around it."""

import json
import resource
import sqlite3
import time
from collections import Counter
from contextlib import ExitStack, closing, contextmanager
from itertools import cycle

import command_line
import patience
import secret_leaks

from lightkeeper.domain.document import NewDocument
from lightkeeper.simulation.agent.server import SimulatedAgent
from lightkeeper.simulation.lighthouse.server import SimulatedLighthouse
from lightkeeper.store.database import open_database
from lightkeeper.store.documents import Documents

BATCHES = "lightkeeper.poll.batches"
SUCCESS = "lightkeeper.cycle.success"
CRITICAL = 2
AT_START, UNDER_WAY, IDLE = "at start", "first call under way", "nothing to do"
STORIES = ("instantly_done", "fails_claims_evidence", "fails_bgs", "stuck_bgs", "lost")
WORDS = {"SUCCESS": "done", "FAILED": "failed", "IN_PROGRESS": "pending", "NOT_FOUND": "pending"}


class RunningDaemon:
    """`lightkeeper run` over a store of its own, a Lighthouse and an Agent.

    `with` starts the two simulations, and ends everything; `start` starts the process.
    """

    def __init__(self, folder, **lighthouse):
        self.folder = folder
        self.store = folder / "store" / "lightkeeper.db"
        self.log = folder / "run.log"
        self.lighthouse = SimulatedLighthouse(**lighthouse)
        self.agent = SimulatedAgent(port=None, socket_path=folder / "dsd.socket")
        self.process = None
        self.env = {}
        self.within = None
        """A shell script that finds the command in "$@", as `command_line.run` has it."""
        self.prepared = True
        """Whether it may start from a process that has its imports done."""
        self.stderr = None
        """What takes its log instead of the file `log`."""
        self._running = ExitStack()

    def __enter__(self):
        self.store.parent.mkdir(exist_ok=True)
        with ExitStack() as opening:
            opening.enter_context(self.lighthouse)
            opening.enter_context(self.agent)
            self._running = opening.pop_all()
        self.env = command_line.environment(self.store, self.lighthouse, self.agent)
        return self

    def __exit__(self, *reason):
        self._running.close()

    def keep(self, context):
        """Enter a context that lasts as long as this one."""
        return self._running.enter_context(context)

    def at_end(self, call, *args, **kwargs):
        """Do this when this context ends, before what was begun earlier ends."""
        self._running.callback(call, *args, **kwargs)

    def limit(self, what, limit):
        """Set a limit of the process, as `prlimit` does; None for all that it may have."""
        _, hard = resource.prlimit(self.process.pid, what)
        resource.prlimit(self.process.pid, what, (hard if limit is None else limit, hard))

    def _kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def start(self):
        """Start the process, once more where it has ended; what it says is added to the log."""
        self._running.callback(self._kill)
        with self.log.open("a") as log:
            self.process = command_line.start(
                "run",
                env=self.env,
                within=self.within,
                prepared=self.prepared,
                stdout=log,
                stderr=log if self.stderr is None else self.stderr,
            )

    def ended(self):
        """The status with which the process ended, None while it runs."""
        return self.process.poll()

    def stop(self):
        """End it as systemd does; it has to go with status 0, and all that it said was sent."""
        self.process.terminate()
        assert 0 == self.process.wait(), self.log.read_text()
        self.agent.drain()
        self.agent.assert_clean()
        secret_leaks.refuse(self.log.read_text())

    def track(self, count=10):
        """Track so many documents of every ending, accepted an hour ago; return their ids."""
        at = time.time() - 3_600
        stories = [story for _, story in zip(range(count), cycle(STORIES), strict=False)]
        ids = [self.lighthouse.add(story=story, accepted_at=at) for story in stories]
        new = [NewDocument(each, f"s{each}", "form_0781", None, int(at * 1_000)) for each in ids]
        with closing(open_database(f"sqlite:///{self.store}", create=True)) as database:
            Documents(database).add(new, int(time.time() * 1_000))
        return ids

    def rows(self, sql):
        """What a query finds, read beside the daemon."""
        with closing(sqlite3.connect(self.store, timeout=patience.SECONDS)) as reading:
            return reading.execute(sql).fetchall()

    def is_settled(self):
        """Whether every document was answered, and ended as Lighthouse knows it did."""
        rows = self.rows(
            "SELECT lighthouse_request_id, lighthouse_status, last_answered_at "
            "FROM form_526_document_submissions"
        )
        truth = {each: WORDS[word] for each, word in self.lighthouse.truth().items()}
        return truth == {each: status for each, status, _ in rows} and all(at for *_, at in rows)

    def assert_accounted_for(self):
        """tracked = pending + done + failed: by the rows, by the tallies, by the last gauges."""
        stored = Counter(
            dict(
                self.rows(
                    "SELECT lighthouse_status, COUNT(*) "
                    "FROM form_526_document_submissions GROUP BY 1"
                )
            )
        )
        tallies = self.rows("SELECT lighthouse_status, SUM(count) FROM tallies GROUP BY 1")
        shown = Counter()
        latest = {
            (metric.name, metric.tags["document_type"], metric.tags.get("step")): metric.value
            for metric in self.agent.metrics
            if metric.kind == "gauge" and "document_type" in metric.tags
        }
        for (name, *_), value in latest.items():
            if (status := name.rpartition(".")[2]) in stored:
                shown[status] += value
        assert stored == Counter({status: count for status, count in tallies if count}) == shown
        assert stored.total() == len(self.lighthouse.truth())
        assert [(0,)] == self.rows("SELECT COUNT(*) FROM transitions WHERE published_at IS NULL")

    def logged(self, event, text=""):
        """The lines logged of this event, with this somewhere in them."""
        lines = [line for line in self.log.read_text().splitlines() if text in line]
        said = [json.loads(line) for line in lines if line.startswith("{")]
        return [line for line in said if line["event"] == event]

    def polls_of(self, request_id):
        """How many calls polled this document."""
        return sum(request_id in call.ids for call in self.lighthouse.calls)

    def until(self, condition):
        """Wait for something; fail with the log where it does not come, or the process ends."""
        give_up_at = time.monotonic() + patience.SECONDS
        while not condition():
            assert time.monotonic() < give_up_at, f"waited in vain:\n{self.log.read_text()}"
            assert self.ended() is None, f"status {self.ended()}:\n{self.log.read_text()}"
            time.sleep(0.05)


# What shows a fault: functions of the daemon, each with its own name for a failing test.


def counted(outcome):
    """Calls came to this."""

    def is_seen(daemon):
        return daemon.agent.count(BATCHES, outcome=outcome) > 0

    return is_seen


def critical(check, text=""):
    """A service check is critical, with this in its message."""
    name = f"lightkeeper.{check}"

    def is_seen(daemon):
        return any(
            (name, CRITICAL) == (said.name, said.status) and text in (said.message or "")
            for said in list(daemon.agent.checks)
        )

    return is_seen


def logged(event, text=""):
    """A line was logged, with this in it."""

    def is_seen(daemon):
        return bool(daemon.logged(event, text))

    return is_seen


def bring_to(daemon, moment, document_count):
    """Hand so many documents in, unless there is to be nothing to do, and start if it is time."""
    if moment == IDLE:
        open_database(f"sqlite:///{daemon.store}", create=True).close()
        daemon.start()
        daemon.until(lambda: daemon.agent.gauge("lightkeeper.heartbeat"))
        return
    daemon.track(document_count)
    if moment == UNDER_WAY:
        daemon.lighthouse.latency = 1.0
        daemon.start()
        daemon.until(lambda: daemon.lighthouse.calls[-1:] and daemon.lighthouse.calls[-1].ids)


@contextmanager
def locked(daemon):
    """Another process holds the store's write lock."""
    with closing(sqlite3.connect(daemon.store, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")
