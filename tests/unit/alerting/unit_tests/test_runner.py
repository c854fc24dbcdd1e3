"""Unit tests of monitors: what makes one red, and which files are refused."""

import json
from copy import deepcopy

import pytest
from suite_files import CHECK, COUNT, FAILED, LAG, OUTCOMES, assets, suite

from lightkeeper.alerting.unit_tests.runner import run_tests

FIRES = {
    "series": [{"count": FAILED, "values": "0x9 1 0x9"}],
    "states": {
        "10m": {"step:claims_evidence": "OK"},
        "11m": {"step:claims_evidence": "Alert"},
        "15m": {"step:claims_evidence": "Alert"},
        "16m": {},
    },
    "transitions": [
        {"at": "11m", "group": "step:claims_evidence", "to": "Alert"},
        {"at": "16m", "group": "step:claims_evidence", "to": "OK"},
    ],
    "notifications": [
        {
            "at": "11m",
            "group": "step:claims_evidence",
            "why": "alert",
            "who": ["@channel", "@pager"],
            "contains": ["Documents failed at claims_evidence", "1.0 failed"],
            "excludes": ["bgs"],
        },
        {"at": "16m", "group": "step:claims_evidence", "why": "recovery", "who": ["@channel"]},
    ],
}
OLD = {"gauge": "lightkeeper.poll.due_lag", "values": "0x9 700x9 500x5 0x5"}
LATE = {
    "series": [OLD],
    "states": {"14m": "OK", "15m": "Alert", "25m": "Alert", "27m": "OK"},
}


@pytest.fixture
def report(tmp_path):
    """Run one file with these tests of a monitor; return the report."""

    def run(payload, *tests, slos=None, **variables):
        path = tmp_path / "a.yaml"
        path.write_text(suite("m", *tests))
        return run_tests(assets(slos, variables, m=payload), [path])

    return run


def changed(test, **changes):
    """Return the test with other expectations."""
    return {**deepcopy(test), **changes}


def test_what_happens_as_expected_is_ok(report):
    """States, transitions, notifications and texts as expected: one line that says ok."""
    found = report(COUNT, FIRES)

    assert found.ok
    assert ["1 ok"] == [line.rpartition(": ")[2] for line in found.lines()]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"states": {"11m": {}}}, ["exp: none", "got: 11m step:claims_evidence Alert"]),
        (
            {"states": {"11m": {"step:claims_evidence": "Warn"}}},
            ["exp: 11m step:claims_evidence Warn", "got: 11m step:claims_evidence Alert"],
        ),
        (
            {"states": {"11m": {"step:claims_evidence": "Alert", "step:none": "Alert"}}},
            ["exp: 11m step:claims_evidence Alert; 11m step:none Alert"],
        ),
        ({"states": {"5m": {"step:none": "OK"}}}, ["exp: 5m step:none OK", "got: none"]),
        (
            {"transitions": []},
            ["exp: none", "got: 11m step:claims_evidence Alert; 16m step:claims_evidence OK"],
        ),
        ({"notifications": []}, ["got: 11m step:claims_evidence alert; 16m"]),
    ],
)
def test_what_happens_otherwise_is_shown(report, changes, said):
    """A group too many, too few or of another status is red, with both sides shown."""
    found = report(COUNT, changed(FIRES, **changes))

    assert not found.ok
    assert all(part in "\n".join(found.lines()) for part in said)
    assert "1 of 1 FAILED" in "\n".join(found.lines())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"who": ["@channel"]}, "got: @channel @pager"),
        ({"who": ["@channel", "@pager", "@more"]}, "exp: @channel @more @pager"),
        ({"contains": ["2.0 failed"]}, "does not contain '2.0 failed'"),
        ({"excludes": ["claims"]}, "contains 'claims'"),
    ],
)
def test_another_message_is_shown(report, change, said):
    """Who is notified, and what a message must and must not contain, are compared."""
    test = deepcopy(FIRES)
    test["notifications"][0] |= change

    found = report(COUNT, test)

    assert said in "\n".join(found.lines())


def test_a_monitor_without_groups_has_one_status(report):
    """Its status stands alone; recovery thresholds hold it as Datadog does."""
    assert report(LAG, LATE).ok
    assert report(LAG, changed(LATE, states={"26m": "OK"})).ok is not report(LAG, LATE).ok


def test_a_check_runs_and_ends(report):
    """Statuses of a service check count in a row; its message is in the text."""
    sent = {"check": "lightkeeper.polling", "values": "okx4 criticalx4 okx4", "message": "oh"}
    notified = {"at": "8m", "why": "alert", "who": ["@pager"], "contains": ["oh"]}
    test = {"series": [sent], "states": {"7m": {}, "8m": "Alert", "11m": "Alert", "12m": "OK"}}

    assert report(
        CHECK, {**test, "notifications": [notified, {"at": "12m", "why": "recovery", "who": []}]}
    ).ok


def test_an_slo_burns(report):
    """An SLO alert is tested by what it counts."""
    counted = f"sum:{OUTCOMES}{{outcome:%s}}.as_count()"
    slo = {
        "type": "metric",
        "thresholds": [{"timeframe": "30d", "target": 99}],
        "query": {"numerator": counted % "done", "denominator": f"sum:{OUTCOMES}{{*}}.as_count()"},
    }
    burning = 'burn_rate("s").over("30d").long_window("1h").short_window("5m") > 14.4'
    monitor = {"name": "s", "message": "", "type": "slo alert", "query": burning}
    good = FAILED.replace("failed", "done")
    test = {
        "series": [{"count": good, "values": "10x120"}, {"count": FAILED, "values": "0x59 5x60"}],
        "states": {"1h": {}, "2h": "Alert"},
    }

    assert report(monitor, test, slos={"s": slo}).ok


def test_values_come_at_their_interval(report):
    """Value number n is sent n intervals after the start, of the series' own interval."""
    sent = {"count": FAILED, "values": "0 0 1", "interval": "150s"}
    test = {
        "series": [sent, {"count": FAILED.replace("form_0781", "form_0781a"), "values": "0x12"}],
        "transitions": [
            {"at": "6m", "group": "step:claims_evidence", "to": "Alert"},
            {"at": "11m", "group": "step:claims_evidence", "to": "OK"},
        ],
    }

    assert report(COUNT, test).ok


def test_a_first_alert_is_a_change_and_a_first_ok_is_none(report):
    """A group that alerts from its first data on is a transition; one that is OK is none."""
    first = {"at": "1m", "group": "step:claims_evidence", "to": "Alert"}

    assert report(COUNT, {"series": [{"count": FAILED, "values": "1"}], "transitions": [first]}).ok
    assert report(COUNT, {"series": [{"count": FAILED, "values": "0"}], "transitions": []}).ok


def test_other_tags_are_others(report):
    """A series may override a tag that all carry: another env is not in the scope."""
    elsewhere = FAILED.replace("outcome:", "env:dev,outcome:")
    test = {"series": [{"count": elsewhere, "values": "1x9"}], "notifications": []}

    assert report(COUNT, test).ok


def test_variables_are_filled_in(report):
    """What differs between installations stands in one place, for tests too."""
    test = deepcopy(FIRES)
    test["notifications"][0]["who"] = ["@channel", "${pager}"]

    assert report(COUNT, test, pager="@pager").ok
    assert not report(COUNT, test, pager="@other").ok


def test_nothing_is_expected_silently_after_the_end(report):
    """A test goes on to the end of its series, or to `until`, so that late trouble is seen."""
    sent = {"count": FAILED, "values": "0x9 1"}
    notified = FIRES["notifications"]

    assert report(COUNT, {"series": [sent], "notifications": [notified[0]]}).ok
    assert not report(COUNT, {"series": [sent], "notifications": [notified[0]], "until": "20m"}).ok


def test_a_monitor_that_cannot_be_evaluated_is_red(report):
    """What the evaluator refuses is a failure of the test, not a traceback."""
    found = report({**COUNT, "query": COUNT["query"].replace("as_count", "rollup")}, FIRES)

    assert ".rollup() is not supported" in "\n".join(found.lines())


def test_a_monitor_without_tests_is_red(tmp_path):
    """Each monitor needs a unit test."""
    path = tmp_path / "a.yaml"
    path.write_text(suite("m", FIRES))

    found = run_tests(assets(m=COUNT, other=COUNT), [path])

    assert not found.ok
    assert ["other: no tests FAILED", "  has no unit test"] == list(found.lines())[1:3]


def test_a_file_may_be_written_by_hand(tmp_path):
    """YAML's own reading of 0x10 (16), 1:30 (90) and no (false) does not get in the way."""
    path = tmp_path / "a.yaml"
    path.write_text(
        f"""
monitor: m
tags: env:prod
tests:
  - name: no
    series:
      - count: {json.dumps(FAILED)}
        values: 0x10
    states: {{10m: {{step:claims_evidence: OK}}, 11m: {{}}}}
    notifications: []
"""
    )

    assert run_tests(assets(m=COUNT), [path]).ok


STOPPED = {
    "name": "Polling stopped and nothing explains it",
    "type": "composite",
    "query": "lag && !check",
    "message": "{{#is_alert}}{{a.value}} s behind @pager{{/is_alert}} @channel",
}
UNEXPLAINED = {
    "series": [OLD, {"check": "lightkeeper.polling", "values": "okx26"}],
    "states": {"14m": "OK", "15m": "Alert", "25m": "Alert", "27m": "OK"},
    "transitions": [{"at": "15m", "to": "Alert"}, {"at": "27m", "to": "OK"}],
    "notifications": [
        {"at": "15m", "why": "alert", "who": ["@pager", "@channel"], "contains": ["700.0 s"]},
        {"at": "27m", "why": "recovery", "who": ["@channel"]},
    ],
}


def of_three(tmp_path, monitor, *tests):
    """Run tests of a composite beside its operands."""
    path = tmp_path / "a.yaml"
    path.write_text(suite("m", *tests))
    return run_tests(assets(None, {}, m=monitor, lag=LAG, check=CHECK), [path], every=False)


def test_a_composite_is_tested_with_the_signals_of_its_operands(tmp_path):
    """All of them are evaluated on the series; states and notifications are the composite's."""
    explained = {
        "series": [OLD, {"check": "lightkeeper.polling", "values": "okx9 criticalx15 ok"}],
        "transitions": [],
        "notifications": [],
    }

    found = of_three(tmp_path, STOPPED, UNEXPLAINED, explained)

    assert found.ok, "\n".join(found.lines())
    assert not of_three(tmp_path, STOPPED, changed(UNEXPLAINED, transitions=[])).ok


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("lag && !checks", "there is no monitor checks"),
        ("lag && m", "m is a composite, which no composite can name"),
    ],
)
def test_a_composite_that_names_the_wrong_monitor_is_red(tmp_path, query, said):
    """Its operands are the monitors of the folder."""
    found = of_three(tmp_path, {**STOPPED, "query": query}, UNEXPLAINED)

    assert f"cannot be evaluated: {said}" in "\n".join(found.lines())
