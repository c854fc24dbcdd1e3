"""How much is logged while one fault lasts: below 3,000 lines a day, and the first at once."""

import sqlite3
from collections import Counter
from contextlib import closing, contextmanager, nullcontext

import psycopg
import pytest
import structlog
from daemon_rig import DaemonRig

from lightkeeper.service.stop import Stop
from lightkeeper.store.errors import StoreUnavailable
from lightkeeper.telemetry.lasting import Lasting

HOUR = 3_600.0
LINES_A_DAY = 3_000


def answering(status, body=None, path="status"):
    """Lighthouse answers every batch so, or every call of that endpoint."""

    @contextmanager
    def broken(rig):
        rig.lighthouse.fail_share(1.0, status, body, path=path)
        yield
        rig.lighthouse.clear_faults()

    return broken


def refusing(status, share=1):
    """Lighthouse answers every call with one of these documents so, alone or in a batch."""

    @contextmanager
    def broken(rig):
        for request_id in list(rig.lighthouse.truth())[::share]:
            rig.lighthouse.poison(request_id, status)
        yield
        rig.lighthouse.clear_faults()

    return broken


@contextmanager
def down(rig):
    """Nothing listens at Lighthouse's address."""
    rig.lighthouse.down("refuse")
    yield
    rig.lighthouse.up()


@contextmanager
def tokens_rejected(rig):
    """Lighthouse refuses each token."""
    rig.lighthouse.reject_tokens()
    yield
    rig.lighthouse.accept_tokens()


@contextmanager
def tokens_limited(rig):
    """No token is good any more, and each request for another ends in 429."""
    rig.lighthouse.expire_tokens()
    with answering(429, path="token")(rig):
        yield


@contextmanager
def no_agent(rig):
    """No Datadog Agent listens."""
    rig.agent.stop()
    yield
    rig.agent.start()


@contextmanager
def locked(rig):
    """Another process holds the store's lock."""
    rig.database.rows("PRAGMA busy_timeout = 1")
    with closing(sqlite3.connect(rig.database.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@contextmanager
def no_postgres(rig):
    """PostgreSQL lets nobody in."""
    name, _, options = rig.url.removeprefix("postgresql:///").partition("?")
    server = f"postgresql:///postgres?{options}"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
        )
        yield
        admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")


FAULTS = {
    "nothing": (nullcontext, ""),
    "500": (refusing(500), "poll.call.failed"),
    "500 for one document in 25": (refusing(500, 25), "poll.call.failed"),
    "502 for batches": (answering(502, b"<html>"), "poll.call.failed"),
    "429": (refusing(429), "lighthouse.rate_limited"),
    "429 for tokens": (tokens_limited, "lighthouse.rate_limited"),
    "a firewall": (answering(403, b"<html>Your support ID is: 12345"), "poll.call.failed"),
    "400": (refusing(400), "poll.call.failed"),
    "422 for one document in 25": (refusing(422, 25), "poll.call.failed"),
    "malformed": (answering(200, b"{"), "poll.call.failed"),
    "413": (answering(413), "poll.batch.too_large"),
    "no Lighthouse": (down, "poll.call.failed"),
    "tokens rejected": (tokens_rejected, "poll.call.failed"),
    "no token": (answering(503, path="token"), "poll.call.failed"),
    "no Agent": (no_agent, "dogstatsd.agent.unreachable"),
    "a locked store": (locked, "service.job.failed"),
    "no PostgreSQL": (no_postgres, "service.job.failed"),
}


@pytest.fixture
def lines():
    """What is logged, with the second of it: the processor that a daemon's log goes through."""
    found = []
    yield found
    structlog.reset_defaults()


@pytest.mark.parametrize("fault", FAULTS)
def test_a_lasting_fault_does_not_flood_the_log(fault, tmp_path, lines, request):
    """An hour of it is at most a 24th of 3,000 lines; its first line comes at once."""
    broken, first = FAULTS[fault]
    of_postgres = broken is no_postgres
    url = request.getfixturevalue("postgres_url") if of_postgres else f"sqlite:///{tmp_path}/a.db"
    with DaemonRig(url, tmp_path) as rig:
        lasting = Lasting(rig.clock)

        begun = {}

        def kept(logger, method, event):
            begun.setdefault(event["event"], rig.clock.now)
            lines.append((rig.clock.now, lasting(logger, method, event)["event"]))
            raise structlog.DropEvent

        structlog.configure(processors=[kept])
        rig.track(250, "stuck_bgs")
        loop, stop = rig.daemon.loop(), Stop()
        loop.start(stop)
        with broken(rig):
            _run(rig, loop, stop, HOUR)
        per_day = len(lines) * 24
        print(f"{fault:24} {per_day:6,} lines a day", Counter(name for _, name in lines))
        if first:
            assert begun[first] == next(at for at, name in lines if name == first)
        assert per_day < LINES_A_DAY


def _run(rig, loop, stop, seconds):
    """Turn the loop in simulated time, for so long or until it ends by itself."""
    until = rig.clock.now + seconds
    while rig.clock.now < until:
        try:
            loop.turn(stop)
        except StoreUnavailable:
            return  # systemd starts it again
        rig.clock.now = max(rig.clock.now, loop.scheduler.next_run_at)
