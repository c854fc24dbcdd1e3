"""`lightkeeper demo`, from its first line to what it says to try next."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import command_line
import pytest
from demo_picture import last_screen, terminal, whole_demo
from store_rows import new

from lightkeeper.simulation.demo.api import ApiUnavailable, DemoApi
from lightkeeper.simulation.demo.place import fresh_store, in_shell
from lightkeeper.simulation.demo.screen import HEIGHT, INTRODUCTION, WIDTH
from lightkeeper.store.database import AlreadyWatched, open_database
from lightkeeper.store.documents import Documents
from lightkeeper.store.file_locks import claim_file

PAGES = ["documents-unacknowledged", "standstill"]
PAGES_LOW = ["stuck-unplanned", "failed", "not-found"]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Where the demo keeps its store."""
    return tmp_path_factory.mktemp("state")


class Shown(NamedTuple):
    """What a whole demo printed, and what its last line answered in a shell while it served."""

    stdout: str
    stderr: str
    returncode: int
    answer: subprocess.CompletedProcess
    second: subprocess.CompletedProcess
    """Another demo that was begun meanwhile."""


@pytest.fixture(scope="module")
def demo(home):
    """A whole demo on a pipe, which serves the API afterwards until it is interrupted."""
    env, lines = command_line.environment(XDG_STATE_HOME=str(home)), []
    with command_line.running("demo", "--seconds", 8, "--serve", env=env) as process:
        while not (lines and "Ctrl-C" in lines[-1]):
            lines.append(process.stdout.readline())
            assert lines[-1], process.stderr.read()
        second = command_line.run("demo", "--seconds", 8, env=env)
        answer = subprocess.run(
            ["bash", "-c", lines[-1]], capture_output=True, text=True, check=False
        )
        process.send_signal(signal.SIGINT)
        rest, stderr = process.communicate()
    return Shown("".join(lines) + rest, stderr, process.returncode, answer, second)


pytestmark = [pytest.mark.timeout(800), pytest.mark.xdist_group("demo")]  # it runs once


def test_it_adds_up(demo):
    """Exit status 0: Datadog's last gauges say what the store says."""
    assert (0, "") == (demo.returncode, demo.stderr)
    assert "last gauges equal the store" in demo.stdout


def test_its_first_line_says_what_is_real(demo):
    """And what is simulated, before anything else."""
    assert (
        "real: daemon, API, store, monitors; simulated: Lighthouse, Datadog, a day"
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


def test_its_last_line_asks_the_api(demo):
    """Typed into a shell while the demo serves, it answers what the demo said; then it ends."""
    said = json.loads(demo.answer.stdout)
    *_, curl = demo.stdout.splitlines()
    assert curl.endswith("  # try next; Ctrl-C ends the API")

    assert ("failed", "CLAIMS_EVIDENCE") == (said["lighthouse_status"], said["current_step"])
    printed = " ".join(demo.stdout.split())
    path = f"/v1/benefits-documents/{said['lighthouse_request_id']}"
    assert f"the API answers at {path}: {said['veteran_wording']}" in printed
    again = subprocess.run(["bash", "-c", curl], capture_output=True, text=True, check=False)
    assert (7, "") == (again.returncode, again.stdout), "no connection"


def test_a_demo_that_serves_keeps_its_store(demo, home):
    """Another one is refused, says why, and leaves what the first goes on to serve."""
    assert 73 == demo.second.returncode
    assert (
        f"lightkeeper: {home}/lightkeeper/demo.db: another `lightkeeper demo` uses it: stop that "
        "one first, or set XDG_STATE_HOME to another folder\n"
    ) == demo.second.stderr


def test_what_it_says_to_try_next_works(tmp_path):
    """Typed into a shell, its last lines show a document in trouble; also if interrupted early."""
    env = command_line.environment(XDG_STATE_HOME=str(tmp_path))
    with command_line.running("demo", "--seconds", 60, env=env) as process:
        while "slow" not in process.stdout.readline():
            pass
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate()

    *_, export, show = said.splitlines()
    command = f"{sys.executable} -m lightkeeper"
    done = command_line.run(
        env=command_line.environment(),
        within=f"{export}\n{show.replace('lightkeeper', command, 1)}",
    )

    assert f"export LIGHTKEEPER_DATABASE_URL=sqlite:///{tmp_path}/lightkeeper/demo.db" == export
    assert show.endswith("  # try next: what happened to a document")
    assert "at CLAIMS_EVIDENCE" in done.stdout
    assert (0, "") == (done.returncode, done.stderr)


def test_a_whole_day_fits_a_terminal():
    """24 rows of 80 columns, moving and at the end, where the prompt has one of them."""
    screens, ending = whole_demo(8)
    moving = [rows(screen) for screen in screens[:-1]]
    *_, export, show = last = last_screen(screens, ending).export_text().splitlines()

    assert [] == [one for one in moving if len(one) > HEIGHT]
    assert HEIGHT > len(last)
    assert WIDTH >= max(len(line) for one in (*moving, last) for line in one)
    assert [] == [line for one in (*moving, last) for line in one if "…" in line]
    assert [] == [one for one in ending.board.troubles if f" {one.request_id} " not in str(last)]
    named = " ".join(last).split()
    assert [] == [one.monitor for one in ending.board.alerts if one.monitor not in named]
    assert {*PAGES, *(f"documents-{key}" for key in PAGES_LOW)} <= set(named)
    assert last[0].rstrip() == INTRODUCTION
    assert ("export", True) == (export.split()[0], "# try next" in show)


def rows(screen):
    """What a terminal shows of it."""
    console = terminal()
    console.print(screen)
    return console.export_text().splitlines()


def test_a_port_that_is_taken_is_named(tmp_path):
    """The message is that of `lightkeeper web`."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        api = DemoApi(tmp_path / "none.db", taken.getsockname()[1])
        sqlite = f"sqlite:///{tmp_path / 'none.db'}"
        open_database(sqlite, create=True).close()
        with api, pytest.raises(ApiUnavailable, match="cannot listen at"):
            api.url()


def test_its_store_is_its_users_alone(demo, home):
    """No other user reads it, nor the token that the API knows."""
    assert 0 == demo.returncode
    for name in ("demo.db", "demo.header", "demo.tokens"):
        assert 0o600 == stat.S_IMODE((home / "lightkeeper" / name).stat().st_mode), name


def test_a_demo_replaces_the_store_of_the_one_before(tmp_path, monkeypatch):
    """Nothing of it is left, and no other file is touched."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    store = fresh_store()
    of_it = "", "-wal", "-shm", "-journal", "-newest", "-newest.new"
    for name in ("other.db", *(f"demo.db{each}" for each in of_it)):
        store.with_name(name).touch()

    assert store == fresh_store()
    assert ["other.db"] == sorted(path.name for path in store.parent.iterdir())


def test_the_next_demos_store_is_no_older_copy(tmp_path, monkeypatch):
    """Its daemon finds nothing of what the demo before tracked last, and warns of nothing."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    store = fresh_store()
    with closing(open_database(f"sqlite:///{store}", create=True)) as database:
        database.claim()
        Documents(database).add([new(1)], 1_800_000_000_000)
    assert "demo.db-newest" in [path.name for path in store.parent.iterdir()]

    with closing(open_database(f"sqlite:///{fresh_store()}", create=True)) as database:
        database.claim()
        assert database.lacks() is None


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
    ] == [in_shell(f"sqlite:///{path}") for path in (fresh_store(), Path("/a b/demo.db"))]
