"""The wall clock: one function reads it, and everything else is given the time."""

import re
from pathlib import Path

import pytest
from freezegun import freeze_time

from lightkeeper.service.clock import now

DAEMON = Path(__file__).parents[3] / "daemon" / "lightkeeper"
READ = re.compile(
    r"\btime\.time\b|\btime_ns\b|\bgmtime\b|\blocaltime\b|\bdatetime\.now\b|\butcnow\b|\btoday\("
)


@pytest.mark.parametrize(
    ("moment", "instant"),
    [
        ("2027-01-15T08:00:00Z", 1_800_000_000_000),
        ("2027-01-15T08:00:00.250Z", 1_800_000_000_250),
        ("1970-01-01T00:00:00Z", 0),
    ],
)
def test_now_is_the_wall_clock_in_whole_milliseconds(moment, instant):
    """`now` counts milliseconds since 1970 in UTC, in every time zone."""
    with freeze_time(moment, tz_offset=-5):
        assert instant == now()


def test_only_one_function_reads_the_wall_clock():
    """Every other module is passed the time; simulations have clocks of their own."""
    readers = {
        path.relative_to(DAEMON).as_posix()
        for path in DAEMON.rglob("*.py")
        if READ.search(path.read_text())
    }

    assert {"service/clock.py"} == {name for name in readers if not name.startswith("simulation/")}
