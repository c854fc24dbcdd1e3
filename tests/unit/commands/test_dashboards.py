"""`lightkeeper dashboards check` and `print`."""

import json
from pathlib import Path

from click.testing import CliRunner
from dashboard_files import board, written

from lightkeeper.commands.dashboards import dashboards

ROOT = Path(__file__).parents[3]
SHIPPED = ROOT / "dashboards"


def command(*arguments):
    """Run `lightkeeper dashboards` in this process; exit status, output, exception."""
    result = CliRunner().invoke(dashboards, [str(one) for one in arguments], standalone_mode=False)
    return result.return_value, result.output, result.exception


def test_check_says_that_all_is_well_or_what_is_not(tmp_path):
    """One line and exit status 0; otherwise a line for each problem and 1."""
    folder, monitors = written(tmp_path, board())
    where = ("--folder", folder, "--monitors", monitors)
    assert (0, "1 dashboards: no problem\n", None) == command("check", *where)

    given = board()
    given["payload"]["widgets"][2]["definition"]["widgets"][1]["definition"]["title"] = "Age (s)"
    written(tmp_path, given)

    status, out, _ = command("check", *where)
    first, last = out.splitlines()
    assert (1, "1 dashboards: 1 problem") == (status, last)
    assert first.startswith(f"{folder / 'one.json'}: payload.widgets[2].definition.widgets[1].")
    assert ".definition.title: [title] leave out units" in first


def test_print_gives_the_exact_payload():
    """What other tools get is the payload with its values, and it is JSON."""
    where = ("--folder", SHIPPED, "--monitors", ROOT / "monitors")

    status, out, _ = command("print", "overview", *where)
    _, every, _ = command("print", *where)
    _, _, problem = command("print", "overvew", *where)

    assert 0 == status
    assert json.loads(every)["overview"] == json.loads(out)
    assert ["team:benefits"] == json.loads(out)["tags"]
    assert "${" not in every
    assert "choose from documents, overview" in problem.message


def test_boards_are_checked_and_printed_for_an_environment(tmp_path):
    """Each carries its environment and key; a wrong environment is refused in one line."""
    folder, monitors = written(tmp_path, board())
    (monitors / "environments").mkdir()
    (monitors / "environments" / "staging.json").write_text('{"env": "staging"}')
    where = ("--folder", folder, "--monitors", monitors)

    assert (
        "1 dashboards: no problem (environments: test, staging)\n" == command("check", *where)[1]
    )
    _, out, _ = command("print", "one", *where, "--env", "staging")
    _, _, problem = command("print", *where, "--env", "stagnig")

    assert ["staging"] == json.loads(out)["template_variables"][0]["defaults"]
    assert "Managed by lightkeeper: staging/one" == json.loads(out)["description"]
    assert 2 == problem.exit_status
    assert "no such environment: stagnig" in str(problem)
