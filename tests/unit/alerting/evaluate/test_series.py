"""Points as Datadog keeps them: in slots of ten seconds and minutes, of one kind a metric."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from monitor_rig import Watched

from lightkeeper.alerting.errors import BadMonitor
from lightkeeper.telemetry.signals import Kind

ERRORS = "sum(last_5m):sum:c{*}.as_count() > 5"
LEVEL = "avg(last_5m):avg:g{*} > 5"


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
