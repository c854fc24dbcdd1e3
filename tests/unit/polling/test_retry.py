"""The retry table: what happens to a batch whose call failed, a row each."""

from dataclasses import replace

import pytest
from store_rows import FRESH

from lightkeeper.domain.answer import Absence, Answer, CallOutcome
from lightkeeper.polling.batch import Batch
from lightkeeper.polling.interfaces import PollReport, Progress, State
from lightkeeper.polling.retry import (
    History,
    NextStep,
    backoff_seconds,
    is_answered,
    is_failure,
    is_probe_due,
    next_step,
    reason_to_end,
    shows_batches_failing,
)

MANY, HALF, ONE, ALONE, PROBE, TRIAL = "many", "half", "one", "alone", "probe", "trial"
POISON = (
    *("rejected", "server_error", "malformed", "timeout"),
    *("unauthorized", "connection", "unexpected"),
)
"""Outcomes that one document may cause for its whole batch."""
OUTAGE = ("token_unavailable",)
"""Outcomes that no document causes."""


def _batch(kind, failures=0, limited=0, companion=None):
    """A batch of 100, half of one, one of a single document, one polled alone, or a probe."""
    count = {MANY: 100, HALF: 50, ONE: 1, ALONE: 1, PROBE: 0, TRIAL: 0}[kind]
    return Batch(
        [FRESH] * count,
        failures,
        limited,
        alone=kind in (ALONE, PROBE),
        split=kind == HALF,
        probe={PROBE: (7,), TRIAL: (7, 8)}.get(kind, ()),
        companion=companion,
    )


# outcomes; kind of batch; failed calls of the batch, failed calls in a row, calls answered since
# the batch failed first: all with this call included
TABLE = [
    # one document may be the reason: close in on it
    (POISON, MANY, (1, 1, 0), NextStep.RETRY),
    (POISON, MANY, (2, 2, 0), NextStep.HALVE),
    (POISON, MANY, (2, 1, 1), NextStep.HALVE),
    (POISON, MANY, (2, 9, 0), NextStep.HALVE),
    (POISON, MANY, (4, 4, 0), NextStep.HALVE),
    (POISON, ONE, (1, 1, 0), NextStep.RETRY),
    (POISON, ONE, (2, 2, 0), NextStep.ALONE),
    (POISON, ONE, (2, 20, 0), NextStep.ALONE),
    (POISON, ALONE, (1, 1, 0), NextStep.RETRY),
    # blame it only while Lighthouse answers other calls
    (POISON, ALONE, (2, 1, 1), NextStep.BLAME),
    (POISON, ALONE, (4, 20, 1), NextStep.BLAME),
    (POISON, ALONE, (2, 2, 0), NextStep.RETRY),
    (POISON, ALONE, (3, 3, 0), NextStep.RETRY),
    (POISON, ALONE, (4, 4, 0), NextStep.DROP),
    # ten failures in a row: it is Lighthouse that fails, so halving finds no document
    (POISON, MANY, (2, 10, 0), NextStep.RETRY),
    (POISON, MANY, (3, 10, 0), NextStep.RETRY),
    (POISON, MANY, (4, 10, 0), NextStep.DROP),
    # no document is the reason: retry the batch whole, and drop it
    (OUTAGE, MANY, (1, 1, 0), NextStep.RETRY),
    (OUTAGE, MANY, (3, 3, 2), NextStep.RETRY),
    (OUTAGE, MANY, (4, 4, 0), NextStep.DROP),
    (OUTAGE, ONE, (3, 3, 0), NextStep.RETRY),
    (OUTAGE, ALONE, (3, 3, 2), NextStep.RETRY),
    (OUTAGE, ALONE, (4, 4, 2), NextStep.DROP),
    # 413: too many documents, or one that is too large
    (("too_large",), MANY, (0, 0, 0), NextStep.SHRINK),
    (("too_large",), MANY, (3, 9, 0), NextStep.SHRINK),
    (("too_large",), ONE, (1, 1, 0), NextStep.RETRY),
    (("too_large",), ONE, (2, 2, 0), NextStep.ALONE),
    (("too_large",), ALONE, (2, 1, 1), NextStep.BLAME),
    (("too_large",), ALONE, (4, 4, 0), NextStep.DROP),
    # 429: the batch waits, however often its other calls failed
    (("rate_limited",), MANY, (0, 0, 0), NextStep.WAIT),
    (("rate_limited",), MANY, (3, 20, 5), NextStep.WAIT),
    # 404 for all: it names no document, and one may be the reason
    (("not_found",), MANY, (0, 0, 0), NextStep.HALVE),
    (("not_found",), MANY, (4, 20, 0), NextStep.HALVE),
    (("not_found",), ONE, (0, 0, 0), NextStep.ALONE),
    # an answer without a usable word: one may be the reason where other calls have answers
    (("ok",), MANY, (1, 0, 0), NextStep.RETRY),
    (("ok",), MANY, (2, 0, 0), NextStep.RECORD),
    (("ok",), HALF, (1, 0, 0), NextStep.RETRY),
    (("ok",), HALF, (2, 0, 0), NextStep.RECORD),
    (("ok",), ONE, (1, 0, 0), NextStep.ALONE),
    # a probe has no document to retry
    ((*POISON, *OUTAGE, "too_large", "rate_limited"), PROBE, (1, 4, 0), NextStep.FORGET),
    ((*POISON, *OUTAGE, "not_found", "ok"), TRIAL, (1, 4, 0), NextStep.FORGET),
]


@pytest.mark.parametrize(
    ("outcome", "kind", "counts", "expected"),
    [
        (CallOutcome(outcome), kind, counts, step)
        for outcomes, kind, counts, step in TABLE
        for outcome in outcomes
    ],
)
def test_a_batch_whose_call_failed_takes_the_step_of_its_row(outcome, kind, counts, expected):
    """Outcome, batch and history alone decide the next step."""
    failures, in_row, answered = counts

    assert expected is next_step(outcome, _batch(kind, failures), History(in_row, answered))


@pytest.mark.parametrize(
    ("kind", "limited", "answered", "expected"),
    [
        (MANY, 2, 9, NextStep.WAIT),
        (MANY, 9, 0, NextStep.WAIT),
        (MANY, 3, 1, NextStep.HALVE),
        (ONE, 3, 1, NextStep.ALONE),
        (ALONE, 3, 1, NextStep.BLAME),
        (ALONE, 3, 0, NextStep.WAIT),
    ],
)
def test_a_429_concerns_a_batch_where_others_are_answered(kind, limited, answered, expected):
    """After three of them, with answers to other calls in between."""
    step = next_step(CallOutcome.RATE_LIMITED, _batch(kind, 0, limited), History(0, answered))

    assert expected is step


@pytest.mark.parametrize("answered", ["batches_answered", "only_alone_answered"])
def test_an_answer_without_a_usable_word_is_halved_where_other_calls_have_answers(answered):
    """Fresh or a half, it is split at once."""
    answered = History(0, 0, **{answered: True})

    assert {NextStep.HALVE} == {
        next_step(CallOutcome.OK, _batch(kind, 1), answered) for kind in (MANY, HALF)
    }
    troubled = Batch([FRESH._replace(trouble_count=1)] * 2, failures=1)
    assert NextStep.RECORD is next_step(CallOutcome.OK, troubled, answered)


@pytest.mark.parametrize(
    ("outcome", "seen", "batch", "expected"),
    [
        ("ok", ["missing", "not_found"], _batch(MANY), True),
        ("ok", ["missing", "malformed"], _batch(MANY), False),
        ("ok", ["missing"], _batch(ONE), True),
        ("ok", ["missing"], replace(_batch(ONE), split=True), False),
        ("ok", ["malformed"], _batch(ALONE), True),
        ("not_found", ["not_found"] * 2, _batch(MANY), False),
        ("not_found", ["not_found"], _batch(ONE), False),
        ("not_found", ["not_found"], _batch(ALONE), True),
        ("server_error", [], _batch(ALONE), False),
    ],
)
def test_an_answer_is_one_about_each_document_or_none(outcome, seen, batch, expected):
    """A final word follows from an answer that names a document, or from a call about it alone."""
    answer = Answer(CallOutcome(outcome), {i: Absence(word) for i, word in enumerate(seen)})

    assert expected is is_answered(answer, batch)


@pytest.mark.parametrize(
    ("outcomes", "kind", "expected"),
    [
        ((*POISON, "not_found", "ok", "rate_limited"), MANY, True),
        ((*POISON, "not_found", "ok", "rate_limited", "too_large"), TRIAL, True),
        (("token_unavailable", "too_large"), MANY, False),
        (("token_unavailable",), TRIAL, False),
        ((*POISON, "rate_limited"), ONE, False),
        (("too_large",), ONE, True),
        ((*POISON, "rate_limited", "too_large"), ALONE, False),
        ((*POISON, "rate_limited", "too_large"), PROBE, False),
    ],
)
def test_only_calls_about_several_documents_show_that_batches_fail(outcomes, kind, expected):
    """What concerns every call shows nothing, nor does a 413 while fewer documents can be sent."""
    shown = {
        shows_batches_failing(CallOutcome(each), _batch(kind), not_found=False)
        for each in outcomes
    }

    assert {expected} == shown


def test_a_404_for_documents_one_of_which_is_not_found_shows_nothing():
    """Lighthouse may then answer 404 for all of them; what else fails shows that batches do."""
    assert not shows_batches_failing(CallOutcome.NOT_FOUND, _batch(TRIAL), not_found=True)
    assert shows_batches_failing(CallOutcome.TIMEOUT, _batch(TRIAL), not_found=True)


def test_the_table_has_each_outcome_and_each_step():
    """Each outcome has a row, and each step is taken in one."""
    outcomes = {CallOutcome(outcome) for outcomes, *_ in TABLE for outcome in outcomes}

    assert set(CallOutcome) == outcomes
    assert set(NextStep) == {step for *_, step in TABLE}


@pytest.mark.parametrize(
    ("outcomes", "kind", "expected"),
    [
        ((*POISON, *OUTAGE), MANY, True),
        ((*POISON, *OUTAGE), PROBE, True),
        (("rate_limited",), MANY, False),
        (("rate_limited",), PROBE, False),
        (("too_large",), MANY, False),
        (("too_large",), ONE, True),
        (("too_large",), PROBE, True),
        (("not_found", "ok"), MANY, False),
    ],
)
def test_waiting_and_sending_fewer_documents_are_no_failures(outcomes, kind, expected):
    """A 429, and a 413 for several documents, are followed by no backoff; other outcomes are."""
    assert {expected} == {is_failure(CallOutcome(each), _batch(kind)) for each in outcomes}


@pytest.mark.parametrize(
    ("outcomes", "kind", "in_row", "expected"),
    [
        (POISON, MANY, 2, True),
        (POISON, MANY, 3, False),
        (POISON, MANY, 10, True),
        (POISON, ALONE, 2, True),
        (("timeout",), MANY, 1, True),
        ([each for each in POISON if each != "timeout"], MANY, 1, False),
        (("too_large",), ONE, 2, True),
        (("too_large",), MANY, 2, False),
        (OUTAGE, MANY, 2, False),
        (("not_found",), MANY, 0, True),
        (("not_found",), ONE, 0, False),
        (POISON, PROBE, 2, False),
    ],
)
def test_every_second_failure_in_a_row_is_followed_by_a_probe(outcomes, kind, in_row, expected):
    """A time-out is at once, for each takes ten seconds; a failed probe is followed by none."""
    due = {is_probe_due(CallOutcome(each), _batch(kind), History(in_row, 0)) for each in outcomes}

    assert {expected} == due


@pytest.mark.parametrize(
    ("outcome", "batch", "history", "expected"),
    [
        ("server_error", _batch(MANY), History(1, 0, call_seconds=9.0), True),
        ("server_error", _batch(MANY), History(1, 0, call_seconds=1.0), False),
        ("server_error", _batch(MANY), History(3, 0, call_seconds=9.0), False),
        ("rate_limited", _batch(MANY), History(5, 0, limited_in_row=2), False),
        ("rate_limited", _batch(MANY), History(5, 0, limited_in_row=3), True),
        ("ok", _batch(MANY), History(0, 0), True),
        ("ok", _batch(MANY), History(0, 0, batches_answered=True), False),
        ("ok", _batch(MANY), History(0, 0, probed=True), False),
        ("ok", _batch(ONE), History(0, 0), False),
        ("not_found", _batch(MANY, companion=7), History(0, 0), False),
    ],
)
def test_a_probe_follows_what_takes_long_or_waits(outcome, batch, history, expected):
    """A slow failure, every third 429, an answer without a word while none has one; no 404 that a
    known document was part of.
    """
    assert expected is is_probe_due(CallOutcome(outcome), batch, history)


@pytest.mark.parametrize(
    ("failures_in_row", "longest"),
    [(1, 0.25), (2, 0.5), (3, 1.0), (7, 16.0), (8, 30.0), (9, 30.0), (10_000, 30.0)],
)
def test_the_backoff_doubles_up_to_half_a_minute(failures_in_row, longest):
    """Jitter takes at most half of it away."""
    assert longest == backoff_seconds(failures_in_row, jitter=1.0)
    assert longest / 2 == backoff_seconds(failures_in_row, jitter=0.0)


GOES_ON = ""
SINGLY = "batches fail while calls about one document are answered: some were polled singly"
FAILED = "gave up after {} failed calls in a row"
LIMITED = "gave up after {} calls answered 429 in a row"
WORKED, IDLE = Progress(State.WORKED), Progress(State.IDLE)


def _waiting(seconds, *, rate_limited=False):
    return Progress(State.WAITING, seconds, rate_limited)


# how calls ended; what the step came to; calls left of the rate limit, and the limit
ENDS = [
    # everything is polled
    ({}, IDLE, (None, None), GOES_ON),
    ({"failures_in_row": 10, "rate_limited_in_row": 6}, IDLE, (None, None), GOES_ON),
    ({"singly_seconds": 0.0}, IDLE, (None, None), SINGLY),
    # batches fail: the wait before the next call counts, for the rate limit too
    ({"singly_seconds": 9.0, "batches_failing_seconds": 27.9}, WORKED, (None, None), GOES_ON),
    ({"singly_seconds": 9.0, "batches_failing_seconds": 28.0}, WORKED, (None, None), SINGLY),
    (
        {"singly_seconds": 9.0, "batches_failing_seconds": 27.0},
        _waiting(1.0, rate_limited=True),
        (None, None),
        SINGLY,
    ),
    # the same where each call is slow, so that no trial was made
    (
        {"batches_failing_seconds": 28.0, "call_seconds": 2.1, "only_alone_answered": True},
        WORKED,
        (None, None),
        SINGLY,
    ),
    (
        {"batches_failing_seconds": 28.0, "call_seconds": 2.0, "only_alone_answered": True},
        WORKED,
        (None, None),
        GOES_ON,
    ),
    ({"batches_failing_seconds": 28.0, "call_seconds": 2.1}, WORKED, (None, None), GOES_ON),
    (
        {"batches_failing_seconds": 28.0, "call_seconds": 2.1, "only_alone_answered": True},
        _waiting(1.0, rate_limited=True),
        (None, None),
        GOES_ON,
    ),
    # polled singly, it leaves twenty calls, or a third of the limit
    ({"singly_seconds": 0.0}, WORKED, (21, 60), GOES_ON),
    ({"singly_seconds": 0.0}, WORKED, (20, 60), SINGLY),
    ({"singly_seconds": 0.0}, WORKED, (11, 30), GOES_ON),
    ({"singly_seconds": 0.0}, WORKED, (10, 30), SINGLY),
    ({"singly_seconds": 0.0}, WORKED, (1, None), GOES_ON),
    ({}, WORKED, (0, 60), GOES_ON),
    # 429
    ({"rate_limited_in_row": 5}, WORKED, (None, None), GOES_ON),
    ({"rate_limited_in_row": 6}, WORKED, (None, None), LIMITED.format(6)),
    # failed calls: how many, and for how long; no wait for the rate limit counts
    ({"failures_in_row": 9}, WORKED, (None, None), GOES_ON),
    ({"failures_in_row": 10}, WORKED, (None, None), FAILED.format(10)),
    ({"failures_in_row": 1, "failing_seconds": 7.9}, WORKED, (None, None), GOES_ON),
    ({"failures_in_row": 1, "failing_seconds": 8.0}, WORKED, (None, None), FAILED.format(1)),
    ({"failures_in_row": 1, "failing_seconds": 7}, _waiting(1), (None, None), FAILED.format(1)),
    (
        {"failures_in_row": 1, "failing_seconds": 7.0},
        _waiting(1.0, rate_limited=True),
        (None, None),
        GOES_ON,
    ),
    (
        {"failures_in_row": 1, "failing_seconds": 99.0, "waited_seconds": 91.1},
        WORKED,
        (None, None),
        GOES_ON,
    ),
    ({"failing_seconds": 8.0}, _waiting(8.0), (None, None), GOES_ON),
    # a pause for the rate limit
    ({}, _waiting(300.0, rate_limited=True), (None, None), GOES_ON),
    (
        {},
        _waiting(301.0, rate_limited=True),
        (None, None),
        "Lighthouse's rate limit allows the next call in 301 s",
    ),
    ({}, _waiting(301.0), (None, None), GOES_ON),
]


@pytest.mark.parametrize(("ended", "progress", "calls", "expected"), ENDS)
def test_a_pass_ends_for_the_reason_of_its_row(ended, progress, calls, expected):
    """How the latest calls ended, the wait for the next and the calls left decide it alone."""
    left, limit = calls

    assert expected == reason_to_end(PollReport(**ended), progress, left=left, limit=limit)
