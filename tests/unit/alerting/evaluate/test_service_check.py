"""Service checks: so many runs of the same status in a row."""

import pytest
from monitor_rig import Watched

from lightkeeper.alerting.errors import Unsupported
from lightkeeper.alerting.evaluate.thresholds import Status

OK, WARN, ALERT, NO_DATA = Status.OK, Status.WARN, Status.ALERT, Status.NO_DATA
DAY = 24 * 60
CHECK = '"up".over("env:prod").by("host").last(4).count_by_status()'


def test_a_check_alerts_after_enough_runs_in_a_row():
    """Thresholds count consecutive runs of one status."""
    needed = {"critical": 3, "warning": 2, "ok": 2}
    watched = Watched(CHECK, thresholds=needed, new_group_delay=0)
    statuses = []

    for run in (0, 0, 2, 2, 0, 2, 2, 2, 0, 1, 1, 0, 0):
        watched.check(run, "env:prod", "host:a")
        watched.pass_minutes()
        statuses.append(watched.status("host:a"))

    assert [None, *[OK] * 6, ALERT, ALERT, ALERT, WARN, WARN, OK] == statuses


def test_a_run_at_the_instant_is_not_seen_yet():
    """Runs count from the evaluation after them."""
    watched = Watched(CHECK, new_group_delay=0)
    watched.check(0, "env:prod", "host:a")
    watched.store.check("up", ("env:prod", "host:a"), 60, 2)

    watched.pass_minutes()
    assert watched.status("host:a") is OK

    watched.pass_minutes()
    assert watched.status("host:a") is ALERT


def test_a_check_outside_its_scope_is_not_looked_at():
    """over(…) needs every tag, exclude(…) none."""
    watched = Watched(
        '"up".over("env:prod","a:b").exclude("host:x").by("host").last(1).count_by_status()'
    )

    watched.check(2, "env:prod", "host:a")
    watched.check(2, "env:prod", "a:b", "host:x")
    watched.check(2, "env:prod", "a:b", "host:y")
    watched.pass_minutes(2)

    assert {("host:y",): ALERT} == watched.run.states


def test_a_silent_check_has_no_data():
    """After no_data_timeframe a check that stopped notifies; its message is shown before that."""
    watched = Watched(CHECK, notify_no_data=True, no_data_timeframe=5, message="{{check_message}}")
    watched.check(0, "env:prod", "host:a", message="fine")
    watched.pass_minutes()
    watched.check(2, "env:prod", "host:a", message="refused")

    notifications = watched.pass_minutes(10)

    assert [("alert", 2, "refused"), ("no data", 7, "")] == [
        (one.why, one.at_seconds // 60, one.message) for one in notifications
    ]


def test_a_check_group_is_kept_for_two_days():
    """A silent check is dropped 48 h after it counts as silent."""
    watched = Watched(CHECK, notify_no_data=True, no_data_timeframe=5)
    watched.check(2, "env:prod", "host:a")

    watched.pass_minutes(2 * DAY)
    assert watched.status("host:a") is NO_DATA

    watched.pass_minutes(10)
    assert watched.status("host:a") is None


def test_a_check_group_with_several_checks_is_refused():
    """Which of several checks in one group is consecutive to which is not documented."""
    watched = Watched(CHECK)
    watched.check(0, "env:prod", "host:a", "port:1")
    watched.check(0, "env:prod", "host:a", "port:2")

    with pytest.raises(Unsupported, match="several checks"):
        watched.pass_minutes()


def test_a_check_without_over_covers_every_tag():
    """Where `over` is left out, every run of the check counts."""
    watched = Watched(CHECK.replace('.over("env:prod")', ""), new_group_delay=0)

    watched.check(2, "env:staging", "host:a")
    watched.pass_minutes()

    assert watched.status("host:a") is ALERT


def test_a_message_may_say_after_how_many_runs_it_recovers():
    """`ok_threshold` is built in at Datadog."""
    watched = Watched(CHECK, message="{{ok_threshold}}", thresholds={"ok": 2}, new_group_delay=0)

    watched.check(2, "env:prod", "host:a")

    assert [2.0] == [float(one.message) for one in watched.pass_minutes()]
