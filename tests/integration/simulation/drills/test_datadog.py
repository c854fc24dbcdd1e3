"""The Agent of a drill: it has no thread, and loses nothing."""

from contextlib import closing

import pytest

from lightkeeper.simulation.drills.datadog import InProcessAgent
from lightkeeper.telemetry.dogstatsd import UncataloguedSignal

COUNT = "lightkeeper.cycle.success"


@pytest.fixture
def agent(tmp_path):
    """An Agent on a socket that holds few packets."""
    running = InProcessAgent(tmp_path / "agent.socket")
    yield running
    running.stop()


def test_its_emitter_has_it_read_between_signals(agent):
    """Many times as much as its socket holds arrives, as from the drill's environment."""
    with closing(agent.emitter("a-drill", lambda: 0.0)) as emitter:
        for _ in range(10_000):
            emitter.count(COUNT, 1)
        assert emitter.flush()

    lines = [line for line in agent.read() if line]
    assert (10_000, 0) == (len(lines), emitter.lost_count)
    assert all(b"env:a-drill" in line for line in lines)


def test_its_emitter_raises_for_a_signal_that_the_catalogue_lacks(agent):
    """A drill does not go on without a signal that the daemon sends by mistake."""
    with (
        closing(agent.emitter("a-drill", lambda: 0.0)) as emitter,
        pytest.raises(UncataloguedSignal),
    ):
        emitter.count("lightkeeper.unheard_of", 1)
