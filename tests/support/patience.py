"""How long a test waits: so long that only a hang reaches it, on a busy machine too."""

import os

SECONDS = 120.0
"""For what has to happen and usually does within a second or two."""

_TIMES = 1 if os.environ.get("TESTS_AS_PROMISED") else 10


def at_most(seconds: float) -> float:
    """Return the limit for what is promised to take so long: `make bench` holds the promise."""
    return seconds * _TIMES
