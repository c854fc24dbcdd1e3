"""Real process, real signals, real store: nothing lost or doubled, every outcome published."""

import random
import signal
import time
from collections import Counter

import command_line
import pytest
from patience import at_most
from store_summary import WORDS, json_lines, pending_and_unpublished, summary

from lightkeeper.simulation.agent.server import SimulatedAgent
from lightkeeper.simulation.lighthouse.server import SimulatedLighthouse

DOCUMENTS = 4_000
STORIES = ("instantly_done",) * 7 + ("fails_claims_evidence", "fails_bgs", "stuck_bgs")
KILLS = 4
PUBLISHED_AT_ONCE = 1_000


@pytest.fixture
def agent(tmp_path):
    """An Agent that wants nothing malformed."""
    with SimulatedAgent(port=None, socket_path=tmp_path / "dsd.socket") as listening:
        yield listening
        listening.assert_clean()


@pytest.fixture
def lighthouse():
    """Lighthouse with documents of every ending."""
    # Slow enough that a kill falls into the middle of a pass.
    with SimulatedLighthouse(latency=0.04) as running:
        long_ago = time.time() - 3_600
        for at in range(DOCUMENTS):
            running.add(story=STORIES[at % len(STORIES)], accepted_at=long_ago)
        yield running


@pytest.fixture
def env(tmp_path, lighthouse, agent):
    """Settings that join the three."""
    return command_line.environment(tmp_path / "store.db", lighthouse, agent)


def test_killed_again_and_again_it_loses_and_doubles_nothing(tmp_path, lighthouse, agent, env):
    """SIGKILL in the middle of a pass, then a restart: the store ends as Lighthouse has it."""
    tracked = command_line.run("track", "-", env=env, input=json_lines(lighthouse.truth()))
    assert 0 == tracked.returncode
    pauses = random.Random(526)
    half_done = 0

    for _ in range(KILLS):
        process = command_line.start("run", env=env, stdout=None)
        calls = len(lighthouse.calls)
        command_line.until(lambda before=calls: len(lighthouse.calls) > before + 2)
        time.sleep(pauses.random() / 3)
        process.kill()
        _, errors = process.communicate()
        assert "locked" not in errors
        by_id, rows, totals, _ = summary(tmp_path / "store.db")
        assert (DOCUMENTS, DOCUMENTS) == (rows, len(by_id))
        assert totals["tracked"] == totals["pending"] + totals["done"] + totals["failed"]
        half_done += 400 < totals["pending"] < DOCUMENTS

    calls = len(lighthouse.calls)
    process = command_line.start("run", env=env, stdout=None)
    # The last kill may have come when all was done: a call shows that it runs and listens.
    lighthouse.add(story="instantly_done")
    command_line.run("track", "-", env=env, input=json_lines(lighthouse.truth()))
    command_line.until(lambda: len(lighthouse.calls) > calls)
    command_line.until(
        lambda: pending_and_unpublished(tmp_path / "store.db") == (DOCUMENTS // 10, 0)
    )
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate()
    agent.drain()

    by_id, rows, totals, _ = summary(tmp_path / "store.db")
    truth = {request_id: WORDS[word] for request_id, word in lighthouse.truth().items()}
    assert 0 == process.returncode, errors
    assert half_done, "no kill fell into the middle of a pass"
    assert truth == by_id
    assert Counter(truth.values()) == Counter({k: v for k, v in totals.items() if k != "tracked"})
    for outcome in ("done", "failed"):
        published = agent.count("lightkeeper.documents.outcomes", outcome=outcome)
        assert totals[outcome] <= published <= totals[outcome] + KILLS * PUBLISHED_AT_ONCE
        assert totals[outcome] == sum(
            agent.gauge(f"lightkeeper.documents.{outcome}", document_type="form_0781", **step)
            for step in (
                [{}]
                if outcome == "done"
                else [{"step": "claims_evidence"}, {"step": "benefits_gateway_service"}]
            )
        )


@pytest.mark.speed
def test_sigterm_ends_within_a_slice_with_nothing_half_done(tmp_path, lighthouse, agent, env):
    """A stop in the middle of a backlog: exit 0 at once, what was learned is published."""
    command_line.run("track", "-", env=env, input=json_lines(lighthouse.truth()))
    process = command_line.start("run", env=env, stdout=None)
    command_line.until(lambda: len(lighthouse.calls) > 3)

    polled_at = time.monotonic()
    process.send_signal(signal.SIGTERM)
    process.communicate()

    _, rows, totals, unpublished = summary(tmp_path / "store.db")
    assert 0 == process.returncode
    assert time.monotonic() - polled_at < at_most(5)
    assert (DOCUMENTS, DOCUMENTS) == (rows, totals["tracked"])
    assert 0 == unpublished
    agent.drain()
    assert totals["done"] == agent.count("lightkeeper.documents.outcomes", outcome="done")
    assert 0 < totals["done"] < DOCUMENTS


def test_tracking_beside_the_daemon_meets_no_lock(tmp_path, lighthouse, agent, env):
    """`track` while `run` polls: everything is stored, and neither meets a locked database."""
    ids = list(lighthouse.truth())
    command_line.run("track", "-", env=env, input=json_lines(ids[:2_000]))
    process = command_line.start("run", env=env, stdout=None)
    command_line.until(lambda: len(lighthouse.calls) > 2)

    for at in range(2_000, DOCUMENTS, 400):
        tracked = command_line.run("track", "-", env=env, input=json_lines(ids[at : at + 400]))
        assert (0, "") == (tracked.returncode, tracked.stderr)
    command_line.until(
        lambda: pending_and_unpublished(tmp_path / "store.db") == (DOCUMENTS // 10, 0)
    )
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate()

    assert 0 == process.returncode
    assert "locked" not in errors
    assert "failed" not in errors
    assert DOCUMENTS == summary(tmp_path / "store.db")[1]
