"""The audit log: every write of staff and callers, noted with it or not at all, on each engine."""

import csv
import io
import json
import tracemalloc
from contextlib import closing
from functools import partial

import command_line
import pytest
from click.testing import CliRunner
from freezegun import freeze_time
from store_rows import NOW, ended, new

from lightkeeper.casework import audit as casework
from lightkeeper.casework.filters import WrongFilter
from lightkeeper.casework.text import iso
from lightkeeper.commands.main import main
from lightkeeper.domain.errors import LightkeeperError
from lightkeeper.domain.time import HOUR
from lightkeeper.store import audit
from lightkeeper.store.database import open_database
from lightkeeper.store.documents import Documents
from lightkeeper.store.expected import ExpectedDocuments
from lightkeeper.store.followed import Followed, Following, following
from lightkeeper.store.transact import transact

AT = "2026-11-23T14:05:00Z"


@pytest.fixture
def database(database_url):
    """A store that tracks some documents; the third has failed."""
    with closing(open_database(database_url, create=True)) as database:
        documents = Documents(database)
        documents.add([new(each) for each in (1, 2, 3, 4)], NOW)
        documents.record([ended(sorted(documents.due(NOW, 4))[2], "failed")], NOW)
        yield database


@pytest.fixture
def command(database_url, database):
    """Run a command at a time; its status and what it prints."""

    def invoke(*arguments, at=AT):
        with freeze_time(at):
            done = CliRunner().invoke(
                main,
                list(map(str, arguments)),
                env={"LIGHTKEEPER_DATABASE_URL": database_url},
                standalone_mode=False,
            )
        if done.exception is not None:
            raise done.exception
        return done.return_value, done.output

    return invoke


def written(command, *options):
    """Who did what, as `lightkeeper audit` lists it."""
    rows = json.loads(command("audit", "--format", "json", *options)[1])
    return [(each["who"], each["action"], each["what"]) for each in rows]


def noted(database, *rows):
    """Note some writes: time, who, action and what."""
    for at, who, action, what in rows:
        transact(database, partial(audit.note, database, who, action, what, at))


BY = ("--by", "jane", "--reason", "called them")


def test_what_staff_write_is_noted(command):
    """Who acknowledges, closes, rechecks or corrects which documents, and announces what."""
    command("close", 1, 2, *BY)
    command("close", 1, *BY, "--revoke")
    command("ack", 3, *BY)
    command("ack", 3, *BY, "--revoke")
    command("recheck", 4, "--by", "joe")
    command("correct", 4, "--submission", "s-9", *BY)
    command("maintenance", "add", "--until", "8h", "--why", "BGS upgrade", "--by", "joe")
    command("maintenance", "end", 1, "--by", "jane")

    assert [
        ("jane", "closed", "request ids 1, 2: called them"),
        ("jane", "reopened_by_staff", "request id 1: called them"),
        ("jane", "acknowledged", "request id 3: called them"),
        ("jane", "unacknowledged", "request id 3: called them"),
        ("joe", "recheck", "request id 4"),
        (
            "jane",
            "corrected",
            "request id 4: called them (form_526_submission_id was s-1, is s-9)",
        ),
        ("joe", "announced", "maintenance window 1: BGS upgrade"),
        ("jane", "ended", "maintenance window 1"),
    ] == written(command)


def test_what_is_expected_and_settled_is_noted(command, database):
    """A caller that expects documents, and staff who settle those that are missing."""
    expected = ExpectedDocuments(database)
    for counts in ({"veteran_upload": 2, "form_0781": 1}, {"veteran_upload": 2}):
        expected.expect("s-9", counts, "vets-api", NOW)
    command(
        "expected", "settle", "s-9", "--type", "veteran_upload", "--why", "sent by mail", *BY[:2]
    )
    command("expected", "settle", "s-9", "--revoke", *BY)

    assert {
        ("vets-api", "expected", "submission s-9: 1 form_0781, 2 veteran_upload"),
        ("jane", "settled", "submission s-9, 2 veteran_upload: sent by mail"),
        ("jane", "missing_again", "submission s-9, 2 veteran_upload: called them"),
    } == set(written(command))
    assert 3 == len(written(command))


def test_what_is_tracked_by_hand_is_noted(command, tmp_path):
    """Who tracked what, of one document and of a file; what is known already leaves no note."""
    described = ("--request-id", 7, "--submission-id", "s-7", "--document-type", "form_0781")
    (tmp_path / "file").write_text(
        "".join(
            f'{{"lighthouse_request_id": {each}, "form_526_submission_id": "s-7", '
            '"document_type": "form_0781"}\n'
            for each in (7, 8, 9)
        )
    )
    for who in ("jane", "joe"):
        command("track", *described, "--by", who)
        command("track", tmp_path / "file", "--by", who)
    with pytest.raises(LightkeeperError, match="--by: a part of it is"):
        command("track", *described, "--by", "jane 123-45-6789")

    assert [
        ("jane", "tracked", "request id 7"),
        ("jane", "tracked", "request ids 8, 9"),
    ] == written(command)


def test_rows_settled_and_the_end_of_following_are_noted(command, database):
    """Who settled which rows of vets-api's table and why, and who said that none follows it."""
    followed = Followed(database, "vets-api")
    followed.keep(NOW, 0, [(each, NOW, None) for each in (7, 8, 9)], [])
    followed.begin(NOW)
    command("follow", "settle", 7, 9, 11, *BY)
    command("follow", "settle", 11, *BY)
    command("follow", "settle", 8, "--why", "by mail", "--by", "joe")
    for who in ("jane", "joe"):
        command("follow", "end", "--by", who)

    assert [
        ("jane", "settled", "vets-api rows 7, 9: called them"),
        ("joe", "settled", "vets-api row 8: by mail"),
        ("jane", "ended", "following of vets-api"),
    ] == written(command)


def test_tokens_made_and_revoked_are_noted(command, tmp_path, monkeypatch):
    """Who made or revoked the token of which caller; what is refused leaves no note."""
    monkeypatch.setenv("LIGHTKEEPER_API_TOKENS_FILE", str(tmp_path / "api-tokens"))
    command("token", "new", "vets-api", "--scope", "track", "--scope", "read", "--by", "joe")
    with pytest.raises(LightkeeperError, match="already"):
        command("token", "new", "vets-api", "--scope", "read", "--by", "joe")
    with pytest.raises(LightkeeperError, match="--by: a part of it is"):
        command("token", "revoke", "vets-api", "--by", "jane 123-45-6789")
    command("token", "revoke", "vets-api", "--by", "jane")

    assert [
        ("joe", "token_made", "token vets-api: read, track"),
        ("jane", "token_revoked", "token vets-api"),
    ] == written(command)


def test_what_changes_nothing_is_not_noted(command):
    """A second time, a preview, and what is refused leave no note."""
    command("close", 1, *BY)
    command("close", 1, *BY)
    command("ack", "--status", "pending", *BY)
    command("correct", 1, "--type", "form_0781", *BY)
    command("maintenance", "add", "--until", "2026-11-23T22:00Z", "--why", "x", "--by", "joe")
    command("maintenance", "add", "--until", "2026-11-23T22:00Z", "--why", "x", "--by", "joe")
    command("maintenance", "end", 1, 77, "--by", "joe")
    command("maintenance", "end", 1, "--by", "joe", at="2026-11-23T14:06:00Z")

    assert ["closed", "announced", "ended"] == [action for _, action, _ in written(command)]


def test_a_write_without_its_note_is_not_made(command, database):
    """Where the note cannot be stored, nor is what it is about."""
    database.execute("DROP TABLE audit_log")

    followed = Followed(database, "vets-api")
    followed.keep(NOW, 0, [(7, NOW, None)], [])
    followed.begin(NOW)

    for words in (
        ("close", 1, *BY),
        ("follow", "settle", 7, *BY),
        ("follow", "end"),
        ("correct", 1, "--submission", "s-9", *BY),
        ("maintenance", "add", "--until", "8h", "--why", "x"),
    ):
        with pytest.raises(LightkeeperError):
            command(*words)

    rows = database.rows(
        "SELECT condition, form_526_submission_id FROM form_526_document_submissions "
        "WHERE lighthouse_request_id = 1"
    )
    assert [("waiting", "s-1")] == rows
    assert [] == database.rows("SELECT * FROM maintenance_windows")
    assert following(database) == Following(NOW, 1, NOW)


def test_a_time_is_chosen(command, database):
    """From since until until, both included; a date is its whole day, and a length is ago."""
    noted(
        database,
        *(
            (NOW + hour * HOUR, f"caller-{hour}", "tracked", "request id 1")
            for hour in range(-30, 2)
        ),
    )

    def hours(*options):
        return [int(who.partition("-")[2]) for who, _, _ in written(command, *options)]

    assert list(range(-30, 2)) == hours()
    done = command("audit", "--format", "jsonl", "--since", "3h", at=iso(NOW + HOUR))[1]
    assert 4 == len(done.splitlines())
    assert [-30, -29] == hours("--until", iso(NOW - 29 * HOUR))
    assert [0, 1] == hours("--since", iso(NOW))
    with pytest.raises(WrongFilter, match="--since is later than --until: exchange the two"):
        hours("--since", "2026-11-24", "--until", "2026-11-23")
    with pytest.raises(WrongFilter, match="--until: give a date such as"):
        hours("--until", "soon")


def test_each_format_says_the_same(command, database):
    """As CSV, JSON and JSON Lines; CSV has a ' before what a spreadsheet would run."""
    many = audit.of_requests(range(1_000_000, 1_001_000))
    noted(
        database,
        (NOW, "=cmd|' /C calc'!A0", "tracked", many),
        (NOW + 1, "vets-api", "tracked", "request id 7"),
    )

    rows = json.loads(command("audit", "--format", "json")[1])
    lines = command("audit", "--format", "jsonl")[1].splitlines()
    cells = list(csv.DictReader(io.StringIO(command("audit", "--format", "csv")[1])))
    table = command("audit")[1].splitlines()

    assert rows == [json.loads(line) for line in lines]
    assert [many, "request id 7"] == [row["what"] for row in rows]
    assert {"at", "who", "action", "what"} == set(rows[0])
    assert "'=cmd|' /C calc'!A0" == cells[0]["who"]
    assert rows[1] == cells[1]
    assert ["at", "who", "action", "what"] == table[0].split()
    assert table[1].endswith("1000019, …")
    assert "2 writes" == table[-1]


def test_an_empty_log_is_said_to_be(command):
    """There is a word for nothing in each format."""
    assert "no write\n" == command("audit")[1]
    assert "[]\n" == command("audit", "--format", "json")[1]
    assert "at,who,action,what\n" == command("audit", "--format", "csv")[1]
    assert "" == command("audit", "--format", "jsonl")[1]


def test_many_at_the_same_time_are_all_there_once(database):
    """More notes of one millisecond than are read at once, in the order they were written."""
    count = 2 * audit.READ_AT_ONCE + 1
    transact(
        database,
        lambda: [audit.note(database, "a", "tracked", str(n), NOW) for n in range(count)],
    )

    assert [str(n) for n in range(count)] == [each.what for each in audit.entries(database)]


def test_memory_does_not_grow_with_the_log(database):
    """Ten times as many notes take no more memory to export."""

    def peak(since):
        tracemalloc.start()
        try:
            count = sum(1 for _ in casework.lines(database, since, None, "jsonl"))
            return count, tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    rows = [
        (NOW + n, "vets-api", "tracked", "request ids " + "1000000, " * 100) for n in range(4_000)
    ]
    transact(database, lambda: [audit.note(database, *row[1:], row[0]) for row in rows])

    few, many = peak(NOW + 3_600), peak(None)

    assert (400, 4_000) == (few[0], many[0])
    assert many[1] < 1.5 * few[1]


def test_the_log_is_backed_up(tmp_path):
    """A backup holds it, and a restore brings it back, and is noted itself."""
    env = command_line.environment(tmp_path / "store.db")
    open_database(f"sqlite:///{tmp_path / 'store.db'}", create=True).close()
    add = ("maintenance", "add", "--until", "8h", "--why", "upgrade", "--by", "jane")
    assert 0 == command_line.run(*add, env=env).returncode
    before = command_line.run("audit", "--format", "csv", env=env).stdout
    assert 0 == command_line.run("backup", tmp_path / "copy.db", env=env).returncode
    (tmp_path / "store.db").unlink()

    restored = command_line.run("restore", tmp_path / "copy.db", "--by", "joe", env=env)

    assert 0 == restored.returncode, restored.stderr
    after = command_line.run("audit", "--format", "csv", env=env).stdout
    assert after.startswith(before)
    assert ',joe,restored,"backup with 0 request ids, ' in after
    assert "jane,announced,maintenance window 1: upgrade" in before
