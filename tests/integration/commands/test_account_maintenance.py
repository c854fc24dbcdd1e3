"""`lightkeeper account maintenance` as a process, beside a store and a simulated account."""

import json
import re
from contextlib import closing
from datetime import datetime

import account_rig
import command_line
import pytest

from lightkeeper.alerting.files.markers import mark_in
from lightkeeper.domain.maintenance_windows import Listed
from lightkeeper.domain.time import HOUR
from lightkeeper.service.clock import now
from lightkeeper.simulation.datadog.server import SimulatedDatadog
from lightkeeper.store.database import open_database
from lightkeeper.store.maintenance_windows import MaintenanceWindows

ANNOUNCE = ("maintenance", "add", "--by", "Ann", "--why", "BGS upgrade")


@pytest.fixture
def datadog(tmp_path):
    """An account with small definitions, of which outages explain an SLO and two monitors."""
    files = account_rig.definitions()
    explained = {"failed": "at-step", "polling": "everywhere", "slos/share": "anywhere"}
    for name, kind in explained.items():
        files[f"{name}.json"]["planned_outage"] = kind
    account_rig.write(tmp_path, files)
    with SimulatedDatadog() as simulated:
        env = command_line.environment(**simulated.environment())
        line = ("account", "apply", "--first")
        assert 0 == command_line.run(*line, env=env, cwd=tmp_path).returncode
        simulated.calls.clear()
        yield simulated


@pytest.fixture
def store(tmp_path):
    """A store without documents."""
    path = tmp_path / "store.db"
    open_database(f"sqlite:///{path}", create=True).close()
    return path


@pytest.fixture
def run(store, datadog):
    """Runs lightkeeper with that store, DD_ENV and the keys, unless others are given."""

    def made(*line, **more):
        found = {"DD_ENV": "test", **datadog.environment(), **more}
        return command_line.run(*line, env=command_line.environment(store, **found))

    return made


def ends(datadog):
    """When each downtime ends."""
    times = (one["schedule"]["end"] for one in datadog.suppressed.live())
    return {datetime.fromisoformat(at) for at in times}


def test_a_window_mutes_what_it_explains_and_corrects_slos_until_it_is_ended(run, datadog, store):
    """Announced, muted in Datadog, looked at again, and ended."""
    assert 0 == run(*ANNOUNCE, "--until", "8h").returncode
    told = run("account", "maintenance")
    assert (0, "") == (told.returncode, told.stderr)
    assert (
        "maintenance windows: 1; in Datadog now: downtimes: 3, SLO corrections: 1; made, changed "
        "or ended just now: 4\n"
    ) == told.stdout
    tags = {one["monitor_identifier"]["monitor_tags"][1] for one in datadog.suppressed.live()}
    muted = [
        one["name"]
        for one in datadog.objects["monitor"].values()
        if not tags.isdisjoint(one["tags"])
    ]
    assert ["It failed", "It polling"] == sorted(muted)
    (correction,) = datadog.suppressed.kept["correction"].values()
    said = correction["attributes"]["description"]
    assert said.startswith("Planned outage, announced by Ann: BGS upgrade\n")
    assert "just now: 0\n" in run("account", "maintenance").stdout

    before = min(ends(datadog))
    with closing(open_database(f"sqlite:///{store}", create=False)) as database:
        windows = MaintenanceWindows(database)
        windows.end(1, "Ann", now() + HOUR)  # an hour later
    assert "just now: 4\n" in run("account", "maintenance").stdout
    assert 7 * 3600 - 60 < (before - max(ends(datadog))).total_seconds() <= 7 * 3600


def test_a_window_of_vas_own_list_is_told_too(run, datadog, store):
    """Also once VA moves it; what might name a person in VA's words is left out."""
    at = now()
    for hours, reason in ((2, "bgs: upgrade"), (5, "bgs: ask 123-45-6789")):
        listed = Listed("va-1", at + hours * HOUR, at + 9 * HOUR, ("CLAIMS_EVIDENCE",), reason)
        with closing(open_database(f"sqlite:///{store}", create=False)) as database:
            MaintenanceWindows(database).follow([listed], at, whole=True)
        assert 0 == run("account", "maintenance").returncode

    live = datadog.suppressed.live()
    assert {"step:claims_evidence", "*"} == {one["scope"] for one in live}
    assert {"scheduled"} == {one["status"] for one in live}
    starts = {datetime.fromisoformat(one["schedule"]["start"]).timestamp() for one in live}
    assert {(at + 5 * HOUR) // 1000} == starts
    assert "123-45" not in json.dumps([*datadog.suppressed.kept.values()])
    assert mark_in(live[0]["message"]).startswith("test/maintenance/1/")


def test_an_account_that_has_no_tags_yet_is_named(run, datadog):
    """Its monitors and SLOs were applied from older files."""
    for one in datadog.objects["slo"].values():
        one["tags"] = [tag for tag in one["tags"] if not tag.startswith("planned_outage:")]
    run(*ANNOUNCE, "--until", "8h")

    assert "run `lightkeeper account apply`\n" in run("account", "maintenance").stdout


def test_without_a_window_datadog_is_not_asked(run, datadog):
    """So a timer costs nothing, and no keys are needed yet."""
    done = run("account", "maintenance", DD_API_KEY="", DD_SITE="")

    assert (0, "") == (done.returncode, done.stderr)
    assert "no maintenance window that Datadog has to know of\n" == done.stdout
    assert [] == datadog.calls


def test_a_window_that_was_over_days_ago_is_left_alone(run, datadog, store):
    """Its downtimes have ended by themselves."""
    with closing(open_database(f"sqlite:///{store}", create=False)) as database:
        at = now() - 72 * HOUR
        listed = Listed("va-1", at, at + 3 * HOUR, (), "over")
        MaintenanceWindows(database).follow([listed], at, whole=True)
    run("account", "maintenance")

    assert [] == datadog.calls


@pytest.mark.parametrize(
    ("more", "lacks", "status", "words"),
    [
        ({"DD_ENV": ""}, (), 78, "DD_ENV: missing: set it to the env of the monitors to mute"),
        ({"DD_APP_KEY": ""}, (), 78, "not set: DD_APP_KEY: "),
        ({}, ("monitors_downtime",), 78, "downtimes: .* lack monitors_downtime: run"),
        ({}, ("slos_corrections",), 78, "correction of maintenance window 1: .* slos_corrections"),
        ({"LIGHTKEEPER_DATABASE_URL": "sqlite:////nowhere/s.db"}, (), 66, "nowhere/s.db"),
    ],
)
def test_what_keeps_it_from_working_is_said(run, datadog, more, lacks, status, words):
    """With the status by which a timer's unit fails; the keys are in no output."""
    run(*ANNOUNCE, "--until", "8h")
    datadog.faults.lacks |= set(lacks)
    done = run("account", "maintenance", **more)

    assert (status, "") == (done.returncode, done.stdout)
    assert re.search(words, done.stderr)
    for key in (datadog.api_key, datadog.app_key):
        assert key not in done.stderr


def test_the_store_is_only_looked_at(run, datadog, store):
    """The daemon that watches it is not disturbed."""
    run(*ANNOUNCE, "--until", "8h")
    before = store.read_bytes()
    with closing(open_database(f"sqlite:///{store}", create=False)) as database:
        database.claim()
        assert 0 == run("account", "maintenance").returncode

    assert before == store.read_bytes()
    assert 3 == len(datadog.suppressed.live())
