"""What is wrong beside the daemon reaches its status, as `build_daemon` joins the parts."""

import command_line
import pytest
from daemon_rig import DaemonRig, Waiter
from notify_socket import Notified
from pydantic import SecretStr
from structlog.testing import capture_logs

from lightkeeper.service.systemd import ServiceManager
from lightkeeper.service.watched_envs import WatchedEnvs

FOLLOW = {"follow_source_url": SecretStr("postgresql://reader:hush@db/vets_api")}
NOT_FOLLOWED = "vets-api is not followed: its process ended with status 74"


@pytest.fixture
def rig(tmp_path):
    """Builds a daemon with these settings and parts."""

    def built(settings, **parts):
        url = f"sqlite:///{tmp_path}/lightkeeper.db"
        return DaemonRig(url, tmp_path, settings=settings, parts=parts)

    return built


@pytest.fixture
def manager(tmp_path):
    """The service manager's socket."""
    with Notified(tmp_path / "notify.socket") as listening:
        yield listening


def loop_of(watch, manager):
    """The daemon's loop, which says to the manager how it is."""
    return watch.daemon.loop(ServiceManager({"NOTIFY_SOCKET": str(manager.path)}))


def reconfigure(watch, **settings):
    """Give the daemon these settings in place of those it has."""
    watch.daemon.reconfigure(watch.daemon.settings.model_copy(update=settings))


def test_the_status_says_that_vets_api_is_not_followed(rig, manager):
    """While its process ends again and again; no longer once a reload says not to follow."""
    following = rig(FOLLOW, follower_command=("/bin/sh", "-c", "exit 74"))
    with following as watch, Waiter(watch.clock).on_signals() as stop:
        loop = loop_of(watch, manager)
        loop.start(stop)

        def said():
            watch.clock.now += 1
            loop.turn(stop)
            return [line for line in manager.heard() if line.endswith(f"; {NOT_FOLLOWED}")]

        command_line.until(said)
        assert [NOT_FOLLOWED] == watch.health.problems()
        reconfigure(watch, follow_source_url=None)
        assert [] == watch.health.problems()


def test_a_reload_starts_the_follower_and_the_daemon_ends_it(rig, tmp_path):
    """It ends with the daemon."""
    said = tmp_path / "said"
    script = (
        f"trap 'echo ended >>{said}; exit' TERM; echo on >>{said}; while :; do sleep 0.01; done"
    )
    with rig({}, follower_command=("/bin/sh", "-c", script)) as watch:
        loop = watch.daemon.loop()
        with Waiter(watch.clock).on_signals() as stop:
            loop.start(stop)
            assert not said.exists()
            reconfigure(watch, **FOLLOW)
            watch.clock.now += 1
            loop.turn(stop)
        command_line.until(lambda: said.exists() and "on\n" == said.read_text())

    assert "on\nended\n" == said.read_text()


def test_a_pass_of_poll_starts_no_follower(rig):
    """It would end with the pass."""
    with rig(FOLLOW, follower_command=("/bin/sh", "-c", "exit 74")) as watch:
        watch.track(1)
        with capture_logs() as logged:
            watch.poll()

    assert [] == [line for line in logged if line["event"].startswith("follower.")]


def test_the_status_says_that_no_monitor_sees_the_daemon(rig, manager):
    """From its start until a reload brings its env and the monitors together; each is logged."""
    watched = {"production": "monitors/variables.json"}
    seen_by = rig({"env": "qa"}, watched=lambda: WatchedEnvs(watched, "monitors"))
    with capture_logs() as logged, seen_by as watch:
        loop = loop_of(watch, manager)
        loop.report_status()
        (line,) = manager.heard()
        said = "DD_ENV: {}, so no monitor sees this daemon: set it to {}, or write"
        assert line.startswith(f"STATUS=0 pending; {said.format('qa', 'production')}")

        reconfigure(watch, env="production")
        assert [] == watch.health.problems()
        del watched["production"]
        watched["staging"] = "monitors/variables.json"
        reconfigure(watch)
        (problem,) = watch.health.problems()
        assert problem.startswith(said.format("production", "staging"))

    warned = [line["reason"] for line in logged if line["event"] == "service.env.unwatched"]
    assert [line.partition("; ")[2], problem] == warned
