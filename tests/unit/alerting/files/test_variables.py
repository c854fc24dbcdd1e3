"""Values that stand in for those of variables.json: an environment's, a file's, single ones."""

import json
import os

import definition_files
import pytest

from lightkeeper.alerting.files.definitions import BadDefinition, load
from lightkeeper.alerting.files.variables import Values, environments, load_variables


@pytest.fixture
def folder(tmp_path):
    """A faultless set with a second environment."""
    made = definition_files.write(tmp_path / "m", definition_files.definitions())
    write(made, "staging", {"env": "staging", "channel": "@slack-y"})
    return made


def write(folder, name, values):
    """Write an environment; a text is written as it is."""
    (folder / "environments").mkdir(exist_ok=True)
    file = folder / "environments" / f"{name}.json"
    file.write_text(values if isinstance(values, str) else json.dumps(values))
    return file


def variables(folder, environment=None, file=None, *single):
    """What the variables are with these values."""
    return load_variables(folder / "variables.json", values=Values(environment, file, single))


def refusal(folder, environment=None, file=None, *single):
    """What is said of values, in one line, and the exit status."""
    with pytest.raises(BadDefinition) as caught:
        variables(folder, environment, file, *single)
    assert "\n" not in str(caught.value)
    return caught.value.exit_status, str(caught.value)


def test_an_environment_has_its_values_and_the_others_of_variables_json(folder):
    """What is made of a replaced value follows it: the tag env, the payloads."""
    found = variables(folder, "staging")

    assert ("staging", "@slack-y", "@pagerduty-x", 7) == tuple(
        found[name] for name in ("env", "channel", "pager", "most")
    )
    assert "env:staging" in found["tags"]
    assert list(variables(folder)) == list(found)
    stuck = load(folder, values=Values("staging")).monitors["stuck"].payload
    assert "{env:staging}" in stuck["query"]
    assert "@slack-y" in stuck["message"]


def test_the_first_environment_is_that_of_variables_json(folder):
    """It needs no file of its own, and may be named all the same."""
    assert ("test", "staging") == environments(folder)
    assert variables(folder) == variables(folder, "test")


def test_of_several_values_the_last_named_decides(folder, tmp_path):
    """An environment, then a file, then a single value; each has the type of the first."""
    file = tmp_path / "mine.json"
    file.write_text(json.dumps({"channel": "@slack-z", "most": 8}))

    found = variables(folder, "staging", file, "most=9.5", "pager=8", 'tags=["a:b"]', "team=a=b")

    expected = ("@slack-z", 9.5, "8", ["a:b"], "a=b", "staging")
    assert expected == tuple(
        found[name] for name in ("channel", "most", "pager", "tags", "team", "env")
    )
    assert "qa" == variables(folder, None, None, "env=qa")["env"]


@pytest.mark.parametrize(
    ("single", "words"),
    [
        ("most", "--set most: write it as NAME=VALUE"),
        ("", "--set : write it as NAME=VALUE"),
        ("mots=1", "--set mots=1: mots: [variable] variables.json has no mots: did you mean most"),
        ("zzz=1", "variables.json has no zzz: write one of its names"),
        ("most=many", '--set most=many: most: [variable] "many" has the wrong type: write a numb'),
        ("most=1e999", "Infinity has the wrong type: write a number"),
        ("most=true", "true has the wrong type: write a number"),
        ("most=NaN", '"NaN" has the wrong type: write a number'),
        ("most=" + "[" * 9999, "has the wrong type: write a number"),
        ("tags=a:b", "write a list of texts"),
        ("tags=[1]", "[1] has the wrong type: write a list of texts"),
        ("env=", "--set env=: env: [variable] missing: give it a text"),
        ("runbook_url=/a", "--set runbook_url=/a: runbook_url: [variable] /a is relative"),
        ("channel=${nothing}", "--set channel=${nothing}: channel: [variable] variables.json has"),
    ],
)
def test_a_wrong_single_value_is_a_wrong_command_line(folder, single, words):
    """One line that says what to write, and exit status 2."""
    status, said = refusal(folder, None, None, single)

    assert 2 == status
    assert words in said


def test_an_environment_that_is_not_there_is_named_with_those_that_are(folder):
    """It is a wrong command line, and leads to no file elsewhere."""
    for name in ("prod", "", "../variables", "staging.json"):
        status, said = refusal(folder, name)

        assert 2 == status
        assert f"no such environment: {name}: choose from test, staging, or write" in said


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ("{", "staging.json: line 1 column 2: [file] is not JSON"),
        ("[]", "staging.json: [file] is not one object"),
        ({"env": "x", "mots": 1}, "staging.json: mots: [variable] variables.json has no mots"),
        ({"env": "x", "most": "1"}, 'most: [variable] "1" has the wrong type: write a number'),
        ({"env": "x", "most": None}, "null has the wrong type"),
        ({"env": 1}, "env: [variable] 1 has the wrong type: write a text"),
        ({"most": 1}, "staging.json: env: [variable] test is that of variables.json"),
        ({"env": "TEST"}, "env: [variable] test is that of variables.json"),
        ({"env": "x", "channel": "${pagre}"}, "staging.json: channel: [variable] variables.json"),
        ({"env": "x", "channel": "  "}, "staging.json: channel: [variable] missing"),
    ],
)
def test_a_wrong_environment_is_wrong_data(folder, values, words):
    """One line with file and name, and exit status 65."""
    write(folder, "staging", values)

    status, said = refusal(folder, "staging")
    assert 65 == status
    assert words in said


def test_a_file_of_values_that_cannot_be_read_is_named(folder, tmp_path):
    """Exit status 66, whether it is missing, a folder, or no regular file."""
    os.mkfifo(tmp_path / "fifo")

    assert (66, f"{tmp_path / 'no'}: [file] cannot be read: No such file or directory") == refusal(
        folder, None, tmp_path / "no"
    )
    assert 66 == refusal(folder, None, tmp_path)[0]
    assert (65, f"{tmp_path / 'fifo'}: [file] is not a regular file: name one that is") == refusal(
        folder, None, tmp_path / "fifo"
    )


def test_two_environments_with_one_env_are_refused(folder):
    """Their objects could not be told apart in an account."""
    file = write(folder, "stage", {"env": "Staging"})

    with pytest.raises(BadDefinition) as caught:
        environments(folder)

    said = f"staging is that of {file} too: give each environment one of its own"
    assert f"{folder / 'environments' / 'staging.json'}: env: [variable] {said}" == str(
        caught.value
    )


def test_two_envs_that_datadog_writes_alike_are_refused(folder):
    """Each object would carry the same mark in both."""
    write(folder, "a", {"env": "prod:us"})
    write(folder, "b", {"env": "PROD us"})

    with pytest.raises(BadDefinition, match=r"prod_us is that of .*a\.json too"):
        environments(folder)
