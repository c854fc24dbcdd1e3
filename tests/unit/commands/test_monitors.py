"""`lightkeeper monitors check` and `print`."""

import json
import shutil
from pathlib import Path

import definition_files
import pytest
from click.testing import CliRunner

from lightkeeper.alerting.files.definitions import load
from lightkeeper.commands.monitors import monitors

SHIPPED = Path(__file__).parents[3] / "monitors"


@pytest.fixture
def folder(tmp_path):
    """A faultless set."""
    return definition_files.write(tmp_path / "m", definition_files.definitions())


def command(*arguments):
    """Run `lightkeeper monitors` in this process; exit status and output."""
    runner = CliRunner()
    result = runner.invoke(monitors, [str(one) for one in arguments], standalone_mode=False)
    return result.return_value, result.output, result.exception


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

    assert "did you mean stuck" in problem.message


def test_a_misspelt_key_is_named_with_the_nearest(folder):
    """The message of the rule `shape` says which key Datadog takes."""
    given = definition_files.definitions()["stuck.json"]
    given["payload"]["options"]["renotify_intervall"] = 60
    (folder / "stuck.json").write_text(json.dumps(given))

    status, out, _ = command("check", "--folder", folder)

    assert 1 == status
    assert "payload.options: [shape] Datadog takes no renotify_intervall here: perhaps " in out


def test_monitors_without_any_tests_are_told_where_tests_were_looked_for(folder):
    """Where there are none beside the folder, and none of ours are for these monitors."""
    _, _, problem = command("test", "--folder", folder / "slos" / "..")

    beside = folder.parent / "tests" / "monitors"
    assert problem.message.startswith(f"no tests in {beside}, and none of these monitors came")


def test_a_copy_with_fewer_monitors_is_tested_with_the_tests_that_it_needs(tmp_path, monkeypatch):
    """It may leave monitors out, and be of another environment; an empty folder hides no tests."""
    copy = shutil.copytree(SHIPPED, tmp_path / "copy" / "monitors")
    for one in copy.glob("*.json"):
        if one.stem not in {"documents-slow", "documents-stuck", "variables"}:
            one.unlink()
    variables = json.loads((copy / "variables.json").read_text())
    (copy / "variables.json").write_text(json.dumps(variables | {"env": "staging"}))
    (tmp_path / "tests" / "monitors").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)

    status, out, _ = command("test", "--folder", "copy/monitors")

    tests = SHIPPED.parent / "tests" / "monitors"
    names = [f"{tests / key}.yaml" for key in ("documents-slow", "documents-stuck")]
    assert (0, names) == (status, [line.split(": ")[0] for line in out.splitlines()])
