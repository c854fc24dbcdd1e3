"""Entries of systemd's journal: what is sent to its socket, and what happens without it."""

import io
import json
import os
import socket
import struct
import subprocess
import sys
import textwrap

import patience
import pytest

from lightkeeper.telemetry.journald import Journal, entry, is_journal


@pytest.fixture
def journald(tmp_path):
    """A journal's end of its socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "journal.socket"))
        listening.settimeout(patience.SECONDS)
        yield listening


def fields(datagram):
    """Read an entry as journald does."""
    found = {}
    while datagram:
        line, _, rest = datagram.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:
            (length,) = struct.unpack("<Q", rest[:8])
            value, rest = rest[8 : 8 + length], rest[9 + length :]
        assert name.decode() not in found, "a field comes once"
        found[name.decode()] = value.decode()
        datagram = rest
    return found


def test_an_event_is_an_entry_with_its_fields():
    """An entry has a readable line, the level's priority, and each field under a valid name."""
    event = {
        "event": "poll.call.failed",
        "level": "warning",
        "timestamp": "2026-11-28T07:00:00Z",
        "documents": 100,
        "detail": "two\nlines",
        "dd.env": "prod",
        "_9 odd": None,
        "message": "its own",
    }

    assert {
        "MESSAGE": "poll.call.failed documents=100 detail=two\nlines _9 odd=null message=its own",
        "PRIORITY": "4",
        "SYSLOG_IDENTIFIER": "lightkeeper",
        "LIGHTKEEPER_EVENT": "poll.call.failed",
        "DOCUMENTS": "100",
        "DETAIL": "two\nlines",
        "DD_ENV": "prod",
        "FIELD_9_ODD": "null",
    } == fields(entry(event, 4))


def test_a_value_too_long_for_an_entry_is_cut(journald):
    """A long value arrives, cut."""
    Journal(journald.getsockname()).error(event="a.b", level="error", text="x" * 10_000_000)

    found = fields(journald.recv(1_000_000))
    assert ("3", "x" * 16_384) == (found["PRIORITY"], found["TEXT"])


def test_a_value_is_cut_between_characters(journald):
    """With half a character journalctl shows the whole value as binary."""
    Journal(journald.getsockname()).error(event="a.b", level="error", text="x" + "é" * 10_000)

    assert "x" + "é" * 8_191 == fields(journald.recv(1_000_000))["TEXT"]


def test_many_long_values_still_are_one_entry(journald):
    """All values together fit into one datagram."""
    Journal(journald.getsockname(), io.StringIO()).error(
        event="a.b", level="error", **{f"text{n}": "x" * 100_000 for n in range(30)}
    )

    found = fields(journald.recv(1_000_000))
    assert ("a.b", "3") == (found["LIGHTKEEPER_EVENT"], found["PRIORITY"])
    assert {"x"} == set(found["TEXT29"])


@pytest.mark.parametrize("taken", [True, False])
def test_what_no_json_of_others_holds_is_logged_all_the_same(journald, tmp_path, taken):
    """A path that is not UTF-8 and a number beyond 64 bits, in a list or alone."""
    path = journald.getsockname() if taken else str(tmp_path / "none")
    stderr = io.StringIO()

    Journal(path, stderr).error(event="a.b", level="error", odd=["\udcff", 2**64], at="\udcff")

    found = fields(journald.recv(65_536)) if taken else json.loads(stderr.getvalue()[3:])
    assert str(2**64) in str(found.get("ODD", found.get("odd")))


def test_without_a_journal_the_line_goes_to_stderr_with_its_priority(tmp_path):
    """The priority has the form that systemd reads."""
    stderr = io.StringIO()

    Journal(str(tmp_path / "none"), stderr).msg(event="a.b", level="info", one=1)

    assert "<6>" == stderr.getvalue()[:3]
    assert {"event": "a.b", "level": "info", "one": 1} == json.loads(stderr.getvalue()[3:])


def test_a_stream_is_the_journals_where_systemd_says_so(tmp_path):
    """$JOURNAL_STREAM has its device and inode; another file, or none, is not the journal."""
    with (tmp_path / "stderr").open("w") as stream:
        found = os.fstat(stream.fileno())
        named = f"{found.st_dev}:{found.st_ino}"

        assert is_journal(stream, {"JOURNAL_STREAM": named})
        assert not is_journal(stream, {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino + 1}"})
        assert not is_journal(stream, {})
        assert not is_journal(io.StringIO(), {"JOURNAL_STREAM": named})


def test_logs_go_there_redacted_and_with_the_service_tags(tmp_path, journald):
    """A process whose stderr is the journal logs by its protocol, and writes nothing to stderr."""
    code = f"""
        import os, sys
        found = os.fstat(2)
        os.environ["JOURNAL_STREAM"] = f"{{found.st_dev}}:{{found.st_ino}}"
        from lightkeeper.telemetry.journald import Journal
        Journal.__init__.__defaults__ = ({journald.getsockname()!r}, sys.stderr)
        from lightkeeper.telemetry import logging as logs
        import structlog
        logs.configure(unified={{"dd.env": "prod"}})
        structlog.get_logger().error("a.b", detail="Bearer abcdefghijk", count=2)
    """
    with (tmp_path / "stderr").open("w") as stderr:
        subprocess.run([sys.executable, "-c", textwrap.dedent(code)], stderr=stderr, check=True)

    found = fields(journald.recv(65_536))
    assert "" == (tmp_path / "stderr").read_text()
    assert ("3", "prod", "2") == (found["PRIORITY"], found["DD_ENV"], found["COUNT"])
    assert "[redacted]" == found["DETAIL"]


def test_an_entry_cannot_steer_the_terminal_of_its_reader():
    """journalctl shows what it is given: control and bidi characters are replaced."""
    data = entry({"event": "one", "detail": "a\x1b[31m\x9bb\u202e\nc"}, 4).decode()

    assert "detail=a\N{REPLACEMENT CHARACTER}[31m" in data
    assert [] == [char for char in data if char in "\x1b\x9b\u202e"]
