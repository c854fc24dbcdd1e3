"""The shape of payloads: what is said of one that Datadog would not take."""

import pytest

from lightkeeper.alerting.files.payload_schema import DASHBOARD, MONITOR, mistakes


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
