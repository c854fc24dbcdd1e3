"""A healthy day at real volume: what is sent in it."""

from collections import Counter
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from lightkeeper.alerting.files.definitions import load
from lightkeeper.simulation.agent.datagram import parse
from lightkeeper.simulation.drills.faults import healthy
from lightkeeper.simulation.drills.world import DOCUMENTS_AN_HOUR, World
from lightkeeper.telemetry.events import DOCUMENT_EVENT, STEP_EVENT

MONITORS = Path(__file__).parents[4] / "monitors"


def test_a_healthy_day_sends_fewer_than_a_thousand_events(tmp_path):
    """2,200 documents in a day, seven of them failing: each failure has its event at once."""
    events = []
    assets = replace(load(MONITORS), monitors={}, slos={})  # nothing is evaluated here
    with closing(World(tmp_path, assets, seed=526, an_hour=DOCUMENTS_AN_HOUR)) as world:
        scheduler = world.daemon._loop.scheduler
        for job in list(scheduler.jobs):  # half a day's work, and no event
            if job.job_func.__name__ == "send_gauges":
                scheduler.cancel_job(job)

        def take(lines, _at_seconds):
            for line in lines:
                if line.startswith(b"_e{"):
                    events.extend(parse(line))

        world.datadog.take = take
        for seconds in healthy(1).course(world):
            world.advance(seconds)
        ((tracked,),) = world.desk.rows("SELECT COUNT(*) FROM form_526_document_submissions")

    assert 2_000 < tracked < 2_400
    kinds = Counter((event.tags["event"], event.tags["outcome"]) for event in events)
    assert [7, 7] == [kinds[name, "failed"] for name in (DOCUMENT_EVENT, STEP_EVENT)]
    assert 24 * 4 <= kinds[DOCUMENT_EVENT, "done"] < 100
    assert len(events) < 1_000
