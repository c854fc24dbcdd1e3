"""A pass of `lightkeeper poll` that cannot poll every document says why."""

import pytest
from daemon_rig import DaemonRig


@pytest.fixture
def watch(tmp_path):
    """A daemon between a simulated Lighthouse and Agent, with ten documents a call."""
    with DaemonRig(f"sqlite:///{tmp_path}/store.db", tmp_path, batch_size=10) as running:
        yield running


def test_a_pass_gives_up_where_the_rate_limit_asks_for_more_than_five_minutes(watch):
    """It ends at once, and says how long the wait would be."""
    watch.track(20)
    watch.lighthouse.fail_next(1, 429, headers={"Retry-After": "400"})
    began = watch.clock.now

    result = watch.poll()

    assert (0, True) == (result.polled, result.incomplete)
    assert "Lighthouse's rate limit allows the next call in 400 s" == result.reason
    assert watch.clock.now - began < 5


def test_a_pass_waits_out_a_shorter_rate_limit(watch):
    """It polls every document after it."""
    watch.track(20)
    watch.lighthouse.fail_next(1, 429, headers={"Retry-After": "290"})

    result = watch.poll()

    assert (20, False, "") == (result.polled, result.incomplete, result.reason)


def test_a_pass_names_the_documents_whose_calls_all_failed(watch):
    """Where no other call shows whose fault it is, the reason has their number and the failure."""
    (refused,) = watch.track(1)
    watch.lighthouse.poison(refused, 403)

    result = watch.poll()

    assert (0, True) == (result.polled, result.incomplete)
    assert result.reason.startswith("every call with 1 of them failed (last: unauthorized, ")
    assert [] == watch.rows("id", "trouble_count > 0")


def test_a_pass_after_a_failed_one_names_no_failure_of_it(watch):
    """What was dropped in a pass before is polled again, and the pass is complete."""
    (refused,) = watch.track(1)
    watch.lighthouse.poison(refused, 403)
    watch.poll()
    watch.lighthouse.clear_faults()
    watch.clock.now += 61

    result = watch.poll()

    assert (1, False, "") == (result.polled, result.incomplete, result.reason)
