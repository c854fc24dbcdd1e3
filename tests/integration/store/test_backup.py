"""Backups of the SQLite store, and the way back: nothing lost unasked, nothing half there."""

import fcntl
import os
import shutil
import sqlite3
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime

import command_line
import patience
import pytest
from store_rows import NOW, counted, ended, new, tallied

from lightkeeper.domain.time import HOUR
from lightkeeper.simulation.lighthouse.server import SimulatedLighthouse
from lightkeeper.store import backup, migrations
from lightkeeper.store import restore as back
from lightkeeper.store.database import open_database
from lightkeeper.store.documents import Documents
from lightkeeper.store.errors import StoreCorrupt


@pytest.fixture
def store(tmp_path):
    """A store of three documents, one of them done."""
    path = tmp_path / "store" / "lightkeeper.db"
    path.parent.mkdir()
    track_ids(path, 1, 2, 3)
    finish(path, 1)
    return path


def opened(path):
    """The store, as the commands open it."""
    return closing(open_database(f"sqlite:///{path}", create=True))


def track_ids(path, *request_ids, at=NOW):
    """Put so many documents into a store."""
    with opened(path) as database:
        Documents(database).add([new(each, tracked_at=at) for each in request_ids], at)


def finish(path, *request_ids):
    """Have Lighthouse say that these are done."""
    with opened(path) as database:
        documents = Documents(database)
        due = [each for each in documents.due(NOW, 100) if each.request_id in request_ids]
        documents.record([ended(each) for each in due], NOW)


def ids(path):
    """The documents of a store, whose tallies have to be true."""
    with opened(path) as database:
        assert counted(database) == tallied(database)
        rows = database.rows("SELECT lighthouse_request_id FROM form_526_document_submissions")
        return sorted(each for (each,) in rows)


def back_up(store, file, **more):
    """Run the command."""
    return command_line.run("backup", file, env=command_line.environment(store), **more)


def restore(store, file, *options, **more):
    """Run the command."""
    return command_line.run("restore", file, *options, env=command_line.environment(store), **more)


def names(path):
    """What is in the folder of a file."""
    return sorted(each.name for each in path.parent.iterdir())


@pytest.fixture
def file(store, tmp_path):
    """A backup of the store."""
    path = tmp_path / "backup" / "one.db"
    path.parent.mkdir()
    backup.back_up(f"sqlite:///{store}", path)
    return path


def test_a_backup_is_one_file_for_its_owner_and_says_what_it_holds(store, tmp_path):
    """Documents, the newest's time and the size; 0600; nothing else is left beside it."""
    file = tmp_path / "backup" / "one.db"
    file.parent.mkdir()

    done = back_up(store, file)

    size = f"{file.stat().st_size / 1_000:,.0f} kB"
    at = datetime.fromtimestamp(NOW / 1_000, UTC).strftime("%Y-%m-%d %H:%M")
    expected = f"3 request ids, the newest tracked {at} UTC, {size}, verified\n"
    assert (0, expected, "") == (done.returncode, done.stdout, done.stderr)
    assert ["one.db"] == names(file)
    assert 0o600 == file.stat().st_mode & 0o777
    assert [1, 2, 3] == ids(file)


def test_a_backup_never_overwrites(store, file):
    """A file that is there, or a folder, stays as it is."""
    before = file.read_bytes()

    for taken in (file, file.parent):
        assert f"{taken} is there already" in command_line.complaint(back_up(store, taken), 73)

    assert before == file.read_bytes()


def test_a_backup_beside_a_daemon_at_work(tmp_path):
    """A backup is one moment of the store, whole, and the daemon polls on while it is taken."""
    store, file = tmp_path / "store.db", tmp_path / "backup.db"
    with SimulatedLighthouse() as lighthouse:
        request_ids = lighthouse.add_many(20_000, "instantly_done")
        track_ids(store, *request_ids, at=round(time.time() * 1_000) - HOUR)
        env = command_line.environment(store, lighthouse)
        with command_line.running("run", env=env, stderr=command_line.subprocess.DEVNULL):
            command_line.until(lambda: statuses(store)["done"] > 100)
            assert 0 == back_up(store, file).returncode
            taken = statuses(store)["done"]
            assert f"{store} is already polled" in command_line.complaint(restore(store, file), 73)
            none = tmp_path / "notes.txt"
            none.write_text("no store")
            assert f"{none}" in command_line.complaint(restore(store, none), 76)
            command_line.until(lambda: statuses(store)["done"] > taken or taken == 20_000)

    assert list(request_ids) == ids(file)
    assert 100 < statuses(file)["done"] < 20_000
    with opened(file) as database:
        ((transitions,),) = database.rows("SELECT COUNT(*) FROM transitions")
    assert statuses(file)["done"] == transitions


def statuses(path):
    """How many documents have which status."""
    with closing(sqlite3.connect(path, timeout=patience.SECONDS)) as database:
        return Counter(
            each
            for (each,) in database.execute(
                "SELECT lighthouse_status FROM form_526_document_submissions"
            )
        )


def test_a_copy_ends_however_much_others_write(tmp_path, monkeypatch):
    """Commits while it is taken neither make it begin anew nor get into it."""
    store, file = tmp_path / "store.db", tmp_path / "backup.db"
    track_ids(store, *range(1, 5_001))
    monkeypatch.setattr(backup, "PAGES_A_STEP", 5)
    written, ended = [], threading.Event()

    def write():
        with opened(store) as database:
            while not ended.is_set():
                written.append(10_000 + len(written))
                Documents(database).add([new(written[-1])], NOW)

    with ThreadPoolExecutor() as beside:
        writing = beside.submit(write)
        command_line.until(lambda: written)
        try:
            contents = backup.back_up(f"sqlite:///{store}", file)
        finally:
            ended.set()
        writing.result()

    assert [*range(1, 5_001), *written[: contents.request_ids - 5_000]] == ids(file)
    assert 5_000 <= contents.request_ids < 5_000 + len(written)


def test_what_keeps_a_backup_from_being_made(store, tmp_path):
    """A missing folder, no room and no store: a line each, and nothing half-written is left."""
    folder = tmp_path / "backup"
    folder.mkdir()
    track_ids(store, *range(10, 2_000))
    file = folder / "one.db"

    missing = command_line.complaint(back_up(store, folder / "none" / "one.db"), 74)
    full = command_line.complaint(back_up(store, file, within='ulimit -f 200; exec "$@"'), 74)
    none = command_line.complaint(back_up(store.with_name("none.db"), file), 66)

    assert "No such file or directory (check its folder" in missing
    assert f"{file}: " in full
    assert f"{store.with_name('none.db')}: there is no such file" == none
    assert [] == list(folder.iterdir())
    assert "none.db" not in names(store)


def test_a_backup_that_is_stopped_leaves_nothing(store, tmp_path):
    """SIGTERM ends it at once, and its half copy goes too."""
    folder = tmp_path / "backup"
    folder.mkdir()
    track_ids(store, *range(10, 50_000))

    with command_line.running(
        "backup", folder / "one.db", env=command_line.environment(store)
    ) as process:
        command_line.until(lambda: names(folder / "one.db"))
        process.terminate()
        assert 130 == process.wait()

    assert [] == names(folder / "one.db")


def test_postgresql_has_tools_of_its_own(tmp_path):
    """Both commands name them, and never repeat the password."""
    env = command_line.environment() | {"LIGHTKEEPER_DATABASE_URL": "postgresql://u:secret@h/db"}

    for command in ("backup", "restore"):
        said = command_line.complaint(command_line.run(command, tmp_path / "a", env=env), 78)
        assert "pg_dump --format=custom" in said
        assert "pg_restore --clean" in said
        assert "secret" not in said


def test_the_way_back(store, file):
    """The store is what the backup was, and what was there before is whole beside it."""
    track_ids(store, 4)
    finish(store, 2)

    said = command_line.complaint(restore(store, file), 73)
    assert f"{store} holds 1 request ids and 1 transitions that {file} lacks" in said
    assert [1, 2, 3, 4] == ids(store)
    done = restore(store, file, "--discard-newer")

    assert (0, "") == (done.returncode, done.stderr)
    assert done.stdout.startswith("3 request ids, the newest tracked ")
    (kept,) = store.parent.glob("*.replaced-*")
    assert f"kept as {kept}\n" in done.stdout
    assert {store.name, kept.name} == set(names(store))
    assert ([1, 2, 3], [1, 2, 3, 4]) == (ids(store), ids(kept))
    assert {"pending": 2, "done": 1} == statuses(store)
    assert 0o600 == store.stat().st_mode & 0o777


def test_a_maintenance_window_is_backed_up_and_not_lost_unasked(store, file, tmp_path):
    """A backup holds it; a store with one that the backup lacks is not replaced."""
    env = command_line.environment(store)
    add = ("maintenance", "add", "--until", "8h", "--why", "upgrade")
    assert 0 == command_line.run(*add, env=env).returncode

    said = command_line.complaint(restore(store, file), 73)
    lacks = f"0 request ids and 0 transitions and 1 maintenance windows that {file} lacks"
    assert f"{store} holds {lacks}" in said
    assert 0 == back_up(store, tmp_path / "later.db").returncode
    assert 0 == restore(store, tmp_path / "later.db").returncode
    assert (
        '"reason": "upgrade"' in command_line.run("maintenance", "list", "--json", env=env).stdout
    )
    assert 0 == restore(store, file, "--discard-newer").returncode
    assert "[]\n" == command_line.run("maintenance", "list", "--json", env=env).stdout


def test_a_wal_left_behind_goes_into_the_kept_store_and_not_into_the_new(store, file, tmp_path):
    """After a kill the WAL holds commits: they are the replaced store's, and stay with it."""
    killed = tmp_path / "killed"
    killed.mkdir()
    with opened(store) as database:
        Documents(database).add([new(5)], NOW)
        for suffix in ("", "-wal"):
            shutil.copy(f"{store}{suffix}", killed / f"{store.name}{suffix}")
    left = killed / store.name

    assert 0 == restore(left, file, "--discard-newer").returncode

    (kept,) = killed.glob("*.replaced-*")
    assert [] == list(killed.glob("*-wal"))
    assert ([1, 2, 3], [1, 2, 3, 5]) == (ids(left), ids(kept))


def break_header(path):
    """Nothing SQLite would recognise."""
    with path.open("r+b") as opened_file:
        opened_file.write(b"\0" * 100)


def break_pages(path):
    """The header is whole, and the tables are not."""
    with path.open("r+b") as opened_file:
        opened_file.seek(4_096)
        opened_file.write(b"\xff" * (path.stat().st_size - 4_096))


def truncate(path):
    """The second half is lost."""
    os.truncate(path, path.stat().st_size // 2)


DAMAGE = pytest.mark.parametrize("damage", [break_header, break_pages, truncate])


@pytest.mark.parametrize(
    ("command", "damage"),
    [
        ("run", break_header),
        ("run", break_pages),
        ("run", truncate),
        ("poll", break_pages),
        ("status", break_header),
        ("show 1", truncate),
        ("track --request-id 9", break_pages),
    ],
)
def test_backup_names_a_corrupt_store_and_leaves_it(store, command, damage):
    """One line that names `lightkeeper restore`; not a byte of the file changes."""
    damage(store)
    before = store.read_bytes()
    more = ["--submission-id=s", "--document-type=form_0781"] if "track" in command else []
    with SimulatedLighthouse() as lighthouse:
        env = command_line.environment(store, lighthouse)
        done = command_line.run(*command.split(), *more, env=env)

    assert 76 == done.returncode, done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"lightkeeper: {store}: ")
    assert "`lightkeeper restore FILE`" in last
    assert before == store.read_bytes()


def change(path, sql):
    """Behind everybody's back."""
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(sql)


def break_schema(path):
    """SQLite finds its tables' own definitions unreadable."""
    path.write_bytes(
        path.read_bytes().replace(b"CREATE TABLE tallies", b"CREATE TABLE \x05allies")
    )


def break_text(path):
    """A text is none any more; SQLite quotes it."""
    change(path, "UPDATE form_526_document_submissions SET steps = CAST(x'7365637265ff' AS TEXT)")


def break_json(path):
    """Text, and yet not what we wrote."""
    change(path, "UPDATE form_526_document_submissions SET steps = '{secre'")


@pytest.mark.parametrize("damage", [break_schema, break_text, break_json])
def test_damage_that_only_reading_finds_has_the_same_remedy(store, damage):
    """And of what was read nothing is repeated: it may name a person."""
    damage(store)

    said = command_line.complaint(
        command_line.run("show", 1, env=command_line.environment(store)), 76
    )

    assert said.startswith(f"{store}: database disk image is malformed (")
    assert "`lightkeeper restore FILE`" in said
    assert "secre" not in said


def test_damage_met_at_work_ends_the_daemon(store):
    """A page that opening did not need: the daemon ends with the same line, not with a loop."""
    with closing(sqlite3.connect(store)) as database:
        ((page,),) = database.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'transitions_unpublished'"
        )
    with store.open("r+b") as opened_file:
        opened_file.seek((page - 1) * 4_096)
        opened_file.write(b"\xff" * 4_096)
    with SimulatedLighthouse() as lighthouse:
        done = command_line.run("run", env=command_line.environment(store, lighthouse))

    assert 76 == done.returncode
    assert (
        f"lightkeeper: {store}: database disk image is malformed" in done.stderr.splitlines()[-1]
    )


@DAMAGE
def test_restore_replaces_a_corrupt_store_and_keeps_it(store, file, damage):
    """Restore replaces a corrupt store and keeps every byte of it for staff to examine."""
    damage(store)
    before = store.read_bytes()

    assert 0 == restore(store, file).returncode

    (kept,) = store.parent.glob("*.replaced-*")
    assert {store.name, kept.name} == set(names(store))
    assert before == kept.read_bytes()
    assert [1, 2, 3] == ids(store)


def test_a_missing_store_is_replaced(store, file):
    """Also where its WAL is still there: it is kept, and not applied."""
    store.unlink()
    store.with_name(f"{store.name}-wal").write_bytes(b"left behind")

    assert 0 == restore(store, file).returncode

    (kept,) = store.parent.glob("*.replaced-*-wal")
    assert b"left behind" == kept.read_bytes()
    assert [1, 2, 3] == ids(store)


@DAMAGE
def test_restore_refuses_a_corrupt_backup(store, file, damage):
    """The store is as it was, and nothing lies beside it."""
    damage(file)
    before = ids(store), names(store)

    said = command_line.complaint(restore(store, file), 76)

    assert said.startswith(f"{file}")
    assert before[0] == ids(store)
    assert before[1] == names(store)


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("DROP TABLE lightkeeper_schema", "is no store of lightkeeper's"),
        ("UPDATE lightkeeper_schema SET version = 99", "was written by a newer lightkeeper"),
    ],
)
def test_a_backup_of_something_else_is_refused(store, file, statement, problem):
    """Another program's database, or a newer lightkeeper's: said, with what to do."""
    with closing(sqlite3.connect(file)) as database, database:
        database.execute(statement)

    assert f"{file} {problem}" in command_line.complaint(restore(store, file), 78)
    assert [1, 2, 3] == ids(store)


def test_a_backup_that_does_not_add_up_is_refused(store, file):
    """Tallies, and what is missing, that are not what a full count gives are damage too."""
    with closing(sqlite3.connect(file)) as database, database:
        database.execute(
            "INSERT INTO expected_documents VALUES "
            "('s-1', 'bdd_instructions', 9, 8, 1800000000000, 'x', NULL, NULL, NULL)"
        )
    assert "what it misses of expected" in command_line.complaint(restore(store, file), 76)
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("UPDATE tallies SET count = count + 1")

    assert "its tallies are not" in command_line.complaint(restore(store, file), 76)


@pytest.mark.parametrize("change_to", ["tracked_at = 'soon'", "steps = '[]'", "decided_at = -1"])
def test_what_lightkeeper_never_writes_is_never_verified(store, file, tmp_path, change_to):
    """A value that is not of its column's kind keeps a file from being a backup."""
    change(file, f"UPDATE form_526_document_submissions SET {change_to}")

    column = change_to.split()[0]
    with pytest.raises(StoreCorrupt, match=rf"{file} is corrupt \({column} of form_526"):
        back.put_back(f"sqlite:///{store}", file, discard_newer=True, now=NOW)
    with pytest.raises(StoreCorrupt, match=column):
        backup.back_up(f"sqlite:///{file}", tmp_path / "copy.db")
    assert [1, 2, 3] == ids(store)


ALTERED = (
    "CREATE TABLE more (id)",
    "DROP TABLE open_words",
    "ALTER TABLE transitions ADD COLUMN more TEXT",
    "ALTER TABLE transitions DROP COLUMN detection_ms",
    "ALTER TABLE event_digests RENAME COLUMN first_at TO begun_at",
    "DROP INDEX documents_due",
    "CREATE INDEX more ON transitions (at)",
    "CREATE TRIGGER more AFTER INSERT ON transitions BEGIN DELETE FROM tallies; END",
    "CREATE VIEW more AS SELECT 1",
    "DELETE FROM lightkeeper_schema",
    "INSERT INTO lightkeeper_schema VALUES (1, 1)",
    "UPDATE lightkeeper_schema SET version = 'one'",
    "ALTER TABLE lightkeeper_schema RENAME COLUMN version TO number",
)


@pytest.mark.parametrize("more", [(), ("--discard-newer",)])
def test_what_is_not_exactly_a_store_is_never_verified(store, file, more, tmp_path):
    """A table, column, index, trigger or row too many or too few: newer documents stay."""
    track_ids(store, 4)
    whole = file.read_bytes()
    for statement in ALTERED:
        file.write_bytes(whole)
        change(file, statement)
        with pytest.raises(back.StoreForeign, match=f"{file} is no"):
            back.put_back(f"sqlite:///{store}", file, discard_newer=bool(more), now=NOW)
        with pytest.raises(back.StoreForeign, match=f"{file} is no"):
            backup.back_up(f"sqlite:///{file}", tmp_path / "copy.db")
    said = command_line.complaint(restore(store, file, *more), 78)

    assert said.startswith(f"{file} is no")
    assert [1, 2, 3, 4] == ids(store)
    assert ["lightkeeper.db"] == names(store)


def test_history_without_its_document_is_damage(store, file):
    """Foreign keys are not checked by SQLite in a file that others wrote."""
    change(file, "UPDATE transitions SET document_id = 99")

    assert "it has history of documents" in command_line.complaint(restore(store, file), 76)


@pytest.mark.parametrize("statement", ["DROP TABLE transitions", "CREATE TABLE more (id)"])
def test_a_store_that_cannot_be_compared_is_replaced_only_on_request(store, file, statement):
    """What it holds that the backup lacks is unknown."""
    track_ids(store, 4)
    change(store, statement)

    said = command_line.complaint(restore(store, file), 73)

    assert f"what {file} lacks is unknown; with --discard-newer" in said
    assert 0 == restore(store, file, "--discard-newer").returncode
    assert [1, 2, 3] == ids(store)


def test_a_disk_without_hard_links_takes_backups_and_stores(store, tmp_path):
    """exFAT, CIFS and many FUSE disks have none, keep no folder to write out, and lock nothing."""
    (tmp_path / "sitecustomize.py").write_text(
        "import errno, fcntl, os, stat\n"
        "def refuse(*_, **__): raise PermissionError(errno.EPERM, 'Operation not permitted')\n"
        "os.link = refuse\n"
        "sync = os.fsync\n"
        "def of_files(handle):\n"
        "    if stat.S_ISDIR(os.fstat(handle).st_mode): raise OSError(errno.EINVAL, 'Invalid')\n"
        "    sync(handle)\n"
        "os.fsync = of_files\n"
    )
    within = f'export PYTHONPATH="{tmp_path}:$PYTHONPATH"; exec "$@"'
    file = tmp_path / "backup" / "one.db"
    file.parent.mkdir()

    assert 0 == back_up(store, file, within=within).returncode
    assert ["one.db"] == names(file)
    track_ids(store, 4)
    done = restore(store, file, "--discard-newer", within=within)

    assert (0, "") == (done.returncode, done.stderr)
    (kept,) = store.parent.glob("*.replaced-*")
    assert ([1, 2, 3], [1, 2, 3, 4]) == (ids(store), ids(kept))


def test_a_name_that_is_taken_meanwhile_is_left(store, tmp_path, monkeypatch):
    """A file that comes while the copy is made stays, and the copy goes."""
    file = tmp_path / "one.db"
    verify = backup.verify

    def slowly(*arguments):
        file.write_text("theirs")
        return verify(*arguments)

    monkeypatch.setattr(backup, "verify", slowly)
    with pytest.raises(back.StoreInTheWay, match="is there already"):
        backup.back_up(f"sqlite:///{store}", file)

    assert "theirs" == file.read_text()
    assert [] == list(tmp_path.glob(".*"))


def test_the_next_backup_clears_what_a_killed_one_left(store, tmp_path):
    """Under whatever name; a copy that another backup still makes stays."""
    folder = tmp_path / "backup"
    folder.mkdir()
    track_ids(store, *range(10, 20_000))
    with command_line.running(
        "backup", folder / "one.db", env=command_line.environment(store)
    ) as process:
        command_line.until(lambda: names(folder / "one.db"))
        process.kill()
        process.wait()
    assert names(folder / "one.db")
    (folder / ".other.partial").touch()
    with (folder / ".lightkeeper-a.partial").open("w") as being_made:
        fcntl.flock(being_made, fcntl.LOCK_EX)
        backup.back_up(f"sqlite:///{store}", folder / "two.db")

    assert [".lightkeeper-a.partial", ".other.partial", "two.db"] == names(folder / "two.db")


@pytest.mark.parametrize("is_copied_by", [backup.back_up, shutil.copy])
def test_looking_at_a_copy_does_not_change_it(store, tmp_path, is_copied_by):
    """`status`, `list`, `show` and a preview leave every byte, and nothing beside it."""
    file = tmp_path / "copy" / "one.db"
    file.parent.mkdir()
    is_copied_by(f"sqlite:///{store}" if is_copied_by is backup.back_up else store, file)
    before = file.read_bytes()

    env = command_line.environment(file)
    for command in ("status", "show 1", "show --submission s-1", "list", "ack --status failed"):
        assert 0 == command_line.run(*command.split(), env=env).returncode

    assert (before, ["one.db"]) == (file.read_bytes(), names(file))


def test_looking_at_a_copy_of_an_older_version_is_refused(store, monkeypatch):
    """It is not migrated: the copy is for the version that made it."""
    before = store.read_bytes()
    monkeypatch.setattr(migrations, "MIGRATIONS", (*migrations.MIGRATIONS, ("SELECT 1",)))
    monkeypatch.setattr(migrations, "NEWEST", 2)

    with pytest.raises(back.StoreForeign, match="written by an older lightkeeper"):
        open_database(f"sqlite:///{store}", create=False, look=True)

    assert (before, ["lightkeeper.db"]) == (store.read_bytes(), names(store))


@pytest.mark.parametrize("more", [(), ("--discard-newer",)])
def test_the_database_of_another_program_is_not_replaced(store, file, tmp_path, more):
    """Whatever is said of newer documents: it is none of ours, and not a byte of it changes."""
    other = tmp_path / "other" / "songs.db"
    other.parent.mkdir()
    with closing(sqlite3.connect(other)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("CREATE TABLE songs (id)")
    before = other.read_bytes()

    said = command_line.complaint(restore(other, file, *more), 78)

    assert said.startswith(f"{other} belongs to another program")
    assert before == other.read_bytes()
    assert ["songs.db"] == names(other)


def test_what_is_no_file_is_not_replaced(file, tmp_path):
    """A device or pipe that the address names by mistake stays, alone."""
    pipe = tmp_path / "other" / "pipe"
    pipe.parent.mkdir()
    os.mkfifo(pipe)

    said = command_line.complaint(restore(pipe, file, "--discard-newer"), 78)

    assert said.startswith(f"{pipe} is no file")
    assert pipe.is_fifo()
    assert {"pipe"} == set(names(pipe))


def test_a_store_that_a_newer_version_migrated_is_replaced_only_on_request(store, file):
    """An older lightkeeper replaces a newer store only with --discard-newer."""
    change(store, "UPDATE lightkeeper_schema SET version = 99")

    said = command_line.complaint(restore(store, file), 73)

    assert f"{store} was written by a newer lightkeeper (schema 99" in said
    assert 0 == restore(store, file, "--discard-newer").returncode
    assert [1, 2, 3] == ids(store)


def test_a_store_in_use_is_not_replaced(store, file):
    """Restore refuses while another process has the store open and might still write to it."""
    with opened(store) as database:
        database.rows("SELECT 1 FROM tallies")
        said = command_line.complaint(restore(store, file), 73)

    assert f"{store} is in use by another process: stop `web` (lightkeeper-web.service)" in said
    assert [1, 2, 3] == ids(store)


def test_a_document_tracked_during_a_restore_is_not_lost(store, file, monkeypatch):
    """A `track` that waits for a restore either fails or is in the restored store."""
    env = command_line.environment(store)
    options = ("--request-id=9", "--submission-id=s", "--document-type=form_0781")
    exchange, waiting = back.exchange, []

    def slowly(*arguments):
        waiting.append(command_line.start("track", *options, env=env))
        time.sleep(1.0)
        assert waiting[0].poll() is None
        return exchange(*arguments)

    monkeypatch.setattr(back, "exchange", slowly)
    back.put_back(f"sqlite:///{store}", file, discard_newer=False, now=NOW)
    out, problem = waiting[0].communicate()

    tracked = waiting[0].returncode == 0
    assert ([1, 2, 3, 9] if tracked else [1, 2, 3]) == ids(store), (out, problem)


def test_a_folder_is_no_store(tmp_path, file):
    """The line names the store and not the backup."""
    said = command_line.complaint(restore(tmp_path, file), 78)

    assert said.startswith(f"{tmp_path} is no file")


def test_after_a_restore_the_daemon_polls_what_is_due(tmp_path):
    """The daemon polls overdue pending documents at once, and done ones not again."""
    store, file = tmp_path / "store.db", tmp_path / "backup.db"
    with SimulatedLighthouse() as lighthouse:
        request_ids = lighthouse.add_many(3, "instantly_done")
        track_ids(store, *request_ids, at=round(time.time() * 1_000) - HOUR)
        assert 0 == back_up(store, file).returncode
        store.unlink()
        assert 0 == restore(store, file).returncode
        done = command_line.run("poll", env=command_line.environment(store, lighthouse))

    assert "polled 3 documents\n" == done.stdout
    assert {"done": 3} == statuses(store)
