"""A daemon ends whose store is moved, replaced or cut off, and nothing is lost with it."""

import pytest
from lost_files import LOST, prove

# The others: tests/endurance/test_lost_files.py.
WAYS = (
    "store moved",
    "store overwritten, its time kept",
    "wal replaced",
    "wal cut",
    "shm removed",
)


@pytest.mark.parametrize("way", WAYS)
def test_a_daemon_that_lost_a_file_says_so_and_ends(way, tmp_path):
    """By service check and log, with the path and 74; no document is lost that is somewhere."""
    prove(LOST[way], tmp_path)
