"""The daemon's own parts joined to the stand-ins, in a time that only the test moves on."""

from collections import Counter
from contextlib import ExitStack

from lightkeeper.domain.document import NewDocument
from lightkeeper.domain.policy import Policy
from lightkeeper.polling.poller import Poller, State
from lightkeeper.service.run_once import RunOnce
from lightkeeper.service.stop import Stop
from lightkeeper.simulation.agent.server import SimulatedAgent
from lightkeeper.simulation.lighthouse.server import SimulatedLighthouse
from lightkeeper.store.database import open_database
from lightkeeper.store.documents import Documents
from lightkeeper.store.levels import Levels
from lightkeeper.store.outbox import Outbox
from lightkeeper.telemetry.dogstatsd import Emitter
from lightkeeper.telemetry.health import Health
from lightkeeper.telemetry.publisher import Publisher
from lightkeeper.upstream.benefits_documents.client import LighthouseClient
from lightkeeper.upstream.http import Transport
from lightkeeper.upstream.oauth import TokenSource
from lightkeeper.upstream.rate_limit import RateBudget

TYPES = ("veteran_upload", "form_0781", "form_0781a", "bdd_instructions")


class Clock:
    """Seconds since the epoch, also for those who want them monotonic."""

    def __init__(self):
        self.now = 1_800_000_000.0

    def __call__(self):
        return self.now

    def instant(self):
        return round(self.now * 1_000)


class Waiter(Stop):
    """Waits by moving the clock on."""

    def __init__(self, clock):
        super().__init__()
        self._clock = clock

    def wait(self, seconds):
        self._clock.now += max(seconds, 0.0)


class DaemonRig:
    """A daemon over a store of its own, a Lighthouse and an Agent; `with` starts and ends all.

    `deadline` is of the real time: that of one call.
    """

    def __init__(
        self,
        url,
        folder,
        *,
        batch_size=100,
        documents=Documents,
        max_calls_per_minute=None,
        deadline=5.0,
        **lighthouse,
    ):
        self.url = url
        self.clock = Clock()
        self.lighthouse = SimulatedLighthouse(clock=self.clock, **lighthouse)
        self._agent = SimulatedAgent(port=None, socket_path=folder / "dsd.socket")
        self._deadline = deadline
        self._documents = documents
        self._batch_size = batch_size
        self._max_calls = max_calls_per_minute
        self._running = ExitStack()

    def __enter__(self):
        with ExitStack() as opening:
            opening.enter_context(self.lighthouse)
            opening.enter_context(self._agent)
            self.database = open_database(self.url, create=True)
            opening.callback(self.database.close)
            self.documents = self._documents(self.database)
            transport = Transport(deadline_seconds=self._deadline)
            opening.callback(transport.close)
            self.poller = Poller(
                self.documents,
                self._client(transport),
                Policy(),
                batch_size=self._batch_size,
                clock=self.clock.instant,
                monotonic=self.clock,
            )
            self.emitter = Emitter(self._agent.url, strict=True, monotonic=self.clock)
            opening.callback(self.emitter.close)
            self.levels = Levels(self.database)
            self.publisher = Publisher(
                Outbox(self.database), self.levels, self.emitter, self.clock.instant
            )
            self.health = Health(
                self.poller,
                self.budget,
                self.emitter,
                self.database.try_write,
                monotonic=self.clock,
            )
            self._running = opening.pop_all()
        return self

    def __exit__(self, *reason):
        self._running.close()

    @property
    def agent(self):
        """The Agent, once it has read all that was sent."""
        self._agent.drain(0.01)
        return self._agent

    def _client(self, transport):
        tokens = TokenSource(
            transport,
            token_url=self.lighthouse.token_url,
            audience=self.lighthouse.audience,
            client_id=self.lighthouse.client_id,
            private_key=self.lighthouse.private_key_pem,
            wall_clock=self.clock,
            monotonic=self.clock,
        )
        self.budget = RateBudget(self._max_calls, monotonic=self.clock)
        return LighthouseClient(transport, tokens, self.budget, url=self.lighthouse.url)

    def track(self, count, story="instantly_done", kind="form_0781", age=0.0):
        """Hand over so many documents, `age` seconds ago; return their request ids."""
        at = self.clock.now - age
        ids = self.lighthouse.add_many(count, story, at)
        self.track_ids(ids, kind, age)
        return ids

    def track_ids(self, ids, kind="form_0781", age=0.0):
        """Track these ids, whatever Lighthouse knows of them."""
        at = self.clock.instant() - round(age * 1_000)
        new = [NewDocument(request_id, f"s-{request_id}", kind, "a", at) for request_id in ids]
        self.documents.add(new, self.clock.instant())

    def poll(self):
        """What `lightkeeper poll` does."""
        with Waiter(self.clock).on_signals() as stop:
            single = RunOnce(
                self.poller,
                self.publisher,
                self.health,
                clock=self.clock.instant,
                monotonic=self.clock,
            )
            result = single.run(stop)
        self.poller.dropped.clear()
        return result

    def steps(self, count):
        """Make so many steps of polling, waiting where that is asked for; none may be idle."""
        for _ in range(count):
            progress = self.poller.step()
            while progress.state is State.WAITING:
                self.clock.now += progress.wait_seconds
                progress = self.poller.step()
            assert progress.state is State.WORKED

    def calls(self):
        """The status calls Lighthouse has had."""
        return [call for call in self.lighthouse.calls if call.path in ("status", "single")]

    def row(self, request_id):
        """All that the store knows of one document."""
        return self.documents.find(request_id)

    def rows(self, columns, where="1 = 1"):
        """These columns of every document for which `where` holds."""
        return self.database.rows(
            f"SELECT {columns} FROM form_526_document_submissions WHERE {where} ORDER BY id"
        )

    def statuses(self):
        """How many documents have which status, counted one by one."""
        return Counter(status for (status,) in self.rows("lighthouse_status"))

    def assert_tallies_are_true(self):
        """The tallies are what a full count gives."""
        counted = Counter(self.rows("document_type, lighthouse_status, current_step, condition"))
        assert counted == {row[:4]: row[4] for row in self.levels.totals()}
