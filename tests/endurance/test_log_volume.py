"""How much is logged while one fault lasts: below 3,000 lines a day, and the first at once."""

import sqlite3
from collections import Counter
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

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
def key_replaced(rig):
    """VA no longer knows the key, and no token is good any more."""
    rig.lighthouse.expire_tokens()
    with answering(401, {"error": "invalid_client"}, path="token")(rig):
        yield


@contextmanager
def firewall(rig):
    """A firewall answers, each time with another support id."""
    for number in range(5_000):
        body = b"<html>Request Rejected. Your support ID is: %d-%x" % (number, number * 7_919)
        rig.lighthouse.fail_next(1, 403, body, path=None)
    yield
    rig.lighthouse.clear_faults()


@contextmanager
def wrong_clock(rig):
    """The wall clock runs to and fro by an hour, a jump at each turn of the loop."""
    yield lambda: setattr(rig.clock, "ahead", 3_600.0 - rig.clock.ahead)


@contextmanager
def read_only(rig):
    """The store cannot be written, as on a disk that became read-only."""
    rig.database.rows("PRAGMA query_only = 1")
    yield
    rig.database.rows("PRAGMA query_only = 0")


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
def refused_by_postgres(rig):
    """PostgreSQL refuses every login."""
    name = urlsplit(rig.url).path[1:]
    with _sessions_ended(rig) as admin:
        admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        yield
        admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")


@contextmanager
def no_postgres(rig):
    """Nothing listens at PostgreSQL's address."""
    link = _socket_dir(rig.url)
    there = link.resolve()
    with _sessions_ended(rig):
        link.unlink()
        yield
        link.symlink_to(there)


@contextmanager
def _sessions_ended(rig):
    """An administrator; the daemon's session has ended."""
    server = rig.url.replace(urlsplit(rig.url).path, "/postgres")
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s",
            [urlsplit(rig.url).path[1:]],
        )
        yield admin


def _socket_dir(url):
    return Path(parse_qs(urlsplit(url).query)["host"][0])


FAULTS = {
    "nothing": (lambda _rig: nullcontext(), ""),
    "500": (refusing(500), "poll.call.failed"),
    "500 for one document in 25": (refusing(500, 25), "poll.call.failed"),
    "502 for batches": (answering(502, b"<html>"), "poll.call.failed"),
    "429": (refusing(429), "lighthouse.rate_limited"),
    "429 for batches": (answering(429), "lighthouse.rate_limited"),
    "an empty list for batches": (answering(200, b'{"data":{}}'), "poll.batches.failing"),
    "429 for tokens": (tokens_limited, "lighthouse.rate_limited"),
    "a firewall": (firewall, "poll.call.failed"),
    "400": (refusing(400), "poll.call.failed"),
    "422 for one document in 25": (refusing(422, 25), "poll.call.failed"),
    "malformed": (answering(200, b"{"), "poll.call.failed"),
    "413": (answering(413), "poll.batch.too_large"),
    "no Lighthouse": (down, "poll.call.failed"),
    "tokens rejected": (tokens_rejected, "poll.call.failed"),
    "a key that VA replaced": (key_replaced, "poll.call.failed"),
    "no token": (answering(503, path="token"), "poll.call.failed"),
    "no Agent": (no_agent, "dogstatsd.agent.unreachable"),
    "a locked store": (locked, "service.job.failed"),
    "a read-only store": (read_only, "service.job.failed"),
    "a wrong clock": (wrong_clock, "service.clock_jumped"),
    "no PostgreSQL": (no_postgres, "service.job.failed"),
    "a refusal by PostgreSQL": (refused_by_postgres, "service.job.failed"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_lasting_fault_does_not_flood_the_log(fault, tmp_path, request):
    """An hour of it is at most a 24th of 3,000 lines; its first line comes at once."""
    broken, first = FAULTS[fault]
    url = f"sqlite:///{tmp_path}/a.db"
    if "postgres" in broken.__name__:
        url, link = request.getfixturevalue("postgres_url"), tmp_path / "pg"
        link.symlink_to(_socket_dir(url))
        url = url.replace(str(_socket_dir(url)), str(link))
    with DaemonRig(url, tmp_path) as rig:
        lasting = Lasting(rig.clock)
        begun, lines = {}, []

        def kept(logger, method, event):
            begun.setdefault(event["event"], rig.clock.now)
            lines.append((rig.clock.now, lasting(logger, method, event)["event"]))
            raise structlog.DropEvent

        structlog.configure(processors=[kept])
        rig.track(250, "stuck_bgs")
        loop = rig.daemon.loop()
        with Stop().on_signals() as stop:
            loop.start(stop)
            with broken(rig) as each_turn:
                _run(rig, loop, stop, HOUR, each_turn)
        per_day = len(lines) * 24
        print(f"{fault:24} {per_day:6,} lines a day", Counter(name for _, name in lines))
        if first:
            assert begun[first] == next(at for at, name in lines if name == first)
        assert per_day < LINES_A_DAY


def _run(rig, loop, stop, seconds, each_turn):
    """Turn the loop in simulated time, for so long or until it ends by itself."""
    until = rig.clock.now + seconds
    while rig.clock.now < until:
        if each_turn:
            each_turn()
        try:
            loop.turn(stop)
        except StoreUnavailable:
            return  # systemd starts it again
        rig.clock.now = max(rig.clock.now, loop.scheduler.next_run_at())
