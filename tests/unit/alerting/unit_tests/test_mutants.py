"""The mutation run: which faults are made in a monitor, and which tests let them live."""

import pytest
from suite_files import CHECK, COUNT, FAILED, LAG, OUTCOMES, assets, suite

from lightkeeper.alerting.unit_tests.mutants import mutants, run_mutants
from lightkeeper.alerting.unit_tests.runner import run_tests

STEP = "step:claims_evidence"
DONE = FAILED.replace(":failed", ":done")
ELSEWHERE = FAILED.replace("outcome:", "env:dev,outcome:")
LAGGED = "lightkeeper.poll.due_lag"
POLLING = "lightkeeper.polling"
TOLD = {"at": "11m", "group": STEP, "why": "alert", "who": ["@pager", "@channel"]}

FIRES = {
    "series": [{"count": FAILED, "values": "0x9 1"}],
    "notifications": [TOLD],
}
ALWAYS = {"series": [{"count": FAILED, "values": "1x9"}], "states": {"9m": {STEP: "Alert"}}}
STAYS = {
    "series": [{"count": FAILED, "values": "1 _x19"}],
    "states": {"5m": {STEP: "Alert"}, "6m": {}, "20m": {}},
}
QUIET = {
    "series": [{"count": FAILED, "values": "0x9"}, {"count": DONE, "values": "5x9"}],
    "states": {"9m": {}},
}
LAG_TESTS = {
    "two versions": {
        "series": [
            {"gauge": f"{LAGGED}{{version:1}}", "values": "280x9 650x9"},
            {"gauge": f"{LAGGED}{{version:2}}", "values": "280x9 0x9"},
        ],
        "transitions": [{"at": "15m", "to": "Alert"}],
    },
    "up and down": {
        "series": [{"gauge": LAGGED, "values": "290x9 320x9 590x9 650x9 450x9 290x9"}],
        "transitions": [
            {"at": "15m", "to": "Warn"},
            {"at": "35m", "to": "Alert"},
            {"at": "51m", "to": "OK"},
        ],
    },
    "no data": {
        "series": [{"gauge": LAGGED, "values": "0x9 _x20"}],
        "notifications": [
            {"at": "20m", "why": "no data", "who": ["@pager"], "contains": ["gone"]}
        ],
    },
    "long": {
        "series": [{"gauge": LAGGED, "values": "650x70"}],
        "notifications": [
            {"at": "1m", "why": "alert", "who": ["@pager"]},
            {"at": "1h1m", "why": "renotify", "who": ["@pager"]},
        ],
    },
}
CHECK_TESTS = {
    "stops": {
        "series": [{"check": POLLING, "values": "okx4 criticalx1 okx4 criticalx4 okx4"}],
        "transitions": [{"at": "15m", "to": "Alert"}, {"at": "19m", "to": "OK"}],
        "notifications": [
            {"at": "15m", "why": "alert", "who": ["@pager"]},
            {"at": "19m", "why": "recovery", "who": []},
        ],
    },
    "warns": {
        "series": [{"check": POLLING, "values": "okx4 warning"}],
        "states": {"6m": "Warn"},
    },
    "silent": {
        "series": [{"check": POLLING, "values": "okx4"}],
        "until": "25h",
        "states": {"25h": "OK"},
    },
}


@pytest.fixture
def survivors(tmp_path):
    """Return the faults that these tests of a monitor do not notice, after the tests passed."""

    def run(payload, *tests, slos=None):
        path = tmp_path / "a.yaml"
        path.write_text(suite("m", *tests))
        found = assets(slos, m=payload)
        report = run_tests(found, [path])
        assert report.ok, "\n".join(report.lines())
        return [one.name.partition(": ")[2] for one in run_mutants(found, [path]).failures]

    return run


def whats(payload, slos=None):
    """Return the faults that are made in a monitor, in words."""
    return [one.what for one in mutants(payload, slos or {})]


def test_good_tests_leave_no_survivor(survivors):
    """One that fires, one that does not and one without data notice every fault."""
    assert [] == survivors(COUNT, FIRES, STAYS, QUIET)


@pytest.mark.parametrize(
    ("tests", "surviving"),
    [
        ([ALWAYS], ["threshold 0 made -1"]),
        (
            [FIRES, QUIET],
            ["window 5m made 10m", "no data made to notify"],
        ),
        ([STAYS, QUIET], ["@pager dropped from the message", "@channel dropped from the message"]),
    ],
    ids=["nothing is quiet", "nothing ends", "nothing is notified"],
)
def test_what_is_not_tested_survives(survivors, tests, surviving):
    """Leaving out any kind of test lets a fault live, and the report names it."""
    assert set(surviving) <= set(survivors(COUNT, *tests))


def test_only_what_is_tested_is_looked_at_where_asked(tmp_path):
    """A single file can be run by itself."""
    path = tmp_path / "a.yaml"
    path.write_text(suite("m", FIRES, STAYS, QUIET))
    found = assets(m=COUNT, other=COUNT)

    for run in (run_tests, run_mutants):
        assert {str(path), "m"} > run(found, [path], every=False).run.keys()
        assert run(found, [path], every=False).ok
        assert not run(found, [path]).ok


def test_a_monitor_without_tests_lets_all_live(tmp_path):
    """With no test nothing is noticed; the report counts the faults and says what is missing."""
    report = run_mutants(assets(m=COUNT), [])

    assert len(whats(COUNT)) == len(report.failures) == report.run["m"]
    lines = list(report.lines())
    assert f"m: {len(whats(COUNT))} of {len(whats(COUNT))} FAILED" == lines[0]
    assert "  no test notices: threshold 0 made 1" in lines
    assert "    missing: a test with a value between 0 and 1" in lines


def test_faults_of_a_count():
    """Thresholds, comparator, missing data, whom it notifies, and each tag of the scope."""
    assert [
        "threshold 0 made 1",
        "threshold 0 made -1",
        "comparator > made <",
        "window 5m made 10m",
        "window 5m made 2m",
        "no data made to notify",
        "@pager dropped from the message",
        "@channel dropped from the message",
        "env:prod mistyped as env:prodx",
        "outcome:failed mistyped as outcome:failedx",
    ] == whats(COUNT)


def test_faults_of_a_gauge():
    """Warnings, recovery, no data and renotification may be lost as well."""
    assert [
        "threshold 600 made 660",
        "threshold 600 made 540",
        "comparator > made <",
        "warning threshold 300 made 330",
        "warning threshold 300 made 270",
        "critical_recovery dropped",
        "window 5m made 10m",
        "window 5m made 2m",
        "min over time made avg",
        "min over time made max",
        "max:lightkeeper.poll.due_lag made avg",
        "max:lightkeeper.poll.due_lag made sum",
        "max:lightkeeper.poll.due_lag made min",
        "no-data choice dropped",
        "@pager dropped from the message",
        "no-data part of the message dropped",
        "renotify dropped",
        "env:prod mistyped as env:prodx",
    ] == whats(LAG)


TIMED = "lightkeeper.documents.processing_time"
SLOWEST = {
    "name": "A document took long",
    "type": "query alert",
    "query": f"max(last_1h):max:{TIMED}{{env:prod}} > 60",
    "message": "",
    "options": {"thresholds": {"critical": 60}, "on_missing_data": "default"},
}


@pytest.mark.parametrize(("others", "noticed"), [("90x9", False), ("9x9", True)])
def test_the_extreme_of_a_distribution_is_a_fault(survivors, others, noticed):
    """Its samples have the same extreme over time as among them: both are exchanged together."""
    fault = "max of the samples made min"
    assert fault in whats(SLOWEST)
    samples = [
        {"distribution": f"{TIMED}{{document_type:form_0781,outcome:{outcome}}}", "values": values}
        for outcome, values in {"done": "90x9", "failed": others}.items()
    ]

    left = survivors(SLOWEST, {"series": samples, "states": {"10m": "Alert"}})

    assert noticed is (fault not in left)


def test_faults_of_a_service_check():
    """Its thresholds are numbers of runs, none below one; its scope stands in over()."""
    assert [
        "threshold critical 3 made 4",
        "threshold critical 3 made 2",
        "threshold ok 2 made 3",
        "threshold ok 2 made 1",
        "threshold warning 1 made 2",
        "no data made to notify",
        "@pager dropped from the message",
        "env:prod mistyped as env:prodx",
    ] == whats(CHECK)


@pytest.mark.parametrize("left_out", [None, *LAG_TESTS])
def test_each_test_of_a_gauge_is_needed(survivors, left_out):
    """The tests together notice everything; without any one of them something survives."""
    kept = [test for name, test in LAG_TESTS.items() if name != left_out]

    assert (left_out is None) is (survivors(LAG, *kept) == [])


@pytest.mark.parametrize("left_out", [None, *CHECK_TESTS])
def test_each_test_of_a_check_is_needed(survivors, left_out):
    """Runs in a row, a warning, and silence: each notices what the others do not."""
    kept = [test for name, test in CHECK_TESTS.items() if name != left_out]

    assert (left_out is None) is (survivors(CHECK, *kept) == [])


def test_the_scope_of_an_slo_may_be_wrong_too():
    """An SLO alert's scope stands in the SLO; both of its counts are mistyped in turn."""
    counted = f"sum:{OUTCOMES}{{env:prod,outcome:%s}}.as_count()"
    query = {"numerator": counted % "done", "denominator": counted % "*"}
    slo = {
        "type": "metric",
        "thresholds": [{"timeframe": "30d", "target": 99}],
        "query": query,
    }
    burning = 'burn_rate("s").over("30d").long_window("1h").short_window("5m") > 14.4'
    monitor = {"name": "s", "message": "", "type": "slo alert", "query": burning}

    made = list(mutants(monitor, {"s": slo}))

    assert [
        "threshold 14.4 made 15.84",
        "threshold 14.4 made 12.96",
        "comparator > made <",
        "long window 1h made 2h",
        "short window 5m made 10m",
        "short window 5m made 2m",
        "env:prod mistyped as env:prodx",
        "outcome:done mistyped as outcome:donex",
        "env:prod mistyped as env:prodx",
        "outcome:* mistyped as outcome:*x",
    ] == [one.what for one in made]
    typos = [one.slos["s"]["query"] for one in made[6:]]
    assert [(1, 0), (1, 0), (0, 1), (0, 1)] == [
        tuple(typo[part] != query[part] for part in query) for typo in typos
    ]
    assert "env:prod," in query["numerator"]  # the original is left alone


@pytest.mark.parametrize(
    ("scope", "typos"),
    [
        ("*", []),
        ("env:prod,!step:none", ["env:prod", "step:none"]),
        ("env:prod AND step IN (a, b)", ["env:prod", "step", "a", "b"]),
        ("NOT step:a OR step:b*", ["step:a", "step:b*"]),
    ],
)
def test_each_tag_of_a_scope_is_mistyped(scope, typos):
    """Each tag once; words between them and the keys to group by are left alone."""
    query = f"max(last_5m):max:{LAGGED}{{{scope}}} by {{step}} > 5"

    found = [one.partition(" mistyped")[0] for one in whats({**LAG, "query": query})]

    assert typos == [
        one for one in found if f"{one} mistyped as {one}x" in whats({**LAG, "query": query})
    ]


def test_default_zero_may_be_forgotten():
    """Where default_zero() is the choice for missing data, leaving it out is the fault."""
    query = f"min(last_5m):default_zero(max:{LAGGED}{{*}}) > 600"

    (found,) = (
        one for one in mutants({**LAG, "query": query}, {}) if one.what == "default_zero() dropped"
    )

    assert f"min(last_5m):(max:{LAGGED}{{*}}) > 600" == found.monitor["query"]


def test_a_moved_threshold_keeps_the_others_on_their_side():
    """A fault is one that Datadog would take: recovery and warning stay on the right side."""
    limits = {"critical": 2, "warning": 1, "critical_recovery": 2, "warning_recovery": 1}
    payload = {
        **LAG,
        "query": f"min(last_5m):max:{LAGGED}{{*}} > 2",
        "options": {"thresholds": limits},
    }

    found = {
        one.what: one.monitor["options"]["thresholds"]
        for one in mutants(payload, {})
        if "threshold" in one.what
    }

    assert {
        "threshold 2 made 3": {**limits, "critical": 3},
        "threshold 2 made 1": {"critical": 1, "critical_recovery": 1},
        "warning threshold 1 made 0": {**limits, "warning": 0, "warning_recovery": 0},
    } == found


PAGE = {
    "name": "Behind, and nothing explains it",
    "type": "composite",
    "query": "lag && !(check || count)",
    "message": "{{#is_alert}}{{a.value}} {{c.value}} @pager{{/is_alert}}",
}
BEHIND = {"gauge": LAGGED, "values": "0x4 700x9"}
WELL = {"check": POLLING, "values": "okx13"}
STOPS = {"check": POLLING, "values": "okx2 criticalx10"}
NO_FAILURE = {"count": FAILED, "values": "0x13"}
FAILURE = {"count": FAILED, "values": "0x2 1x10"}
PAGE_TESTS = {
    "nothing explains it": {
        "series": [BEHIND, WELL, NO_FAILURE],
        "notifications": [
            {"at": "10m", "why": "alert", "who": ["@pager"], "contains": ["700.0 0.0"]}
        ],
    },
    "the check explains it": {"series": [BEHIND, STOPS, NO_FAILURE], "transitions": []},
    "failures explain it": {"series": [BEHIND, WELL, FAILURE], "transitions": []},
}


def test_faults_of_a_composite():
    """Each operand and each `!` dropped, && and || exchanged, and whom it notifies."""
    assert [
        "&& made || in lag && !(check || count)",
        "lag dropped",
        "!(check || count) dropped",
        "! before check || count dropped",
        "|| made && in check || count",
        "check dropped",
        "count dropped",
        "@pager dropped from the message",
    ] == whats(PAGE)


@pytest.mark.parametrize("left_out", [None, *PAGE_TESTS])
def test_each_test_of_a_composite_is_needed(tmp_path, left_out):
    """One that fires, and one for each monitor that explains it; together they notice all."""
    path = tmp_path / "a.yaml"
    path.write_text(suite("m", *(test for name, test in PAGE_TESTS.items() if name != left_out)))
    count = {
        **COUNT,
        "query": COUNT["query"].replace(" by {step}", ""),
        "message": "",
        "name": "c",
    }
    found = assets(m=PAGE, lag=LAG, check=CHECK, count=count)

    assert run_tests(found, [path], every=False).ok
    report = run_mutants(found, [path], every=False)

    living = [one.name.partition(": ")[2] for one in report.failures]
    assert (left_out is None) is (living == []), living


def test_an_operand_that_is_dropped_is_still_named():
    """The message's letters and the groups stay, so that nothing but the condition is tried."""
    found = {one.what: one.monitor["query"] for one in mutants(PAGE, {})}

    assert "lag && (!(check || count) || lag)" == found["!(check || count) dropped"]
    assert "lag && !((check && count) || count)" == found["check dropped"]
