"""The ways out of this process, by the settings: Lighthouse, VA's list, the Datadog Agent."""

import time
from collections.abc import Callable, Mapping

from lightkeeper.config.planned_services import steps_by_service
from lightkeeper.config.settings import Settings
from lightkeeper.domain.answer import Answer
from lightkeeper.domain.time import SECOND, Instant
from lightkeeper.service.clock import now
from lightkeeper.telemetry.dogstatsd import Emitter
from lightkeeper.telemetry.tag_values import constant_tags
from lightkeeper.telemetry.tracing import Tracer
from lightkeeper.upstream.benefits_documents.client import LighthouseClient
from lightkeeper.upstream.http import CALL_DEADLINE_SECONDS, HTTPTransport, Transport
from lightkeeper.upstream.maintenance_list import DEADLINE_SECONDS, MaintenanceList
from lightkeeper.upstream.oauth import TokenSource
from lightkeeper.upstream.rate_limit import RateBudget


def build_transport(
    settings: Settings,
    *,
    deadline_seconds: float = CALL_DEADLINE_SECONDS,
    monotonic: Callable[[], float] = time.monotonic,
) -> HTTPTransport:
    """The way to Lighthouse and VA, through the proxy if one is set."""
    proxy = settings.lighthouse_proxy
    return HTTPTransport(
        ca=settings.lighthouse_ca,
        proxy=proxy.get_secret_value() if proxy else None,
        deadline_seconds=deadline_seconds,
        monotonic=monotonic,
    )


def build_maintenance_list(
    settings: Settings, *, monotonic: Callable[[], float] = time.monotonic
) -> MaintenanceList | None:
    """VA's list of maintenance windows; None where the settings name none."""
    if settings.maintenance_url is None:
        return None
    return MaintenanceList(
        build_transport(settings, deadline_seconds=DEADLINE_SECONDS, monotonic=monotonic),
        settings.maintenance_url,
        steps_by_service(settings.maintenance_services),
    )


def build_tokens(
    settings: Settings,
    transport: Transport,
    *,
    clock: Callable[[], Instant] = now,
    monotonic: Callable[[], float] = time.monotonic,
) -> TokenSource:
    """The tokens of Lighthouse; the settings were loaded with `lighthouse=True`."""
    key = settings.lighthouse_private_key
    return TokenSource(
        transport,
        token_url=settings.token_url,
        audience=settings.lighthouse_audience or "",
        client_id=settings.lighthouse_client_id or "",
        private_key=key.get_secret_value() if key else "",
        wall_clock=lambda: clock() / SECOND,
        monotonic=monotonic,
    )


def build_budget(
    settings: Settings,
    *,
    clock: Callable[[], Instant] = now,
    monotonic: Callable[[], float] = time.monotonic,
) -> RateBudget:
    """What is left of the calls that Lighthouse and the settings allow."""
    return RateBudget(
        settings.max_calls_per_minute,
        monotonic=monotonic,
        wall_clock=lambda: clock() / SECOND,
    )


def build_client(
    settings: Settings,
    transport: Transport,
    budget: RateBudget,
    tracer: Tracer | None = None,
    *,
    clock: Callable[[], Instant] = now,
    monotonic: Callable[[], float] = time.monotonic,
) -> LighthouseClient:
    """The client of Lighthouse, with a span for each call if there is a tracer."""
    tokens = build_tokens(settings, transport, clock=clock, monotonic=monotonic)
    client = LighthouseClient(transport, tokens, budget, url=settings.lighthouse_url or "")
    if tracer is not None:
        tracer.wrap(client, "poll_batch", "lightkeeper.batch", _outcome)
        tracer.wrap(client, "poll_one", "lightkeeper.batch", _outcome)
        tracer.wrap(tokens, "fetch", "lightkeeper.token")
    return client


def _outcome(answer: Answer) -> Mapping[str, str]:
    return {"outcome": str(answer.outcome)}


def build_emitter(
    settings: Settings, *, monotonic: Callable[[], float] = time.monotonic
) -> Emitter:
    """The way to the Datadog Agent."""
    return Emitter(
        settings.agent_url,
        constant_tags=constant_tags(settings.tag_variables),
        monotonic=monotonic,
    )
