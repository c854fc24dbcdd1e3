"""What commands print about wrong settings."""

import os
import subprocess
import sys


def test_the_command_ends_with_the_status_for_wrong_settings():
    """`lightkeeper` names what is wrong without a traceback, exits with 78 and starts nothing."""
    done = subprocess.run(
        [sys.executable, "-m", "lightkeeper", "run"],
        env=os.environ | {"LIGHTKEEPER_SLOW_AFTER": "soon"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (78, "") == (done.returncode, done.stdout)
    assert done.stderr.startswith("lightkeeper: wrong settings:\n  LIGHTKEEPER_LIGHTHOUSE_AUD")
    assert "\n  LIGHTKEEPER_SLOW_AFTER: must be a number with a unit" in done.stderr
    assert "Traceback" not in done.stderr
