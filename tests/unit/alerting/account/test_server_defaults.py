"""What the server adds is spelled out, so that its answer is what was asked for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from terraform_plan import dashboard_answered, dashboard_kept, monitor_answered, monitor_kept

from lightkeeper.alerting.account.server_defaults import (
    DASHBOARD_DEFAULTS,
    MONITOR_DEFAULTS,
    spelled_out,
)

METRIC = {
    "type": "query alert",
    "query": "avg(last_5m):avg:system.load.1{*} > 5",
    "priority": 3,
    "tags": ["managed_by:datadog-sync"],
}
NTP = {
    "type": "service check",
    "query": '"ntp.in_sync".over("*").last(2).count_by_status()',
    "tags": [],
}
ALL = {"include_tags": True, "notify_audit": False, "new_host_delay": 300}
RECORDED = {
    # datadog-api-client 2.62: test_create_a_data_quality_monitor_returns_ok_response, and others
    "thresholds alone": (
        {
            "type": "data-quality alert",
            "options": {"thresholds": {"critical": 100}},
            "priority": 3,
        },
        {"thresholds": {"critical": 100.0}, **ALL, "notify_no_data": False},
    ),
    # test_create_a_monitor_returns_ok_response
    "a search without options": (
        {"type": "log alert", "priority": 3},
        {**ALL, "notify_no_data": False, "groupby_simple_monitor": False},
    ),
    # datadog-sync-cli: TestMonitorsResources.test_resource_sync
    "with on_missing_data": (
        {
            **METRIC,
            "options": {
                "thresholds": {"critical": 5.0},
                "on_missing_data": "default",
                "include_tags": False,
            },
        },
        {
            "thresholds": {"critical": 5.0},
            "notify_audit": False,
            "on_missing_data": "default",
            "include_tags": False,
            "new_host_delay": 300,
        },
    ),
    # terraform-provider-datadog: TestAccDatadogMonitor_BasicNoTreshold
    "with reminders, and no threshold": (
        {
            **METRIC,
            "options": {
                "renotify_interval": 60,
                "renotify_occurrences": 5,
                "timeout_h": 1,
                "renotify_statuses": ["alert", "warn"],
                "require_full_window": True,
                "thresholds": {},
            },
        },
        {
            "renotify_interval": 60,
            "renotify_occurrences": 5,
            "timeout_h": 1,
            "renotify_statuses": ["alert", "warn"],
            "require_full_window": True,
            **ALL,
            "notify_no_data": False,
        },
    ),
    # TestAccDatadogMonitor_ComposeWithSyntheticsTest
    "a composite": (
        {"type": "composite", "query": "1 || 2", "options": {"include_tags": True}},
        {**ALL, "notify_no_data": False},
    ),
    # TestAccDatadogMonitorJSONImport
    "a service check": (
        {**NTP, "options": {"thresholds": {"warning": 1, "ok": 1, "critical": 1}}},
        {**ALL, "notify_no_data": False, "thresholds": {"warning": 1, "ok": 1, "critical": 1}},
    ),
    # An export from Datadog's pages, in a public repository: new_host_delay is not there
    "with new_group_delay": (
        {**METRIC, "options": {"thresholds": {"critical": 10}, "new_group_delay": 0}},
        {
            "thresholds": {"critical": 10},
            "include_tags": True,
            "notify_audit": False,
            "new_group_delay": 0,
            "notify_no_data": False,
        },
    ),
}


@pytest.mark.parametrize(("asked", "options"), RECORDED.values(), ids=RECORDED)
def test_what_the_server_was_recorded_to_add_is_spelled_out(asked, options):
    """The options are those of the answer, less what the provider leaves out."""
    made = spelled_out(asked, MONITOR_DEFAULTS)

    assert options == made["options"]
    assert {"priority", "tags"} <= made.keys()


@pytest.mark.parametrize(("asked", "options"), RECORDED.values(), ids=RECORDED)
def test_the_stand_in_for_the_server_answers_as_recorded(asked, options):
    """What the plans below are compared with adds the same."""
    assert options | {"silenced": {}} == monitor_answered(asked)["options"]


def test_nothing_is_changed_in_what_was_given():
    """A payload is spelled out in a copy; wrong types are left to the rule that finds them."""
    given = {"options": {"thresholds": {"critical": 1, "warning": None}}}
    spelled_out(given, MONITOR_DEFAULTS)

    assert {"options": {"thresholds": {"critical": 1, "warning": None}}} == given
    assert "x" == spelled_out({"options": "x"}, MONITOR_DEFAULTS)["options"]


option = st.sampled_from(
    [
        {"include_tags": False},
        {"include_tags": True},
        {"notify_audit": True},
        {"new_host_delay": 0},
        {"new_group_delay": 60},
        {"on_missing_data": "default"},
        {"notify_no_data": True, "no_data_timeframe": 10},
        {"thresholds": {"critical": 1, "warning": None}},
        {"thresholds": {}},
        {"renotify_interval": 60},
        {"evaluation_delay": 900},
    ]
)
monitors = st.builds(
    lambda options, more: {**more, "options": {k: v for one in options for k, v in one.items()}},
    st.lists(option),
    st.sampled_from([{}, {"priority": 2}, {"tags": ["a:b"]}, {"type": "composite"}]),
)


@given(monitors)
def test_any_monitor_is_what_it_was_asked_to_be(monitor):
    """Whatever it spells out itself: the second plan is empty."""
    made = spelled_out(monitor, MONITOR_DEFAULTS)

    assert monitor_kept(made) == monitor_kept(monitor_answered(made))


@pytest.mark.parametrize("board", [{"widgets": []}, {"description": "It.", "notify_list": ["a"]}])
def test_any_dashboard_is_what_it_was_asked_to_be(board):
    """The same of dashboards."""
    made = spelled_out(board, DASHBOARD_DEFAULTS)

    assert dashboard_kept(made) == dashboard_kept(dashboard_answered(made))
