"""The shape of payloads: what is said of one that Datadog would not take."""

from lightkeeper.alerting.files.payload_schema import DASHBOARD, mistakes


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
    assert "formulaz" in said


def test_every_mistake_of_a_widget_is_reported_at_once():
    """A misspelt key is both missing and unknown."""
    found = list(mistakes(DASHBOARD, board(type="timeseries", requestz=[])))

    assert ["payload.widgets[0].definition"] * 2 == [path for path, _ in found]
    assert "requests" in found[0][1] + found[1][1]
    assert "requestz" in found[0][1] + found[1][1]


def test_a_widget_of_an_unknown_type_is_a_mistake():
    """No shape fits it."""
    assert ["payload.widgets[0].definition.type"] == [
        path for path, _ in mistakes(DASHBOARD, board(type="timeserie", requests=[]))
    ]
