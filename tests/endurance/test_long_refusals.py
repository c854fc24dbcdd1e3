"""PostgreSQL that refuses a running daemon for longer than a minute, or for less."""

import time
from contextlib import closing, contextmanager

import command_line
import psycopg
import pytest
from patience import at_most
from running_daemon import RunningDaemon, critical

from lightkeeper.store.database import open_database

_SESSIONS = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = '{role}'"


@contextmanager
def _locked_role(admin, _url, role):
    """The daemon's role may not log in any more, as where its password was replaced."""
    admin.execute(f"ALTER ROLE {role} NOLOGIN")
    admin.execute(_SESSIONS.format(role=role))
    yield "not permitted to log in"
    admin.execute(f"ALTER ROLE {role} LOGIN")


@contextmanager
def _read_only(admin, _url, _role):
    """The server is a standby from now on, for the open session too."""
    admin.execute("ALTER SYSTEM SET default_transaction_read_only = on")
    admin.execute("SELECT pg_reload_conf()")
    yield "read-only"
    admin.execute("SET default_transaction_read_only = off")
    admin.execute("ALTER SYSTEM RESET default_transaction_read_only")
    admin.execute("SELECT pg_reload_conf()")


@contextmanager
def _taken_claim(admin, url, role):
    """Another process took the claim while the daemon had no session."""
    with closing(open_database(url, create=False)) as other:
        admin.execute(f"ALTER ROLE {role} NOLOGIN")
        admin.execute(_SESSIONS.format(role=role))
        other.claim()
        admin.execute(f"ALTER ROLE {role} LOGIN")
        yield "already polled by another"


FAULTS = {
    "login refused": (_locked_role, 74),
    "read-only": (_read_only, 74),
    "claim taken": (_taken_claim, 73),
}


@pytest.fixture
def started(tmp_path, postgres_url):
    """A daemon that runs as a role of its own; and an administrator."""
    with (
        RunningDaemon(tmp_path) as daemon,
        psycopg.connect(postgres_url, autocommit=True) as admin,
    ):
        role = f"{admin.info.dbname}_keeper"
        admin.execute(f"CREATE ROLE {role} LOGIN SUPERUSER")
        daemon.env["LIGHTKEEPER_DATABASE_URL"] = postgres_url.replace(
            "user=postgres", f"user={role}"
        )
        daemon.start()
        daemon.until(lambda: daemon.agent.gauge("lightkeeper.heartbeat"))
        yield daemon, admin, role
        daemon.process.kill()
        daemon.process.wait()
        admin.execute(f"DROP OWNED BY {role} CASCADE")
        admin.execute(f"DROP ROLE {role}")


@pytest.mark.speed
@pytest.mark.parametrize("fault", FAULTS)
def test_a_refusal_of_a_minute_ends_the_daemon(started, postgres_url, fault):
    """It says so by check and log, ends after a minute with its status, and logs little."""
    daemon, admin, role = started
    begin, status = FAULTS[fault]
    with begin(admin, postgres_url, role) as words:
        began = time.monotonic()
        daemon.until(lambda: critical("database.can_write")(daemon))
        command_line.until(lambda: daemon.ended() is not None)
        took = time.monotonic() - began
    said = daemon.log.read_text()
    assert status == daemon.ended(), said
    assert words in said.splitlines()[-1]
    assert 50.0 < took < at_most(100.0)
    assert len(said.splitlines()) < 200


@pytest.mark.parametrize("fault", FAULTS)
def test_a_refusal_that_passes_costs_nothing(started, postgres_url, fault):
    """The daemon goes on by itself, with the claim, once the database takes it again."""
    daemon, admin, role = started
    with FAULTS[fault][0](admin, postgres_url, role) as words:
        daemon.until(lambda: words in daemon.log.read_text())
    request_id = daemon.lighthouse.add(story="instantly_done")
    line = f'{{"lighthouse_request_id": {request_id}, "form_526_submission_id": "s", '
    line += '"document_type": "form_0781"}\n'
    assert 0 == command_line.run("track", "-", env=daemon.env, input=line).returncode
    daemon.until(lambda: daemon.agent.count("lightkeeper.documents.outcomes", outcome="done"))
    daemon.stop()
