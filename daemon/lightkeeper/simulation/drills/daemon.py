"""The daemon's own parts, and its jobs at their intervals on the simulated clock."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Final

from lightkeeper.domain.errors import LightkeeperError
from lightkeeper.domain.policy import Policy
from lightkeeper.polling.poller import Poller
from lightkeeper.service.loop import (
    GAUGES_EVERY_SECONDS,
    POLL_EVERY_SECONDS,
    PUBLISH_EVERY_SECONDS,
    Service,
)
from lightkeeper.service.stop import Stop
from lightkeeper.simulation.drills.datadog import InProcessAgent
from lightkeeper.simulation.drills.upstream import (
    InProcessLighthouse,
    InProcessTransport,
    SimulatedClock,
)
from lightkeeper.store.database import open_database
from lightkeeper.store.documents import Documents
from lightkeeper.store.levels import Levels
from lightkeeper.store.outbox import Outbox
from lightkeeper.telemetry.dogstatsd import Emitter, constant_tags
from lightkeeper.telemetry.health import Health
from lightkeeper.telemetry.publisher import Publisher
from lightkeeper.upstream.benefits_documents.client import LighthouseClient
from lightkeeper.upstream.oauth import TokenSource
from lightkeeper.upstream.rate_limit import RateBudget

_IDLE_SECONDS: Final = 60.0
_CLOSELY_SECONDS: Final = 900.0
_FAILING_SECONDS: Final = 60.0
_LEVELS_EVERY_SECONDS: Final = 60.0
_EVER: Final = 2**62


class _Never(Stop):
    def __init__(self) -> None:
        self.requested = False


class _Jobs(Service):
    def failed(self, job: str, exc: LightkeeperError) -> None:
        """What the loop does about a job that failed."""
        self._job_failed(job, exc)


class _Sender(Emitter):
    def __init__(self, agent: InProcessAgent, clock: SimulatedClock, env: str) -> None:
        tags = constant_tags({"DD_ENV": env})
        super().__init__(agent.url, constant_tags=tags, strict=True, monotonic=clock)
        self._agent = agent
        self._sent = 0

    def _losing(self) -> bool:
        # Looked at before each signal: the time for an Agent without a thread to read.
        if self._sent != self._client.packets_sent:
            self._sent = self._client.packets_sent
            self._agent.take()
        return super()._losing()


class Daemon:
    """A running daemon: like `Service.run` it runs one job after the other, each its interval
    after it ended, and goes on when one fails.

    To save time a job that would find nothing to do is left out, for a minute at most, and levels
    are sent every minute instead of every half: that is the least monitors look at. Within a
    quarter of an hour of trouble no poll is left out, for a monitor counts those that went well.
    """

    def __init__(
        self,
        store: Path,
        agent: InProcessAgent,
        lighthouse: InProcessLighthouse,
        clock: SimulatedClock,
        env: str,
    ) -> None:
        self._clock = clock
        self.database = open_database(f"sqlite:///{store}", create=True)
        self.database.claim()
        self.database.execute("PRAGMA synchronous = OFF")  # no power fails here
        transport = InProcessTransport(lighthouse, clock)
        tokens = TokenSource(
            transport,
            token_url=lighthouse.token_url,
            audience=lighthouse.audience,
            client_id=lighthouse.client_id,
            private_key=lighthouse.private_key_pem,
            wall_clock=clock,
            monotonic=clock,
        )
        budget = RateBudget(monotonic=clock)
        client = LighthouseClient(transport, tokens, budget, url=lighthouse.url)
        documents = Documents(self.database)
        documents.pull_in(clock.instant())
        poller = Poller(
            documents, client, Policy(), batch_size=100, clock=clock.instant, monotonic=clock
        )
        self._emitter = _Sender(agent, clock, env)
        self._levels, self._outbox = Levels(self.database), Outbox(self.database)
        publisher = Publisher(self._outbox, self._levels, self._emitter, clock.instant)
        health = Health(poller, budget, self._emitter, self.database.try_write, monotonic=clock)
        self._service = _Jobs(
            poller,
            publisher,
            health,
            self._levels,
            clock=clock.instant,
            monotonic=clock,
            wall_clock=clock,
        )
        self._jobs: dict[Callable[[], float], float] = dict.fromkeys(
            (
                self._poll,
                self._publish,
                lambda: self._run(health.pulse, GAUGES_EVERY_SECONDS),
                lambda: self._run(publisher.gauges, _LEVELS_EVERY_SECONDS),
            ),
            clock.now,
        )
        self._poller = poller
        self._never = _Never()
        self._asleep = False
        self._closely_until = clock.now + _CLOSELY_SECONDS

    @property
    def next_at(self) -> float:
        """When the next job is to run."""
        return math.inf if self._asleep else min(self._jobs.values())

    def run_next(self) -> None:
        """Run the job whose turn it is."""
        job = min(self._jobs, key=self._jobs.__getitem__)
        self._jobs[job] = job()

    def wake(self) -> None:
        """A document was handed in: the next poll finds it."""
        self._sooner(self._poll, POLL_EVERY_SECONDS)

    def hang(self, *, asleep: bool) -> None:
        """Do nothing more, or go on after that as if it had been a moment."""
        self._asleep = asleep
        self._look_closely()

    def close(self) -> None:
        """Be gone without a word: every job has flushed what it sent."""
        self._emitter.close()
        self.database.close()

    def has_news(self) -> bool:
        """Whether there is a change that was not told yet."""
        return bool(self._outbox.unpublished(1))

    def _run(self, job: Callable[[], object], seconds: float) -> float:
        try:
            job()
        except LightkeeperError as exc:
            self._service.failed(getattr(job, "__name__", "job"), exc)
            self._look_closely()
        return self._clock.now + seconds

    def _poll(self) -> float:
        next_at = self._run(lambda: self._service.poll_slice(self._never), POLL_EVERY_SECONDS)
        if self.has_news():
            self._sooner(self._publish, PUBLISH_EVERY_SECONDS)
        failing_since = self._poller.failing_since or self._poller.throttled_since or math.inf
        if self._clock.now - failing_since > _FAILING_SECONDS or not self._emitter.reachable:
            self._look_closely()
        if self._clock.now < self._closely_until:
            return next_at
        due = self._levels.due_since(_EVER)
        due_at = math.inf if due is None else due / 1_000
        return max(next_at, min(due_at, self._clock.now + _IDLE_SECONDS))

    def _publish(self) -> float:
        next_at = self._run(self._service.publish, PUBLISH_EVERY_SECONDS)
        return next_at if self.has_news() else self._clock.now + _IDLE_SECONDS

    def _look_closely(self) -> None:
        self._closely_until = self._clock.now + _CLOSELY_SECONDS

    def _sooner(self, job: Callable[[], float], seconds: float) -> None:
        self._jobs[job] = min(self._jobs[job], self._clock.now + seconds)
