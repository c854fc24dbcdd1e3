"""The settings file: its variables are read, the environment wins, wrong lines are refused."""

import pytest

from lightkeeper.config.settings import SettingsError
from lightkeeper.config.settings_file import SettingsFile

PATH = "LIGHTKEEPER_SETTINGS_FILE"
KEY = "LIGHTKEEPER_LIGHTHOUSE_PRIVATE_KEY"


@pytest.fixture
def file(tmp_path):
    """The path of the settings file."""
    return tmp_path / "lightkeeper.env"


def test_its_values_are_used_where_the_environment_has_none(file):
    """Comments, quotes and `export` are understood; `$NAME` stays as it is."""
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


def test_a_reload_removes_what_the_file_no_longer_has(file):
    """Variables from the file go with it; those that the process began with stay."""
    file.write_text("A=1\nB=2\n")
    environ = {PATH: str(file), "C": "3"}
    settings_file = SettingsFile(environ)
    settings_file.read()

    file.write_text("B=4\nC=5\n")
    settings_file.read()

    assert {PATH: str(file), "B": "4", "C": "3"} == environ


def test_wrong_lines_are_all_named_without_their_values(file):
    """Each is named by its line, and by its name if that is ours; good lines are read."""
    file.write_text("GOOD=1\nLIGHTKEEPER_DATABASE_URL='secret\nhunter2\nexport DD_ENV staging\n")
    environ = {PATH: str(file)}

    with pytest.raises(SettingsError) as refused:
        SettingsFile(environ).read()

    remedy = "write NAME=value; put a value with spaces or line breaks in double quotes"
    assert [
        f"{file}:2: LIGHTKEEPER_DATABASE_URL: {remedy}",
        f"{file}:3: {remedy}",
        f"{file}:4: DD_ENV: {remedy}",
    ] == refused.value.problems
    assert {PATH: str(file), "GOOD": "1"} == environ


def test_a_refused_reload_leaves_the_environment_as_it_was(file):
    """What the reload read is undone."""
    file.write_text("A=1\n")
    environ = {PATH: str(file)}
    settings_file = SettingsFile(environ)
    settings_file.read()

    file.write_text("B=2\nbare\n")
    with pytest.raises(SettingsError), settings_file.undone_on_error():
        settings_file.read()

    assert {PATH: str(file), "A": "1"} == environ


@pytest.mark.parametrize(
    ("line", "is_secret"),
    [
        ("LIGHTKEEPER_DATABASE_URL=postgresql://keeper:word@host/name", True),
        ("LIGHTKEEPER_DATABASE_URL='postgresql://host/name?user=keeper&password=word'", True),
        ("LIGHTKEEPER_LIGHTHOUSE_PROXY=http://keeper:word@proxy:3128", True),
        (f'{KEY}="-----BEGIN PRIVATE KEY-----\nTUlJ\n-----END PRIVATE KEY-----"', True),
        ("LIGHTKEEPER_DATABASE_URL=postgresql://keeper@host/name", False),
        (f"{KEY}_FILE=/etc/key.pem\nLIGHTKEEPER_LIGHTHOUSE_PROXY=http://proxy:3128", False),
    ],
)
def test_a_file_with_a_secret_is_for_us_alone(file, line, is_secret):
    """That others may read it is a problem only where it holds a key or a password."""
    file.write_text(f"{line}\n")
    file.chmod(0o644)
    settings_file = SettingsFile({PATH: str(file), "OTHER": "https://user:word@host"})
    settings_file.read()

    problem = f"{file} is readable by others (mode 0644): chmod 600 it"
    assert (problem if is_secret else None) == settings_file.exposed()
    file.chmod(0o600)
    assert settings_file.exposed() is None
