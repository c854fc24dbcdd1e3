"""SLO alerts: burn rates over two windows, and error budgets."""

import pytest
from monitor_rig import Watched, payload

from lightkeeper.alerting.errors import BadMonitor
from lightkeeper.alerting.evaluate.monitor_run import MonitorRun
from lightkeeper.alerting.evaluate.thresholds import Status

OK, WARN, ALERT, NO_DATA = Status.OK, Status.WARN, Status.ALERT, Status.NO_DATA
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
    notifications = []
    for _ in range(minutes):
        watched.count(events - bad, name="good")
        watched.count(bad, name="bad")
        notifications += watched.pass_minutes()
    return notifications


def test_a_burn_rate_needs_both_windows():
    """The long window shows that it matters, the short one that it still lasts."""
    watched = Watched(BURN, SLO, message="{{long_window_burn_rate}} {{short_window_burn_rate}}")
    burn(watched, 60, 0)

    notifications = burn(watched, 60, 20)
    assert [("alert", 60 + 31)] == [(one.why, one.at_seconds // 60) for one in notifications]
    assert "10.333 20.0" == notifications[0].message

    assert [("recovery", 120 + 3)] == [
        (one.why, one.at_seconds // 60) for one in burn(watched, 60, 0)
    ]


@pytest.mark.parametrize(
    "formulas",
    [
        {"good": "a", "bad": "b"},
        {"good": "a", "total": "a + b"},
        {"good": "every - b", "total": "every"},
    ],
)
def test_formulas_of_counts_are_what_they_say(formulas):
    """An SLO's specification burns as the query does that counts the same."""
    queries = {"a": "sum:good{*}", "b": "sum:bad{*}", "every": "sum:good{*} + sum:bad{*}"}
    count = {f"{name}_events_formula": {"formula": one} for name, one in formulas.items()}
    count["queries"] = [
        {"name": name, "data_source": "metrics", "query": one.replace("}", "}.as_count()")}
        for name, one in queries.items()
    ]
    slo = {**SLO["delivery"], "sli_specification": {"count": count}}
    rates = []
    for slos in (SLO, {"delivery": slo}):
        watched = Watched(BURN, slos)
        burn(watched, 60, 20)
        rates.append(watched.value())

    assert 20 == pytest.approx(rates[1])
    assert rates[0] == rates[1]


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

    notifications = burn(watched, 30, 2)

    assert [("alert", 30)] == [(one.why, one.at_seconds // 60) for one in notifications]
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
        (BURN.replace("5m", "0m"), "a minute or more"),
    ],
)
def test_an_impossible_slo_alert_is_refused(query, message):
    """What Datadog would block, or what could never fire, is refused."""
    with pytest.raises(BadMonitor, match=message):
        MonitorRun(payload(query), SLO)


@pytest.mark.parametrize("target", [100, 100.5, 0, -1])
def test_a_target_that_leaves_no_budget_is_refused(target):
    """With 100 % there is nothing that could burn, and no number to divide by."""
    slo = {**SLO["delivery"], "thresholds": [{"timeframe": "30d", "target": target}]}

    with pytest.raises(BadMonitor, match="above 0 and below 100"):
        MonitorRun(payload(BURN), {"delivery": slo})
