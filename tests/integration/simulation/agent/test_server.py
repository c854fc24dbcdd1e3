"""The simulated Datadog Agent, fed by Datadog's own client over real sockets."""

import contextlib
import socket
import threading
import time

import patience
import pytest
from datadog.dogstatsd import DogStatsd

from lightkeeper.simulation.agent.datagram import Event, Metric, ServiceCheck
from lightkeeper.simulation.agent.server import SimulatedAgent


@pytest.fixture(params=["udp", "unix"])
def agent(request, tmp_path):
    """A running Agent, once on each transport."""
    options = {"udp": {}, "unix": {"port": None, "socket_path": tmp_path / "dsd.socket"}}
    with SimulatedAgent(**options[request.param]) as running:
        yield running


@pytest.fixture
def client(agent, monkeypatch):
    """Datadog's own client, which finds the Agent by its environment."""
    monkeypatch.setenv("DD_DOGSTATSD_URL", agent.url)
    statsd = DogStatsd(socket_timeout=1, constant_tags=["env:test"])
    yield statsd
    statsd.stop()


def test_datadogs_client_is_understood(agent, client):
    """Counts, gauges, distributions, events and service checks arrive as they were meant."""
    client.increment("lk.polled", 3, tags=["outcome:ok"])
    client.increment("lk.polled", tags=["outcome:late"])
    client.gauge("lk.pending", 7)
    client.gauge_with_timestamp("lk.pending", 5.5, 1_718_902_851)
    for seconds in (0.25, 18):
        client.distribution("lk.seconds", seconds, tags=["step:complete"])
    client.event(
        "Äußerst spät", "erste Zeile\nzweite | 文書", alert_type="error", aggregation_key="7"
    )
    client.service_check("lk.can_connect", client.CRITICAL, message="no answer: 503")

    assert agent.wait_for(lambda a: a.checks)
    agent.assert_clean()
    assert (4, 3, 0) == (
        agent.count("lk.polled"),
        agent.count("lk.polled", env="test", outcome="ok"),
        agent.count("lk.polled", outcome="never"),
    )
    assert (5.5, None) == (agent.gauge("lk.pending"), agent.gauge("lk.absent"))
    assert 0 == agent.count("lk.pending")
    assert [0.25, 18] == agent.values("lk.seconds", step="complete")
    assert ("lk.seconds", (("env", "test"), ("step", "complete"))) in agent.series()
    assert 4 == len(agent.series())
    tags = {"env": "test"}
    title, text = "Äußerst spät", "erste Zeile\nzweite | 文書"
    assert [Event(title, text, tags, alert_type="error", aggregation_key="7")] == agent.events
    assert [ServiceCheck("lk.can_connect", 2, tags, "no answer: 503")] == agent.checks


def test_the_clients_own_metrics_are_kept_apart(agent, client):
    """What datadogpy sends about itself is in `telemetry` and nowhere else."""
    client._telemetry_flush_interval = -1
    client.increment("lk.polled")

    assert agent.wait_for(lambda a: a.telemetry)
    assert ["lk.polled"] == [metric.name for metric in agent.received]
    assert {"datadog.dogstatsd.client.metrics"} <= {metric.name for metric in agent.telemetry}
    agent.assert_clean()


def test_a_thousand_buffered_values_all_arrive(agent, client):
    """Nothing is lost between a hurried sender and the Agent."""
    client.disable_buffering = False
    for value in range(1_000):
        client.distribution("lk.seconds", value)
    client.flush()

    agent.drain()

    assert list(range(1_000)) == agent.values("lk.seconds")


def test_a_malformed_datagram_is_reported_and_the_next_one_read(agent, client):
    """The faulty line and its reason are kept, and `assert_clean` shows them."""
    client.gauge("lk.pending", "many")
    client.gauge("lk.pending", 1)

    assert agent.wait_for(lambda a: a.metrics)
    reason = "value 'many' is not a finite number"
    assert [(b"lk.pending:many|g|#env:test", reason)] == agent.malformed
    with pytest.raises(AssertionError, match=reason):
        agent.assert_clean()
    agent.clear()
    agent.assert_clean()
    assert [] == agent.received


def test_the_agent_goes_away_and_comes_back(agent, client):
    """After a stop nothing listens at the address; after a start the Agent does again."""
    client.increment("lk.polled")
    assert agent.wait_for(lambda a: a.count("lk.polled") == 1)
    address = agent.url

    agent.stop()
    for _ in range(4):
        client.increment("lk.polled")
    assert 0 < client.packets_dropped
    assert agent.socket_path is None or not agent.socket_path.exists()

    agent.start()
    assert address == agent.url
    for _ in range(2):  # the first may only find out that the old socket is dead
        client.increment("lk.polled")
    assert agent.wait_for(lambda a: 2 <= a.count("lk.polled") <= 3)


def test_a_paused_agent_is_felt_on_a_unix_socket(tmp_path):
    """While the Agent does not read, its socket fills up and refuses; then it reads on."""
    path = tmp_path / "dsd.socket"
    sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    with SimulatedAgent(port=None, socket_path=path) as agent, sender:
        sender.connect(str(path))
        sender.setblocking(False)
        agent.pause()

        accepted = 0
        with contextlib.suppress(BlockingIOError):
            while accepted < 100_000:
                sender.send(b"lk.polled:1|c")
                accepted += 1

        assert 0 < accepted < 100_000
        assert not agent.wait_for(lambda a: a.received, timeout=0.1)
        agent.resume()
        assert agent.wait_for(lambda a: a.count("lk.polled") == accepted)


def test_a_paused_agent_can_be_stopped(agent, client):
    """A stop ends a pause, whatever lies unread."""
    agent.pause()
    client.increment("lk.polled")
    assert not agent.wait_for(lambda a: a.received, timeout=0.1)

    agent.stop()


def test_the_listener_sees_each_signal_as_it_arrives():
    """The hook is called once a signal, in order, while the Agent runs."""
    seen = []
    arrived = threading.Event()

    def listen(signal):
        seen.append(signal)
        if len(seen) == 2:
            arrived.set()

    with SimulatedAgent(listener=listen) as agent, socket.socket(type=socket.SOCK_DGRAM) as sender:
        sender.sendto(b"lk.a:1|c\nlk.b:2|g", ("127.0.0.1", agent.port))
        assert arrived.wait(patience.SECONDS)

    assert [Metric("count", "lk.a", 1, {}), Metric("gauge", "lk.b", 2, {})] == seen


def test_waiting_ends():
    """A wait ends when its condition holds, or after the time given when it never does."""
    with SimulatedAgent() as agent, socket.socket(type=socket.SOCK_DGRAM) as sender:
        start = time.monotonic()
        assert not agent.wait_for(lambda a: a.received, timeout=0.05)
        agent.drain(quiet=0.05)
        assert 0.1 <= time.monotonic() - start

        sender.sendto(b"lk.a:1|c", ("127.0.0.1", agent.port))
        assert agent.wait_for(lambda a: a.received, timeout=patience.SECONDS)
        assert time.monotonic() - start < patience.SECONDS


def test_both_transports_at_once(tmp_path):
    """UDP and the Unix socket feed one Agent, and its URL names the socket."""
    path = tmp_path / "dsd.socket"
    with SimulatedAgent(socket_path=path) as agent:
        for options in ({"host": "127.0.0.1", "port": agent.port}, {"socket_path": str(path)}):
            statsd = DogStatsd(**options)
            statsd.increment("lk.polled")
            statsd.stop()

        assert f"unix://{path}" == agent.url
        assert agent.wait_for(lambda a: a.count("lk.polled") == 2)


def test_a_socket_left_behind_is_replaced_and_a_file_is_not(tmp_path):
    """The socket that a crash left is replaced; a file of another kind is not deleted."""
    left_behind, precious = tmp_path / "dsd.socket", tmp_path / "notes"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as crashed:
        crashed.bind(str(left_behind))
    precious.write_text("keep")

    with (
        SimulatedAgent(port=None, socket_path=left_behind),
        pytest.raises(OSError, match="in use"),
    ):
        SimulatedAgent(socket_path=precious).start()

    assert "keep" == precious.read_text()


def test_a_running_agent_is_not_started_twice(agent):
    """A second start is a mistake that the first Agent survives."""
    with pytest.raises(RuntimeError, match="already"):
        agent.start()

    agent.stop()
    agent.stop()


def test_an_agent_without_an_address_is_a_mistake():
    """Neither port nor path is refused at once."""
    with pytest.raises(ValueError, match="UDP port"):
        SimulatedAgent(port=None)
