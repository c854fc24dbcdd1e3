"""Builds the real parts from the settings and joins them: for the commands, the demo, the drills
and the tests alike.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from lightkeeper.config.settings import Settings, SettingsError
from lightkeeper.domain.answer import Answer
from lightkeeper.domain.time import SECOND, Instant
from lightkeeper.polling.interfaces import Progress, State
from lightkeeper.polling.poller import Poller
from lightkeeper.service import accesses
from lightkeeper.service.clock import now
from lightkeeper.service.connections import (
    build_emitter,
    build_maintenance_list,
    build_tokens,
    build_transport,
)
from lightkeeper.service.loop import Loop
from lightkeeper.service.maintenance_windows import LOOK_EVERY_SECONDS, MaintenanceFollower
from lightkeeper.service.run_once import RunOnce
from lightkeeper.store.database import Database, open_database
from lightkeeper.store.documents import Documents
from lightkeeper.store.levels import Levels
from lightkeeper.store.maintenance_windows import MaintenanceWindows
from lightkeeper.store.outbox import Outbox
from lightkeeper.store.wanted import WantedPolls
from lightkeeper.telemetry.dogstatsd import Emitter
from lightkeeper.telemetry.gauges import Gauges
from lightkeeper.telemetry.health import Health, StoreFound
from lightkeeper.telemetry.publisher import Publisher
from lightkeeper.telemetry.tracing import Tracer
from lightkeeper.upstream.benefits_documents.client import LighthouseClient
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
    follower: MaintenanceFollower
    tracer: Tracer | None
    clock: Callable[[], Instant]
    monotonic: Callable[[], float]

    def loop(self) -> Loop:
        """The loop of `lightkeeper run`."""
        loop = Loop(
            self.poller,
            self.publisher,
            self.gauges,
            self.health,
            self.levels,
            clock=self.clock,
            monotonic=self.monotonic,
        )
        every = loop.scheduler.every(LOOK_EVERY_SECONDS)
        every.seconds.do(self.follower.follow_maintenance)
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
            self.budget = _build_budget(settings, self.clock, self.monotonic)
        transport = self.transport
        if not _CONNECTED_BY.isdisjoint(changed):
            transport = build_transport(settings, monotonic=self.monotonic)
            self.transport.close()
            self.transport = transport
        client = _build_client(
            settings, transport, self.budget, self.tracer, self.clock, self.monotonic
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
            self.follower.reconfigure(build_maintenance_list(settings, monotonic=self.monotonic))
        self.settings, self.emitter = settings, emitter
        return changed

    def close(self) -> None:
        """Flush the signals, close connections, release the claim on the store."""
        self.emitter.close()
        self.transport.close()
        self.follower.close()
        self.database.close()
        if self.tracer is not None:
            self.tracer.close()


def build_daemon(
    settings: Settings,
    *,
    create: bool = False,
    transport: Transport | None = None,
    emitter: Emitter | None = None,
    clock: Callable[[], Instant] = now,
    monotonic: Callable[[], float] = time.monotonic,
    tracer: Tracer | None = None,
) -> Daemon:
    """Open the store, claim it, and join everything.

    `create` makes a store where there is none. Left out, `transport` speaks HTTP and `emitter`
    sends to the Agent that the settings name. Raises what opening and claiming the store raise.
    """
    url = settings.database_url.get_secret_value()
    database, found = _claimed(url, clock, create=create)
    transport = transport or build_transport(settings, monotonic=monotonic)
    emitter = emitter or build_emitter(settings, monotonic=monotonic)
    budget = _build_budget(settings, clock, monotonic)
    client = _build_client(settings, transport, budget, tracer, clock, monotonic)
    documents, levels, outbox = Documents(database), Levels(database), Outbox(database)
    poller = _build_poller(settings, documents, WantedPolls(database), client, clock, monotonic)
    publisher = Publisher(outbox, emitter, clock)
    daemon = Daemon(
        settings=settings,
        database=database,
        documents=documents,
        levels=levels,
        transport=transport,
        budget=budget,
        poller=poller,
        emitter=emitter,
        publisher=publisher,
        gauges=_build_gauges(settings, levels, outbox, publisher, emitter, clock),
        health=Health(
            poller,
            budget,
            emitter,
            lambda: database.try_write(clock()),
            found=found,
        ),
        follower=_build_follower(settings, database, clock, monotonic),
        tracer=tracer,
        clock=clock,
        monotonic=monotonic,
    )
    if tracer is not None:
        _trace(daemon, tracer)
    return daemon


def _claimed(
    url: str, clock: Callable[[], Instant], *, create: bool
) -> tuple[Database, StoreFound]:
    """The store, claimed, and whether it is the one that was watched before."""
    database = open_database(url, create=create)
    try:
        is_new = database.watched_at() is None
        database.try_write(clock())  # reading is no proof: the file may be closed to writers
        database.claim()
        found = StoreFound(is_new, None if is_new else database.lacks())
        if (documents := Documents(database)).has_times_ahead(at := clock()):
            documents.pull_in(at)
    except BaseException:
        database.close()
        raise
    return database, found


def _trace(daemon: Daemon, tracer: Tracer) -> None:
    tracer.wrap(daemon.poller, "step", "lightkeeper.cycle", _worked)
    tracer.wrap(daemon.documents, "record", "lightkeeper.record")
    tracer.wrap(daemon.documents, "postpone", "lightkeeper.record")
    tracer.wrap(daemon.publisher, "publish", "lightkeeper.publish", _published)


def _build_budget(
    settings: Settings, clock: Callable[[], Instant], monotonic: Callable[[], float]
) -> RateBudget:
    return RateBudget(
        settings.max_calls_per_minute,
        monotonic=monotonic,
        wall_clock=lambda: clock() / SECOND,
    )


def _build_poller(
    settings: Settings,
    documents: Documents,
    wanted: WantedPolls,
    client: LighthouseClient,
    clock: Callable[[], Instant],
    monotonic: Callable[[], float],
) -> Poller:
    return Poller(
        documents,
        wanted,
        client,
        settings.policy,
        batch_size=settings.batch_size,
        clock=clock,
        monotonic=monotonic,
    )


def _build_gauges(
    settings: Settings,
    levels: Levels,
    outbox: Outbox,
    publisher: Publisher,
    emitter: Emitter,
    clock: Callable[[], Instant],
) -> Gauges:
    return Gauges(
        levels,
        outbox,
        publisher.steps,
        emitter,
        clock,
        settings.daily_count_hour,
        settings.policy,
        accesses.watched(settings),
    )


def _build_follower(
    settings: Settings,
    database: Database,
    clock: Callable[[], Instant],
    monotonic: Callable[[], float],
) -> MaintenanceFollower:
    return MaintenanceFollower(
        MaintenanceWindows(database),
        build_maintenance_list(settings, monotonic=monotonic),
        clock=clock,
        monotonic=monotonic,
    )


def _build_client(
    settings: Settings,
    transport: Transport,
    budget: RateBudget,
    tracer: Tracer | None,
    clock: Callable[[], Instant],
    monotonic: Callable[[], float],
) -> LighthouseClient:
    tokens = build_tokens(settings, transport, clock=clock, monotonic=monotonic)
    client = LighthouseClient(transport, tokens, budget, url=settings.lighthouse_url or "")
    if tracer is not None:
        tracer.wrap(client, "poll_batch", "lightkeeper.batch", _outcome)
        tracer.wrap(client, "poll_one", "lightkeeper.batch", _outcome)
        tracer.wrap(tokens, "fetch", "lightkeeper.token")
    return client


def _worked(progress: Progress) -> Mapping[str, str] | None:
    return {} if progress.state is State.WORKED else None


def _outcome(answer: Answer) -> Mapping[str, str]:
    return {"outcome": str(answer.outcome)}


def _published(count: int) -> Mapping[str, str] | None:
    return {} if count else None
