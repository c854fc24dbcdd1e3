"""`lightkeeper account mute` and `unmute` as a process, with a simulated account."""

import re
import shlex
import uuid
from datetime import UTC, datetime

import account_rig
import command_line
import pytest

from lightkeeper.alerting.files.markers import tagged
from lightkeeper.simulation.datadog.server import SimulatedDatadog

NOTE = ("--by", "Ann", "--reason", "deploy of BGS")


@pytest.fixture
def datadog():
    """An account that has the monitors base and page of the definitions, and no others of ours."""
    with SimulatedDatadog() as simulated:
        simulated.add("monitor", account_rig.FOREIGN)
        for key in ("base", "page"):
            simulated.add("monitor", tagged({**account_rig.FOREIGN, "name": key}, "test", key))
        yield simulated


@pytest.fixture
def run(tmp_path, datadog):
    """Runs it in a folder of small definitions, with the right keys unless others are given."""
    account_rig.write(tmp_path)

    def made(*line, **more):
        env = command_line.environment(**{**datadog.environment(), **more})
        return command_line.run("account", *line, env=env, cwd=tmp_path)

    return made


def test_a_monitor_is_muted_and_unmuted(run, datadog):
    """The output says until when, and how to end it; a second time each is as good as once."""
    for length in ("2h", "90m"):
        done = run("mute", "base", "--for", length, *NOTE)
        assert (0, "") == (done.returncode, done.stderr)
        assert re.fullmatch(
            r"base of test \(monitor \d+\): muted until \S+Z; "
            r"`lightkeeper account unmute base` ends it\n",
            done.stdout,
        )
    (made,) = datadog.suppressed.live()
    left = datetime.fromisoformat(made["schedule"]["end"]) - datetime.now(UTC)
    assert 85 * 60 < left.total_seconds() <= 90 * 60
    assert made["message"].startswith("Muted by Ann: deploy of BGS\n")

    assert "base of test (monitor" in run("unmute", "base").stdout
    assert [] == datadog.suppressed.live()
    again = run("unmute", "base")
    assert (0, "") == (again.returncode, again.stderr)
    assert "was not muted by `lightkeeper account mute`" in again.stdout


def test_the_way_to_unmute_is_that_of_the_same_environment(run, datadog, tmp_path):
    """Run as it is printed, it ends that mute, and leaves the other environment's."""
    (tmp_path / "monitors" / "environments").mkdir()
    (tmp_path / "monitors" / "environments" / "other.json").write_text('{"env": "other"}')
    datadog.add("monitor", tagged({**account_rig.FOREIGN, "name": "base"}, "other", "base"))
    for options in (("--env", "other"), ("--set", "env=other", "--set", "team=a b"), ()):
        said = run("mute", "base", "--for", "2h", *NOTE, *options).stdout
        (line,) = re.findall("`lightkeeper account (unmute [^`]+)`", said)
        live = len(datadog.suppressed.live())
        assert "mute ended" in run(*shlex.split(line)).stdout
        assert live - 1 == len(datadog.suppressed.live())

    twice = run("mute", "base", "--for", "2h", *NOTE, "--env", "other", "--env", "test")
    assert (2, True) == (twice.returncode, "--env: give one of other, test" in twice.stderr)


def test_who_mutes_is_the_login_name_unless_it_is_given(run, datadog):
    """As with the other commands that keep a note."""
    assert 0 == run("mute", "page", "--for", "1d", "--reason", "it", LOGNAME="carol").returncode
    assert "Muted by carol: it\n" in datadog.suppressed.live()[0]["message"]


@pytest.mark.parametrize(
    ("line", "status", "words"),
    [
        (("mute", "base", *NOTE), 2, "Missing option '--for'"),
        (("mute", "base", "--for", "2h", "--by", "Ann"), 2, "Missing option '--reason'"),
        (("mute", "base", "--for", "soon", *NOTE), 2, "'--for': write a number with a unit"),
        (("mute", "base", "--for", "-2h", *NOTE), 2, "'--for': write a number with a unit"),
        (("mute", "base", "--for", "30s", *NOTE), 2, "for a minute at least, and 30 days at most"),
        (("mute", "base", "--for", "31d", *NOTE), 2, "for a minute at least, and 30 days at most"),
        (("mute", "base", "--for", "2h", "--reason", ""), 64, "--reason is empty"),
        (
            ("mute", "base", "--for", "2h", "--reason", "for 123-45-6789"),
            64,
            "--reason: a part of it is formed like a social security number",
        ),
        (("mute", "base", "--for", "2h", "--by", "a.pdf", "--reason", "x"), 64, "a file name"),
        (("mute", "bas", "--for", "2h", *NOTE), 65, "no such monitor: bas: did you mean base"),
        (("mute", "../x", "--for", "2h", *NOTE), 65, "no such monitor: ../x"),
        (("mute", "variables", "--for", "2h", *NOTE), 65, "no such monitor: variables"),
        (
            ("mute", "stuck", "--for", "2h", *NOTE),
            1,
            "the account carries test/stuck",
        ),
        (("mute", "base", "--for", "2h", *NOTE, "--set", "env=else"), 1, "carries else/base"),
        (("mute", "base", "--for", "2h", *NOTE, "--env", "none"), 65, "no such environment: none"),
        (("unmute", "bas"), 65, "no such monitor: bas: did you mean base"),
        (("unmute", "stuck"), 1, "the account carries test/stuck"),
    ],
)
def test_bad_input_is_one_line(run, datadog, line, status, words):
    """Before any write; nothing personal is repeated."""
    done = run(*line)
    said = done.stderr.splitlines()[-1]

    assert (status, "") == (done.returncode, done.stdout)
    assert words in said
    assert "123-45" not in said
    assert [] == datadog.writes


def test_without_the_permission_nothing_is_muted_and_check_names_it(run, datadog):
    """By its own name; the keys are in no output."""
    datadog.faults.lacks.add("monitors_downtime")
    said = command_line.complaint(run("mute", "base", "--for", "2h", *NOTE), 78)
    checked = run("check")

    assert "lack monitors_downtime: run `lightkeeper account check`" in said
    assert "FAIL  monitors_downtime: give it to the owner" in checked.stdout
    assert 1 == checked.returncode
    for key in (datadog.api_key, datadog.app_key):
        assert key not in said + checked.stdout
    datadog.faults.lacks.clear()
    assert "ok    monitors_downtime\n" in run("check").stdout


def test_a_downtime_that_people_made_is_named_and_left(run, datadog):
    """With its id, so that it is found in Datadog."""
    run("mute", "base", "--for", "2h", *NOTE)
    ((number, downtime),) = datadog.suppressed.kept["downtime"].items()
    downtime["attributes"]["message"] = "by hand"
    done = run("unmute", "base")

    assert f"also muted by the downtime {number} of people: end it in Datadog\n" in done.stdout
    assert 1 == len(datadog.suppressed.live())


def test_a_planned_outage_that_mutes_it_is_named_too(run, datadog):
    """It mutes by tags, and goes on."""
    base = next(n for n, one in datadog.objects["monitor"].items() if one["name"] == "base")
    run("mute", "base", "--for", "2h", *NOTE)
    (downtime,) = datadog.suppressed.kept["downtime"].values()
    marked = "test/maintenance/3/at-step"
    ours = ["managed_by:lightkeeper", "planned_outage:test/at-step"]
    for tags, said, scope in (
        (ours, f"Managed by lightkeeper: {marked}", "step:x"),
        (["another:tag"], "by hand", "*"),
        (["*"], "of one host", "host:x"),
    ):
        number = str(uuid.uuid4())
        attributes = {
            **downtime["attributes"],
            "message": said,
            "scope": scope,
            "monitor_identifier": {"monitor_tags": tags},
        }
        copied = {**downtime, "id": number, "attributes": attributes}
        datadog.suppressed.kept["downtime"][number] = copied
    tags = [*datadog.objects["monitor"][base]["tags"], "planned_outage:test/at-step"]
    datadog.change("monitor", base, tags=tags)
    done = run("unmute", "base")

    assert 1 == done.stdout.count("also muted by the downtime")
    assert f" of {marked}: it ends with that window\n" in done.stdout
    assert 3 == len(datadog.suppressed.live())


def test_dd_env_says_which_environment_is_meant(run, datadog, tmp_path):
    """As with `drift`: on the host of another environment its own monitors are muted."""
    (tmp_path / "monitors/environments").mkdir()
    (tmp_path / "monitors/environments/else.json").write_text('{"env": "else"}')
    line = ("mute", "base", "--for", "2h", *NOTE)

    assert "carries else/base" in run(*line, DD_ENV="else").stderr
    assert "DD_ENV: prod: monitors/ has no such environment" in run(*line, DD_ENV="prod").stderr
    assert [] == datadog.writes
    assert 0 == run(*line, "--env", "test", DD_ENV="else").returncode
