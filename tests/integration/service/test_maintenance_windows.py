"""The daemon follows VA's list of maintenance windows, and whatever the list does, goes on."""

import json
import time

import command_line
import pytest
from daemon_rig import DaemonRig
from patience import at_most
from running_daemon import RunningDaemon
from scripted_server import answer
from structlog.testing import capture_logs
from va_list import PATH, VAList

from lightkeeper.casework.maintenance_windows import announce
from lightkeeper.config.settings import Settings
from lightkeeper.domain.time import HOUR
from lightkeeper.service.stop import Stop
from lightkeeper.store.maintenance_windows import MaintenanceWindows

GAUGE = "lightkeeper.maintenance"
UNREAD = "maintenance.list.unread"


class Following:
    """A daemon in a time that the test moves on, and VA with a list."""

    def __init__(self, rig, va):
        self.rig = rig
        self.va = va

    def read(self, hours=1.0):
        """Let time pass, and the job run as the loop does; what is logged."""
        with capture_logs() as logged:
            for _ in range(round(60 * hours)):
                self.rig.clock.now += 60
                self.rig.maintenance_follower.follow_maintenance()
        return logged

    def windows(self):
        """What is known of each window, those that are over included."""
        return [
            (each.va_id, *self._hours(each), each.steps, each.reason, each.ended_by)
            for each in MaintenanceWindows(self.rig.database).all()
        ]

    def _hours(self, window):
        start = 1_800_000_000_000
        return (window.starts_at - start) / HOUR, (window.over_at - start) / HOUR


@pytest.fixture
def following(database_url, tmp_path):
    """On each engine: a list that has been read once, with one window on it."""
    with DaemonRig(database_url, tmp_path) as clock_of, VAList(clock_of.clock) as va:
        settings = clock_of.daemon.settings.model_copy(update={"maintenance_url": va.url})
        va.announce("bgs", 2, 8, "upgrade")
        clock_of.daemon.reconfigure(settings)
        clock_of.maintenance_follower.follow_maintenance()
        yield Following(clock_of, va)


BGS = ("BENEFITS_GATEWAY_SERVICE",)


def test_what_va_lists_is_known_and_what_va_changes_is_changed(following):
    """Read every hour: new windows, moved ones, and those that VA withdraws."""
    assert [("139", 2, 10, BGS, "bgs: upgrade", None)] == following.windows()
    following.va.change("139", 3, 4)
    following.va.announce("vbms", 1, 2)
    following.va.announce("mhv_sm", 0, 9)
    assert [{"new": 1, "changed": 1}] == [
        {name: line[name] for name in ("new", "changed")} for line in following.read()
    ]
    moved = ("139", 3, 7, BGS, "bgs: upgrade", None)
    assert [("140", 1, 3, ("CLAIMS_EVIDENCE",), "vbms is out", None), moved] == (
        following.windows()
    )
    following.va.withdraw("140")
    following.read()

    assert [("140", 1, 2, ("CLAIMS_EVIDENCE",), "vbms is out", "VA"), moved] == (
        following.windows()
    )
    assert 3 == len(following.va.requests)


def test_what_staff_announced_or_ended_stays(following):
    """Whatever VA lists."""
    windows, at = MaintenanceWindows(following.rig.database), following.rig.clock.instant()
    announce(windows, at, at + 9 * HOUR, reason="all down", by="jane", now=at)
    windows.end(1, "joe", at)
    following.va.change("139", 2, 9)
    following.read()

    assert [
        (None, 0, 9, (), "all down", None),
        ("139", 2, 0, BGS, "bgs: upgrade", "joe"),
    ] == following.windows()


@pytest.mark.parametrize(
    "instead",
    [answer(b"{}", status=500), answer(b'{"data": {}}'), answer(b'{"data": [5]}')],
    ids=["500", "no list", "an entry that cannot be read"],
)
def test_a_list_that_cannot_be_read_changes_nothing(following, instead):
    """That is logged when it begins and when it ends; nothing is ended for it."""
    known = following.windows()
    following.va.withdraw("139")
    following.va.instead = instead
    lines = following.read(hours=6)
    assert [(UNREAD, "warning")] == [(line["event"], line["log_level"]) for line in lines]
    assert known == following.windows()
    following.va.instead = None
    lines = following.read()

    assert ["maintenance.list.followed", "maintenance.list.read"] == [
        line["event"] for line in lines
    ]
    assert ["VA"] == [window[-1] for window in following.windows()]


def test_a_list_that_cannot_be_read_is_read_again_sooner(following):
    """After 5 min, then ever more rarely, up to an hour; read again, every hour."""
    following.va.instead = answer(b"", status=503)
    asked = []
    for _ in range(6):
        before = len(following.va.requests)
        following.read(hours=1)
        asked.append(len(following.va.requests) - before)
    assert [1, 3, 1, 1, 1, 1] == asked
    following.va.instead = None
    following.read(hours=4)

    assert 4 == len(following.va.requests) - 9


def test_a_reload_reads_the_list_at_once_or_no_more(following):
    """With other services or another address; without one, what is known stays."""
    rig, va = following.rig, following.va
    services = {"maintenance_services": "bgs=all"}
    rig.daemon.reconfigure(rig.settings.model_copy(update=services))
    following.read(hours=1 / 60)
    assert [("139", 2, 10, (), "bgs: upgrade", None)] == following.windows()
    rig.daemon.reconfigure(rig.settings.model_copy(update={"maintenance_url": None}))
    va.withdraw("139")
    following.read(hours=5)

    assert 2 == len(va.requests)
    assert [("139", 2, 10, (), "bgs: upgrade", None)] == following.windows()


def test_the_loop_reads_the_list_when_it_starts(following):
    """So that a window is known at once after a restart."""
    before = len(following.va.requests)
    loop = following.rig.daemon.loop()
    following.rig.clock.now += 3_600
    with Stop().on_signals() as stop:
        loop.start(stop)

    assert 1 == len(following.va.requests) - before


@pytest.mark.speed
def test_run_and_check_read_the_list_that_the_settings_name(tmp_path):
    """A window of VA's is a gauge and in `status`; a list that hangs holds up no document."""
    with VAList(time.time) as va, RunningDaemon(tmp_path) as daemon:
        va.announce("vbms", -1, 3, "upgrade")
        daemon.env |= {"LIGHTKEEPER_MAINTENANCE_URL": va.url, "DD_ENV": "production"}
        daemon.track(5)
        daemon.start()
        daemon.until(lambda: daemon.agent.gauge(GAUGE, step="claims_evidence") == 1)
        assert 0 == daemon.agent.gauge(GAUGE, step="benefits_gateway_service")
        status = json.loads(command_line.run("status", "--json", env=daemon.env).stdout)
        assert [(["CLAIMS_EVIDENCE"], "vbms: upgrade", "VA")] == [
            (each["steps"], each["reason"], each["announced_by"]) for each in status["maintenance"]
        ]
        checked = command_line.run("check", env=daemon.env).stdout
        assert f"ok    maintenance  {va.url}{PATH}: 1 windows listed" in checked
        va.instead = answer(b"", status=500)
        checked = command_line.run("check", env=daemon.env)
        assert f"FAIL  maintenance  {va.url}{PATH}: VA answered 500: check LIGHT" in checked.stdout
        assert 1 == checked.returncode
        daemon.stop()
        va.instead = lambda sock, _request: sock.recv(1)  # until the daemon gives up
        daemon.start()
        began, more = time.monotonic(), set(daemon.track(5))
        daemon.until(lambda: all(daemon.polls_of(each) for each in more))
        assert time.monotonic() - began < at_most(8)
        daemon.until(lambda: daemon.logged(UNREAD, "no complete answer within 5 s"))


def test_wrong_settings_are_named(monkeypatch):
    """What is not HTTPS could be changed on its way, and silence what should page."""
    monkeypatch.setenv("LIGHTKEEPER_MAINTENANCE_URL", "http://api.va.gov")
    monkeypatch.setenv("LIGHTKEEPER_MAINTENANCE_SERVICES", "bgs=CLAIMS")

    with pytest.raises(Exception, match="wrong settings") as wrong:
        Settings.load()
    assert [
        "LIGHTKEEPER_MAINTENANCE_SERVICES: must be service=STEP, parted by commas or blanks, with "
        "a STEP of CLAIMS_EVIDENCE, BENEFITS_GATEWAY_SERVICE, REMOVE_FILE_BINARY, or all for all "
        "of Lighthouse",
        "LIGHTKEEPER_MAINTENANCE_URL: must be https, because what is listed there does not page",
    ] == wrong.value.problems
