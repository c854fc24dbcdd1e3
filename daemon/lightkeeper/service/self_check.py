"""`lightkeeper check`: tries every part by itself and says in plain words what is wrong."""

import os
from collections.abc import Iterator
from contextlib import closing
from typing import NamedTuple

from lightkeeper.config.settings import Settings, SettingsError, unknown_settings
from lightkeeper.domain.answer import ANSWERED, CallOutcome
from lightkeeper.domain.errors import LightkeeperError
from lightkeeper.service.wiring import build_emitter, build_tokens
from lightkeeper.store.database import Database, StoreMissing, open_database
from lightkeeper.store.levels import Levels, sums
from lightkeeper.upstream.benefits_documents.client import LighthouseClient
from lightkeeper.upstream.http import HTTPTransport, Transport
from lightkeeper.upstream.oauth import TokenRefused, TokenSource
from lightkeeper.upstream.rate_limit import RateBudget

PROBE_REQUEST_ID = 1

_ADVICE = {
    CallOutcome.UNAUTHORIZED: "Lighthouse refuses the token: was documents.read granted?",
    CallOutcome.CONNECTION: "is LIGHTKEEPER_LIGHTHOUSE_URL right, and the way to it open?",
    CallOutcome.UNEXPECTED: "this is not Lighthouse: is LIGHTKEEPER_LIGHTHOUSE_URL right?",
}


class Check(NamedTuple):
    """One part, whether it works, and the detail or the remedy."""

    name: str
    ok: bool
    detail: str


def checks() -> Iterator[Check]:
    """Try settings, database, token, Lighthouse and Agent, one after the other."""
    try:
        settings = Settings.load(lighthouse=True)
    except SettingsError as exc:
        yield Check("settings", False, "; ".join(exc.problems))
        yield from _without_lighthouse()
        return
    yield _settings(settings)
    yield _database(settings)
    with closing(HTTPTransport()) as transport:
        tokens = build_tokens(settings, transport)
        token = _token(settings, transport, tokens)
        yield token
        if token.ok:
            yield _lighthouse(settings, transport, tokens)
        else:
            yield Check("lighthouse", False, "not tried: there is no token")
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
    return Check("settings", True, f"Lighthouse at {settings.lighthouse_url}")


def _database(settings: Settings) -> Check:
    url = settings.database_url.get_secret_value()
    try:
        with closing(open_database(url, create=False)) as database:
            database.try_write()
            counts = sums(Levels(database).totals())
            return Check(
                "database", True, f"{database.place}: {counts['tracked']} documents tracked"
            )
    except StoreMissing:
        path = Database(url).path
        if path is not None and not os.access(path.parent, os.W_OK):
            return Check("database", False, f"{path}: the folder is not there, or not ours")
        return Check("database", True, "not there yet; `run` or `track` will make it")
    except LightkeeperError as exc:
        return Check("database", False, str(exc))


def _token(settings: Settings, transport: Transport, tokens: TokenSource) -> Check:
    transport.begin()
    try:
        tokens.token()
    except TokenRefused as exc:
        hint = "are client id, audience and private key those VA has on record?"
        return Check("token", False, f"{exc}; {hint}")
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
    advice = _ADVICE.get(answer.outcome, "try again; if it stays so, ask Lighthouse's support")
    return Check("lighthouse", False, f"{answer.outcome}: {reason}; {advice}")


def _agent(settings: Settings) -> Check:
    signals = build_emitter(settings)
    try:
        signals.count("lightkeeper.cycle.success", 0)
        reached = signals.handed_over()
    finally:
        signals.close()
    if reached:
        return Check("agent", True, settings.agent_url)
    return Check(
        "agent",
        False,
        f"nobody listens at {settings.agent_url}: is the Datadog Agent running, and "
        "DD_DOGSTATSD_URL its socket?",
    )
