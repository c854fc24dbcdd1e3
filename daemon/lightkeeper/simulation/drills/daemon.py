"""The daemon as `build_daemon` joins it, and its own loop, given its turns in simulated time."""

import math
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from lightkeeper.config.settings import Settings
from lightkeeper.service.loop import PULSE_EVERY_SECONDS
from lightkeeper.service.stop import Stop
from lightkeeper.service.wiring import build_daemon
from lightkeeper.simulation.drills.datadog import InProcessAgent
from lightkeeper.simulation.drills.upstream import (
    InProcessLighthouse,
    InProcessTransport,
    SimulatedClock,
)
from lightkeeper.store.outbox import Outbox

TOKENS_FILE: Final = "api-tokens"
"""Beside the store; in most drills there is none."""
_CLOSELY_SECONDS: Final = 900.0
_FAILING_SECONDS: Final = 60.0


class _NoStop(Stop):
    def __init__(self) -> None:
        self.requested = self.reload_requested = False


class DrilledDaemon:
    """A running daemon. Its loop gets its turns from the world, which moves the clock on.

    To save time the loop gets a turn every half minute where the last one left nothing to do.
    Within a quarter of an hour of trouble it gets every turn, for a monitor counts the slices that
    went well.
    """

    def __init__(
        self,
        store: Path,
        agent: InProcessAgent,
        lighthouse: InProcessLighthouse,
        clock: SimulatedClock,
        env: str,
        batch_size: int,
    ) -> None:
        self._clock = clock
        self._lighthouse = lighthouse
        self._daemon = build_daemon(
            _settings(store, lighthouse, env, batch_size),
            create=True,
            transport=InProcessTransport(lighthouse, clock),
            emitter=agent.emitter(env, clock),
            clock=clock.instant,
            monotonic=clock,
        )
        self.database = self._daemon.database
        self.database.execute("PRAGMA synchronous = OFF")  # no power fails here
        self._outbox = Outbox(self.database)
        self._loop = self._daemon.loop()
        self._stop = _NoStop()
        self._asleep = False
        self._next_at: float | None = None
        self._closely_until = clock.now + _CLOSELY_SECONDS
        self._loop.start(self._stop)

    @property
    def next_at(self) -> float:
        """When the loop's next turn is worth while."""
        if self._asleep:
            return math.inf
        if self._next_at is None:
            self._next_at = self._worth_while_at()
        return self._next_at

    def turn(self) -> None:
        """Give the loop a turn."""
        self._loop.turn(self._stop)
        self._next_at = None
        failing = self._daemon.health.problems() or self._failing_for() > _FAILING_SECONDS
        if failing or not self._lighthouse.is_up:
            self.look_closely()

    def hang(self, *, asleep: bool) -> None:
        """Do nothing more, or continue after that as if no time had passed."""
        self._asleep = asleep
        self.look_closely()

    def publish_the_rest(self) -> None:
        """Publish what is unpublished, and send every gauge."""
        self._loop.finish()

    def close(self) -> None:
        """End as after SIGKILL: every job has flushed what it sent."""
        self._daemon.close()

    def has_unpublished(self) -> bool:
        """Whether a transition was not published yet."""
        return bool(self._outbox.unpublished(1))

    def _worth_while_at(self) -> float:
        left = self._daemon.poller.has_batches or self.has_unpublished()
        left = left or self._daemon.levels.due_since(self._clock.instant()) is not None
        closely = self._clock.now < self._closely_until
        return self._loop.scheduler.next_run_at(None if left or closely else PULSE_EVERY_SECONDS)

    def _failing_for(self) -> float:
        return self._daemon.health.calls().failing_for

    def look_closely(self) -> None:
        """Give the loop every turn for a quarter of an hour."""
        self._next_at = None
        self._closely_until = self._clock.now + _CLOSELY_SECONDS


def _settings(store: Path, lighthouse: InProcessLighthouse, env: str, batch_size: int) -> Settings:
    """The default settings but for the batches: the environment has no say, nor in the emitter."""
    return Settings.model_construct(
        database_url=SecretStr(f"sqlite:///{store}"),
        batch_size=batch_size,
        env=env,
        api_tokens_file=str(store.with_name(TOKENS_FILE)),
        lighthouse_url=lighthouse.url,
        lighthouse_token_url=lighthouse.token_url,
        lighthouse_audience=lighthouse.audience,
        lighthouse_client_id=lighthouse.client_id,
        lighthouse_private_key=SecretStr(lighthouse.private_key_pem),
    )
