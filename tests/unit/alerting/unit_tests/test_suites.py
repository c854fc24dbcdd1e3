"""Files of unit tests of monitors: what is refused, where, and with which remedy."""

import pytest
from suite_files import COUNT, FAILED, OUTCOMES, assets, suite

from lightkeeper.alerting.unit_tests.runner import run_tests
from lightkeeper.alerting.unit_tests.suites import BadTests

BATCH_ENDPOINT = "lightkeeper.poll.batch_endpoint"
WHOLE = {"series": [{"count": FAILED, "values": "1"}], "states": {"1m": {}}}


@pytest.fixture
def refused(tmp_path):
    """Return what is said of a file with this text that is no file of tests."""

    def refuse(text, **variables):
        path = tmp_path / "a.yaml"
        path.write_text(text)
        with pytest.raises(BadTests) as caught:
            run_tests(assets(None, variables, m=COUNT), [path])
        assert 1 == caught.value.exit_status
        return str(caught.value).replace(str(path), "a.yaml")

    return refuse


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"stats": {}}, "tests[0].stats: [unknown-key] write one of name, interval, series"),
        ({"series": [{"count": FAILED}]}, "tests[0].series[0].values: [missing-key]"),
        ({"series": [{"values": "1"}]}, "tests[0].series[0]: [series] write one of count"),
        (
            {"series": [{"count": FAILED, "gauge": FAILED, "values": "1"}]},
            "tests[0].series[0]: [series] write one of count",
        ),
        (
            {"series": [{"gauge": FAILED, "values": "1"}]},
            f"tests[0].series[0]: [wrong-kind] {OUTCOMES} is a count, not a gauge",
        ),
        (
            {"series": [{"count": "lightkeeper.nothing", "values": "1"}]},
            "tests[0].series[0]: [unknown-metric] 'lightkeeper.nothing' is not in the catalogue",
        ),
        (
            {"series": [{"count": FAILED.replace("step", "steps"), "values": "1"}]},
            f"[unknown-tag] {OUTCOMES} has no tag steps: it carries document_type, step, outcome",
        ),
        (
            {"series": [{"count": f"{OUTCOMES}{{step:none,outcome:done}}", "values": "1"}]},
            f"[unknown-tag] {OUTCOMES} is never sent without document_type",
        ),
        (
            {"series": [{"count": FAILED.replace(":failed", ":fail"), "values": "1"}]},
            "[unknown-tag] outcome:fail is never sent: write one of done, failed, recovered, s",
        ),
        (
            {"series": [{"count": FAILED[:-1], "values": "1"}]},
            "tests[0].series[0]: [series]",
        ),
        ({"series": [{"count": FAILED, "values": "1 x"}]}, "[values] 'x' is no value: write 3"),
        (
            {
                "series": [{"check": "lightkeeper.poll.batch_endpoint", "values": "ok x20"}],
                "until": "9m",
            },
            "tests[0].series[0]: [values] 'x20' is no status",
        ),
        (
            {"series": [{"gauge": "lightkeeper.heartbeat", "values": "1 x"}], "until": "9m"},
            "tests[0].series[0]: [values] 'x' is no value",
        ),
        ({"series": [{"count": FAILED, "values": "1-1x2"}]}, "[values] a count never goes down"),
        ({"series": [{"count": FAILED, "values": "1", "message": "m"}]}, "[series] only a check"),
        ({"series": [{"count": FAILED, "values": "1"}] * 2}, "[twice] the same series stands"),
        ({"interval": "-1m"}, "tests[0].interval: [time] '-1m' is no span of time: write 30s"),
        ({"interval": "0s"}, "tests[0].interval: [time] an interval cannot be 0s"),
        ({"states": {"90s": {}}}, "tests[0].states: [time] 90s is no full minute"),
        ({"states": {"60s": {}, "1m": {}}}, "tests[0].states: [twice] two keys mean the same"),
        ({"states": {"1m": "Alarm"}}, "'OK', 'Warn', 'Alert' or 'No Data'"),
        ({"states": {"1m": {"a:1,a:2": "OK"}}}, "[tags] 'a:1,a:2': a key stands twice"),
        ({"states": {"1m": {"step": "OK"}}}, "[tags] 'step': write tags as key:value"),
        ({"states": {}}, "tests[0]: [expects-nothing] write states, transitions or"),
        ({"states": {"9m": {}}, "until": "5m"}, "tests[0]: [time] something is expected later"),
        ({"until": "15d"}, "tests[0]: [time] it would last 15d: keep it within 14d"),
        (
            {"series": [{"count": FAILED, "values": "0x999", "interval": "1h"}]},
            "tests[0]: [time] it would last 41d16h: keep it within 14d",
        ),
        ({"notifications": [{"at": "1m", "why": "alert"}]}, "notifications[0].who: [missing-key]"),
        (
            {"notifications": [{"at": "1m", "why": "alert", "who": []}] * 2},
            "tests[0]: [twice] the same notification stands twice",
        ),
        (
            {"notifications": [{"at": "1m", "why": "panic", "who": []}]},
            "tests[0].notifications[0].why: [enum]",
        ),
    ],
)
def test_an_impossible_test_is_refused(refused, change, said):
    """A wrong key, or what lightkeeper could never send, is refused with place and remedy."""
    found = refused(suite("m", {**WHOLE, **change}))

    assert found.startswith("a.yaml: tests[0]")
    assert said in found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("monitor: [", "a.yaml: file: [yaml]"),
        pytest.param("[" * 1000, "a.yaml: file: [yaml] is nested too deeply", id="nested"),
        ("a: &a [*a]", "[yaml] found unconstructable recursive node line 1, column 4"),
        ("- 1", "a.yaml: file: [wrong-type] write keys with values"),
        ("monitor: m\nmonitor: m\ntests: []", "a key stands twice in one mapping: keep one"),
        ("monitor: m\ntests: []", "a.yaml: file: [tests] give at least one test"),
        (suite("m", WHOLE, {**WHOLE, "name": "0"}), "[tests] give at least one test, and each"),
        (
            suite("n", WHOLE),
            "a.yaml: monitor: [unknown-monitor] there is no monitor n: write one of m",
        ),
        (suite("m", WHOLE, tags="team:a"), "write only env, service, version"),
        (
            suite("m", WHOLE).replace("form_0781", "${nothing}"),
            "has no ${nothing}: write one of pager",
        ),
    ],
)
def test_a_wrong_file_is_refused(refused, text, said):
    """What is no YAML, no suite, or tests nothing that exists is refused."""
    assert said in refused(text, pager="@pager")


def test_every_mistake_is_reported_at_once(refused):
    """All mistakes of a file are reported together, a line each."""
    wrong = suite("m", {**WHOLE, "until": "x"}, {**WHOLE, "interval": "x"})

    assert 2 == len(refused(wrong).splitlines())


def test_a_file_that_is_not_there_is_refused(tmp_path):
    """A missing file is named."""
    with pytest.raises(BadTests, match=r"none\.yaml: file: \[file\] cannot be read"):
        run_tests(assets(m=COUNT), [tmp_path / "none.yaml"])
