"""The lint rules of monitors: each finds what breaks it, and shipped monitors break none."""

import json
from functools import reduce
from pathlib import Path

import definition_files
import pytest
from definition_files import GONE, put

from lightkeeper.alerting.evaluate.monitor_runs import monitor_runs
from lightkeeper.alerting.files.definitions import Urgency, load
from lightkeeper.alerting.lint.monitor_rules import RULES, lint
from lightkeeper.commands.named import complaint

SHIPPED = Path(__file__).parents[4] / "monitors"
QUERY, MESSAGE = "payload.query", "payload.message"
OPTIONS, CRITICAL = "payload.options", "payload.options.thresholds.critical"
AS_COUNT = "sum(last_5m):sum:lightkeeper.documents.stuck{env:${env}} by {step}.as_count() > 0"
LATE = "{{/is_alert}}{{#is_warning}}${pager}{{/is_warning}}{{#is_alert}}"
LOW_MISSING = definition_files.MISSING.replace("pager", "pager_low")
ONCE = "{{^is_renotify}}${pager}{{/is_renotify}}"
LINK = "${runbook_url}#"
TWICE = [{"category": "runbook", "name": "It", "url": "https://x.test"}] * 2


def problems(tmp_path, name=None, **changes):
    """Return (place, rule) of all that is found, after changing one file; __ is a dot."""
    files = definition_files.definitions()
    for path, value in changes.items():
        put(files[name], path.replace("__", "."), value)
    return [
        (one.path, one.rule) for one in lint(load(definition_files.write(tmp_path / "m", files)))
    ]


def test_a_faultless_set_has_no_problem(tmp_path):
    """The set that the tests below break is clean itself."""
    assert [] == problems(tmp_path)


BREAKS = [
    ("shape", "failed.json", OPTIONS, "renotify_intervall", 5),
    ("shape", "failed.json", OPTIONS, "include_tags", "yes"),
    ("shape", "failed.json", "payload", "restricted", True),
    ("shape", "stuck.json", "payload", "priority", "high"),
    ("shape", "slos/share.json", "payload", "target", 99),
    ("metric", "failed.json", QUERY, ".outcomes", ".outcome"),
    ("metric", "polling.json", QUERY, ".polling", ".pollin"),
    ("metric", "slos/share.json", "payload.query.numerator", ".efolder", ".folder"),
    ("kind", "stuck.json", QUERY, definition_files.STUCK, AS_COUNT),
    ("kind", "failed.json", QUERY, ":sum:", ":avg:"),
    ("tag", "failed.json", QUERY, "outcome:failed", "outcome:fail"),
    ("tag", "failed.json", QUERY, "outcome:failed", "result:failed"),
    ("tag", "stuck.json", QUERY, "by {step}", "by {host}"),
    ("tag", "polling.json", QUERY, 'by("env")', 'by("host")'),
    ("env", "failed.json", QUERY, "env:${env},", ""),
    ("env", "stuck.json", QUERY, "${env}", "test"),
    ("env", "polling.json", QUERY, "env:${env}", "*"),
    ("env", "slos/share.json", "payload.query.numerator", "env:${env},", ""),
    ("window", "failed.json", QUERY, "last_5m", "last_4m"),
    ("window", "failed.json", OPTIONS, "require_full_window", True),
    ("window", "stuck.json", OPTIONS, "require_full_window", GONE),
    ("window", "stuck.json", OPTIONS, "no_data_timeframe", 9),
    ("window", "polling.json", CRITICAL, 4, 1),
    ("thresholds", "failed.json", OPTIONS + ".thresholds", "critical", 8),
    ("thresholds", "polling.json", OPTIONS + ".thresholds", "critical", GONE),
    ("thresholds", "burn.json", OPTIONS + ".thresholds", "critical", GONE),
    ("recovery", "failed.json", OPTIONS + ".thresholds", "critical_recovery", GONE),
    ("recovery", "failed.json", OPTIONS + ".thresholds", "warning", 5),
    ("recovery", "polling.json", OPTIONS + ".thresholds", "ok", GONE),
    ("no-data", "failed.json", OPTIONS, "on_missing_data", GONE),
    ("no-data", "failed.json", OPTIONS, "notify_no_data", False),
    ("no-data", "polling.json", OPTIONS, "notify_no_data", GONE),
    ("tags", "failed.json", "payload", "tags", ["form:526ez"]),
    ("tags", "slos/share.json", "payload", "tags", []),
    ("query", "failed.json", QUERY, "by {step}", "by step"),
    ("query", "slos/share.json", "payload.query.numerator", ".as_count()", ".as_count("),
    ("supported", "stuck.json", QUERY, "sum:", "ewma_3:"),
    ("supported", "slos/share.json", "payload.query.numerator", "t()", "t().rollup(sum, 60)"),
    ("operands", "page.json", QUERY, "stuck", "stuk"),
    ("options", "failed.json", OPTIONS + ".thresholds", "critical_recovery", 9),
    ("options", "failed.json", OPTIONS, "notify_by", ["word"]),
    ("options", "failed.json", "payload.type", "query", "log"),
    ("options", "stuck.json", "payload", "priority", 9),
    ("options", "failed.json", OPTIONS, "renotify_statuses", []),
    ("options", "burn.json", QUERY, "share", "shares"),
    ("options", "slos/share.json", "payload", "thresholds", []),
    ("limits", "failed.json", OPTIONS, "timeout_h", 25),
    ("grouping", "failed.json", OPTIONS, "notify_by", ["step"]),
    ("renotify", "burn.json", OPTIONS, "renotify_interval", 60),
    ("targets", "slos/share.json", "payload", "timeframe", "7d"),
    ("numerator", "slos/share.json", "payload.query.numerator", ",result:good", ""),
    ("variables", "failed.json", MESSAGE, "{{step.name}}", "{{word.name}}"),
    ("variables", "failed.json", "payload.name", "It", "{{host.name}}"),
    ("variables", "failed.json", MESSAGE, "{{/is_alert}}", ""),
    ("channel", "stuck.json", MESSAGE, "${channel}", ""),
    ("channel", "stuck.json", MESSAGE, "${channel}", "{{#is_alert}}${channel}{{/is_alert}}"),
    ("channel", "stuck.json", MESSAGE, "${channel}", "${channel} @slack-typed"),
    ("handle", "stuck.json", MESSAGE, "{{value}} ", "{{value}}"),
    ("pager", "stuck.json", MESSAGE, "{{value}}", "${pager}"),
    ("pager", "failed.json", MESSAGE, "now", definition_files.MISSING),
    ("pager", "failed.json", MESSAGE, "${channel}", "${channel} ${pager}"),
    ("pager", "failed.json", MESSAGE, "{{#is_alert}}", "{{#is_alert}}" + LATE),
    ("pager", "failed.json", MESSAGE, "${pager}{{/is_alert}}", ONCE + "{{/is_alert}}"),
    ("pager", "failed.json", "pages", "On-call", "No page"),
    ("pager", "failed.json", "pages", "On-call", "In working hours"),
    ("pager", "failed.json", MESSAGE, "${pager}", "${pager_low}"),
    ("pager", "failed.json", MESSAGE, "now", LOW_MISSING),
    ("pager", "stuck.json", MESSAGE, "{{value}}", "{{#is_alert}}${pager_low}{{/is_alert}}"),
    ("pager", "burn.json", "pages", "No page", "On-call"),
    ("pager", "burn.json", "pages", "No page", "In working hours"),
    ("page", "failed.json", MESSAGE, "`", ""),
    ("page", "failed.json", MESSAGE, "check", "status"),
    ("page-numbers", "failed.json", MESSAGE, definition_files.VALUE, "{{value}}"),
    ("page-links", "failed.json", MESSAGE, "${links}", "${datadog_url}"),
    ("group-names", "failed.json", MESSAGE, "{{step.name}}", ""),
    ("group-names", "failed.json", MESSAGE, "{{step.name}}", "https://x.test/{{step.name}}"),
    (
        "group-names",
        "failed.json",
        MESSAGE,
        "{{step.name}}",
        "{{#is_warning}}{{step.name}}{{/is_warning}}",
    ),
    ("group-names", "failed.json", OPTIONS, "include_tags", False),
    ("group-names", "stuck.json", OPTIONS, "include_tags", False),
    ("planned", "polling.json", "planned_outage", "", "at-step"),
    ("planned", "slos/share.json", "planned_outage", "", "at-step"),
    ("command", "failed.json", MESSAGE, "${links}", "${links} `lightkeeper lst`"),
    ("command", "stuck.json", MESSAGE, "{{value}}", "`lightkeeper list --condition stuk`"),
    ("command", "slos/share.json", "payload.description", LINK, "`lightkeeper lst` " + LINK),
    ("typed-threshold", "failed.json", MESSAGE, "now", "now, 7 of them"),
    ("typed-threshold", "failed.json", "payload.name", "It", "It 7 times"),
    ("runbook", "failed.json", "runbook", "failed", "fail"),
    ("runbook", "failed.json", "runbook", "failed", "stuck"),
    ("runbook", "failed.json", MESSAGE, LINK, "#"),
    ("runbook", "slos/share.json", "payload.description", LINK, "#"),
    ("link", "failed.json", MESSAGE, "now", "[now](README.md)"),
    ("assets", "failed.json", "payload", "assets", TWICE),
    ("unused-silence", "failed.json", "silence", "pager", "it is loud"),
    ("unused-silence", "failed.json", "silence", "pagers", "no such rule"),
]


@pytest.mark.parametrize(("rule", "file", "path", "old", "new"), BREAKS)
def test_a_rule_finds_what_breaks_it_and_no_other_does(tmp_path, rule, file, path, old, new):
    """Each mistake is named by one rule, with the file; it goes when the rule is silenced."""
    files = definition_files.definitions()
    if file not in files:
        files |= definition_files.composites()
    files[file].setdefault("silence", {})
    given = reduce(lambda one, name: one.get(name), path.split("."), files[file])
    if isinstance(given, dict):
        put(files[file], f"{path}.{old}", new)
    else:
        put(files[file], path, given.replace(old, new) if isinstance(given, str) else new)

    folder = definition_files.write(tmp_path / "m", files)

    found = lint(load(folder), complaint)

    assert {rule} == {one.rule for one in found}
    assert {str(folder / file)} == {one.file for one in found}
    assert all(one.remedy and f"[{rule}]" in str(one) for one in found)
    if rule in RULES:
        files[file]["silence"] = {rule: "for a test"}
        (folder / file).write_text(json.dumps(files[file]))
        assert [] == lint(load(folder), complaint)


def test_a_gauge_may_have_to_last_for_the_whole_window(tmp_path):
    """For counts and for other aggregators a full window says nothing."""
    full = {"payload__options__require_full_window": True}
    at_most = {"payload__query": definition_files.STUCK.replace("min(", "max(")}

    assert [] == problems(tmp_path / "lasts", "stuck.json", **full)
    assert [(f"{OPTIONS}.require_full_window", "window")] == problems(
        tmp_path / "peaks", "stuck.json", **full, **at_most
    )


def test_every_rule_is_among_the_broken_ones():
    """A rule without a payload that breaks it fails here."""
    assert {*RULES, "unused-silence"} == {rule for rule, *_ in BREAKS}


def test_a_place_leads_into_the_payload(tmp_path):
    """Where something is wrong inside a list or a threshold, the path says so."""
    assert [(CRITICAL, "thresholds")] == problems(
        tmp_path, "stuck.json", payload__options__thresholds__critical=1
    )


def test_a_mistyped_metric_is_answered_with_the_nearest(tmp_path):
    """The remedy names what may have been meant."""
    files = definition_files.definitions()
    put(files["stuck.json"], QUERY, definition_files.STUCK.replace(".stuck", ".stuk"))

    (found,) = lint(load(definition_files.write(tmp_path / "m", files)))

    assert "perhaps lightkeeper.documents.stuck" in found.remedy


@pytest.mark.parametrize("part", ["Meaning", "Confirm", "Do", "May wait"])
def test_a_section_of_the_runbook_is_whole(tmp_path, part):
    """Each of the four things a reader needs is required by name."""
    folder = definition_files.write(tmp_path / "m", definition_files.definitions())
    text = (folder / "README.md").read_text()
    (folder / "README.md").write_text(text.replace(f"**{part}", "**Other", 1))

    (found,) = lint(load(folder))

    assert ("runbook", True) == (found.rule, f"**{part}**" in found.remedy)


@pytest.mark.parametrize("typed", ["420 s", "0.1 h", "7 min"])
def test_a_threshold_is_found_in_other_units(tmp_path, typed):
    """Seconds typed as minutes or hours are the threshold all the same."""
    files = definition_files.definitions()
    query = definition_files.STUCK.replace("> 0", "> ${most}").replace(
        "stuck", "oldest_pending_age"
    )
    put(files["stuck.json"], QUERY, query)
    seconds = 420 if typed != "0.1 h" else 360
    files["stuck.json"]["payload"]["query"] = query.replace("${most}", str(seconds))
    thresholds = {"critical": seconds, "critical_recovery": 0}
    put(files["stuck.json"], OPTIONS + ".thresholds", thresholds)
    message = files["stuck.json"]["payload"]["message"]
    put(files["stuck.json"], MESSAGE, f"For {typed} now. {message}")

    (found,) = lint(load(definition_files.write(tmp_path / "m", files)))

    assert "typed-threshold" == found.rule


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("payload", {}),
        ("payload.options", []),
        ("payload.options.thresholds", [1]),
        ("payload.options.thresholds.critical", "many"),
        ("payload.options.thresholds.critical_recovery", {}),
        ("payload.options.no_data_timeframe", "10"),
        ("payload.options.evaluation_delay", "x"),
        ("payload.options.renotify_interval", "x"),
        ("payload.tags", 5),
        ("payload.query", None),
        ("payload.name", None),
        ("payload.message", ["x"]),
    ],
)
def test_values_of_a_wrong_kind_are_problems_and_no_traceback(tmp_path, path, value):
    """However odd a payload is, a problem is reported."""
    files = definition_files.definitions()
    put(files["failed.json"], path, value)

    assert lint(load(definition_files.write(tmp_path / "m", files)))


@pytest.mark.parametrize(
    "value",
    [{}, [], None, {"numerator": 5, "denominator": []}, {"numerator": definition_files.GOOD}],
)
def test_an_odd_slo_is_a_problem_and_no_traceback(tmp_path, value):
    """However odd an SLO's query is, a problem is reported."""
    files = definition_files.definitions()
    put(files["slos/share.json"], QUERY, value)

    assert lint(load(definition_files.write(tmp_path / "m", files)))


GOOD, ALL = definition_files.GOOD, definition_files.ALL
BAD = GOOD.replace("good", "bad")


def specified(tmp_path, formulas, queries, **more):
    """Return (place, rule) of all that is found where the SLO has a specification of counts."""
    files = definition_files.definitions()
    payload = files["slos/share.json"]["payload"]
    del payload["query"]
    named = [
        {"name": name, "data_source": "metrics", "query": one} for name, one in queries.items()
    ]
    given = {f"{name}_events_formula": {"formula": one} for name, one in formulas.items()}
    payload["sli_specification"] = {"count": {**given, "queries": named}}
    files["slos/share.json"] |= more
    found = lint(load(definition_files.write(tmp_path / "m", files)))
    return [(one.path, one.rule) for one in found]


SPECIFIED = "payload.sli_specification"


@pytest.mark.parametrize(
    ("formulas", "queries", "expected"),
    [
        ({"good": "a", "total": "b"}, {"a": GOOD, "b": ALL}, []),
        ({"good": "a", "bad": "b"}, {"a": GOOD, "b": BAD}, []),
        ({"good": "b - a", "total": "b"}, {"a": BAD, "b": ALL}, []),
        ({"good": "b", "total": "a"}, {"a": GOOD, "b": ALL}, [(SPECIFIED, "numerator")]),
        ({"good": "a"}, {"a": GOOD}, [(SPECIFIED, "shape"), (SPECIFIED, "supported")]),
        ({"good": "a", "total": "c"}, {"a": GOOD, "b": ALL}, [(SPECIFIED, "query")]),
        (
            {"good": "a", "total": "b"},
            {"a": GOOD.replace("efolder", "folder"), "b": ALL},
            [(SPECIFIED, "metric")],
        ),
        (
            {"good": "a", "total": "b"},
            {"a": GOOD.replace("env:${env},", ""), "b": ALL},
            [(SPECIFIED, "env")],
        ),
    ],
)
def test_an_slo_may_be_specified_by_formulas_of_counts(tmp_path, formulas, queries, expected):
    """The rules read them as they read a query, and name the place."""
    found = specified(tmp_path, formulas, queries)

    assert {rule for _, rule in expected} == {rule for _, rule in found}
    assert all(path.startswith(SPECIFIED) for path, _ in found)


@pytest.mark.parametrize("silence", [{}, {"supported": "nothing alerts on it"}])
def test_an_slo_of_time_slices_is_refused_by_name_unless_that_is_silenced(tmp_path, silence):
    """No unit test or drill of a burn rate on it would mean anything."""
    files = definition_files.definitions()
    queries = [{"name": "a", "data_source": "metrics", "query": GOOD}]
    condition = {"comparator": ">", "threshold": 1, "query": {"formulas": [{"formula": "a"}]}}
    condition["query"]["queries"] = queries
    payload = files["slos/share.json"]["payload"]
    del payload["query"], files["burn.json"]
    payload |= {"type": "time_slice", "sli_specification": {"time_slice": condition}}
    files["slos/share.json"]["silence"] = silence

    found = lint(load(definition_files.write(tmp_path / "m", files)))
    assert ([] if silence else [("payload.sli_specification", "supported")]) == [
        (one.path, one.rule) for one in found
    ]
    assert all("write metric" in one.remedy for one in found)


def test_what_is_shipped_is_clean():
    """No monitor and no SLO breaks a rule."""
    assets = load(SHIPPED)

    assert [] == [str(problem) for problem in lint(assets)]
    assert 20 < len(assets.monitors)
    assert 3 == len(assets.slos)


def test_every_monitor_shipped_can_be_evaluated():
    """The evaluator that unit tests and drills stand on takes each of them."""
    assets = load(SHIPPED)

    for one in monitor_runs(assets.monitor_payloads(), assets.slo_payloads()).values():
        assert {} == one.states


def test_every_monitor_shipped_has_its_own_section():
    """Sections and definitions are the same set: no page leads to another's or to none."""
    assets = load(SHIPPED)
    text = (SHIPPED / "README.md").read_text()
    headings = {line.removeprefix("## ") for line in text.splitlines() if line.startswith("## ")}

    every = (*assets.monitors.values(), *assets.slos.values())
    assert headings == {one.runbook for one in every}
    assert headings == {one.key for one in every if one.key == one.runbook}


def test_burn_rates_never_page():
    """With five documents an hour a single failure would."""
    assets = load(SHIPPED)

    burning = [one for one in assets.monitors.values() if one.payload["type"] == "slo alert"]

    assert 3 == len(burning)
    assert {Urgency.CHANNEL} == {one.urgency for one in burning}
    assert not any(assets.variables["pager"] in str(one.payload) for one in burning)
