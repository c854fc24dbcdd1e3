"""Keeps the unit layer pure: a test that connects, opens a database or starts a process fails."""

import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager

import pytest

IMPURE = {
    *("socket.bind", "socket.connect", "socket.sendto", "socket.sendmsg"),
    *("socket.getaddrinfo", "socket.gethostbyname", "sqlite3.connect"),
    *("subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.system", "os.exec"),
}
_running = 0


def _refuse(event: str, _: tuple[object, ...]) -> None:
    if _running and event in IMPURE:
        pytest.fail(f"{event} in a unit test: move it to tests/integration")


sys.addaudithook(_refuse)


@contextmanager
def _kept_pure() -> Iterator[None]:
    global _running  # noqa: PLW0603 - an audit hook takes no argument of ours and stays for ever
    _running += 1
    try:
        yield
    finally:
        _running -= 1


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None, None, None]:
    """Keep the fixtures of a unit test pure."""
    with _kept_pure():
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, None, None]:
    """Keep a unit test pure."""
    with _kept_pure():
        yield
