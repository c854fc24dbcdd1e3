"""`lightkeeper check`: tries every part by itself; names what fails and what to do."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Final, NamedTuple, cast

from lightkeeper.config import network, plain_files, secret_files
from lightkeeper.config.settings import (
    SETTINGS_FILE,
    Settings,
    SettingsError,
    unknown_settings,
)
from lightkeeper.config.settings_file import SettingsFile
from lightkeeper.domain.answer import ANSWERED, CallOutcome, CallProblem
from lightkeeper.domain.errors import LightkeeperError
from lightkeeper.service.accesses import callers_checked, key_checked
from lightkeeper.service.clock import now
from lightkeeper.service.connections import (
    build_emitter,
    build_maintenance_list,
    build_tokens,
    build_transport,
)
from lightkeeper.service.following import tried_source
from lightkeeper.service.known_words import quoted
from lightkeeper.service.maintenance_windows import tried
from lightkeeper.service.watched_envs import WatchedEnvs, seen, unwatched
from lightkeeper.store.database import Database, StoreMissing, open_database
from lightkeeper.store.levels import Levels, sums
from lightkeeper.upstream.benefits_documents.client import LighthouseClient
from lightkeeper.upstream.http import Transport
from lightkeeper.upstream.oauth import TokenRefused, TokenSource
from lightkeeper.upstream.rate_limit import RateBudget

PROBE_REQUEST_IDS = (1, 2)
_UNUSED: Final = (
    (
        "lighthouse_proxy",
        ("HTTPS_PROXY", "ALL_PROXY"),
        "set LIGHTKEEPER_LIGHTHOUSE_PROXY to use a proxy",
    ),
    (
        "lighthouse_ca",
        ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"),
        "set LIGHTKEEPER_LIGHTHOUSE_CA_FILE to trust your network's root",
    ),
)
"""Settings of ours, and the variables that other programs obey in their place."""
_SECRET = tuple(
    f"LIGHTKEEPER_{name}"
    for name in ("LIGHTHOUSE_PRIVATE_KEY", "DATABASE_URL", "FOLLOW_SOURCE_URL")
)
_FOR_A_TOKEN = tuple(
    f"LIGHTKEEPER_LIGHTHOUSE_{name}"
    for name in ("TOKEN_URL", "AUDIENCE", "CLIENT_ID", "PRIVATE_KEY")
)
_FOR_A_CALL = tuple(f"LIGHTKEEPER_LIGHTHOUSE_{name}" for name in ("URL", "CA_FILE", "PROXY"))

_LATER: Final = "try again; if it persists, ask Lighthouse's support"
_SINGLY: Final = (
    "calls about several documents fail, and one about a single document is answered: the daemon "
    "polls documents singly until that ends; report it to Lighthouse's support"
)
_OF_ANY_CALL: Final = frozenset({CallOutcome.UNAUTHORIZED, CallOutcome.RATE_LIMITED})
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


def checks(
    file: SettingsFile | None = None, watched: WatchedEnvs | None = None
) -> Iterator[Check]:
    """Try settings, database, token, Lighthouse and Datadog Agent, one after the other.

    Between the first two, what ends, where a setting names it: the key, and the callers' tokens.

    What is wrong with one keeps none of the others from being tried, unless it needs that one.
    `file` is the settings file, if there is one, after it was read; `watched` is what the signals'
    env is compared with.
    """
    of_file = file.problems if file else []
    problems = list(of_file)
    try:
        settings = Settings.load(lighthouse=True)
    except SettingsError as exc:
        problems += exc.problems
        settings = cast(Settings, exc.rest)

    def missing(*names: str) -> str:
        """What is said of a part that needs these settings, where one of them is wrong."""
        found = [name for name in names if any(name in each for each in problems)]
        if unread and not any(
            name in os.environ or f"{name}_FILE" in os.environ for name in names
        ):
            found = found or [SETTINGS_FILE]
        return f"not tried: it needs {', '.join(found)}" if found else ""

    unread = any(SETTINGS_FILE in each for each in of_file)
    yield _settings(settings, problems, file, watched)
    yield from _ends(settings)
    needed = missing("LIGHTKEEPER_DATABASE_URL")
    yield Check("database", False, needed) if needed else _database(settings)
    yield from _token_and_lighthouse(settings, missing)
    if (va_list := build_maintenance_list(settings)) is not None:
        needed = missing("LIGHTKEEPER_MAINTENANCE_SERVICES", *_FOR_A_CALL[1:])
        with closing(va_list):
            yield Check("maintenance", *((False, needed) if needed else tried(va_list)))
    if (source := settings.follow_source_url) is not None:
        yield Check("vets-api", *tried_source(source.get_secret_value()))
    needed = missing("DD_DOGSTATSD_URL", "DD_AGENT_HOST", "DD_DOGSTATSD_PORT")
    yield Check("agent", False, needed) if needed else _agent(settings)


def _ends(settings: Settings) -> Iterator[Check]:
    if settings.lighthouse_key_ends is not None:
        yield Check("key", *key_checked(settings, now()))
    if settings.api_tokens_file is not None:
        yield Check("callers", *callers_checked(settings, now()))


def _token_and_lighthouse(settings: Settings, missing: Callable[..., str]) -> Iterator[Check]:
    """Lighthouse is called without a token where there is none: that shows whether it answers."""
    needed = missing(*_FOR_A_TOKEN, *_FOR_A_CALL)
    with closing(build_transport(settings)) as transport:
        tokens = _NoToken() if needed else build_tokens(settings, transport)
        token = Check("token", False, needed) if needed else _token(settings, transport, tokens)
        yield token
        needed = missing(*_FOR_A_CALL)
        tokens = tokens if token.ok else _NoToken()
        yield (
            Check("lighthouse", False, needed)
            if needed
            else _lighthouse(settings, transport, tokens)
        )


class _NoToken(TokenSource):
    """Gives no token: Lighthouse refuses such a call, and so shows that it can be reached."""

    def __init__(self) -> None:
        """Need nothing."""

    def token(self) -> str:
        """A word that is no token."""
        return "none"

    def drop(self) -> None:
        """Do nothing."""

    def redacted(self, body: bytes) -> bytes:
        """`body`: there is no token that it could quote."""
        return body

    def clock_problem(self, _headers: Mapping[str, str]) -> str:
        """Nothing: the clock is not why Lighthouse refuses such a call."""
        return ""


def _settings(
    settings: Settings,
    wrong: Sequence[str],
    file: SettingsFile | None,
    watched: WatchedEnvs | None,
) -> Check:
    problems = [*wrong, *(f"no such setting: {name}" for name in unknown_settings(os.environ))]
    if problem := unwatched(settings.tag_variables, watched):
        problems.append(problem)
    exposed = [secret_files.exposed(os.environ, name) for name in _SECRET]
    problems += filter(None, [*exposed, file.exposed() if file else None])
    fine = [f"Lighthouse at {settings.lighthouse_url}", seen(settings.tag_variables, watched)]
    return Check("settings", not problems, "; ".join([*(problems or fine), *_ways(settings)]))


def _ways(settings: Settings) -> Iterator[str]:
    """By which proxy calls go, and what other programs obey in such a network and we do not."""
    if proxy := settings.lighthouse_proxy:
        yield f"calls go through the proxy {network.address(proxy.get_secret_value())}"
    for setting, names, remedy in _UNUSED:
        unused = [name for name in names if os.environ.get(name) or os.environ.get(name.lower())]
        if unused and getattr(settings, setting) is None:
            yield f"{' and '.join(unused)} not used: {remedy}"


def _database(settings: Settings) -> Check:
    url = settings.database_url.get_secret_value()
    check = _store(url)
    with suppress(LightkeeperError), closing(Database(url)) as database:
        if unverified := database.unverified():
            return check._replace(detail=f"{check.detail}; warning: {unverified}")
    return check


def _store(url: str) -> Check:
    try:
        with closing(open_database(url, create=False)) as database:
            database.refuse_pooler()
            database.verify()  # nothing is written to a damaged one
            database.try_write()
            counts = sums(Levels(database).totals())
            exposed = _exposed(database.path) if database.path else None
            tracked = f"{database.place}: {counts['tracked']} documents tracked"
            return Check("database", not exposed, exposed or tracked)
    except StoreMissing:
        return _no_database(url)
    except LightkeeperError as exc:
        return Check("database", False, str(exc))


def _exposed(path: Path) -> str | None:
    """What is wrong with the rights of the store's files; the -wal holds documents too."""
    found = (plain_files.exposed(f"{path}{end}") for end in ("", "-wal"))
    return next(filter(None, found), None)


def _no_database(url: str) -> Check:
    """Whether a store can be made at `url`."""
    with closing(Database(url)) as database:
        if database.path is None:
            try:
                database.refuse_pooler()
            except LightkeeperError as exc:
                return Check("database", False, str(exc))
            try:
                database.try_create()
            except LightkeeperError as exc:
                return Check("database", False, f"{exc}: let the role create tables in it")
        elif not os.access(database.path.parent, os.W_OK):
            return Check(
                "database",
                False,
                f"{database.path.parent}: the folder is missing or not writable: create it, "
                "or set LIGHTKEEPER_DATABASE_URL",
            )
    return Check("database", True, "none yet: `lightkeeper run` creates it")


def _token(settings: Settings, transport: Transport, tokens: TokenSource) -> Check:
    transport.begin()
    try:
        tokens.token()
    except TokenRefused as exc:
        advice = _token_advice(exc.response.status)
        return Check("token", False, str(exc) if exc.clock else f"{exc}: {advice}")
    except LightkeeperError as exc:
        return Check("token", False, f"{settings.token_url}: {exc}")
    return Check("token", True, f"from {settings.token_url}")


def _token_advice(status: int) -> str:
    if status in {400, 401, 403}:
        return "compare client id, audience and private key with those VA has on record"
    if status == 429 or status >= 500:
        return _LATER
    return "this is not the token endpoint: check LIGHTKEEPER_LIGHTHOUSE_TOKEN_URL"


def _lighthouse(settings: Settings, transport: Transport, tokens: TokenSource) -> Check:
    budget = RateBudget()
    client = LighthouseClient(transport, tokens, budget, url=settings.lighthouse_url or "")
    answer = client.poll_batch(PROBE_REQUEST_IDS)
    if answer.outcome is CallOutcome.UNAUTHORIZED and isinstance(tokens, _NoToken):
        return Check("lighthouse", True, "answers, and refuses a call without a token")
    if answer.outcome in ANSWERED:
        left = "" if budget.remaining is None else f", {budget.remaining} calls left this minute"
        return Check("lighthouse", True, f"answers{left}")
    problem = answer.problem or CallProblem(None, "no reason given")
    is_ours = problem.http_status in {None, 200}
    reason = problem.detail if is_ours else quoted(problem)
    if is_ours and answer.outcome in _SAYS_ITSELF:
        return Check("lighthouse", False, f"{answer.outcome}: {reason}")
    advice = _ADVICE.get(answer.outcome, _LATER)
    if (
        answer.outcome not in _OF_ANY_CALL
        and client.poll_one(PROBE_REQUEST_IDS[0]).outcome in ANSWERED
    ):
        advice = _SINGLY
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
