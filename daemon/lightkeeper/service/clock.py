"""The one place that reads the wall clock."""

import time

from lightkeeper.domain.time import SECOND, Instant


def now() -> Instant:
    """The wall clock as an `Instant`."""
    return int(time.time() * SECOND)
