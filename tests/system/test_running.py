"""`lightkeeper run` as a service manager sees it: ready, alive, reloaded, stopped."""

import json
import os
import re
import signal
import sqlite3
import time
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import command_line
import psycopg
import pytest
import vets_api_table
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from notify_socket import Notified
from patience import at_most
from store_summary import json_lines, pending_and_unpublished

from lightkeeper.simulation.agent.server import SimulatedAgent
from lightkeeper.simulation.lighthouse.server import SimulatedLighthouse


@pytest.fixture
def agent(tmp_path):
    """An Agent that wants nothing malformed."""
    with SimulatedAgent(port=None, socket_path=tmp_path / "dsd.socket") as listening:
        yield listening
        listening.assert_clean()


@pytest.fixture
def lighthouse():
    """Lighthouse, without a rate limit."""
    with SimulatedLighthouse() as running:
        yield running


@pytest.fixture
def manager(tmp_path):
    """The service manager's socket."""
    with Notified(tmp_path / "notify.socket") as listening:
        yield listening


@pytest.fixture
def settings(tmp_path, lighthouse, agent):
    """A settings file that joins the three, and its path."""
    return SettingsFile(tmp_path / "lightkeeper.env", tmp_path / "store.db", lighthouse, agent)


class SettingsFile:
    """What LIGHTKEEPER_SETTINGS_FILE names in these tests."""

    def __init__(self, path, store, lighthouse, agent):
        self.path, self.store = path, store
        self.key = path.with_name("key.pem")
        self._values = command_line.environment(store, lighthouse, agent, DD_ENV="production")
        self.key.write_text(self._values.pop("LIGHTKEEPER_LIGHTHOUSE_PRIVATE_KEY"))
        self.write(LIGHTKEEPER_LIGHTHOUSE_PRIVATE_KEY_FILE=str(self.key))

    def write(self, **values):
        """Write it anew, with these values changed."""
        self._values.update(values)
        ours = ("LIGHTKEEPER_", "DD_", "DATADOG_")
        kept = {name: value for name, value in self._values.items() if name.startswith(ours)}
        self.path.write_text("".join(f"{name}={value}\n" for name, value in kept.items()))

    def environment(self, manager=None):
        """The process's own."""
        env = {
            name: value
            for name, value in command_line.environment().items()
            if not name.startswith("DD_")
        }
        env["LIGHTKEEPER_SETTINGS_FILE"] = str(self.path)
        return env if manager is None else env | {"NOTIFY_SOCKET": str(manager.path)}


@contextmanager
def ready(settings, manager):
    """`run`, once it says that it is ready."""
    log = settings.path.with_name("stderr.txt")
    with (
        log.open("w") as stderr,
        command_line.running("run", env=settings.environment(manager), stderr=stderr) as process,
    ):
        manager.wait_for("READY=1")
        yield process


def logged(settings, event):
    """The log lines of one event."""
    text = settings.path.with_name("stderr.txt").read_text()
    return [found for line in text.splitlines() if (found := json.loads(line))["event"] == event]


def track_ids(settings, lighthouse, count, story="instantly_done"):
    """Have so many documents more."""
    ids = lighthouse.add_many(count, story)
    done = command_line.run("track", "-", env=settings.environment(), input=json_lines(ids))
    assert 0 == done.returncode, done.stderr


def test_it_is_ready_once_it_runs_and_says_when_it_stops(settings, manager):
    """READY=1 comes when the store is claimed, a STATUS= follows, STOPPING=1 ends it."""
    with ready(settings, manager) as process:
        other = command_line.run("poll", env=settings.environment())
        manager.wait_for(re.compile(r"STATUS=0 pending"))
        process.send_signal(signal.SIGTERM)
        manager.wait_for("STOPPING=1")

        assert 73 == other.returncode
        assert 0 == process.wait()


def test_its_status_says_what_waits_and_how_calls_go(settings, manager):
    """What is pending, when Lighthouse was polled last, and how many calls are left."""
    with SimulatedLighthouse(rate_limit=60) as limited:
        settings.write(**limited.environment() | {"LIGHTKEEPER_LIGHTHOUSE_PRIVATE_KEY": ""})
        track_ids(settings, limited, 12, "stuck_bgs")
        with ready(settings, manager):
            manager.wait_for(
                re.compile(r"STATUS=12 pending, last call \d+ s ago, 59 of 60 calls l")
            )


@pytest.mark.speed
def test_the_watchdog_is_fed_all_through_a_backlog(settings, manager, lighthouse):
    """A slice of work that fills its time does not look like a hang."""
    lighthouse.latency = 0.05
    track_ids(settings, lighthouse, 10_000)
    with ready(settings, manager):
        for _ in range(4):
            manager.wait_for("WATCHDOG=1", seconds=at_most(2.5))

    assert 0 < pending_and_unpublished(settings.store)[0] < 10_000


def test_the_watchdog_is_not_fed_while_the_store_hangs(settings, manager, postgres_url):
    """A database that answers no more stops the loop, and systemd notices."""
    settings.write(LIGHTKEEPER_DATABASE_URL=postgres_url)
    with ready(settings, manager), psycopg.connect(postgres_url) as other:
        manager.wait_for("WATCHDOG=1")
        ((pid,),) = other.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() "
            "AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
        ).fetchall()
        os.kill(pid, signal.SIGSTOP)
        try:
            time.sleep(1.5)  # what was on its way
            manager.heard()
            time.sleep(3)
            assert "WATCHDOG=1" not in manager.heard()
        finally:
            os.kill(pid, signal.SIGCONT)
        manager.wait_for("WATCHDOG=1")


def test_a_stop_while_a_call_hangs_takes_no_longer_than_systemd_waits(
    settings, manager, lighthouse
):
    """The call is ended by its own deadline, and every transition is published."""
    unit = Path(__file__).parents[2] / "systemd/lightkeeper.service"
    (seconds,) = re.findall(r"^TimeoutStopSec=(\d+)$", unit.read_text(), re.MULTILINE)
    lighthouse.down("hang")
    with ready(settings, manager) as process:
        track_ids(settings, lighthouse, 5)
        command_line.until(lambda: lighthouse.calls)
        process.send_signal(signal.SIGTERM)
        assert 0 == process.wait(int(seconds) - 10)


def test_a_reload_takes_the_new_settings(settings, manager, lighthouse, agent):
    """SIGHUP: settings file and key are read anew, and the claim on the store is kept."""
    with ready(settings, manager) as process:
        settings.write(LIGHTKEEPER_BATCH_SIZE="7", DD_ENV="elsewhere")
        process.send_signal(signal.SIGHUP)
        manager.wait_for("READY=1")
        track_ids(settings, lighthouse, 40)
        command_line.until(lambda: pending_and_unpublished(settings.store) == (0, 0))
        assert 73 == command_line.run("poll", env=settings.environment()).returncode
        process.send_signal(signal.SIGTERM)
        assert 0 == process.wait()

    agent.drain()
    (reloaded,) = logged(settings, "service.reloaded")
    assert ["DD_ENV", "LIGHTKEEPER_BATCH_SIZE"] == reloaded["changed"]
    assert "elsewhere" == reloaded["dd.env"]
    assert {True} == {len(call.ids) <= 7 for call in lighthouse.calls if call.path == "status"}
    assert 40 == agent.count("lightkeeper.documents.outcomes", env="elsewhere", outcome="done")
    reloading = next(line for line in manager.said if line.startswith("MONOTONIC_USEC="))
    assert abs(time.monotonic() - int(reloading.partition("=")[2]) / 1e6) < 60


def test_a_reload_begins_to_follow_vets_api_and_ends_it(
    settings, manager, lighthouse, postgres_url
):
    """Where the setting comes and goes; while it stays the process does, too."""

    def reload(**values):
        settings.write(**values)
        process.send_signal(signal.SIGHUP)
        manager.wait_for("READY=1")

    with psycopg.connect(postgres_url, autocommit=True) as source:
        source.execute(vets_api_table.CREATE.format(kind="TIMESTAMP(6)"))
        source.execute(
            "INSERT INTO lighthouse526_document_uploads (form526_submission_id, document_type,"
            " lighthouse_document_request_id, created_at) VALUES (4711, 'Form 0781', '526001',"
            " now() AT TIME ZONE 'UTC')"
        )
    with ready(settings, manager) as process:
        reload(LIGHTKEEPER_FOLLOW_SOURCE_URL=postgres_url)
        command_line.until(lambda: pending_and_unpublished(settings.store)[0])
        reload(LIGHTKEEPER_BATCH_SIZE="9")
        (started,) = logged(settings, "follower.started")
        os.kill(started["pid"], 0)
        reload(LIGHTKEEPER_FOLLOW_SOURCE_URL="")

        def is_gone():
            with suppress(ProcessLookupError):
                os.kill(started["pid"], 0)
                return False
            return True

        command_line.until(is_gone)
    assert [] == logged(settings, "follower.ended")


def test_wrong_settings_at_a_reload_leave_the_old_ones(settings, manager, lighthouse):
    """All that is wrong is named in the log and the status, until a reload that is right."""
    with ready(settings, manager) as process:
        settings.write(LIGHTKEEPER_BATCH_SIZE="many", LIGHTKEEPER_LIGHTHOUSE_URL="http://va.gov")
        process.send_signal(signal.SIGHUP)
        manager.wait_for(re.compile("STATUS=.*settings were not reloaded at .* UTC"))
        track_env = settings.environment() | {
            "LIGHTKEEPER_BATCH_SIZE": "1",
            "LIGHTKEEPER_LIGHTHOUSE_URL": lighthouse.url,
        }
        ids = lighthouse.add_many(5, "instantly_done")
        command_line.run("track", "-", env=track_env, input=json_lines(ids))
        command_line.until(lambda: pending_and_unpublished(settings.store) == (0, 0))
        settings.write(LIGHTKEEPER_BATCH_SIZE="9", LIGHTKEEPER_LIGHTHOUSE_URL=lighthouse.url)
        process.send_signal(signal.SIGHUP)
        manager.wait_for(re.compile(r"STATUS=0 pending, last call \d+ s ago$"))

    (refused,) = logged(settings, "service.reload.refused")
    assert ["LIGHTKEEPER_BATCH_SIZE", "LIGHTKEEPER_LIGHTHOUSE_URL"] == [
        problem.partition(":")[0] for problem in refused["problems"]
    ]
    assert 1 == len(logged(settings, "service.reloaded"))


@pytest.mark.parametrize("env", ["qa", ""])
def test_the_status_says_that_no_monitor_sees_it_until_a_reload_sets_the_env(
    settings, manager, env
):
    """Under an env that the monitors do not watch, or none, it is as if it did not run."""
    settings.write(DD_ENV=env)
    with ready(settings, manager) as process:
        manager.wait_for(re.compile("STATUS=0 pending; DD_ENV: .*no monitor sees this daemon"))
        settings.write(DD_ENV="staging")
        process.send_signal(signal.SIGHUP)
        manager.wait_for(re.compile(r"STATUS=0 pending$"))


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        (
            {"LIGHTKEEPER_DATABASE_URL": "sqlite:///other.db"},
            "LIGHTKEEPER_DATABASE_URL: names another store now: restart",
        ),
        ({"LIGHTKEEPER_BATCH_SIZE": "'"}, "LIGHTKEEPER_BATCH_SIZE: write NAME=value"),
    ],
)
def test_what_a_reload_cannot_change_is_refused(settings, manager, values, problem):
    """Another store is a matter of a restart, and a file that cannot be read changes nothing."""
    with ready(settings, manager) as process:
        settings.write(**values, DD_ENV="elsewhere")
        process.send_signal(signal.SIGHUP)
        manager.wait_for(re.compile("STATUS=.*not reloaded"))
        process.send_signal(signal.SIGTERM)
        assert 0 == process.wait()

    (refused,) = logged(settings, "service.reload.refused")
    assert problem in refused["problems"][0]
    assert "production" == refused["dd.env"]
    assert "production" == logged(settings, "service.stopped")[0]["dd.env"]


def test_a_key_that_was_replaced_counts_from_the_reload_on(settings, manager, lighthouse):
    """An unknown key gets no token; the right one put in its place does, without a restart."""
    right = settings.key.read_text()
    other = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
    settings.key.write_bytes(
        other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    track_ids(settings, lighthouse, 3)
    with ready(settings, manager) as process:
        command_line.until(lambda: any(call.path == "token" for call in lighthouse.calls))
        settings.key.write_text(right)
        process.send_signal(signal.SIGHUP)
        command_line.until(lambda: pending_and_unpublished(settings.store) == (0, 0))

    (reloaded,) = logged(settings, "service.reloaded")
    assert ["LIGHTKEEPER_LIGHTHOUSE_PRIVATE_KEY"] == reloaded["changed"]


def test_a_reload_that_comes_early_does_not_kill_it(settings, manager):
    """SIGHUP before READY=1 is taken in after it."""
    with ready(settings, manager) as process:
        process.send_signal(signal.SIGTERM)
        process.wait()
    with closing(sqlite3.connect(settings.store, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")  # the start waits for us
        env = settings.environment(manager)
        with command_line.running("run", env=env, stderr=None) as process:
            command_line.until(lambda: has_open(process, settings.store))
            process.send_signal(signal.SIGHUP)
            other.execute("ROLLBACK")
            manager.wait_for("READY=1")
            manager.wait_for("RELOADING=1")
            manager.wait_for("READY=1")
            assert process.poll() is None


def has_open(process, path):
    """Whether a process has this file open."""
    with suppress(OSError):
        return any(each.readlink() == path for each in Path(f"/proc/{process.pid}/fd").iterdir())


def test_an_unreachable_store_is_named_and_outlasts_a_reload(settings, manager, postgres_url):
    """The status says what cannot be read, the daemon keeps running, and recovers."""
    settings.write(LIGHTKEEPER_DATABASE_URL=postgres_url)
    with (
        ready(settings, manager) as process,
        psycopg.connect(postgres_url, dbname="postgres", autocommit=True) as other,
    ):
        manager.wait_for(re.compile("STATUS=0 pending"))  # that of the start
        name = psycopg.conninfo.conninfo_to_dict(postgres_url)["dbname"]
        other.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
        )
        process.send_signal(signal.SIGHUP)
        manager.wait_for("RELOADING=1")
        manager.wait_for(re.compile("STATUS=.*the store cannot be read: PostgreSQL"))
        other.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        process.send_signal(signal.SIGHUP)
        manager.wait_for(re.compile("STATUS=0 pending"))

        assert 2 == len(logged(settings, "service.reloaded"))


def test_thresholds_count_from_the_reload_on(settings, manager, lighthouse, agent):
    """A document that was merely slow is stuck by the new measure, once it is polled."""
    (stuck,) = lighthouse.add_many(1, "stuck_bgs")
    since = datetime.now(UTC) - timedelta(hours=30)
    track = ("--request-id", stuck, "--submission-id", "s", "--document-type", "form_0781")
    env = settings.environment()
    command_line.run("track", *track, "--tracked-at", since.isoformat(), env=env)
    with ready(settings, manager) as process:
        command_line.until(lambda: "slow" == status_line(settings, stuck)[0])
        settings.write(LIGHTKEEPER_STUCK_AFTER="25h")
        process.send_signal(signal.SIGHUP)
        manager.wait_for("RELOADING=1")
        manager.wait_for("READY=1")
        assert 0 == command_line.run("recheck", str(stuck), "--by", "me", env=env).returncode
        command_line.until(lambda: "stuck" == status_line(settings, stuck)[0])
        process.send_signal(signal.SIGTERM)
        assert 0 == process.wait()

    agent.drain()
    there = {"document_type": "form_0781", "step": status_line(settings, stuck)[1].lower()}
    assert 1 == agent.gauge("lightkeeper.documents.stuck", **there)


def status_line(settings, request_id):
    """As what the store counts one document, and its step."""
    with closing(sqlite3.connect(settings.store)) as reading:
        (found,) = reading.execute(
            "SELECT condition, current_step FROM form_526_document_submissions "
            "WHERE lighthouse_request_id = ?",
            [request_id],
        ).fetchall()
    return found


def test_a_limit_outlives_a_reload_and_not_a_change_of_lighthouse(settings, manager, lighthouse):
    """What Lighthouse allows is known on; another Lighthouse has a limit of its own."""
    with SimulatedLighthouse(rate_limit=1, rate_window=3_600) as limited:
        no_key = {"LIGHTKEEPER_LIGHTHOUSE_PRIVATE_KEY": ""}
        settings.write(**limited.environment() | no_key)
        track_ids(settings, limited, 3, "stuck_bgs")
        with ready(settings, manager) as process:
            command_line.until(lambda: any(call.path == "status" for call in limited.calls))
            settings.write(LIGHTKEEPER_BATCH_SIZE="7")
            process.send_signal(signal.SIGHUP)
            manager.wait_for("RELOADING=1")
            track_ids(settings, limited, 3)
            manager.wait_for(re.compile("STATUS=.* 0 of 1 calls left"))
            time.sleep(2)
            assert ["status"] == [call.path for call in limited.calls if call.path != "token"]
            settings.write(**lighthouse.environment() | no_key)
            process.send_signal(signal.SIGHUP)
            command_line.until(lambda: any(call.path == "status" for call in lighthouse.calls))


def test_what_was_lost_before_a_reload_is_counted_to_the_next_agent(settings, manager, agent):
    """The count of lost packets is kept, for any Agent they were meant for."""
    settings.write(DD_DOGSTATSD_URL="unix:///nonexistent/dsd.socket")
    with ready(settings, manager) as process:
        command_line.until(lambda: logged(settings, "dogstatsd.agent.unreachable"))
        manager.wait_for(re.compile("; Datadog Agent unreachable"))
        settings.write(DD_DOGSTATSD_URL=agent.url)
        process.send_signal(signal.SIGHUP)
        manager.wait_for("RELOADING=1")
        process.send_signal(signal.SIGTERM)
        assert 0 == process.wait()

    agent.drain()
    assert 1 <= agent.count("lightkeeper.dogstatsd.lost")
