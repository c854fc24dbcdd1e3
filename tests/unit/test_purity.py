"""The unit layer has no network, no database and no other process."""

import os
import socket
import sqlite3
import subprocess

import pytest


@pytest.mark.parametrize(
    ("event", "act"),
    [
        ("socket.bind", lambda: socket.create_server(("127.0.0.1", 0))),
        ("socket.connect", lambda: socket.socket(socket.AF_UNIX).connect("/nonexistent")),
        ("socket.getaddrinfo", lambda: socket.create_connection(("localhost", 1))),
        ("sqlite3.connect", lambda: sqlite3.connect(":memory:")),
        ("subprocess.Popen", lambda: subprocess.run(["true"], check=True)),
        ("os.system", lambda: os.system("true")),
    ],
)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_unit_test_that_is_not_pure_fails(event, act):
    """A connection, a database or a process is refused by name before it is made."""
    with pytest.raises(pytest.fail.Exception, match=f"{event} in a unit test"):
        act()
