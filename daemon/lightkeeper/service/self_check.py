"""`lightkeeper check`: tries every part by itself; names what fails and what to do."""

import os
from collections.abc import Iterator
from contextlib import closing
from typing import NamedTuple

from lightkeeper.config import network
from lightkeeper.config.settings import Settings, SettingsError, unknown_settings
from lightkeeper.domain.answer import ANSWERED, CallOutcome
from lightkeeper.domain.errors import LightkeeperError
from lightkeeper.service.clock import now
from lightkeeper.service.wiring import build_emitter, build_tokens, build_transport
from lightkeeper.store.database import Database, StoreMissing, open_database
from lightkeeper.store.levels import Levels, sums
from lightkeeper.upstream.benefits_documents.client import LighthouseClient
from lightkeeper.upstream.http import Transport
from lightkeeper.upstream.oauth import TokenRefused, TokenSource
from lightkeeper.upstream.rate_limit import RateBudget

PROBE_REQUEST_ID = 1
_PROXIES = ("HTTPS_PROXY", "ALL_PROXY")

_ADVICE = {
    CallOutcome.UNAUTHORIZED: "ask VA to grant this client the scope documents.read",
    CallOutcome.CONNECTION: "check LIGHTKEEPER_LIGHTHOUSE_URL and the network path to it",
    CallOutcome.UNEXPECTED: "this is not Lighthouse: check LIGHTKEEPER_LIGHTHOUSE_URL",
}
_SAYS_ITSELF = frozenset({CallOutcome.UNEXPECTED, CallOutcome.UNAUTHORIZED})
"""Where the reason is in our own words, it says what to do: of a firewall, of a wrong clock."""


class Check(NamedTuple):
    """One part: whether it works, and the detail, or what to do."""

    name: str
    ok: bool
    detail: str


def checks() -> Iterator[Check]:
    """Try settings, database, token, Lighthouse and Datadog Agent, one after the other."""
    try:
        settings = Settings.load(lighthouse=True)
    except SettingsError as exc:
        yield Check("settings", False, "; ".join(exc.problems))
        yield from _without_lighthouse()
        return
    yield _settings(settings)
    yield _database(settings)
    with closing(build_transport(settings)) as transport:
        tokens = build_tokens(settings, transport)
        token = _token(settings, transport, tokens)
        yield token
        if token.ok:
            yield _lighthouse(settings, transport, tokens)
        else:
            yield Check("lighthouse", False, "not tried: it needs a token")
    yield _agent(settings)


def _without_lighthouse() -> Iterator[Check]:
    try:
        settings = Settings.load()
    except SettingsError:
        return
    yield _database(settings)
    yield _agent(settings)


def _settings(settings: Settings) -> Check:
    if unknown := unknown_settings(os.environ):
        return Check("settings", False, f"no such setting: {', '.join(unknown)}")
    return Check("settings", True, f"Lighthouse at {settings.lighthouse_url}{_way(settings)}")


def _way(settings: Settings) -> str:
    """By which proxy calls go, or that the environment's is not used."""
    if settings.lighthouse_proxy is not None:
        return (
            f" through the proxy {network.address(settings.lighthouse_proxy.get_secret_value())}"
        )
    unused = [name for name in _PROXIES if os.environ.get(name) or os.environ.get(name.lower())]
    if not unused:
        return ""
    return f"; {' and '.join(unused)} not used: set LIGHTKEEPER_LIGHTHOUSE_PROXY to use a proxy"


def _database(settings: Settings) -> Check:
    url = settings.database_url.get_secret_value()
    try:
        with closing(open_database(url, create=False)) as database:
            database.try_write(now())
            counts = sums(Levels(database).totals())
            return Check(
                "database", True, f"{database.place}: {counts['tracked']} documents tracked"
            )
    except StoreMissing:
        path = Database(url).path
        if path is not None and not os.access(path.parent, os.W_OK):
            return Check(
                "database",
                False,
                f"{path.parent}: the folder is missing or not writable: create it, "
                "or set LIGHTKEEPER_DATABASE_URL",
            )
        return Check("database", True, "none yet: `lightkeeper run` or `track` creates it")
    except LightkeeperError as exc:
        return Check("database", False, str(exc))


def _token(settings: Settings, transport: Transport, tokens: TokenSource) -> Check:
    transport.begin()
    try:
        tokens.token()
    except TokenRefused as exc:
        advice = "compare client id, audience and private key with those VA has on record"
        return Check("token", False, str(exc) if exc.clock else f"{exc}: {advice}")
    except LightkeeperError as exc:
        return Check("token", False, f"{settings.token_url}: {exc}")
    return Check("token", True, f"from {settings.token_url}")


def _lighthouse(settings: Settings, transport: Transport, tokens: TokenSource) -> Check:
    budget = RateBudget()
    client = LighthouseClient(transport, tokens, budget, url=settings.lighthouse_url or "")
    answer = client.poll_batch([PROBE_REQUEST_ID])
    if answer.outcome in ANSWERED:
        left = "" if budget.remaining is None else f", {budget.remaining} calls left this minute"
        return Check("lighthouse", True, f"answers{left}")
    reason = answer.problem.detail if answer.problem else "no reason given"
    if answer.problem and answer.problem.http_status is None and answer.outcome in _SAYS_ITSELF:
        return Check("lighthouse", False, f"{answer.outcome}: {reason}")
    advice = _ADVICE.get(answer.outcome, "try again; if it persists, ask Lighthouse's support")
    return Check("lighthouse", False, f"{answer.outcome}: {reason}: {advice}")


def _agent(settings: Settings) -> Check:
    signals = build_emitter(settings)
    try:
        signals.count("lightkeeper.cycle.success", 0)
        reached = signals.flush()
    finally:
        signals.close()
    if reached:
        return Check("agent", True, settings.agent_url)
    return Check(
        "agent",
        False,
        f"Datadog Agent unreachable at {settings.agent_url}: start it, or set DD_DOGSTATSD_URL to "
        "its socket",
    )
