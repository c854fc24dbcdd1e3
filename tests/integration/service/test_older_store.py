"""An older copy of the store that is put in its place between two runs shows at the next start."""

import os
import shutil
import signal
from collections import Counter
from contextlib import closing
from functools import partial
from pathlib import Path

import command_line
import patience
import pytest
from daemon_rig import DaemonRig
from running_daemon import RunningDaemon
from store_rows import new

from lightkeeper.domain.time import DAY
from lightkeeper.simulation.agent.server import SimulatedAgent
from lightkeeper.simulation.lighthouse.server import SimulatedLighthouse
from lightkeeper.store.database import open_database
from lightkeeper.store.documents import Documents

STARTS = "lightkeeper.service.starts"


@pytest.fixture
def store(tmp_path):
    """A store whose daemon knew three documents, and has ended; `backup.db` has two of them."""
    path = tmp_path / "store" / "lightkeeper.db"
    path.parent.mkdir()
    started(path, ids=[1, 2])
    shutil.copy(path, tmp_path / "backup.db")
    started(path, ids=[3])
    return path


def started(path, ids=(), *, ahead=0.0):
    """On which store a daemon says that it started, which then runs while these are tracked."""
    folder = path.parent.parent
    with DaemonRig(f"sqlite:///{path}", folder) as rig:
        rig.health.started()
        rig.clock.ahead = ahead
        track(path, *ids)
        rig.health.pulse()
        starts = [metric for metric in rig.agent.metrics if metric.name == STARTS]
        (store,) = Counter(metric.tags["store"] for metric in starts).elements()
    return store


def track(path, *request_ids):
    """Track documents, as `track` does."""
    with closing(open_database(f"sqlite:///{path}", create=True)) as database:
        database.durable()
        Documents(database).add([new(each) for each in request_ids], 1_800_000_000_000)


def _copied(store, backup):
    shutil.copyfile(backup, store)


def _renamed(store, backup):
    """As rsync does: the store is another file then."""
    shutil.copy2(backup, store.with_name(".lightkeeper.db.X7"))
    store.with_name(".lightkeeper.db.X7").replace(store)


def _tracked_since(store, backup):
    """More documents than were lost, under the numbers of those."""
    _copied(store, backup)
    track(store, 7, 8, 9)


def _linked(store, backup):
    """The store is elsewhere, and what is there is replaced."""
    elsewhere = store.with_name("elsewhere.db")
    store.rename(elsewhere)
    store.symlink_to(elsewhere)
    started(store)
    _copied(elsewhere, backup)


@pytest.mark.parametrize("put", [_copied, _renamed, _tracked_since, _linked])
def test_an_older_copy_is_noticed_once(store, tmp_path, put):
    """However it came there; the start after that is on a store that is known."""
    put(store, tmp_path / "backup.db")

    assert ["older", "known"] == [started(store), started(store)]


def test_the_daemon_says_what_is_missing_and_what_to_do(tmp_path):
    """In the log of the real daemon, which then polls what is there."""
    backup = tmp_path / "backup.db"
    with RunningDaemon(tmp_path) as daemon:
        daemon.track(5)
        daemon.start()
        command_line.until(daemon.is_settled)
        assert 0 == command_line.run("backup", backup, env=daemon.env).returncode
        (last,) = daemon.track(1)
        command_line.until(daemon.is_settled)
        daemon.stop()
        shutil.copyfile(backup, daemon.store)
        daemon.start()
        assert daemon.agent.wait_for(
            lambda agent: agent.count(STARTS, store="older"), patience.SECONDS
        )
        daemon.stop()
    (said,) = [line for line in daemon.log.read_text().splitlines() if "store.older" in line]

    assert str(last) in said
    assert "or track again what was tracked since that copy was made" in said


def test_a_pass_of_lightkeeper_poll_counts_it_too(store, tmp_path):
    """Where a timer runs `lightkeeper poll` in the daemon's place; a usual pass is no start."""
    counted = []
    with (
        SimulatedLighthouse() as lighthouse,
        SimulatedAgent(port=None, socket_path=tmp_path / "dsd") as agent,
    ):
        env = command_line.environment(store, lighthouse, agent)
        for older in (False, True, False):
            if older:
                _copied(store, tmp_path / "backup.db")
            assert 0 == command_line.run("poll", env=env).returncode
            agent.drain()
            counted.append((agent.count(STARTS, store="older"), agent.count(STARTS)))

    assert [(0, 0), (1, 1), (1, 1)] == counted


def _newer(store, backup):
    """It was moved to another host, went on there, and came back."""
    away = store.with_name("away.db")
    shutil.copyfile(store, away)
    started(away, ids=[11, 12])
    shutil.copyfile(away, store)


def _moved(store, backup):
    """The store alone, to a place where another was."""
    other = store.with_name("other.db")
    store.rename(other)
    shutil.copyfile(other, store)


def _unnoted(store, backup):
    """The daemon that knew the store was of a version without notes."""
    noted(store).unlink()
    _copied(store, backup)


def _spoilt(text):
    def spoil(store, backup):
        noted(store).write_bytes(text)
        _copied(store, backup)

    return spoil


def _a_folder(store, backup):
    noted(store).unlink()
    noted(store).mkdir()


def _restored(store, backup):
    env = command_line.environment(store)
    done = command_line.run("restore", backup, "--discard-newer", env=env)
    assert 0 == done.returncode, done.stderr


def _with_its_folder(store, backup):
    """A snapshot of the host: the note is as old as the store."""
    shutil.rmtree(store.parent)
    store.parent.mkdir()
    _copied(store, backup)
    started(store)


def _used(store, backup):
    """Staff acknowledge, and other documents are tracked, while no daemon runs."""
    track(store, 21, 22)


CHANGES = {
    "newer": _newer,
    "moved": _moved,
    "unnoted": _unnoted,
    "a folder": _a_folder,
    "restored": _restored,
    "with its folder": _with_its_folder,
    "used": _used,
    "empty": _spoilt(b""),
    "cut": _spoilt(b"3 3"),
    "no text": _spoilt(b"\xff\n"),
    "too large": _spoilt(b"9999999999999999999 1\n"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_is_no_older_copy_is_none(store, tmp_path, change):
    """Nor does what cannot be known wake on-call."""
    change(store, tmp_path / "backup.db")

    assert ["known", "known"] == [started(store), started(store)]


def test_after_a_restore_an_older_copy_is_noticed_again(store, tmp_path):
    """The note is of what the daemon knows since."""
    _restored(store, tmp_path / "backup.db")
    assert "known" == started(store, ids=[31])
    _copied(store, tmp_path / "backup.db")
    assert "older" == started(store)


@pytest.mark.parametrize("tracked", [[], [5]])
def test_a_store_that_was_removed_is_new_and_no_older_one(store, tracked):
    """Nor is it older at the start after that."""
    store.unlink()

    assert ["new", "known"] == [started(store, ids=tracked), started(store)]


@pytest.mark.parametrize("ahead", [-400 * DAY / 1_000, 400 * DAY / 1_000])
def test_a_clock_that_was_set_is_no_older_store(store, ahead):
    """Neither back nor ahead: documents are known by their numbers."""
    found = [started(store, ids=[41], ahead=ahead), started(store, ids=[42]), started(store)]

    assert ["known"] * 3 == found


def _is_noted(store, request_id):
    note = noted(store)
    return note.exists() and note.read_text().endswith(f" {request_id}\n")


def test_a_daemon_that_was_killed_finds_its_own_store(tmp_path):
    """By SIGKILL, and again, while documents are tracked."""
    with RunningDaemon(tmp_path) as daemon:
        for _ in range(2):
            last = daemon.track(20)[-1]
            daemon.start()
            command_line.until(partial(_is_noted, daemon.store, last))
            daemon.process.send_signal(signal.SIGKILL)
            daemon.process.wait()
        daemon.agent.drain()

        assert 0 == daemon.agent.count(STARTS, store="older")


def test_after_a_power_cut_the_store_has_what_was_noted(tmp_path):
    """Lost is what the daemon wrote last, and no document: `track` has the disk keep those."""
    path, cut = tmp_path / "store" / "lightkeeper.db", tmp_path / "cut" / "lightkeeper.db"
    for each in (path, cut):
        each.parent.mkdir()
    one = ("--request-id", 5, "--submission-id", "s-1", "--document-type", "form_0781")
    started(path, ids=[1, 2])
    with DaemonRig(f"sqlite:///{path}", tmp_path) as rig:
        env = command_line.environment(path)
        assert 0 == command_line.run("track", *one, env=env).returncode
        for suffix in ("", "-wal"):
            shutil.copyfile(f"{path}{suffix}", f"{cut}{suffix}")
        rig.poll()
        rig.health.pulse()
        shutil.copyfile(noted(path), noted(cut))
    assert "3 5\n" == noted(cut).read_text()

    assert "known" == started(cut)


def test_the_note_is_private_and_names_a_request_id_alone(store):
    """It is as private as the store, and its owner's."""
    status = noted(store).stat()

    assert (0o600, os.getuid()) == (status.st_mode & 0o777, status.st_uid)
    assert "3 3\n" == noted(store).read_text()
    assert [] == list(store.parent.glob("*.new"))


def noted(path):
    """Where the newest document of a store is noted."""
    return Path(f"{path}-newest")
