"""Terraform's configuration: of the provider's shape, no circles, and an empty second plan."""

import json
from pathlib import Path

import definition_files
import pytest
from dashboard_files import board, requests_of, widget
from terraform_plan import (
    applied,
    dashboard_answered,
    dashboard_kept,
    mistakes,
    monitor_answered,
    monitor_kept,
    order,
    references,
)

from lightkeeper.alerting.account.terraform import terraform
from lightkeeper.alerting.files.dashboards import dashboards_of
from lightkeeper.alerting.files.definitions import BadDefinition, load
from lightkeeper.alerting.files.payload_schema import DASHBOARD, MONITOR
from lightkeeper.alerting.files.payload_schema import mistakes as misshapen
from lightkeeper.alerting.files.variables import Values
from lightkeeper.simulation.datadog import stored

ROOT = Path(__file__).parents[4]
MONITORS, BOARDS, SLOS = "datadog_monitor_json", "datadog_dashboard_json", "datadog_service_level_"
SLOS += "objective"


def made(tmp_path, changed=None, boards=(), warn=lambda _: None, **variables):
    """The configuration of a small set with a composite and a burn rate, after changes."""
    files = {**definition_files.definitions(), **definition_files.composites(), **(changed or {})}
    folder = definition_files.write(tmp_path / "monitors", files)
    given = {**definition_files.VARIABLES, **variables}
    (folder / "variables.json").write_text(json.dumps(given))
    (tmp_path / "dashboards").mkdir()
    for one in boards:
        (tmp_path / "dashboards" / f"{one['key']}.json").write_text(json.dumps(one))
    assets = load(folder)
    found = dashboards_of(assets, tmp_path / "dashboards", "--dashboards") if boards else {}
    return terraform(assets, found, warn)


def changed(key, path, value):
    """One file of the small set with another value at this path."""
    files = {**definition_files.definitions(), **definition_files.composites()}
    definition_files.put(files[f"{key}.json"], path, value)
    return {f"{key}.json": files[f"{key}.json"]}


def shown(*widgets, key="one"):
    """A dashboard of these widgets."""
    given = board()
    given["payload"]["widgets"] = [widget(0, at, 4, 1, **one) for at, one in enumerate(widgets)]
    return {**given, "key": key}


def of(configuration, kind, name, attribute):
    """The JSON of a monitor or dashboard, once ids are filled in."""
    return json.loads(applied(configuration)[f"{kind}.{name}"][attribute])


@pytest.fixture(scope="module", params=["production", "staging"])
def shipped(request):
    """What is made of the shipped definitions in each environment."""
    assets = load(ROOT / "monitors", values=Values(request.param))
    boards = dashboards_of(assets, ROOT / "dashboards", "--dashboards")
    return assets, boards, terraform(assets, boards)


def test_every_resource_has_the_shape_of_the_provider(shipped):
    """Each monitor, SLO and dashboard is there, under its key, and nothing else."""
    assets, boards, configuration = shipped

    assert [] == list(mistakes(configuration))
    expected = {MONITORS: assets.monitors, SLOS: assets.slos, BOARDS: boards}
    found = configuration["resource"]
    assert {kind: list(keys) for kind, keys in expected.items()} == {
        kind: list(resources) for kind, resources in found.items()
    }
    assert {"datadog": {"source": "DataDog/datadog", "version": "~> 4.19"}} == (
        configuration["terraform"]["required_providers"]
    )


def test_references_lead_to_resources_and_never_in_a_circle(shipped):
    """What a resource refers to is made before it."""
    at = {name: index for index, name in enumerate(order(shipped[2]))}

    for kind, resources in shipped[2]["resource"].items():
        for name, given in resources.items():
            for reference in references(given):
                assert at[reference.removesuffix(".id")] < at[f"{kind}.{name}"]


def test_the_second_plan_is_empty(shipped):
    """The server's answer, as the provider keeps it, is the configuration as it keeps that."""
    for name, given in applied(shipped[2]).items():
        if name.startswith(MONITORS):
            monitor = json.loads(given["monitor"])
            assert monitor_kept(given["monitor"]) == monitor_kept(monitor_answered(monitor))
            assert [] == list(misshapen(MONITOR, monitor))
        if name.startswith(BOARDS):
            shown = json.loads(given["dashboard"])
            assert dashboard_kept(given["dashboard"]) == dashboard_kept(dashboard_answered(shown))
            assert [] == list(misshapen(DASHBOARD, shown))


def test_a_shipped_monitor_is_what_print_shows_but_for_ids_and_defaults(shipped):
    """Name, message, thresholds and the rest are those of the file, and no text is escaped."""
    assets, _, configuration = shipped
    resources = applied(configuration)
    for key, one in assets.monitors.items():
        found = json.loads(resources[f"{MONITORS}.{key}"]["monitor"])
        payload = {name: given for name, given in one.payload.items() if name != "assets"}

        assert payload["options"].items() <= found["options"].items()
        assert found.keys() == payload.keys()
        for name in payload.keys() - {"options", "query", "message"}:
            assert payload[name] == found[name]
        assert payload["message"].count("{{") == found["message"].count("{{")


def test_a_composite_and_a_burn_rate_name_what_they_need_by_id(tmp_path):
    """Operands and SLOs are references in the file, and ids in what Datadog gets."""
    configuration = made(tmp_path)
    query = json.loads(configuration["resource"][MONITORS]["page"]["monitor"])["query"]
    burn = json.loads(configuration["resource"][MONITORS]["burn"]["monitor"])["query"]

    operand = f"${{{MONITORS}.%s.id}}"
    assert f"{operand % 'stuck'} && !{operand % 'base'} && !{operand % 'failed'}" == query
    assert f'burn_rate("${{{SLOS}.share.id}}").over("30d")' in burn
    found = of(configuration, MONITORS, "page", "monitor")["query"]
    assert [True] * 3 == [one.strip("!").isdigit() for one in found.split(" && ")]


def test_what_terraform_would_fill_in_is_escaped(tmp_path):
    """Whatever stands in a text of ours, Datadog gets it as it is."""
    odd = 'a $ %% $${most} %{ if x } $%{y} {{#is_alert}}"ü\\{{/is_alert}} ${{z}} %%{w} ${'
    written = odd.replace("${", "${dollar}{")
    note = {"type": "note", "content": written}
    boards = [shown(note)]
    configuration = made(tmp_path, boards=boards, dollar="$", channel="@slack-%{x}")

    message = of(configuration, MONITORS, "stuck", "monitor")["message"]
    (found,) = of(configuration, BOARDS, "one", "dashboard")["widgets"]
    assert message.startswith("{{value}} @slack-%{x} https://")
    assert odd == found["definition"]["content"]
    assert [] == list(mistakes(configuration))


def test_a_page_links_the_dashboard_by_its_id(tmp_path):
    """Where the key of a dashboard stands in a link to Datadog, and nowhere else."""
    links = "https://datadog.test/dashboard/%s?a=1 https://datadog.test/dashboard/one-more?a=1"
    configuration = made(tmp_path, boards=[shown({"type": "note"})], links=links % "one")

    text = of(configuration, MONITORS, "failed", "monitor")["message"]
    ids = {f"{name}.id": str(1000 + at) for at, name in enumerate(order(configuration))}
    assert links % ids[f"{BOARDS}.one.id"] in text


def test_a_widget_names_slo_and_monitor_by_id(tmp_path):
    """A board that names monitors is linked by its key: they would be made in a circle."""
    widgets = (
        {"type": "slo", "slo_id": "share", "view_type": "detail"},
        {"type": "alert_graph", "alert_id": "page", "viz_type": "timeseries"},
        {"type": "alert_value", "alert_id": "12345"},
    )
    links = "https://datadog.test/dashboard/one?a=1"
    configuration = made(tmp_path, boards=[shown(*widgets)], links=links)

    slo, graph, other = (
        one["definition"] for one in of(configuration, BOARDS, "one", "dashboard")["widgets"]
    )
    order(configuration)
    assert "12345" == other["alert_id"]
    assert (True, True) == (slo["slo_id"].isdigit(), graph["alert_id"].isdigit())
    assert links in of(configuration, MONITORS, "failed", "monitor")["message"]


def test_a_link_that_would_close_a_circle_is_named_and_the_others_are_filled_in(tmp_path):
    """Of a board that shows `stuck` alone: what stands above it may link the board, it may not."""
    said = []
    links = "https://datadog.test/dashboard/one?a=1"
    graph = {"type": "alert_graph", "alert_id": "stuck", "viz_type": "timeseries"}
    more = changed("stuck", "payload.message", "${links} ${channel}")
    configuration = made(tmp_path, more, [shown(graph)], said.append, links=links)

    order(configuration)
    messages = {
        key: of(configuration, MONITORS, key, "monitor")["message"]
        for key in ("stuck", "failed", "page")
    }
    assert ["stuck"] == [key for key, text in messages.items() if links in text]
    (one,) = said
    assert "stuck.json: payload.message: [terraform] the link to dashboard one leads no" in one
    assert "write its id for one in the link" in one


def test_of_two_links_that_close_a_circle_together_one_is_left_out(tmp_path):
    """Each of two monitors links the board of the other."""
    said = []
    more = changed("stuck", "payload.message", "https://datadog.test/dashboard/b ${channel}")
    more |= changed("base", "payload.message", "https://datadog.test/dashboard/a")
    graphs = {"a": "stuck", "b": "base"}
    boards = [
        shown({"type": "alert_graph", "alert_id": one, "viz_type": "timeseries"}, key=key)
        for key, one in graphs.items()
    ]
    configuration = made(tmp_path, more, boards, said.append)

    order(configuration)
    assert 1 == len(said)


QUERIES = [
    {"name": "good", "data_source": "metrics", "query": definition_files.GOOD},
    {"name": "every", "data_source": "metrics", "query": definition_files.ALL},
]
COUNT = {
    "good_events_formula": {"formula": "good"},
    "total_events_formula": {"formula": "every"},
    "queries": QUERIES,
}
SLICE = {
    "comparator": "<",
    "threshold": 5,
    "query_interval_seconds": 300,
    "query": {"formulas": [{"formula": "good / every"}], "queries": QUERIES},
}


@pytest.mark.parametrize(
    ("kind", "given", "written"),
    [
        (
            "metric",
            {"count": COUNT},
            {"count": [{"good_events_formula": "good", "total_events_formula": "every"}]},
        ),
        (
            "time_slice",
            {"time_slice": SLICE},
            {"time_slice": [{"comparator": "<", "threshold": 5, "query_interval_seconds": 300}]},
        ),
    ],
)
def test_an_sli_specification_becomes_blocks(tmp_path, kind, given, written):
    """As the provider takes them: each a list, formulas as texts, and no query beside them."""
    more = changed("slos/share", "payload.sli_specification", given)
    more["slos/share.json"]["payload"]["type"] = kind
    configuration = made(tmp_path, more)

    found = configuration["resource"][SLOS]["share"]
    assert [] == list(mistakes(configuration))
    assert "query" not in found
    ((inner, (one,)),) = found["sli_specification"][0].items()
    asked = one.pop("queries", None) or one.pop("query")[0]["query"]
    assert written == {inner: [one]}
    assert ["good", "every"] == [query["metric_query"][0]["name"] for query in asked]


def test_texts_tags_and_types_are_written_as_the_server_keeps_them(tmp_path):
    """Or a plan would show a difference for ever."""
    odd = {"name": " It\n", "message": "x ${channel}\n\n", "tags": ["Team: A", "b:c", "b:c "]}
    files = definition_files.definitions()
    files["stuck.json"]["payload"] |= {**odd, "type": "metric alert"}
    files["slos/share.json"]["payload"] |= {"name": " S ", "tags": ["X:Y z"]}
    given = shown({"type": "note", "content": "x"})
    given["payload"] |= {"title": " Board ", "tags": ["Team:A B"]}
    configuration = made(tmp_path, files, [given])

    for kind, name, attribute in ((MONITORS, "stuck", "monitor"), (BOARDS, "one", "dashboard")):
        sent = of(configuration, kind, name, attribute)
        answered = getattr(stored, attribute)(sent, 7, 0.0)
        fields = ("name", "message", "query", "type", "tags", "title", "description")
        assert {one: sent.get(one) for one in fields} == {one: answered.get(one) for one in fields}
    slo = applied(configuration)[f"{SLOS}.share"]
    kept = stored.slo({**slo, "query": slo["query"][0]}, "7", 0.0)
    assert (slo["name"], slo["tags"]) == (kept["name"], kept["tags"])


def test_roles_that_a_dashboard_is_restricted_to_may_stand_in_its_file(tmp_path):
    """Terraform then keeps them; without them it says that there are none, as the server does."""
    given = shown({"type": "note", "content": "x"})
    given["payload"]["restricted_roles"] = ["e8d4f3e2"]
    others = shown({"type": "note", "content": "x"}, key="two")
    configuration = made(tmp_path, boards=[given, others])

    assert [["e8d4f3e2"], []] == [
        of(configuration, BOARDS, key, "dashboard")["restricted_roles"] for key in ("one", "two")
    ]


def test_percentiles_are_switched_on_where_a_widget_asks_for_them(tmp_path):
    """With every tag that the distribution carries; the shipped boards ask for none."""
    late = "p95:lightkeeper.documents.processing_time{$env} by {outcome}"
    asks = {"type": "timeseries", "requests": requests_of(late, "timeseries")}
    configuration = made(tmp_path, boards=[shown(asks)])

    metric = "lightkeeper.documents.processing_time"
    assert {
        "lightkeeper_documents_processing_time": {
            "metric_name": metric,
            "metric_type": "distribution",
            "include_percentiles": True,
            "tags": ["document_type", "env", "outcome", "service", "version"],
        }
    } == configuration["resource"]["datadog_metric_tag_configuration"]
    assert [] == list(mistakes(configuration))


@pytest.mark.parametrize(
    ("key", "path", "value", "words"),
    [
        (
            "page",
            "payload.query",
            "stuck && gone",
            "page.json: payload.query: [terraform] there is",
        ),
        ("page", "payload.query", "stuck && page", "page is itself: write the key of another"),
        ("page", "payload.query", "stuck &", "page.json: payload.query: [terraform]"),
        ("burn", "payload.query", definition_files.BURN.replace("share", "gone"), "no SLO gone"),
        ("slos/share", "payload.sli_specification", {}, "payload.sli_specification: [terraform]"),
        (
            "slos/share",
            "payload.sli_specification",
            {"count": {"good_events_formula": {"formula": "a"}, "queries": [], "slices": 1}},
            "payload.sli_specification.count.slices: [terraform]",
        ),
        ("slos/share", "payload.sparkle", 1, "payload.sparkle: [terraform]"),
    ],
)
def test_what_terraform_cannot_be_given_is_named(tmp_path, key, path, value, words):
    """With file and place, and what to write."""
    with pytest.raises(BadDefinition) as caught:
        made(tmp_path, changed(key, path, value))

    assert words in str(caught.value)


def test_ids_of_others_are_left_as_they_are(tmp_path):
    """A composite may name a monitor that was made by others, and an alert an SLO."""
    id_of_slo = "0123456789abcdef0123456789abcdef"
    burn = definition_files.BURN.replace("share", id_of_slo)
    more = changed("page", "payload.query", "stuck && 987") | changed(
        "burn", "payload.query", burn
    )
    configuration = made(tmp_path, more)

    assert of(configuration, MONITORS, "page", "monitor")["query"].endswith(" && 987")
    assert f'"{id_of_slo}"' in of(configuration, MONITORS, "burn", "monitor")["query"]


def test_names_that_terraform_takes_for_one_are_refused(tmp_path):
    """Its names have letters, digits, - and _ alone."""
    base = json.dumps(definition_files.definitions()["stuck.json"])
    files = {f"{key}.json": json.loads(base) | {"key": key} for key in ("a+b", "a.b")}

    with pytest.raises(BadDefinition, match="Terraform cannot tell it from that of"):
        made(tmp_path, files)
