"""The shape of payloads: what is said of one that Datadog would not take."""

import copy
import json
from importlib.resources import files
from pathlib import Path

import dashboard_files
import jsonschema
import pytest

from lightkeeper.alerting.files.definitions import load
from lightkeeper.alerting.files.payload_schema import DASHBOARD, MONITOR, SLO, mistakes

SHIPPED = Path(__file__).parents[4] / "monitors"
ODD = [None, 7, -1.5, "odd", [], {"odd": 1}]


def board(**definition):
    """A dashboard of one widget."""
    widgets = [{"definition": definition}]
    return {"title": "t", "layout_type": "ordered", "widgets": widgets}


def test_a_widget_is_held_to_the_shape_that_its_type_names():
    """The message names the key that is wrong, not all shapes that the widget does not have."""
    query = {"data_source": "metrics", "name": "a", "query": "avg:x{*}"}
    request = {"response_format": "timeseries", "queries": [query], "formulaz": []}

    ((path, said),) = mistakes(DASHBOARD, board(type="timeseries", requests=[request]))

    assert "payload.widgets[0].definition.requests[0]" == path
    assert "Datadog takes no formulaz here: perhaps formulas" == said


def test_every_mistake_of_a_widget_is_reported_at_once():
    """A misspelt key is both missing and unknown."""
    found = list(mistakes(DASHBOARD, board(type="timeseries", requestz=[])))

    assert ["payload.widgets[0].definition"] * 2 == [path for path, _ in found]
    said = " ".join(words for _, words in found)
    assert "'requests' is a required property" in said
    assert "Datadog takes no requestz here: perhaps requests" in said


def test_a_widget_of_an_unknown_type_is_a_mistake():
    """No shape fits it; the type that may be meant is named."""
    ((path, said),) = mistakes(DASHBOARD, board(type="timeserie", requests=[]))

    assert "payload.widgets[0].definition.type" == path
    assert '"timeserie" is unknown: write timeseries' == said


@pytest.mark.parametrize(
    ("options", "place", "said"),
    [
        ({"timeout_hours": 5}, "", "Datadog takes no timeout_hours here: perhaps timeout_h"),
        ({"include_tags": "yes"}, ".include_tags", '"yes" has the wrong type: write a boolean'),
        ({"notify_by": "step"}, ".notify_by", '"step" has the wrong type: write an array'),
        ({"timeout_h": 1.5}, ".timeout_h", "1.5 has the wrong type: write an integer or null"),
        (
            {"renotify_statuses": ["alrt"]},
            ".renotify_statuses[0]",
            '"alrt" is unknown: write alert',
        ),
    ],
)
def test_a_mistake_is_named_with_its_place_and_what_to_write(options, place, said):
    """The word or type that Datadog takes there stands in the message."""
    payload = {"type": "query alert", "query": "q", "options": options}

    assert [(f"payload.options{place}", said)] == list(mistakes(MONITOR, payload))


def changes(given):
    """The value with each part of it taken out, or replaced by something odd, in turn."""
    items = given.items() if isinstance(given, dict) else enumerate(given)
    for key, one in items:
        for odd in (*ODD, KeyError):
            changed = copy.copy(given)
            if odd is KeyError:
                del changed[key]
            else:
                changed[key] = odd
            yield changed
        if isinstance(one, dict | list):
            for inner in changes(one):
                changed = copy.copy(given)
                changed[key] = inner
                yield changed


def samples():
    """Payloads of each kind: of a monitor, an SLO, and widgets with their requests."""
    shipped = load(SHIPPED)
    yield MONITOR, shipped.monitors["heartbeat-missing"].payload
    yield SLO, shipped.slos["documents-outcome"].payload
    for widget in dashboard_files.board()["payload"]["widgets"][1:]:
        one = widget["definition"]["widgets"][0]
        yield DASHBOARD, {"title": "t", "layout_type": "ordered", "widgets": [one]}


@pytest.mark.parametrize(("kind", "payload"), list(samples()))
def test_a_library_for_json_schema_agrees(kind, payload):
    """Whatever is taken out of a payload or put into it, both find it right, or both wrong."""
    text = files("lightkeeper.alerting.files").joinpath("datadog.schema.json").read_text()
    judge = jsonschema.Draft202012Validator({**json.loads(text), "$ref": f"#/$defs/{kind}"})

    assert [] == list(mistakes(kind, payload))
    for changed in changes(payload):
        assert judge.is_valid(changed) is (not any(mistakes(kind, changed))), changed
