"""The daemon: all its parts, joined; what a reload changes of them; how they end."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from lightkeeper.config.settings import Settings, SettingsError
from lightkeeper.domain.time import Instant
from lightkeeper.polling.poller import Poller
from lightkeeper.service import accesses, follower_process, maintenance_windows
from lightkeeper.service.connections import (
    build_budget,
    build_client,
    build_emitter,
    build_maintenance_list,
    build_transport,
)
from lightkeeper.service.follower_process import FollowerProcess
from lightkeeper.service.loop import Loop
from lightkeeper.service.maintenance_windows import MaintenanceFollower
from lightkeeper.service.run_once import RunOnce
from lightkeeper.service.systemd import ServiceManager
from lightkeeper.service.watched_envs import EnvCheck
from lightkeeper.store.database import Database
from lightkeeper.store.documents import Documents
from lightkeeper.store.levels import Levels
from lightkeeper.telemetry.dogstatsd import Emitter
from lightkeeper.telemetry.gauges import Gauges
from lightkeeper.telemetry.health import Health
from lightkeeper.telemetry.publisher import Publisher
from lightkeeper.telemetry.tracing import Tracer
from lightkeeper.upstream.http import Transport
from lightkeeper.upstream.rate_limit import RateBudget

_CONNECTED_BY: Final = frozenset(
    {"LIGHTKEEPER_LIGHTHOUSE_CA_FILE", "LIGHTKEEPER_LIGHTHOUSE_PROXY"}
)
_LISTED_BY: Final = _CONNECTED_BY | {
    "LIGHTKEEPER_MAINTENANCE_URL",
    "LIGHTKEEPER_MAINTENANCE_SERVICES",
}
_LIMITED: Final = frozenset({"LIGHTKEEPER_LIGHTHOUSE_URL", "LIGHTKEEPER_LIGHTHOUSE_CLIENT_ID"})


@dataclass(slots=True)
class Daemon:
    """All parts, joined; `close` releases every one of them."""

    settings: Settings
    database: Database
    documents: Documents
    levels: Levels
    transport: Transport
    budget: RateBudget
    poller: Poller
    emitter: Emitter
    publisher: Publisher
    gauges: Gauges
    health: Health
    maintenance_follower: MaintenanceFollower
    vets_api_follower: FollowerProcess
    env_check: EnvCheck
    tracer: Tracer | None
    clock: Callable[[], Instant]
    monotonic: Callable[[], float]

    def loop(self, manager: ServiceManager | None = None) -> Loop:
        """The loop of `lightkeeper run`, which alone follows vets-api and warns of the env."""
        self._obey()
        loop = Loop(
            self.poller,
            self.publisher,
            self.gauges,
            self.health,
            self.levels,
            manager,
            clock=self.clock,
            monotonic=self.monotonic,
        )
        every = loop.scheduler.every
        every(maintenance_windows.LOOK_EVERY_SECONDS).seconds.do(
            self.maintenance_follower.follow_maintenance
        )
        every(follower_process.LOOK_EVERY_SECONDS).seconds.do(
            self.vets_api_follower.look_after_follower
        )
        return loop

    def run_once(self) -> RunOnce:
        """The pass of `lightkeeper poll`."""
        return RunOnce(
            self.poller,
            self.publisher,
            self.gauges,
            self.health,
            clock=self.clock,
            monotonic=self.monotonic,
        )

    def reconfigure(self, settings: Settings) -> list[str]:
        """Use these settings from now on; the names of those that changed.

        What was learned of documents, calls and the limit of this Lighthouse stays, and so does
        the claim on the store. Raises SettingsError for what only a restart can change, and what
        `Database.move_to` raises.
        """
        changed = settings.changes(self.settings)
        if "LIGHTKEEPER_TRACING" in changed:
            raise SettingsError(["LIGHTKEEPER_TRACING: a restart alone can change this"])
        if "LIGHTKEEPER_DATABASE_URL" in changed:
            self.database.move_to(settings.database_url.get_secret_value())
        if not _LIMITED.isdisjoint(changed):  # a limit is that of one client at one Lighthouse
            self.budget = build_budget(settings, clock=self.clock, monotonic=self.monotonic)
        transport = self.transport
        if not _CONNECTED_BY.isdisjoint(changed):
            transport = build_transport(settings, monotonic=self.monotonic)
            self.transport.close()
            self.transport = transport
        client = build_client(
            settings,
            transport,
            self.budget,
            self.tracer,
            clock=self.clock,
            monotonic=self.monotonic,
        )
        emitter = build_emitter(settings, monotonic=self.monotonic)
        self.emitter.close()
        emitter.lost_count, emitter.refused_count = self.emitter.unreported_losses()
        self.budget.reconfigure(settings.max_calls_per_minute)
        self.poller.reconfigure(client, settings.policy, settings.batch_size)
        self.publisher.reconfigure(emitter)
        self.gauges.reconfigure(
            emitter,
            daily_count_hour=settings.daily_count_hour,
            policy=settings.policy,
            accesses=accesses.watched(settings),
        )
        self.health.reconfigure(self.budget, emitter)
        if not _LISTED_BY.isdisjoint(changed):
            self.maintenance_follower.reconfigure(
                build_maintenance_list(settings, monotonic=self.monotonic)
            )
        self.settings, self.emitter = settings, emitter
        self._obey()
        return changed

    def _obey(self) -> None:
        self.vets_api_follower.obey(self.settings)
        self.env_check.obey(self.settings)

    def close(self) -> None:
        """End the follower of vets-api, flush the signals, close connections, release the claim
        on the store.
        """
        self.vets_api_follower.close()
        self.emitter.close()
        self.transport.close()
        self.maintenance_follower.close()
        self.database.close()
        if self.tracer is not None:
            self.tracer.close()
