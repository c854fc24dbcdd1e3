"""A daemon as `build_daemon` joins it, between a simulated Lighthouse and Agent, in a time that
only the test moves on.
"""

from collections import Counter
from contextlib import ExitStack

from manual_clock import ManualClock
from pydantic import SecretStr

from lightkeeper.config.settings import Settings
from lightkeeper.domain.document import NewDocument
from lightkeeper.polling.poller import State
from lightkeeper.service.stop import Stop
from lightkeeper.service.wiring import build_daemon
from lightkeeper.simulation.agent.server import SimulatedAgent
from lightkeeper.simulation.lighthouse.server import SimulatedLighthouse
from lightkeeper.telemetry.dogstatsd import Emitter
from lightkeeper.upstream.http import HTTPTransport

TYPES = ("veteran_upload", "form_0781", "form_0781a", "bdd_instructions")


class Waiter(Stop):
    """Waits by moving the clock on."""

    def __init__(self, clock):
        super().__init__()
        self._clock = clock

    def wait(self, seconds):
        self._clock.now += max(seconds, 0.0)


class DaemonRig:
    """A daemon over a store of its own, a Lighthouse and an Agent; `with` starts and ends all.

    `deadline` is of the real time: that of one call. `settings` are more of them, by field.
    `parts` are further arguments of `build_daemon`, `lighthouse` traits of the simulated one.
    The daemon's parts are attributes by their names: `poller`, `publisher`, `database` and so on.
    """

    def __init__(
        self,
        url,
        folder,
        *,
        batch_size=100,
        max_calls_per_minute=None,
        deadline=5.0,
        settings=None,
        parts=None,
        **lighthouse,
    ):
        self.url = url
        self.clock = ManualClock()
        self.lighthouse = SimulatedLighthouse(clock=self.clock, **lighthouse)
        self._agent = SimulatedAgent(port=None, socket_path=folder / "dsd.socket")
        self._deadline = deadline
        self._batch_size = batch_size
        self._max_calls = max_calls_per_minute
        self._more_settings = {"env": "test"} | (settings or {})
        self._parts = parts or {}
        self._running = ExitStack()

    def __enter__(self):
        with ExitStack() as opening:
            opening.enter_context(self.lighthouse)
            opening.enter_context(self._agent)
            self._build()
            opening.callback(self._close)
            self._running = opening.pop_all()
        return self

    def _build(self):
        self.daemon = build_daemon(
            self._built_settings(),
            create=True,
            transport=HTTPTransport(deadline_seconds=self._deadline),
            emitter=Emitter(self._agent.url, strict=True, monotonic=self.clock),
            clock=self.clock.instant,
            monotonic=self.clock,
            **self._parts,
        )

    def _close(self):
        self.daemon.close()

    def restart(self):
        """End the daemon, and begin another, which remembers what the store does."""
        self._close()
        self._build()

    def __exit__(self, *reason):
        self._running.close()

    def __getattr__(self, name):
        if name == "daemon":  # asked for before `with`
            raise AttributeError(name)
        return getattr(self.daemon, name)

    def _built_settings(self):
        return Settings.model_construct(
            database_url=SecretStr(self.url),
            lighthouse_url=self.lighthouse.url,
            lighthouse_token_url=self.lighthouse.token_url,
            lighthouse_audience=self.lighthouse.audience,
            lighthouse_client_id=self.lighthouse.client_id,
            lighthouse_private_key=SecretStr(self.lighthouse.private_key_pem),
            batch_size=self._batch_size,
            max_calls_per_minute=self._max_calls,
            **self._more_settings,
        )

    @property
    def agent(self):
        """The Agent, once it has read all that was sent."""
        self._agent.drain(0.01)
        return self._agent

    def track(self, count, story="instantly_done", kind="form_0781", age=0.0):
        """Track so many documents that Lighthouse got `age` seconds ago; return their ids."""
        at = self.clock.now - age
        ids = self.lighthouse.add_many(count, story, at)
        self.track_ids(ids, kind, age)
        return ids

    def track_ids(self, ids, kind="form_0781", age=0.0):
        """Track these ids, known to Lighthouse or not."""
        at = self.clock.instant() - round(age * 1_000)
        new = [NewDocument(request_id, f"s-{request_id}", kind, "a", at) for request_id in ids]
        self.documents.add(new, self.clock.instant())

    def poll(self):
        """What `lightkeeper poll` does."""
        with Waiter(self.clock).on_signals() as stop:
            return self.daemon.run_once().run(stop)

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
