"""A monitor from evaluation to evaluation: new groups, missing data, timeouts, options."""

import pytest
from monitor_rig import Watched, payload, whys

from lightkeeper.alerting.errors import BadMonitor
from lightkeeper.alerting.evaluate.monitor_run import MonitorRun
from lightkeeper.alerting.evaluate.series import SeriesStore
from lightkeeper.alerting.evaluate.thresholds import Status

OK, WARN, ALERT, NO_DATA = Status.OK, Status.WARN, Status.ALERT, Status.NO_DATA
DAY = 24 * 60
ERRORS = "sum(last_5m):sum:c{*}.as_count() > 5"
LEVEL = "avg(last_5m):avg:g{*} > 5"


@pytest.mark.parametrize(("window", "every"), [("23h", 1), ("1d", 10), ("47h", 10), ("2d", 30)])
def test_long_windows_are_evaluated_less_often(window, every):
    """Below a day each minute, below two days each 10 minutes, then each 30."""
    watched = Watched(f"sum(last_{window}):sum:c{{*}}.as_count() > 5")

    watched.counts(9, *[None] * (every - 2))
    assert (every == 1) is (watched.status() is ALERT)

    watched.counts(None)
    assert watched.status() is ALERT


def test_only_full_minutes_are_evaluated():
    """Another instant is the caller's mistake."""
    with pytest.raises(ValueError, match="full minutes"):
        Watched(LEVEL).run.evaluate(SeriesStore(), 90)


def test_a_new_group_waits():
    """A group gets its first status a minute after its first data, or after new_group_delay."""
    for options, minutes in (({}, 1), ({"new_group_delay": 300}, 5), ({"new_group_delay": 0}, 1)):
        watched = Watched("max(last_10m):max:g{*} by {step} > 5", **options)

        notifications = watched.gauges(*[6] * (minutes - 1), tags=("step:a",))
        assert [] == notifications
        assert ["alert"] == whys(watched.gauges(6, tags=("step:a",)))


def test_a_group_without_a_status_has_no_missing_data():
    """A group that fell silent while it was new sends no notification."""
    watched = Watched(
        "max(last_2m):max:g{*} by {step} > 5",
        new_group_delay=300,
        on_missing_data="show_and_notify_no_data",
    )

    assert [] == watched.gauges(6, *[None] * 30, tags=("step:a",))


def test_a_new_group_waits_behind_an_evaluation_delay_too():
    """The wait starts when the shifted window reaches the group's first data."""
    watched = Watched(
        "max(last_5m):max:g{*} by {step} > 5", new_group_delay=180, evaluation_delay=120
    )

    assert [] == watched.gauges(6, 6, 6, 6, tags=("step:a",))
    assert ["alert"] == whys(watched.gauges(6, tags=("step:a",)))


def test_a_new_host_waits_for_its_own_delay():
    """new_host_delay holds for groups by host, new_group_delay wins over it."""
    watched = Watched("max(last_9m):max:g{*} by {host} > 5", new_host_delay=180)

    assert [] == watched.gauges(6, 6, tags=("host:a",))
    assert ["alert"] == whys(watched.gauges(6, tags=("host:a",)))


def test_a_simple_alert_does_not_wait():
    """new_group_delay is for groups."""
    assert ["alert"] == whys(Watched(LEVEL, new_group_delay=300).gauges(6))


def test_a_silent_group_is_dropped_after_a_day():
    """24 h after its window became empty a group has no status, and nothing is notified."""
    watched = Watched(
        "max(last_5m):max:g{*} by {step} > 5", on_missing_data="show_and_notify_no_data"
    )
    watched.gauges(6, 6, tags=("step:a",))

    assert ["no data"] == whys(watched.pass_minutes(5 + DAY - 1))
    assert watched.status("step:a") is NO_DATA
    assert [] == watched.pass_minutes(1)
    assert {} == watched.run.states


def test_a_dropped_group_starts_anew():
    """A group that comes back after a day alerts like a new one."""
    watched = Watched("max(last_5m):max:g{*} by {step} > 5")
    watched.gauges(6, tags=("step:a",))
    watched.pass_minutes(DAY + 6)

    assert ["alert"] == whys(watched.gauges(6, 6, tags=("step:a",)))


def test_a_monitor_that_never_saw_data_does_not_alert_on_missing_data():
    """Without a first point there is no status, whatever the options say."""
    for query, options in (
        ("sum(last_5m):sum:c{*}.as_count() < 1", {}),
        (LEVEL, {"on_missing_data": "show_and_notify_no_data"}),
        (LEVEL, {"notify_no_data": True, "no_data_timeframe": 10}),
    ):
        watched = Watched(query, **options)

        assert [] == watched.pass_minutes(60)
        assert {} == watched.run.states


def test_missing_counts_are_zero_by_default():
    """An empty window of counts is compared as 0: errors recover, a heartbeat alerts."""
    errors = Watched(ERRORS)
    heartbeat = Watched("sum(last_5m):sum:c{*}.as_count() < 1")

    assert ["alert", "recovery"] == whys(errors.counts(6, *[None] * 5))
    assert ["alert"] == whys(heartbeat.counts(6, *[None] * 5))


def test_missing_gauges_keep_their_status_by_default():
    """An empty window of gauges leaves the last known status."""
    watched = Watched(LEVEL)

    assert ["alert"] == whys(watched.gauges(6, *[None] * 30))
    assert watched.status() is ALERT


def test_missing_counts_under_default_zero_keep_their_status():
    """Evaluating as zero is for count queries without default_zero()."""
    watched = Watched("sum(last_5m):default_zero(sum:c{*}.as_count()) > 5")

    watched.counts(6, *[None] * 30)

    assert watched.status() is ALERT


def test_show_no_data_sends_no_notification():
    """The status is No Data, without a notification on the way there or back."""
    watched = Watched(LEVEL, on_missing_data="show_no_data")

    assert [] == watched.gauges(1, *[None] * 5)
    assert watched.status() is NO_DATA
    assert [] == watched.gauges(1)
    assert watched.status() is OK


def test_an_alert_that_went_silent_notifies_its_recovery():
    """After Alert, No Data without a notification, and OK, the recovery is notified."""
    watched = Watched(LEVEL, on_missing_data="show_no_data")

    assert ["alert", "recovery"] == whys(watched.gauges(6, *[None] * 5, 1))


def test_show_and_notify_no_data_notifies():
    """An empty window notifies at once, and so does its end."""
    watched = Watched(LEVEL, on_missing_data="show_and_notify_no_data")

    notifications = watched.gauges(1, *[None] * 5, 1)

    assert [("no data", 6 * 60), ("recovery", 7 * 60)] == [
        (one.why, one.at_seconds) for one in notifications
    ]


def test_resolve_shows_ok():
    """Missing data end an alert."""
    watched = Watched(LEVEL, on_missing_data="resolve")

    assert ["alert", "recovery"] == whys(watched.gauges(6, *[None] * 5))


@pytest.mark.parametrize(("options", "minutes"), [({"no_data_timeframe": 20}, 20), ({}, 10)])
def test_notify_no_data_waits_for_its_timeframe(options, minutes):
    """No Data begins so many minutes after the last point; twice the window unless said."""
    watched = Watched(LEVEL, notify_no_data=True, **options)
    watched.gauges(1)

    assert [] == watched.pass_minutes(minutes - 1)
    assert ["no data"] == whys(watched.pass_minutes(1))


def test_an_evaluation_delay_does_not_bring_no_data_nearer():
    """Silence is counted from the end of the shifted window."""
    watched = Watched(LEVEL, notify_no_data=True, no_data_timeframe=10, evaluation_delay=300)
    watched.gauges(1)

    assert [] == watched.pass_minutes(14)
    assert ["no data"] == whys(watched.pass_minutes(1))


def test_an_operand_without_data_is_no_data():
    """Arithmetic on gauges needs all of them."""
    watched = Watched(
        "avg(last_2m):sum:a{*} / sum:b{*} > 5", on_missing_data="show_and_notify_no_data"
    )
    watched.gauge(1, name="a")
    watched.gauge(1, name="b")
    watched.pass_minutes()
    for _ in range(2):
        watched.gauge(1, name="a")
        notifications = watched.pass_minutes()

    assert ["no data"] == whys(notifications)


@pytest.mark.parametrize(
    ("query", "options", "message"),
    [
        (LEVEL, {"notify_no_data": True, "on_missing_data": "resolve"}, "exclude each other"),
        (LEVEL, {"on_missing_data": "resolve", "timeout_h": 1}, "timeout_h"),
        (LEVEL, {"on_missing_data": "ignore"}, "none of default"),
        (LEVEL, {"renotify_statuses": ["alert"]}, "need a renotify_interval"),
        (LEVEL, {"renotify_interval": 5, "renotify_statuses": ["ok"]}, "none of alert"),
        (LEVEL, {"notify_by": ["step"]}, "not grouped by 'step'"),
        (LEVEL, {"type": "slo alert"}, "does not go with the query"),
        (
            "avg(last_5m):default_zero(avg:g{*}) > 5",
            {"on_missing_data": "show_no_data"},
            "can only be default",
        ),
        ('"up".over("*").by("host").last(1).count_by_status()', {"thresholds": {"ok": 2}}, "last"),
    ],
)
def test_contradicting_options_are_refused(query, options, message):
    """What Datadog refuses, or silently reads otherwise, is refused here."""
    with pytest.raises(BadMonitor, match=message):
        MonitorRun(payload(query, **options))


def test_a_silent_alert_resolves_after_its_timeout():
    """timeout_h after the window became empty an alert ends, and stays ended without data."""
    watched = Watched(LEVEL, timeout_h=2)
    watched.gauges(6)

    notifications = watched.pass_minutes(10 * 60)

    assert [("recovery", (1 + 5 + 120) * 60)] == [
        (one.why, one.at_seconds) for one in notifications
    ]
    assert ["alert"] == whys(watched.gauges(6))


def test_a_silent_heartbeat_resolves_once():
    """What alerts because it counts as zero does not alert again after its timeout."""
    watched = Watched("sum(last_5m):sum:c{*}.as_count() < 1", timeout_h=1)

    assert ["alert", "recovery"] == whys(watched.counts(1, *[None] * 300))


def test_a_timeout_starts_anew_with_each_silence():
    """Data in between make the silence start from the beginning, after a timeout too."""
    watched = Watched(LEVEL, timeout_h=1)

    assert ["alert"] == whys(watched.gauges(6, *[None] * 50, 6, *[None] * 50, 6))
    assert ["recovery"] == whys(watched.pass_minutes(100))
    assert ["alert", "recovery"] == whys(watched.gauges(6, *[None] * 100))


def test_a_timeout_waits_while_data_arrive():
    """A monitor does not resolve by time while data are reported."""
    watched = Watched(LEVEL, timeout_h=1)

    assert ["alert"] == whys(watched.gauges(*[6] * 90))
