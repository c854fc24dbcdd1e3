"""The lint rules of dashboards: each finds what breaks it; shipped boards break none, show all."""

import copy
import json
from collections import Counter
from functools import reduce
from pathlib import Path

import dashboard_map
import definition_files
import pytest
from dashboard_files import (
    AGE,
    CHECK,
    ENDED,
    NOTE,
    NUMBER,
    STUCK,
    TOOK,
    board,
    requests_of,
    stream,
    widget,
    written,
)

from lightkeeper.alerting.files.dashboards import load_dashboards
from lightkeeper.alerting.lint.dashboard_rules import RULES, lint
from lightkeeper.telemetry.catalogue import CATALOGUE

ROOT = Path(__file__).parents[4]
SHIPPED = ROOT / "dashboards"
GONE = object()


def put(given, path, value):
    """Set what stands at a dotted path, add it, or take it out."""
    *above, last = [int(one) if one.isdigit() else one for one in path.split(".")]
    inner = reduce(lambda one, name: one[name], above, given)
    if value is GONE:
        del inner[last]
    elif isinstance(inner, list) and last == len(inner):
        inner.append(value)
    else:
        inner[last] = copy.deepcopy(value)


def found(tmp_path, given):
    """What is wrong with one dashboard."""
    return lint(load_dashboards(*written(tmp_path, given)))


def at(*numbers):
    """The path of a widget: its group's number, and its own in there."""
    return "payload." + ".definition.".join(f"widgets.{number}" for number in numbers)


NUMBER_AT, CHECK_AT, MONITORS_AT, SLOS_AT = (f"{at(1, n)}.definition" for n in range(4))
ENDED_AT, LATE_AT, AGE_AT = (f"{at(2, n)}.definition" for n in range(3))
EVENTS_AT, LOGS_AT = (f"{at(4, n)}.definition" for n in range(2))
FIRST, QUERY = "requests.0", "requests.0.queries.0.query"
TOOK_AT = f"{at(3, 0)}.definition.{QUERY}"
SEARCH = "requests.0.query.query_string"
UNKNOWN = {"name": "host", "prefix": "host", "defaults": ["*"]}
OTHER_SERVICE = {"name": "function", "available_values": ["me"], "defaults": ["*"]}
BY_ID = {"type": "alert_graph", "title": "A", "alert_id": "1", "viz_type": "timeseries"}
SECOND_QUERY = {"data_source": "metrics", "name": "b", "query": STUCK}

BREAKS = [
    ("shape", "payload.colour", "red"),
    ("shape", f"{ENDED_AT}.{FIRST}.formulaz", []),
    ("shape", f"{at(2, 0)}.layout.z", 1),
    ("team", "payload.tags", ["team:benefits", "env:test"]),
    ("team", "payload.tags", GONE),
    ("query", f"{LATE_AT}.{QUERY}", "sum:lightkeeper.documents.stuck{$env,$document_type"),
    ("query", f"{LATE_AT}.{QUERY}", STUCK.replace("$env,", "$env OR step:new,")),
    ("metric", f"{LATE_AT}.{QUERY}", STUCK.replace("stuck", "stuk")),
    ("metric", f"{CHECK_AT}.check", "lightkeeper.pollin"),
    ("kind", f"{ENDED_AT}.{QUERY}", ENDED.replace("sum:", "avg:")),
    ("kind", f"{LATE_AT}.{QUERY}", STUCK.replace("sum:", "avg:")),
    ("kind", f"{AGE_AT}.{QUERY}", AGE.replace("max:", "sum:")),
    ("kind", f"{NUMBER_AT}.requests.0.queries.0.aggregator", "sum"),
    ("kind", NUMBER_AT, NUMBER | {"requests": requests_of(ENDED, "scalar")}),
    ("kind", TOOK_AT, TOOK.replace("avg:", "p95:")),
    ("tag", f"{ENDED_AT}.{QUERY}", ENDED.replace("by {step}", "by {host}")),
    ("tag", f"{ENDED_AT}.{QUERY}", ENDED.replace("$env,", "$env,outcome:fine,")),
    ("tag", f"{CHECK_AT}.group_by", ["host"]),
    ("template", f"{ENDED_AT}.{QUERY}", ENDED.replace("$env,", "")),
    ("template", f"{ENDED_AT}.{QUERY}", ENDED.replace("$env,", "env:test,")),
    ("template", f"{ENDED_AT}.{QUERY}", ENDED.replace(",$document_type", "")),
    ("template", f"{ENDED_AT}.{QUERY}", ENDED.replace("$env,", "$env,$step,")),
    ("template", f"{CHECK_AT}.tags", ["$env", "$document_type"]),
    ("template", f"{CHECK_AT}.tags", GONE),
    ("template", f"{EVENTS_AT}.{SEARCH}", "event:lightkeeper.document $env"),
    ("template", f"{LOGS_AT}.{SEARCH}", "$env $document_type"),
    ("template", EVENTS_AT, {"type": "event_stream", "title": "Events", "query": "$env"}),
    ("template", f"{MONITORS_AT}.query", "tag:team:${team}"),
    ("template", f"{ENDED_AT}.events", [{"q": "event:lightkeeper.step"}]),
    ("template", "payload.template_variables.0.defaults", GONE),
    ("template", "payload.template_variables.0.default", "test"),
    ("template", "payload.template_variables.2", UNKNOWN),
    ("template", "payload.template_variables.2", OTHER_SERVICE),
    ("template", "payload.template_variables.1.available_values", ["form_0781", "form_526"]),
    ("reference", f"{MONITORS_AT}.query", "tag:$env"),
    ("reference", f"{MONITORS_AT}.query", "tag:$env tag:team:others"),
    ("reference", f"{MONITORS_AT}.query", "tag:$env status:alert tag:team:${team}"),
    ("reference", f"{SLOS_AT}.{SEARCH}", "$env AND service:others"),
    ("reference", f"{at(3)}.definition.widgets.1", widget(4, 0, 4, 2, **BY_ID)),
    ("group", "payload.widgets.3", widget(0, 9, 12, 3, **NOTE)),
    ("group", f"{at(2)}.definition.title", ""),
    ("group", f"{at(2)}.definition.show_title", False),
    ("group", f"{at(2)}.layout.y", 30),
    ("about", f"{at(0)}.definition.title", "What it is"),
    ("about", f"{at(0, 0)}.definition.content", "See the runbook."),
    ("about", f"{at(0, 0)}.definition", CHECK | {"title": "Another"}),
    ("overview", f"{at(1)}.definition.title", "Numbers"),
    ("overview", CHECK_AT, NOTE),
    ("streams", at(3, 0), widget(0, 0, 6, 2, **stream("More", "logs_stream", "$env"))),
    ("streams", f"{at(4, 0)}.definition", NOTE),
    ("events", f"{EVENTS_AT}.{SEARCH}", "source:ours $env $document_type"),
    (
        "events",
        EVENTS_AT,
        {"type": "event_stream", "title": "E", "query": "sources:a,b $env $document_type"},
    ),
    ("events", f"{EVENTS_AT}.{SEARCH}", "event:lightkeeper.docment $env $document_type"),
    ("events", f"{ENDED_AT}.events", [{"q": "-source:other $env $document_type"}]),
    ("grid", "payload.reflow_type", "auto"),
    ("grid", "payload.reflow_type", GONE),
    ("grid", f"{at(2, 0)}.layout", GONE),
    ("grid", f"{at(2, 0)}.layout.x", 1),
    ("grid", f"{at(2, 2)}.layout.x", 9),
    ("grid", f"{at(1, 3)}.layout.width", 5),
    ("grid", f"{at(2)}.layout.height", 2),
    ("grid", f"{at(4)}.layout.height", 9),
    ("grid", f"{at(3)}.layout.y", 8),
    ("width", f"{at(2, 0)}.layout.width", 3),
    ("width", f"{at(4, 0)}.layout.width", 5),
    ("title", f"{LATE_AT}.title", GONE),
    ("title", f"{LATE_AT}.title", "Ended"),
    ("title", f"{LATE_AT}.title", "Documents that are " + "very " * 5 + "late"),
    ("title", f"{LATE_AT}.title", "Age in hours"),
    ("title", f"{LATE_AT}.title", "Age (s)"),
    ("title", f"{LATE_AT}.title", "Share in %"),
    ("title", f"{LATE_AT}.title", "Number of documents"),
    ("title", f"{LATE_AT}.title", "Lightkeeper documents"),
    ("request", f"{LATE_AT}.{FIRST}.response_format", "scalar"),
    ("request", f"{LATE_AT}.{FIRST}.formulas.0.formula", "b"),
    ("request", f"{AGE_AT}.{FIRST}.queries.1", SECOND_QUERY),
    ("request", f"{AGE_AT}.{FIRST}.queries.1", SECOND_QUERY | {"name": "a"}),
    ("request", f"{NUMBER_AT}.requests.0.queries.0.aggregator", GONE),
    ("request", f"{AGE_AT}.{FIRST}.formulas", GONE),
    ("alias", f"{LATE_AT}.{FIRST}.formulas.0.alias", GONE),
    ("alias", f"{NUMBER_AT}.requests.0.formulas.0.alias", " "),
    ("display", f"{ENDED_AT}.{FIRST}.display_type", "line"),
    ("display", f"{LATE_AT}.{FIRST}.display_type", "bars"),
    ("display", f"{LATE_AT}.{QUERY}", STUCK + " by {step}"),
    ("display", f"{AGE_AT}.{FIRST}.display_type", GONE),
    ("display", f"{NUMBER_AT}.timeseries_background", GONE),
    ("unused-silence", "silence.grid", "it looks well"),
    ("unused-silence", "silence.grids", "no such rule"),
]


def test_a_faultless_dashboard_has_no_problem(tmp_path):
    """The one that the tests below break is clean itself."""
    assert [] == found(tmp_path, board())


@pytest.mark.parametrize(("rule", "path", "value"), BREAKS)
def test_a_rule_finds_what_breaks_it_and_no_other_does(tmp_path, rule, path, value):
    """Each mistake is named by one rule, with the file; it goes when the rule is silenced."""
    given = board()
    put(given, path, value)

    problems = found(tmp_path, given)

    assert {rule} == {one.rule for one in problems}
    assert {str(tmp_path / "dashboards" / "one.json")} == {one.file for one in problems}
    assert all(one.remedy and f"[{rule}]" in str(one) for one in problems)
    if rule in RULES:
        given["silence"] = {rule: "for a test"}
        assert [] == found(tmp_path, given)


def test_every_rule_is_among_the_broken_ones():
    """A rule without a payload that breaks it fails here."""
    assert {*RULES, "unused-silence"} == {rule for rule, *_ in BREAKS}


def test_about_as_wide_as_the_board_is_a_problem(tmp_path):
    """The note does not push the numbers off the screen."""
    given = board()
    for number, one in enumerate(given["payload"]["widgets"]):
        one["layout"]["y"] = 6 * number
    put(given, f"{at(0)}.layout.width", 12)

    assert {"about"} == {one.rule for one in found(tmp_path, given)}


def test_a_board_without_an_environment_is_a_problem(tmp_path):
    """Documents of two environments in one graph would be neither's."""
    given = json.loads(json.dumps(board()).replace("tag:$env ", "").replace("$env AND ", ""))
    given = json.loads(json.dumps(given).replace("$env,", "").replace('"$env"', '"*"'))
    given = json.loads(json.dumps(given).replace("$env ", ""))
    put(given, "payload.template_variables.0", GONE)

    assert [("template", "payload.template_variables")] == [
        (one.rule, one.path) for one in found(tmp_path, given)
    ]


STEP = {"name": "step", "prefix": "step", "available_values": ["new"], "defaults": ["*"]}
SERVICE = {"name": "service", "available_values": ["lightkeeper"], "defaults": ["*"]}
NAMED = STUCK.replace("$document_type", "document_type:form_0781")
CHOICE = "payload.template_variables.1.available_values"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (f"{LATE_AT}.{QUERY}", NAMED),  # about one type: empty while another is chosen
        (f"{AGE_AT}.{QUERY}", "avg:lightkeeper.heartbeat{$env}"),
        (CHOICE, ["*", "form_0781"]),
        (CHOICE, None),
        (f"{at(4, 0)}.layout.height", 4),
    ],
)
def test_a_sound_dashboard_has_no_problem(tmp_path, path, value):
    """These variations are right, and no rule reports them."""
    given = board()
    put(given, path, value)

    assert [] == found(tmp_path, given)


def test_widgets_may_stand_in_any_order_inside_a_group(tmp_path):
    """Where they lie is said by their places; side by side is no overlap, either way round."""
    given = board()
    for one in given["payload"]["widgets"]:
        one["definition"]["widgets"].reverse()

    assert [] == found(tmp_path, given)


@pytest.mark.parametrize(
    ("variable", "query", "remedies"),
    [
        (SERVICE, "sum:silent_failure{$env,$service}.as_count()", ["leave out $service: "]),
        (SERVICE, "sum:silent_failure{$env}.as_count()", []),
        (STEP, ENDED.replace("$env", "$env,$step"), []),
        (STEP, ENDED, ["add $step"]),
    ],
)
def test_a_variable_is_required_where_its_values_can_be(tmp_path, variable, query, remedies):
    """A signal's own service is not ours; words that were not known before may still come."""
    given = board()
    put(given, "payload.template_variables.2", variable)
    put(given, f"{ENDED_AT}.{QUERY}", query)
    inside = "payload.widgets[2].definition.widgets[0]."

    said = [one.remedy for one in found(tmp_path, given) if one.path.startswith(inside)]

    assert len(remedies) == len(said)
    assert all(one.startswith(remedy) for one, remedy in zip(said, remedies, strict=True))


def test_a_tag_that_only_some_monitors_carry_does_not_choose_ours(tmp_path):
    """The summary would leave out the others."""
    files = definition_files.definitions()
    files["stuck.json"]["payload"]["tags"] = [*definition_files.VARIABLES["tags"], "only:one"]
    definition_files.write(tmp_path / "monitors", files)
    given = board()
    put(given, f"{MONITORS_AT}.query", "tag:$env tag:only:one")

    (problem,) = found(tmp_path, given)

    assert ("reference", True) == (
        problem.rule,
        problem.remedy.startswith("only:one is no tag of all monitors"),
    )


def test_the_place_leads_to_the_query(tmp_path):
    """The path says which query of which widget in which group is meant."""
    given = board()
    put(given, f"{LATE_AT}.{QUERY}", STUCK.replace("stuck", "stuk"))

    (problem,) = found(tmp_path, given)

    inside = "payload.widgets[2].definition.widgets[1].definition"
    assert f"{inside}.requests[0].queries[0].query" == problem.path
    assert "perhaps lightkeeper.documents.stuck" in problem.remedy


ODD = [None, 5, "x", [], {}, [5], [None], [{}], {"widgets": 5}]
PLACES = [
    *("payload.widgets", "payload.tags", "payload.template_variables", at(1), f"{at(1)}.layout"),
    *(f"{at(1)}.definition", f"{at(1)}.definition.widgets", at(2, 0), f"{at(2, 0)}.layout.x"),
    *(f"{ENDED_AT}.requests", f"{ENDED_AT}.{FIRST}", f"{ENDED_AT}.{FIRST}.queries"),
    *(f"{ENDED_AT}.{FIRST}.formulas", f"{ENDED_AT}.{QUERY}"),
    *(f"{ENDED_AT}.type", f"{CHECK_AT}.tags", f"{CHECK_AT}.check", f"{MONITORS_AT}.query"),
    *("payload.template_variables.0", "payload.template_variables.0.name"),
    "payload.template_variables.1.defaults",
]


@pytest.mark.parametrize("place", PLACES)
def test_values_of_a_wrong_kind_are_problems_and_no_traceback(tmp_path, place):
    """However odd a payload is, a problem is reported."""
    for value in ODD:
        given = board()
        put(given, place, value)

        assert found(tmp_path, given), value


@pytest.fixture(scope="module")
def shipped():
    """What is in dashboards/."""
    return load_dashboards(SHIPPED, ROOT / "monitors")


def test_what_is_shipped_is_clean(shipped):
    """No dashboard breaks a rule, nor is any exempt from one."""
    assert ["documents", "overview"] == list(shipped)
    assert [] == [str(problem) for problem in lint(shipped)]
    assert not any(one.definition.silence for one in shipped.values())


def test_every_signal_is_shown(shipped):
    """Each signal of the catalogue is on a dashboard."""
    text = " ".join(query.plain for one in shipped.values() for query in one.queries)
    words = set(text.replace("{", " ").replace(":", " ").replace('"', " ").split())

    assert set() == CATALOGUE.keys() - words


def test_on_call_finds_an_answer_to_each_question(shipped):
    """The overview has a group for each, from upstream to downstream."""
    titles = [one.title for one in shipped["overview"].top]

    questions = ["Is It Alive", "Is Lighthouse Well", "Where Are the Documents", "What Failed"]
    questions += ["Who Waits Longest", "Is Everything Published"]
    questions += ["Is vets-api Followed", "Is the API Answering", "What Did It Cost"]
    assert ["About", "Overview", *questions, "Events and Logs"] == titles


def test_every_check_is_on_the_overview(shipped):
    """The four service checks are at the top, by name."""
    checks = {name for name, one in CATALOGUE.items() if "service check" == one.kind}
    inner = shipped["overview"].top[1].inner

    assert checks == {one.definition["check"] for one in inner if "check_status" == one.kind}


def test_the_map_shows_every_title(shipped):
    """The drawing made for people without Datadog leaves no widget out."""
    for one in shipped.values():
        drawing = dashboard_map.drawn(one)

        assert all(group.title in drawing for group in one.top)
        signs = Counter(drawing)
        assert len(one.widgets) <= signs["["] == signs["]"]
