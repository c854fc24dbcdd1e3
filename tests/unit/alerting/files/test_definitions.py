"""Files of monitors: variables are filled in, and what cannot be read is named with its place."""

import json
from pathlib import Path

import definition_files
import pytest

from lightkeeper.alerting.files.definitions import BadDefinition, load, resolve

SHIPPED = Path(__file__).parents[4] / "monitors"


@pytest.fixture
def folder(tmp_path):
    """A faultless set."""
    return definition_files.write(tmp_path / "m", definition_files.definitions())


def refusal(folder):
    """What loading says."""
    with pytest.raises(BadDefinition) as caught:
        load(folder)
    assert 1 == caught.value.exit_status
    return str(caught.value)


def test_variables_are_filled_in(folder):
    """In texts as text, standing alone as the number or list they are."""
    payload = load(folder).monitors["failed"].payload

    assert payload["query"].endswith("by {step}.as_count() > 7")
    assert 7 == payload["options"]["thresholds"]["critical"]
    assert "env:test" in payload["tags"]
    assert "@pagerduty-x{{/is_alert}}" in payload["message"]


def test_what_was_written_is_kept_beside(folder):
    """The payload as it stands in the file is there too, with its variables."""
    written = load(folder).monitors["failed"].written

    assert "${most}" == written["options"]["thresholds"]["critical"]


def test_another_value_of_a_variable_is_filled_in_where_it_is_named(folder):
    """In the monitors that name it, and in no others; what was loaded stays as it was."""
    assets = load(folder)
    before = assets.monitors["failed"].payload["query"]

    other = assets.with_variable("most", 9)

    assert before.replace("> 7", "> 9") == other.monitors["failed"].payload["query"]
    assert 9 == other.monitors["failed"].payload["options"]["thresholds"]["critical"]
    assert assets.monitors["stuck"] == other.monitors["stuck"]
    assert (7, 9) == (assets.variables["most"], other.variables["most"])
    assert before == assets.monitors["failed"].payload["query"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("${n}", 0.5),
        ("> ${n}", "> 0.5"),
        ("${t}${t}", "xx"),
        ({"a": ["${l}"]}, {"a": [[1]]}),
        ("{{n}} $n $ {n}", "{{n}} $n $ {n}"),
        (True, True),
    ],
)
def test_a_variable_becomes_text_or_value(value, expected):
    """Only `${name}` is a variable; Datadog's own marks are left alone."""
    assert expected == resolve(value, {"n": 0.5, "t": "x", "l": [1]}, "f")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"a": ["${no}"]}, ("f.a[0]: [variable]", "${no}", "write one of n, l")),
        ("x ${l}", ("f: [variable]", "${l} is no text")),
        ("${}", ("${}",)),
    ],
)
def test_a_variable_that_is_not_there_is_named_with_its_place(value, words):
    """The error says where it is used, and which variables there are."""
    with pytest.raises(BadDefinition) as caught:
        resolve(value, {"n": 1, "l": []}, "f")

    assert all(word in str(caught.value) for word in words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "stuck.json: line 1 column 2: [file] is not JSON"),
        ("[]", "stuck.json: [file] is not one object"),
        ('{"key": 1, "key": 2}', "'key' stands twice"),
        ('{"key": NaN}', "NaN is not JSON"),
        (r'{"key": "\ud83d"}', r"\ud83d is half of a character: write the character"),
        pytest.param("[" * 100_000, "stuck.json: [file] ", id="nested"),
        ('{"key": "stuck"}', "stuck.json: description: [wrapper]"),
        (b"\xff", "is not UTF-8"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_the_place(folder, text, words):
    """Whatever is in a file, the error names it and says what to do."""
    (folder / "stuck.json").write_bytes(text if isinstance(text, bytes) else text.encode())

    assert words in refusal(folder)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("key", "other", "key: [wrapper] write the file's name: stuck"),
        ("owner", " ", "owner: [wrapper]"),
        ("payload", [], "payload: [wrapper]"),
        ("colour", "red", "colour: [wrapper] unknown: write one of"),
        ("silence", {"pager": ""}, "silence.pager: [wrapper] give the reason"),
        ("planned_outage", "always", "planned_outage: [wrapper] write one of at-step, anywhere,"),
        ("planned_outage", None, "planned_outage: [wrapper] missing or wrong: give it a text"),
        ("payload", {"query": "${nothing}"}, "payload.query: [variable]"),
    ],
)
def test_a_wrapper_is_complete_and_holds_nothing_else(folder, name, value, words):
    """Keys missing, wrong or unknown around a payload are named."""
    given = {**definition_files.definitions()["stuck.json"], name: value}
    (folder / "stuck.json").write_text(json.dumps(given))

    assert f"stuck.json: {words}" in refusal(folder)


def test_all_files_that_cannot_be_read_are_reported_at_once(folder):
    """Two bad files and a missing runbook are three lines of one error."""
    (folder / "stuck.json").write_text("{")
    (folder / "failed.json").write_text("[]")
    (folder / "README.md").unlink()

    assert 3 == len(refusal(folder).splitlines())


@pytest.mark.parametrize("name", ["env", "team", "channel", "pager", "runbook_url"])
def test_variables_that_every_installation_needs_are_required(folder, name):
    """Without one of them a monitor would notify no one, or link no runbook."""
    (folder / "variables.json").write_text(json.dumps({**definition_files.VARIABLES, name: ""}))

    assert f"variables.json: {name}: [variable] missing" in refusal(folder)


def test_a_folder_without_definitions_is_a_mistake(tmp_path, folder):
    """A wrong folder and an empty one are mistakes, not clean sets."""
    assert "no such folder" in refusal(tmp_path / "nowhere")
    assert "variables.json: [file] cannot be read" in refusal(tmp_path)
    for path in folder.glob("[!v]*.json"):
        path.unlink()
    assert "holds no monitor" in refusal(folder)


@pytest.mark.parametrize(
    "url", ["monitors/README.md", "/wiki/runbook", "//wiki/x", "wiki.test/x", "#x", "https:///x"]
)
def test_a_relative_runbook_url_is_refused(folder, url):
    """Who is paged could follow none of the links, so nothing is checked or printed with one."""
    (folder / "variables.json").write_text(
        json.dumps({**definition_files.VARIABLES, "runbook_url": url})
    )

    said = refusal(folder)

    assert f"variables.json: runbook_url: [variable] {url} is relative" in said
    assert "write https://…" in said


SOURCED = {"name": "a", "data_source": "metrics", "query": "avg:system.load.1{*}"}
FETCHED = {"id": 7, "created": "2026-01-01", "overall_state": "OK"}
WRAPPING = {"version": 2, "created_at": "2026-01-01", "title": "It", "tags": []}


@pytest.mark.parametrize(
    ("file", "given", "what", "remedy"),
    [
        (
            "stuck.json",
            lambda bare: {**FETCHED, **bare},
            "this is a monitor as Datadog exports it",
            "write it as `payload`",
        ),
        (
            "failed.json",
            lambda bare: {"name": bare["name"], "type": bare["type"], "query": bare["query"]},
            "this is a monitor as Datadog exports it",
            "write it as `payload`",
        ),
        (
            "stuck.json",
            lambda bare: {**WRAPPING, "description": "It.", "definition": {**FETCHED, **bare}},
            "this is a monitor in the wrapping of an integration",
            "write its definition as `payload`",
        ),
        (
            "slos/share.json",
            lambda bare: {**FETCHED, **bare},
            "this is an SLO as Datadog exports it",
            "write it as `payload`",
        ),
        (
            "slos/share.json",
            lambda bare: {"data": {**FETCHED, **bare}, "errors": None},
            "this is an SLO in an answer of Datadog's API",
            "write its data as `payload`",
        ),
        (
            "slos/share.json",
            lambda bare: {"data": [bare, bare, bare], "errors": []},
            "this is an SLO in an answer of Datadog's API, one of 3",
            "write each into a file of its own, its data[0] as `payload`",
        ),
        (
            "stuck.json",
            lambda bare: {"data": {"type": "x", "attributes": {"definition": bare}}},
            "this is a monitor in an answer of Datadog's API",
            "write its data.attributes.definition as `payload`",
        ),
        (
            "slos/share.json",
            lambda bare: {"data": {"id": "1", "type": "slo", "attributes": bare}, "included": []},
            "this is an SLO in an answer of Datadog's API",
            "write its data.attributes as `payload`",
        ),
        (
            "stuck.json",
            lambda bare: {"data": [{"id": 1, "attributes": bare}]},
            "this is a monitor in an answer of Datadog's API",
            "write its data[0].attributes as `payload`",
        ),
        (
            "stuck.json",
            lambda bare: [bare, bare],
            "this is a monitor as Datadog exports it, one of 2",
            "write each into a file of its own, its [0] as `payload`",
        ),
        (
            "stuck.json",
            lambda bare: {"monitor": bare},
            "this is a monitor inside `monitor`",
            "write its monitor as `payload`",
        ),
        (
            "slos/share.json",
            lambda bare: {"slos": [{"name": "It", "query": bare["query"]}]},
            "this is an SLO inside `slos`",
            "write its slos[0] as `payload`",
        ),
        (
            "slos/share.json",
            lambda bare: {"slo": {"type": "monitor", "monitor_ids": [7], "name": bare["name"]}},
            "this is an SLO inside `slo`",
            "write its slo as `payload`",
        ),
        (
            "slos/share.json",
            lambda bare: {"key": "share", "description": "It.", "SLO": bare},
            "this is an SLO inside `SLO`",
            "write its SLO as `payload`",
        ),
        (
            "stuck.json",
            lambda bare: {"definition": json.dumps(bare)},
            "this is a monitor in the wrapping of an integration, as a text of JSON",
            "write the object in its definition as `payload`",
        ),
        (
            "slos/share.json",
            json.dumps,
            "this is an SLO as Datadog exports it, as a text of JSON",
            "write the object in it as `payload`",
        ),
        (
            "stuck.json",
            lambda bare: {
                "resource": {"datadog_monitor_json": {"a": {"monitor": json.dumps(bare)}}}
            },
            "this is a monitor inside `resource`, as a text of JSON",
            "write the object in its resource.datadog_monitor_json.a.monitor as `payload`",
        ),
        (
            "stuck.json",
            lambda bare: definition_files.wrapped("stuck", "No page.", {"data": bare}),
            "this is a monitor in an answer of Datadog's API",
            "write its payload.data as `payload`",
        ),
        (
            "stuck.json",
            lambda bare: definition_files.wrapped("stuck", "No page.", json.dumps(bare)),
            "this is a monitor inside `payload`, as a text of JSON",
            "write the object in its payload as `payload`",
        ),
    ],
)
def test_what_comes_from_datadog_as_it_is_is_named_as_that(folder, file, given, what, remedy):
    """A bare payload, and one in another wrapping, is met with what to do with it."""
    assets, key = load(folder), Path(file).stem
    bare = (assets.monitors | assets.slos)[key].payload
    (folder / file).write_text(json.dumps(given(bare)))

    said = refusal(folder)

    assert f"{folder / file}: payload: [wrapper] {what}: {remedy}, without what only" in said
    assert said.endswith("beside key, description, runbook, owner, pages")
    assert 1 == len(said.splitlines())


@pytest.mark.parametrize(
    "given",
    [
        {"definition": {"type": "timeseries", "requests": [{"queries": [SOURCED]}]}},
        {"definition": {"type": "event_stream", "requests": [{"query": {"query_string": "x"}}]}},
        {"description": "{no JSON"},
        {"name": "query"},
        {"payload": "{no JSON"},
        {"payload": {"type": "query alert", "options": {"variables": [SOURCED]}}, "data": {}},
    ],
)
def test_what_is_no_export_is_not_named_as_one(folder, given):
    """A widget, a text and a payload that lacks something are named as what they are."""
    (folder / "stuck.json").write_text(json.dumps(given))

    assert "this is a" not in refusal(folder)
