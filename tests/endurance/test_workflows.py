"""The GitHub workflows in monitors/README.md: their shape, and their steps as GitHub runs them."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import account_rig
import pytest
import yaml

from lightkeeper.simulation.datadog.server import SimulatedDatadog

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(
    r"```yaml\n(on:.*?)```", (ROOT / "monitors" / "README.md").read_text(), re.DOTALL
)
# Texts alone: to YAML 1.2, which GitHub reads, `on` is no truth value.
ALONE, TERRAFORM = (yaml.load(block, yaml.BaseLoader) for block in BLOCKS)
KEYS = ("signals-lost", "documents-slow", "detection-burn")
"""Some monitors, one with an SLO: the tests of all take long."""
MAIN, PULL = "refs/heads/main", "refs/pull/7/merge"
EXPRESSION = re.compile(r"\$\{\{ ([\w.]+) \}\}")


def steps_of(workflow):
    """The steps of its one job."""
    (job,) = workflow["jobs"].values()
    return job["steps"]


@pytest.mark.parametrize("workflow", [ALONE, TERRAFORM], ids=["alone", "terraform"])
def test_a_workflow_has_the_shape_that_github_reads(workflow):
    """Known keys, actions with a version, a Python that pip may install into, sound scripts."""
    (job,) = workflow["jobs"].values()
    assert {"on", "permissions", "concurrency", "jobs"} == set(workflow)
    assert {"pull_request": {}, "push": {"branches": ["main"]}} == {
        event: more or {} for event, more in workflow["on"].items()
    }
    assert {"runs-on", "env", "steps"} == set(job) - {"defaults"}
    assert ["actions/checkout", "actions/setup-python"] == [
        one["uses"].partition("@")[0] for one in job["steps"][:2]
    ]
    for one in job["steps"]:
        assert ("uses" in one) != ("run" in one)
        assert set(one) <= ({"uses", "with"} if "uses" in one else {"run", "if"})
        assert re.fullmatch(r"[\w-]+/[\w-]+@v\d+", one.get("uses", "a/b@v1"))
        assert f"github.ref == '{MAIN}'" == one.get("if", f"github.ref == '{MAIN}'")
        script = one.get("run", "")
        assert 0 == subprocess.run(["bash", "-n", "-c", script], check=False).returncode
    (applies,) = [one["run"] for one in job["steps"] if "if" in one]
    assert " apply " in applies
    said = json.dumps(workflow)
    assert {"secrets.DD_API_KEY", "secrets.DD_APP_KEY", "github.ref"} == {
        *EXPRESSION.findall(said)
    }
    assert said.count("${{") == len(EXPRESSION.findall(said))


@pytest.fixture
def checkout(tmp_path):
    """A repository with some of the definitions and their tests."""
    for key in KEYS:
        for name in (f"monitors/{key}.json", f"tests/monitors/{key}.yaml"):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tmp_path / name)
    for name in ("monitors/slos", "monitors/environments", "dashboards"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for name in ("variables.json", "README.md"):
        shutil.copy(ROOT / "monitors" / name, tmp_path / "monitors" / name)
    return tmp_path


@pytest.fixture
def datadog():
    """An account with one monitor of another team."""
    with SimulatedDatadog() as simulated:
        simulated.add("monitor", account_rig.FOREIGN)
        yield simulated


class Runner:
    """Runs the steps that are ours as GitHub does: `bash -e` on a script, up to one that fails."""

    def __init__(self, workflow, checkout, datadog, tools):
        (self._job,) = workflow["jobs"].values()
        self._place = checkout / self._job.get("defaults", {}).get("run", {}).get(
            "working-directory", "."
        )
        self._place.mkdir(parents=True, exist_ok=True)
        self._secrets = datadog.environment()
        command = tools / "lightkeeper"
        command.write_text(f'#!/bin/sh\nexec {sys.executable} -m lightkeeper "$@"\n')
        command.chmod(0o755)
        self._env = {
            "PATH": f"{tools}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT / "daemon"),
            "GITHUB_WORKSPACE": str(checkout),
        }

    def run(self, ref, words="lightkeeper", **secrets):
        """Whether its steps with these words went well, and what they printed."""
        known = self._secrets | secrets
        given = {
            name: EXPRESSION.sub(lambda one: known[one[1].removeprefix("secrets.")], value)
            for name, value in self._job["env"].items()
        }
        env = self._env | given | {"DD_SITE": known["DD_SITE"]}
        said = ""
        for step in self._job["steps"]:
            script = step.get("run", "")
            if words not in script or ("if" in step and ref != MAIN):
                continue
            file = self._place.parent / "step.sh"
            file.write_text(script)
            done = subprocess.run(
                ["bash", "-e", file],
                cwd=self._place,
                env=env,
                capture_output=True,
                text=True,
                check=False,
            )
            said += done.stdout + done.stderr
            if done.returncode:
                return False, said
        return True, said


def test_a_pull_request_plans_and_main_applies(checkout, datadog, tmp_path_factory):
    """The plan of a change is shown and writes nothing; on main it is applied."""
    github = Runner(ALONE, checkout, datadog, tmp_path_factory.mktemp("tools"))
    went, said = github.run(MAIN)
    assert went, said
    assert "signals-lost.yaml: 4 ok" in said
    kept = datadog.objects
    assert [3, 1 + len(KEYS), 2] == [len(kept[kind]) for kind in account_rig.KINDS]

    changed = checkout / "monitors" / "signals-lost.json"
    changed.write_text(changed.read_text().replace('"priority": 3', '"priority": 4'))
    before = len(datadog.writes)
    went, said = github.run(PULL, "account")
    assert (True, before) == (went, len(datadog.writes)), said
    assert "    priority: 3 -> 4\n" in said
    went, said = github.run(MAIN, "account")
    assert (True, before + 1) == (went, len(datadog.writes)), said
    assert 4 in [one["priority"] for one in kept["monitor"].values()]


def test_a_step_that_fails_ends_the_job_before_a_write(checkout, datadog, tmp_path_factory):
    """A wrong key, and a mistake in a file, which is found before the account is asked."""
    github = Runner(ALONE, checkout, datadog, tmp_path_factory.mktemp("tools"))
    went, said = github.run(MAIN, "account", DD_APP_KEY="f" * 40)
    assert not went
    assert "the keys are not of this site" in said

    asked = len(datadog.calls)
    slow = checkout / "monitors" / "documents-slow.json"
    slow.write_text(slow.read_text().replace("${channel}", ""))
    went, said = github.run(MAIN)
    assert (False, asked) == (went, len(datadog.calls))
    assert "documents-slow.json: payload.message: [channel]" in said
    assert [] == datadog.writes


def test_the_file_for_terraform_is_written_where_terraform_reads_it(
    checkout, datadog, tmp_path_factory
):
    """In the folder of the environment, from the definitions of the checkout."""
    went, said = Runner(TERRAFORM, checkout, datadog, tmp_path_factory.mktemp("tools")).run(PULL)

    assert went, said
    made = json.loads((checkout / "account/production/lightkeeper.tf.json").read_text())
    assert {*KEYS} == set(made["resource"]["datadog_monitor_json"])
    assert {"documents", "overview"} == set(made["resource"]["datadog_dashboard_json"])
