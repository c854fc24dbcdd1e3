"""A backup or a restore that Ctrl-C or SIGTERM ends, at any moment: whole, or not at all."""

import os
import signal
import sys
from contextlib import closing

import pytest
from store_rows import NOW, new

from lightkeeper.store import backup, restore
from lightkeeper.store.database import open_database
from lightkeeper.store.documents import Documents


@pytest.fixture
def store(tmp_path):
    """A store of three documents, alone in its folder."""
    path = tmp_path / "store" / "lightkeeper.db"
    path.parent.mkdir()
    track(path, 1, 2, 3)
    return path


@pytest.fixture
def file(tmp_path):
    """Where the backup is to be, alone in its folder."""
    path = tmp_path / "backup" / "one.db"
    path.parent.mkdir()
    return path


def track(path, *request_ids):
    """Put so many documents into a store."""
    with closing(open_database(f"sqlite:///{path}", create=True)) as database:
        Documents(database).add([new(each) for each in request_ids], NOW)


def held(path):
    """The documents of a store."""
    with closing(open_database(f"sqlite:///{path}", create=False)) as database:
        rows = database.rows("SELECT lighthouse_request_id FROM form_526_document_submissions")
    return sorted(request_id for (request_id,) in rows)


def names(path):
    """What is in the folder of a file."""
    return sorted(each.name for each in path.parent.iterdir())


def interrupted_at(line, call):
    """Call it in a process to which SIGINT comes at that line of both modules; whether it came."""
    left = line

    def trace(frame, event, _):
        nonlocal left
        if frame.f_code.co_filename not in {backup.__file__, restore.__file__}:
            return None
        left -= event == "line"
        if not left and event == "line":
            signal.raise_signal(signal.SIGINT)
        return trace

    if child := os.fork():
        return bool(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.settrace(trace)
        call()
    finally:
        os._exit(left <= 0)


def test_a_backup_that_is_interrupted_at_any_line_is_there_as_a_whole_or_not_at_all(store, file):
    """Nothing half, and nothing under another name, is left."""
    lines = 0

    while interrupted_at(lines := lines + 1, lambda: backup.back_up(f"sqlite:///{store}", file)):
        assert names(file) in ([], [file.name]), lines
        if file.exists():
            assert [1, 2, 3] == held(file)
            file.unlink()

    assert lines > 40
    assert [file.name] == names(file)


def test_a_restore_that_is_interrupted_at_any_line_leaves_a_whole_store(store, file):
    """It is the one of before or the one of the backup, and nothing half is beside it."""
    backup.back_up(f"sqlite:///{store}", file)
    track(store, 4)
    before, lines, seen = store.read_bytes(), 0, set()

    def restored():
        restore.put_back(f"sqlite:///{store}", file, discard_newer=True, now=NOW)

    while interrupted_at(lines := lines + 1, restored):
        seen.add(len(held(store)))
        assert [] == list(store.parent.glob(".lightkeeper-*")), lines
        store.write_bytes(before)
        for kept in store.parent.glob("*.replaced-*"):
            kept.unlink()

    assert lines > 40
    assert {3, 4} == seen
