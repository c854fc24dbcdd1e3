"""What libraries log in a process of the daemon's kind."""

import json
import subprocess
import sys

SAYING = """
import logging, warnings
from lightkeeper.telemetry import logging as logs
logs.configure()
logging.getLogger("urllib3").warning("retry %s", "https://x/John_Smith.pdf?token=abc")
logging.getLogger("psycopg.pool").warning("ignored in %s: %s", "x", "no role zebediah")
warnings.warn("jane.doe@va.gov is deprecated")
"""


def test_what_libraries_log_goes_the_same_way():
    """Python's own logging and warnings come out as our lines do: JSON, and redacted."""
    out = subprocess.run(
        [sys.executable, "-c", SAYING], capture_output=True, text=True, check=True
    )

    lines = [json.loads(line) for line in out.stderr.splitlines()]
    assert ["urllib3", "psycopg.pool", "py.warnings"] == [line["logger"] for line in lines]
    assert {"library.said"} == {line["event"] for line in lines}
    for personal in ("Smith", "abc", "jane", "zebediah"):
        assert personal not in str(lines)
