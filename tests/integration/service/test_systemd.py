"""Reports to the service manager: over either kind of socket, and never to our harm."""

import socket
import threading
import time
from contextlib import suppress

import patience
import pytest

from lightkeeper.service.systemd import ServiceManager


@pytest.fixture(params=["path", "abstract"])
def listening(request, tmp_path):
    """A service manager's socket, and what $NOTIFY_SOCKET says of it."""
    name = str(tmp_path / "notify.socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind(name if request.param == "path" else f"\0{name}")
        bound.settimeout(patience.SECONDS)
        yield bound, name if request.param == "path" else f"@{name}"


def test_each_report_is_one_datagram(listening):
    """systemd receives each report, and a status as one line of bounded length."""
    bound, address = listening
    manager = ServiceManager({"NOTIFY_SOCKET": address})

    manager.ready()
    manager.status("two\nlines " + "x" * 1_000)
    manager.stopping()
    manager.reloading()

    assert b"READY=1" == bound.recv(4_096)
    assert b"STATUS=two lines " + b"x" * 490 == bound.recv(4_096)
    assert b"STOPPING=1" == bound.recv(4_096)
    said, _, usec = bound.recv(4_096).partition(b"\nMONOTONIC_USEC=")
    assert b"RELOADING=1" == said
    assert abs(time.monotonic() - int(usec) / 1e6) < 60


def test_the_watchdog_is_fed_once_a_second_at_most(listening):
    """`alive` sends at most one datagram a second."""
    bound, address = listening
    now = [100.0]
    manager = ServiceManager({"NOTIFY_SOCKET": address}, lambda: now[0])

    for now[0] in (100.0, 100.5, 100.9, 101.0, 101.1):
        manager.alive()
    manager.stopping()

    assert [b"WATCHDOG=1", b"WATCHDOG=1", b"STOPPING=1"] == [bound.recv(99) for _ in range(3)]


def test_a_status_is_harmless_for_a_terminal(listening):
    """What is no text, or would steer the terminal that `systemctl` shows it on, is replaced."""
    bound, address = listening

    ServiceManager({"NOTIFY_SOCKET": address}).status("cannot read /\udcff \x1b[2J \x9b1m \u202e.")

    shown = "STATUS=cannot read /\ufffd \ufffd[2J \ufffd1m \ufffd."
    assert shown == bound.recv(4_096).decode()


@pytest.mark.parametrize(
    "address", [None, "", "/nonexistent/socket", "@nobody", "x" * 200, "vsock:2:1"]
)
def test_without_a_service_manager_nothing_is_sent(address, monkeypatch):
    """A missing variable, a missing socket and another kind of socket are all ignored."""
    sent = []

    class Watched(socket.socket):
        def send(self, *said):
            sent.append(said)
            return super().send(*said)

    monkeypatch.setattr(socket, "socket", Watched)
    manager = ServiceManager({} if address is None else {"NOTIFY_SOCKET": address})

    manager.ready()
    manager.status("well")
    manager.alive()
    manager.stopping()

    assert [] == sent
    assert bool(address) == manager.listens


@pytest.fixture
def full(listening):
    """A manager whose socket has no room, and that reads nothing."""
    bound, address = listening
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.setblocking(False)
        with suppress(BlockingIOError):
            while other.sendto(b"x", bound.getsockname()):
                pass
    return bound, ServiceManager({"NOTIFY_SOCKET": address}, iter(range(1_000)).__next__)


@pytest.mark.speed
def test_a_manager_that_reads_nothing_delays_no_poll(full):
    """Watchdog and status do not wait for room in the socket."""
    _, manager = full

    before = time.monotonic()
    for _ in range(100):
        manager.alive()
        manager.status("well")
    assert time.monotonic() - before < patience.at_most(1)


@pytest.mark.speed
def test_ready_and_stopping_wait_for_room(full):
    """READY, RELOADING and STOPPING wait some seconds for room, without using the processor."""
    bound, manager = full
    reading = threading.Timer(0.5, bound.recv, [99])

    worked = time.process_time()
    reading.start()
    manager.ready()
    reading.join()

    assert time.process_time() - worked < patience.at_most(0.25)
    bound.setblocking(False)
    said = []
    with suppress(BlockingIOError):
        while True:
            said.append(bound.recv(99))
    assert b"READY=1" in said
