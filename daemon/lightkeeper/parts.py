"""Builds the real parts from the settings and joins them: for the commands and the demo."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass

from lightkeeper.cycle import Poller
from lightkeeper.emit import Emitter
from lightkeeper.lighthouse.auth import TokenSource
from lightkeeper.lighthouse.budget import RateBudget
from lightkeeper.lighthouse.client import LighthouseClient
from lightkeeper.lighthouse.transport import Transport
from lightkeeper.model import SECOND, Instant
from lightkeeper.report import Reporter
from lightkeeper.service import Pass, Service
from lightkeeper.settings import Settings
from lightkeeper.store.database import Database, open_database
from lightkeeper.store.documents import Documents
from lightkeeper.store.levels import Levels
from lightkeeper.store.outbox import Outbox


def now() -> Instant:
    """The wall clock as an `Instant`."""
    return int(time.time() * SECOND)


@dataclass(frozen=True, slots=True)
class Watch:
    """A daemon, ready to run; `close` lets go of everything."""

    database: Database
    transport: Transport
    poller: Poller
    reporter: Reporter
    emitter: Emitter
    clock: Callable[[], Instant]

    def service(self) -> Service:
        """The loop of `lightkeeper run`."""
        return Service(self.poller, self.reporter, self.emitter)

    def single_pass(self) -> Pass:
        """The pass of `lightkeeper poll`."""
        return Pass(self.poller, self.reporter, self.emitter, clock=self.clock)

    def close(self) -> None:
        """Flush the signals, close connections, let go of the claim on the store."""
        self.emitter.close()
        self.transport.close()
        self.database.close()


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
    """The way to the Agent; the client adds DD_ENV, DD_SERVICE and DD_VERSION by itself."""
    tags = [] if os.environ.get("DD_SERVICE") else ["service:lightkeeper"]
    return Emitter(settings.agent_url, constant_tags=tags, strict=strict)


def watch(
    settings: Settings,
    *,
    create: bool,
    clock: Callable[[], Instant] = now,
    strict: bool = False,
) -> Watch:
    """Open the store, claim it, and join everything. Raises what opening and claiming raise."""
    database = open_database(settings.database_url.get_secret_value(), create=create)
    try:
        database.claim()
    except BaseException:
        database.close()
        raise
    transport, tokens = transport_and_tokens(settings)
    client = LighthouseClient(
        transport,
        tokens,
        RateBudget(settings.max_calls_per_minute),
        url=settings.lighthouse_url or "",
    )
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
    reporter = Reporter(Outbox(database), Levels(database), signals, settings.policy, clock)
    return Watch(database, transport, poller, reporter, signals, clock)
