"""`lightkeeper list` on both engines: its filters mean what `status` counts, in every format."""

import csv
import io
import json
import tracemalloc
from contextlib import closing

import click
import command_line
import pytest
from click.testing import CliRunner
from freezegun import freeze_time
from store_rows import NOW, OPEN_STATES, ended, moved, new, plans, stand, uses

from lightkeeper.casework.listing import FIELDS, lines
from lightkeeper.casework.text import iso as printed
from lightkeeper.casework.text import printable
from lightkeeper.casework.triage import Action, decide, note
from lightkeeper.commands.main import main
from lightkeeper.domain.answer import CallProblem
from lightkeeper.domain.change import Remark, RemarkKind
from lightkeeper.domain.document import CONDITION_WORDS, Condition
from lightkeeper.domain.policy import Policy
from lightkeeper.domain.time import DAY, HOUR, MINUTE
from lightkeeper.store.database import open_database
from lightkeeper.store.documents import Documents
from lightkeeper.store.filters import Filter, Listing
from lightkeeper.store.levels import Levels
from lightkeeper.store.outbox import Outbox
from lightkeeper.store.triage import TriageStore

AT_NOW = "2027-01-15T08:00:00Z"
FORMULAS = ("=1+1", "+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "  =1", "\n@x", "\uff1dA1")


@pytest.fixture
def database(database_url):
    """A new store."""
    with closing(open_database(database_url, create=True)) as database:
        yield database


@pytest.fixture
def documents(database):
    """The daemon's view of the store."""
    return Documents(database)


@pytest.fixture
def command(database_url, database):
    """Run a command line at `NOW`; what it printed."""

    def invoke(*arguments):
        with freeze_time(AT_NOW):
            done = CliRunner().invoke(
                main,
                [str(each) for each in arguments],
                env={"LIGHTKEEPER_DATABASE_URL": database_url},
                standalone_mode=False,
            )
        if done.exception is not None:
            raise done.exception
        return done.output

    return invoke


@pytest.fixture
def listed(command):
    """The request ids that a filter finds."""

    def find(*filters):
        found = command("list", *filters, "--format", "jsonl").splitlines()
        return [json.loads(line)["lighthouse_request_id"] for line in found]

    return find


def _fail(documents, decided, **more):
    """Documents 1, 2, 3 ... failed at these times before now, tracked an hour earlier each."""
    batch = [
        new(number, tracked_at=NOW - ago - HOUR) for number, ago in enumerate(decided, start=1)
    ]
    documents.add(batch, NOW)
    failed = {
        "lighthouse_status": "failed",
        "condition": "not_in_efolder",
        "current_step": "CLAIMS_EVIDENCE",
        **more,
    }
    due = sorted(documents.due(NOW, 1_000))
    documents.record(
        [
            moved(each, decided_at=NOW - ago, **failed)
            for each, ago in zip(due, decided, strict=True)
        ],
        NOW,
    )


@pytest.mark.parametrize("action", [None, Action.ACK])
def test_a_condition_finds_what_status_counts(command, listed, database, documents, action):
    """Every count of `status` is the length of the list of that name."""
    states = [*OPEN_STATES, *OPEN_STATES, "delivered", "overdue"]
    stand(documents, states)
    if action:
        triage = TriageStore(database)
        ids = [each.id for each in triage.by_request_ids([3, 4, 6, 21]).values()]
        triage.carry_out(ids, decide(action, Policy(), NOW), note(action, "jane", "x", NOW))
    counts = json.loads(command("status", "--json"))
    words = [word for word in counts if word in CONDITION_WORDS]

    assert 9 == len(words)
    assert {word: counts[word] for word in words} == {
        word: len(listed("--condition", word)) for word in words
    }
    for status in ("pending", "done", "failed"):
        assert counts[status] == len(listed("--status", status))
    assert counts["tracked"] == len(listed())
    some = ("--status", "done", "--status", "failed")
    assert counts["done"] + counts["failed"] == len(listed(*some))
    assert (3 if action else 0) == len(listed("--condition", "acknowledged"))
    for state in set(Condition) - set(words):
        found = json.loads(command("list", "--condition", state, "--format", "json"))
        assert {state} >= {document["condition"] for document in found}


def test_an_action_takes_what_status_counts_and_names_all_of_it(command, database, documents):
    """`ack --condition stuck` takes overdue ones too; the preview needs no reason."""
    stand(documents, [*["stuck"] * 2, *["overdue"] * 30, "slow", "waiting"])

    preview = command("ack", "--condition", "stuck")

    named = " ".join(preview.splitlines()).split("request ids: ")[1].split(" 32 would")[0]
    assert [str(number) for number in range(1, 33)] == named.split(", ")
    assert max(map(len, preview.splitlines())) <= 100
    *_, would, ahead = preview.splitlines()
    assert "32 would be acknowledged" == would
    assert 'nothing changed: to go ahead, repeat with --yes 32 --reason "…"' == ahead
    assert 32 == json.loads(command("status", "--json"))["stuck"]
    assert "32 acknowledged\n" == command(
        "ack", "--condition", "stuck", "--yes", 32, "--reason", "reported", "--by", "jane"
    )
    with pytest.raises(click.UsageError, match="Missing option '--reason'"):
        command("close", "--condition", "slow", "--yes", 1)
    with pytest.raises(click.UsageError, match="Did you mean 'CLAIMS_EVIDENCE'"):
        command("recheck", "--step", "claims_evidense")


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ("--failed-since 7d", [1, 2, 3, 4]),
        ("--failed-since 167h --failed-until 12h", [2, 3]),
        ("--failed-since 2027-01-08 --failed-until 2027-01-14", [2, 3, 4]),
        ("--failed-until 2027-01-07", [5]),
        ("--failed-since 2027-01-15T06:00:00Z", [1]),
        ("--failed-since 2027-01-15T07:00:00+01:00", [1]),
        ("--failed-since 2027-01-15T06:00:01", []),
        ("--tracked-since 2027-01-15", [1]),
        ("--tracked-until 3h", [1, 2, 3, 4, 5]),
        ("--tracked-until 181m", [2, 3, 4, 5]),
        ("--older-than 7d", [4, 5]),
        ("--status failed --failed-since 6d --step claims-evidence --type form-0781", [1, 2, 3]),
        ("--status pending --failed-since 7d", []),
        ("--step none --step complete", []),
        ("--submission s-1 --submission s-2 --older-than 8d", [5]),
        ("--submission s-2", []),
    ],
)
def test_times_choose_by_day_by_moment_or_by_age(listed, documents, filters, found):
    """A date is its whole day in UTC, and several filters narrow the choice together."""
    _fail(documents, [2 * HOUR, DAY, 6 * DAY, 7 * DAY, 9 * DAY])

    assert found == listed(*filters.split())


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("filters", "remedy"),
    [
        ("--step claims_evidnce", "Did you mean 'CLAIMS_EVIDENCE'?"),
        ("--step virus_scn", "Did you mean 'Virus Scan'?"),
        ("--step x", "choose from BENEFITS_GATEWAY_SERVICE, CLAIMS_EVIDENCE, "),
        ("--condition overdu", "Did you mean 'overdue'?"),
        ("--condition in-efolder-not-bsg", "Did you mean 'in_efolder_not_bgs'?"),
        ("--status fail", "Did you mean 'failed'?"),
        ("--type form_781", "Did you mean 'form_0781'?"),
        ("--format jsnl", "Did you mean 'jsonl'?"),
        ("--failed-since 2027-02-30", "--failed-since: give a date such as 2026-11-23"),
        ("--failed-until 1800000000", "--failed-until: give a date such as"),
        ("--tracked-since 10000-01-01", "--tracked-since: give a date such as"),
        ("--tracked-since 0001-01-01T00:00+14:00 --tracked-until soon", "--tracked-until: give"),
        ("--tracked-since= ", "--tracked-since: give a date such as"),
        ("--older-than=", "--tracked-until: give a date such as"),
        ("--submission=", "'' is no id"),
        ("--failed-since 2d --failed-until 3d", "is later than --failed-until: exchange"),
    ],
)
def test_a_word_or_time_that_does_not_exist_is_an_error(command, documents, filters, remedy):
    """It never finds everything or nothing instead: the nearest right word is named."""
    _fail(documents, [HOUR], current_step="Virus Scan")

    with pytest.raises(click.UsageError) as refused:
        command("list", *filters.split())

    assert remedy in refused.value.format_message()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_step_that_lighthouse_added_is_found_in_any_spelling(listed, documents):
    """An unknown step is a filter under its own name, in any case, with - or _ for blanks."""
    _fail(documents, [HOUR], current_step="Virus Scan")

    for word in ("Virus Scan", "virus_scan", "VIRUS-SCAN"):
        assert [1] == listed("--step", word)


def _outbox(database):
    """The words of Lighthouse's own that got a tag value when their transitions were published."""
    for tag, word in (("step", "virus_scan"), ("word", "virus_scan"), ("word", "paused")):
        Outbox(database).keep_word(tag, word)


def test_a_condition_is_left_out_as_status_counts_it(listed, documents):
    """What a page counts that subtracts one gauge from another; several may be left out."""
    stand(documents, ["slow", "stuck", "stuck", "overdue", "not_found", "in_efolder"])

    assert [2, 3] == listed("--condition", "stuck", "--except", "overdue")
    assert [1] == listed("--condition", "slow", "--except", "STUCK")
    assert [1, 2, 3, 4] == listed("--except", "unacknowledged", "--except", "not-found")
    assert [] == listed("--condition", "overdue", "--except", "slow")


def test_documents_are_found_by_a_word_of_lighthouse_and_show_it(
    command, listed, database, documents
):
    """As a status, a step or the status of a step, in any case; `other` has no tag value."""
    said = [
        {"reported_status": "PAUSED", "steps": '{"CLAIMS_EVIDENCE":"SUCCESS"}'},
        {"reported_status": "IN_PROGRESS", "steps": '{"VIRUS_SCAN":"NOT_STARTED"}'},
        {"reported_status": "IN_PROGRESS", "steps": '{"CLAIMS_EVIDENCE":"Paused"}'},
        {"reported_status": "IN REVIEW", "steps": "{}"},
        {"reported_status": "IN_PROGRESS", "steps": '{"VIRUSXSCAN":"50% done"}'},
        {"reported_status": "IN_PROGRESS", "steps": '{"CLAIMS_EVIDENCE":"IN_PROGRESS"}'},
    ]
    documents.add([new(number, attachment_id=f"a-{number}") for number in range(1, 7)], NOW)
    remarks = {"remarks": (Remark(RemarkKind.UNKNOWN_STATUS, "x"),)}
    due = sorted(documents.due(NOW, 10))
    documents.record(
        [moved(one, change=remarks, **each) for one, each in zip(due[:5], said, strict=False)]
        + [moved(due[5], **said[5])],
        NOW,
    )
    _outbox(database)

    assert [1, 3] == listed("--word", "paused") == listed("--word", "PAUSED")
    assert [2] == listed("--word", "virus_scan")
    assert [1, 2, 3] == listed("--word", "paused", "--word", "Virus_Scan")
    assert [4] == listed("--word", "in review")
    assert [5] == listed("--word", "50% done")
    assert [4, 5] == listed("--word", "other")
    assert [1, 3, 6] == listed("--word", "claims_evidence")
    rows = json.loads(command("list", "--format", "json"))
    assert [
        *("status PAUSED", "step VIRUS_SCAN", "step CLAIMS_EVIDENCE is Paused"),
        *("status IN REVIEW", "step VIRUSXSCAN is 50% done", None),
    ] == [row["unknown_words"] for row in rows]
    assert "unknown words: status PAUSED\n" in command("list", "--word", "paused")
    assert "  unknown words: status PAUSED\n" in command("show", 1)
    with pytest.raises(click.UsageError, match="--word: ' ' is no word"):
        command("list", "--word", " ")


def test_the_step_other_is_every_step_without_a_tag_value(listed, database, documents):
    """As in a page; a step that has a value of its own is found under that alone."""
    documents.add([new(number, attachment_id=f"a-{number}") for number in range(1, 5)], NOW)
    steps = ("VIRUS_SCAN", "Second look", "CLAIMS_EVIDENCE", "ninth")
    due = sorted(documents.due(NOW, 10))
    documents.record(
        [moved(one, current_step=at) for one, at in zip(due, steps, strict=True)], NOW
    )
    _outbox(database)

    assert [2, 4] == listed("--step", "other")
    assert [1, 2, 4] == listed("--step", "other", "--step", "virus_scan")
    assert [3] == listed("--step", "claims_evidence")


def test_since_is_when_the_document_came_into_its_condition(command, documents):
    """Also where an answer came later; the step's own time stands in the reason."""
    documents.add(
        [
            new(each, attachment_id=f"a-{each}", tracked_at=NOW - 120 * HOUR)
            for each in range(1, 8)
        ],
        NOW,
    )
    states = {
        "waiting": {"current_step": "CLAIMS_EVIDENCE"},
        "slow": {"current_step": "CLAIMS_EVIDENCE"},
        "stuck": {"current_step": "CLAIMS_EVIDENCE"},
        "overdue": {},
        "not_found": {"not_found_since": NOW - 3 * HOUR},
        "in_efolder": {"lighthouse_status": "failed", "decided_at": NOW - 2 * HOUR},
        "contradictory": {"lighthouse_status": "done", "decided_at": NOW - HOUR},
    }
    due = sorted(documents.due(NOW, 10))
    documents.record(
        [
            moved(one, at=NOW - 5 * HOUR, condition=condition, **state)
            for one, (condition, state) in zip(due, states.items(), strict=True)
        ],
        NOW,
    )
    command("ack", 7, "--by", "jane", "--reason", "looked")

    rows = json.loads(command("list", "--format", "json"))
    ago = [120, 96, 72, 24, 3, 2, 0]
    times = [printed(NOW - hours * HOUR) for hours in ago]
    assert times == [row["condition_since"] for row in rows]
    table = command("list").splitlines()[1:8]
    assert times == [line[98:].split()[0] for line in table]
    at_step = f"at this step since {printed(NOW - 5 * HOUR)}"
    assert [True] * 3 + [False] * 4 == [line.endswith(at_step) for line in table]
    assert json.loads(command("show", 3, "--json"))["condition_since"] == times[2]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_since_goes_by_the_thresholds_that_are_set(command, documents, monkeypatch):
    """A document is stuck since it had waited for as long as the settings say."""
    documents.add([new(1, tracked_at=NOW - 20 * HOUR)], NOW)
    documents.record([moved(*documents.due(NOW, 1), condition="stuck")], NOW)
    monkeypatch.setenv("LIGHTKEEPER_SLOW_AFTER", "1h")
    monkeypatch.setenv("LIGHTKEEPER_STUCK_AFTER", "12h")

    (row,) = json.loads(command("list", "--format", "json"))

    assert printed(NOW - 8 * HOUR) == row["condition_since"]


def test_every_format_says_the_same(command, documents):
    """JSON, JSON Lines and CSV have the same fields; the table has status, step and reason."""
    _fail(documents, [HOUR, 2 * HOUR], error_detail='Step attempts exceeded, "twice"\x1b[2J\x9b')
    documents.add([new(9, submission_id="4711", attachment_id="a-9")], NOW)

    as_json = json.loads(command("list", "--format", "json"))
    as_lines = [json.loads(line) for line in command("list", "--format", "jsonl").splitlines()]
    as_csv = list(csv.DictReader(io.StringIO(command("list", "--format", "csv"), newline="")))
    table = command("list").splitlines()

    assert as_json == as_lines
    assert [list(FIELDS)] * 3 == [list(row) for row in as_csv]
    assert [
        {name: "" if value is None else printable(str(value)) for name, value in row.items()}
        for row in as_json
    ] == as_csv
    first, *_, last = as_json
    assert ("failed", "CLAIMS_EVIDENCE", 3_600) == (
        first["lighthouse_status"],
        first["current_step"],
        first["waited_s"],
    )
    assert ("2027-01-15T07:00:00Z", AT_NOW) == (first["decided_at"], first["step_since"])
    assert ("4711", "a-9", None, AT_NOW, 0) == (
        *(last[name] for name in ("form_526_submission_id", "form_attachment_id")),
        *(last[name] for name in ("decided_at", "step_since", "waited_s")),
    )
    reason = 'Step attempts exceeded, "twice"\ufffd[2J\ufffd'
    assert table[1].endswith(f"not_in_efolder   2027-01-15T07:00:00Z  {reason}")
    assert (5, "3 documents") == (len(table), table[-1])


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("form", "empty"),
    [("table", "no document matches\n"), ("json", "[]\n"), ("jsonl", ""), ("csv", None)],
)
def test_an_empty_list_is_well_formed(command, form, empty):
    """No match is no error: an empty array, a header alone, or a sentence."""
    expected = ",".join(FIELDS) + "\n" if empty is None else empty

    assert expected == command("list", "--format", form)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("value", FORMULAS)
def test_a_spreadsheet_runs_nothing_of_what_lighthouse_writes(command, documents, value):
    """A value that begins like a formula begins with a ' in CSV, and is unchanged in JSON."""
    _fail(documents, [HOUR], error_detail=value)

    (row,) = csv.DictReader(io.StringIO(command("list", "--format", "csv"), newline=""))
    (plain,) = json.loads(command("list", "--format", "json"))

    assert (f"'{value}", value) == (row["error_detail"], plain["error_detail"])


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_reason_says_who_took_it_up(command, database, documents):
    """An acknowledged failure is listed with who and why, until it changes."""
    _fail(documents, [HOUR])
    command("ack", 1, "--by", "jane", "--reason", "letter sent")

    assert "by jane: letter sent" in command("list", "--status", "failed")
    documents.record([moved(documents.due(NOW + DAY, 1)[0], condition="in_efolder")], NOW)
    (row,) = json.loads(command("list", "--format", "json"))
    assert (None, None, None) == tuple(
        row[f"acknowledged_{each}"] for each in ("at", "by", "reason")
    )


def test_show_says_the_condition_since_when_and_how_long(command, documents):
    """A document that waits has waited until now, at its step since it was first seen there."""
    documents.add([new(1, tracked_at=NOW - 51 * HOUR - 12 * MINUTE)], NOW)
    (before,) = documents.due(NOW, 1)
    stuck = {"condition": "stuck", "current_step": "CLAIMS_EVIDENCE"}
    documents.record([moved(before, at=NOW - 50 * HOUR, **stuck)], NOW)

    text, data = command("show", 1), json.loads(command("show", 1, "--json"))

    assert [
        "request id 1  form_0781  pending at CLAIMS_EVIDENCE",
        "  submission s-1",
        "  condition: stuck",
        "  waiting for: 2 d 3 h",
        "  at this step since: 2027-01-13T06:00:00Z",
    ] == text.splitlines()[:5]
    assert ("stuck", "2027-01-13T06:00:00Z", 51 * 3_600 + 720) == (
        *(data[name] for name in ("condition", "step_since", "waited_s")),
    )
    (listed,) = json.loads(command("list", "--format", "json"))
    assert None is listed.pop("last_call_failed")
    assert listed == {name: data[name] for name in listed}
    assert "  condition: stuck\n  waiting for: 2 d 3 h\n" in command("show", "--submission", "s-1")


def test_show_says_how_long_an_ended_document_had_to_wait(command, documents):
    """What is done or failed waits no longer: it says since when, and how long it took."""
    _fail(documents, [DAY])

    assert (
        "  condition: not_in_efolder\n  waited: 1 h\n  failed since: 2027-01-14T08:00:00Z\n"
    ) in command("show", 1)


def test_a_submission_is_found_by_its_index(database, documents, monkeypatch):
    """Beside thousands of others a submission's documents are not searched for one by one."""
    for at in range(0, 20_000, 1_000):
        documents.add([new(n, submission_id=f"s-{n}") for n in range(at, at + 1_000)], NOW)
    if database.dialect == "postgresql":
        database.execute("ANALYZE")
    wanted = Filter(submissions=frozenset({"s-7", "s-8"}))

    _, plan = plans(database, monkeypatch, lambda: TriageStore(database).matching(wanted))

    assert uses(plan, "documents_of_submission"), plan


@pytest.mark.parametrize("form", ["table", "csv", "json", "jsonl"])
def test_memory_does_not_grow_with_the_list(database, documents, form):
    """Documents are written a few hundred at a time, however many there are: below 3 MB."""
    for at in range(0, 4_000, 1_000):
        documents.add([new(number) for number in range(at, at + 1_000)], NOW)
    tracemalloc.start()
    try:
        written = sum(map(len, lines(Listing(database), Filter(), form, NOW)))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert written > 400_000
    assert peak < 3_000_000


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path):
    """`lightkeeper list | head -1` prints nothing on the terminal."""
    with closing(open_database(f"sqlite:///{tmp_path}/store.db", create=True)) as database:
        Documents(database).add([new(number) for number in range(1_000)], NOW)
    listing = command_line.start(
        "list", "--format", "jsonl", env=command_line.environment(tmp_path / "store.db")
    )
    with listing.stdout, listing.stderr:
        first = listing.stdout.readline()
        listing.stdout.close()
        complaint = listing.stderr.read()

    assert (0, 0, "") == (json.loads(first)["lighthouse_request_id"], listing.wait(), complaint)


def test_unobserved_documents_are_found_with_the_reason(listed, command, database, documents):
    """As many as the gauge counts: polled in vain, or not polled at all; `recheck` takes them."""
    stand(documents, ["waiting", "stuck", "overdue", "delivered", "waiting"])
    ids = {each.request_id: each.id for each in documents.due(NOW + HOUR, 10)}
    vain, unpolled, closed = ids[1], ids[2], ids[3]
    for document, ago in ((vain, 3), (closed, 3), (ids[5], 1)):
        documents.postpone(
            [document], NOW - ago * HOUR, NOW + HOUR, CallProblem(502, "no upstream for Jane")
        )
    database.execute(
        "UPDATE form_526_document_submissions SET next_poll_at = ? WHERE id = ?",
        (NOW - 2 * HOUR, unpolled),
    )
    command("close", 3, "--by", "jane", "--reason", "mailed")

    assert [1, 2] == listed("--unobserved")
    assert 2 == Levels(database).unobserved(NOW)
    assert [2] == listed("--unobserved", "--condition", "stuck")
    why = f"no usable answer since {printed(NOW - 3 * HOUR)}; last call failed: http_status 502"
    assert f"{why}, in Lighthouse's words" in command("list", "--unobserved")
    assert "Jane" not in command("list", "--unobserved", "--format", "csv")
    assert "2 would be polled next" in command("recheck", "--unobserved")


def test_what_was_acknowledged_long_ago_and_never_settled_is_found(
    listed, command, database, documents, monkeypatch
):
    """As many as the daily count has, and none that staff closed; `close` takes them."""
    stand(documents, ["stuck", "in_efolder", "overdue", "contradictory", "in_efolder", "waiting"])
    command("ack", 1, 2, 3, 4, "--by", "jane", "--reason", "support was asked")
    command("close", 3, "--by", "jane", "--reason", "mailed")
    for request_id, age in ((1, 7 * DAY), (2, 7 * DAY - 1), (3, 9 * DAY), (4, 9 * DAY)):
        database.execute(
            "UPDATE form_526_document_submissions SET acknowledged_at = ? "
            "WHERE lighthouse_request_id = ?",
            (NOW - age, request_id),
        )

    assert [1, 4] == listed("--unsettled")
    assert 2 == Levels(database).unsettled(NOW - 7 * DAY)
    assert [1] == listed("--unsettled", "--condition", "acknowledged", "--status", "pending")
    assert [] == listed("--unsettled", "--condition", "stuck")
    assert "2 would be closed" in command("close", "--unsettled")
    assert "2 would be no longer acknowledged" in command("ack", "--unsettled", "--revoke")
    assert "no matching document" in command("ack", "--unsettled")
    monkeypatch.setenv("LIGHTKEEPER_UNSETTLED_AFTER", "6d")
    assert [1, 2, 4] == listed("--unsettled")


def test_a_reader_that_pauses_holds_up_nothing(database_url, database, documents):
    """Meanwhile no snapshot is held that would keep a -wal or dead rows; all changes are seen."""
    documents.add([new(number) for number in range(1_200)], NOW)
    with closing(open_database(database_url, create=False)) as other:
        written = lines(Listing(database), Filter(), "jsonl", NOW)
        found = [json.loads(next(written))]

        Documents(other).add([new(1_200, submission_id="s-2")], NOW)
        if other.dialect == "sqlite":
            ((_, in_wal, emptied),) = other.rows("PRAGMA wal_checkpoint(PASSIVE)")
            assert in_wal == emptied > 0
        else:
            assert [] == other.rows(
                "SELECT state, query FROM pg_stat_activity WHERE backend_xmin IS NOT NULL "
                "AND backend_type = 'client backend' AND datname = current_database() "
                "AND pid <> pg_backend_pid()"
            )
        found += map(json.loads, written)

    assert list(range(1_201)) == [each["lighthouse_request_id"] for each in found]


def test_what_no_longer_matches_is_left_out(database, documents):
    """A document that moves on while the reader pauses is not listed under its old state."""
    documents.add([new(number) for number in range(1_200)], NOW)
    pending = Filter(statuses=frozenset({"pending"}))
    written = lines(Listing(database), pending, "jsonl", NOW)
    found = [json.loads(next(written))["lighthouse_request_id"]]

    late = [each for each in documents.due(NOW, 2_000) if each.request_id >= 1_100]
    documents.record([ended(each) for each in late], NOW)
    found += [json.loads(line)["lighthouse_request_id"] for line in written]

    assert (100, list(range(1_100))) == (len(late), found)


def test_a_reader_that_pauses_for_long_still_gets_every_document(postgres_url):
    """A server that ends an idle session meanwhile is asked again for what is missing."""
    with (
        closing(open_database(postgres_url, create=True)) as database,
        closing(open_database(postgres_url, create=False)) as other,
    ):
        Documents(database).add([new(number) for number in range(2_000)], NOW)
        found = []
        for line in lines(Listing(database), Filter(), "jsonl", NOW):
            found.append(json.loads(line)["lighthouse_request_id"])
            if len(found) in {1, 700}:
                other.rows(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )

        assert list(range(2_000)) == found
