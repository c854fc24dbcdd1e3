"""When a lost connection is tried again, and when the process ends."""

import pytest
from manual_clock import ManualClock

from lightkeeper.store.errors import AlreadyWatched, StoreLost, StoreUnavailable
from lightkeeper.store.reconnecting import Reconnecting


def _tries(failure, *, refused, seconds):
    """At which seconds a daemon that asks every half second tries to connect, and the loss."""
    clock = ManualClock(0.0)
    reconnecting, tries = Reconnecting(clock), []
    while clock.now < seconds:
        try:
            reconnecting.wait()
        except type(failure):
            pass
        else:
            tries.append(clock.now)
            try:
                reconnecting.failed(failure, refused=refused)
            except StoreLost as lost:
                return tries, lost
        clock.now += 0.5
    return tries, None


def test_pauses_grow_and_a_server_that_is_down_is_waited_for():
    """From one second to ten, for as long as it takes."""
    tries, lost = _tries(StoreUnavailable("gone"), refused=False, seconds=10_000.0)

    assert [0.0, 1.0, 3.0, 7.0, 15.0, 25.0, 35.0] == tries[:7]
    assert 1_000 < len(tries) < 1_010
    assert lost is None


@pytest.mark.parametrize(
    ("failure", "status"), [(StoreUnavailable("password"), 74), (AlreadyWatched("taken"), 73)]
)
def test_a_refusal_of_a_minute_is_a_loss(failure, status):
    """The loss has the words and the exit status of the refusal."""
    tries, lost = _tries(failure, refused=True, seconds=10_000.0)

    assert 65.0 == tries[-1]
    assert (str(failure), status) == (str(lost), lost.exit_status)


def test_a_connection_ends_the_minute():
    """What was refused before counts no more, and the next pause is a short one."""
    clock = ManualClock(0.0)
    reconnecting = Reconnecting(clock)
    for _ in range(5):
        clock.now += 50.0
        reconnecting.failed(StoreUnavailable("refused"), refused=True)
        reconnecting.succeeded()
    reconnecting.failed(StoreUnavailable("refused"), refused=True)

    with pytest.raises(StoreUnavailable, match="refused"):
        reconnecting.wait()
    clock.now += 1.0
    reconnecting.wait()
