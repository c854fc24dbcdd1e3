"""Faults that have to last to be shown."""

import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import command_line
import pytest
from running_daemon import (
    SUCCESS,
    UNDER_WAY,
    RunningDaemon,
    bring_to,
    critical,
    locked,
    logged,
)

from lightkeeper.alerting.files.definitions import load
from lightkeeper.simulation.drills.world import World
from lightkeeper.telemetry.health import OK

CAN_WRITE = "lightkeeper.database.can_write"
LOCKED_SECONDS = 60.0


def test_a_store_locked_for_a_minute_loses_nothing(tmp_path):
    """While it lasts a check is critical and gauges are sent; the next pulse is well."""
    with RunningDaemon(tmp_path) as daemon:
        bring_to(daemon, UNDER_WAY, 500)
        with locked(daemon):
            began = time.monotonic()
            daemon.lighthouse.latency = 0.0
            daemon.until(lambda: logged("service.job.failed", "database is locked")(daemon))
            daemon.until(lambda: critical("database.can_write", "locked")(daemon))
            beats = len(daemon.agent.values("lightkeeper.heartbeat"))
            daemon.until(lambda: time.monotonic() > began + LOCKED_SECONDS)
            assert len(daemon.agent.values("lightkeeper.heartbeat")) > beats
            assert not daemon.is_settled()
        daemon.agent.clear()
        daemon.until(daemon.is_settled)
        daemon.until(lambda: daemon.agent.count(SUCCESS) > 0)
        daemon.until(
            lambda: OK in [said.status for said in daemon.agent.checks if said.name == CAN_WRITE]
        )
        daemon.stop()
        daemon.assert_accounted_for()


@pytest.mark.parametrize(("how", "count"), [("502", 5_000), ("hang", 5_000), ("hang", 40)])
def test_a_pass_ends_within_40_seconds_where_batches_fail(tmp_path, how, count):
    """`lightkeeper poll` ends with 75, and the documents that it polled singly have answers."""
    with RunningDaemon(tmp_path, rate_limit=60, latency=0.02) as daemon:
        if how == "hang":
            daemon.lighthouse.down("hang", "status")
        else:
            daemon.lighthouse.fail_share(1.0, int(how), path="status")
        daemon.track(count)
        began = time.monotonic()

        done = command_line.run("poll", env=daemon.env)

        took = time.monotonic() - began
        assert 75 == done.returncode
        assert "batches fail while calls about one document are answered" in done.stderr
        assert took < 40.0
        answered = "SELECT 1 FROM form_526_document_submissions WHERE last_answered_at > 0"
        assert min(count, 20) <= len(daemon.rows(answered))


@pytest.mark.parametrize("how", ["502", "hang"])
def test_5000_documents_are_asked_about_singly_in_85_minutes(tmp_path, how):
    """In simulated time, at 60 calls a minute, while every call about several documents fails."""
    monitors = Path(__file__).parents[2] / "monitors"
    assets = replace(load(monitors), monitors={}, slos={})  # nothing is evaluated here
    with closing(World(tmp_path, assets, seed=526, an_hour=0)) as world:
        if how == "hang":
            world.lighthouse.down("hang", "status")
        else:
            world.lighthouse.fail_share(1.0, int(how), path="status")
        world.track(5_000, "stuck_bgs", age=2 * 86_400.0)
        world.advance(86 * 60)

        unasked = "SELECT 1 FROM form_526_document_submissions WHERE last_answered_at IS NULL"
        assert [] == world.desk.rows(unasked)
