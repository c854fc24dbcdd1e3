"""Which try decides, and what is published of the document: pure, in any order."""

import itertools

import pytest
from store_rows import FRESH, NOW

from lightkeeper.domain.answer import StatusReport
from lightkeeper.domain.change import Decision
from lightkeeper.domain.interpret import interpret
from lightkeeper.domain.policy import Policy
from lightkeeper.domain.time import SECOND
from lightkeeper.domain.tries import Attached, Try, deciding, settle, settle_lost

CLAIMS, BGS = "CLAIMS_EVIDENCE", "BENEFITS_GATEWAY_SERVICE"
ANSWERS = {
    "lost": ("FAILED", ((CLAIMS, "FAILED"),), CLAIMS),
    "bgs": ("FAILED", ((CLAIMS, "SUCCESS"), (BGS, "FAILED")), BGS),
    "unknown": ("FAILED", (), None),
    "done": ("SUCCESS", ((CLAIMS, "SUCCESS"), (BGS, "SUCCESS")), None),
    "running": ("IN_PROGRESS", ((CLAIMS, "IN_PROGRESS"),), None),
}
FARTHEST = ("done", "bgs", "running", "unknown", "lost")


def _new(count):
    tries = [
        FRESH._replace(id=each, request_id=each, first_tracked_at=NOW) for each in range(count)
    ]
    return [one if one.id == count - 1 else one._replace(condition="superseded") for one in tries]


def _answer(document, name, now):
    status, steps, step = ANSWERS[name]
    report = StatusReport(document.request_id, status, steps, NOW, None, step, None, "")
    return interpret(document, report, Policy(), now)


def _play(groups):
    """Give these answers, those of one group in one call; the tries and all that is published."""
    tries = _new(sum(map(len, groups)))
    published = []
    ids = itertools.count()
    for turn, names in enumerate(groups, start=1):
        now = NOW + turn * SECOND
        answered = {next(ids): name for name in names}
        group = [
            Try(
                one,
                _answer(one, answered[one.id], now) if one.id in answered else Decision(one, None),
            )
            for one in tries
        ]
        settled = settle(group, now)
        tries = [decision.after for decision in settled]
        published += [decision.change for decision in settled if decision.change is not None]
    return tries, published


def _count(published, outcome):
    return sum(change.outcome == outcome for change in published)


@pytest.mark.parametrize("sizes", [(3,), (1, 1, 1), (2, 1), (1, 2)])
def test_three_tries_in_any_order_are_one_document(sizes):
    """One try decides, the farthest; each ending of the document is published once."""
    for names in itertools.product(ANSWERS, repeat=3):
        _are_one_document(names, sizes)


def _are_one_document(names, sizes):
    given = iter(names)
    tries, published = _play([[next(given) for _ in range(size)] for size in sizes])

    (decides,) = [one for one in tries if one.condition != "superseded"]
    assert decides == deciding(tries)
    farthest = min(names, key=FARTHEST.index)
    assert ANSWERS[farthest][0] == decides.reported_status
    is_there = farthest in {"done", "bgs"}
    lost = sum(name in {"lost", "unknown"} for name in names)
    assert int(farthest == "done") == _count(published, "done")
    others = names.count("bgs") - (farthest == "bgs")
    assert _count(published, "superseded") <= lost + others
    assert not is_there or lost <= _count(published, "superseded")
    if not is_there:
        assert int(farthest != "running") == _count(published, "failed")
        assert 0 == _count(published, "superseded")
    for kind, most in (("veteran_must_act", 1), ("slo_met", 1)):
        said = [remark for change in published for remark in change.remarks if remark.kind == kind]
        assert len(said) <= most
    assert ("lost" == farthest) == any(one.must_act_since is not None for one in tries)


@pytest.mark.parametrize("name", ANSWERS)
def test_the_same_answer_again_publishes_nothing(name):
    """A superseded try that is polled again changes nothing, whatever it says."""
    first = _new(2)[0]
    other = _answer(FRESH._replace(id=1, first_tracked_at=NOW), "done", NOW).after
    group = [Try(first, _answer(first, name, NOW)), Try(other, Decision(other, None))]
    once = [decision.after for decision in settle(group, NOW)]

    again = settle(
        [Try(once[0], _answer(once[0], name, NOW + 1)), Try(other, Decision(other, None))], NOW
    )

    assert [None, None] == [decision.change for decision in again]
    assert "superseded" == again[0].after.condition


def _settle_forms(documents, names, now, attachments, kinds=("form_0781",) * 2):
    """Give each document of one type in a submission this answer, or none; what becomes of it."""
    attached = []
    for one, name, attachment_id, kind in zip(documents, names, attachments, kinds, strict=True):
        before = one._replace(document_type=kind)
        decision = _answer(before, name, now) if name else Decision(before, None)
        attached.append(Attached(attachment_id, Try(before, decision)))
    return settle_lost(attached, now)


def _says_must_act(decisions):
    return [
        any(remark.kind == "veteran_must_act" for remark in change.remarks) if change else False
        for _, change in decisions
    ]


FORMS = [FRESH._replace(id=each, request_id=each) for each in range(2)]


@pytest.mark.parametrize("kind", ["veteran_upload", "form_0781", "bdd_instructions"])
@pytest.mark.parametrize("attachments", list(itertools.product([None, "a"], [None, "b"])))
@pytest.mark.parametrize("name", [*ANSWERS, None])
@pytest.mark.parametrize("turned", [False, True])
def test_a_lost_document_is_to_be_sent_again_unless_another_form_may_be_it(
    kind, attachments, name, turned
):
    """With an attachment id each they are two documents, and so are uploads; both lost, VA has
    neither.
    """
    names = ("lost", name)[:: -1 if turned else 1]
    attachments = attachments[:: -1 if turned else 1]

    decisions = _settle_forms(FORMS, names, NOW, attachments, (kind, kind))

    certain = name == "lost" or all(attachments) or kind == "veteran_upload"
    asked = certain and kind != "bdd_instructions"
    lost = decisions[names.index("lost")]
    assert ("not_in_efolder" if certain else "efolder_unknown") == lost.after.condition
    assert ("failed", "failed") == (lost.after.lighthouse_status, lost.change.outcome)
    assert asked == (lost.after.must_act_since is not None)
    assert asked == _says_must_act(decisions)[names.index("lost")]
    assert (2 if asked and name == "lost" else int(asked)) == sum(_says_must_act(decisions))


def test_that_the_veteran_must_act_is_said_once_of_each_form():
    """However often one is in doubt, and certain again."""
    documents, said = FORMS, []
    turns = [("lost", None), (None, "lost"), ("lost", "running"), (None, "lost"), (None, "done")]
    for turn, names in enumerate(turns):
        decisions = _settle_forms(documents, names, NOW + turn, (None, None))
        documents = [after for after, _ in decisions]
        said.append((_says_must_act(decisions), [each.condition for each in documents]))

    lost, unknown = "not_in_efolder", "efolder_unknown"
    assert [
        ([False, False], [unknown, "waiting"]),
        ([True, True], [lost, lost]),
        ([False, False], [unknown, "waiting"]),
        ([False, False], [lost, lost]),
        ([False, False], [unknown, "delivered"]),
    ] == said


@pytest.mark.parametrize("condition", ["acknowledged", "closed"])
def test_what_staff_took_up_may_be_the_one_that_is_lost(condition):
    """It stays acknowledged, also when it is polled again; the other is staff's to look at too."""
    lost = _answer(FORMS[0], "lost", NOW).after
    taken = lost._replace(condition=condition, must_act_since=None)

    again = "lost" if condition == "acknowledged" else None  # the other is polled no more
    decisions = _settle_forms([taken, FORMS[1]], (again, "lost"), NOW + 1, (None, None))

    assert [condition, "efolder_unknown"] == [after.condition for after, _ in decisions]
    assert [False, False] == _says_must_act(decisions)


def test_a_superseded_try_keeps_no_form_in_doubt():
    """Of several tries the one that decides is compared."""
    superseded = FORMS[1]._replace(condition="superseded", first_tracked_at=NOW)
    decisions = _settle_forms([FORMS[0], superseded], ("lost", None), NOW, (None, "a"))

    assert ["not_in_efolder", "superseded"] == [after.condition for after, _ in decisions]
