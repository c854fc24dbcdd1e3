"""Builds the real parts from the settings and joins them: for the commands, the demo, the drills
and the tests alike.
"""

import time
from collections.abc import Callable, Mapping, Sequence

from lightkeeper.config.settings import Settings
from lightkeeper.domain.time import Instant
from lightkeeper.polling.interfaces import Progress, State
from lightkeeper.polling.poller import Poller
from lightkeeper.service import accesses
from lightkeeper.service.clock import now
from lightkeeper.service.connections import (
    build_budget,
    build_client,
    build_emitter,
    build_maintenance_list,
    build_transport,
)
from lightkeeper.service.daemon import Daemon
from lightkeeper.service.follower_process import FOLLOW_VETS_API, FollowerProcess
from lightkeeper.service.maintenance_windows import MaintenanceFollower
from lightkeeper.service.watched_envs import EnvCheck, WatchedEnvs
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


def build_daemon(  # noqa: PLR0913  # each is one choice of the caller
    settings: Settings,
    *,
    create: bool = False,
    transport: Transport | None = None,
    emitter: Emitter | None = None,
    clock: Callable[[], Instant] = now,
    monotonic: Callable[[], float] = time.monotonic,
    tracer: Tracer | None = None,
    watched: Callable[[], WatchedEnvs | None] = lambda: None,
    follower_command: Sequence[str] = FOLLOW_VETS_API,
) -> Daemon:
    """Open the store, claim it, and join everything.

    `create` makes a store where there is none. Left out, `transport` speaks HTTP and `emitter`
    sends to the Agent that the settings name. `watched` finds the envs that monitors watch;
    `follower_command` is what follows vets-api. Raises what opening and claiming the store raise.
    """
    database, found = _claimed(settings, clock, create=create)
    transport = transport or build_transport(settings, monotonic=monotonic)
    emitter = emitter or build_emitter(settings, monotonic=monotonic)
    budget = build_budget(settings, clock=clock, monotonic=monotonic)
    client = build_client(settings, transport, budget, tracer, clock=clock, monotonic=monotonic)
    documents, levels, outbox = Documents(database), Levels(database), Outbox(database)
    poller = _build_poller(settings, documents, WantedPolls(database), client, clock, monotonic)
    publisher = Publisher(outbox, emitter, clock)
    follower, env_check = FollowerProcess(follower_command, monotonic), EnvCheck(watched)
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
        health=_build_health(poller, budget, emitter, database, clock, found, follower, env_check),
        maintenance_follower=_build_maintenance_follower(settings, database, clock, monotonic),
        vets_api_follower=follower,
        env_check=env_check,
        tracer=tracer,
        clock=clock,
        monotonic=monotonic,
    )
    _trace(daemon, tracer)
    return daemon


def _claimed(
    settings: Settings, clock: Callable[[], Instant], *, create: bool
) -> tuple[Database, StoreFound]:
    """The store, claimed, and whether it is the one that was watched before."""
    database = open_database(settings.database_url.get_secret_value(), create=create)
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


def _trace(daemon: Daemon, tracer: Tracer | None) -> None:
    if tracer is None:
        return
    tracer.wrap(daemon.poller, "step", "lightkeeper.cycle", _worked)
    tracer.wrap(daemon.documents, "record", "lightkeeper.record")
    tracer.wrap(daemon.documents, "postpone", "lightkeeper.record")
    tracer.wrap(daemon.publisher, "publish", "lightkeeper.publish", _published)


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


def _build_health(
    poller: Poller,
    budget: RateBudget,
    emitter: Emitter,
    database: Database,
    clock: Callable[[], Instant],
    found: StoreFound,
    follower: FollowerProcess,
    env_check: EnvCheck,
) -> Health:
    return Health(
        poller,
        budget,
        emitter,
        lambda: database.try_write(clock()),
        lambda: [*filter(None, [follower.problem, env_check.problem])],
        found=found,
    )


def _build_maintenance_follower(
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


def _worked(progress: Progress) -> Mapping[str, str] | None:
    return {} if progress.state is State.WORKED else None


def _published(count: int) -> Mapping[str, str] | None:
    return {} if count else None
