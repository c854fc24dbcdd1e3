"""The settings file: read into the environment, outweighed by it, refused where it is wrong."""

import pytest

import commands
from lightkeeper.settings import SettingsError
from lightkeeper.settings_file import SettingsFile

PATH = "LIGHTKEEPER_SETTINGS_FILE"


@pytest.fixture
def file(tmp_path):
    """Where it is."""
    return tmp_path / "lightkeeper.env"


def test_its_values_count_where_the_environment_says_nothing(file):
    """A comment, quotes and `export` are understood; nothing is put in place of a dollar."""
    file.write_text(
        "# a comment\nLIGHTKEEPER_BATCH_SIZE=50\nDD_ENV='staging'\n"
        'export DATADOG_TAGS="a:b, c:d"\nOTHER=$HOME\n'
    )
    environ = {PATH: str(file), "DD_ENV": "production"}

    SettingsFile(environ).read()

    assert {
        PATH: str(file),
        "DD_ENV": "production",
        "LIGHTKEEPER_BATCH_SIZE": "50",
        "DATADOG_TAGS": "a:b, c:d",
        "OTHER": "$HOME",
    } == environ


def test_read_again_it_takes_out_what_it_no_longer_says(file):
    """What came from the file goes with it; what the process began with stays."""
    file.write_text("A=1\nB=2\n")
    environ = {PATH: str(file), "C": "3"}
    settings_file = SettingsFile(environ)
    settings_file.read()

    file.write_text("B=4\nC=5\n")
    settings_file.read()

    assert {PATH: str(file), "B": "4", "C": "3"} == environ


def test_lines_that_say_nothing_are_all_named_and_no_value_is(file):
    """Each by its line; the environment is left as it was."""
    file.write_text("GOOD=1\nLIGHTKEEPER_DATABASE_URL='secret\nBARE\n")
    environ = {PATH: str(file)}

    with pytest.raises(SettingsError) as refused:
        SettingsFile(environ).read()

    assert [f"{file}:2:", f"{file}:3:"] == [line.split(" ")[0] for line in refused.value.problems]
    assert "secret" not in str(refused.value)
    assert {PATH: str(file)} == environ


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_file_that_cannot_be_read_ends_every_command(file, content):
    """One line that names the variable and the file, and exit status 78."""
    if content is not None:
        file.write_bytes(content)

    done = commands.run("status", env=commands.environment() | {PATH: str(file)})

    assert 78 == done.returncode
    reason = "not text" if content else "No such file or directory"
    assert f"  {PATH}: cannot read {file}: {reason}\n" in done.stderr


def test_commands_find_their_store_by_it(tmp_path, file):
    """Staff need name nothing but the file."""
    file.write_text(f"LIGHTKEEPER_DATABASE_URL=sqlite:///{tmp_path}/store.db\n")
    env = commands.environment() | {PATH: str(file)}
    track = ("--request-id", 1, "--submission-id", 2, "--document-type", "form_0781")

    assert 0 == commands.run("track", *track, env=env).returncode
    assert "tracked 1 = pending 1" in commands.run("status", env=env).stdout
