"""Faults that have to last to be shown."""

import time

from running_daemon import (
    SUCCESS,
    UNDER_WAY,
    RunningDaemon,
    bring_to,
    critical,
    locked,
    logged,
)

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
