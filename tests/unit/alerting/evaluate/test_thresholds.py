"""From a value and the status before it to the status now."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from monitor_rig import Watched, payload, whys

from lightkeeper.alerting.errors import BadMonitor
from lightkeeper.alerting.evaluate.monitor_run import MonitorRun
from lightkeeper.alerting.evaluate.thresholds import Status, Thresholds
from lightkeeper.alerting.query.syntax import Comparator

OK, WARN, ALERT, NO_DATA = Status.OK, Status.WARN, Status.ALERT, Status.NO_DATA
LEVEL = "avg(last_5m):avg:g{*} > 5"


@pytest.mark.parametrize(
    ("comparator", "values"),
    [
        (">", {4: OK, 5: OK, 6: ALERT}),
        (">=", {4: OK, 5: ALERT, 6: ALERT}),
        ("<", {4: ALERT, 5: OK, 6: OK}),
        ("<=", {4: ALERT, 5: ALERT, 6: OK}),
        ("==", {4: OK, 5: ALERT, 6: OK}),
        ("!=", {4: ALERT, 5: OK, 6: ALERT}),
    ],
)
def test_comparators(comparator, values):
    """Each comparator includes the threshold or not, as it says."""
    watched = Watched(f"max(last_1m):max:g{{*}} {comparator} 5")

    for value, status in values.items():
        watched.gauges(value)
        assert status is watched.status()


def test_warnings_come_before_alerts():
    """Between the warning and the critical threshold a group warns."""
    watched = Watched(LEVEL.replace("5m", "1m"), thresholds={"critical": 5, "warning": 3})

    assert ["warn", "alert", "warn", "recovery"] == whys(watched.gauges(1, 4, 6, 4, 1))


@pytest.mark.parametrize(
    ("comparator", "recovery", "held", "passed"),
    [(">", 3, 3.5, 3), (">=", 3, 3, 2.9), ("<", 7, 6.9, 7), ("<=", 7, 7, 7.1)],
)
def test_recovery_thresholds(comparator, recovery, held, passed):
    """> recovers at <=, >= at <, < at >=, <= at >, each of the recovery threshold."""
    watched = Watched(
        f"max(last_1m):max:g{{*}} {comparator} 5", thresholds={"critical_recovery": recovery}
    )
    watched.gauges(6 if ">" in comparator else 4)

    watched.gauges(held)
    assert watched.status() is ALERT

    watched.gauges(passed)
    assert watched.status() is OK


def test_a_recovery_threshold_does_not_trigger():
    """What rises into the band below the threshold was not alerting, and still is not."""
    watched = Watched("max(last_1m):max:g{*} > 5", thresholds={"critical_recovery": 3})

    assert [] == watched.gauges(1, 4, 4)


def test_a_warning_recovers_at_its_own_threshold():
    """The warning's recovery threshold holds a warning, and does not delay an alert's end."""
    given = {"critical": 9, "warning": 5, "warning_recovery": 3}
    watched = Watched("max(last_1m):max:g{*} > 9", thresholds=given)

    watched.gauges(6, 4)
    assert watched.status() is WARN

    watched.gauges(10, 4)
    assert watched.status() is OK


@given(
    before=st.sampled_from([None, *Status]),
    value=st.integers(0, 20),
    comparator=st.sampled_from([Comparator.ABOVE, Comparator.AT_LEAST]),
)
def test_mirrored_thresholds_give_the_same_status(before, value, comparator):
    """What holds above holds below with every number negated."""
    mirrored = {Comparator.ABOVE: Comparator.BELOW, Comparator.AT_LEAST: Comparator.AT_MOST}
    above = Thresholds(comparator, 15, 10, 12, 5)
    below = Thresholds(mirrored[comparator], -15, -10, -12, -5)

    assert above.status_of(value, before) is below.status_of(-value, before)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"critical": 6}, "thresholds.critical is 6, but the query says 5"),
        ({"warning": 7}, "thresholds.warning is 7, but must be at most 5"),
        ({"warning": 5}, "equals"),
        ({"critical_recovery": 7}, "critical_recovery is 7, but must be at most 5"),
        ({"warning_recovery": 1}, "only with thresholds.warning"),
        ({"ok": 1}, "thresholds.ok does not go"),
    ],
)
def test_contradicting_thresholds_are_refused(given, message):
    """Thresholds on the wrong side never reach Datadog."""
    with pytest.raises(BadMonitor, match=message):
        MonitorRun(payload(LEVEL, thresholds=given))
