"""What is not supported is refused by name, with the reason: nothing is guessed."""

import re
from pathlib import Path

import pytest
from monitor_rig import Watched, payload

from lightkeeper.alerting.errors import Unsupported
from lightkeeper.alerting.evaluate.monitor_run import MonitorRun
from lightkeeper.telemetry.signals import Kind

LEVEL = "avg(last_5m):avg:g{*} > 5"


LINES = (Path(__file__).parents[3] / "support" / "queries.txt").read_text().splitlines()
PUBLISHED = [line for line in LINES if line and not line.startswith("#")]


@pytest.mark.parametrize("query", [one for one in PUBLISHED if "slo_id" not in one])
def test_what_others_published_is_evaluated_or_refused_by_name(query):
    """No query that Datadog takes ends in another error, or in a traceback."""
    kind = "service check" if query.startswith('"') else "query alert"
    said = "evaluated"
    try:
        MonitorRun(payload(query, type=kind))
    except Unsupported as exc:
        said = str(exc)

    assert said == "evaluated" or " not supported" in said


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
        ("avg(last_5m):sum:c{*}.as_count() > 1", "avg over time of .as_count"),
        ("max(last_5m):sum:c{*}.as_rate() > 1", "max over time of .as_rate"),
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
def test_a_query_that_is_not_supported_is_refused_by_name(query, message):
    """The message names the part of the query that is not supported."""
    with pytest.raises(Unsupported, match=message) as caught:
        MonitorRun(payload(query))

    assert re.search(r"is not supported.*: |are not supported: ", str(caught.value))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"evaluation_delay": 90}, "whole minutes"),
        ({"escalation_message": "x"}, "is_renotify"),
        ({"silenced": {"*": None}}, "silenced"),
        ({"group_retention_duration": "2h"}, "group_retention_duration"),
        ({"message": '{{eval "humanize_bits(value)"}}'}, "humanize_bits"),
    ],
)
def test_an_option_that_is_not_supported_is_refused_by_name(options, message):
    """An option that would change the outcome is not ignored."""
    with pytest.raises(Unsupported, match=message):
        MonitorRun(payload(LEVEL, **options))


def test_a_delay_of_what_is_no_metric_is_refused():
    """Datadog does not say what it would do to a service check."""
    check = '"up".over("*").by("host").last(2).count_by_status()'

    with pytest.raises(Unsupported, match="evaluation_delay is supported for metrics only"):
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
    """Where one series pauses for minutes and another continues, Datadog interpolates."""
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
