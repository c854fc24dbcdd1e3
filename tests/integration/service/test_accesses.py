"""What ends is named before: by `check`, and as a gauge of tokens and of the key."""

import command_line
import pytest
from daemon_rig import DaemonRig

from lightkeeper.casework.text import iso
from lightkeeper.config import api_tokens
from lightkeeper.config.api_tokens import Scope
from lightkeeper.config.settings import Settings, SettingsError
from lightkeeper.domain.time import DAY
from lightkeeper.service.accesses import callers_checked, key_checked, watched

NOW = 1_796_000_000_000
FILE, KEY_ENDS = "LIGHTKEEPER_API_TOKENS_FILE", "LIGHTKEEPER_LIGHTHOUSE_KEY_ENDS"


@pytest.fixture
def tokens(tmp_path, monkeypatch):
    """Make tokens with so many days left, by name; the file of them."""
    path = tmp_path / "api-tokens"
    monkeypatch.setenv(FILE, str(path))

    def make(**days):
        for name, left in days.items():
            ends = NOW + round(left * DAY)
            token, _ = api_tokens.made(name, frozenset({Scope.READ}), "test", NOW, ends)
            api_tokens.add(str(path), token)
        return path

    return make


def test_tokens_are_checked(tokens):
    """One that ends within 30 days is a warning; one that has ended fails; the others are fine."""
    tokens(reports=30.5, vets=180)
    assert (True, "reports ends in 30 d 12 h; vets ends in 180 d") == _checked()

    path = tokens(soon=29)
    fine, said = _checked()
    assert fine
    assert said.startswith("warning: soon ends in 29 d; reports ends")
    assert said.endswith("make another with `lightkeeper token new`, and revoke the old one")

    tokens(old=0)
    fine, said = _checked()
    assert not fine
    assert said.startswith(f"old ended at {iso(NOW)}; warning: soon")

    api_tokens.remove(str(path), "old")
    assert _checked()[0]
    path.chmod(0o644)
    assert not _checked()[0]
    assert "api-tokens is readable by others (mode 0644): chmod 600 it" in _checked()[1]


def test_a_file_that_cannot_be_used_fails_the_check(tokens):
    """A line that is wrong is named, and so is a file that is not there."""
    path = tokens(vets=180)
    path.write_text(f"{path.read_text()}broken\n")
    assert (
        False,
        f"{path}: line 2: is no JSON object: repair or remove the line; vets ends in 180 d",
    ) == _checked()

    path.unlink()
    fine, said = _checked()
    assert not fine
    assert f"{path}: no such file: `lightkeeper token new` makes it; no token" == said


@pytest.mark.parametrize(
    ("ends", "fine", "says"),
    [
        ("2026-12-30", True, "lighthouse_key ends in 30 d 9 h"),
        ("2026-12-29T01:00:00+02:00", True, "warning: lighthouse_key ends in 29 d 8 h; register"),
        ("2026-11-29", False, "lighthouse_key ended at 2026-11-29T00:00:00Z; register a new one"),
    ],
)
def test_the_key_is_checked(monkeypatch, ends, fine, says):
    """Its end is what the setting says: a date begins at midnight UTC."""
    monkeypatch.setenv(KEY_ENDS, ends)
    at = 1_795_964_400_000  # 2026-11-29T15:00:00Z

    found, said = key_checked(Settings.load(), at)

    assert (fine, True) == (found, said.startswith(says))


@pytest.mark.parametrize("wrong", ["soon", "2026-02-30", "1790000000", "01.03.2027"])
def test_an_end_that_is_no_date_is_named(monkeypatch, wrong):
    """A setting that is no date says how to write one."""
    monkeypatch.setenv(KEY_ENDS, wrong)

    with pytest.raises(SettingsError, match=f"{KEY_ENDS}: must be a date such as 2027-03-01"):
        Settings.load()


def test_check_has_a_line_of_each(tokens, tmp_path):
    """`lightkeeper check` says of the key and of the callers' tokens, where settings name them."""
    path = tokens(vets=180)
    env = command_line.environment(tmp_path / "store.db") | {FILE: str(path)}

    lines = command_line.run("check", env=env | {KEY_ENDS: "2020-01-01"}).stdout.splitlines()
    without = command_line.run("check", env=command_line.environment(tmp_path / "store.db"))

    assert ["FAIL  key", "  callers"] == [lines[1][:9], lines[2][4:13]]
    assert "lighthouse_key ended at 2020-01-01T00:00:00Z" in lines[1]
    assert "vets " in lines[2]
    assert not any(line[6:].startswith(("key", "callers")) for line in without.stdout.splitlines())


def test_what_is_left_is_sent(tokens, tmp_path, monkeypatch):
    """Days, by name, negative once over; of tokens those nine that end first; as the file is."""
    with DaemonRig(f"sqlite:///{tmp_path}/store.db", tmp_path) as watch:
        path = tokens(**{f"t-{letter}": 100 + at for at, letter in enumerate("abcdefghij")})
        tokens(old=-1.5)
        monkeypatch.setenv(KEY_ENDS, iso(NOW + 7 * DAY))
        watch.clock.now = NOW / 1_000
        left = _left(watch)
        api_tokens.remove(str(path), "old")
        after = _left(watch)

    assert {"lighthouse_key": 7, "old": -1.5, "t-a": 100, "t-h": 107} == {
        name: left[name] for name in ("lighthouse_key", "old", "t-a", "t-h")
    }
    assert 10 == len(left) == len(after)
    assert {"old", "t-i"} == left.keys() ^ after.keys()


def _left(watch):
    watch.agent.clear()
    settings = Settings.load()
    watch.gauges.reconfigure(
        watch.emitter, daily_count_hour=14, policy=settings.policy, accesses=watched(settings)
    )
    watch.gauges.send()
    watch.agent.drain()
    return {
        dict(metric.tags)["access"]: metric.value
        for metric in watch.agent.metrics
        if metric.name == "lightkeeper.access.days_left"
    }


def _checked():
    return callers_checked(Settings.load(), NOW)
