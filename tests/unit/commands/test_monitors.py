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


def test_check_reads_the_commands_of_any_folder(folder):
    """A command that this program does not have is a line of the rule `command`."""
    given = definition_files.definitions()["stuck.json"]
    given["payload"]["message"] += " `lightkeeper lst`"
    (folder / "stuck.json").write_text(json.dumps(given))

    status, out, _ = command("check", "--folder", folder)

    assert 1 == status
    assert "payload.message: [command] `lightkeeper lst`: there is no command 'lst'" in out


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


@pytest.fixture
def staging(folder):
    """The faultless set with an environment in which two variables differ."""
    (folder / "environments").mkdir()
    values = {"env": "staging", "most": 9}
    (folder / "environments" / "staging.json").write_text(json.dumps(values))
    return folder


def test_check_runs_over_every_environment(staging):
    """What is wrong in one of them alone is said with its name; what is wrong in all, once."""
    status, out, _ = command("check", "--folder", staging)
    assert (0, "4 monitors, 1 SLOs: no problem (environments: test, staging)\n") == (status, out)

    given = definition_files.definitions()["failed.json"]
    given["payload"]["options"]["thresholds"]["critical"] = 7
    given["payload"]["options"]["include_tags"] = "yes"
    (staging / "failed.json").write_text(json.dumps(given))
    status, out, _ = command("check", "--folder", staging)

    *lines, last = out.splitlines()
    only = [line for line in lines if line.endswith(" (in staging)")]
    assert (1, len(lines)) == (status, len(set(lines)))
    assert any("thresholds.critical: [thresholds]" in line for line in only)
    assert 1 == len([line for line in lines if "[shape]" in line])
    assert f": {len(lines)} problems (environments: test, staging)" in last


def test_check_of_one_environment_is_about_that_alone(staging):
    """So is one with a single value: nothing else is looked at."""
    for values in (("--env", "staging"), ("--set", "env=qa")):
        status, out, _ = command("check", "--folder", staging, *values)
        assert (0, "4 monitors, 1 SLOs: no problem\n") == (status, out)


def test_a_broken_environment_is_one_line_in_check_print_and_test(staging):
    """Exit status 65 in the one that checks all, and in those that name it."""
    (staging / "environments" / "staging.json").write_text('{"env": "staging", "mots": 1}')

    for line in (["check"], ["print", "--env", "staging"], ["test", "--env", "staging"]):
        _, out, problem = command(*line, "--folder", staging)

        assert ("", 65) == (out, problem.exit_status)
        assert "staging.json: mots: [variable] variables.json has no mots: did you" in str(problem)


def test_print_fills_in_the_values_of_an_environment(staging, tmp_path):
    """Each object carries its environment; a file of values and single ones come after it."""
    file = tmp_path / "mine.json"
    file.write_text('{"most": 11}')

    _, out, _ = command("print", "failed", "--folder", staging, "--env", "staging")
    _, other, _ = command("print", "failed", "--folder", staging, "--variables", file)
    _, third, _ = command(
        *("print", "failed", "--folder", staging, "--variables", file, "--set", "most=12")
    )

    given = json.loads(out)
    assert given["query"].endswith("> 9")
    assert "{env:staging,outcome:failed}" in given["query"]
    assert ["managed_by:lightkeeper", "monitor_key:staging/failed"] == given["tags"][-2:]
    assert json.loads(other)["query"].endswith("> 11")
    assert json.loads(third)["query"].endswith("> 12")


def test_tests_run_with_the_values_of_an_environment(staging, tmp_path):
    """A test that holds for one threshold fails for that of another environment."""
    tests = tmp_path / "tests" / "monitors"
    tests.mkdir(parents=True)
    signal = "lightkeeper.documents.outcomes{document_type:form_0781,step:none,outcome:failed}"
    (tests / "failed.yaml").write_text(
        "monitor: failed\ntags: env:${env}\ntests:\n  - name: fires\n    series:\n"
        f"      - count: {signal}\n        values: 8\n"
        "    transitions:\n      - {at: 1m, group: step:none, to: Alert}\n"
    )

    ran = [
        command("test", tests / "failed.yaml", "--folder", staging, *values)[:2]
        for values in ((), ("--env", "staging"))
    ]
    assert [0, 1] == [status for status, _ in ran], ran


def test_print_writes_a_file_an_object(tmp_path):
    """Monitors, and SLOs below; what is in a file is what `print` shows."""
    to = tmp_path / "out"
    status, out, _ = command("print", "--folder", SHIPPED, "--to", to)
    _, shown, _ = command("print", "--folder", SHIPPED)

    every = json.loads(shown)
    files = {path.stem: json.loads(path.read_text()) for path in to.glob("*.json")}
    slos = {path.stem: json.loads(path.read_text()) for path in to.glob("slos/*.json")}
    assert (0, f"{to}: {len(files)} monitors, {len(slos)} SLOs\n") == (status, out)
    assert every == {"monitors": files, "slos": slos}


def test_print_never_writes_over_the_definitions_themselves(folder):
    """Their folder holds something else."""
    _, _, problem = command("print", "--folder", folder, "--to", folder)

    assert 73 == problem.exit_status
    assert "was not written by this command" in str(problem)


def test_the_configuration_for_terraform_has_the_dashboards_beside_the_monitors(folder):
    """Those named instead, and none where there are none."""
    print_terraform = ("print", "--format", "terraform", "--folder")
    _, shipped, _ = command(*print_terraform, SHIPPED)
    _, small, _ = command(*print_terraform, folder)
    values = ("--variables", folder / "variables.json")
    _, both, _ = command(*print_terraform, SHIPPED, "--dashboards", SHIPPED.parent / "dashboards")
    _, _, missing = command(*print_terraform, folder, "--dashboards", folder / "no")

    boards = "datadog_dashboard_json"
    assert ["documents", "overview"] == list(json.loads(shipped)["resource"][boards])
    assert shipped == both
    assert boards not in json.loads(small)["resource"]
    assert 4 == len(json.loads(small)["resource"]["datadog_monitor_json"])
    assert f"{folder / 'no'}: no such folder: name it with --dashboards" == str(missing)
    assert 0 == command(*print_terraform, folder, *values)[0]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("stuck --to out", "--to is about all of them: leave KEY or --to out"),
        ("stuck --format terraform", "leave KEY or --format terraform out"),
        ("--format terraform --to out", "--format terraform is one file: send it there with >"),
        ("--dashboards out", "--dashboards goes with --format terraform"),
    ],
)
def test_options_of_print_that_contradict_each_other_are_refused(folder, line, words):
    """It is a wrong command line, and nothing is written."""
    _, out, problem = command("print", "--folder", folder, *line.split())

    assert ("", 2) == (out, problem.exit_code)
    assert words in problem.message
