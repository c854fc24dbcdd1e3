"""The retry table: what happens to a batch whose call failed, a row each."""

import pytest

from lightkeeper.domain.answer import ANSWERED, CallOutcome
from lightkeeper.polling.batch import Batch
from lightkeeper.polling.retry import (
    History,
    NextStep,
    backoff_seconds,
    is_failure,
    is_probe_due,
    next_step,
)

MANY, ONE, ALONE, PROBE = "many", "one", "alone", "probe"
POISON = ("rejected", "server_error", "malformed", "timeout")
"""Outcomes that one document may cause for its whole batch."""
OUTAGE = ("unauthorized", "token_unavailable", "connection", "unexpected")
"""Outcomes that no document causes."""


def _batch(kind, failures=0):
    """A batch of 100, one of a single document, one polled alone, or a probe."""
    documents = [None] * {MANY: 100, ONE: 1, ALONE: 1, PROBE: 0}[kind]
    return Batch(
        documents, failures, alone=kind in (ALONE, PROBE), probe=7 if kind == PROBE else None
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
    # 429: the batch waits, however often
    (("rate_limited",), MANY, (0, 0, 0), NextStep.WAIT),
    (("rate_limited",), MANY, (3, 20, 0), NextStep.WAIT),
    (("rate_limited",), ALONE, (3, 3, 1), NextStep.WAIT),
    (("rate_limited",), PROBE, (0, 4, 0), NextStep.WAIT),
    # a probe has no document to retry
    ((*POISON, *OUTAGE, "too_large"), PROBE, (1, 4, 0), NextStep.FORGET),
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


def test_the_table_has_each_outcome_without_an_answer_and_each_step():
    """Each outcome that is no answer has a row, and each step is taken in one."""
    outcomes = {CallOutcome(outcome) for outcomes, *_ in TABLE for outcome in outcomes}

    assert set(CallOutcome) - ANSWERED == outcomes
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
        (("rejected", "server_error", "malformed"), MANY, 1, False),
        (("too_large",), ONE, 2, True),
        (OUTAGE, MANY, 2, False),
        (POISON, PROBE, 2, False),
    ],
)
def test_every_second_failure_in_a_row_is_followed_by_a_probe(outcomes, kind, in_row, expected):
    """A time-out is at once, for each takes ten seconds; a failed probe is followed by none."""
    due = {is_probe_due(CallOutcome(each), _batch(kind), History(in_row, 0)) for each in outcomes}

    assert {expected} == due


@pytest.mark.parametrize(
    ("failures_in_row", "longest"),
    [(1, 0.25), (2, 0.5), (3, 1.0), (7, 16.0), (8, 30.0), (9, 30.0), (10_000, 30.0)],
)
def test_the_backoff_doubles_up_to_half_a_minute(failures_in_row, longest):
    """Jitter takes at most half of it away."""
    assert longest == backoff_seconds(failures_in_row, jitter=1.0)
    assert longest / 2 == backoff_seconds(failures_in_row, jitter=0.0)
