"""Every way in which the files of a store can be lost under a daemon."""

import pytest
from lost_files import LOST, prove


@pytest.mark.parametrize("way", LOST)
def test_a_daemon_that_lost_a_file_says_so_and_ends(way, tmp_path):
    """By service check and log, with the path and 74; no document is lost that is somewhere."""
    prove(LOST[way], tmp_path)
