"""Tries of one attachment are one document: what is stored, counted and published of it."""

import itertools

import pytest
from daemon_rig import DaemonRig
from store_rows import counted, plans, tallied, uses

from lightkeeper.casework import lookup
from lightkeeper.casework.correct import Correction, correct
from lightkeeper.casework.triage import Action, by_lines, decide, note
from lightkeeper.domain.document import NewDocument
from lightkeeper.domain.policy import Policy
from lightkeeper.store.levels import sums, troubles
from lightkeeper.store.triage import TriageStore
from lightkeeper.store.tries import reconsider_lost

OUTCOMES = "lightkeeper.documents.outcomes"
LOST, FOUND, BGS = "fails_claims_evidence", "instantly_done", "fails_bgs"
ENDINGS = ("done", "failed", "recovered", "superseded")


@pytest.fixture
def rig(tmp_path):
    """A daemon on SQLite."""
    with DaemonRig(f"sqlite:///{tmp_path}/lightkeeper.db", tmp_path) as rig:
        yield rig


@pytest.fixture
def either(database_url, tmp_path):
    """A daemon on each engine in turn."""
    with DaemonRig(database_url, tmp_path) as rig:
        yield rig


def _try(rig, story, age=60.0, **more):
    """Track a further try of the one attachment; its request id."""
    at = rig.clock.now - age
    (request_id,) = rig.lighthouse.add_many(1, story, at)
    fields = {"submission_id": "3310090", "document_type": "veteran_upload"} | more
    attachment_id = fields.pop("attachment_id", "77090")
    new = NewDocument(
        request_id, attachment_id=attachment_id, tracked_at=round(at * 1_000), **fields
    )
    rig.documents.add([new], rig.clock.instant())
    return request_id


def _later(rig, seconds):
    rig.clock.now += seconds
    rig.poll()


def _published(rig):
    """Outcomes by name, and silent failures."""
    outcomes = {word: rig.agent.count(OUTCOMES, outcome=word) for word in ENDINGS}
    silent = rig.agent.count("silent_failure")
    return {word: count for word, count in (outcomes | {"silent": silent}).items() if count}


def _counts(rig):
    levels = rig.levels.totals()
    names = {name: count for name, count in troubles(levels).items() if count}
    assert counted(rig.database) == tallied(rig.database)
    return sums(levels), names


def _wording(rig):
    return lookup.submission(rig.database, "3310090", rig.clock.instant()).data["veteran_wording"]


def _act(rig, action, *request_ids):
    store, now = TriageStore(rig.database), rig.clock.instant()
    may = decide(action, Policy(), now)
    chosen = by_lines(store, [str(each) for each in request_ids], may)
    store.carry_out([each.id for each in chosen.documents], may, note(action, "staff", "x", now))
    return chosen


ONE_DONE = {"tracked": 1, "pending": 0, "done": 1, "failed": 0}
ONE_FAILED = {"tracked": 1, "pending": 0, "done": 0, "failed": 1}
ONE_PENDING = {"tracked": 1, "pending": 1, "done": 0, "failed": 0}
IN_FILE = "VA has your document in your file."


@pytest.mark.parametrize("stories", [(LOST, FOUND), (FOUND, LOST)])
def test_answers_in_one_call(either, stories):
    """One try failed and one succeeded: one document, done, and no failure is counted."""
    for story in stories:
        _try(either, story)
    assert ONE_PENDING == _counts(either)[0]

    either.poll()

    assert (ONE_DONE, {}) == _counts(either)
    assert {"done": 1, "superseded": 1} == _published(either)
    assert IN_FILE == _wording(either)


def test_the_failure_is_answered_first(either):
    """While the other try is pending nothing has failed; its success supersedes the failure."""
    _try(either, LOST, age=13)
    _try(either, "success", age=0)
    either.poll()
    assert (ONE_PENDING, {}) == _counts(either)
    assert {} == _published(either)
    assert _wording(either).startswith("VA is adding your document to your file.")

    _later(either, 30)

    assert (ONE_DONE, {}) == _counts(either)
    assert {"done": 1, "superseded": 1} == _published(either)


def test_the_success_is_answered_first(rig):
    """The later failure is superseded at once: it pages no one and is no silent failure."""
    failing = _try(rig, LOST, age=0)
    _try(rig, FOUND, age=0)
    rig.poll()
    assert (ONE_DONE, {}) == _counts(rig)

    _later(rig, 60)

    assert (ONE_DONE, {}) == _counts(rig)
    assert {"done": 1, "superseded": 1} == _published(rig)
    assert "failed" == rig.row(failing).lighthouse_status


@pytest.mark.parametrize("action", [None, Action.ACK, Action.CLOSE])
def test_a_failure_that_was_counted_is_superseded_once(either, action):
    """Once a later try is in the eFolder, however often the failure is polled again."""
    failing = _try(either, LOST)
    either.poll()
    assert (ONE_FAILED, {"unacknowledged": 1}) == _counts(either)
    assert {"failed": 1, "silent": 1} == _published(either)
    if action:
        _act(either, action, failing)
    _try(either, "success", age=0)
    either.poll()
    assert (ONE_PENDING, {}) == _counts(either)
    assert _wording(either).startswith("VA is adding your document to your file.")

    for _ in range(5):
        _later(either, 6 * 3_600)

    assert (ONE_DONE, {}) == _counts(either)
    assert {"failed": 1, "silent": 1, "done": 1, "superseded": 1} == _published(either)
    assert IN_FILE == _wording(either)
    assert "superseded" == either.row(failing).condition


def test_tries_that_all_fail_are_one_failure(rig):
    """It is counted once, as one silent failure, and the veteran is asked for it once."""
    for age in (13, 12.5, 5):
        _try(rig, LOST, age=age)
    rig.poll()
    assert {} == _published(rig)

    for _ in range(3):
        _later(rig, 30)

    assert (ONE_FAILED, {"unacknowledged": 1}) == _counts(rig)
    assert {"failed": 1, "silent": 1} == _published(rig)
    assert _wording(rig).startswith("VA couldn't add your document to your file. Mail it")


def test_a_try_after_an_acknowledged_failure_pages_when_it_fails_too(rig):
    """Staff acknowledged the first failure, and not the second; the silent one is counted once."""
    _act(rig, Action.ACK, _try_and_poll(rig, LOST))
    assert {"acknowledged": 1} == _counts(rig)[1]
    _try_and_poll(rig, LOST)

    assert (ONE_FAILED, {"unacknowledged": 1}) == _counts(rig)
    assert {"failed": 2, "silent": 1} == _published(rig)


def _try_and_poll(rig, story, **more):
    request_id = _try(rig, story, **more)
    rig.poll()
    return request_id


def test_a_try_that_reached_the_efolder_decides(either):
    """BGS does not know it: staff connect it, and what failed before it is superseded."""
    _try_and_poll(either, LOST)
    _try_and_poll(either, BGS)
    assert (ONE_FAILED, {"unacknowledged": 1, "in_efolder_not_bgs": 1}) == _counts(either)
    assert {"failed": 2, "silent": 1, "superseded": 1} == _published(either)
    assert _wording(either).startswith("VA staff still need to connect your document")

    _try_and_poll(either, LOST)
    assert {"failed": 2, "silent": 1, "superseded": 2} == _published(either)
    _try_and_poll(either, FOUND)

    assert (ONE_DONE, {}) == _counts(either)
    assert {"failed": 2, "silent": 1, "superseded": 3, "done": 1} == _published(either)


def test_a_try_that_lighthouse_does_not_know_decides_last_of_the_pending(rig):
    """With a try under way it is not counted as not found; without one it is."""
    _try_and_poll(rig, "lost")
    assert (ONE_PENDING, {"not_found": 1}) == _counts(rig)
    _try_and_poll(rig, "stuck_claims_evidence")
    assert (ONE_PENDING, {}) == _counts(rig)
    failing = _try(rig, LOST)
    rig.poll()

    assert (ONE_PENDING, {}) == _counts(rig)
    assert {} == _published(rig)
    assert "superseded" == rig.row(failing).condition


def test_a_document_ages_from_its_first_try(rig):
    """A new try every day does not keep a document from being stuck."""
    for _ in range(3):
        _try_and_poll(rig, "stuck_claims_evidence", age=0)
        _later(rig, 86_400)

    assert (ONE_PENDING, {"slow": 1, "stuck": 1}) == _counts(rig)
    assert 1 == rig.agent.count("lightkeeper.slo.outcome")
    assert _wording(rig).startswith("VA staff are looking into why your document isn't")


@pytest.mark.parametrize("stories", list(itertools.permutations(["recovers", "stuck_bgs", LOST])))
def test_a_failure_that_recovers_decides(rig, stories):
    """In any order of three tries the one that Lighthouse calls delivered in the end does."""
    for story in stories:
        _try(rig, story)
    rig.poll()
    assert ONE_PENDING == _counts(rig)[0]
    _later(rig, 300)
    for _ in range(4):
        _later(rig, 3_600)

    assert (ONE_DONE, {}) == _counts(rig)
    published = _published(rig)
    assert 1 == published.pop("recovered")
    assert 2 == published.pop("superseded")
    assert {} == published


def test_a_superseded_failure_that_recovers_is_no_further_document(rig):
    """Both tries are in the eFolder then: the document was done once, and is not done again."""
    _try(rig, "recovers")
    _try(rig, FOUND)
    rig.poll()
    for _ in range(4):
        _later(rig, 3_600)

    assert (ONE_DONE, {}) == _counts(rig)
    assert {"done": 1, "superseded": 1} == _published(rig)


def test_every_document_is_judged_once(rig):
    """The service levels count documents: ten tries are one."""
    for age in (100, 90, 80, 30, 20, 10, 5, 3, 2, 1):
        _try(rig, "success" if age < 20 else LOST, age=age)
    for _ in range(4):
        _later(rig, 30)

    for objective in ("outcome", "efolder", "detection"):
        assert 1 == rig.agent.count(f"lightkeeper.slo.{objective}")
    assert {"done": 1, "superseded": 5} == _published(rig)


def test_a_superseded_try_is_not_for_staff_to_take_up(rig):
    """`ack` and `close` name the reason; `recheck` polls it; `show` names the deciding try."""
    failing, found = _try(rig, LOST), _try(rig, FOUND)
    rig.poll()

    for action in (Action.ACK, Action.CLOSE):
        (rejected,) = _act(rig, action, failing).rejected
        assert "superseded: another try of the same document decides" in rejected.reason
    assert [] == _act(rig, Action.RECHECK, failing).rejected
    rig.poll()
    assert (ONE_DONE, {}) == _counts(rig)
    shown = lookup.document(rig.database, failing, rig.clock.instant())
    assert found == shown.data["decided_by"]
    assert f"  another try of the same document decides: request id {found}" in shown.lines


def test_a_closed_document_stays_closed_while_its_tries_fail(rig):
    """What staff settled pages no more, unless another try is tracked later."""
    first = _try(rig, "stuck_claims_evidence", age=60)
    second = _try(rig, LOST, age=0)
    rig.poll()
    _act(rig, Action.CLOSE, second)
    _later(rig, 30)
    assert (ONE_PENDING, {}) == _counts(rig)
    assert {} == _published(rig)
    assert _wording(rig).startswith("VA staff took care of your document.")

    _try_and_poll(rig, LOST, age=60)
    assert ONE_PENDING == _counts(rig)[0]
    assert "superseded" == rig.row(second).condition
    assert "pending" == rig.row(first).lighthouse_status


def _form(rig, story, **more):
    return _try(rig, story, **{"document_type": "form_0781", "attachment_id": None} | more)


STAFF_CHECK = "VA staff are checking what happened to "


@pytest.mark.parametrize("stories", list(itertools.permutations([LOST, FOUND])))
@pytest.mark.parametrize("at_once", [False, True])
def test_a_form_that_may_have_arrived_is_for_staff_to_look_at(either, stories, at_once):
    """Lost under one id, in the eFolder under another: no silent failure, in any order."""
    for story in stories:
        _form(either, story)
        if not at_once:
            either.poll()
            _later(either, 1)
    either.poll()

    unknown = {"unacknowledged": 1, "efolder_unknown": 1}
    assert ({"tracked": 2, "pending": 0, "done": 1, "failed": 1}, unknown) == _counts(either)
    counted_alone = not at_once and stories[0] == LOST  # before there was another
    assert {"done": 1, "failed": 1} | ({"silent": 1} if counted_alone else {}) == _published(
        either
    )
    assert _wording(either).startswith(f"{STAFF_CHECK}1 of your 2 documents.")


def test_two_forms_that_are_both_lost_are_silent_failures(either):
    """While one is pending staff look; once both are lost VA has neither, which is said once."""
    _form(either, LOST, age=13)
    _form(either, LOST, age=0)
    either.poll()
    assert {"unacknowledged": 1, "efolder_unknown": 1} == _counts(either)[1]
    assert {"failed": 1} == _published(either)
    assert _wording(either).startswith(f"{STAFF_CHECK}1 of your 2 documents.")

    for _ in range(4):
        _later(either, 3_600)
        assert {"unacknowledged": 2} == _counts(either)[1]
        assert {"failed": 2, "silent": 2} == _published(either)
        assert "Mail them to" in _wording(either)


@pytest.mark.parametrize("action", [Action.ACK, Action.CLOSE])
def test_a_form_that_staff_took_up_may_be_the_other_one(either, action):
    """The veteran is asked for nothing until it is given back; a recheck gives nothing back."""
    taken, _ = (_form(either, LOST) for _ in range(2))
    either.poll()
    assert {"unacknowledged": 2} == _counts(either)[1]

    _act(either, action, taken)

    held = {"acknowledged": 1} if action is Action.ACK else {}
    for _ in range(2):
        assert {"unacknowledged": 1, "efolder_unknown": 1} | held == _counts(either)[1]
        assert _wording(either).startswith(STAFF_CHECK)
        _later(either, 7_200)
    _act(either, Action.UNACK if action is Action.ACK else Action.UNCLOSE, taken)
    assert {"unacknowledged": 2} == _counts(either)[1]
    assert "Mail them to" in _wording(either)
    assert {"failed": 2, "silent": 2} == _published(either)


def test_what_staff_took_up_and_gave_back_stays_in_doubt(rig):
    """Revoked, a form of which another arrived is staff's to look at again."""
    lost = _form(rig, LOST)
    _form(rig, FOUND)
    rig.poll()
    for action in (Action.ACK, Action.UNACK, Action.CLOSE, Action.UNCLOSE):
        _act(rig, action, lost)
        _later(rig, 7_200)

    assert {"unacknowledged": 1, "efolder_unknown": 1} == _counts(rig)[1]
    assert {"done": 1, "failed": 1} == _published(rig)


@pytest.mark.parametrize(
    ("other", "is_one"),
    [
        ({"attachment_id": "77090"}, True),
        ({"document_type": "form_0781a"}, False),
        ({"submission_id": "3310091"}, False),
    ],
)
def test_only_a_document_of_the_same_type_and_submission_may_be_the_same(rig, other, is_one):
    """With an attachment id it may be, as long as the lost one has none."""
    _form(rig, LOST)
    _form(rig, FOUND, **other)
    rig.poll()

    assert {"unacknowledged": 1} | ({"efolder_unknown": 1} if is_one else {}) == _counts(rig)[1]
    assert {"done": 1, "failed": 1} | ({} if is_one else {"silent": 1}) == _published(rig)


def test_a_corrected_form_is_decided_anew(either):
    """Moved away, the one that is left is certainly lost, and said so; moved back, in doubt."""
    lost, found = (_form(either, story) for story in (LOST, FOUND))
    either.poll()
    store, turns = TriageStore(either.database), []
    for submission in ("3310091", "3310090"):
        to = Correction(submission_id=submission)
        correct(store, found, to, "staff", "x", either.clock.instant())
        _later(either, 2)
        turns.append((either.row(lost).condition, _published(either).get("silent")))

    assert [("not_in_efolder", 1), ("efolder_unknown", 1)] == turns
    assert counted(either.database) == tallied(either.database)


def test_other_attachments_and_submissions_are_other_documents(rig):
    """Two forms without an attachment id stay two documents: that they are one is a guess."""
    _try(rig, LOST)
    _try(rig, FOUND, attachment_id="77091")
    _try(rig, FOUND, submission_id="3310091")
    for story in (LOST, FOUND):
        _try(rig, story, document_type="form_0781", attachment_id=None)
    rig.poll()

    assert {"tracked": 5, "pending": 0, "done": 3, "failed": 2} == _counts(rig)[0]
    assert {"done": 3, "failed": 2, "silent": 1} == _published(rig)


def test_tracking_looks_at_lost_documents_alone(either, monkeypatch):
    """A submission may have many documents; a look goes by the index of those that failed."""
    for story in (LOST, FOUND):
        _form(either, story)
    either.poll()
    submissions, now = [f"s-{number}" for number in range(50)], either.clock.instant()

    (plan,) = plans(
        either.database, monkeypatch, lambda: reconsider_lost(either.database, submissions, now)
    )

    if either.database.dialect == "sqlite":  # PostgreSQL reads a table this small as a whole
        assert uses(plan, "documents_lost")
