"""Backups: consistent beside a running daemon, verified, and put back without losing a thing."""

import itertools
import os
import re
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

import commands
import stored
from lightkeeper.sandbox.lighthouse import Lighthouse
from lightkeeper.store.database import open_database
from lightkeeper.store.documents import Documents
from whole import WORDS, left, lines, state


@pytest.fixture
def store(tmp_path):
    """A store with 300 documents."""
    path = tmp_path / "store" / "lightkeeper.db"
    path.parent.mkdir()
    add(path, range(1, 301))
    return path


@pytest.fixture
def env(store):
    """The settings that name it."""
    return commands.environment(store)


def add(path, ids):
    """Hand these in."""
    with closing(open_database(f"sqlite:///{path}", create=True)) as database:
        Documents(database).add([stored.new(each) for each in ids], stored.NOW)


def made(env, file):
    """A backup, made."""
    done = commands.run("backup", file, env=env)
    assert 0 == done.returncode, done.stderr
    return file


def refused(*arguments, env, status, **more):
    """What a refusal said, in one line."""
    return commands.complaint(commands.run(*arguments, env=env, **more), status)


def test_a_backup_says_what_it_holds(store, env, tmp_path):
    """One file, ours alone to read, with everything in it."""
    done = commands.run("backup", tmp_path / "b.db", env=env)

    assert (0, "") == (done.returncode, done.stderr)
    pattern = r".*b\.db: 300 documents, the newest of 2027-01-15 08:00 UTC, 0\.\d MB, verified\n"
    assert re.fullmatch(pattern, done.stdout)
    assert [tmp_path / "b.db"] == [path for path in tmp_path.iterdir() if path.is_file()]
    assert 0o600 == (tmp_path / "b.db").stat().st_mode & 0o777
    assert state(store)[:3] == state(tmp_path / "b.db")[:3]


def test_it_is_consistent_while_the_daemon_writes_and_holds_nobody_up(tmp_path):
    """Backups all through a backlog: each adds up, and the daemon's calls go on beside them."""
    store = tmp_path / "store.db"
    with Lighthouse(latency=0.1) as lighthouse:
        ids = lighthouse.add_many(8_000, "instantly_done")
        env = commands.environment(store, lighthouse)
        commands.run("track", "-", env=env, input=lines(ids))
        with commands.running("run", env=env, stderr=None) as process:
            commands.until(lambda: len(lighthouse.calls) > 5)
            pending = []
            for number in range(4):
                file = made(env, tmp_path / f"{number}.db")
                _, rows, totals, _ = state(file)
                assert 8_000 == rows == totals["tracked"]
                pending.append(totals["pending"])
            commands.until(lambda: left(store)[0] == 0)
            process.send_signal(signal.SIGTERM)
            assert 0 == process.wait(10)
        times = [call.at for call in lighthouse.calls if call.path == "status"]

    assert sorted(pending, reverse=True) == pending
    assert 0 < pending[-1] < pending[0], "no backup was made in mid-work"
    assert max(b - a for a, b in itertools.pairwise(times)) < 2


def test_what_is_restored_is_watched_on(tmp_path):
    """A store lost with its host: the backup takes its place, and run asks about what was due."""
    store, file = tmp_path / "store.db", tmp_path / "b.db"
    with Lighthouse() as lighthouse:
        ids = lighthouse.add_many(50, "instantly_done")
        env = commands.environment(store, lighthouse)
        commands.run("track", "-", env=env, input=lines(ids))
        made(env, file)
        for path in tmp_path.glob("store.db*"):
            path.unlink()

        done = commands.run("restore", file, env=env)
        assert (0, "") == (done.returncode, done.stderr)
        assert 0 == commands.run("poll", env=env | {"DD_DOGSTATSD_URL": ""}).returncode

        truth = {each: WORDS[word] for each, word in lighthouse.truth().items()}
        assert truth == state(store)[0]


def test_a_newer_store_is_replaced_only_when_that_is_said(store, env, tmp_path):
    """What would be lost is told in numbers; told to, it is kept beside the restored one."""
    file = made(env, tmp_path / "b.db")
    add(store, range(301, 313))

    said = refused("restore", file, env=env, status=73)
    assert f"{store} has 12 documents that {file} has not" in said
    assert "--discard-newer" in said
    assert 312 == state(store)[1]

    done = commands.run("restore", file, "--discard-newer", env=env)
    (kept,) = (path for path in store.parent.iterdir() if ".before-restore-" in path.name)
    assert 0 == done.returncode
    assert f"{kept}: what was there before" in done.stdout
    assert (300, 312) == (state(store)[1], state(kept)[1])
    assert 0o600 == store.stat().st_mode & 0o777


def test_changes_alone_make_a_store_newer(store, env, tmp_path):
    """The same documents, further on."""
    file = made(env, tmp_path / "b.db")
    with closing(sqlite3.connect(store)) as database, database:
        database.execute(
            "INSERT INTO transitions (document_id, at, from_status, to_status, from_step, to_step,"
            " step_changes, remarks) VALUES (1, 1, 'pending', 'pending', 'none', 'x', '[]', '')"
        )

    assert "has 1 changes that" in refused("restore", file, env=env, status=73)


def test_a_store_that_is_as_old_is_replaced_without_asking(store, env, tmp_path):
    """Nothing is lost by it."""
    file = made(env, tmp_path / "b.db")

    assert 0 == commands.run("restore", file, env=env).returncode


def test_the_log_of_the_replaced_store_is_not_applied_to_the_restored_one(store, env, tmp_path):
    """What a killed process left in -wal belongs to the store it was written for."""
    file = made(env, tmp_path / "b.db")
    with closing(sqlite3.connect(store, isolation_level=None)) as open_still:
        open_still.execute("DELETE FROM form_526_document_submissions WHERE id > 200")
        left_over = {path: path.read_bytes() for path in store.parent.glob("*-wal")}
        assert any(left_over.values())
        main = store.read_bytes()
    store.write_bytes(main)
    for path, data in left_over.items():
        path.write_bytes(data)

    assert 0 == commands.run("restore", file, "--discard-newer", env=env).returncode
    assert 300 == state(store)[1]


def test_nothing_is_restored_under_a_daemon(store, env, tmp_path):
    """Stop it first."""
    file = made(env, tmp_path / "b.db")
    with closing(open_database(f"sqlite:///{store}", create=False)) as database:
        database.claim()

        assert "stop that one first" in refused("restore", file, env=env, status=73)


def spoil(file, page):
    """Write nonsense over one page."""
    with file.open("r+b") as opened:
        opened.seek(page * 4096)
        opened.write(b"\xff" * 4096)


def foreign(file):
    """Put another program's database there."""
    file.unlink()
    run(file, "CREATE TABLE songs (id)")


def run(file, sql):
    """Change it behind everybody's back."""
    with closing(sqlite3.connect(file)) as database, database:
        database.execute(sql)


NO_GOOD = {
    "nonsense": (lambda file: file.write_bytes(b"x" * 9_000), 65, "take another backup"),
    "truncated": (lambda file: os.truncate(file, 40_960), 65, "take another backup"),
    "one page": (lambda file: spoil(file, 5), 65, "take another backup"),
    "not there": (Path.unlink, 66, "there is no such file"),
    "foreign": (foreign, 78, "is not a store of lightkeeper's"),
    "newer": (
        lambda file: run(file, "UPDATE lightkeeper_schema SET version = 99"),
        78,
        "made by a newer lightkeeper",
    ),
    "tallies": (
        lambda file: run(file, "UPDATE tallies SET count = count + 1"),
        65,
        "do not add up",
    ),
}


@pytest.mark.parametrize("name", NO_GOOD)
def test_what_is_no_good_backup_is_not_restored(store, env, tmp_path, name):
    """The store stays as it is, byte for byte."""
    file = made(env, tmp_path / "b.db")
    before = store.read_bytes()
    broken, status, said = NO_GOOD[name]
    broken(file)

    assert said in refused("restore", file, env=env, status=status)
    assert before == store.read_bytes()


def test_a_file_that_is_there_is_not_overwritten(store, env, tmp_path):
    """Not even by a better backup."""
    (tmp_path / "b.db").write_text("dear")

    assert "is there already" in refused("backup", tmp_path / "b.db", env=env, status=73)
    assert "dear" == (tmp_path / "b.db").read_text()


def test_a_folder_that_is_not_there_is_named(env, tmp_path):
    """And nothing is left half-done."""
    said = refused("backup", tmp_path / "none" / "b.db", env=env, status=74)

    assert "No such file or directory (check the folder and its rights)" in said


def test_a_full_disk_leaves_nothing_behind(store, env, tmp_path):
    """What could not be written whole is not there."""
    said = refused("backup", tmp_path / "b.db", env=env, status=74, within='ulimit -f 16; "$@"')

    assert "b.db: disk I/O error" in said or "disk is full" in said
    assert [store.parent] == list(tmp_path.iterdir())


def test_a_damaged_store_gives_no_backup(store, env, tmp_path):
    """It would be no use, and somebody would rely on it."""
    state(store)  # fold the log in
    spoil(store, 5)

    said = refused("backup", tmp_path / "b.db", env=env, status=74)

    assert f"{store} cannot be backed up: it is damaged" in said
    assert [store.parent] == list(tmp_path.iterdir())


def test_for_postgresql_its_own_commands_are_named():
    """They do it better."""
    env = commands.environment() | {"LIGHTKEEPER_DATABASE_URL": "postgresql://db/keeper"}

    assert "pg_dump" in refused("backup", "b.db", env=env, status=78)
    assert "pg_restore" in refused("restore", "b.db", env=env, status=78)


@pytest.mark.parametrize("command", [("run",), ("poll",), ("status",), ("show", "1"), ("track",)])
@pytest.mark.parametrize("damage", ["header", "page", "truncated"])
def test_a_damaged_store_is_refused_with_what_to_do(store, tmp_path, command, damage):
    """By every command, in one line that names the remedy; the file stays as it is."""
    state(store)
    if damage == "header":
        spoil(store, 0)
    elif damage == "page":
        for page in range(1, store.stat().st_size // 4096):
            spoil(store, page)
    else:
        os.truncate(store, 3 * 4096)
    before = store.read_bytes()
    more = ("--request-id", 9, "--submission-id", 1, "--document-type", "form_0781")
    with Lighthouse() as lighthouse:
        env = commands.environment(store, lighthouse)
        done = commands.run(*command, *(more if command == ("track",) else ()), env=env)

    last = done.stderr.splitlines()[-1]
    assert done.returncode in (74, 78), done.stderr
    assert "lightkeeper restore" in last
    assert before == store.read_bytes()


def test_restored_in_its_place_a_damaged_store_is_whole(store, env, tmp_path):
    """What the message says works."""
    file = made(env, tmp_path / "b.db")
    spoil(store, 0)
    assert 0 != commands.run("status", env=env).returncode

    assert 0 == commands.run("restore", file, env=env).returncode
    assert "tracked 300 = " in commands.run("status", env=env).stdout


def test_a_large_store_is_backed_up_within_seconds(tmp_path):
    """A hundred thousand documents, verified."""
    store = tmp_path / "store.db"
    add(store, range(1, 100_001))
    began_at = time.monotonic()

    made(commands.environment(store), tmp_path / "b.db")

    assert 10 > time.monotonic() - began_at
