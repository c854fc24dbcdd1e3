"""`lightkeeper demo`, from its first line to what it says to try next."""

import os
import stat
import sys
from pathlib import Path

import command_line
import pytest

from lightkeeper.simulation.demo.place import fresh_store, url_in_shell
from lightkeeper.store.database import AlreadyWatched
from lightkeeper.store.file_locks import claim_file

PAGES = ["documents-unacknowledged", "standstill"]
PAGES_LOW = ["stuck-unplanned", "failed", "not-found"]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Where the demo keeps its store."""
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="module")
def demo(home):
    """A whole demo on a pipe."""
    env = command_line.environment(XDG_STATE_HOME=str(home))
    return command_line.run("demo", "--seconds", 8, env=env)


pytestmark = [pytest.mark.timeout(900), pytest.mark.xdist_group("demo")]  # it runs once


def test_it_adds_up(demo):
    """Exit status 0: Datadog's last gauges say what the store says."""
    assert (0, "") == (demo.returncode, demo.stderr)
    assert "last gauges equal the store" in demo.stdout


def test_its_first_line_says_what_is_real(demo):
    """And what is simulated, before anything else."""
    assert (
        "real: daemon, store, signals, monitors; simulated: Lighthouse, Datadog, a day"
        == (demo.stdout.splitlines()[0])
    )


def test_it_names_the_monitors_that_would_page(demo):
    """Each that fires at the troubles of the day, and no burn rate."""
    lines = [line.split("  ", 1)[1] for line in demo.stdout.splitlines() if "  would " in line]

    assert [] == [key for key in PAGES if f"would page: {key}" not in lines]
    low = [f"would page in working hours: documents-{key}" for key in PAGES_LOW]
    assert [] == [line for line in low if line not in lines]
    assert "would notify the channel: unknown-words" in lines
    assert "would notify the channel: in-efolder-not-bgs" in lines
    assert [] == [line for line in lines if "burn" in line]


def test_what_it_says_to_try_next_works(demo, home):
    """Its last two lines, typed into a shell, show the history of a document that failed."""
    *_, export, show = demo.stdout.splitlines()
    command = f"{sys.executable} -m lightkeeper"
    done = command_line.run(
        env=command_line.environment(),
        within=f"{export}\n{show.replace('lightkeeper', command, 1)}",
    )

    assert f"export LIGHTKEEPER_DATABASE_URL=sqlite:///{home}/lightkeeper/demo.db" == export
    assert "failed at CLAIMS_EVIDENCE" in done.stdout
    assert (0, "") == (done.returncode, done.stderr)


def test_its_store_is_its_users_alone(demo, home):
    """No other user reads it."""
    assert 0 == demo.returncode
    assert 0o600 == stat.S_IMODE((home / "lightkeeper" / "demo.db").stat().st_mode)


def test_a_demo_replaces_the_store_of_the_one_before(tmp_path, monkeypatch):
    """Nothing of it is left, and no other file is touched."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    store = fresh_store()
    for name in ("demo.db", "demo.db-wal", "demo.db-shm", "other.db"):
        store.with_name(name).touch()

    assert store == fresh_store()
    assert ["other.db"] == sorted(path.name for path in store.parent.iterdir())


def test_a_running_demo_keeps_its_store(tmp_path, monkeypatch):
    """A second one beside it is refused."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    store = fresh_store()
    store.touch()
    claim = claim_file(store)

    with pytest.raises(AlreadyWatched):
        fresh_store()
    os.close(claim)


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    """The message says which, why, and what to set; the exit status is that of the database."""
    (tmp_path / "file").touch()
    env = command_line.environment(XDG_STATE_HOME=str(tmp_path / "file"))
    done = command_line.run("demo", env=env)

    assert 74 == done.returncode
    assert (
        f"lightkeeper: {tmp_path}/file/lightkeeper: Not a directory: "
        "set XDG_STATE_HOME to a folder that can be written\n"
    ) == done.stderr


def test_the_url_can_be_typed_in_a_shell(tmp_path, monkeypatch):
    """With $HOME where it begins so, and quoted where the path needs it."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)

    assert [
        "sqlite:///$HOME/.local/state/lightkeeper/demo.db",
        "'sqlite:////a b/demo.db'",
    ] == [url_in_shell(fresh_store()), url_in_shell(Path("/a b/demo.db"))]
