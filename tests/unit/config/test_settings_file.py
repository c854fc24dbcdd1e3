"""The settings file: read into the environment, outweighed by it, refused where it is wrong."""

import pytest

from lightkeeper.config.settings import SettingsError
from lightkeeper.config.settings_file import SettingsFile

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
    """Each by its line, and by its name where that is one of ours; the good lines count."""
    file.write_text("GOOD=1\nLIGHTKEEPER_DATABASE_URL='secret\nhunter2\nexport DD_ENV staging\n")
    environ = {PATH: str(file)}

    with pytest.raises(SettingsError) as refused:
        SettingsFile(environ).read()

    asks = "write NAME=value, and a value of several words or lines in double quotes"
    assert [
        f"{file}:2: LIGHTKEEPER_DATABASE_URL: {asks}",
        f"{file}:3: {asks}",
        f"{file}:4: DD_ENV: {asks}",
    ] == refused.value.problems
    assert {PATH: str(file), "GOOD": "1"} == environ


def test_what_is_not_kept_leaves_the_environment_as_it_was(file):
    """A reload that is refused undoes what it read."""
    file.write_text("A=1\n")
    environ = {PATH: str(file)}
    settings_file = SettingsFile(environ)
    settings_file.read()

    file.write_text("B=2\nbare\n")
    with pytest.raises(SettingsError), settings_file.undone_on_error():
        settings_file.read()

    assert {PATH: str(file), "A": "1"} == environ
