"""A store is known by what it is and where it is: one daemon by any name, no write to a ghost."""

import os
import shutil
import sqlite3
import subprocess
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import command_line
import pytest
from child_process import child, line
from store_rows import NOW, new

from lightkeeper.simulation.lighthouse.server import SimulatedLighthouse
from lightkeeper.store.backup import back_up
from lightkeeper.store.database import AlreadyWatched, StoreLost, open_database
from lightkeeper.store.documents import Documents
from lightkeeper.store.errors import StoreInTheWay
from lightkeeper.store.restore import put_back

WATCHING = """
    import os, sys
    from lightkeeper.store.database import open_database
    database = open_database(sys.argv[1], create=True)
    database.claim()
    database.try_write(1)
    print("claimed", flush=True)
    input()
"""


@pytest.fixture
def store(tmp_path):
    """The path of a store."""
    path = tmp_path / "store" / "a.db"
    path.parent.mkdir()
    open_database(f"sqlite:///{path}", create=True).close()
    return path


def opened(path, *, create=True):
    """The store, as the commands open it."""
    return closing(open_database(f"sqlite:///{path}", create=create))


def ids(path):
    """The documents of a store, read as any program may."""
    with closing(sqlite3.connect(path)) as database:
        rows = "SELECT lighthouse_request_id FROM form_526_document_submissions ORDER BY 1"
        return [each for (each,) in database.execute(rows)]


def linked(store):
    """A symbolic link."""
    link = store.parent.parent / "link.db"
    link.symlink_to(store)
    return link


def linked_folder(store):
    """A symbolic link to the folder."""
    link = store.parent.parent / "folder"
    link.symlink_to(store.parent)
    return link / store.name


def relative(store):
    """A path from where we are."""
    return Path(os.path.relpath(store))


def roundabout(store):
    """Another spelling."""
    return Path(f"{store.parent}/./../{store.parent.name}//{store.name}")


def percent_encoded(store):
    """An address may be written so."""
    return Path("".join(f"%{ord(char):02x}" if char == "a" else char for char in str(store)))


@pytest.mark.parametrize(
    "name",
    [linked, linked_folder, relative, roundabout, percent_encoded],
    ids=lambda it: it.__name__,
)
def test_a_store_has_one_daemon_by_any_name(store, name):
    """Who writes to it by another name writes to the same store, and cannot watch it too."""
    other = name(store)
    with child(WATCHING, f"sqlite:///{store}") as process:
        assert "claimed" == line(process)
        with opened(other, create=False) as database:
            with pytest.raises(AlreadyWatched):
                database.claim()
            Documents(database).add([new(1)], NOW)

    assert [1] == ids(store)


def test_a_lock_file_is_not_what_keeps_a_second_daemon_out(store):
    """Whatever is removed beside the store, the claim stays with the store itself."""
    with child(WATCHING, f"sqlite:///{store}") as process:
        assert "claimed" == line(process)
        assert ["a.db", "a.db-shm", "a.db-wal"] == sorted(
            each.name for each in store.parent.iterdir()
        )


@pytest.mark.parametrize("command", ["run", "poll", "status", "track", "backup"])
def test_a_hard_link_is_refused(store, command):
    """By either name: SQLite keeps what is new beside one of them, and the other misses it."""
    other = store.with_name("other.db")
    os.link(store, other)
    arguments = {
        "track": ("--request-id=1", "--submission-id=s", "--document-type=form_0781"),
        "backup": (store.with_name("backup.db"),),
    }
    with SimulatedLighthouse() as lighthouse:
        env = command_line.environment(other, lighthouse)
        said = command_line.run(command, *arguments.get(command, ()), env=env)

    assert f"lightkeeper: {other} has a second name (a hard link)" in said.stderr
    assert 73 == said.returncode
    assert ["a.db", "other.db"] == sorted(each.name for each in store.parent.iterdir())


def test_a_file_mounted_at_a_second_place_is_refused(store):
    """No -wal is shared there: neither a daemon nor `track` may use it."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to mount a file")
    elsewhere = store.parent.parent / "elsewhere.db"
    elsewhere.touch()
    subprocess.run(("mount", "--bind", store, elsewhere), check=True)
    try:
        with child(WATCHING, f"sqlite:///{store}") as process:
            assert "claimed" == line(process)
            with pytest.raises(StoreInTheWay, match="under another name"):
                open_database(f"sqlite:///{elsewhere}", create=False)
    finally:
        subprocess.run(("umount", "--lazy", elsewhere), check=True)


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm"])
def test_what_is_written_to_a_file_that_was_replaced_is_never_called_stored(store, suffix):
    """Replaced before the commit, the command fails; nothing is written to the other file."""
    file = store.with_name(f"{store.name}{suffix}")
    with opened(store) as database:
        writing = database.writing()
        writing.__enter__()
        database.execute("INSERT INTO open_words VALUES ('a', 'b')")
        shutil.copy(file, store.with_name("copy"))
        store.with_name("copy").replace(file)
        with pytest.raises(StoreLost, match=f"{file} is another file") as lost:
            writing.__exit__(None, None, None)
        assert 74 == lost.value.exit_status
        with pytest.raises(StoreLost):
            database.rows("SELECT 1")


def test_the_end_of_a_daemon_leaves_the_wal_of_another_store_alone(store):
    """Its own store was moved, with all beside it; what took its place is in use by others."""
    moved = store.parent.with_name("moved")
    with opened(store) as database:
        database.claim()
        Documents(database).add([new(1), new(2)], NOW)
        store.parent.rename(moved)
        store.parent.mkdir()
        with child(WATCHING, f"sqlite:///{store}") as process:
            assert "claimed" == line(process)
            wal = store.with_name("a.db-wal").read_bytes()
            with pytest.raises(StoreLost):
                database.try_write(NOW)
            database.close()
            assert wal == store.with_name("a.db-wal").read_bytes() != b""

    assert ([], [1, 2]) == (ids(store), ids(moved / "a.db"))


def test_a_reader_that_holds_back_what_is_copied_is_no_loss(store):
    """SQLite copies a part of the -wal then; the next command opens the store all the same."""
    with opened(store) as database, closing(sqlite3.connect(store)) as reader:
        Documents(database).add([new(1)], NOW)
        reader.execute("BEGIN")
        reader.execute("SELECT 1 FROM tallies").fetchall()
        Documents(database).add([new(2)], NOW)
        time.sleep(0.02)
        ((_, frame_count, copied_count),) = database.rows("PRAGMA wal_checkpoint")
        assert 0 < copied_count < frame_count
        with opened(store, create=False) as other:
            Documents(other).add([new(3)], NOW)
        database.try_write(NOW)

    assert [1, 2, 3] == ids(store)


def test_a_store_that_a_clock_ahead_wrote_is_no_loss(store):
    """Its time lies in the future; the -wal is written once the clock is right."""
    ahead = time.time() + 2 * 365 * 86_400
    os.utime(store, (ahead, ahead))
    with opened(store) as database:
        database.claim()
        for each in (1, 2):
            database.try_write(NOW)
            with opened(store, create=False) as other:
                Documents(other).add([new(each)], NOW)

    assert [1, 2] == ids(store)


def test_a_store_that_is_overwritten_after_a_crash_is_lost(store):
    """SQLite then does not know at first what of the -wal the store has."""
    backup = store.with_name("backup.db")
    back_up(f"sqlite:///{store}", backup)
    with child(WATCHING, f"sqlite:///{store}") as process:
        assert "claimed" == line(process)
    with opened(store) as database:
        database.claim()
        database.try_write(NOW)
        database.try_write(NOW)
        shutil.copyfile(backup, store)
        with pytest.raises(StoreLost, match=f"{store} was cut off or overwritten"):
            database.try_write(NOW)


def test_a_store_that_does_not_hold_what_its_daemon_wrote_last_is_lost(store):
    """Overwritten once all was copied into it, and written to by another: no file tells of it."""
    older = store.with_name("older.db")
    with opened(store) as database:
        database.claim()
        database.try_write(NOW)
        assert [(0, 0, 0)] == database.rows("PRAGMA wal_checkpoint(TRUNCATE)")
        shutil.copyfile(store, older)
        database.try_write(NOW + 1)
        assert [(0, 0, 0)] == database.rows("PRAGMA wal_checkpoint(TRUNCATE)")
        shutil.copyfile(older, store)
        with opened(store, create=False) as other:
            Documents(other).add([new(1)], NOW)
        with pytest.raises(StoreLost, match=f"{store} was cut off or overwritten"):
            database.try_write(NOW + 2)

    assert [1] == ids(store)


def test_a_wal_that_was_cut_off_says_since_when_to_track_again(store):
    """What was in it alone is lost: what came since SQLite copied it into the store."""
    with child(WATCHING, f"sqlite:///{store}") as process:
        assert "claimed" == line(process)
        os.truncate(f"{store}-wal", 0)
        said = command_line.complaint(
            command_line.run("status", env=command_line.environment(store)), 74
        )

    since = datetime.now(UTC) - timedelta(hours=1)
    assert said.startswith(f"{store}-wal was cut off or overwritten: ")
    assert f"tracked since {since:%Y-%m-%d %H:}" in said


def test_a_store_that_was_removed_is_written_beside_its_place(store):
    """The daemon has it open still, and is the last that does; `restore` takes what it wrote."""
    with opened(store) as database:
        database.claim()
        Documents(database).add([new(1), new(2)], NOW)
        store.unlink()
        with pytest.raises(StoreLost, match=f"writes what it held to {store}.replaced-"):
            database.try_write(NOW)

    (kept,) = store.parent.glob("a.db.replaced-*Z")
    assert 0o600 == kept.stat().st_mode & 0o777
    put_back(f"sqlite:///{store}", kept, discard_newer=False, now=NOW)
    assert [1, 2] == ids(store)


def test_a_backup_is_never_of_half_a_store(store, tmp_path):
    """With its -shm removed, what the daemon wrote last cannot be read: no backup is made."""
    with child(WATCHING, f"sqlite:///{store}") as process:
        assert "claimed" == line(process)
        store.with_name("a.db-shm").unlink()
        with pytest.raises(StoreInTheWay):
            back_up(f"sqlite:///{quote(str(store))}", tmp_path / "backup.db")

    assert not (tmp_path / "backup.db").exists()
