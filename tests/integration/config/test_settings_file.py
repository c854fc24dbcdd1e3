"""Commands with a settings file, right or wrong."""

import command_line
import pytest

PATH = "LIGHTKEEPER_SETTINGS_FILE"


@pytest.fixture
def file(tmp_path):
    """The path of the settings file."""
    return tmp_path / "lightkeeper.env"


def test_a_key_pasted_without_quotes_is_not_repeated(file):
    """Its further lines are the secret: no part of them is printed."""
    secret = ["MIIEvQIBADANBgkqhkiG9w0BAQEFAASC", "BKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj", "cHa="]
    lines = ["-----BEGIN PRIVATE KEY-----", *secret, "-----END PRIVATE KEY-----"]
    file.write_text("LIGHTKEEPER_LIGHTHOUSE_PRIVATE_KEY=" + "\n".join(lines))

    done = command_line.run("status", env=command_line.environment() | {PATH: str(file)})

    assert 78 == done.returncode
    assert f"{file}:2: " in done.stderr
    assert [] == [part for line in secret for part in (line[:8], line[-3:]) if part in done.stderr]


@pytest.mark.parametrize("line", ["A=b\0c", "A\0B=c", "'A=B'=c", "A.B=c", "=c"])
def test_a_name_or_value_that_no_environment_can_hold_is_refused(file, line):
    """A wrong line is one line of output and exit status 78."""
    file.write_text(f"{line}\n")

    done = command_line.run("status", env=command_line.environment() | {PATH: str(file)})

    assert 78 == done.returncode
    assert f"  {file}:1: write NAME=value" in done.stderr


def test_a_wrong_line_hides_no_wrong_value(file):
    """All problems are named at once, by commands that poll Lighthouse and others."""
    file.write_text("bare\nLIGHTKEEPER_SLOW_AFTER=soon\n")
    env = command_line.environment() | {PATH: str(file)}

    status, run = command_line.run("status", env=env), command_line.run("run", env=env)

    assert {78} == {status.returncode, run.returncode}
    assert f"  {file}:1: write" in status.stderr
    assert "  LIGHTKEEPER_SLOW_AFTER: must be" in status.stderr
    assert "LIGHTKEEPER_LIGHTHOUSE_URL" not in status.stderr
    assert "  LIGHTKEEPER_LIGHTHOUSE_URL: missing" in run.stderr


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_file_that_cannot_be_read_ends_every_command(file, content):
    """The variable and the file are named, and the exit status is 78."""
    if content is not None:
        file.write_bytes(content)

    done = command_line.run("status", env=command_line.environment() | {PATH: str(file)})

    assert 78 == done.returncode
    reason = "not text" if content else "No such file or directory"
    assert f"  {PATH}: cannot read {file}: {reason}\n" in done.stderr


def test_commands_find_their_store_by_it(tmp_path, file):
    """With the settings file named, no other variable is needed."""
    file.write_text(f"LIGHTKEEPER_DATABASE_URL=sqlite:///{tmp_path}/store.db\n")
    env = command_line.environment() | {PATH: str(file)}
    track = ("--request-id", 1, "--submission-id", 2, "--document-type", "form_0781")

    assert 0 == command_line.run("track", *track, env=env).returncode
    assert "tracked 1 = pending 1" in command_line.run("status", env=env).stdout
