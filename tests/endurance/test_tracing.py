"""Spans around methods, as a simulated trace Agent receives them.

ddtrace lives in children alone: imported here it would stay for the whole run.
"""

import json
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager

import command_line
import patience
import pytest
import requests

from lightkeeper.simulation.agent.server import SimulatedAgent
from lightkeeper.simulation.lighthouse.server import SimulatedLighthouse

KNOWN_TAGS = {
    *("language", "outcome", "runtime-id", "version"),
    *("_dd.p.dm", "_dd.p.tid"),  # ddtrace's own: why sampled, half of the trace id
}

START = """
import json, sys, time
from lightkeeper.telemetry import logging as logs, tracing
logs.configure()
tracer = tracing.start()
"""

POLL = """
import os
from lightkeeper.config.settings import Settings
from lightkeeper.domain.document import NewDocument
from lightkeeper.service.clock import now
from lightkeeper.service.wiring import build_daemon
from lightkeeper.simulation.lighthouse.server import SimulatedLighthouse
from lightkeeper.upstream.http import HTTPTransport

class Transport(HTTPTransport):
    def send(self, *request, **more):
        print(json.dumps(tracer.correlation()))
        return super().send(*request, **more)

with SimulatedLighthouse() as lighthouse:
    os.environ.update(lighthouse.environment(), LIGHTKEEPER_DATABASE_URL=sys.argv[1])
    settings = Settings.load(lighthouse=True)
    daemon = build_daemon(settings, create=True, transport=Transport(), tracer=tracer)
    ids = lighthouse.add_many(3, "instantly_done", time.time())
    new = [NewDocument(each, "s-1", "form_0781", None, now()) for each in ids]
    daemon.documents.add(new, now())
    assert tracer.correlation() == {}
    states = [daemon.poller.step().state.name for _ in range(3)]
    print(json.dumps([states, list(ids)]))
    daemon.close()
"""

FAIL = """
class Part:
    def record(self, name):
        raise LookupError(f"no document of {name}")

part = Part()
tracer.wrap(part, "record", "lightkeeper.record", lambda result: {"never": "set"})
try:
    part.record("Jane Q. Public")
except LookupError as exc:
    print(exc)
tracer.close()
"""

WORK = """
class Part:
    def step(self):
        return None

part = Part()
tracer.wrap(part, "step", "lightkeeper.cycle")
for _ in range(100):
    part.step()
print(time.time())
tracer.close()
"""

SIGNALS = """
import signal
numbers = (signal.SIGTERM, signal.SIGINT)
before = [signal.getsignal(number) for number in numbers]
from lightkeeper.telemetry import tracing
tracing.start().close()
print(before == [signal.getsignal(number) for number in numbers])
"""

IMPORTS = """
import sys
import lightkeeper.commands.main
import lightkeeper.service.wiring
import lightkeeper.telemetry.tracing
print("ddtrace" in sys.modules)
"""

NOT_STARTED = """
import sys
from lightkeeper.telemetry import tracing
from lightkeeper.domain.errors import LightkeeperError
if sys.argv[1:]:
    sys.modules["ddtrace"] = None  # as Python has it where nothing is installed
try:
    tracing.start()
except LightkeeperError as exc:
    print(exc.exit_status, exc)
"""


class TraceAgent:
    """A simulated trace Agent, which also checks what it gets."""

    def __init__(self, port, path):
        self.url = f"http://127.0.0.1:{port}"
        self.socket_url = f"unix://{path}"
        self._session = requests.Session()
        self._session.trust_env = False

    def get(self, path):
        answer = self._session.get(self.url + path, timeout=patience.SECONDS)
        answer.raise_for_status()
        return answer

    def spans(self):
        """Every span received, by name."""
        self.get("/test/trace_check/failures")  # 400, were there any
        found = {}
        for span in (span for trace in self.get("/test/session/traces").json() for span in trace):
            found.setdefault(span["name"], []).append(span)
        return found

    def requests(self):
        """What was called besides /info: telemetry and the like would be seen here."""
        seen = self.get("/test/session/requests").json()
        return {each["url"].removeprefix(self.url) for each in seen}

    def close(self):
        self._session.close()


@pytest.fixture(scope="session")
def started_agent(tmp_path_factory):
    """A trace Agent on loopback for the whole run."""
    folder = tmp_path_factory.mktemp("trace-agent")
    ports = free_ports(3)
    command = [sys.executable, "-m", "ddapm_test_agent.agent", "--port", str(ports[0])]
    command += ["--otlp-http-port", str(ports[1]), "--otlp-grpc-port", str(ports[2])]
    command += ["--trace-uds-socket", "apm.socket", "--snapshot-dir", "."]
    command += ["--pool-trace-check-failures", "true", "--disable-llmobs-data-forwarding"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    agent = TraceAgent(ports[0], folder / "apm.socket")
    try:
        wait_until_it_answers(agent, process, folder / "log")
        yield agent
    finally:
        agent.close()
        process.terminate()
        process.wait()


@pytest.fixture
def agent(started_agent, monkeypatch):
    """A trace Agent that has received nothing, and whose address children have."""
    started_agent.get("/test/session/clear")
    started_agent.get("/test/trace_check/clear")
    monkeypatch.setenv("DD_TRACE_AGENT_URL", started_agent.url)
    return started_agent


def free_ports(count):
    """Closed ports; the simulated Agent cannot pick its own."""
    with ExitStack() as stack:
        held = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [each.getsockname()[1] for each in held]


def wait_until_it_answers(agent, process, log):
    """Fail with its log where it ends, or does not answer in time."""
    until = time.monotonic() + patience.SECONDS
    while True:
        try:
            agent.get("/info")
        except requests.ConnectionError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.05)
        else:
            return


def run(code, *arguments):
    """Run code after tracing has started; what it printed. Exit status 0, and an empty stderr."""
    process = finished(START + code, *arguments)
    assert (process.returncode, process.stderr) == (0, "")
    return process.stdout.splitlines()


def finished(code, *arguments):
    """Run code in a child of its own, to its end."""
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@contextmanager
def deaf_server():
    """The address of a server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def test_off_means_not_imported():
    """Without tracing ddtrace is never loaded."""
    assert "False\n" == finished(IMPORTS).stdout


def test_this_process_has_no_ddtrace():
    """These tests load ddtrace in child processes alone."""
    assert "ddtrace" not in sys.modules


def test_the_spans_of_a_cycle(agent, tmp_path):
    """A batch lies within its cycle and the token within the batch; the record is the cycle's."""
    run(POLL, f"sqlite:///{tmp_path / 'l.db'}")
    spans = agent.spans()
    (cycle,), (batch,), (token,), (record,) = (
        spans.pop(f"lightkeeper.{name}") for name in ("cycle", "batch", "token", "record")
    )

    assert {} == spans
    assert (0, cycle["span_id"]) == (cycle.get("parent_id") or 0, batch["parent_id"])
    assert (batch["span_id"], cycle["span_id"]) == (token["parent_id"], record["parent_id"])
    assert [0] * 4 == [each["error"] for each in (cycle, batch, token, record)]
    assert "ok" == batch["meta"]["outcome"]


def test_spans_hold_constants_alone(agent, tmp_path):
    """Service, resource and tags of a span name no document, no address and no query."""
    states, ids = json.loads(run(POLL, f"sqlite:///{tmp_path / 'l.db'}")[-1])
    spans = [span for group in agent.spans().values() for span in group]
    values = [value for span in spans for value in span["meta"].values()]

    assert ["WORKED", "IDLE", "IDLE"] == states
    assert {"lightkeeper"} == {span["service"] for span in spans}
    assert [span["name"] for span in spans] == [span["resource"] for span in spans]
    assert not [value for value in values if any(str(each) in value for each in ids)]
    assert not [value for value in values if "/" in value or "SELECT" in value]
    assert not [span for span in spans if span["meta"].keys() - KNOWN_TAGS]


def test_nothing_but_traces_is_sent(agent, tmp_path):
    """ddtrace's telemetry and remote configuration send nothing."""
    run(POLL, f"sqlite:///{tmp_path / 'l.db'}")

    assert {"/v0.5/traces"} == agent.requests()


def test_operators_name_service_environment_and_version(agent, monkeypatch):
    """DD_SERVICE, DD_ENV and DD_VERSION hold for spans as for all signals."""
    for name, value in {"SERVICE": "keeper", "ENV": "prod", "VERSION": "9.9"}.items():
        monkeypatch.setenv(f"DD_{name}", value)
    run(WORK)
    span = agent.spans()["lightkeeper.cycle"][0]

    assert ("keeper", "prod", "9.9") == (
        span["service"],
        span["meta"]["env"],
        span["meta"]["version"],
    )


def test_the_agent_may_be_a_socket(agent, monkeypatch):
    """Spans arrive over a Unix socket as well."""
    monkeypatch.setenv("DD_TRACE_AGENT_URL", agent.socket_url)
    run(WORK)

    assert 100 == len(agent.spans()["lightkeeper.cycle"])


def test_an_error_leaves_its_type_alone(agent):
    """An exception is raised unchanged; its span has the type, and no message or stack."""
    printed = run(FAIL)
    (span,) = agent.spans()["lightkeeper.record"]
    errors = {key: value for key, value in span["meta"].items() if key.startswith("error")}

    assert ["no document of Jane Q. Public"] == printed
    assert 1 == span["error"]
    assert {"error.type": "builtins.LookupError"} == errors
    assert "never" not in span["meta"]
    assert not {"Jane", "Traceback"} & set(json.dumps(span).replace('"', " ").split())


def test_log_lines_name_their_span(agent, tmp_path):
    """Inside a span the ids for a log line are those the Agent gets; outside there are none."""
    _token, call, _states = map(json.loads, run(POLL, f"sqlite:///{tmp_path / 'l.db'}"))
    (batch,) = agent.spans()["lightkeeper.batch"]

    assert {"dd.trace_id", "dd.span_id"} == call.keys()
    assert str(batch["span_id"]) == call["dd.span_id"]
    assert batch["trace_id"] == int(call["dd.trace_id"], 16) % 2**64


@pytest.mark.speed
@pytest.mark.parametrize("address", ["http://127.0.0.1:{port}", "unix://{folder}/no.socket"])
def test_a_closed_port_delays_no_end(address, monkeypatch, tmp_path):
    """Without a trace Agent the process ends at once, not after 3 s, and logs that once."""
    (port,) = free_ports(1)
    monkeypatch.setenv("DD_TRACE_AGENT_URL", address.format(port=port, folder=tmp_path))
    process = finished(START + WORK)

    assert time.time() - float(process.stdout) < patience.at_most(2)
    assert 0 == process.returncode
    assert 1 == process.stderr.count("\n") == process.stderr.count("tracing.agent.unreachable")


@pytest.mark.speed
def test_a_trace_agent_that_hangs_costs_seconds(monkeypatch):
    """The process ends within seconds, where ddtrace by itself takes 21."""
    began = time.monotonic()
    with deaf_server() as url:
        monkeypatch.setenv("DD_TRACE_AGENT_URL", url)
        process = finished(START + WORK)

    assert time.monotonic() - began < patience.at_most(10)
    assert 0 == process.returncode
    assert 1 == process.stderr.count("\n") == process.stderr.count("tracing.agent.unreachable")


def test_signals_stay_ours():
    """ddtrace's own handling of SIGTERM and SIGINT is undone."""
    assert "True\n" == finished(SIGNALS).stdout


def test_tracing_without_ddtrace():
    """Where the extra is not installed the error names it, with the exit status for settings."""
    said = finished(NOT_STARTED, "hide").stdout

    assert said.startswith("78 ")
    assert "pip install 'lightkeeper[tracing]'" in said


@pytest.mark.parametrize("url", ["nonsense", "http://localhost:eight"])
def test_a_wrong_address_is_refused(url, monkeypatch):
    """An impossible address is reported as a wrong setting, without a traceback."""
    monkeypatch.setenv("DD_TRACE_AGENT_URL", url)
    refused = finished(NOT_STARTED)

    assert refused.stdout.startswith("78 ")
    assert "" == refused.stderr


def test_the_real_command_traces_all_it_does(agent, tmp_path):
    """`poll` with tracing on: all five spans, and each log line in one carries its ids."""
    with (
        SimulatedLighthouse() as lighthouse,
        SimulatedAgent(port=None, socket_path=tmp_path / "dsd.socket") as dogstatsd,
    ):
        env = command_line.environment(
            tmp_path / "store.db",
            lighthouse,
            dogstatsd,
            LIGHTKEEPER_TRACING="true",
            DD_TRACE_AGENT_URL=agent.url,
        )
        ids = lighthouse.add_many(3, "instantly_done")
        for request_id in ids:
            document = ("--submission-id", "s-1", "--document-type", "form_0781")
            command_line.run("track", "--request-id", request_id, *document, env=env)
        lighthouse.fail_next(1, 500)
        done = command_line.run("poll", env=env)

    assert (0, "polled 3 documents\n") == (done.returncode, done.stdout)
    spans = agent.spans()
    assert {f"lightkeeper.{n}" for n in ("cycle", "batch", "token", "record", "publish")} == set(
        spans
    )
    assert {"server_error", "ok"} == {
        each["meta"]["outcome"] for each in spans["lightkeeper.batch"]
    }
    seen = json.dumps(spans)
    for secret in (*map(str, ids), "s-1", lighthouse.url, "http"):
        assert secret not in seen
    (failed,) = (json.loads(line) for line in done.stderr.splitlines() if "call.failed" in line)
    cycles = {format(each["span_id"]) for each in spans["lightkeeper.cycle"]}
    assert failed["dd.span_id"] in cycles
    assert failed["dd.trace_id"] != "0"


def test_tracing_that_is_not_installed_is_the_users_mistake(tmp_path):
    """Where it is on and not installed, one line says what to install, and the status is 78."""
    with SimulatedLighthouse() as lighthouse:
        env = command_line.environment(
            tmp_path / "store.db", lighthouse, LIGHTKEEPER_TRACING="true"
        )
    (tmp_path / "ddtrace.py").write_text("raise ImportError('not here')")
    done = command_line.run("run", env=env | {"PYTHONPATH": str(tmp_path)})

    assert "pip install 'lightkeeper[tracing]'" in command_line.complaint(done, 78)
