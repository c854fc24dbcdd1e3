"""What the monitors do at a fault is no matter of chance."""

from pathlib import Path

import pytest

from lightkeeper.assets.definitions import load
from lightkeeper.drills.faults import FAULTS
from lightkeeper.drills.run import run_drill

MONITORS = Path(__file__).parents[2] / "monitors"
AS_LONG_AS_ALL_OTHERS = {"healthy", "backlog"}


@pytest.mark.parametrize("name", sorted(FAULTS.keys() - AS_LONG_AS_ALL_OTHERS))
def test_a_fault_pages_as_expected_whatever_the_chance(name):
    """Other arrivals, other failing calls, another jitter: the same pages within the same time."""
    assets = load(MONITORS)
    results = {seed: run_drill(name, assets, seed=seed) for seed in (1, 2, 3)}

    assert {} == {seed: result.problems for seed, result in results.items() if result.problems}
