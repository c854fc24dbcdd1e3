"""`lightkeeper account drift` as a process: what it tells Datadog, by a simulated Agent."""

import json

import account_rig
import command_line
import pytest

from lightkeeper.simulation.agent.server import SimulatedAgent
from lightkeeper.simulation.datadog.server import SimulatedDatadog

DRIFT = "lightkeeper.account.drift"
COMPARED = "lightkeeper.account.can_compare"


@pytest.fixture
def datadog():
    """An account with one monitor of another team."""
    with SimulatedDatadog() as simulated:
        simulated.add("monitor", account_rig.FOREIGN)
        yield simulated


@pytest.fixture
def agent(tmp_path):
    """A Datadog Agent."""
    with SimulatedAgent(port=None, socket_path=tmp_path / "dsd.socket") as running:
        yield running


@pytest.fixture
def run(tmp_path, datadog, agent):
    """Runs it in a folder with the environments test and staging."""
    others = account_rig.write(tmp_path) / "environments"
    others.mkdir()
    (others / "stage.json").write_text('{"env": "Staging", "channel": "@slack-y"}')

    def made(*line, within=None, **more):
        given = {"DD_DOGSTATSD_URL": agent.url, **datadog.environment(), **more}
        env = command_line.environment(**given)
        return command_line.run("account", *line, env=env, cwd=tmp_path, within=within)

    return made


def published(agent):
    """What arrived since the last call: of gauge and check the value and the env; what it says."""
    agent.wait_for(lambda one: one.checks)
    (check,) = agent.checks
    gauges = [(one.value, one.tags["env"]) for one in agent.metrics if one.name == DRIFT]
    assert COMPARED == check.name
    agent.clear()
    return gauges, (check.status, check.tags["env"]), check.message


def test_it_tells_how_many_objects_differ(run, datadog, agent):
    """All before they are made, none when they are, and those that were changed or deleted."""
    assert 2 == run("drift").returncode
    assert ([(8, "test")], (0, "test"), "") == published(agent)
    assert 0 == run("apply").returncode
    assert 0 == run("drift").returncode
    assert ([(0, "test")], (0, "test"), "") == published(agent)

    ids = {
        key: number
        for number, one in datadog.objects["monitor"].items()
        for key in ("base", "burn")
        if f"monitor_key:test/{key}" in one["tags"]
    }
    datadog.change("monitor", ids["base"], priority=1)
    del datadog.objects["monitor"][ids["burn"]]
    datadog.add("monitor", {**account_rig.FOREIGN, "name": "Another of theirs"})
    drifted = run("drift", "--json")
    actions = [one["action"] for one in json.loads(drifted.stdout)["steps"]]
    assert 2 == len(actions) - actions.count("keep")
    assert (2, "") == (drifted.returncode, drifted.stderr)
    assert ([(2, "test")], (0, "test"), "") == published(agent)


@pytest.mark.parametrize(
    ("line", "given", "env"),
    [
        ((), {"DD_ENV": "staging"}, "staging"),
        ((), {"DD_ENV": " STAGING "}, "staging"),
        ((), {"DD_TAGS": "env:staging,team:x"}, "staging"),
        ((), {"DD_ENV": "test"}, "test"),
        (("--env", "stage"), {"DD_ENV": "test"}, "staging"),
        (("--env", "test"), {"DD_ENV": "staging"}, "test"),
        (("--set", "env=qa"), {"DD_ENV": "nowhere"}, "qa"),
    ],
)
def test_it_is_about_the_environment_of_dd_env(run, datadog, agent, line, given, env):
    """Unless the command line names one; the signals carry the env that was compared."""
    assert 0 == run("apply", "--env", "stage").returncode
    done = run("drift", *line, **given)

    missing = 0 if env == "staging" else 8
    assert (2 if missing else 0) == done.returncode
    assert ([(missing, env)], (0, env), "") == published(agent)


@pytest.mark.parametrize(
    ("given", "status", "words"),
    [
        ({"DD_APP_KEY": "f" * 40}, 78, "slos: http"),
        ({"DD_SITE": ""}, 78, "not set: DD_SITE: "),
        ({"DD_ENV": "qa"}, 65, "DD_ENV: qa: monitors/ has no such environment: name one with --e"),
    ],
)
def test_an_account_that_cannot_be_compared_is_told_with_the_reason(
    run, agent, datadog, given, status, words
):
    """The check is critical, no number is sent, and nothing says more than the one line."""
    said = command_line.complaint(run("drift", **given), status)

    assert said.startswith(words)
    gauges, check, why = published(agent)
    assert ([], (2, given.get("DD_ENV", "test"))) == (gauges, check)
    assert said[:60] == why[:60]
    for key in (datadog.api_key, datadog.app_key, "f" * 40):
        assert key not in why


def test_definitions_that_cannot_be_read_are_told_under_dd_env(run, agent, tmp_path):
    """There is no other env to tell it under."""
    (tmp_path / "monitors" / "base.json").write_text("{")

    assert "base.json: line 1" in command_line.complaint(run("drift", DD_ENV="test"), 1)
    gauges, check, why = published(agent)
    assert ([], (2, "test")) == (gauges, check)
    assert "base.json: line 1 column 2: [file] is not JSON" in why


def test_without_an_agent_it_says_that_no_monitor_learns_of_it(run, agent):
    """It compares all the same, and ends as it would."""
    agent.stop()
    done = run("drift")

    assert 2 == done.returncode
    assert "8 to create" in done.stdout
    assert 1 == done.stderr.count("\n")
    assert "warning: Datadog Agent unreachable at unix:///" in done.stderr
    assert "no monitor learns of this comparison" in done.stderr


def test_it_is_told_whatever_becomes_of_the_output(run, agent):
    """As where the disk of a log is full."""
    done = run("drift", within='exec "$@" >/dev/full')

    assert 74 == done.returncode
    assert ([(8, "test")], (0, "test"), "") == published(agent)


def test_a_wrong_setting_is_named_before_anything_is_compared(run, datadog):
    """As every command does."""
    done = run("drift", DD_DOGSTATSD_PORT="many")

    assert (78, "") == (done.returncode, done.stdout)
    assert "DD_DOGSTATSD_PORT: must be a whole number" in done.stderr
    assert [] == datadog.calls
