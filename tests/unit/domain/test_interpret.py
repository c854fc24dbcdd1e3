"""What an answer means: each row of the decision table, and what holds for any run of answers."""

from operator import attrgetter

import orjson
import pytest
import store_rows
from hypothesis import example, given
from hypothesis import strategies as st

from lightkeeper.domain.answer import Absence, StatusReport
from lightkeeper.domain.document import Document
from lightkeeper.domain.interpret import condition_of, interpret
from lightkeeper.domain.policy import Policy
from lightkeeper.domain.time import DAY, HOUR, MINUTE

CLAIMS, BGS, REMOVE = "CLAIMS_EVIDENCE", "BENEFITS_GATEWAY_SERVICE", "REMOVE_FILE_BINARY"
POLICY = Policy()
TRACKED_AT = store_rows.NOW
NOW = TRACKED_AT + HOUR
FRESH = store_rows.FRESH._replace(judged_at=store_rows.NOW)  # test_judging has those that are not
FATE = attrgetter("lighthouse_status", "current_step", "failed_step", "in_efolder_at")


def _report(status, steps=(), error_step=None, detail=None, started_at=None, ended_at=None):
    steps = tuple(dict(steps).items())
    return StatusReport(21, status, steps, started_at, ended_at, error_step, detail, "{}")


def _decisions(document, observations, *, every=MINUTE):
    """What each of `observations` makes of the document, the first at NOW and `every` apart."""
    decisions = []
    for at, observation in enumerate(observations):
        decisions.append(interpret(document, observation, POLICY, NOW + at * every))
        document = decisions[-1].after
    return decisions


def _kinds(change):
    return tuple(remark.kind for remark in change.remarks)


RUNNING = _report("IN_PROGRESS", {CLAIMS: "IN_PROGRESS", BGS: "NOT_STARTED"})
SUCCESS = _report("SUCCESS", {CLAIMS: "SUCCESS", BGS: "SUCCESS"})
LOST = _report("FAILED", {CLAIMS: "FAILED", BGS: "NOT_STARTED"}, CLAIMS, "attempts exceeded")


@pytest.mark.parametrize(
    ("report", "in_efolder_at", "remarks"),
    [
        (SUCCESS, NOW, ()),
        (_report("SUCCESS"), NOW, ()),
        (_report("SUCCESS", error_step=BGS, detail="left over"), NOW, ()),
        (_report("SUCCESS", {CLAIMS: "SUCCESS", REMOVE: "IN_PROGRESS"}), NOW, ()),
        (_report("SUCCESS", {CLAIMS: "SUCCESS", REMOVE: "FAILED"}), NOW, ("housekeeping",)),
        (_report("SUCCESS", {CLAIMS: "SUCCESS", BGS: "FAILED"}), NOW, ("contradictory",)),
        (_report("SUCCESS", {CLAIMS: "FAILED"}), None, ("contradictory",)),
        (
            _report("SUCCESS", {BGS: "IN_PROGRESS", REMOVE: "FAILED"}),
            NOW,
            ("contradictory", "housekeeping"),
        ),
    ],
)
def test_success_is_done(report, in_efolder_at, remarks):
    """SUCCESS ends a document whatever stands beside it; what contradicts it is remarked."""
    after, change = interpret(FRESH, report, POLICY, NOW)

    assert ("done", "complete", None, in_efolder_at) == FATE(after)
    assert (None, NOW, NOW) == (after.error_detail, after.decided_at, after.last_answered_at)
    assert ("pending", "done", "done") == (change.from_status, change.to_status, change.outcome)
    assert remarks == _kinds(change)


@pytest.mark.parametrize(
    "report",
    [
        LOST,
        _report("FAILED", {CLAIMS: "FAILED"}),
        _report("FAILED", {}, CLAIMS),
        _report("FAILED", {CLAIMS: "IN_PROGRESS"}, CLAIMS),
    ],
)
def test_failed_at_claims_evidence_is_not_in_the_efolder(report):
    """However the step is named, the document failed there, and the veteran has to act."""
    after, change = interpret(FRESH, report, POLICY, NOW)

    assert ("failed", CLAIMS, CLAIMS, None) == FATE(after)
    assert (report.error_detail, NOW) == (after.error_detail, after.decided_at)
    assert ("failed", CLAIMS) == (change.outcome, change.to_step)
    assert (
        CLAIMS,
        "IN_PROGRESS" if report.steps[:1] == ((CLAIMS, "IN_PROGRESS"),) else "FAILED",
    ) in change.step_changes


@pytest.mark.parametrize(
    ("steps", "error_step", "failed_step"),
    [
        ({CLAIMS: "SUCCESS", BGS: "FAILED"}, BGS, BGS),
        ({CLAIMS: "SUCCESS", BGS: "FAILED"}, None, BGS),
        ({CLAIMS: "SUCCESS", BGS: "FAILED"}, CLAIMS, BGS),
        ({CLAIMS: "SUCCESS", BGS: "NOT_STARTED"}, BGS, BGS),
        ({BGS: "FAILED"}, None, BGS),
        ({}, BGS, BGS),
        ({CLAIMS: "SUCCESS"}, None, None),
        ({CLAIMS: "SUCCESS", BGS: "SUCCESS"}, None, None),
        ({CLAIMS: "SUCCESS", BGS: "SUCCESS"}, BGS, BGS),
        ({CLAIMS: "SUCCESS", BGS: "NOT_STARTED"}, REMOVE, REMOVE),
        ({CLAIMS: "SUCCESS", BGS: "IN_PROGRESS", "VIRUS_SCAN": "FAILED"}, BGS, BGS),
        ({CLAIMS: "SUCCESS"}, "VIRUS_SCAN", "VIRUS_SCAN"),
    ],
)
def test_failed_past_claims_evidence_is_in_the_efolder(steps, error_step, failed_step):
    """Where Claims Evidence succeeded or BGS is blamed, VA has the document: staff act."""
    after, change = interpret(FRESH, _report("FAILED", steps, error_step), POLICY, NOW)

    assert ("failed", failed_step or "unknown", failed_step, NOW) == FATE(after)
    assert "failed" == change.outcome


@pytest.mark.parametrize(
    ("steps", "error_step", "failed_step"),
    [
        ({}, None, None),
        ({CLAIMS: "NOT_STARTED"}, None, None),
        ({}, REMOVE, REMOVE),
        ({}, "VIRUS_SCAN", "VIRUS_SCAN"),
    ],
)
def test_failed_without_evidence_leaves_the_efolder_unknown(steps, error_step, failed_step):
    """A failure that names no step, or none that proves anything, is a failure all the same."""
    after, change = interpret(FRESH, _report("FAILED", steps, error_step), POLICY, NOW)

    assert ("failed", failed_step or "unknown", failed_step, None) == FATE(after)
    assert "failed" == change.outcome


def test_a_failure_repeated_in_fewer_words_keeps_what_was_said():
    """What an earlier answer said of a failure stands until a later one says otherwise."""
    failure = LOST._replace(started_at=NOW - 20_000, ended_at=NOW - 5_000)

    (before, _), decision = _decisions(FRESH, [failure, _report("FAILED")])

    assert (before._replace(last_answered_at=NOW + MINUTE), None) == decision


def test_a_failure_that_moves_on_is_no_second_ending():
    """Another failed step is a step change, without outcome and without durations."""
    failure = LOST._replace(started_at=NOW - 20_000, ended_at=NOW - 5_000)
    at_bgs = _report("FAILED", {CLAIMS: "SUCCESS", BGS: "FAILED"}, BGS)

    (before, _), (after, change) = _decisions(FRESH, [failure, at_bgs])

    assert ("failed", BGS, BGS, NOW + MINUTE) == FATE(after)
    assert before.decided_at == after.decided_at
    assert ((CLAIMS, "SUCCESS"), (BGS, "FAILED")) == change.step_changes
    assert (None, None, None) == (change.outcome, change.processing_ms, change.detection_ms)


@pytest.mark.parametrize("error_step", [REMOVE, None])
def test_a_failure_to_delete_the_copy_is_housekeeping(error_step):
    """Failing only at REMOVE_FILE_BINARY, all other steps done, is a delivery."""
    steps = {CLAIMS: "SUCCESS", BGS: "SUCCESS", REMOVE: "FAILED"}

    after, change = interpret(FRESH, _report("FAILED", steps, error_step), POLICY, NOW)

    assert ("done", "complete", None, NOW) == FATE(after)
    assert ("done", ("housekeeping",)) == (change.outcome, _kinds(change))


def test_each_step_change_of_a_pending_document_makes_a_transition():
    """Each step that starts or ends makes one transition; one that has not started makes none."""
    early_bgs = _report("IN_PROGRESS", {CLAIMS: "IN_PROGRESS", BGS: "IN_PROGRESS"})
    at_bgs = _report("IN_PROGRESS", {CLAIMS: "SUCCESS", BGS: "IN_PROGRESS"})
    bare = _report("IN_PROGRESS")
    all_steps = _report("IN_PROGRESS", {CLAIMS: "SUCCESS", BGS: "SUCCESS"})

    answers = [RUNNING, RUNNING, early_bgs, at_bgs, bare, all_steps, SUCCESS]
    decisions = _decisions(FRESH, answers)

    in_efolder_at = NOW + 3 * MINUTE
    assert [
        *[("pending", CLAIMS, None, None)] * 3,
        *[("pending", BGS, None, in_efolder_at)] * 2,
        ("pending", "complete", None, in_efolder_at),
        ("done", "complete", None, in_efolder_at),
    ] == [FATE(after) for after, _ in decisions]
    assert [
        ((CLAIMS, "IN_PROGRESS"),),
        None,
        ((BGS, "IN_PROGRESS"),),
        ((CLAIMS, "SUCCESS"),),
        None,
        ((BGS, "SUCCESS"),),
        (),
    ] == [change and change.step_changes for _, change in decisions]


def test_not_found_is_pending_and_dated_from_the_first_time():
    """An id unknown to Lighthouse makes one transition and keeps the date of the first time."""
    (first, change), (second, silence) = _decisions(FRESH, [Absence.NOT_FOUND] * 2, every=HOUR)

    assert ("pending", None, ("not_found",)) == (change.to_status, change.outcome, _kinds(change))
    assert NOW == first.not_found_since == second.not_found_since
    assert ("pending", None, NOW + HOUR) == (
        second.lighthouse_status,
        silence,
        second.last_answered_at,
    )


@pytest.mark.parametrize(("after_ms", "status"), [(7 * DAY - 1, "pending"), (7 * DAY, "failed")])
def test_not_found_for_seven_days_is_a_failure(after_ms, status):
    """Not found comes to an end, keeps its date as the cause, and blames no step."""
    _, (after, change) = _decisions(FRESH, [Absence.NOT_FOUND] * 2, every=after_ms)

    assert (status, "none", None, None) == FATE(after)
    assert NOW == after.not_found_since
    decided = ("failed", NOW + after_ms) if status == "failed" else (None, None)
    assert decided == (change and change.outcome, after.decided_at)


@pytest.mark.parametrize(
    ("report", "status", "outcome", "remarks"),
    [
        (RUNNING, "pending", None, ("found", "reopened")),
        (SUCCESS, "done", "recovered", ("found",)),
        (LOST, "failed", "failed", ("veteran_must_act", "found")),
    ],
)
def test_what_failed_as_not_found_may_be_found_again(report, status, outcome, remarks):
    """Once Lighthouse finds the document, its status counts, and FAILED is a new outcome."""
    lost = _decisions(FRESH, [Absence.NOT_FOUND] * 2, every=7 * DAY)[-1].after

    after, change = interpret(lost, report, POLICY, lost.decided_at + 7 * DAY)

    assert (status, None) == (after.lighthouse_status, after.not_found_since)
    assert (outcome, remarks) == (change.outcome, _kinds(change))


@pytest.mark.parametrize("report", [SUCCESS, LOST])
def test_not_found_takes_nothing_back(report):
    """A document that is done or failed stays so when Lighthouse forgets its id."""
    (before, _), decision = _decisions(FRESH, [report, Absence.NOT_FOUND], every=30 * DAY)

    assert (before._replace(last_answered_at=NOW + 30 * DAY), None) == decision


@pytest.mark.parametrize("report", [_report("IN_PROGRESS"), LOST])
def test_not_found_is_an_answer(report):
    """Trouble ends with it: Lighthouse said something, if not what one hoped for."""
    answers = [report, Absence.MISSING, Absence.NOT_FOUND]

    assert [0, 1, 0] == [after.trouble_count for after, _ in _decisions(FRESH, answers)]


@pytest.mark.parametrize("absence", [Absence.MISSING, Absence.MALFORMED, Absence.REFUSED])
def test_no_usable_answer_changes_nothing_and_is_counted(absence):
    """Trouble is counted while it lasts; the document and its last answer stand."""
    (running, _), first, second, (after, change) = _decisions(
        FRESH, [RUNNING, absence, absence, RUNNING]
    )

    vain = running._replace(trouble_count=1, unanswered_since=NOW + MINUTE)
    assert (vain, None) == first
    assert (vain._replace(trouble_count=2), None) == second
    assert (running._replace(last_answered_at=NOW + 3 * MINUTE), None) == (after, change)


@pytest.mark.parametrize("after_ms", [HOUR, 7 * DAY, 30 * DAY])
def test_success_after_a_failure_is_a_recovery(after_ms):
    """A failure that turns into success is an outcome of its own, however late it comes."""
    _, (after, change) = _decisions(FRESH, [LOST, SUCCESS], every=after_ms)

    assert ("done", "complete", None, NOW + after_ms) == FATE(after)
    assert (None, NOW + after_ms) == (after.error_detail, after.decided_at)
    assert ("failed", "recovered") == (change.from_status, change.outcome)


def test_work_on_a_failure_within_the_window_reopens_it():
    """IN_PROGRESS after FAILED is pending again with a step change, no younger than before."""
    _, (after, change) = _decisions(FRESH, [LOST, RUNNING], every=7 * DAY)

    assert ("pending", CLAIMS, None, None) == FATE(after)
    assert (None, None, TRACKED_AT) == (after.error_detail, after.decided_at, after.tracked_at)
    assert (None, ("reopened",)) == (change.outcome, _kinds(change))
    assert ((CLAIMS, "IN_PROGRESS"),) == change.step_changes


def test_work_on_a_failure_reopens_it_also_after_the_last_look():
    """The answer to the last look comes after the window's end, and is not thrown away."""
    _, decision = _decisions(FRESH, [LOST, RUNNING], every=7 * DAY + 1)

    assert ("pending", ("reopened",)) == (
        decision.after.lighthouse_status,
        _kinds(decision.change),
    )


@pytest.mark.parametrize(
    "report",
    [
        _report("FAILED", {CLAIMS: "FAILED"}, BGS),
        _report("FAILED", {BGS: "FAILED", CLAIMS: "FAILED"}),
        _report("FAILED", {CLAIMS: "FAILED"}, REMOVE),
        _report("FAILED", {CLAIMS: "FAILED"}, "VIRUS_SCAN"),
    ],
)
def test_claims_evidence_failed_outweighs_every_other_blame(report):
    """Whatever else is named: where CLAIMS_EVIDENCE failed, VA does not have the file."""
    after, _ = interpret(FRESH, report, POLICY, NOW)

    assert ("failed", CLAIMS, CLAIMS, None) == FATE(after)


def test_an_inferred_efolder_gives_way_to_a_plain_no():
    """BGS alone being blamed suggests the eFolder; CLAIMS_EVIDENCE FAILED afterwards says no."""
    blamed = _report("FAILED", (), BGS)

    inferred, denied = _decisions(FRESH, [blamed, LOST])

    assert NOW == inferred.after.in_efolder_at
    assert ("failed", CLAIMS, CLAIMS, None) == FATE(denied.after)


def test_a_proven_efolder_is_never_unlearned():
    """Once CLAIMS_EVIDENCE succeeded, no later word takes the file out again."""
    proven = _report("IN_PROGRESS", {CLAIMS: "SUCCESS", BGS: "IN_PROGRESS"})

    _, denied = _decisions(FRESH, [proven, LOST])

    assert NOW == denied.after.in_efolder_at


def test_reaching_bgs_proves_the_efolder():
    """BGS is tried only after CLAIMS_EVIDENCE succeeded, so its SUCCESS says as much."""
    after, _ = interpret(FRESH, _report("IN_PROGRESS", {BGS: "SUCCESS"}), POLICY, NOW)

    assert NOW == after.in_efolder_at


def test_a_document_given_up_as_not_found_is_pending_under_an_unknown_word():
    """Found is found: what Lighthouse calls it is another matter."""
    *_, gone, found = _decisions(
        FRESH, [Absence.NOT_FOUND, Absence.NOT_FOUND, _report("PAUSED")], every=7 * DAY
    )

    assert "failed" == gone.after.lighthouse_status
    assert ("pending", None) == (found.after.lighthouse_status, found.after.not_found_since)
    assert {("unknown_status", "PAUSED"), ("found", None), ("reopened", None)} == set(
        found.change.remarks
    )


def test_ever_new_step_names_do_not_pile_up():
    """Hostile answers cannot make a row grow without end, nor push out Lighthouse's own steps."""
    reports = [RUNNING] + [
        _report("IN_PROGRESS", {f"S{at}-{n}": "IN_PROGRESS" for n in range(16)})
        for at in range(50)
    ]

    kept = orjson.loads(_decisions(FRESH, reports)[-1].after.steps)

    assert len(kept) <= 32
    assert {CLAIMS, BGS} <= kept.keys()


@pytest.mark.parametrize(
    ("report", "step", "remark"),
    [
        (_report("QUEUED", {CLAIMS: "NOT_STARTED"}), CLAIMS, ("unknown_status", "QUEUED")),
        (_report("IN_PROGRESS", {"SCAN": "IN_PROGRESS"}), "SCAN", ("unknown_step", "SCAN")),
        (_report("IN_PROGRESS", {CLAIMS: "HELD"}), CLAIMS, ("unknown_step_status", "HELD")),
    ],
)
def test_an_unknown_word_is_carried_and_remarked_once(report, step, remark):
    """A word Lighthouse never used before leaves the document pending under that very word."""
    (after, change), (_, silence) = _decisions(FRESH, [report, report])

    assert ("pending", step, None, None) == FATE(after)
    assert (report.status, dict(report.steps)) == (
        after.reported_status,
        orjson.loads(after.steps),
    )
    assert ((remark,), None) == (change.remarks, silence)


def test_an_unknown_status_word_is_no_answer_one_can_age_by():
    """Only a status we understand says that Lighthouse still works on the document."""
    _, (after, _) = _decisions(FRESH, [RUNNING, _report("QUEUED")])

    assert (NOW, "QUEUED", 0) == (
        after.last_answered_at,
        after.reported_status,
        after.trouble_count,
    )


def test_an_unknown_status_word_of_a_failure_is_remarked_once():
    """A failed document stays failed under an unknown word, and the word is still remarked."""
    _, (after, change), (_, silence) = _decisions(
        FRESH, [LOST, _report("QUEUED"), _report("QUEUED")]
    )

    assert ("failed", CLAIMS, CLAIMS, None) == FATE(after)
    assert ("QUEUED", NOW) == (after.reported_status, after.last_answered_at)
    assert (None, (("unknown_status", "QUEUED"),)) == (change.outcome, change.remarks)
    assert silence is None


@pytest.mark.parametrize(
    ("started_at", "ended_at", "processing_ms", "detection_ms"),
    [
        (NOW - 20_000, NOW - 5_000, 15_000, 5_000),
        (NOW - 5_000, NOW - 5_000, 0, 5_000),
        (NOW - 5_000, NOW - 20_000, None, 20_000),
        (None, NOW + HOUR, None, 0),
        (NOW - 20_000, None, None, None),
        (1_000, NOW - 5_000, None, 5_000),
        (NOW - 20_000, NOW + 3_000 * 366 * DAY, None, None),
        (NOW - 20_000, 86_400_000, None, None),
        (NOW - 700 * DAY, NOW - 5_000, 700 * DAY - 5_000, 5_000),
    ],
)
def test_durations_are_measured_where_lighthouse_gives_both_ends(
    started_at, ended_at, processing_ms, detection_ms
):
    """No duration is negative, of centuries, or made up from a time that was not given."""
    report = SUCCESS._replace(started_at=started_at, ended_at=ended_at)

    after, change = interpret(FRESH, report, POLICY, NOW)

    assert (started_at, ended_at) == (after.lighthouse_started_at, after.lighthouse_ended_at)
    assert (processing_ms, detection_ms) == (change.processing_ms, change.detection_ms)


def test_a_recovery_is_not_measured_from_the_end_of_the_failure():
    """A success without an end of its own has no processing time and no detection delay."""
    failure = LOST._replace(started_at=NOW - 20_000, ended_at=NOW - 5_000)

    _, (after, change) = _decisions(FRESH, [failure, SUCCESS], every=DAY)

    assert (NOW - 20_000, None) == (after.lighthouse_started_at, after.lighthouse_ended_at)
    assert (None, None) == (change.processing_ms, change.detection_ms)


texts = st.text(max_size=12)
step_names = st.sampled_from([CLAIMS, BGS, REMOVE, "SCAN"]) | texts
step_words = st.sampled_from(["NOT_STARTED", "IN_PROGRESS", "SUCCESS", "FAILED", "HELD"]) | texts
instants = st.none() | st.integers(1, 10**14)
reports = st.builds(
    StatusReport,
    st.just(21),
    st.sampled_from(["IN_PROGRESS", "SUCCESS", "FAILED", "FAILED", "QUEUED"]) | texts,
    st.lists(st.tuples(step_names, step_words), max_size=4).map(tuple),
    instants,
    instants,
    st.none() | step_names,
    st.none() | texts,
    st.just("{}"),
)
# Without SUCCESS most of the time, or every run of answers would end at once.
unfinished = reports.filter(lambda report: report.status != "SUCCESS")
observations = unfinished | unfinished | reports | st.sampled_from(Absence)
histories = st.lists(observations, max_size=8)
gaps = st.sampled_from([0, MINUTE, HOUR, DAY, 7 * DAY, 8 * DAY])


@given(histories, gaps, reports, gaps)
def test_the_same_report_again_changes_nothing(history, every, report, later):
    """A repeated report makes no transition and changes only the answer time and lateness."""
    first, second = _decisions(FRESH, [*history, report, report], every=every)[-2:]

    again = interpret(first.after, report, POLICY, NOW + len(history) * every + later)

    assert second.change is None
    assert again.change is None
    passing = ("last_answered_at", "condition")
    stays = {name: getattr(first.after, name) for name in passing}
    assert first.after == again.after._replace(**stays)
    if first.after.lighthouse_status != "pending":
        assert first.after.condition == again.after.condition


@given(histories, gaps)
@example([Absence.NOT_FOUND, Absence.NOT_FOUND, LOST], 7 * DAY)
def test_each_ending_is_an_outcome_exactly_when_it_comes(history, every):
    """Done, failed and recovered are outcomes exactly when the status changes.

    The one exception: not found was lightkeeper's verdict; Lighthouse's failure after it counts.
    """
    endings = {
        ("pending", "done"): "done",
        ("pending", "failed"): "failed",
        ("failed", "done"): "recovered",
    }
    before = FRESH
    for after, change in _decisions(FRESH, history, every=every):
        outcome = endings.get((before.lighthouse_status, after.lighthouse_status))
        if "failed" == before.lighthouse_status == after.lighthouse_status:
            found = before.not_found_since is not None and after.not_found_since is None
            outcome = "failed" if found else None

        assert outcome == (change and change.outcome)
        before = after


@given(histories, gaps, st.sampled_from(["acknowledged", "closed"]))
@example([Absence.NOT_FOUND, LOST, RUNNING], DAY, "closed")
def test_a_triage_action_can_be_undone(history, every, action):
    """The condition before a triage action is computed from what the store keeps."""
    for after, _ in _decisions(FRESH, history, every=every):
        assert after.condition == condition_of(after, POLICY)
        if after.condition != "delivered":  # which allows no triage action
            given = condition_of(after._replace(condition=action), POLICY)
            assert after.condition == given


@given(histories, gaps)
def test_no_status_or_step_changes_without_a_transition(history, every):
    """Status and step change only in a transition that says from what to what."""
    where = attrgetter("lighthouse_status", "current_step")
    before = FRESH
    for after, change in _decisions(FRESH, history, every=every):
        moved = (
            ((change.from_status, change.from_step), (change.to_status, change.to_step))
            if change
            else (where(before), where(before))
        )

        assert (where(before), where(after)) == moved
        before = after


@given(histories, reports, histories, gaps)
def test_no_order_of_answers_loses_a_delivery(before, report, afterwards, every):
    """After one SUCCESS a document is done, whatever came before it and whatever follows."""
    history = [*before, report._replace(status="SUCCESS"), *afterwards]

    statuses = [after.lighthouse_status for after, _ in _decisions(FRESH, history, every=every)]

    first_done = statuses.index("done")
    assert len(before) >= first_done
    assert {"done"} == set(statuses[first_done:])


@given(histories, gaps)
def test_what_holds_after_every_answer(history, every):
    """One status, dates that fit it, the eFolder never unlearned, step changes in known words."""
    before = FRESH
    for after, change in _decisions(FRESH, history, every=every):
        assert after.lighthouse_status in {"pending", "done", "failed"}
        assert (after.lighthouse_status == "pending") == (after.decided_at is None)
        assert after.failed_step is None or after.lighthouse_status == "failed"
        assert before.in_efolder_at in {None, after.in_efolder_at}
        assert before[:4] == after[:4]
        if change:
            words = {word for _, word in change.step_changes}
            assert words <= {"IN_PROGRESS", "SUCCESS", "FAILED"}
        before = after


@given(histories, gaps, observations)
def test_the_same_question_has_the_same_answer(history, every, observation):
    """Deciding depends on the arguments alone, and alters none of them."""
    document = _decisions(FRESH, [RUNNING, *history], every=every)[-1].after
    copies = (
        Document(*document),
        type(observation)(*observation) if isinstance(observation, StatusReport) else observation,
    )

    first = interpret(document, observation, POLICY, NOW)

    assert copies == (document, observation)
    assert first == interpret(*copies, Policy(), NOW)


UNKNOWN_FAILURE = _report("FAILED", {}, "VIRUS_SCAN")
BGS_FAILURE = _report("FAILED", {CLAIMS: "SUCCESS", BGS: "FAILED"}, BGS)
CONTRADICTORY = _report("SUCCESS", {CLAIMS: "SUCCESS", BGS: "FAILED"})
PAUSED = _report("PAUSED")


@pytest.mark.parametrize(
    ("observations", "condition"),
    [
        ([RUNNING], "waiting"),
        ([SUCCESS], "delivered"),
        ([CONTRADICTORY], "contradictory"),
        ([LOST], "not_in_efolder"),
        ([BGS_FAILURE], "in_efolder"),
        ([UNKNOWN_FAILURE], "efolder_unknown"),
        ([UNKNOWN_FAILURE, LOST], "not_in_efolder"),
        ([LOST, RUNNING], "waiting"),
        ([LOST, SUCCESS], "delivered"),
        ([Absence.NOT_FOUND], "not_found"),
        ([Absence.NOT_FOUND, RUNNING], "waiting"),
        ([RUNNING, Absence.MISSING], "waiting"),
        ([PAUSED], "waiting"),
    ],
)
def test_a_state_calls_for_somebody(observations, condition):
    """Each state has one condition, whatever it was before."""
    assert condition == _decisions(FRESH, observations)[-1].after.condition


@pytest.mark.parametrize(
    ("age", "condition"),
    [
        (24 * HOUR - 1, "waiting"),
        (24 * HOUR, "slow"),
        (48 * HOUR - 1, "slow"),
        (48 * HOUR, "stuck"),
        (96 * HOUR - 1, "stuck"),
        (96 * HOUR, "overdue"),
    ],
)
def test_a_document_is_late_once_lighthouse_called_it_unfinished(age, condition):
    """At the threshold, by Lighthouse's own word; silence and unknown words make nothing late."""
    at = TRACKED_AT + age
    assert condition == interpret(FRESH, RUNNING, POLICY, at).after.condition
    for silence in (Absence.MISSING, Absence.REFUSED, PAUSED):
        assert "waiting" == interpret(FRESH, silence, POLICY, at).after.condition
    gone = interpret(FRESH, Absence.NOT_FOUND, POLICY, at).after
    assert "not_found" == gone.condition


def test_lost_for_good_is_a_failure_to_look_into():
    """Not found for seven days: perhaps in the eFolder, or surely, where that was known before."""
    for known, condition in ((None, "efolder_unknown"), (NOW, "in_efolder")):
        document = FRESH._replace(in_efolder_at=known)
        gone = _decisions(document, [Absence.NOT_FOUND] * 2, every=7 * DAY)[-1].after
        assert ("failed", condition) == (gone.lighthouse_status, gone.condition)


def test_what_was_taken_up_stays_so_until_it_changes():
    """The same state again keeps it, older or not; another status, or a failure anew, ends it."""
    taken = FRESH._replace(condition="acknowledged")
    kept = _decisions(taken, [RUNNING, Absence.NOT_FOUND, Absence.MISSING, RUNNING], every=DAY)
    assert ["acknowledged"] * 4 == [decision.after.condition for decision in kept]
    assert "not_in_efolder" == interpret(taken, LOST, POLICY, NOW).after.condition

    failed = interpret(FRESH, LOST, POLICY, NOW).after._replace(condition="acknowledged")
    assert "acknowledged" == interpret(failed, LOST, POLICY, NOW + DAY).after.condition
    for answer, condition in ((RUNNING, "waiting"), (SUCCESS, "delivered")):
        assert condition == interpret(failed, answer, POLICY, NOW + HOUR).after.condition
    gone = failed._replace(not_found_since=NOW - 7 * DAY)
    assert "not_in_efolder" == interpret(gone, LOST, POLICY, NOW + DAY).after.condition


def test_asked_in_vain_since():
    """Dated at the first answer that said nothing, kept by the next ones, gone with a real one."""
    vain = [Absence.MISSING, Absence.MALFORMED, PAUSED]
    assert [NOW] * 3 == [d.after.unanswered_since for d in _decisions(FRESH, vain)]
    for answer in (RUNNING, Absence.NOT_FOUND, SUCCESS, LOST):
        assert _decisions(FRESH, [*vain, answer])[-1].after.unanswered_since is None
    failed = interpret(FRESH, LOST, POLICY, NOW).after
    assert [NOW] * 2 == [d.after.unanswered_since for d in _decisions(failed, [PAUSED] * 2)]


MUST_ACT = "veteran_must_act"


@pytest.mark.parametrize(
    ("observations", "at"),
    [
        ([LOST], [0]),
        ([LOST, LOST, RUNNING, LOST], [0]),
        ([UNKNOWN_FAILURE, UNKNOWN_FAILURE, LOST], [2]),
        ([RUNNING, LOST, SUCCESS], [1]),
        ([Absence.NOT_FOUND, LOST], [1]),
        ([BGS_FAILURE, UNKNOWN_FAILURE, RUNNING, SUCCESS], []),
    ],
)
def test_that_the_veteran_must_act_is_remarked_once(observations, at):
    """The remark comes when VA first certainly lacks the file, and never again for it."""
    decisions = _decisions(FRESH, observations)
    places = [
        place
        for place, decision in enumerate(decisions)
        if decision.change and MUST_ACT in _kinds(decision.change)
    ]

    assert at == places
    assert (NOW + at[0] * MINUTE if at else None) == decisions[-1].after.must_act_since


def test_no_veteran_misses_bdd_instructions():
    """They are none of the veteran's papers: their loss is staff's business alone."""
    document = FRESH._replace(document_type="bdd_instructions")
    decision = interpret(document, LOST, POLICY, NOW)

    assert ("not_in_efolder", None) == (decision.after.condition, decision.after.must_act_since)
    assert MUST_ACT not in _kinds(decision.change)


def test_an_acknowledged_failure_that_turns_out_worse_still_reaches_the_veteran():
    """A certain loss of an acknowledged document is a new case and reaches the veteran."""
    unclear = interpret(FRESH, UNKNOWN_FAILURE, POLICY, NOW).after
    decision = interpret(unclear._replace(condition="acknowledged"), LOST, POLICY, NOW + HOUR)

    assert ("not_in_efolder", NOW + HOUR) == (
        decision.after.condition,
        decision.after.must_act_since,
    )
    assert MUST_ACT in _kinds(decision.change)
