"""The mark by which an object in an account is known as ours."""

import json
from pathlib import Path

import definition_files
import pytest
from dashboard_files import board, written

from lightkeeper.alerting.files.dashboards import load_dashboards
from lightkeeper.alerting.files.definitions import BadDefinition, load
from lightkeeper.alerting.files.markers import (
    described,
    mark_in,
    mark_of,
    planned_outage_of,
    signed,
    tagged,
    unmarked,
)
from lightkeeper.alerting.files.variables import Values

SHIPPED = Path(__file__).parents[4]


def test_each_shipped_object_carries_its_key_in_each_environment():
    """Monitors and SLOs in their tags, dashboards at the end of the description."""
    for environment in ("production", "staging"):
        values = Values(environment)
        assets = load(SHIPPED / "monitors", values=values)
        boards = load_dashboards(SHIPPED / "dashboards", SHIPPED / "monitors", values)
        found = {**assets.monitors, **assets.slos}
        found |= {key: one.definition for key, one in boards.items()}

        marks = {key: mark_of(one.payload) for key, one in found.items()}
        assert {key: f"{environment}/{key}" for key in found} == marks
        for one in assets.monitors.values():
            tail = ["managed_by:lightkeeper", f"monitor_key:{environment}/{one.key}"]
            assert tail == one.payload["tags"][-2:]


def test_a_dashboard_is_marked_below_its_description(tmp_path):
    """Its tags stay as they are, because Datadog takes none but team there."""
    given = board()
    given["payload"]["description"] = "What it shows.\n"

    found = load_dashboards(*written(tmp_path, given))["one"].payload

    assert "What it shows.\n\nManaged by lightkeeper: test/one" == found["description"]
    assert ["team:benefits"] == found["tags"]
    assert "Managed by lightkeeper: test/one" == described({}, "test", "one")["description"]


@pytest.mark.parametrize("given", [{"tags": "a:b"}, {"tags": None}, {"tags": {}}])
def test_tags_of_the_wrong_type_are_left_to_the_rule_that_finds_them(given):
    """Marking changes nothing in them."""
    assert given == tagged(given, "test", "one")


def test_a_mark_that_stands_there_already_is_replaced():
    """So that what was printed can be written into a file again."""
    once = tagged({"tags": ["a:b"]}, "test", "one")
    assert once == tagged(once, "test", "one")
    assert "staging/two" == mark_of(tagged(once, "staging", "two"))

    shown = described({"description": "It.", "widgets": []}, "test", "one")
    assert shown == described(shown, "test", "one")
    assert "staging/two" == mark_of(described(shown, "staging", "two"))


def test_what_a_planned_outage_explains_is_a_tag_of_its_environment():
    """It is replaced as the mark is, and is no mark."""
    once = tagged({"tags": ["a:b"]}, "Test", "one", "at-step")
    assert "planned_outage:test/at-step" in once["tags"]
    assert ("at-step", "test/one") == (planned_outage_of(once), mark_of(once))
    assert "" == planned_outage_of(tagged(once, "test", "one"))
    assert {"tags": ["a:b"]} == unmarked(once)
    assert "" == planned_outage_of({"tags": None})


def test_a_text_is_signed_below_and_anywhere_read():
    """A mark that people put in its middle is replaced."""
    once = signed("It.", "test/one")
    assert "It.\n\nManaged by lightkeeper: test/one" == once
    assert "test/one" == mark_in(f"{once}\nby hand")
    assert "It.\n\nby hand\n\nManaged by lightkeeper: a/b" == signed(f"{once}\nby hand", "a/b")
    assert mark_in("It is Managed by lightkeeper: test/one") is None


def test_what_others_made_has_no_mark():
    """Neither without our tag, nor where only a monitor's text has the line."""
    assert mark_of({"tags": ["monitor_key:test/one"]}) is None
    assert mark_of({"tags": ["managed_by:lightkeeper"]}) is None
    assert mark_of({"description": "Managed by lightkeeper: test/one"}) is None
    assert mark_of({"description": None, "tags": None, "widgets": []}) is None


def test_keys_that_datadog_would_make_one_are_refused(tmp_path):
    """It writes tags in lower case, so that it cannot tell Stuck from stuck."""
    files = definition_files.definitions()
    other = json.loads(json.dumps(files["stuck.json"]).replace('"key": "stuck"', '"key": "Stuck"'))
    folder = definition_files.write(tmp_path / "m", {**files, "Stuck.json": other})

    with pytest.raises(BadDefinition) as caught:
        load(folder)

    said = "key: [wrapper] Datadog cannot tell it from that of Stuck.json: write another"
    assert f"{folder / 'stuck.json'}: {said}" == str(caught.value)
