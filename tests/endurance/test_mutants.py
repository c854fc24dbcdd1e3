"""The unit tests of the shipped monitors notice every fault made in them."""

from pathlib import Path

from lightkeeper.alerting.files.definitions import load
from lightkeeper.alerting.unit_tests.mutants import run_mutants

ROOT = Path(__file__).parents[2]


def test_each_fault_turns_a_test_red():
    """Whatever is moved, flipped, mistyped or dropped in a monitor is noticed by its tests."""
    assets = load(ROOT / "monitors")

    report = run_mutants(assets, sorted((ROOT / "tests" / "monitors").glob("*.yaml")))

    assert report.ok, "\n".join(report.lines())
    assert assets.monitors.keys() == report.run.keys()
    assert all(report.run.values())
