"""Builds the real parts from the settings and joins them: for the commands and the demo."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from lightkeeper.cycle import Poller, Progress, State
from lightkeeper.emit import Emitter, constant_tags
from lightkeeper.health import Health
from lightkeeper.lighthouse.auth import TokenSource
from lightkeeper.lighthouse.budget import RateBudget
from lightkeeper.lighthouse.client import LighthouseClient
from lightkeeper.lighthouse.transport import Transport
from lightkeeper.model import Answer, Instant, now
from lightkeeper.report import Reporter
from lightkeeper.service import Service
from lightkeeper.settings import Settings, SettingsError
from lightkeeper.single_pass import Pass
from lightkeeper.store.database import Database, open_database
from lightkeeper.store.documents import Documents
from lightkeeper.store.levels import Levels
from lightkeeper.store.outbox import Outbox
from lightkeeper.tracing import Tracer

_LIMITED: Final = frozenset({"LIGHTKEEPER_LIGHTHOUSE_URL", "LIGHTKEEPER_LIGHTHOUSE_CLIENT_ID"})


@dataclass(slots=True)
class Watch:
    """A daemon, ready to run; `close` lets go of everything."""

    settings: Settings
    database: Database
    transport: Transport
    budget: RateBudget
    poller: Poller
    health: Health
    reporter: Reporter
    emitter: Emitter
    clock: Callable[[], Instant]
    tracer: Tracer | None

    def service(self) -> Service:
        """The loop of `lightkeeper run`."""
        return Service(self.poller, self.reporter, self.health)

    def single_pass(self) -> Pass:
        """The pass of `lightkeeper poll`."""
        return Pass(self.poller, self.reporter, self.health, clock=self.clock)

    def renew(self, settings: Settings) -> list[str]:
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
        budget.go_on_with(settings.max_calls_per_minute)
        self.poller.go_on_with(client, settings.policy, settings.batch_size)
        self.reporter.go_on_with(signals)
        self.health.go_on_with(budget, signals)
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
        tracer.wrap(client, "ask", "lightkeeper.batch", _outcome)
        tracer.wrap(client, "ask_alone", "lightkeeper.batch", _outcome)
        tracer.wrap(tokens, "fetch", "lightkeeper.token")
    return transport, client


def watch(
    settings: Settings,
    *,
    create: bool,
    clock: Callable[[], Instant] = now,
    strict: bool = False,
    tracer: Tracer | None = None,
) -> Watch:
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
    reporter = Reporter(Outbox(database), Levels(database), signals, clock)
    health = Health(poller, budget, signals, database.try_write)
    if tracer is not None:
        tracer.wrap(poller, "step", "lightkeeper.cycle", _worked)
        tracer.wrap(documents, "record", "lightkeeper.record")
        tracer.wrap(documents, "postpone", "lightkeeper.record")
        tracer.wrap(reporter, "tell", "lightkeeper.tell", _told)
    return Watch(
        settings, database, transport, budget, poller, health, reporter, signals, clock, tracer
    )


def _worked(progress: Progress) -> dict[str, str] | None:
    return {} if progress.state is State.WORKED else None


def _outcome(answer: Answer) -> dict[str, str]:
    return {"outcome": str(answer.outcome)}


def _told(count: int) -> dict[str, str] | None:
    return {} if count else None
