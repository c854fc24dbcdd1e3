"""A real failover: the primary of PostgreSQL stops or dies, and its standby takes its place."""

from contextlib import closing, contextmanager

import command_line
import postgres
import psycopg
import pytest
from postgres_proxy import PostgresProxy
from running_daemon import RunningDaemon
from store_rows import NOW, new

from lightkeeper.store.database import StoreUnavailable, open_database
from lightkeeper.store.documents import Documents, Intake

NAME = "keeper"
OUTCOMES = "lightkeeper.documents.outcomes"
_WATCHER = """
    SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = 5260002 AND granted
"""


class Pair:
    """A primary and its standby, which has all that the primary answered for."""

    def __init__(self, primary, standby):
        self.primary, self.standby = primary, standby

    @property
    def urls(self):
        """Their addresses, the primary's first."""
        return self.primary.url(NAME), self.standby.url(NAME)

    def rows(self, sql):
        """What the primary holds."""
        with closing(psycopg.connect(self.primary.url(NAME), autocommit=True)) as session:
            return session.execute(sql).fetchall()

    def promote(self):
        """Let the standby take the place of the primary, which has stopped."""
        self.standby.promote()
        self.primary, self.standby = self.standby, self.primary
        self.replicate("")

    def replicate(self, standbys):
        """Have the primary answer only once these have what was committed."""
        with closing(psycopg.connect(self.primary.url("postgres"), autocommit=True)) as admin:
            admin.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{standbys}'")
            admin.execute("SELECT pg_reload_conf()")


@pytest.fixture
def pair():
    """A database on two servers."""
    with postgres.server() as primary, postgres.standby(primary) as standby:
        with closing(psycopg.connect(primary.url("postgres"), autocommit=True)) as admin:
            admin.execute(f"CREATE DATABASE {NAME}")
        pair = Pair(primary, standby)
        pair.replicate("*")
        yield pair


@contextmanager
def _daemon(folder, url):
    with RunningDaemon(folder) as daemon:
        daemon.env["LIGHTKEEPER_DATABASE_URL"] = url
        daemon.start()
        daemon.until(lambda: daemon.agent.gauge("lightkeeper.heartbeat"))
        yield daemon


def _opened(url):
    return open_database(url, create=True)


def _track(daemon):
    """Track a document that is done at once; its id, and the process that tracks it."""
    request_id = daemon.lighthouse.add(story="instantly_done")
    options = (f"--request-id={request_id}", "--submission-id=s", "--document-type=form_0781")
    return request_id, command_line.start("track", *options, env=daemon.env)


def _tracked(daemon, count):
    """The ids of so many documents, each tracked by a command that says so in the end."""
    ids = []
    while len(ids) < count:
        request_id, process = _track(daemon)
        said, complaint = process.communicate()
        assert process.returncode in {0, 74}, complaint
        if process.returncode == 0:
            assert f"request id {request_id}: tracked\n" == said
            ids.append(request_id)
    return ids


def _settled(daemon, pair, ids):
    """Hold that each document was counted once, and that the daemon's claim is in the primary."""
    daemon.until(lambda: daemon.agent.count(OUTCOMES) >= len(ids))
    unpublished = "SELECT 1 FROM transitions WHERE published_at IS NULL"
    daemon.until(lambda: [] == pair.rows(unpublished))
    stored = "SELECT lighthouse_request_id FROM form_526_document_submissions ORDER BY 1"
    assert [(each,) for each in sorted(ids)] == pair.rows(stored)
    assert len(ids) == daemon.agent.count(OUTCOMES, outcome="done")
    assert [(len(ids),)] == pair.rows("SELECT count FROM tallies WHERE count <> 0")
    assert 1 == len(pair.rows(_WATCHER))


def test_a_daemon_goes_to_the_primary_wherever_that_is(tmp_path, pair):
    """By an address that names both servers: there by a switchover, back after a crash."""
    hosts = f"{pair.primary.socket_dir},{pair.standby.socket_dir}"
    url = pair.urls[0].replace(str(pair.primary.socket_dir), hosts)
    with _daemon(tmp_path, url) as daemon:
        ids = _tracked(daemon, 3)
        _settled(daemon, pair, ids)

        pair.primary.stop("fast")
        pair.promote()
        pair.standby.follow(pair.primary)
        pair.replicate("*")
        ids += _tracked(daemon, 3)
        _settled(daemon, pair, ids)

        waiting = [_track(daemon) for _ in range(3)]  # some of them while the server dies
        command_line.until(lambda: len(pair.rows("SELECT 1 FROM pg_stat_replication")) == 1)
        pair.primary.stop("immediate")
        pair.promote()
        for request_id, process in waiting:
            said, _ = process.communicate()
            if process.returncode == 0:
                ids.append(request_id)
            assert ("tracked" in said) == (process.returncode == 0)
        ids += _tracked(daemon, 3)
        stored = pair.rows("SELECT lighthouse_request_id FROM form_526_document_submissions")
        assert set(ids) <= {each for (each,) in stored}
        _settled(daemon, pair, [each for (each,) in stored])
        daemon.stop()


def test_a_daemon_waits_for_a_standby_to_be_promoted(tmp_path, pair):
    """By one address, which leads to the standby by now: it says so, and goes on as soon as it
    can.
    """
    with PostgresProxy(pair.urls[0]) as proxy, _daemon(tmp_path, proxy.url) as daemon:
        ids = _tracked(daemon, 3)
        _settled(daemon, pair, ids)

        proxy.lead_to(pair.urls[1])
        pair.primary.stop("immediate")
        daemon.until(lambda: "the server is read-only (a standby" in daemon.log.read_text())
        _, process = _track(daemon)
        said, complaint = process.communicate()
        assert (74, "") == (process.returncode, said)
        assert "the server is read-only (a standby" in complaint
        pair.promote()
        ids += _tracked(daemon, 3)
        _settled(daemon, pair, ids)
        daemon.stop()


def test_a_commit_is_not_looked_up_on_another_server(pair):
    """The standby that took the primary's place gives the same numbers to other transactions."""
    with PostgresProxy(pair.urls[0]) as proxy, closing(_opened(proxy.url)) as database:
        pair.promote()  # the primary of before answers on
        for _ in range(100):
            pair.rows("SELECT txid_current()")
        proxy.lead_to(pair.urls[0])
        proxy.lose_commits = 1
        with pytest.raises(StoreUnavailable, match="whether the last change was stored is not"):
            Documents(database).add([new(1)], NOW)

        assert [Intake.NEW] == Documents(database).add([new(1)], NOW)
        assert [(1,)] == pair.rows("SELECT count FROM tallies")
