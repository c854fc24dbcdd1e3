"""Who is notified, and when: renotification, groups, transitions."""

import pytest
from monitor_rig import Watched, whys

from lightkeeper.alerting.evaluate.notify import StatusChange
from lightkeeper.alerting.evaluate.thresholds import Status

OK, WARN, ALERT, NO_DATA = Status.OK, Status.WARN, Status.ALERT, Status.NO_DATA
LEVEL = "avg(last_5m):avg:g{*} > 5"


def test_renotification_repeats_while_the_status_stays():
    """Every renotify_interval a notification repeats, until the alert ends."""
    watched = Watched("max(last_1m):max:g{*} > 5", renotify_interval=10)

    notifications = watched.gauges(*[6] * 25, 1)

    assert [("alert", 1), ("renotify", 11), ("renotify", 21), ("recovery", 26)] == [
        (one.why, one.at_seconds // 60) for one in notifications
    ]


def test_renotification_is_limited():
    """renotify_occurrences ends it, and a new alert starts counting anew."""
    watched = Watched("max(last_1m):max:g{*} > 5", renotify_interval=10, renotify_occurrences=1)
    expected = ["alert", "renotify", "recovery", "alert", "renotify"]

    assert expected == whys(watched.gauges(*[6] * 60, 1, *[6] * 60))


@pytest.mark.parametrize(
    ("statuses", "value", "expected"),
    [
        (None, 4, ["warn"]),
        (["warn"], 4, ["warn", "renotify"]),
        (["warn"], 6, ["alert"]),
        (["no data"], None, ["no data", "renotify"]),
        (["alert"], None, ["no data"]),
    ],
)
def test_renotification_is_for_the_statuses_named(statuses, value, expected):
    """Alert and No Data unless said otherwise."""
    watched = Watched(
        "max(last_1m):max:g{*} > 5",
        thresholds={"warning": 3},
        on_missing_data="show_and_notify_no_data",
        renotify_interval=10,
        **({"renotify_statuses": statuses} if statuses else {}),
    )
    watched.gauges(1)

    assert expected == whys(watched.gauges(*[value] * 15))


def test_what_was_not_notified_is_not_renotified():
    """show_no_data sends no notification, however long it lasts."""
    watched = Watched(
        LEVEL, on_missing_data="show_no_data", renotify_interval=10, renotify_statuses=["no data"]
    )

    assert [] == watched.gauges(1, *[None] * 60)


def test_renotification_ends_after_thirty_hours():
    """Without a limit of occurrences it ends 30 h after the first alert."""
    watched = Watched("max(last_1m):max:g{*} > 5", renotify_interval=60)

    notifications = watched.gauges(*[6] * 40 * 60)

    assert 1 + 29 == len(notifications)


def test_every_group_notifies():
    """A multi alert notifies for each group, with its tags."""
    watched = Watched("max(last_1m):max:g{*} by {step} > 5", name="{{step.name}} is stuck")
    watched.gauge(6, "step:a")
    watched.gauge(7, "step:b")

    notifications = watched.pass_minutes()

    assert [(("step:a",), "a is stuck", 6), (("step:b",), "b is stuck", 7)] == [
        (one.group, one.title, one.value) for one in notifications
    ]


def test_notify_by_notifies_once_for_its_groups():
    """By fewer keys one notification stands for the worst of the groups, as long as it lasts."""
    watched = Watched("max(last_1m):max:g{*} by {step,kind} > 5", notify_by=["step"])

    notifications = []
    for first, second in ((6, 1), (6, 6), (1, 6), (1, 1)):
        watched.gauge(first, "step:a", "kind:x")
        watched.gauge(second, "step:a", "kind:y")
        notifications += watched.pass_minutes()

    assert [("alert", ("step:a",), 1), ("recovery", ("step:a",), 4)] == [
        (one.why, one.group, one.at_seconds // 60) for one in notifications
    ]


def test_notify_by_a_star_is_a_simple_alert():
    """All groups notify as one."""
    watched = Watched("max(last_1m):max:g{*} by {step} > 5", notify_by=["*"])
    watched.gauge(6, "step:a")
    watched.gauge(6, "step:b")

    assert [()] == [one.group for one in watched.pass_minutes()]


def test_transitions_are_kept():
    """Every change of a status is on record, the first one and unannounced ones too."""
    watched = Watched("max(last_1m):max:g{*} > 5", on_missing_data="show_no_data")

    watched.gauges(1, 6, None)

    assert [
        StatusChange(60, (), None, OK),
        StatusChange(120, (), OK, ALERT),
        StatusChange(180, (), ALERT, NO_DATA),
    ] == watched.run.transitions
