"""Two hundred SIGKILLs over one run of 20,000 documents: nothing is lost, doubled or invented."""

import random
import signal
import time
from collections import Counter

import command_line
import pytest
import secret_leaks
from notify_socket import Notified
from store_summary import WORDS, json_lines, pending_and_unpublished, summary

from lightkeeper.simulation.agent.server import SimulatedAgent
from lightkeeper.simulation.lighthouse.server import SimulatedLighthouse

DOCUMENTS = 20_000
KILLS = 200
STORIES = ("success",) * 14 + ("fails_claims_evidence",) * 3 + ("fails_bgs",) * 2 + ("stuck_bgs",)
STUCK = DOCUMENTS // len(STORIES)
SPREAD_SECONDS = 400.0
"""They finish one after the other, over about as long as the kills take."""
BATCH_SIZE = 10
"""So small that polling all documents takes longer than any of them waits for its next turn."""
IN_TIME_SECONDS = 0.25
"""What it may take from READY to the first call; a daemon killed before was not at work yet."""


@pytest.fixture
def lighthouse():
    """Lighthouse failing 5 % of calls, its documents ending all through the test."""
    with SimulatedLighthouse(latency=0.03, speed=17 / SPREAD_SECONDS, seed=526) as running:
        draw, now = random.Random(526), time.time()
        for at in range(DOCUMENTS):
            age = draw.uniform(0, SPREAD_SECONDS)
            running.add(story=STORIES[at % len(STORIES)], accepted_at=now - age)
        running.fail_share(0.05)
        yield running


@pytest.mark.timeout(1_500)
def test_two_hundred_kills_lose_and_invent_nothing(tmp_path, lighthouse):
    """Killed 0 to 2 s after READY, again and again, the store ends as Lighthouse has it."""
    store = tmp_path / "store.db"
    draw = random.Random(526)
    at_work = early = in_between = in_doubt = 0
    with (
        SimulatedAgent(port=None, socket_path=tmp_path / "dsd.socket") as agent,
        Notified(tmp_path / "notify.socket") as notified,
    ):
        env = command_line.environment(store, lighthouse, agent, NOTIFY_SOCKET=str(notified.path))
        env["LIGHTKEEPER_BATCH_SIZE"] = str(BATCH_SIZE)
        assert (
            0
            == command_line.run(
                "track", "-", env=env, input=json_lines(lighthouse.truth())
            ).returncode
        )

        for _ in range(KILLS):
            with command_line.running("run", env=env, stdout=None) as process:
                notified.wait_for("READY=1")
                calls = len(lighthouse.calls)
                seconds = draw.uniform(0, 2)
                time.sleep(seconds)
                process.kill()
                _, errors = process.communicate()
            assert "locked" not in errors
            assert "crashed" not in errors
            secret_leaks.refuse(errors)
            by_id, rows, totals, unpublished = summary(store)
            assert (DOCUMENTS, DOCUMENTS, DOCUMENTS) == (rows, len(by_id), totals["tracked"])
            assert totals["tracked"] == totals["pending"] + totals["done"] + totals["failed"]
            at_work += len(lighthouse.calls) > calls
            early += seconds < IN_TIME_SECONDS
            in_between += unpublished > 0
            in_doubt += unpublished  # perhaps sent, and not marked yet

        log = tmp_path / "last.log"  # a pipe that is not read meanwhile would fill up
        with (
            log.open("w") as stderr,
            command_line.running("run", env=env, stdout=None, stderr=stderr) as process,
        ):
            command_line.until(
                lambda: pending_and_unpublished(store) == (STUCK, 0), seconds=SPREAD_SECONDS + 300
            )
            process.send_signal(signal.SIGTERM)
            process.wait()
        errors = log.read_text()
        agent.drain()

    by_id, _, totals, _ = summary(store)
    assert 0 == process.returncode, errors
    assert {each: WORDS[word] for each, word in lighthouse.truth().items()} == by_id
    # All kills but the earliest come during calls, some between an answer and its publishing.
    assert at_work >= KILLS - early
    assert in_between
    published = Counter()
    for outcome in ("done", "failed"):
        published[outcome] = agent.count("lightkeeper.documents.outcomes", outcome=outcome)
        twice = published[outcome] - totals[outcome]  # sent, and killed before it was marked
        assert 0 <= twice <= min(in_doubt, DOCUMENTS // 20)
    print(
        f"{at_work} of {KILLS} kills at work, {early} before it could be, {in_between} with "
        f"unpublished transitions, {in_doubt} in all; {dict(published)} of {dict(totals)}"
    )
