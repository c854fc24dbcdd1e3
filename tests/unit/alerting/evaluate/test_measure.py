"""The value of a metric query: over time, over series, in arithmetic, in a full window."""

import pytest
from monitor_rig import Watched

from lightkeeper.alerting.evaluate.thresholds import Status
from lightkeeper.telemetry.signals import Kind

OK, WARN, ALERT, NO_DATA = Status.OK, Status.WARN, Status.ALERT, Status.NO_DATA
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
    watched = Watched("max(last_1m):max:g{env:prod,!step:none} > 5")

    watched.gauge(9, "env:dev", "step:a")
    watched.gauge(9, "env:prod", "step:none")
    watched.gauge(1, "env:prod", "step:a")
    watched.pass_minutes()

    assert 1 == watched.value()


def test_each_group_has_its_own_status():
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
