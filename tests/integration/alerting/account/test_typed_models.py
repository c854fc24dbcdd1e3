"""Datadog's own typed models know what is printed; commands/test_account.py has what is sent."""

import json

import account_rig
import command_line
import pytest
import typed_models

BOARD = {"title": "It", "layout_type": "ordered"}
TEXT = {"type": "note", "content": "x"}
LINES = {"type": "timeseries", "requests": [{"q": "avg:a{*}", "display_type": "line"}]}


@pytest.mark.parametrize("env", ["production", "staging"])
def test_the_models_know_all_that_is_printed(tmp_path, env):
    """Each monitor, SLO and dashboard, with every field, and it comes back the same."""
    line = ("--env", env)
    command_line.run(
        "monitors", "print", "--to", tmp_path / "it", *line, env=command_line.environment()
    )
    boards = command_line.run("dashboards", "print", *line, env=command_line.environment())
    printed = [("dashboard", one) for one in json.loads(boards.stdout).values()]
    for path in (tmp_path / "it").rglob("*.json"):
        kind = "slo" if path.parent.name == "slos" else "monitor"
        printed.append((kind, json.loads(path.read_text())))

    found = [(one, typed_models.complaints(kind, one)) for kind, one in printed]
    assert [] == [(one.get("name", one.get("title")), said) for one, said in found if said]
    assert {"monitor", "slo", "dashboard"} == {kind for kind, _ in printed}


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("monitor", {**account_rig.FOREIGN, "mesage": "x"}),
        ("monitor", {**account_rig.FOREIGN, "type": "metrics alert"}),
        ("monitor", {**account_rig.FOREIGN, "priority": "1"}),
        ("monitor", {**account_rig.FOREIGN, "options": {"renotify_intervall": 10}}),
        ("monitor", {**account_rig.FOREIGN, "options": {"on_missing_data": "page"}}),
        ("monitor", {"type": "query alert"}),
        ("slo", {"name": "It", "type": "metric", "thresholds": [{"timeframe": "8d"}]}),
        ("dashboard", {**BOARD, "layout_type": "grid", "widgets": []}),
        ("dashboard", {**BOARD, "widgets": [{"definition": {**TEXT, "tick": 1}}]}),
        ("dashboard", {**BOARD, "widgets": [{"definition": {"type": "timeseries"}}]}),
        ("dashboard", {**BOARD, "widgets": [{"definition": {**LINES, "type": "lines"}}]}),
    ],
)
def test_the_judge_bites(kind, payload):
    """What Datadog has no word for is found: a field, a value, a widget without its requests."""
    assert [] != typed_models.complaints(kind, payload)


def test_the_judge_takes_what_there_is():
    """Else it would say of everything that it is wrong."""
    board = {**BOARD, "widgets": [{"definition": TEXT}, {"definition": LINES}]}

    assert [] == typed_models.complaints("dashboard", board)
    assert [] == typed_models.complaints("monitor", account_rig.FOREIGN)
