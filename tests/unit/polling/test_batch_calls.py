"""When documents are polled singly, and when in batches again."""

import pytest

from lightkeeper.polling.batch_calls import TRIAL_AFTER_SECONDS, BatchCalls


@pytest.fixture
def calls():
    """No call was made yet."""
    return BatchCalls()


def _suspect(calls, now=0.0):
    calls.failed([1, 2, 3], now, slow=False)
    calls.answered_alone(0.0)
    calls.failed([4, 5, 6], now, slow=False)


def test_calls_about_different_documents_that_fail_are_looked_into(calls):
    """Not the same batch again, not a part of it, and not while no call is answered."""
    calls.failed([1, 2, 3], 0.0, slow=False)
    calls.failed([1, 2, 3], 1.0, slow=False)
    calls.failed([3], 2.0, slow=False)
    calls.answered_alone(0.0)
    assert not calls.is_trial_due(3.0, idle=False)

    calls.failed([1, 2], 4.0, slow=False)
    assert calls.is_trial_due(4.0, idle=False)


def test_calls_that_fail_while_none_is_answered_show_an_outage(calls):
    """An answer from before the failures is no evidence."""
    calls.answered_alone(0.0)
    calls.failed([1, 2], 0.0, slow=True)
    calls.failed([3, 4], 1.0, slow=True)

    assert not calls.is_trial_due(2.0, idle=False)
    assert not calls.trial_failed(2.0, pause=0.0)
    assert calls.singly_since is None


def test_a_slow_call_is_looked_into_at_once(calls):
    """As soon as a call about one document is answered."""
    calls.failed([1, 2], 0.0, slow=True)
    assert not calls.is_trial_due(1.0, idle=False)
    calls.answered_alone(0.0)

    assert calls.is_trial_due(1.0, idle=False)


def test_documents_are_polled_singly_from_a_failed_trial_to_an_answered_one(calls):
    """Meanwhile the next trial is due a minute after others were answered."""
    _suspect(calls)
    assert calls.trial_failed(5.0, pause=0.0)
    assert (0.0, 5.0) == (calls.failing_since, calls.singly_since)
    calls.answered_alone(7.0)
    calls.answered_alone(8.0)
    assert not calls.is_trial_due(7.0 + TRIAL_AFTER_SECONDS - 1, idle=False)
    assert calls.is_trial_due(7.0 + TRIAL_AFTER_SECONDS, idle=False)
    assert not calls.trial_failed(65.0, pause=0.0)
    assert 5.0 == calls.singly_since

    calls.answered()
    assert (None, None, True) == (calls.failing_since, calls.singly_since, calls.last_answered)


def test_a_trial_that_was_followed_by_a_long_pause_lets_documents_be_polled_first(calls):
    """It waits for an answer to another call, and ten times as long as the pause."""
    _suspect(calls)
    calls.trial_failed(5.0, pause=0.0)
    later = 5.0 + TRIAL_AFTER_SECONDS
    assert not calls.is_trial_due(later, idle=False)
    assert calls.is_trial_due(later, idle=True)
    calls.trial_failed(later, pause=30.0)
    calls.answered_alone(later + 30)

    assert not calls.is_trial_due(later + 30 + 299, idle=False)
    assert calls.is_trial_due(later + 30 + 300, idle=False)


def test_pauses_between_trials_grow_up_to_four_minutes(calls):
    """From a minute on; after an answered trial they are short again."""
    for _ in range(2):
        _suspect(calls)
        now, pauses = 5.0, []
        for _ in range(5):
            calls.trial_failed(now, pause=0.0)
            calls.answered_alone(now)
            pauses.append(next(s for s in range(999) if calls.is_trial_due(now + s, idle=False)))
            now += pauses[-1]
        calls.answered()

        assert [60, 120, 240, 240, 240] == pauses


def test_an_answered_trial_lets_batches_be_halved(calls):
    """The documents are to blame, and the next trial takes as much evidence as the first."""
    _suspect(calls)
    calls.answered()

    assert not calls.is_trial_due(1.0, idle=False)
    calls.failed([1, 2], 2.0, slow=False)
    assert not calls.is_trial_due(2.0, idle=False)


def test_a_trial_that_shows_nothing_is_made_again_upon_new_evidence(calls):
    """It ended for want of a token, which concerns every call."""
    _suspect(calls)
    calls.trial_undecided(1.0)
    assert not calls.is_trial_due(99.0, idle=False)
    calls.failed([7, 8], 100.0, slow=False)

    assert calls.is_trial_due(100.0, idle=False)


def test_an_outage_ends_it(calls):
    """Calls about one document fail as well: batches are as good."""
    _suspect(calls)
    calls.trial_failed(5.0, pause=0.0)
    calls.outage()

    assert (None, None, False) == (calls.failing_since, calls.singly_since, calls.last_answered)


@pytest.mark.parametrize(
    ("answered", "failed", "as_well"),
    [(1, 2, False), (1, 3, True), (6, 3, True), (7, 3, False), (90, 9, False), (100, 50, True)],
)
def test_a_third_of_failing_calls_about_one_document_is_as_bad(calls, answered, failed, as_well):
    """Two may be chance, and those from before the batches failed do not count."""
    for _ in range(9):
        calls.failed_alone()
    calls.failed([1, 2, 3], 0.0, slow=False)
    for _ in range(answered):
        calls.answered_alone(1.0)
    for _ in range(failed):
        calls.failed_alone()

    assert as_well == calls.alone_fail_as_well
