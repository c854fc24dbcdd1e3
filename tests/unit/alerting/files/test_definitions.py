"""Files of monitors: variables are filled in, and what cannot be read is said where."""

import json
from pathlib import Path

import definition_files
import pytest
from click.testing import CliRunner

from lightkeeper.alerting.files.definitions import BadDefinition, load, resolve
from lightkeeper.commands.monitors import monitors

SHIPPED = Path(__file__).parents[4] / "monitors"


@pytest.fixture
def folder(tmp_path):
    """A faultless set."""
    return definition_files.write(tmp_path / "m", definition_files.definitions())


def command(*arguments):
    """Run `lightkeeper monitors` in this process; exit status and output."""
    runner = CliRunner()
    result = runner.invoke(monitors, [str(one) for one in arguments], standalone_mode=False)
    return result.return_value, result.output, result.exception


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
        ({"a": ["${no}"]}, ("f.a[0]: [variable]", "${no}", "there are n, l")),
        ("x ${l}", ("f: [variable]", "${l} is no text")),
        ("${}", ("${}",)),
    ],
)
def test_a_variable_that_is_not_there_is_named_with_its_place(value, words):
    """The error says where it is used, and which there are."""
    with pytest.raises(BadDefinition) as caught:
        resolve(value, {"n": 1, "l": []}, "f")

    assert all(word in str(caught.value) for word in words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "stuck.json: line 1 column 2: [file] is not JSON"),
        ("[]", "stuck.json: [file] must hold one object"),
        ('{"key": 1, "key": 2}', "'key' stands twice"),
        ('{"key": NaN}', "NaN is not JSON"),
        ("[" * 100_000, "stuck.json: [file] "),
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
        ("key", "other", "key: [wrapper] must be the file's name: stuck"),
        ("owner", " ", "owner: [wrapper]"),
        ("payload", [], "payload: [wrapper]"),
        ("colour", "red", "colour: [wrapper] is none of"),
        ("silence", {"pager": ""}, "silence.pager: [wrapper] give the reason"),
        ("payload", {"query": "${nothing}"}, "payload.query: [variable]"),
    ],
)
def test_a_wrapper_is_complete_and_holds_nothing_else(folder, name, value, words):
    """Words missing, wrong or unknown round a payload are named."""
    given = {**definition_files.definitions()["stuck.json"], name: value}
    (folder / "stuck.json").write_text(json.dumps(given))

    assert f"stuck.json: {words}" in refusal(folder)


def test_all_files_that_cannot_be_read_are_told_at_once(folder):
    """Two bad files and a missing runbook are three lines of one error."""
    (folder / "stuck.json").write_text("{")
    (folder / "failed.json").write_text("[]")
    (folder / "README.md").unlink()

    assert 3 == len(refusal(folder).splitlines())


@pytest.mark.parametrize("name", ["env", "team", "channel", "pager", "runbook_url"])
def test_variables_every_installation_needs_are_asked_for(folder, name):
    """Without one of them nothing could be said to anybody."""
    (folder / "variables.json").write_text(json.dumps({**definition_files.VARIABLES, name: ""}))

    assert f"variables.json: {name}: [variable] missing" in refusal(folder)


def test_a_folder_without_definitions_is_told_apart(tmp_path, folder):
    """A wrong folder and an empty one are mistakes, not clean sets."""
    assert "no such folder" in refusal(tmp_path / "nowhere")
    assert "variables.json: [file] cannot be read" in refusal(tmp_path)
    for path in folder.glob("[!v]*.json"):
        path.unlink()
    assert "holds no monitor" in refusal(folder)


def test_check_says_that_all_is_well(folder):
    """One line and exit status 0."""
    status, out, _ = command("check", "--folder", folder)

    assert (0, "4 monitors, 1 SLOs: no problem\n") == (status, out)


def test_check_lists_problems_and_fails(folder):
    """Each problem is a line: file, place, rule, remedy; exit status 1."""
    given = definition_files.definitions()["stuck.json"]
    del given["payload"]["options"]["on_missing_data"]
    (folder / "stuck.json").write_text(json.dumps(given))

    status, out, _ = command("check", "--folder", folder)

    first, last = out.splitlines()
    assert 1 == status
    assert f"{folder / 'stuck.json'}: payload.options.on_missing_data: [no-data] write" in first
    assert "4 monitors, 1 SLOs: 1 problem" == last


def test_print_gives_the_exact_payload():
    """What other tools get is the payload with its values, and it is JSON."""
    status, out, _ = command("print", "documents-failed", "--folder", SHIPPED)
    _, every, _ = command("print", "--folder", SHIPPED)

    payload = json.loads(out)
    assert 0 == status
    assert load(SHIPPED).monitors["documents-failed"].payload == payload
    assert payload == json.loads(every)["monitors"]["documents-failed"]
    assert "${" not in every


def test_print_of_an_unknown_key_names_the_nearest(folder):
    """A mistyped key is answered with what there is."""
    _, _, problem = command("print", "stukc", "--folder", folder)

    assert "perhaps stuck" in problem.message
