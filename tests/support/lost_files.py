"""Each way in which the files of a SQLite store can be lost under `lightkeeper run`."""

import functools
import os
import shutil
import sqlite3
import time
from contextlib import closing
from typing import NamedTuple

import command_line
from running_daemon import IDLE, RunningDaemon, bring_to, critical, logged

TRACKED = ("--request-id=9", "--submission-id=s", "--document-type=form_0781")


class Loss(NamedTuple):
    """What is done to the files, which of them is named, and where the documents are then."""

    lose: object
    named: str = ""
    kept: str | None = ""
    can_heal: bool = False
    """Whether the next command may make the file anew before the daemon sees it: all is well."""


def _beside(store, suffix):
    return store.with_name(f"{store.name}{suffix}")


def moved(*suffixes):
    """The files are moved away."""

    def lose(store):
        for suffix in suffixes:
            _beside(store, suffix).rename(store.with_name(f"moved.db{suffix}"))

    return lose


def removed(*suffixes):
    """The files are removed."""

    def lose(store):
        for suffix in suffixes:
            _beside(store, suffix).unlink()

    return lose


def replaced(suffix):
    """Another file takes the place of this one, with what this one holds; this one is moved."""

    def lose(store):
        copy = _beside(store, f"{suffix}.copy")
        shutil.copy(_beside(store, suffix), copy)
        _beside(store, suffix).rename(store.with_name(f"moved.db{suffix}"))
        copy.rename(_beside(store, suffix))

    return lose


def cut(suffix):
    """The file is there, and what was in it is not."""

    def lose(store):
        os.truncate(_beside(store, suffix), 0)

    return lose


def overwritten(store):
    """A backup is copied into the file, as `cp` does it."""
    backup = _beside(store, ".backup")
    with closing(sqlite3.connect(store)) as source, closing(sqlite3.connect(backup)) as target:
        source.backup(target)
    shutil.copyfile(backup, store)


def overwritten_with_its_time(store):
    """A backup of yesterday is copied into the file, as `cp -p` and rsync do it."""
    overwritten(store)
    yesterday = time.time() - 86_400
    os.utime(store, (yesterday, yesterday))


def zeroed(suffix):
    """The file is as long as before, and holds zeros."""

    def lose(store):
        file = _beside(store, suffix)
        with file.open("r+b") as opened:
            opened.write(bytes(file.stat().st_size))

    return lose


def renamed_over(store):
    """A copy gets the name of the store, as `mv` and rsync do it: the store has none any more."""
    copy = _beside(store, ".copy")
    shutil.copy(store, copy)
    copy.replace(store)


def linked_elsewhere(store):
    """The path is a link by now, to a copy."""
    store.rename(store.with_name("moved.db"))
    copy = store.with_name("copy.db")
    shutil.copy(store.with_name("moved.db"), copy)
    store.symlink_to(copy)


def folder_moved(store):
    """The whole folder gets another name."""
    store.parent.rename(store.parent.with_name("elsewhere"))
    store.parent.mkdir()


LOST = {
    "store moved": Loss(moved(""), kept="moved.db"),
    "store replaced": Loss(replaced(""), kept="moved.db"),
    "store removed": Loss(removed(""), kept="lightkeeper.db.replaced-*Z"),
    "store renamed over": Loss(renamed_over, kept="lightkeeper.db.replaced-*Z"),
    "store cut": Loss(cut(""), kept=None),
    "store overwritten": Loss(overwritten),
    "store overwritten, its time kept": Loss(overwritten_with_its_time),
    "store linked elsewhere": Loss(linked_elsewhere, kept="moved.db"),
    "folder moved": Loss(folder_moved, kept="../elsewhere/lightkeeper.db"),
    "all moved": Loss(moved("", "-wal", "-shm"), kept="moved.db"),
    "wal moved": Loss(moved("-wal"), "-wal"),
    "wal removed": Loss(removed("-wal"), "-wal"),
    "wal replaced": Loss(replaced("-wal"), "-wal"),
    "wal cut": Loss(cut("-wal"), "-wal", None),
    "shm removed": Loss(removed("-shm"), "-shm"),
    "shm replaced": Loss(replaced("-shm"), "-shm"),
    "shm cut": Loss(cut("-shm"), "-shm", can_heal=True),
    "shm zeroed": Loss(zeroed("-shm"), "-shm", can_heal=True),
    "wal and shm removed": Loss(removed("-wal", "-shm"), "-wal"),
}


def prove(loss, folder):
    """The daemon says so and ends with 74; what it knew, and what `track` took, is not lost."""
    with RunningDaemon(folder) as daemon:
        bring_to(daemon, IDLE, 0)
        ids = daemon.track(5)
        daemon.until(daemon.is_settled)
        loss.lose(daemon.store)
        tracked = command_line.run("track", *TRACKED, env=daemon.env)
        heals = functools.partial(_goes_on, daemon, tracked) if loss.can_heal else bool
        command_line.until(lambda: daemon.process.poll() is not None or heals())
        if daemon.process.poll() is None:
            assert {*ids, 9} <= _documents(daemon.store)
            return

        name = f"{daemon.store}{loss.named}"
        assert 74 == daemon.ended(), daemon.log.read_text()
        daemon.agent.drain()
        assert critical("database.can_write", name)(daemon)
        assert logged("health.store.unwritable", name)(daemon)
        assert f"lightkeeper: {name} " in daemon.log.read_text()
        assert (0, "") == (tracked.returncode, tracked.stderr) or tracked.returncode in {73, 74}
        if loss.kept is not None:
            (kept,) = daemon.store.parent.glob(loss.kept or daemon.store.name)
            assert set(ids) <= _documents(kept)
        if tracked.returncode == 0:
            assert 9 in _documents(daemon.store)


def _goes_on(daemon, tracked):
    """Whether the daemon polls what was tracked after the loss."""
    return tracked.returncode == 0 and any(9 in call.ids for call in daemon.lighthouse.calls)


def _documents(store):
    """What a whole store holds."""
    with closing(sqlite3.connect(store)) as database:
        assert [("ok",)] == database.execute("PRAGMA integrity_check").fetchall()
        rows = "SELECT lighthouse_request_id FROM form_526_document_submissions"
        return {each for (each,) in database.execute(rows)}
