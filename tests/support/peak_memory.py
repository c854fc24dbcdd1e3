"""How much memory a command takes at most."""

import subprocess
import sys

import command_line

# A process counts the memory of the one that made it, and that of the tests is large.
_BETWEEN = """
import resource, subprocess, sys
status = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
print(status, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def peak_memory(*arguments, env):
    """Run `lightkeeper` with these arguments; its exit status, and its most memory in KiB."""
    done = subprocess.run(
        [sys.executable, "-S", "-c", _BETWEEN, *command_line.COMMAND, *arguments],
        env=env,
        check=True,
        capture_output=True,
        text=True,
    )
    status, kib = map(int, done.stdout.split())
    return status, kib
