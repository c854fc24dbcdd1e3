"""Metric queries over time, as a graph shows them."""

import board_rig
import pytest
from board_rig import AGE, ENDED, PENDING, START

from lightkeeper.alerting.errors import Unsupported
from lightkeeper.alerting.evaluate.graph import Buckets, MetricGraph

TOOK = "lightkeeper.documents.processing_time"
AT = START // 60


def points(query, given, width=10, hours=1):
    """The points of each group, by their place in the time shown."""
    store = board_rig.recorded(given).store
    buckets = Buckets(START, START + 3_600 * hours, width)
    found = MetricGraph(query).points(store, buckets)
    first = buckets.numbers.start
    return {group: {at - first: value for at, value in of.items()} for group, of in found.items()}


def gauges(name, values, *tags):
    """A gauge's values, minute by minute."""
    return [(name, "gauge", tags, minute, value) for minute, value in enumerate(values)]


def test_buckets_begin_where_unix_time_has_them_begin():
    """However the span lies, and with its last, broken one."""
    buckets = Buckets(START + 300, START + 1_500, 10)

    assert list(range(AT // 10, AT // 10 + 3)) == list(buckets.numbers)


def test_a_gauge_is_averaged_over_time_before_its_series_are_added_up():
    """Ten minutes of one series, five of another: the mean of each counts in full."""
    given = gauges(PENDING, [4] * 10, "step:a") + gauges(PENDING, [2] * 5, "step:b")

    assert {(): {0: 6.0}} == points(f"sum:{PENDING}{{*}}", given)


def test_a_series_that_comes_late_is_found_in_its_group():
    """Each group has the buckets in which it has a point."""
    given = [*gauges(AGE, [1, 5], "step:a"), (AGE, "gauge", ("step:b",), 25, 7.0)]

    found = points(f"max:{AGE}{{*}} by {{step}}", given)

    assert {("step:a",): {0: 3.0}, ("step:b",): {2: 7.0}} == found


def test_counts_add_up():
    """Over time and over series; a rate is a second's."""
    given = [(ENDED, "count", ("step:a",), minute, 3) for minute in range(20)]
    given += [(ENDED, "count", ("step:b",), 0, 30)]

    assert {(): {0: 60.0, 1: 30.0}} == points(f"sum:{ENDED}{{*}}.as_count()", given)
    assert {(): {0: 0.1, 1: 0.05}} == points(f"sum:{ENDED}{{*}}.as_rate()", given)


def test_a_distribution_is_merged_over_time_and_series():
    """Its mean is that of all samples, whichever series they are in."""
    given = [(TOOK, "distribution", ("outcome:done",), 0, 10.0)]
    given += [(TOOK, "distribution", ("outcome:failed",), 5, value) for value in (40.0, 40.0)]

    assert {(): {0: 30.0}} == points(f"avg:{TOOK}{{*}}", given)
    assert {(): {0: 40.0}} == points(f"max:{TOOK}{{*}}", given)
    assert {(): {0: 10.0}} == points(f"min:{TOOK}{{*}}", given)


def test_in_arithmetic_a_missing_count_is_zero():
    """As Datadog aligns counts; where neither has a point there is none, nor a division by 0."""
    given = [(ENDED, "count", ("outcome:done",), minute, 3) for minute in (0, 10)]
    given += [(ENDED, "count", ("outcome:failed",), minute, 1) for minute in (0, 40)]
    done, failed = (f"sum:{ENDED}{{outcome:{one}}}.as_count()" for one in ("done", "failed"))

    assert {(): {0: 0.75, 1: 1.0, 4: 0.0}} == points(f"{done} / ({done} + {failed})", given)
    assert {(): {0: 3.0, 4: 0.0}} == points(f"{done} / {failed}", given)


def test_in_arithmetic_a_missing_gauge_leaves_no_point():
    """Nothing is made up for it."""
    given = gauges(PENDING, [4] * 10) + gauges(AGE, [2] * 20)

    assert {(): {0: 2.0}} == points(f"max:{PENDING}{{*}} / max:{AGE}{{*}}", given)


@pytest.mark.parametrize(
    "query",
    [f"sum:{ENDED}{{*}}", f"avg:{ENDED}{{*}}.as_count()", f"sum:{PENDING}{{*}}.as_count()"],
)
def test_what_does_not_go_with_the_kind_is_refused_by_name(query):
    """A count is read as a count, a gauge as a gauge."""
    given = [*gauges(PENDING, [1]), (ENDED, "count", (), 0, 1)]

    with pytest.raises(Unsupported, match=r"is not supported in a graph, as lightkeeper\S+ is a"):
        points(query, given)


@pytest.mark.parametrize("query", [f"p95:{TOOK}{{*}}", f"sum:{PENDING}{{*}}.rollup(max, 60)"])
def test_what_is_not_evaluated_is_refused_by_name(query):
    """Percentiles need every sample; a rollup's alignment is not documented."""
    with pytest.raises(Unsupported, match="is not supported"):
        points(query, [])


def test_what_lies_outside_of_the_time_is_not_looked_at():
    """The second hour, of two."""
    given = [(ENDED, "count", (), minute, 1) for minute in (0, 59, 60, 119, 120)]
    store = board_rig.recorded(given).store
    buckets = Buckets(START + 3_600, START + 7_200, 60)

    found = MetricGraph(f"sum:{ENDED}{{*}}.as_count()").points(store, buckets)

    assert {(): {AT // 60 + 1: 2.0}} == found
