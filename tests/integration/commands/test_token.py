"""`lightkeeper token`: made once, known by its hash, revoked at once, and never half written."""

import json
import re
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import command_line
import pytest

from lightkeeper.config import api_tokens
from lightkeeper.config.api_tokens import BearerRefused, Refusal
from lightkeeper.config.known_tokens import Tokens
from lightkeeper.domain.time import DAY
from lightkeeper.service.clock import now

USAGE, DATA, OVERWRITE, IO, CONFIG = 2, 65, 73, 74, 78


@pytest.fixture
def path(tmp_path):
    """Where the file of tokens is to be."""
    return tmp_path / "api-tokens"


def token(path, *words, **more):
    """Run `lightkeeper token` on the file."""
    env = command_line.environment(LIGHTKEEPER_API_TOKENS_FILE=str(path), DD_ENV="Staging")
    return command_line.run("token", *words, env=env, **more)


def made(path, name, *scopes):
    """Make a token; its bearer."""
    options = [word for scope in scopes or ("read",) for word in ("--scope", scope)]
    done = token(path, "new", name, *options)
    assert 0 == done.returncode, done.stderr
    return done.stdout.removesuffix("\n")


def test_a_token_is_printed_once_and_opens_what_it_says(path):
    """Standard output has the token alone; the file has its hash, and the API knows it."""
    done = token(path, "new", "vets-api", "--scope", "track", "--scope", "READ", "--days", "30")
    bearer = done.stdout.removesuffix("\n")

    found = Tokens(str(path), "staging").find(bearer, now())

    assert ("vets-api", {"track", "read"}) == (found.name, found.scopes)
    assert 30 * DAY == found.ends - found.created
    assert "token vets-api of staging allows read, track for 30 days" in done.stderr
    assert bearer.startswith("lightkeeper_staging_")
    assert bearer[-64:] not in done.stderr + path.read_text()
    assert 0o600 == path.stat().st_mode & 0o777


def test_a_token_without_an_environment_is_said_to_have_none(path):
    """Where DD_ENV is not set: by `new` and `list`; "none" would read as an environment."""
    env = command_line.environment(LIGHTKEEPER_API_TOKENS_FILE=str(path), DD_ENV="")
    made = command_line.run("token", "new", "vets-api", "--scope", "read", env=env)
    listed = command_line.run("token", "list", env=env).stdout.splitlines()

    assert made.stdout.startswith("lightkeeper_none_")
    assert "token vets-api without an environment allows read for" in made.stderr
    assert ["vets-api", "read", "no environment"] == re.split("  +", listed[1])[:3]


def test_tokens_are_listed_and_revoked(path):
    """The list says when each ends; a revoked one is gone from it, and refused."""
    tokens = {name: made(path, name) for name in ("reports", "vets-api")}
    known = Tokens(str(path), "staging")
    known.find(tokens["vets-api"], now())

    revoked = token(path, "revoke", "vets-api")
    listed = json.loads(token(path, "list", "--json").stdout)
    lines = token(path, "list").stdout.splitlines()

    assert (0, "token vets-api is revoked\n") == (revoked.returncode, revoked.stdout)
    assert [("reports", ["read"], "staging", "in force")] == [
        (each["name"], each["scopes"], each["environment"], each["state"]) for each in listed
    ]
    assert ["name", "scopes", "environment", "ends"] == lines[0].split()
    assert lines[1].startswith("reports ")
    assert lines[1].endswith("in 179 d 23 h")
    with pytest.raises(BearerRefused, match=Refusal.UNKNOWN):
        known.find(tokens["vets-api"], now())


def test_a_store_that_cannot_be_written_keeps_no_token_alive(path, tmp_path):
    """The token is revoked, and the message says that the audit log lacks it."""
    made(path, "vets-api")
    (tmp_path / "store.db").write_text("no store")
    env = command_line.environment(
        tmp_path / "store.db", LIGHTKEEPER_API_TOKENS_FILE=str(path), DD_ENV="Staging"
    )
    done = command_line.run("token", "revoke", "vets-api", env=env)

    assert (0, "token vets-api is revoked\n") == (done.returncode, done.stdout)
    assert done.stderr.startswith("lightkeeper: the audit log lacks this command: ")
    assert [] == api_tokens.read(str(path))


@pytest.mark.parametrize("words", [("new", "reports", "--scope", "read"), ("revoke", "vets-api")])
def test_where_there_is_no_store_it_is_said(path, tmp_path, words):
    """As LIGHTKEEPER_DATABASE_URL may name another than that of the daemon."""
    made(path, "vets-api")
    env = command_line.environment(
        tmp_path / "elsewhere.db", LIGHTKEEPER_API_TOKENS_FILE=str(path), DD_ENV="Staging"
    )
    done = command_line.run("token", *words, env=env)

    said = f"lightkeeper: the audit log lacks this command: {tmp_path / 'elsewhere.db'}: no store"
    assert (0, True) == (done.returncode, done.stderr.splitlines()[-1].startswith(said))
    assert not (tmp_path / "elsewhere.db").exists()


WRONG = {
    "a name that is taken": ("new reports --scope read", OVERWRITE, "reports already: revoke it"),
    "a name with capitals": ("new Reports --scope read", USAGE, "NAME: the name of a token is"),
    "a person's number": ("new a-123-45-6789 --scope read", USAGE, "like a social security"),
    "no such token": ("revoke vets-api", DATA, "no token of that name: `lightkeeper token list`"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_mistake_changes_nothing(path, kind):
    """It is one line that says what to do, and the file is as it was."""
    line, status, says = WRONG[kind]
    made(path, "reports")
    before = path.read_text()

    done = token(path, *line.split())

    assert (status, "") == (done.returncode, done.stdout)
    assert says in done.stderr
    assert "6789" not in done.stderr
    assert before == path.read_text()


def test_a_broken_line_is_named_and_the_others_stay(path):
    """`list` shows the good lines; `new` makes none beside a broken one; `revoke` works."""
    made(path, "reports")
    with path.open("a") as file:
        file.write("lightkeeper_staging_pasted\n")
    problem = f"lightkeeper: {path}: line 2: is no JSON object: repair or remove the line\n"

    listed = token(path, "list")
    new = token(path, "new", "vets-api", "--scope", "read")
    revoked = token(path, "revoke", "reports")

    assert (CONFIG, problem) == (listed.returncode, listed.stderr)
    assert "reports" in listed.stdout
    assert (CONFIG, "", problem) == (new.returncode, new.stdout, new.stderr)
    assert (0, "lightkeeper_staging_pasted\n") == (revoked.returncode, path.read_text())


def test_a_file_that_cannot_be_made_is_named(path):
    """Without a folder, or without a file to list, it says so."""
    none = path.parent / "none" / "tokens"

    new = token(none, "new", "vets-api", "--scope", "read")
    listed = token(path, "list")
    revoked = token(path, "revoke", "vets-api")

    assert f"cannot write {none}: No such file" in command_line.complaint(new, IO)
    assert "no such file: `lightkeeper token new`" in command_line.complaint(listed, CONFIG)
    assert "no such file: `lightkeeper token new`" in command_line.complaint(revoked, CONFIG)
    assert not path.exists()


def test_a_token_that_cannot_be_printed_is_none(path):
    """On a full disk no token is left that no caller has."""
    done = token(path, "new", "vets-api", "--scope", "read", within='"$@" >/dev/full')

    assert IO == done.returncode
    assert [] == api_tokens.read(str(path))


def test_many_at_once_lose_nothing(path):
    """Tokens that are made and revoked at the same time are all in the file, and whole."""
    made(path, "old")
    at = now()

    def add(name):
        api_tokens.add(str(path), api_tokens.made(name, {"read"}, "staging", at, at + DAY)[0])

    names = [f"caller-{each}" for each in "abcdefghijklmnop"]
    with ThreadPoolExecutor(17) as pool:  # the lock is of each one's own descriptor
        done = [pool.submit(add, name) for name in names]
        done.append(pool.submit(api_tokens.remove, str(path), "old"))

    assert [None] * 17 == [each.result() for each in done]
    assert names == sorted(each.name for each in api_tokens.read(str(path)))


KILLED = """
import os, signal, sys
from lightkeeper.config import api_tokens, rewriting
def killed(*_):
    os.kill(os.getpid(), signal.SIGKILL)
setattr(*eval(sys.argv[1]), killed)
api_tokens.remove(sys.argv[2], "old")
"""


@pytest.mark.parametrize(
    "at", ["(rewriting.os, 'fsync')", "(rewriting.os, 'fchmod')", "(rewriting.Path, 'replace')"]
)
def test_a_kill_in_the_midst_loses_nothing(path, at):
    """Whenever a change is killed, the file is as it was, and the next change is whole."""
    made(path, "old")
    before = path.read_text()

    done = subprocess.run([sys.executable, "-c", KILLED, at, path], check=False)

    assert -signal.SIGKILL == done.returncode
    assert before == path.read_text()
    made(path, "another")
    assert ["old", "another"] == [each.name for each in api_tokens.read(str(path))]
    assert [path] == list(Path(path.parent).iterdir())
