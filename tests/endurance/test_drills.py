"""Drills at length: thirty days, other seeds, every job at each of its turns."""

import math
from pathlib import Path

import pytest
from drill_sets import IN_ENDURANCE, MINUTES

from lightkeeper.alerting.files.definitions import PAGERS, Urgency, load
from lightkeeper.simulation.drills import daemon
from lightkeeper.simulation.drills.faults import FAULTS, HEALTHY
from lightkeeper.simulation.drills.run import run_drill
from lightkeeper.simulation.drills.table import markdown

MONITORS = Path(__file__).parents[2] / "monitors"


@pytest.fixture(scope="module")
def assets():
    """The monitors as they are shipped."""
    return load(MONITORS)


@pytest.mark.parametrize("name", sorted(IN_ENDURANCE))
def test_a_drill_pages_as_expected_and_nothing_else_does(assets, name):
    """As drills.md says."""
    result = run_drill(name, assets)

    assert () == result.problems
    rows = (MONITORS / "drills.md").read_text().splitlines()
    assert markdown([result]).splitlines()[-1] in rows, "make drills renews it"


@pytest.mark.timeout(2_700)
def test_thirty_healthy_days_wake_no_one(assets):
    """Nine failures a day, in 66,000 documents: each pages once, in working hours."""
    result = run_drill(HEALTHY, assets, days=30)

    assert () == result.problems
    assert [] == [one.monitor for one in result.fired if one.urgency is Urgency.PAGER]
    (failed,) = (one for one in result.fired if one.urgency is Urgency.PAGER_LOW)
    assert "documents-failed" == failed.monitor
    assert {1} == set(failed.times)


@pytest.mark.parametrize("name", sorted(FAULTS.keys() - MINUTES))
def test_a_fault_pages_as_expected_with_any_seed(assets, name):
    """Other arrivals, other failing calls, another jitter: the same pages within the same time."""
    results = {seed: run_drill(name, assets, seed=seed) for seed in (1, 2)}

    assert {} == {seed: result.problems for seed, result in results.items() if result.problems}


@pytest.mark.parametrize("name", ["failure-surge", "server-errors", "agent-unreachable"])
def test_what_a_drill_saves_changes_nothing(assets, monkeypatch, name):
    """A daemon whose loop gets every turn pages at the same minute."""
    quick = run_drill(name, assets)
    monkeypatch.setattr(daemon, "_CLOSELY_SECONDS", math.inf)

    exact = run_drill(name, assets)

    assert () == exact.problems
    pages, others = (
        [one for one in each.fired if one.urgency in PAGERS] for each in (quick, exact)
    )
    assert [one.monitor for one in pages] == [one.monitor for one in others]
    for one, other in zip(pages, others, strict=True):
        assert one.after == pytest.approx(other.after, abs=1.0)
