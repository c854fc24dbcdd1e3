"""Monitors, evaluated: each documented rule of Datadog's has its test here."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from monitor_rig import Watched, payload, whys

from lightkeeper.alerting.errors import BadMonitor, Unsupported
from lightkeeper.alerting.evaluate.monitor_run import MonitorRun
from lightkeeper.alerting.evaluate.notify import StatusChange
from lightkeeper.alerting.evaluate.series import SeriesStore
from lightkeeper.alerting.evaluate.thresholds import Status, Thresholds
from lightkeeper.alerting.query.syntax import Comparator
from lightkeeper.telemetry.signals import Kind

OK, WARN, ALERT, NO_DATA = Status.OK, Status.WARN, Status.ALERT, Status.NO_DATA
DAY = 24 * 60
ERRORS = "sum(last_5m):sum:c{*}.as_count() > 5"
LEVEL = "avg(last_5m):avg:g{*} > 5"


@pytest.mark.parametrize(("aggregator", "expected"), [("avg", 4.0), ("min", 1.0), ("max", 9.0)])
def test_time_is_aggregated_over_the_window(aggregator, expected):
    """avg, min and max take the minutes of the window and no older one."""
    watched = Watched(f"{aggregator}(last_3m):avg:g{{*}} > 100")

    watched.gauges(50, 1, 2, 9)

    assert expected == watched.value()


@pytest.mark.parametrize(
    ("aggregator", "expected"), [("avg", 3.0), ("sum", 9.0), ("min", 1.0), ("max", 6.0)]
)
def test_space_is_aggregated_over_series(aggregator, expected):
    """avg, sum, min and max take the series of a minute together."""
    watched = Watched(f"avg(last_1m):{aggregator}:g{{*}} > 100")

    for tag, value in {"a:1": 1, "a:2": 2, "a:3": 6}.items():
        watched.gauge(value, tag)
    watched.pass_minutes()

    assert expected == watched.value()


def test_only_the_scope_is_looked_at():
    """Series outside the scope do not count."""
    watched = Watched("max(last_1m):max:g{env:prod AND !step:none} > 5")

    watched.gauge(9, "env:dev", "step:a")
    watched.gauge(9, "env:prod", "step:none")
    watched.gauge(1, "env:prod", "step:a")
    watched.pass_minutes()

    assert 1 == watched.value()


def test_each_group_is_judged_alone():
    """by {…} gives a status to each group, and none to series that lack a key."""
    watched = Watched("max(last_1m):max:g{*} by {step} > 5", new_group_delay=0)

    watched.gauge(9, "step:a")
    watched.gauge(1, "step:b")
    watched.gauge(9, "other:c")
    watched.pass_minutes()

    assert {("step:a",): ALERT, ("step:b",): OK} == watched.run.states


def test_points_at_the_instant_are_not_seen_yet():
    """A window ends before its instant, so that each point is in a whole minute."""
    watched = Watched("max(last_1m):max:g{*} > 5")

    watched.gauge(1)
    watched.gauge(9, second=60)
    watched.pass_minutes()

    assert 1 == watched.value()


def test_the_last_gauge_of_ten_seconds_wins_and_slots_are_averaged():
    """Datadog keeps one point in 10 seconds; a minute is their mean."""
    watched = Watched("avg(last_1m):avg:g{*} > 100")

    for second, value in ((0, 90), (9, 10), (30, 20), (59, 60)):
        watched.gauge(value, second=second)
    watched.pass_minutes()

    assert 30 == watched.value()


def test_gauges_have_to_come_in_order():
    """A gauge older than the newest slot is refused: its slot is already closed."""
    watched = Watched(LEVEL)
    watched.gauge(1, second=30)

    with pytest.raises(ValueError, match="order"):
        watched.gauge(1, second=10)


def test_a_metric_keeps_its_kind():
    """The same name as a count and as a gauge is a mistake in the points."""
    watched = Watched(LEVEL)
    watched.gauge(1)

    with pytest.raises(BadMonitor, match="g: sent as count, but it was a gauge"):
        watched.count(1, name="g")


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.sampled_from(["a:1", "a:2"]), st.integers(0, 9)),
        max_size=30,
    )
)
def test_evaluating_in_between_changes_nothing(points):
    """Aggregating minute by minute gives what aggregating everything at once gives."""
    query = "sum(last_4m):sum:c{*} by {a}.as_count() > 100"
    stepwise, at_once = (Watched(query, new_group_delay=0) for _ in range(2))
    for minute in range(6):
        for when, tag, value in points:
            if when == minute:
                stepwise.count(value, tag)
        stepwise.pass_minutes()
    for when, tag, value in points:
        at_once.store.add("c", Kind.COUNT, (tag,), when * 60, value)
    at_once.run.evaluate(at_once.store, 360)

    for group in at_once.run.states:
        assert at_once.value(*group) == stepwise.value(*group)


def test_points_that_come_late_are_counted():
    """A minute that was aggregated before is aggregated again when points are added to it."""
    watched = Watched(ERRORS)
    watched.counts(1)

    watched.store.add("c", Kind.COUNT, (), 30, 2)
    watched.store.add("c", Kind.COUNT, ("new:series",), 30, 4)
    watched.pass_minutes()

    assert 7 == watched.value()


def test_counts_add_up_over_time_and_space():
    """as_count() sums everything in the window."""
    watched = Watched(ERRORS)

    watched.count(2, "a:1")
    watched.count(3, "a:2")
    watched.pass_minutes()
    watched.counts(4)

    assert 9 == watched.value()


def test_arithmetic_on_counts_comes_after_summing():
    """Datadog's own example: five minutes of errors by five minutes of requests is 0.6."""
    watched = Watched("sum(last_5m): sum:bad{*}.as_count() / sum:all{*}.as_count() > 1")

    for bad in (1, 2, 3, 4, 5):
        watched.count(bad, name="bad")
        watched.count(5, name="all")
        watched.pass_minutes()

    assert 0.6 == watched.value()


def test_a_missing_count_is_zero():
    """An operand without points is 0, where another has some."""
    watched = Watched("sum(last_5m):sum:bad{*}.as_count() / sum:c{*}.as_count() >= 0.5")

    watched.counts(4)

    assert 0 == watched.value()


def test_division_by_zero_is_skipped():
    """With nothing to divide by, the status stays."""
    watched = Watched("sum(last_1m):sum:bad{*}.as_count() / sum:all{*}.as_count() > 0.5")
    watched.count(9, name="bad")
    watched.count(9, name="all")
    watched.pass_minutes()

    watched.count(9, name="bad")
    watched.pass_minutes()

    assert watched.status() is ALERT


def test_points_that_divide_by_zero_are_left_out():
    """10/0 + 10/1 + 10/nothing leaves only the middle: the mean is 10."""
    watched = Watched("avg(last_3m):sum:a{*} / sum:b{*} > 100")

    for below in (0, 1, None):
        watched.gauge(10, name="a")
        if below is not None:
            watched.gauge(below, name="b")
        watched.pass_minutes()

    assert 10 == watched.value()


def test_a_rate_is_the_count_by_the_seconds_of_the_window():
    """avg of as_rate() does not depend on the width of points."""
    watched = Watched("avg(last_5m):sum:c{*}.as_rate() > 1")

    watched.counts(30, None, 60, None, 60)

    assert 0.5 == watched.value()


def test_default_zero_fills_empty_minutes():
    """Between points it counts as 0; in an empty window it has no effect."""
    watched = Watched("avg(last_4m):default_zero(avg:g{*}) > 100")

    watched.gauges(8, None, None, None)
    assert 2 == watched.value()

    watched.gauges(None)
    assert 2 == watched.value()


def test_a_distribution_has_extremes_and_a_count():
    """What does not depend on the width of points is evaluated of a distribution."""
    highest = Watched("max(last_5m):max:d{*} > 100")
    number = Watched("sum(last_5m):count:d{*}.as_count() > 100")

    for watched in (highest, number):
        for value in (3, 9, 5):
            watched.store.add("d", Kind.DISTRIBUTION, (), 0, value)
        watched.pass_minutes()

    assert 9 == highest.value()
    assert 3 == number.value()


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
def test_mirrored_thresholds_judge_alike(before, value, comparator):
    """What holds above holds below with every number negated."""
    mirrored = {Comparator.ABOVE: Comparator.BELOW, Comparator.AT_LEAST: Comparator.AT_MOST}
    above = Thresholds(comparator, 15, 10, 12, 5)
    below = Thresholds(mirrored[comparator], -15, -10, -12, -5)

    assert above.judge(value, before) is below.judge(-value, before)


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


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ([6, 6, 6, 6, 6], ALERT),
        ([None, 6, 6, 6, 6], None),
        ([6, None, None, None, 6], ALERT),
        ([6, 6, 6], None),
    ],
)
def test_a_full_window_needs_its_first_bucket_and_few_empty_ones(values, status):
    """The first minute has data, and at most three are empty; else nothing is evaluated."""
    watched = Watched(LEVEL, require_full_window=True)

    watched.gauges(*values)

    assert status is watched.status()


def test_too_many_empty_buckets_are_no_full_window():
    """Four empty minutes are too many."""
    watched = Watched("avg(last_6m):avg:g{*} > 5", require_full_window=True)

    watched.gauges(6, None, None, None, None, 6)

    assert watched.status() is None


def test_a_window_in_hours_has_buckets_of_ten_minutes():
    """One point in each ten minutes fills an hour."""
    watched = Watched("avg(last_1h):avg:g{*} > 5", require_full_window=True)

    for _ in range(6):
        watched.gauges(6, *[None] * 9)

    assert watched.status() is ALERT


def test_an_evaluation_delay_shifts_the_window():
    """With a delay of two minutes a point counts two minutes later, and as long."""
    watched = Watched("max(last_1m):max:g{*} > 5", evaluation_delay=120)

    watched.gauges(6, 1)
    assert watched.status() is None

    watched.gauges(1)
    assert watched.status() is ALERT

    watched.gauges(1)
    assert watched.status() is OK


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


def test_old_points_are_forgotten():
    """What no monitor looks back at is dropped, and what one does is kept."""
    short, long = (Watched(f"sum(last_{w}):sum:c{{*}}.as_count() > 50") for w in ("5m", "3h"))
    short.store = long.store
    for minute in range(1, 5 * 60 + 1):
        long.store.add("c", Kind.COUNT, (), minute * 60 - 30, 1)
        for watched in (short, long):
            watched.run.evaluate(long.store, minute * 60)

    assert (5, 180) == (short.value(), long.value())
    (series,) = long.store._metrics["c"].series
    assert 181 <= len(series.minutes) < 250


def test_a_new_group_waits():
    """A group is first judged a minute after its first data, or after new_group_delay."""
    for options, minutes in (({}, 1), ({"new_group_delay": 300}, 5), ({"new_group_delay": 0}, 1)):
        watched = Watched("max(last_10m):max:g{*} by {step} > 5", **options)

        told = watched.gauges(*[6] * (minutes - 1), tags=("step:a",))
        assert [] == told
        assert ["alert"] == whys(watched.gauges(6, tags=("step:a",)))


def test_a_group_that_was_never_judged_has_no_missing_data():
    """One that fell silent while it was new is not told of."""
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


def test_a_new_host_waits_longer_where_asked():
    """new_host_delay holds for groups by host, new_group_delay wins over it."""
    watched = Watched("max(last_9m):max:g{*} by {host} > 5", new_host_delay=180)

    assert [] == watched.gauges(6, 6, tags=("host:a",))
    assert ["alert"] == whys(watched.gauges(6, tags=("host:a",)))


def test_a_simple_alert_does_not_wait():
    """new_group_delay is for groups."""
    assert ["alert"] == whys(Watched(LEVEL, new_group_delay=300).gauges(6))


def test_a_silent_group_is_dropped_after_a_day():
    """24 h after its window became empty a group has no status, and nobody is told."""
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


def test_who_never_saw_data_does_not_alert_on_missing_data():
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


def test_show_no_data_tells_nobody():
    """The status is No Data, without a notification on the way there or back."""
    watched = Watched(LEVEL, on_missing_data="show_no_data")

    assert [] == watched.gauges(1, *[None] * 5)
    assert watched.status() is NO_DATA
    assert [] == watched.gauges(1)
    assert watched.status() is OK


def test_an_alert_that_went_silent_is_told_to_be_over():
    """After Alert, unannounced No Data and OK, the recovery is told: the alert was."""
    watched = Watched(LEVEL, on_missing_data="show_no_data")

    assert ["alert", "recovery"] == whys(watched.gauges(6, *[None] * 5, 1))


def test_show_and_notify_no_data_tells():
    """An empty window is told at once, and its end too."""
    watched = Watched(LEVEL, on_missing_data="show_and_notify_no_data")

    told = watched.gauges(1, *[None] * 5, 1)

    assert [("no data", 6 * 60), ("recovery", 7 * 60)] == [
        (one.why, one.at_seconds) for one in told
    ]


def test_resolve_shows_ok():
    """Missing data end an alert."""
    watched = Watched(LEVEL, on_missing_data="resolve")

    assert ["alert", "recovery"] == whys(watched.gauges(6, *[None] * 5))


@pytest.mark.parametrize(("options", "minutes"), [({"no_data_timeframe": 20}, 20), ({}, 10)])
def test_notify_no_data_waits_for_its_timeframe(options, minutes):
    """No Data comes so many minutes after the last point; twice the window unless said."""
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
        told = watched.pass_minutes()

    assert ["no data"] == whys(told)


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

    told = watched.pass_minutes(10 * 60)

    assert [("recovery", (1 + 5 + 120) * 60)] == [(one.why, one.at_seconds) for one in told]
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


def test_a_timeout_waits_while_data_come():
    """A monitor does not resolve by time while data are reported."""
    watched = Watched(LEVEL, timeout_h=1)

    assert ["alert"] == whys(watched.gauges(*[6] * 90))


def test_renotification_repeats_while_the_status_stays():
    """Every renotify_interval it is said again, until it is over."""
    watched = Watched("max(last_1m):max:g{*} > 5", renotify_interval=10)

    told = watched.gauges(*[6] * 25, 1)

    assert [("alert", 1), ("renotify", 11), ("renotify", 21), ("recovery", 26)] == [
        (one.why, one.at_seconds // 60) for one in told
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


def test_what_was_not_told_is_not_renotified():
    """show_no_data tells nobody, however long it lasts."""
    watched = Watched(
        LEVEL, on_missing_data="show_no_data", renotify_interval=10, renotify_statuses=["no data"]
    )

    assert [] == watched.gauges(1, *[None] * 60)


def test_renotification_ends_after_thirty_hours():
    """Without a limit of occurrences it ends 30 h after the first alert."""
    watched = Watched("max(last_1m):max:g{*} > 5", renotify_interval=60)

    told = watched.gauges(*[6] * 40 * 60)

    assert 1 + 29 == len(told)


def test_every_group_is_told_of():
    """A multi alert tells of each group, with its tags."""
    watched = Watched("max(last_1m):max:g{*} by {step} > 5", name="{{step.name}} is stuck")
    watched.gauge(6, "step:a")
    watched.gauge(7, "step:b")

    told = watched.pass_minutes()

    assert [(("step:a",), "a is stuck", 6), (("step:b",), "b is stuck", 7)] == [
        (one.group, one.title, one.value) for one in told
    ]


def test_notify_by_tells_once_for_its_groups():
    """By fewer keys one notification stands for the worst of the groups, as long as it lasts."""
    watched = Watched("max(last_1m):max:g{*} by {step,kind} > 5", notify_by=["step"])

    told = []
    for first, second in ((6, 1), (6, 6), (1, 6), (1, 1)):
        watched.gauge(first, "step:a", "kind:x")
        watched.gauge(second, "step:a", "kind:y")
        told += watched.pass_minutes()

    assert [("alert", ("step:a",), 1), ("recovery", ("step:a",), 4)] == [
        (one.why, one.group, one.at_seconds // 60) for one in told
    ]


def test_notify_by_a_star_is_a_simple_alert():
    """All groups are told of as one."""
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
    """After no_data_timeframe a check that stopped is told, and its message was shown before."""
    watched = Watched(CHECK, notify_no_data=True, no_data_timeframe=5, message="{{check_message}}")
    watched.check(0, "env:prod", "host:a", message="fine")
    watched.pass_minutes()
    watched.check(2, "env:prod", "host:a", message="refused")

    told = watched.pass_minutes(10)

    assert [("alert", 2, "refused"), ("no data", 7, "")] == [
        (one.why, one.at_seconds // 60, one.message) for one in told
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


SLO = {
    "delivery": {
        "type": "metric",
        "query": {
            "numerator": "sum:good{*}.as_count()",
            "denominator": "sum:good{*}.as_count() + sum:bad{*}.as_count()",
        },
        "thresholds": [{"timeframe": "30d", "target": 99.0}, {"timeframe": "7d", "target": 95}],
    }
}
BURN = 'burn_rate("delivery").over("30d").long_window("1h").short_window("5m") > 10'


def burn(watched, minutes, bad, events=100):
    """Send so many events a minute, so many of them bad."""
    told = []
    for _ in range(minutes):
        watched.count(events - bad, name="good")
        watched.count(bad, name="bad")
        told += watched.pass_minutes()
    return told


def test_a_burn_rate_needs_both_windows():
    """The long window shows that it matters, the short one that it goes on."""
    watched = Watched(BURN, SLO, message="{{long_window_burn_rate}} {{short_window_burn_rate}}")
    burn(watched, 60, 0)

    told = burn(watched, 60, 20)
    assert [("alert", 60 + 31)] == [(one.why, one.at_seconds // 60) for one in told]
    assert "10.333 20.0" == told[0].message

    assert [("recovery", 120 + 3)] == [
        (one.why, one.at_seconds // 60) for one in burn(watched, 60, 0)
    ]


def test_a_burn_rate_without_events_is_skipped():
    """Nothing good and nothing bad says nothing: the status stays."""
    watched = Watched(BURN, SLO)
    burn(watched, 60, 20)

    burn(watched, 90, 0, events=0)
    assert watched.status() is ALERT

    watched.pass_minutes(90)
    assert watched.status() is ALERT


def test_an_error_budget_is_the_part_that_is_used_up():
    """With a target of 95 %, 2 % bad events are 40 % of the budget."""
    watched = Watched('error_budget("delivery").over("7d") > 30', SLO)

    told = burn(watched, 30, 2)

    assert [("alert", 30)] == [(one.why, one.at_seconds // 60) for one in told]
    assert 40 == pytest.approx(watched.value())


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (BURN.replace("delivery", "other"), "no SLO 'other'"),
        (BURN.replace("30d", "90d"), "no target over 90d"),
        (BURN.replace("> 10", "> 101"), "above 100 cannot happen"),
        (BURN.replace("> 10", "< 10"), "compares with > or >="),
        (BURN.replace("1h", "3d"), "1 to 48 hours"),
        (BURN.replace("5m", "2h"), "short one shorter"),
    ],
)
def test_an_impossible_slo_alert_is_refused(query, message):
    """What Datadog would block, or what could never fire, is refused."""
    with pytest.raises(BadMonitor, match=message):
        MonitorRun(payload(query), SLO)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("avg(last_1h):anomalies(avg:g{*}, 'basic', 2) >= 1", "anomalies"),
        ("max(next_1w):forecast(avg:g{*}, 'linear', 1) >= 3", "next_"),
        ("avg(last_1h):forecast(avg:g{*}, 'linear', 1) >= 3", "forecast"),
        ("avg(last_1h):outliers(avg:g{*} by {host}, 'dbscan', 7) > 0", "outliers"),
        ("change(avg(last_5m),5m_ago):avg:g{*} > 1", "change"),
        ("percentile(last_5m):p95:g{*} > 1", "percentile"),
        ("avg(last_5m):p95:g{*} > 1", "p95"),
        ("avg(last_5m):g{*} > 1", "no space aggregator"),
        ("avg(last_5m):avg:g{*}.rollup(avg, 60) > 1", "rollup"),
        ("avg(last_5m):avg:g{*}.fill(last) > 1", "fill"),
        ("sum(last_5m):avg:g{*} > 1", "sum over time without .as_count"),
        ("avg(last_5m):sum:c{*}.as_count() > 1", "only sum goes with .as_count"),
        ("max(last_5m):sum:c{*}.as_rate() > 1", "only avg is evaluated with .as_rate"),
        ("avg(last_5m):sum:c{*}.as_rate() / 2 > 1", "arithmetic with .as_rate"),
        ("sum(last_5m):sum:c{*}.as_count() + avg:g{*} > 1", "both as_count"),
        ("sum(last_5m):default_zero(sum:c{*}.as_count())/sum:c{*}.as_count() > 1", "default_zero"),
        ("avg(last_5m):avg:a{*} by {x} / avg:b{*} > 1", "different keys"),
        ("avg(last_5m):avg:g{*} > 1 by {host}", "behind the threshold"),
        ("avg(last_5m):avg:g{*} > threshold", "a threshold that is a query"),
        ("max(last_1d):max:g{*} > 1", "more than 4 hours"),
        ("avg(current_1h):avg:g{*} > 1", "current_"),
        ("avg(last_5m):1 > 1", "no metric"),
        ('logs("*").index("*").rollup("count").last("5m") > 2', "logs"),
        ('events("*").rollup("count").last("5m") > 2', "events"),
        ('formula("a / b").last("5m") > 2', "formula"),
        ("123 && 456", "composite"),
        ('"up".over("*").by("host").last(2).pct_by_status()', "pct_by_status"),
        ('"up".over("*").by("*").last(2).count_by_status()', "name the keys"),
    ],
)
def test_what_is_not_known_is_refused_by_name(query, message):
    """Nothing is guessed: what is not evaluated is named."""
    with pytest.raises(Unsupported, match=message):
        MonitorRun(payload(query))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"evaluation_delay": 90}, "whole minutes"),
        ({"escalation_message": "x"}, "is_renotify"),
        ({"silenced": {"*": None}}, "silenced"),
        ({"group_retention_duration": "2h"}, "group_retention_duration"),
        ({"message": '{{eval "value*2"}}'}, "eval"),
    ],
)
def test_options_that_are_not_evaluated_are_refused(options, message):
    """An option that would change the outcome is not passed over."""
    with pytest.raises(Unsupported, match=message):
        MonitorRun(payload(LEVEL, **options))


def test_a_delay_of_what_is_no_metric_is_refused():
    """Datadog does not say what it would do to a service check."""
    check = '"up".over("*").by("host").last(2).count_by_status()'

    with pytest.raises(Unsupported, match="evaluation_delay is evaluated for metrics only"):
        MonitorRun(payload(check, evaluation_delay=60))


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ("avg(last_5m):avg:m{*} > 1", Kind.COUNT),
        ("sum(last_5m):sum:m{*}.as_count() > 1", Kind.GAUGE),
        ("sum(last_5m):avg:m{*}.as_count() > 1", Kind.COUNT),
        ("avg(last_5m):avg:m{*} > 1", Kind.DISTRIBUTION),
        ("max(last_5m):min:m{*} > 1", Kind.DISTRIBUTION),
        ("min(last_5m):count:m{*} > 1", Kind.GAUGE),
    ],
)
def test_a_query_that_does_not_suit_the_kind_is_refused(query, kind):
    """Where the result hangs on the width of points, the kind and the query are named."""
    watched = Watched(query)
    watched.store.add("m", kind, (), 0, 1)

    with pytest.raises(Unsupported, match=f"as m is a {kind}"):
        watched.pass_minutes()


def test_a_gap_that_datadog_would_fill_is_refused():
    """Where one series pauses for minutes and another goes on, Datadog interpolates."""
    watched = Watched("avg(last_5m):sum:g{*} > 100")
    watched.gauge(1, "a:1")
    for minute in range(3):
        watched.gauge(1, "a:2")
        if minute == 2:
            watched.gauge(1, "a:1")
            break
        watched.pass_minutes()

    with pytest.raises(Unsupported, match="a:1 had no point for 1 min while others had"):
        watched.pass_minutes()


def test_a_gap_of_all_series_is_no_doubt():
    """A pause of everything, a restart, is evaluated on the minutes that have points."""
    watched = Watched("avg(last_5m):sum:g{*} > 100")

    watched.gauges(1, None, None, 3)

    assert 2 == watched.value()


def test_without_interpolation_gaps_are_no_doubt():
    """fill(null) switches interpolation off: minutes are as they are."""
    watched = Watched("min(last_5m):sum:g{*}.fill(null) > 100")
    for tags in (("a:1", "a:2"), ("a:2",), ("a:1", "a:2")):
        for tag in tags:
            watched.gauge(1, tag)
        watched.pass_minutes()

    assert 1 == watched.value()
