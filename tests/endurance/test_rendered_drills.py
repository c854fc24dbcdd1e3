"""Any drill can be drawn, and a page is the same in each process."""

import os
from pathlib import Path

import command_line
import pytest

from lightkeeper.alerting.files.dashboards import load_dashboards
from lightkeeper.alerting.render.page import page
from lightkeeper.simulation.drills.faults import FAULTS
from lightkeeper.simulation.drills.recording import record

ROOT = Path(__file__).parents[2]
SOME = ("wrong-env", "store-removed", "agent-unreachable", "import-closed", "daemon-down")
"""Another env, another store, gaps, many documents, three days."""


@pytest.mark.parametrize("name", SOME)
def test_the_boards_are_drawn_from_any_drill(name):
    """No widget of them is refused, however long it lasts, and heartbeats are drawn."""
    boards = load_dashboards(ROOT / "dashboards", ROOT / "monitors")
    recording = record(FAULTS[name], boards["overview"].assets)
    drawn = page(boards.values(), recording, name, "what happens")
    heartbeat = next(one for one in drawn.widgets if one.title == "Heartbeat")

    assert [] == [one for one in drawn.widgets if one.state == "refused"]
    assert ("empty" if name == "wrong-env" else "drawn") == heartbeat.state


@pytest.mark.parametrize("name", ["key-revoked", "database-read-only"])
def test_a_page_is_the_same_in_each_process(name):
    """Whatever the seed of Python's hashes is, and wherever the drill has its files."""
    line = ("dashboards", "render", "overview", "--drill", name)
    pages = {
        command_line.run(*line, env={**os.environ, "PYTHONHASHSEED": seed}, prepared=False).stdout
        for seed in ("1", "2")
    }

    assert 1 == len(pages)
