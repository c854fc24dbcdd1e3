"""The real commands on PostgreSQL, while its sessions freeze, wait, lose answers and logins."""

import os
import signal
import time
from contextlib import closing, contextmanager

import command_line
import psycopg
import pytest
from patience import at_most
from postgres_proxy import PostgresProxy
from running_daemon import RunningDaemon

OUTCOMES = "lightkeeper.documents.outcomes"


@contextmanager
def _admin(url):
    with closing(psycopg.connect(url, autocommit=True)) as connection:
        yield connection


@pytest.fixture
def daemon(tmp_path, postgres_url):
    """A daemon that is to keep its store in PostgreSQL."""
    with RunningDaemon(tmp_path) as daemon:
        daemon.env["LIGHTKEEPER_DATABASE_URL"] = postgres_url
        yield daemon


def _track(daemon, count, **more):
    """Track so many documents that are done at once."""
    ids = [daemon.lighthouse.add(story="instantly_done") for _ in range(count)]
    lines = (
        f'{{"lighthouse_request_id": {each}, "form_526_submission_id": "s{each}", '
        '"document_type": "form_0781"}\n'
        for each in ids
    )
    return command_line.run("track", "-", env=daemon.env | more, input="".join(lines))


def _daemon_session(admin):
    """The server's process that has the claim; None while none has."""
    found = admin.execute(
        "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = 5260002 AND granted "
        "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    ).fetchall()
    return found[0][0] if found else None


def _started(daemon, admin):
    daemon.start()
    daemon.until(lambda: _daemon_session(admin) and daemon.agent.gauge("lightkeeper.heartbeat"))


def test_answers_that_are_lost_count_nothing_twice(daemon, postgres_url):
    """Each document is one outcome and stands in one event, whichever commit's answer is lost."""
    with PostgresProxy(postgres_url) as proxy, _admin(postgres_url) as admin:
        daemon.env["LIGHTKEEPER_DATABASE_URL"] = proxy.url
        _started(daemon, admin)
        for number in range(1, 4):
            proxy.lose_answers = number
            done = _track(daemon, 5, LIGHTKEEPER_DATABASE_URL=proxy.url)
            assert (0, "5 tracked, 0 known already, 0 rejected\n") == (
                done.returncode,
                done.stdout,
            )
            daemon.until(lambda number=number: daemon.agent.count(OUTCOMES) >= 5 * number)
        proxy.lose_answers = 0
        unpublished = "SELECT COUNT(*) FROM transitions WHERE published_at IS NULL"
        daemon.until(lambda: [(0,)] == admin.execute(unpublished).fetchall())
        daemon.stop()

        assert 15 == daemon.agent.count(OUTCOMES, outcome="done")
        assert [(15,)] == admin.execute("SELECT count FROM tallies WHERE count <> 0").fetchall()
        assert 15 == admin.execute("SELECT COUNT(*) FROM transitions").fetchone()[0]
        sent = sum(
            int(event.title.split()[0]) for event in daemon.agent.events if " done" in event.title
        )
        gathered = admin.execute(
            "SELECT COALESCE(SUM(document_count), 0) FROM event_digests "
            "WHERE name = 'lightkeeper.document'"
        ).fetchone()[0]
        assert 15 == sent + gathered


@pytest.mark.speed
def test_a_frozen_server_process_silences_neither_signals_nor_a_stop(daemon, postgres_url):
    """The statement is given up and said to be, and SIGTERM ends the daemon in seconds."""
    with _admin(postgres_url) as admin:
        _started(daemon, admin)
        pid = _daemon_session(admin)
        os.kill(pid, signal.SIGSTOP)
        try:
            daemon.until(lambda: "no answer within" in daemon.log.read_text())
            began = time.monotonic()
            daemon.process.terminate()
            assert 0 == daemon.process.wait(), daemon.log.read_text()
            assert time.monotonic() - began < at_most(15.0)
        finally:
            os.kill(pid, signal.SIGCONT)


@pytest.mark.speed
def test_commands_do_not_wait_for_a_lock_for_ever(daemon, postgres_url):
    """Each ends after a quarter of a minute in one line that says that a lock is held."""
    assert 0 == _track(daemon, 1).returncode
    with psycopg.connect(postgres_url) as other:
        other.execute("LOCK TABLE form_526_document_submissions, lightkeeper_schema")
        commands = (
            ("show", 1),
            ("track", "--request-id=9", "--submission-id=s", "--document-type=form_0781"),
            ("ack", 1, "--reason=x", "--by=pat"),
        )
        began = time.monotonic()
        waiting = [command_line.start(*command, env=daemon.env) for command in commands]
        for process in waiting:
            said, complaint = process.communicate()
            assert (74, "") == (process.returncode, said), complaint
            assert 1 == complaint.count("\n")
            assert "another session holds a lock" in complaint
        assert time.monotonic() - began < at_most(20.0)


def test_a_new_login_counts_from_the_reload_on(daemon, tmp_path, postgres_url):
    """A daemon whose role was locked goes on as another one, with the store and its claim."""
    file = tmp_path / "database-url"
    del daemon.env["LIGHTKEEPER_DATABASE_URL"]
    daemon.env["LIGHTKEEPER_DATABASE_URL_FILE"] = str(file)
    with _admin(postgres_url) as admin:
        names = [f"{admin.info.dbname}_{each}" for each in ("old", "new")]
        for name in names:
            admin.execute(f"CREATE ROLE {name} SUPERUSER LOGIN")
        old, new = (postgres_url.replace("user=postgres", f"user={name}") for name in names)
        try:
            file.write_text(old)
            _started(daemon, admin)
            admin.execute(f"ALTER ROLE {names[0]} NOLOGIN")
            admin.execute("SELECT pg_terminate_backend(%s)", (_daemon_session(admin),))
            daemon.until(lambda: "not permitted to log in" in daemon.log.read_text())
            file.write_text(new)
            daemon.process.send_signal(signal.SIGHUP)
            daemon.until(lambda: _daemon_session(admin))
            assert 0 == _track(daemon, 3).returncode
            daemon.until(lambda: 3 == daemon.agent.count(OUTCOMES))
            daemon.stop()
        finally:
            for name in names:
                admin.execute(f"DROP OWNED BY {name} CASCADE")
                admin.execute(f"DROP ROLE {name}")
    assert daemon.logged("service.reloaded", "LIGHTKEEPER_DATABASE_URL")
