"""The process that follows vets-api beside the daemon: started, watched, started again, ended."""

import os
import signal
from contextlib import closing
from itertools import pairwise

import command_line
import psycopg
import pytest
import vets_api_table
from running_daemon import RunningDaemon

from lightkeeper.config.settings import StoreSettings
from lightkeeper.service.follower_process import (
    END_WITHIN_SECONDS,
    LONGEST_PAUSE_SECONDS,
    FollowerProcess,
)

URL = "postgresql://reader:hush@db/vets_api"
INSERT = """
    INSERT INTO lighthouse526_document_uploads (form526_submission_id, document_type,
        lighthouse_document_request_id, created_at) VALUES (4711, 'Form 0781', %s, now())
"""


class Rig:
    """A follower process that is a shell script, by a clock that only the test moves on."""

    def __init__(self, folder, script):
        self.now = 0.0
        self.said = folder / "said"
        self.said.touch()
        self.follower = FollowerProcess(
            ("/bin/sh", "-c", script.format(said=self.said)), monotonic=lambda: self.now
        )

    def obey(self, url=URL, environ=None, **more):
        """Have these settings."""
        settings = StoreSettings(follow_source_url=url, **more)
        self.follower.obey(settings, {"PATH": os.environ["PATH"]} if environ is None else environ)

    def look(self, seconds=0.0):
        """Let time pass, and look once what became of the process."""
        self.now += seconds
        self.follower.look_after_follower()

    def lines(self):
        """What the processes wrote, a line each."""
        return self.said.read_text().splitlines()


@pytest.fixture
def rig(tmp_path):
    """Builds one; its process ends with the test."""
    with closing(Opened()) as opened:
        yield lambda script: opened.keep(Rig(tmp_path, script))


class Opened(list):
    """What was built, to be closed."""

    def keep(self, rig):
        """Close it in the end."""
        self.append(rig)
        return rig

    def close(self):
        """Close all."""
        for rig in self:
            rig.follower.close()


def test_without_a_database_to_follow_no_process_is_started(rig):
    """Nor is one where the settings no longer name any."""
    rigged = rig("echo one >>{said}; exec sleep 60")
    rigged.obey(None)
    rigged.look(1)
    assert [] == rigged.lines()

    rigged.obey()
    rigged.look()
    command_line.until(lambda: ["one"] == rigged.lines())
    rigged.obey(None)
    command_line.until(lambda: rigged.look(0.01) or rigged.follower._process is None)
    rigged.look(1_000)
    assert ["one"] == rigged.lines()


def test_one_that_ends_is_started_again_ever_more_rarely(rig):
    """At last every five minutes; what is wrong is said meanwhile."""
    rigged = rig("echo once >>{said}; exit 74")
    rigged.obey()
    starts = []
    for _ in range(2_000):
        rigged.look(0.5)
        if rigged.follower._process is not None:
            rigged.follower._process.wait()
            starts.append(rigged.now)
    pauses = [later - earlier - 0.5 for earlier, later in pairwise(starts)]

    assert [1, 2, 4, 8, 16, 32, 64, 128, 256, LONGEST_PAUSE_SECONDS] == pauses
    assert len(starts) == len(rigged.lines())
    assert "vets-api is not followed: its process ended with status 74" == rigged.follower.problem


def test_one_that_runs_for_long_is_no_problem_any_more(rig):
    """And the pause after its next end is the first again."""
    rigged = rig("test -s {said} && exec sleep 60; echo once >>{said}; kill -9 $$")
    rigged.obey()
    rigged.look()
    rigged.follower._process.wait()
    rigged.look(1)
    assert "vets-api is not followed: its process ended with signal 9" == rigged.follower.problem
    rigged.look(2)
    assert rigged.follower.problem
    rigged.look(LONGEST_PAUSE_SECONDS)
    assert "" == rigged.follower.problem


def test_other_settings_start_another_and_the_same_do_not(rig):
    """It is given of our settings those alone that it needs, and no secret of Lighthouse's."""
    rigged = rig("env >>{said}; exec sleep 60")
    environ = {
        "PATH": os.environ["PATH"],
        "PGSSLROOTCERT": "/etc/root.pem",
        "LIGHTKEEPER_LIGHTHOUSE_PRIVATE_KEY": "key",
        "LIGHTKEEPER_SETTINGS_FILE": "/etc/lightkeeper.env",
        "CREDENTIALS_DIRECTORY": "/run/credentials",
        "NOTIFY_SOCKET": "/run/notify",
    }
    rigged.obey(environ=environ)
    rigged.look()
    command_line.until(lambda: any(line.startswith("PGSSL") for line in rigged.lines()))
    found = {line for line in rigged.lines() if line.startswith(("LIGHT", "CRED", "NOTIFY"))}
    assert {
        "LIGHTKEEPER_DATABASE_URL=sqlite:///lightkeeper.db",
        f"LIGHTKEEPER_FOLLOW_SOURCE_URL={URL}",
        "LIGHTKEEPER_FOLLOW_OVERLAP=900.0s",
    } == found
    first = rigged.follower._process.pid

    rigged.obey(environ=environ)
    rigged.look(1)
    assert first == rigged.follower._process.pid
    rigged.obey(environ=environ, follow_overlap="1h")
    command_line.until(lambda: rigged.look() or rigged.follower._process.pid != first)
    command_line.until(lambda: "LIGHTKEEPER_FOLLOW_OVERLAP=3600.0s" in rigged.lines())
    assert "" == rigged.follower.problem


def test_one_that_does_not_end_is_killed(rig):
    """Where a database does not answer; the daemon does not wait for it meanwhile."""
    rigged = rig("trap '' TERM; echo deaf >>{said}; while :; do sleep 0.05; done")
    rigged.obey()
    rigged.look()
    command_line.until(lambda: ["deaf"] == rigged.lines())
    process = rigged.follower._process
    rigged.obey(None)
    rigged.look(END_WITHIN_SECONDS - 0.1)
    assert process.poll() is None
    rigged.look(0.2)
    assert -signal.SIGKILL == process.wait()


def test_what_cannot_be_started_is_said_and_tried_again(tmp_path):
    """Where there is no room for a process: the daemon goes on."""
    now = [0.0]
    with closing(FollowerProcess((str(tmp_path / "none"),), lambda: now[0])) as follower:
        follower.obey(StoreSettings(follow_source_url=URL), {})
        follower.look_after_follower()
        said = "vets-api is not followed: no process can be started: No such file or directory"
        assert said == follower.problem
        now[0] = 1.0
        follower.look_after_follower()


@pytest.fixture
def source(postgres_url):
    """vets-api's database, empty."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(vets_api_table.CREATE.format(kind="TIMESTAMP(6)"))
        yield connection


def test_run_follows_where_the_setting_names_a_database(source, postgres_url, tmp_path):
    """Its process is started again where it is killed, and ends with the daemon, also killed."""
    with RunningDaemon(tmp_path) as daemon:
        ids = daemon.lighthouse.add_many(3, "instantly_done")
        daemon.env["LIGHTKEEPER_FOLLOW_SOURCE_URL"] = postgres_url

        def tracked():
            rows = daemon.rows("SELECT lighthouse_request_id FROM form_526_document_submissions")
            return {each for (each,) in rows}

        def followers():
            return [line["pid"] for line in daemon.logged("follower.started")]

        source.execute(INSERT, (str(ids[0]),))
        daemon.start()
        daemon.until(lambda: followers() and tracked() == {ids[0]})
        (first,) = followers()
        os.kill(first, signal.SIGKILL)
        source.execute(INSERT, (str(ids[1]),))
        daemon.until(lambda: tracked() == set(ids[:2]))
        (ended,) = daemon.logged("follower.ended")
        assert "its process ended with signal 9" == ended["reason"]
        _, second = followers()

        daemon.process.kill()
        daemon.process.wait()
        command_line.until(lambda: not is_running(second))
        source.execute(INSERT, (str(ids[2]),))
        daemon.start()
        daemon.until(daemon.is_settled)
        *_, third = followers()
        daemon.stop()
        assert not is_running(third)


def is_running(pid):
    """Whether there is such a process."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
