"""What a document counts as in the service levels: once, whenever it is final or too late."""

from itertools import pairwise

import pytest
import store_rows
from hypothesis import given
from hypothesis import strategies as st

from lightkeeper.domain.answer import Absence, StatusReport
from lightkeeper.domain.change import Remark, RemarkKind
from lightkeeper.domain.interpret import interpret
from lightkeeper.domain.policy import Policy
from lightkeeper.domain.time import DAY, HOUR, MINUTE, SECOND

CLAIMS, BGS = "CLAIMS_EVIDENCE", "BENEFITS_GATEWAY_SERVICE"
POLICY = Policy()
TRACKED_AT = store_rows.NOW
NEW = store_rows.FRESH


def _report(status, steps=(), ended_at=None):
    return StatusReport(21, status, tuple(dict(steps).items()), None, ended_at, None, None, "{}")


RUNNING = _report("IN_PROGRESS", {CLAIMS: "IN_PROGRESS"})
AT_BGS = _report("IN_PROGRESS", {CLAIMS: "SUCCESS", BGS: "IN_PROGRESS"})
ODD = _report("PAUSED")
SUCCESS = _report("SUCCESS", {CLAIMS: "SUCCESS", BGS: "SUCCESS"})
LOST = _report("FAILED", {CLAIMS: "FAILED"})
NOT_IN_BGS = _report("FAILED", {CLAIMS: "SUCCESS", BGS: "FAILED"})


def _story(document, *heard):
    """What is said of the document's service levels at each (age, observation)."""
    said = []
    for age, observation in heard:
        document, change = interpret(document, observation, POLICY, TRACKED_AT + age)
        remarks = change.remarks if change else ()
        said.append(_verdict(remarks))
    return said


def _verdict(remarks):
    return [remark for remark in remarks if remark.kind in ("slo_met", "slo_missed")]


def _missed(*objectives):
    return [Remark(RemarkKind.SLO_MISSED, objective) for objective in objectives]


MET = [Remark(RemarkKind.SLO_MET)]
EFOLDER, DETECTION = _missed("efolder"), _missed("detection")
LATE_OUTCOMES, ALL = _missed("outcome", "detection"), _missed("outcome", "efolder", "detection")
LATE = 48 * HOUR + 1


@pytest.mark.parametrize(
    ("heard", "said"),
    [
        ([(MINUTE, SUCCESS)], [MET]),
        ([(MINUTE, NOT_IN_BGS)], [MET]),
        ([(MINUTE, LOST)], [EFOLDER]),
        ([(MINUTE, RUNNING), (48 * HOUR, RUNNING), (LATE, RUNNING)], [[], [], ALL]),
        ([(MINUTE, RUNNING), (LATE, AT_BGS), (50 * HOUR, SUCCESS)], [[], ALL, []]),
        ([(MINUTE, AT_BGS), (LATE, AT_BGS), (50 * HOUR, SUCCESS)], [[], LATE_OUTCOMES, []]),
        ([(MINUTE, Absence.NOT_FOUND), (LATE, Absence.NOT_FOUND)], [[], ALL]),
        ([(MINUTE, Absence.MISSING), (LATE, Absence.MISSING)], [[], ALL]),
        ([(LATE, Absence.REFUSED), (LATE + HOUR, Absence.REFUSED)], [ALL, []]),
        ([(LATE, Absence.MALFORMED), (LATE + HOUR, LOST)], [ALL, []]),
        ([(MINUTE, ODD), (LATE, ODD)], [[], ALL]),
        ([(LATE, SUCCESS)], [ALL]),
        ([(MINUTE, LOST), (HOUR, SUCCESS)], [EFOLDER, []]),
        ([(MINUTE, LOST), (HOUR, RUNNING), (LATE, RUNNING)], [EFOLDER, [], []]),
        ([(HOUR, Absence.NOT_FOUND), (8 * DAY, Absence.NOT_FOUND)], [[], ALL]),
    ],
)
def test_a_document_is_judged_once_when_final_or_too_late(heard, said):
    """Good is what is proven within 48 hours; a later success or failure changes nothing."""
    assert said == _story(NEW, *heard)


@pytest.mark.parametrize(
    ("heard", "said"),
    [
        ([(HOUR, _report("SUCCESS", ended_at=TRACKED_AT + 45 * MINUTE))], [MET]),
        ([(HOUR, _report("SUCCESS", ended_at=TRACKED_AT + 45 * MINUTE - 1))], [DETECTION]),
        ([(HOUR, _report("SUCCESS", ended_at=TRACKED_AT + 2 * HOUR))], [MET]),
        ([(45 * MINUTE, RUNNING), (HOUR, SUCCESS)], [[], MET]),
        ([(45 * MINUTE, Absence.NOT_FOUND), (HOUR, SUCCESS)], [[], MET]),
        ([(45 * MINUTE, Absence.MISSING), (HOUR, SUCCESS)], [[], DETECTION]),
        ([(15 * MINUTE, SUCCESS)], [MET]),
        ([(15 * MINUTE + 1, SUCCESS)], [DETECTION]),
    ],
)
def test_an_end_is_detected_within_a_quarter_of_an_hour(heard, said):
    """By Lighthouse's end; where it names none, the end may be as old as its last word allows."""
    assert said == _story(NEW, *heard)


def test_the_clock_of_detection_starts_when_a_document_is_tracked():
    """Detection of a document that ended before it was tracked counts from its tracking."""
    tracked_late = NEW._replace(created_at=TRACKED_AT + HOUR)
    ended = _report("SUCCESS", ended_at=TRACKED_AT + MINUTE)

    assert [MET] == _story(tracked_late, (HOUR + 15 * MINUTE, ended))
    assert [DETECTION] == _story(tracked_late, (HOUR + 15 * MINUTE + 1, ended))


@pytest.mark.parametrize("heard", [SUCCESS, LOST, RUNNING, *Absence])
def test_a_document_tracked_past_its_deadline_is_not_judged(heard):
    """A document tracked after its deadline has no verdict, so a backfill moves no SLO."""
    in_time, too_late = (
        NEW._replace(created_at=TRACKED_AT + 48 * HOUR + more) for more in (0, SECOND)
    )

    assert [[]] == _story(too_late, (49 * HOUR, heard))
    assert [[]] != _story(in_time, (49 * HOUR, heard))


def test_the_deadline_is_a_setting():
    """The same that makes a document stuck."""
    policy = Policy(stuck_after_ms=HOUR)

    _, on_time = interpret(NEW, SUCCESS, policy, TRACKED_AT + HOUR)
    _, late = interpret(NEW, SUCCESS, policy, TRACKED_AT + HOUR + 1)

    assert DETECTION == list(on_time.remarks)
    assert ALL == list(late.remarks)


words = st.sampled_from([RUNNING, AT_BGS, ODD, SUCCESS, LOST, NOT_IN_BGS, *Absence])


@given(st.lists(st.tuples(st.integers(0, 10 * DAY), words), min_size=1, max_size=12))
def test_whatever_is_said_it_is_judged_at_most_once(heard):
    """Exactly once if it was ever final or heard of past its deadline, with the mark set then."""
    document, marks = NEW, [None]
    said = 0
    for age, observation in sorted(heard, key=lambda pair: pair[0]):
        document, change = interpret(document, observation, POLICY, TRACKED_AT + age)
        judged = _verdict(change.remarks if change else ())
        assert len(judged) == len(set(judged))
        assert bool(judged) == (marks[-1] is None and document.judged_at is not None)
        said += bool(judged)
        marks.append(document.judged_at)
        if document.lighthouse_status != "pending" or age > 48 * HOUR:
            assert document.judged_at is not None

    assert said == (1 if marks[-1] is not None else 0)
    assert all(before in {None, after} for before, after in pairwise(marks))
