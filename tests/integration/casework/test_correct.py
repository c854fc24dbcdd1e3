"""`lightkeeper correct` on both engines: what was tracked wrong is put right, and back."""

import json
from contextlib import closing

import pytest
from click.testing import CliRunner
from daemon_rig import DaemonRig
from freezegun import freeze_time
from store_rows import NOW, OPEN_STATES, counted, ended, moved, new, stand, tallied

from lightkeeper.commands.main import main
from lightkeeper.domain.time import HOUR
from lightkeeper.store.database import open_database
from lightkeeper.store.documents import Documents, Intake

WHO_AND_WHY = ("--by", "jane", "--reason", "wrong claim")


@pytest.fixture
def database(database_url):
    """A new store."""
    with closing(open_database(database_url, create=True)) as database:
        yield database


@pytest.fixture
def documents(database):
    """The daemon's view of the store."""
    return Documents(database)


def _run(url, *arguments):
    """Run a command line at `NOW`; its exit status and all that it printed."""
    with freeze_time("2027-01-15T08:00:00Z"):
        done = CliRunner().invoke(
            main,
            [str(each) for each in arguments],
            env={"LIGHTKEEPER_DATABASE_URL": url},
            standalone_mode=False,
        )
    if done.exception is not None:
        raise done.exception
    return done.return_value, done.output


def _shown(url, request_id):
    return json.loads(_run(url, "show", request_id, "--json")[1])


FIELDS = ("form_526_submission_id", "form_attachment_id", "document_type")


@pytest.mark.parametrize(
    ("options", "becomes"),
    [
        (("--submission-id", "4711"), ("4711", "a-1", "form_0781")),
        (("--attachment-id", "a-2"), ("s-1", "a-2", "form_0781")),
        (("--attachment-id", ""), ("s-1", None, "form_0781")),
        (("--type", "veteran-upload"), ("s-1", "a-1", "veteran_upload")),
        (
            ("--submission", "7", "--attachment", "b", "--document-type", "form_0781a"),
            ("7", "b", "form_0781a"),
        ),
    ],
)
def test_a_correction_changes_what_was_wrong_and_can_be_undone(
    database_url, database, documents, options, becomes
):
    """What it was stays in the history, with who and why; corrected back it is as before."""
    documents.add([new(5, attachment_id="a-1"), new(6, attachment_id="a-9")], NOW)
    before, other = _shown(database_url, 5), _shown(database_url, 6)

    status, said = _run(database_url, "correct", 5, *options, *WHO_AND_WHY)

    shown = _shown(database_url, 5)
    assert becomes == tuple(shown[name] for name in FIELDS)
    was = [(name, before[name], shown[name]) for name in FIELDS if before[name] != shown[name]]
    words = "; ".join(f"{name} was {old}, is {now or 'empty'}" for name, old, now in was)
    assert (0, f"request id 5: {words}\n") == (status, said)
    assert f"pending; corrected by jane: wrong claim ({words})" in _run(database_url, "show", 5)[1]
    assert counted(database) == tallied(database)

    back = ("--submission-id", "s-1", "--attachment-id", "a-1", "--type", "form_0781")
    assert 0 == _run(database_url, "correct", 5, *back, *WHO_AND_WHY)[0]

    after = _shown(database_url, 5)
    assert ["corrected", "corrected"] == [
        remark["kind"] for entry in after["history"] for remark in entry["remarks"]
    ]
    assert {**before, "history": 0} == {**after, "history": 0}
    assert other == _shown(database_url, 6)
    assert counted(database) == tallied(database)


def test_the_document_is_found_where_it_belongs(database_url, documents):
    """`show --submission`, `list` and `track` know it by what is right."""
    documents.add([new(5), new(6)], NOW)

    assert 0 == _run(database_url, "correct", 5, 6, "--submission-id", "9", *WHO_AND_WHY)[0]
    assert 0 == _run(database_url, "correct", 6, "--submission-id", "s-1", *WHO_AND_WHY)[0]

    found = _run(database_url, "list", "--submission", "9", "--format", "jsonl")[1].splitlines()
    assert [5] == [json.loads(line)["lighthouse_request_id"] for line in found]
    assert "submission 9: 1 document\n" in _run(database_url, "show", "--submission", "9")[1]
    fates = documents.add([new(5), new(5, submission_id="9"), new(6)], NOW)
    assert [Intake.CONFLICT, Intake.KNOWN, Intake.KNOWN] == fates


def test_a_wrong_correction_changes_nothing_and_the_others_are_made(
    database_url, database, documents
):
    """What `track` would reject is rejected by id, and the exit status is 65."""
    documents.add([new(5), new(6, attachment_id="a-6"), new(7)], NOW)
    before = _shown(database_url, 5)

    status, said = _run(
        database_url, "correct", 5, 6, 99, "x", "--type", "veteran_upload", *WHO_AND_WHY
    )

    assert 65 == status
    assert [
        "lightkeeper: argument 3: request id 99 is not tracked here",
        "lightkeeper: argument 4: not a request id: give a whole number below 2^63",
        "lightkeeper: request id 5: form_attachment_id is missing: a veteran_upload needs one",
        "request id 6: document_type was form_0781, is veteran_upload",
    ] == sorted(said.splitlines())
    assert before == _shown(database_url, 5)
    assert (65, 65) == tuple(
        _run(database_url, "correct", 7, "--submission-id", wrong, *WHO_AND_WHY)[0]
        for wrong in ("", "Jane Doe.pdf")
    )
    assert (0, "request id 7: unchanged\n") == _run(
        database_url, "correct", 7, "--submission-id", "s-1", *WHO_AND_WHY
    )
    assert [] == _shown(database_url, 7)["history"]
    assert counted(database) == tallied(database)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_correction_leaves_the_state_as_it_is(database_url, database, documents):
    """In each condition it keeps status, condition and note; nothing of it is published."""
    stand(documents, [*OPEN_STATES, "delivered"])
    count = len(OPEN_STATES) + 1
    _run(database_url, "ack", 3, "--by", "jo", "--reason", "looking")
    _run(database_url, "close", 6, "--by", "jo", "--reason", "mailed")
    kept = ("lighthouse_status", "condition", "current_step", "acknowledged_by")
    before = [[_shown(database_url, each)[name] for name in kept] for each in range(1, count + 1)]
    unpublished = "SELECT COUNT(*) FROM transitions WHERE published_at IS NULL"
    waiting = database.rows(unpublished)

    assert (
        0
        == _run(
            database_url, "correct", *range(1, count + 1), "--type", "form_0781a", *WHO_AND_WHY
        )[0]
    )

    assert before == [
        [_shown(database_url, each)[name] for name in kept] for each in range(1, count + 1)
    ]
    assert waiting == database.rows(unpublished)
    assert _shown(database_url, 6)["next_poll_at"] is None
    assert "2027-01-15T08:00:00Z" == _shown(database_url, 7)["next_poll_at"]
    assert counted(database) == tallied(database)


def test_a_correction_during_a_poll_stands(database_url, database, documents):
    """The daemon drops what it decided of another type, keeps the rest, and the tallies hold."""
    stand(documents, ["stuck", "stuck"])
    copies = sorted(documents.due(NOW + HOUR, 10))

    assert 0 == _run(database_url, "correct", 1, "--type", "form_0781a", *WHO_AND_WHY)[0]
    documents.record([moved(each, current_step="CLAIMS_EVIDENCE") for each in copies], NOW)

    assert [("form_0781a", "none"), ("form_0781", "CLAIMS_EVIDENCE")] == database.rows(
        "SELECT document_type, current_step FROM form_526_document_submissions ORDER BY id"
    )
    assert counted(database) == tallied(database)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_failed_form_that_was_no_bdd_instructions_is_counted_as_silent(database_url, tmp_path):
    """The type decides whether the veteran must act: corrected, it is decided anew, and once."""
    with DaemonRig(database_url, tmp_path) as watch:
        (request_id,) = watch.track(1, "fails_claims_evidence", age=60, kind="bdd_instructions")
        watch.poll()
        assert [] == _silent(watch)

        correction = ("correct", request_id, "--type", "form_0781", *WHO_AND_WHY)
        assert 0 == _run(database_url, *correction)[0]
        watch.clock.now = max(watch.clock.now, NOW / 1_000)
        watch.poll()
        watch.poll()

        assert ["form_0781"] == _silent(watch)
        watch.assert_tallies_are_true()


def _silent(watch):
    return [each.tags["function"] for each in watch.agent.metrics if each.name == "silent_failure"]


def test_a_corrected_attachment_says_which_tries_are_one_document(
    database_url, database, documents
):
    """A failed try joins the one that arrived, and leaves it again; counts and sentence follow."""
    documents.add([new(1, attachment_id="a-1"), new(2, attachment_id="a-2")], NOW)
    lost, arrived = sorted(documents.due(NOW, 10))
    failed = {"failed_step": "CLAIMS_EVIDENCE", "current_step": "CLAIMS_EVIDENCE"}
    documents.record(
        [ended(lost, "failed", **failed), ended(arrived, in_efolder_at=NOW, steps=IN_EFOLDER)],
        NOW,
    )
    assert (2, 1, "not_in_efolder") == _counts(database_url)
    assert "Mail it to" in _wording(database_url)

    assert 0 == _run(database_url, "correct", 1, "--attachment-id", "a-2", *WHO_AND_WHY)[0]

    assert (1, 0, "superseded") == _counts(database_url)
    assert "VA has your document in your file." == _wording(database_url)
    outcomes = [entry["outcome"] for entry in _shown(database_url, 1)["history"]]
    assert ["failed", None, "superseded"] == outcomes
    listed = _run(database_url, "list", "--format", "jsonl")[1].splitlines()
    assert [2] == [json.loads(line)["lighthouse_request_id"] for line in listed]
    assert counted(database) == tallied(database)

    for attachment, is_one in (
        ("a-1", (2, 1, "not_in_efolder")),
        ("a-2", (1, 0, "superseded")),
        ("", (2, 1, "efolder_unknown")),  # it may be a try of the other form
    ):
        corrected = ("correct", 1, "--attachment-id", attachment, *WHO_AND_WHY)
        assert 0 == _run(database_url, *corrected)[0]
        assert is_one == _counts(database_url)
        assert counted(database) == tallied(database)


IN_EFOLDER = '{"CLAIMS_EVIDENCE":"SUCCESS","BENEFITS_GATEWAY_SERVICE":"SUCCESS"}'


def _counts(url):
    """How many documents are tracked, how many failed, and what the first is."""
    counts = json.loads(_run(url, "status", "--json")[1])
    return counts["tracked"], counts["unacknowledged"], _shown(url, 1)["condition"]


def _wording(url, submission_id="s-1"):
    shown = _run(url, "show", "--submission", submission_id, "--json")[1]
    return json.loads(shown)["veteran_wording"]


def test_a_wrong_request_id_decides_nothing_once_it_is_where_it_belongs(
    database_url, database, documents
):
    """It was another document's, and delivered: corrected, the right one decides of its own."""
    documents.add([new(1, attachment_id="a-1")], NOW)
    (wrong,) = documents.due(NOW, 10)
    documents.record([ended(wrong, in_efolder_at=NOW, steps=IN_EFOLDER)], NOW)

    belongs = ("--submission-id", "s-7", "--attachment-id", "a-7")
    assert 0 == _run(database_url, "correct", 1, *belongs, *WHO_AND_WHY)[0]
    documents.add([new(2, attachment_id="a-1")], NOW)
    (right,) = [each for each in documents.due(NOW, 10) if each.request_id == 2]
    documents.record([ended(right, "failed", failed_step="CLAIMS_EVIDENCE")], NOW)

    assert (2, 1, "delivered") == _counts(database_url)
    assert "Mail it to" in _wording(database_url)
    assert "VA has your document in your file." == _wording(database_url, "s-7")
    assert counted(database) == tallied(database)
