"""What the simulated Datadog keeps of a payload is what Datadog was recorded to keep."""

import pytest

from lightkeeper.simulation.datadog import stored

QUERY = {"numerator": "sum:hits{code:2xx}.as_count()", "denominator": "sum:hits{*}.as_count()"}
WEEK = [{"timeframe": "7d", "target": 95, "warning": 98}]
BOARD = {"title": "It", "layout_type": "ordered", "widgets": []}
LOG = {
    "type": "log alert",
    "query": 'logs("service:foo").index("main").rollup("count").by("source").last("5m") > 2',
    "message": "some message",
    "name": "It",
    "tags": ["test:it", "env:ci"],
    "priority": 3,
    "options": {
        "evaluation_delay": 700,
        "include_tags": True,
        "new_host_delay": 600,
        "no_data_timeframe": None,
        "notify_audit": False,
        "notify_no_data": False,
        "thresholds": {"critical": 2, "warning": 1},
    },
}


def test_a_monitor_gets_the_defaults_that_were_recorded():
    """test_create_a_metric_monitor_returns_ok_response of datadog-api-client 2.62."""
    query = "avg(current_1mo):avg:system.load.5{*} > 0.5"
    given = {"type": "metric alert", "query": query, "name": "It", "message": "It"}
    made = stored.monitor({**given, "options": {"thresholds": {"critical": 0.5}}}, 7, 1.0)

    assert {
        "thresholds": {"critical": 0.5},
        "notify_no_data": False,
        "notify_audit": False,
        "new_host_delay": 300,
        "include_tags": True,
        "silenced": {},
    } == made["options"]
    assert ("query alert", [], None, False) == tuple(
        made[name] for name in ("type", "tags", "priority", "multi")
    )


def test_a_change_keeps_what_it_leaves_out_but_for_options():
    """test_edit_a_monitor_returns_ok_response."""
    before = stored.monitor(LOG, 7, 1.0)
    options = {
        "evaluation_delay": None,
        "new_group_delay": 600,
        "new_host_delay": None,
        "thresholds": {"critical": 2, "warning": None},
    }
    made = stored.monitor({"name": "New", "options": options, "priority": None}, 7, 2.0, before)

    assert {
        "evaluation_delay": None,
        "new_group_delay": 600,
        "thresholds": {"critical": 2.0},
        "notify_no_data": False,
        "notify_audit": False,
        "include_tags": True,
        "groupby_simple_monitor": False,
        "silenced": {},
    } == made["options"]
    assert ("New", LOG["query"], LOG["tags"], None) == tuple(
        made[name] for name in ("name", "query", "tags", "priority")
    )
    assert before["modified"] < made["modified"]


def test_tags_are_written_as_datadog_writes_them():
    """In lower case, with `_` for a sign that is not allowed, each once."""
    made = stored.monitor({**LOG, "tags": ["Team:A b", "team:a_b", "x:y/z"]}, 7, 1.0)

    assert ["team:a_b", "x:y/z"] == made["tags"]


def test_an_slo_repeats_its_first_threshold():
    """test_search_for_slos_returns_ok_response."""
    given = {"type": "metric", "name": "It", "query": QUERY, "thresholds": WEEK}
    made = stored.slo(given, "a" * 32, 1.0)

    assert ("7d", 95, 98, "", [], 1) == tuple(
        made[name]
        for name in (
            *("timeframe", "target_threshold", "warning_threshold"),
            *("description", "tags", "type_id"),
        )
    )
    shown = {"target_display": "95.", "warning_display": "98."}
    assert [{"timeframe": "7d", "target": 95.0, "warning": 98.0, **shown}] == made["thresholds"]


def test_a_dashboard_gets_numbers_for_its_widgets():
    """test_update_a_dashboard_returns_ok_response, with a group."""
    group = {"definition": {"type": "group", "widgets": [{"definition": {"type": "note"}}]}}
    given = {"title": "It", "layout_type": "ordered", "widgets": [group]}
    made = stored.dashboard(given, "abc-def-ghi", 1.0)
    inner = made["widgets"][0]["definition"]["widgets"][0]

    assert isinstance(made["widgets"][0]["id"], int)
    assert isinstance(inner["id"], int)
    assert made["widgets"][0]["id"] != inner["id"]
    assert (None, None, None, "/dashboard/abc-def-ghi/it") == tuple(
        made[name] for name in ("description", "notify_list", "template_variables", "url")
    )


@pytest.mark.parametrize(
    ("make", "given", "words"),
    [
        (
            stored.dashboard,
            {**BOARD, "tags": ["tm:x"]},
            "Invalid tag format. Valid tag keys are: team.",
        ),
        (
            stored.slo,
            {"name": "It", "type": "metric", "thresholds": WEEK},
            "Invalid payload: must specify the query for count types",
        ),
        (stored.monitor, {"type": "log alert"}, "The value provided for parameter 'query' is"),
    ],
)
def test_what_datadog_refuses_is_refused_in_its_words(make, given, words):
    """With the texts of recorded answers."""
    with pytest.raises(stored.Refused) as refused:
        make(given, 7, 1.0)

    assert str(refused.value).startswith(words)
