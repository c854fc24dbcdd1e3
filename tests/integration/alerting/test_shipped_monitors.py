"""The monitors that are shipped, and their unit tests."""

import dataclasses
import re
from pathlib import Path

import pytest

from lightkeeper.alerting.files.definitions import load
from lightkeeper.alerting.unit_tests.mutants import mutants, run_mutants
from lightkeeper.alerting.unit_tests.runner import run_tests
from lightkeeper.alerting.unit_tests.suites import load_suite

ROOT = Path(__file__).parents[3]
TESTS = ROOT / "tests" / "monitors"
FILES = sorted(TESTS.glob("*.yaml"))


@pytest.fixture(scope="module")
def assets():
    """What is in monitors/."""
    return load(ROOT / "monitors")


def test_each_monitor_is_tested_and_passes(assets):
    """Every unit test is green, and no monitor is without one."""
    report = run_tests(assets, FILES)

    assert report.ok, "\n".join(report.lines())


def test_a_monitor_without_its_tests_fails(assets):
    """A missing file is reported twice: by the tests, and by each fault that no test notices."""
    for left_out, kept in ((FILES[0], FILES[1]), (FILES[-1], FILES[0])):
        two = {path.stem: assets.monitors[path.stem] for path in (left_out, kept)}
        of_two = dataclasses.replace(assets, monitors=two)

        missing = {failure.subject for failure in run_tests(of_two, [kept]).failures}
        living = [failure.subject for failure in run_mutants(of_two, [kept]).failures]

        assert {left_out.stem} == missing
        faults = mutants(assets.monitors[left_out.stem].payload, assets.slo_payloads())
        assert [left_out.stem] * len(list(faults)) == living


def test_each_monitor_is_tested_to_alert_and_to_recover(assets):
    """Its tests expect both notifications, and the link to its section of the runbook if any."""
    for path in FILES:
        suite = load_suite(path, assets.variables)
        expected = [one for case in suite.tests for one in case.notifications or ()]
        runbook = assets.monitors[suite.monitor].runbook

        assert suite.monitor == path.stem
        assert {"recovery"} < {one.why.value for one in expected}, path.name
        linked = any(f"#{runbook}" in text for one in expected for text in one.contains)
        assert linked is (runbook == suite.monitor), path.name


def test_each_monitor_ignores_another_environment(assets):
    """Each has a series of another env that must not count."""
    for path in FILES:
        assert "env:not-${env}" in path.read_text(), path.name


def test_the_explained_test_passes(assets, tmp_path):
    """The example in tests/monitors/README.md is a test, and passes as it stands there."""
    (example,) = re.findall(r"```yaml\n(.*?)```", (TESTS / "README.md").read_text(), re.DOTALL)
    path = tmp_path / "example.yaml"
    path.write_text(example)

    report = run_tests(assets, [path], every=False)

    assert report.ok, "\n".join(report.lines())
    assert {str(path): 1} == report.run
