"""Thirty days at real volume: each failure pages once, and nothing else pages at all."""

from pathlib import Path

import pytest

from lightkeeper.assets.definitions import load
from lightkeeper.drills.run import run_drill

MONITORS = Path(__file__).parents[2] / "monitors"


@pytest.mark.timeout(1_500)
def test_thirty_healthy_days_page_for_failures_alone():
    """Nine failures a day, taken up by staff, in 66,000 documents."""
    result = run_drill("healthy", load(MONITORS), days=30)

    assert () == result.problems
    (failed,) = (one for one in result.fired if one.pages)
    assert "documents-failed" == failed.monitor
    assert {1} == set(failed.times)
