"""The file of API tokens: who is let in, who is refused and why, and how the file is changed."""

import json
import os
import resource
import stat

import pytest
from manual_clock import ManualClock

from lightkeeper.config import api_tokens
from lightkeeper.config.api_tokens import (
    BearerRefused,
    NameTaken,
    NameUnknown,
    Refusal,
    Scope,
    WrongTokenFile,
)
from lightkeeper.config.known_tokens import Tokens
from lightkeeper.domain.time import DAY, SECOND

NOW = 1_796_000_000_000


@pytest.fixture
def path(tmp_path):
    """Where the file of tokens is to be."""
    return tmp_path / "tokens"


def add(path, name="vets-api", *scopes, environment="production", days=180):
    """Add a token to the file; its bearer."""
    token, bearer = api_tokens.made(
        name, frozenset(scopes or {Scope.READ}), environment, NOW, NOW + days * DAY
    )
    api_tokens.add(str(path), token)
    return bearer


def refusal(tokens, bearer, now=NOW):
    """Why a bearer is refused."""
    with pytest.raises(BearerRefused) as caught:
        tokens.find(bearer, now)
    return caught.value.reason


def test_a_bearer_is_known_by_its_name_and_scopes(path):
    """A token opens what its line allows, until the millisecond at which it ends."""
    add(path, "reports", Scope.CHANGES, days=7)
    bearer = add(path, "vets-api", Scope.TRACK, Scope.READ)
    tokens = Tokens(str(path), "production")

    found = tokens.find(bearer, NOW + 180 * DAY - 1)

    assert ("vets-api", {Scope.TRACK, Scope.READ}) == (found.name, found.scopes)
    assert NOW + 180 * DAY == found.ends
    assert Refusal.ENDED == refusal(tokens, bearer, NOW + 180 * DAY)


ALTERED = {
    "a digit": (lambda bearer: bearer[:-1] + format(bearer[-1] == "0", "d"), Refusal.UNKNOWN),
    "its environment": (
        lambda bearer: bearer.replace("production", "staging"),
        Refusal.OTHER_ENVIRONMENT,
    ),
    "its case": (str.upper, Refusal.MALFORMED),
    "longer": (lambda bearer: bearer + "\n", Refusal.MALFORMED),
    "shorter": (lambda bearer: bearer[:-1], Refusal.MALFORMED),
    "its secret alone": (lambda bearer: bearer.rpartition("_")[2], Refusal.MALFORMED),
    "nothing": (lambda _: "", Refusal.MALFORMED),
    "other digits": (lambda bearer: bearer[:-64] + "\u0660" * 64, Refusal.MALFORMED),
    "its hash": (api_tokens.digest_of, Refusal.MALFORMED),
    "its hash for a secret": (
        lambda bearer: bearer[:-64] + api_tokens.digest_of(bearer),
        Refusal.UNKNOWN,
    ),
}


@pytest.mark.parametrize("kind", ALTERED)
def test_what_is_no_token_of_the_file_is_refused(path, kind):
    """Whatever is near a token, or only its hash, opens nothing; the reason repeats none of it."""
    altered, reason = ALTERED[kind]
    bearer = add(path)

    assert reason == refusal(Tokens(str(path), "production"), altered(bearer))
    assert bearer[-64:] not in path.read_text()


def test_a_line_of_another_environment_opens_nothing(path):
    """A file that was copied from staging lets no caller of staging into production."""
    bearer = add(path, environment="staging")

    assert Refusal.OTHER_ENVIRONMENT == refusal(Tokens(str(path), "production"), bearer)

    forged = path.read_text().replace(
        api_tokens.digest_of(bearer),
        api_tokens.digest_of(bearer.replace("staging", "production")),
    )
    path.write_text(forged)
    tokens = Tokens(str(path), "production")
    assert Refusal.UNKNOWN == refusal(tokens, bearer.replace("staging", "production"))


def test_a_revoked_token_is_refused_at_once(path):
    """A token is refused from the moment it is revoked, and a new one known, without a restart."""
    bearer, other = add(path), add(path, "reports")
    tokens = Tokens(str(path), "production")
    assert "vets-api" == tokens.find(bearer, NOW).name

    api_tokens.remove(str(path), "vets-api")

    assert Refusal.UNKNOWN == refusal(tokens, bearer)
    assert "reports" == tokens.find(other, NOW).name
    assert "again" == tokens.find(add(path, "again"), NOW).name


def test_an_edit_within_the_same_time_stamp_is_seen(path):
    """A file that is changed in place, just after it was read, is read again."""
    bearer = add(path)
    tokens = Tokens(str(path), "production")
    assert "vets-api" == tokens.find(bearer, NOW).name
    before = path.stat()

    path.write_text(path.read_text().replace("vets-api", "vets-app"))
    os.utime(path, ns=(before.st_mtime_ns, before.st_mtime_ns))

    assert "vets-app" == tokens.find(bearer, NOW).name


def test_a_line_that_breaks_later_takes_none_of_the_others(path):
    """A file broken by an edit keeps its good lines in force, and says which line is wrong."""
    bearer, other = add(path), add(path, "reports")
    tokens = Tokens(str(path), "production")

    path.write_text(path.read_text().replace('"vets-api"', "vets-api"))

    assert "reports" == tokens.find(other, NOW).name
    assert Refusal.UNKNOWN == refusal(tokens, bearer)
    assert f"{path}: line 1: is no JSON object: repair or remove the line" == tokens.problem


class Limited:
    """While it lasts, this process can open no file more, as where it has too many open."""

    def __enter__(self):
        self.before = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, self.before[1]))

    def __exit__(self, *_):
        resource.setrlimit(resource.RLIMIT_NOFILE, self.before)


@pytest.mark.parametrize("changed", [False, True])
def test_tokens_count_for_a_minute_while_their_file_cannot_be_read(path, changed):
    """It is read at the next look at which it can be, whether or not it has changed again."""
    bearer, clock = add(path), ManualClock()
    tokens = Tokens(str(path), "production", clock)
    path.touch()
    with Limited():
        for _ in range(2):
            assert "vets-api" == tokens.find(bearer, NOW).name
            assert f"cannot read {path}: Too many open files" == tokens.problem
            clock.now += 59
        clock.now += 1
        assert Refusal.UNKNOWN == refusal(tokens, bearer)

    if changed:
        api_tokens.remove(str(path), "vets-api")
        bearer = add(path)
    assert "vets-api" == tokens.find(bearer, NOW).name
    assert None is tokens.problem


def test_a_minute_without_the_file_begins_when_it_cannot_be_read(path):
    """After it was read it is a new one."""
    bearer, clock = add(path), ManualClock()
    tokens = Tokens(str(path), "production", clock)
    for _ in range(3):
        path.touch()
        with Limited():
            assert "vets-api" == tokens.find(bearer, NOW).name
            clock.now += 45
            assert "vets-api" == tokens.find(bearer, NOW).name
        assert "vets-api" == tokens.find(bearer, NOW).name


def test_a_file_that_is_gone_lets_no_caller_in(path):
    """Once the file is gone no token is known; once it is back, all are."""
    bearer = add(path)
    tokens = Tokens(str(path), "production")

    path.rename(path.with_suffix(".moved"))
    assert Refusal.UNKNOWN == refusal(tokens, bearer)
    assert "no such file" in tokens.problem

    path.with_suffix(".moved").rename(path)
    assert "vets-api" == tokens.find(bearer, NOW).name
    assert tokens.problem is None


BROKEN = {
    "no JSON": ("lightkeeper_production_0123", "is no JSON object"),
    "a list": ("[]", "is no JSON object"),
    "deep": ("[" * 100_000, "is no JSON object"),
    "a field missing": ({"ends": None}, "ends is missing"),
    "a field too many": ({"until": "2027-03-01"}, "a field is none of name, scopes"),
    "no name": ({"name": ""}, "name must be at most 40"),
    "a number that may be a person's": ({"name": "a123456789"}, "name must be at most 40"),
    "no scope": ({"scopes": []}, "scopes must be a list of track, read, changes, staff"),
    "a wrong scope": ({"scopes": ["read", "write"]}, "scopes must be a list of track"),
    "a scope that is no word": ({"scopes": [["read"]]}, "scopes must be a list of track"),
    "scopes in one word": ({"scopes": "read"}, "scopes must be a list of track"),
    "a token in clear": ({"sha256": "lightkeeper_x_" + "0" * 64}, "sha256 must be 64"),
    "an end without a zone": ({"ends": "2027-03-01T00:00:00"}, "ends must be a time such as"),
    "an end that is a number": ({"ends": 1_800_000_000}, "ends must be a time such as"),
    "an end of no calendar": ({"ends": "2027-02-30T00:00:00Z"}, "ends must be a time such"),
    "an environment": ({"environment": "A b"}, "environment must be a tag value"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_line_is_named(path, kind):
    """A wrong line is refused with its number and the reason, and none of what it holds."""
    given, reason = BROKEN[kind]
    add(path)
    if isinstance(given, dict):
        fields = json.loads(path.read_text()) | {"name": "second"} | given
        given = json.dumps({name: value for name, value in fields.items() if value is not None})
    path.write_text(f"{path.read_text()}\n{given}\n")

    with pytest.raises(WrongTokenFile) as caught:
        Tokens(str(path), "production")

    assert str(caught.value).startswith(f"{path}: line 3: {reason}")
    assert "0123" not in str(caught.value)
    with pytest.raises(WrongTokenFile, match="line 3"):
        add(path, "third")


def test_two_lines_of_one_name_are_named(path):
    """A name stands for one token: the second line with it is wrong."""
    add(path)
    path.write_text(path.read_text() * 2)

    with pytest.raises(WrongTokenFile, match="line 2: the name is that of line 1"):
        api_tokens.read(str(path))
    with pytest.raises(WrongTokenFile, match="line 2"):
        add(path, "other")


def test_a_token_is_revoked_beside_a_broken_line(path):
    """What is wrong elsewhere keeps no token alive, and stays as it was."""
    add(path)
    path.write_text(f"broken\n{path.read_text()}\nlast")

    api_tokens.remove(str(path), "vets-api")

    assert "broken\n\nlast" == path.read_text()
    with pytest.raises(NameUnknown, match="has no token of that name"):
        api_tokens.remove(str(path), "vets-api")
    assert "broken\n\nlast" == path.read_text()


def test_a_name_is_given_once(path):
    """A second token of one name is refused, and the first keeps working."""
    bearer = add(path)

    with pytest.raises(NameTaken, match="has a token vets-api already"):
        add(path)

    assert "vets-api" == Tokens(str(path), "production").find(bearer, NOW).name


def test_the_file_keeps_its_rights_and_its_link(path):
    """A new file is its owner's alone; a change keeps its rights, its link and hand-made lines."""
    add(path)
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    path.chmod(0o640)
    link = path.with_name("link")
    link.symlink_to(path)
    path.with_name(".tokens.new").write_text("left by one that was killed")
    path.write_text(path.read_text().rstrip("\n"))

    add(link, "reports")

    assert 0o640 == stat.S_IMODE(path.stat().st_mode)
    assert link.is_symlink()
    assert ["vets-api", "reports"] == [token.name for token in api_tokens.read(str(path))]
    assert ["link", "tokens"] == sorted(each.name for each in path.parent.iterdir())


@pytest.mark.parametrize("kind", ["absent", "folder", "pipe", "binary"])
def test_what_is_no_file_is_named(path, kind):
    """What cannot be read is one clear message, at once."""
    match kind:
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "binary":
            path.write_bytes(b"\xff")

    with pytest.raises(WrongTokenFile, match=str(path)):
        Tokens(str(path), "production")


def test_times_are_whole_seconds(path):
    """What is read again is what was written, to the second."""
    token, _ = api_tokens.made(
        "vets-api", frozenset({Scope.READ}), "none", NOW + 999, NOW + DAY + 999
    )
    api_tokens.add(str(path), token)

    (found,) = api_tokens.read(str(path))

    assert (NOW, NOW + DAY) == (found.created, found.ends)
    assert token._replace(created=NOW, ends=NOW + DAY) == found
    assert 0 == found.ends % SECOND
