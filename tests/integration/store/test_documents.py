"""Taking documents in, finding what is due, and writing down what was decided."""

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing

import orjson
import pytest
from child_process import child, line, outcomes
from store_rows import NOW, counted, ended, is_index_walk, moved, new, plans, tallied

from lightkeeper.domain.answer import Absence, CallProblem, StatusReport
from lightkeeper.domain.change import Recorded, Remark, RemarkKind
from lightkeeper.domain.interpret import interpret
from lightkeeper.domain.policy import Policy
from lightkeeper.domain.time import DAY, HOUR, MINUTE, SECOND
from lightkeeper.store import remarks
from lightkeeper.store.database import StoreUnavailable, open_database
from lightkeeper.store.documents import FILL_AFTER_MS, Documents, Intake
from lightkeeper.store.outbox import Outbox
from lightkeeper.upstream.benefits_documents import parse as answer


@pytest.fixture
def database(database_url):
    """A new store."""
    with closing(open_database(database_url, create=True)) as database:
        yield database


@pytest.fixture
def documents(database):
    """Its documents."""
    return Documents(database)


def _request_ids(found):
    return [document.request_id for document in found]


def test_a_new_document_is_pending_and_due_at_once(documents):
    """A tracked document is stored as given, without an answer, and is due at once."""
    tracked = new(
        21,
        submission_id="s-9",
        document_type="veteran_upload",
        attachment_id="a-1",
        tracked_at=NOW - HOUR,
    )

    assert [Intake.NEW] == documents.add([tracked], NOW)

    (due,) = documents.due(NOW, 10)
    assert (21, "veteran_upload", NOW - HOUR, NOW) == due[1:5]
    assert ("pending", "waiting", None, "{}", "none") == due[5:10]
    assert {None, 0} == set(due[10:])
    row = documents.find(21)
    assert ("s-9", "a-1", NOW) == (
        row.form_526_submission_id,
        row.form_attachment_id,
        row.created_at,
    )
    assert row.last_polled_at is None
    assert [] == documents.due(NOW - 1, 10)


def test_each_document_of_a_batch_has_its_fate(database, documents):
    """New, known and in conflict, with the store and within the batch itself, in order."""
    documents.add([new(1), new(2)], NOW)

    fates = documents.add(
        [
            new(3),
            new(1),
            new(2, submission_id="s-2"),
            new(1, document_type="form_0781a"),
            new(3),
            new(3, submission_id="s-2"),
            new(1, tracked_at=NOW - DAY),
            new(1, attachment_id="other"),
        ],
        NOW + 1,
    )

    assert [
        Intake.NEW,
        Intake.KNOWN,
        Intake.CONFLICT,
        Intake.CONFLICT,
        Intake.KNOWN,
        Intake.CONFLICT,
        Intake.KNOWN,
        Intake.CONFLICT,
    ] == fates
    assert [(1, NOW), (2, NOW), (3, NOW)] == database.rows(
        "SELECT lighthouse_request_id, tracked_at FROM form_526_document_submissions ORDER BY 1"
    )
    assert {("form_0781", "pending", "none", "waiting"): 3} == tallied(database)
    assert [] == documents.add([], NOW)


@pytest.mark.parametrize("request_id", [0, 2**31, 2**63 - 1])
def test_any_request_id_that_lighthouse_can_give(documents, request_id):
    """Request ids are 64 bits wide."""
    documents.add([new(request_id)], NOW)

    assert request_id == documents.find(request_id).lighthouse_request_id
    assert [request_id] == _request_ids(documents.due(NOW, 1))


ADD = """
    import random, sys
    from lightkeeper.domain.document import NewDocument
    from lightkeeper.store.database import open_database
    from lightkeeper.store.documents import Documents
    documents = Documents(open_database(sys.argv[1], create=False))
    print("ready", flush=True)
    input()
    ids = list(range(1_000))
    random.Random(sys.argv[2]).shuffle(ids)
    fates = []
    for at in range(0, len(ids), 50):
        batch = [NewDocument(each, "s", "form_0781", None, 1) for each in ids[at : at + 50]]
        fates += documents.add(batch, 1)
    print(fates.count("new"), fates.count("known"), end="")
"""


def test_several_processes_may_track_the_same_documents(database, database_url):
    """Each document is new to exactly one of them, known to the others, and counted once."""
    said = outcomes(ADD, *[(database_url, seed) for seed in "abc"])

    fates = [tuple(map(int, each.split())) for each in said]
    assert [1_000] * 3 == [sum(each) for each in fates]
    assert 1_000 == sum(fresh for fresh, _ in fates)
    assert (
        {("form_0781", "pending", "none", "waiting"): 1_000}
        == counted(database)
        == tallied(database)
    )


def _due_one_by_one(documents, count):
    """Documents 1 to `count`, each due a second after the one before, the first at NOW."""
    for number in range(1, count + 1):
        documents.add([new(number)], NOW + (number - 1) * SECOND)


def test_what_is_due_comes_in_two_shares(documents):
    """Four fifths are those due last, one fifth those due longest; all of them when all fit."""
    _due_one_by_one(documents, 30)
    later = NOW + MINUTE

    assert [30, 29, 28, 27, 26, 25, 24, 23, 1, 2] == _request_ids(documents.due(later, 10))
    assert [30, 29, 28] == _request_ids(documents.due(later, 3))
    assert set(range(1, 31)) == set(_request_ids(documents.due(later, 30)))
    assert list(range(30, 0, -1)) == _request_ids(documents.due(later, 100))
    assert [3, 2, 1] == _request_ids(documents.due(NOW + 2 * SECOND, 10))


@pytest.mark.parametrize(
    ("count", "limit"), [(1, 4), (4, 4), (9, 12), (10, 12), (12, 12), (13, 12), (1_000, 1_000)]
)
def test_nothing_due_is_left_out_where_it_fits(documents, count, limit):
    """Up to the limit every due document comes, and none twice, also where all are due at once."""
    documents.add([new(number) for number in range(count)], NOW)

    found = _request_ids(documents.due(NOW, limit))

    assert min(count, limit) == len(set(found)) == len(found)


def test_nothing_starves(documents):
    """However much new work keeps coming, what has been due longest gets its turn."""
    documents.add([new(number) for number in range(100)], NOW)
    old = set(range(100))
    for turn in range(1, 51):
        at = NOW + turn * MINUTE
        documents.add([new(1_000 * turn + number) for number in range(100)], at)
        polled = documents.due(at, 10)
        documents.record([ended(document) for document in polled], at)
        old -= set(_request_ids(polled))

    assert set() == old


def test_what_is_final_is_not_due(documents):
    """Done and failed for good are never due again; a failure to be looked at again is."""
    documents.add([new(number) for number in (1, 2, 3, 4)], NOW)
    done, failed, again, _ = sorted(documents.due(NOW, 10))
    documents.record(
        [ended(done), ended(failed, "failed"), ended(again, "failed", next_poll_at=NOW + HOUR)],
        NOW,
    )

    assert [4] == _request_ids(documents.due(NOW + HOUR - 1, 10))
    assert {3, 4} == set(_request_ids(documents.due(NOW + 1_000 * DAY, 10)))


def test_a_call_is_filled_up_with_what_is_due_next(documents):
    """The next ones first, none that is due already, none that was polled within 30 s."""
    documents.add([new(number) for number in range(1, 7)], NOW)
    for document in sorted(documents.due(NOW, 10)):
        number = document.request_id
        polled_at = NOW + MINUTE - FILL_AFTER_MS + (1 if number == 4 else 0)
        documents.record([moved(document, next_poll_at=NOW + number * MINUTE)], polled_at)
    now = NOW + MINUTE

    assert [2, 3, 5, 6] == _request_ids(documents.due_next(now, 10))
    assert [2, 3] == _request_ids(documents.due_next(now, 2))
    assert [2, 3, 4, 5, 6] == _request_ids(documents.due_next(now + 1, 10))


TROUBLES = [
    {},
    {"unanswered_since": NOW - 1},
    {"unanswered_since": NOW},
    {"not_found_since": NOW},
    {"unanswered_since": NOW, "not_found_since": NOW - DAY},
    {"unanswered_since": NOW, "lighthouse_status": "failed"},
    {"unanswered_since": NOW},  # polled later
    {"unanswered_since": NOW},  # due already
]


def test_what_is_in_trouble_is_found_before_it_is_due(documents):
    """Pending, given no status since then or later, not due yet, and not polled since."""
    documents.add([new(number) for number in range(len(TROUBLES))], NOW)
    for document in sorted(documents.due(NOW, 10)):
        number = document.request_id
        change = moved(document, next_poll_at=NOW + (1 if number == 7 else 2), **TROUBLES[number])
        documents.record([change], NOW - (0 if number == 6 else 1))

    def found(limit=10, since=NOW):
        return sorted(_request_ids(documents.in_trouble(NOW + 1, since, NOW, limit)))

    assert [2, 3, 4] == found()
    assert [1, 2, 3, 4] == found(since=NOW - 1)
    assert 2 == len(found(limit=2))


def test_what_was_decided_is_written_down(database, documents):
    """The state, the evidence and the transition of a document, and nothing of another's."""
    documents.add([new(1), new(2)], NOW)
    _, before = sorted(documents.due(NOW, 2))
    after = before._replace(
        lighthouse_status="failed",
        reported_status="FAILED",
        steps='{"CLAIMS_EVIDENCE":"FAILED"}',
        current_step="CLAIMS_EVIDENCE",
        failed_step="CLAIMS_EVIDENCE",
        error_detail="no room",
        in_efolder_at=NOW + 1,
        lighthouse_started_at=NOW + 2,
        lighthouse_ended_at=NOW + 3,
        last_answered_at=NOW + 4,
        not_found_since=NOW + 5,
        decided_at=NOW + 6,
        trouble_count=7,
        condition="in_efolder",
        unanswered_since=NOW + 7,
        must_act_since=NOW + 8,
    )
    details = {
        "step_changes": (("CLAIMS_EVIDENCE", "FAILED"),),
        "remarks": (Remark(RemarkKind.CONTRADICTORY), Remark(RemarkKind.UNKNOWN_STEP, "A")),
        "processing_ms": 12,
        "detection_ms": -3,
    }
    problem = CallProblem(503, "away", "i-1", "d-1")
    state = {name: getattr(after, name) for name in after._fields[4:]}
    polled_at = NOW + 9
    documents.record(
        [
            moved(
                before,
                at=NOW + 8,
                outcome="failed",
                answer='{"a":1}',
                problem=problem,
                change=details,
                **state,
            )
        ],
        polled_at,
    )

    row = documents.find(2)
    assert state == {name: getattr(row, name) for name in state}
    assert (polled_at, NOW + HOUR, '{"a":1}') == (
        row.last_polled_at,
        row.next_poll_at,
        row.last_answer,
    )
    assert problem._asdict() == json.loads(row.last_problem)
    (change,) = Outbox(database).history(row.id)
    assert (NOW + 8, "pending", "failed", "none", "CLAIMS_EVIDENCE", "failed") == (
        change.at,
        change.from_status,
        change.to_status,
        change.from_step,
        change.to_step,
        change.outcome,
    )
    assert ('[["CLAIMS_EVIDENCE","FAILED"]]', details["remarks"], 12, -3, None) == (
        change.step_changes,
        remarks.decode(change.remarks),
        change.processing_ms,
        change.detection_ms,
        change.published_at,
    )
    assert [1] == _request_ids(documents.due(NOW, 10))
    assert [] == Outbox(database).history(documents.find(1).id)


def test_evidence_is_kept_and_problems_pass(documents):
    """The last answer stays while none comes; the last problem goes when one does."""
    documents.add([new(1)], NOW)
    (document,) = documents.due(NOW, 1)
    documents.record([moved(document, answer='{"a":1}')], NOW)
    documents.record([moved(document, problem=CallProblem(None, "cut off"))], NOW + 1)

    row = documents.find(1)
    assert ('{"a":1}', "cut off") == (row.last_answer, json.loads(row.last_problem)["detail"])
    documents.record([moved(document, answer='{"a":2}')], NOW + 2)
    row = documents.find(1)
    assert ('{"a":2}', None) == (row.last_answer, row.last_problem)


def test_a_failed_call_only_puts_its_documents_off(documents):
    """What is postponed keeps its state and is due later, with the reason beside it."""
    documents.add([new(number) for number in (1, 2, 3)], NOW)
    one, two, three = sorted(documents.due(NOW, 10))
    documents.record([moved(one, next_poll_at=NOW, answer='{"a":1}')], NOW)

    documents.postpone([one.id, two.id], NOW + 5, NOW + HOUR, CallProblem(500, "broken"))

    assert [3] == _request_ids(documents.due(NOW + HOUR - 1, 10))
    postponed = [each._replace(unanswered_since=NOW + 5) for each in (one, two)]
    assert [*postponed, three] == sorted(documents.due(NOW + HOUR, 10))
    documents.postpone([one.id], NOW + 9, NOW + HOUR, CallProblem(500, "broken"))
    assert NOW + 5 == documents.find(1).unanswered_since
    row = documents.find(1)
    assert (NOW + 9, '{"a":1}') == (row.last_polled_at, row.last_answer)
    assert {"http_status": 500, "detail": "broken", "instance": None, "diagnostics": None} == (
        json.loads(row.last_problem)
    )
    assert documents.find(3).last_problem is None


def test_the_documents_of_a_submission(documents):
    """The store returns a submission's documents in the order they were tracked."""
    documents.add([new(5), new(9, submission_id="s-2"), new(3), new(4)], NOW)

    found = documents.of_submission("s-1")

    assert [5, 3, 4] == [row.lighthouse_request_id for row in found]
    assert [] == documents.of_submission("s-3")
    assert documents.find(6) is None


def test_finding_what_is_due_takes_no_look_at_the_rest(database, documents, monkeypatch):
    """Every read walks the due index, whatever else is stored: 20,000 done ones."""
    for at in range(0, 20_000, 1_000):
        documents.add([new(number) for number in range(at, at + 1_000)], NOW)
    database.execute(
        "UPDATE form_526_document_submissions SET lighthouse_status = 'done', next_poll_at = NULL"
    )
    # So few that the index is the cheaper way wherever in the table PostgreSQL puts them.
    _due_one_by_one_from(documents, 20_000, 150)
    if database.dialect == "postgresql":
        database.execute("ANALYZE")

    seen = plans(database, monkeypatch, lambda: documents.due(NOW + DAY, 100))
    seen += plans(database, monkeypatch, lambda: documents.due_next(NOW, 10))
    seen += plans(database, monkeypatch, lambda: documents.in_trouble(NOW, 0, NOW, 10))

    assert 4 == len(seen)
    assert [] == [plan for plan in seen if not is_index_walk(plan, "documents_due")]


def _due_one_by_one_from(documents, first, count):
    with documents._db.writing():
        for number in range(first, first + count):
            documents.add([new(number)], NOW + number * SECOND)


HOSTILE = "\ufffd 😀𝔘 e\u0301 \u202eabc\u200b \x01\x1b\x7f\x85 '\"`;-- \\ %s ? {x} \r\n\t"


def test_hostile_text_comes_back_as_it_went_in(database, documents):
    """Every text column keeps any text, on either engine; JSON keeps even NUL, written out."""
    documents.add([new(1, submission_id=HOSTILE, attachment_id=HOSTILE)], NOW)
    (before,) = documents.due(NOW, 1)
    with_nul = f"{HOSTILE}\0"
    words = {"reported_status", "current_step", "failed_step", "error_detail"}
    steps = orjson.dumps({with_nul: with_nul}).decode()
    problem = CallProblem(None, with_nul, with_nul, with_nul)
    details = {
        "step_changes": ((with_nul, with_nul),),
        "remarks": (Remark(RemarkKind.UNKNOWN_STATUS, with_nul),),
    }
    documents.record(
        [
            moved(
                before,
                outcome=HOSTILE,
                answer=steps,
                problem=problem,
                change=details,
                steps=steps,
                **dict.fromkeys(words, HOSTILE),
            )
        ],
        NOW,
    )

    row = documents.find(1)
    columns = words | {"form_526_submission_id", "form_attachment_id"}
    assert dict.fromkeys(columns, HOSTILE) == {name: getattr(row, name) for name in columns}
    assert steps == row.steps == row.last_answer
    assert problem == CallProblem(**json.loads(row.last_problem))
    (found,) = documents.due(NOW + HOUR, 1)
    assert dict.fromkeys(words, HOSTILE) == {name: getattr(found, name) for name in words}
    (change,) = Outbox(database).history(row.id)
    assert (HOSTILE, HOSTILE) == (change.to_step, change.outcome)
    assert ([[with_nul, with_nul]], details["remarks"]) == (
        json.loads(change.step_changes),
        remarks.decode(change.remarks),
    )
    assert {("form_0781", "pending", HOSTILE, "waiting"): 1} == tallied(database)
    assert [row.id] == [each.id for each in documents.of_submission(HOSTILE)]


def test_whatever_lighthouse_says_can_be_stored(database, documents):
    """NUL and lone surrogates in every text of an answer cost neither it nor its batch."""
    odd = "\\u0000\\ud800 \\udfff\\u0000x"
    said = (
        '{"data": {"statuses": [{"requestId": 1, "status": "ODD", "time": {"startTime": 1},'
        '"steps": [{"name": "ODD", "status": "ODD"}], "error": {"step": "ODD", "detail": "ODD"}},'
        '{"requestId": 2, "status": "FAILED", "error": {"step": "ODD", "detail": "ODD"}}]}}'
    ).replace("ODD", odd)
    documents.add([new(1), new(2)], NOW)
    due = sorted(documents.due(NOW, 2))

    seen, _ = answer.observations(answer.decode(said.encode())["data"], [1, 2])
    decisions = [interpret(each, seen[each.request_id], Policy(), NOW) for each in due]
    problem = answer.problem(500, f'{{"errors": [{{"detail": "{odd}"}}]}}'.encode())[0]
    batch = [
        Recorded(each, decision, NOW, seen[each.request_id].raw, problem)
        for each, decision in zip(due, decisions, strict=True)
    ]
    documents.record(batch, NOW)

    assert ["pending", "failed"] == [documents.find(each).lighthouse_status for each in (1, 2)]
    assert counted(database) == tallied(database)


def test_a_row_that_cannot_be_stored_undoes_its_batch(database, documents):
    """State, history and tallies of a batch are written together or not at all."""
    documents.add([new(number) for number in (1, 2, 3)], NOW)
    one, two, three = before = sorted(documents.due(NOW, 10))
    undated = ended(two, at=None)
    rows = database.rows("SELECT * FROM form_526_document_submissions ORDER BY id")

    with pytest.raises(StoreUnavailable):
        documents.record([ended(one), undated, ended(three)], NOW)

    assert rows == database.rows("SELECT * FROM form_526_document_submissions ORDER BY id")
    assert {("form_0781", "pending", "none", "waiting"): 3} == tallied(database)
    assert 0 == Outbox(database).unpublished_count()
    documents.record([ended(each) for each in before], NOW)
    assert (
        {("form_0781", "done", "complete", "delivered"): 3}
        == counted(database)
        == tallied(database)
    )


def test_a_batch_that_cannot_be_added_is_not_added_in_part(database, documents):
    """One document the database refuses keeps the others of its batch out as well."""
    with pytest.raises(StoreUnavailable):
        documents.add([new(1), new(2, document_type="form_4142"), new(3)], NOW)

    assert {} == counted(database) == tallied(database)


WORDS = ("IN_PROGRESS", "SUCCESS", "FAILED", "NOT_STARTED", "PAUSED")
STEPS = ("CLAIMS_EVIDENCE", "BENEFITS_GATEWAY_SERVICE", "REMOVE_FILE_BINARY", "NEW_STEP")


def _anything(rng):
    """What Lighthouse might say of a document, sensible or not."""
    if rng.random() < 0.3:
        return rng.choice(list(Absence))
    steps = tuple((step, rng.choice(WORDS)) for step in rng.sample(STEPS, rng.randint(0, 4)))
    return StatusReport(
        1, rng.choice(WORDS), steps, None, None, rng.choice((None, *STEPS)), None, "{}"
    )


@pytest.mark.parametrize("seed", range(4))
def test_the_tallies_are_what_counting_gives(database, documents, seed):
    """Through any run of tracked documents and answers, each tally equals a count of the table."""
    rng = random.Random(seed)
    kinds = ("veteran_upload", "form_0781", "form_0781a", "bdd_instructions")
    policy = Policy(not_found_fails_after_ms=HOUR, recheck_window_ms=HOUR)
    tracked = Counter()
    now = NOW
    for _ in range(40):
        batch = [
            new(rng.randrange(200), document_type=rng.choice(kinds))
            for _ in range(rng.randrange(12))
        ]
        tracked.update(documents.add(batch, now))
        polled = documents.due(now + 10 * DAY, rng.randrange(40))
        documents.record(
            [
                Recorded(each, interpret(each, _anything(rng), policy, now), now, None, None)
                for each in polled
            ],
            now,
        )
        now += rng.randrange(HOUR)

        assert counted(database) == tallied(database)

    assert tracked[Intake.NEW] == sum(tallied(database).values())
    assert min(tracked.values()) > 0
    assert {"pending", "done", "failed"} == {status for _, status, *_ in tallied(database)}


def test_tracking_and_recording_do_not_lock_each_other_out(
    database, documents, database_url, tmp_path
):
    """While `track` stores many batches another process records: both finish, nothing is lost."""
    source = tmp_path / "documents.jsonl"
    lines = (
        f'{{"lighthouse_request_id": {number}, "form_526_submission_id": "s", '
        '"document_type": "form_0781"}\n'
        for number in range(6_000)
    )
    source.write_text("".join(lines))
    process = subprocess.Popen(
        [sys.executable, "-m", "lightkeeper", "track", str(source)],
        env=os.environ | {"LIGHTKEEPER_DATABASE_URL": database_url},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    recorded = while_tracking = 0
    with process:
        while True:
            running = process.poll() is None
            due = documents.due(2 * NOW, 100)
            documents.record([ended(each) for each in due], NOW)
            recorded += len(due)
            while_tracking += len(due) if running else 0
            if not due and not running:
                break
        said = process.stdout.read()

    assert (0, "6000 tracked, 0 known already, 0 rejected\n") == (process.returncode, said)
    assert 6_000 == recorded
    assert while_tracking > 0
    assert (
        {("form_0781", "done", "complete", "delivered"): 6_000}
        == counted(database)
        == tallied(database)
    )


def test_a_killed_process_leaves_whole_batches(database, database_url):
    """SIGKILL in the middle of writing: what was committed is there, whole and tallied."""
    code = """
        import itertools, sys
        from lightkeeper.domain.document import NewDocument
        from lightkeeper.store.database import open_database
        from lightkeeper.store.documents import Documents
        documents = Documents(open_database(sys.argv[1], create=False))
        for at in itertools.count(0, 300):
            batch = range(at, at + 300)
            documents.add([NewDocument(each, "s", "form_0781", None, 1) for each in batch], 1)
            print(at + 300, flush=True)
    """
    with child(code, database_url) as process:
        for _ in range(5):
            committed = int(line(process))
        time.sleep(random.Random(5).random() / 50)

    stored = sum(counted(database).values())
    assert stored >= committed
    assert 0 == stored % 300
    assert counted(database) == tallied(database)


def test_a_full_disk_is_reported_and_costs_nothing_stored(tmp_path):
    """A write that the full disk refuses fails with its reason, and loses nothing stored."""
    url = f"sqlite:///{tmp_path / 'a.db'}"
    code = """
        import resource, sys
        from lightkeeper.domain.document import NewDocument
        from lightkeeper.store.database import StoreUnavailable, open_database
        from lightkeeper.store.documents import Documents
        documents = Documents(open_database(sys.argv[1], create=True))
        batch = [NewDocument(each, "s", "form_0781", None, 1) for each in range(9_000)]
        documents.add(batch[:100], 1)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
        try:
            documents.add(batch, 1)
        except StoreUnavailable as exc:
            print(exc)
    """
    with child(code, url) as process:
        said, errors = process.communicate()

    assert "" == errors
    assert said.startswith(f"{tmp_path / 'a.db'}: disk I/O error (look at its disk ")
    with closing(open_database(url, create=False)) as database:
        assert (
            {("form_0781", "pending", "none", "waiting"): 100}
            == counted(database)
            == tallied(database)
        )
