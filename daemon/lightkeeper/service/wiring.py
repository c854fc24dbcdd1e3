"""Builds the real parts from the settings and joins them: for the commands and the demo."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from lightkeeper.config.settings import Settings, SettingsError
from lightkeeper.domain.answer import Answer
from lightkeeper.domain.time import Instant
from lightkeeper.polling.poller import Poller, Progress, State
from lightkeeper.service.clock import now
from lightkeeper.service.loop import Service
from lightkeeper.service.run_once import RunOnce
from lightkeeper.store.database import Database, open_database
from lightkeeper.store.documents import Documents
from lightkeeper.store.levels import Levels
from lightkeeper.store.outbox import Outbox
from lightkeeper.telemetry.dogstatsd import Emitter, constant_tags
from lightkeeper.telemetry.health import Health
from lightkeeper.telemetry.publisher import Publisher
from lightkeeper.telemetry.tracing import Tracer
from lightkeeper.upstream.benefits_documents.client import LighthouseClient
from lightkeeper.upstream.http import Transport
from lightkeeper.upstream.oauth import TokenSource
from lightkeeper.upstream.rate_limit import RateBudget

_LIMITED: Final = frozenset({"LIGHTKEEPER_LIGHTHOUSE_URL", "LIGHTKEEPER_LIGHTHOUSE_CLIENT_ID"})


@dataclass(slots=True)
class Daemon:
    """A daemon, ready to run; `close` lets go of everything."""

    settings: Settings
    database: Database
    transport: Transport
    budget: RateBudget
    poller: Poller
    health: Health
    publisher: Publisher
    levels: Levels
    emitter: Emitter
    clock: Callable[[], Instant]
    tracer: Tracer | None

    def service(self) -> Service:
        """The loop of `lightkeeper run`."""
        return Service(self.poller, self.publisher, self.health, self.levels, clock=self.clock)

    def run_once(self) -> RunOnce:
        """The pass of `lightkeeper poll`."""
        return RunOnce(self.poller, self.publisher, self.health, clock=self.clock)

    def reconfigure(self, settings: Settings) -> list[str]:
        """Go on with these settings; the names of those that changed.

        What was learned of documents, calls and the limit of this Lighthouse stays, and so does
        the claim on the store. Raises SettingsError for what only a restart can change.
        """
        changed = settings.changes(self.settings)
        if fixed := sorted({"LIGHTKEEPER_DATABASE_URL", "LIGHTKEEPER_TRACING"} & set(changed)):
            raise SettingsError([f"{name}: a restart alone can change this" for name in fixed])
        # A limit is that of one client at one Lighthouse.
        limit_is_anothers = not _LIMITED.isdisjoint(changed)
        budget = RateBudget() if limit_is_anothers else self.budget
        transport, client = _client(settings, budget, self.tracer)
        signals = emitter(settings)
        self.emitter.close()
        signals.lost_count, signals.refused_count = self.emitter.not_owned_up()
        budget.reconfigure(settings.max_calls_per_minute)
        self.poller.reconfigure(client, settings.policy, settings.batch_size)
        self.publisher.reconfigure(signals)
        self.health.reconfigure(budget, signals)
        self.transport.close()
        self.settings, self.transport, self.budget = settings, transport, budget
        self.emitter = signals
        return changed

    def close(self) -> None:
        """Flush the signals, close connections, let go of the claim on the store."""
        self.emitter.close()
        self.transport.close()
        self.database.close()
        if self.tracer is not None:
            self.tracer.close()


def transport_and_tokens(settings: Settings) -> tuple[Transport, TokenSource]:
    """The way to Lighthouse; the settings were loaded with `lighthouse=True`."""
    transport = Transport()
    key = settings.lighthouse_private_key
    tokens = TokenSource(
        transport,
        token_url=settings.token_url,
        audience=settings.lighthouse_audience or "",
        client_id=settings.lighthouse_client_id or "",
        private_key=key.get_secret_value() if key else "",
    )
    return transport, tokens


def emitter(settings: Settings, *, strict: bool = False) -> Emitter:
    """The way to the Agent."""
    return Emitter(settings.agent_url, constant_tags=constant_tags(os.environ), strict=strict)


def _client(
    settings: Settings, budget: RateBudget, tracer: Tracer | None
) -> tuple[Transport, LighthouseClient]:
    transport, tokens = transport_and_tokens(settings)
    client = LighthouseClient(transport, tokens, budget, url=settings.lighthouse_url or "")
    if tracer is not None:
        tracer.wrap(client, "poll_batch", "lightkeeper.batch", _outcome)
        tracer.wrap(client, "poll_one", "lightkeeper.batch", _outcome)
        tracer.wrap(tokens, "fetch", "lightkeeper.token")
    return transport, client


def build_daemon(
    settings: Settings,
    *,
    create: bool,
    clock: Callable[[], Instant] = now,
    strict: bool = False,
    tracer: Tracer | None = None,
) -> Daemon:
    """Open the store, claim it, and join everything. Raises what opening and claiming raise."""
    database = open_database(settings.database_url.get_secret_value(), create=create)
    try:
        database.claim()
    except BaseException:
        database.close()
        raise
    budget = RateBudget(settings.max_calls_per_minute)
    transport, client = _client(settings, budget, tracer)
    documents = Documents(database)
    documents.pull_in(clock())
    poller = Poller(
        documents,
        client,
        settings.policy,
        batch_size=settings.batch_size,
        clock=clock,
    )
    signals = emitter(settings, strict=strict)
    levels = Levels(database)
    publisher = Publisher(Outbox(database), levels, signals, clock)
    health = Health(poller, budget, signals, database.try_write)
    if tracer is not None:
        tracer.wrap(poller, "step", "lightkeeper.cycle", _worked)
        tracer.wrap(documents, "record", "lightkeeper.record")
        tracer.wrap(documents, "postpone", "lightkeeper.record")
        tracer.wrap(publisher, "publish", "lightkeeper.publish", _told)
    return Daemon(
        settings=settings,
        database=database,
        transport=transport,
        budget=budget,
        poller=poller,
        health=health,
        publisher=publisher,
        levels=levels,
        emitter=signals,
        clock=clock,
        tracer=tracer,
    )


def _worked(progress: Progress) -> dict[str, str] | None:
    return {} if progress.state is State.WORKED else None


def _outcome(answer: Answer) -> dict[str, str]:
    return {"outcome": str(answer.outcome)}


def _told(count: int) -> dict[str, str] | None:
    return {} if count else None
