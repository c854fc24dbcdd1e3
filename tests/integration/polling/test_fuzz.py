"""Hostile answers: no crash, no wrong outcome, nothing personal in signals and logs."""

import harmful_answers
import pytest
from daemon_rig import DaemonRig
from fuzzed_answers import STATUSES, Fuzzed, fuzz
from store_rows import counted, tallied

IN_EVERY_RUN = 1_000


@pytest.fixture
def fuzzed(tmp_path):
    """The daemon's parts over a store of their own."""
    with Fuzzed(tmp_path) as running:
        yield running


def test_hostile_answers_do_no_harm(fuzzed):
    """After any answer a document ends as its own entry says, and no mark leaves."""
    fuzz(fuzzed, IN_EVERY_RUN)


@pytest.mark.parametrize("http_status", sorted(set(STATUSES)))
def test_each_of_the_corpus_does_no_harm(fuzzed, http_status):
    """Every body of the corpus by itself, under every status, is read rightly."""
    for body in harmful_answers.BODIES:
        fuzzed.start_over()
        fuzzed.answer(http_status, body)
        fuzzed.look_around()


def test_the_corpus_arrives_over_sockets_just_the_same(tmp_path):
    """The whole daemon continues to poll after each of them, and its tallies are right."""
    with DaemonRig(f"sqlite:///{tmp_path}/store.db", tmp_path) as watch:
        for body in harmful_answers.BODIES:
            watch.track(4, "stuck_bgs", age=3_600.0)
            watch.lighthouse.fail_next(1, 200, body)
            watch.clock.now += 7_200
            watch.poller.step()
            assert counted(watch.database) == tallied(watch.database)
        assert 200 == watch.calls()[-1].status
        assert len(harmful_answers.BODIES) == len(watch.calls())
