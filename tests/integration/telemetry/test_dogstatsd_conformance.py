"""
Our reading of DogStatsD against Datadog's own.

`datadog-serverless-compat` ships Datadog's DogStatsD written in Rust. It takes UDP from every
address and sends on to Datadog, so it runs where there is no network but a loopback of its own.
Its trace log is the only place to see what it understood. It knows no events and service checks,
and of packed values it takes the first alone, so there are none here.
"""

import importlib.util
import json
import math
import os
import platform
import random
import re
import shutil
import socket
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest
from datadog.dogstatsd import DogStatsd

from lightkeeper.simulation.agent.datagram import MalformedDatagram, parse
from lightkeeper.simulation.agent.server import SimulatedAgent

pytestmark = pytest.mark.xdist_group("dogstatsd")  # it has one port
PORT = 18_125
ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    # It stays only where it recognises a cloud.
    "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
    "AWS_LAMBDA_FUNCTION_NAME": "conformance",
    "DD_API_KEY": "none",
    "DD_SITE": "dd.invalid",
    "DD_PROXY_HTTPS": "http://127.0.0.1:9",
    "DD_DOGSTATSD_PORT": str(PORT),
    "DD_APM_RECEIVER_PORT": "18126",
    "DD_LOG_LEVEL": "trace",
}
# When `unshare` dies, its own process namespace takes all that runs inside along.
ISOLATED = ("unshare", "--net", "--pid", "--kill-child")
# Runs inside: feeds the Rust agent and passes its log on, up to the end of the first
# flush, which comes ten seconds after the start.
INSIDE = f"""
import json, socket, subprocess, sys
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
datagrams = [bytes.fromhex(datagram) for datagram in json.load(sys.stdin)]
agent = subprocess.Popen([sys.argv[1]], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
awaited = {{b"Sending distributions", b"Sending body: Series"}}
while awaited and (line := agent.stdout.readline()):
    sys.stdout.buffer.write(line)
    awaited = {{mark for mark in awaited if mark not in line}}
    if b"starting to listen" in line:
        with socket.socket(type=socket.SOCK_DGRAM) as sender:
            for datagram in datagrams:
                sender.sendto(datagram, ("127.0.0.1", {PORT}))
agent.kill()
agent.wait()
"""
HOSTILE = [
    *("bad|name:1|c", "bad:1", "bad|c", "bad:1|q", "bad:1|", ":1|c", "bad:|c", "bad:one|g"),
    *("bad:1|h", "bad:1|ms", "bad:1|s", "bad:1:|d", "bad:1::2|d", "bad:1,5|g", "bad:1_0|g"),
    *("bad:nan|g", "bad:1|c|@0.5", "bad:1|c|#a:b,a:c", "bad:1|c|#a", "bad:1|c|#", "bad:0x1|g"),
    *("bad name:1|c", "bad-name:1|c", "1bad:1|c", "bad:1|c|x:1", "bad:1|c|T", "bad:1|c|Tsoon"),
]


def missing():
    """Return why this machine cannot run Datadog's agent, if it cannot."""
    if importlib.util.find_spec("datadog_serverless_compat") is None:
        return "the package datadog-serverless-compat is not installed"
    if platform.machine() != "x86_64":
        return "datadog-serverless-compat has a Linux binary for x86_64 alone"
    for command in ("ip", "unshare"):
        if shutil.which(command) is None:
            return f"no {command} command"
    attempt = subprocess.run([*ISOLATED, "true"], capture_output=True, text=True, check=False)
    return attempt.stderr.strip() if attempt.returncode else None


@pytest.fixture(scope="module")
def rust_agent(tmp_path_factory):
    """An executable copy of Datadog's agent; the package installs it without the permission."""
    if problem := missing():
        pytest.skip(problem)
    package = Path(importlib.util.find_spec("datadog_serverless_compat").origin).parent
    binary = tmp_path_factory.mktemp("rust") / "datadog-serverless-compat"
    shutil.copy(package / "bin" / "linux-amd64" / binary.name, binary)
    binary.chmod(0o755)
    return binary


@pytest.fixture(scope="module")
def traffic():
    """What Datadog's client sends, buffered and not: some 30 series, some 600 values."""
    dice = random.Random(526)
    with socket.socket(type=socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        port = receiver.getsockname()[1]
        for options in ({}, {"disable_buffering": False, "flush_interval": 0}):
            client = DogStatsd("127.0.0.1", port, constant_tags=["env:test"], **options)
            for _ in range(300 if options else 30):
                send_something(client, dice)
            client.stop()
        receiver.setblocking(False)
        return list(iter(lambda: received(receiver), None))


def send_something(client, dice):
    """Send one metric as the dice fall."""
    tags = [f"step:s{dice.randrange(3)}"] if dice.random() < 0.8 else None
    match dice.randrange(5):
        case 0:
            client.increment("lk.documents", dice.randrange(1, 100), tags=tags)
        case 1:
            client.count("lk.weight", dice.choice([0.5, -2, 1e-7, 12_345_678.25]), tags=tags)
        case 2:
            client.gauge("lk.pending", dice.choice([0, -1.5, 1e15, dice.random()]), tags=tags)
        case 3:
            client.distribution("lk.seconds", dice.expovariate(1 / 18), tags=tags)
        case 4:
            client.count_with_timestamp("lk.late", dice.randrange(9), 1_718_902_851, tags=tags)


def received(receiver):
    """Return the next datagram, None when there is none left."""
    try:
        return receiver.recv(65_536)
    except BlockingIOError:
        return None


@pytest.fixture(scope="module")
def rust_log(rust_agent, traffic):
    """The log of Datadog's agent over the traffic and, behind it, the hostile lines."""
    datagrams = [*traffic, *(line.encode() for line in HOSTILE)]
    done = subprocess.run(
        [*ISOLATED, sys.executable, "-c", INSIDE, rust_agent],
        input=json.dumps([datagram.hex() for datagram in datagrams]),
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert 0 == done.returncode, done.stderr
    return done.stdout


def understood_by_rust(log):
    """Return {(kind, name, tags): aggregate} of the series and sketches it would have sent."""
    aggregates = {}
    for name, points, kind, tags in re.findall(
        r'Metric { metric: "([^"]+)", points: \[(.*?)\], .*?kind: (\w+), tags: \[(.*?)\]', log
    ):
        values = [
            (int(when), float(value))
            for when, value in re.findall(r"timestamp: (\d+), value: (\S+) }", points)
        ]
        total = math.fsum(value for _, value in values) if kind == "Count" else max(values)[1]
        aggregates[kind.lower(), name, plain(tags)] = total
    for sketch in re.split(r"\bSketch { metric: ", log)[1:]:
        name, tags = re.match(r'"([^"]+)", .*?tags: \[(.*?)\]', sketch).groups()
        parts = re.findall(r"cnt: (\d+), min: (\S+), max: (\S+), avg: \S+, sum: (\S+),", sketch)
        counts, lows, highs, sums = zip(*(map(float, part) for part in parts), strict=True)
        aggregate = (sum(counts), min(lows), max(highs), math.fsum(sums))
        aggregates["distribution", name, plain(tags)] = aggregate
    return {key: value for key, value in aggregates.items() if key[1].startswith("lk.")}


def plain(tags):
    """Return the tags without those that the Rust agent adds."""
    return frozenset(re.findall(r'"([^"]+)"', tags)) - {"origin:lambda", "dd.origin:lambda"}


def understood_by_us(metrics):
    """Return the same of what our listener received."""
    values = defaultdict(list)
    for metric in metrics:
        tags = frozenset(f"{key}:{value}" for key, value in metric.tags.items())
        values[metric.kind, metric.name, tags].append(metric.value)
    aggregate = {
        "count": math.fsum,
        "gauge": lambda series: series[-1],
        "distribution": lambda series: (len(series), min(series), max(series), math.fsum(series)),
    }
    return {key: aggregate[key[0]](series) for key, series in values.items()}


def test_both_see_the_same_aggregates(rust_log, traffic):
    """Counts, gauges and distributions of the same packets come to the same figures."""
    with SimulatedAgent() as agent, socket.socket(type=socket.SOCK_DGRAM) as sender:
        for datagram in traffic:
            sender.sendto(datagram, ("127.0.0.1", agent.port))
        agent.drain()

    agent.assert_clean()
    ours = understood_by_us(agent.metrics)
    assert 15 < len(ours)
    assert understood_by_rust(rust_log) == {
        key: pytest.approx(value, rel=1e-12) for key, value in ours.items()
    }


def test_what_datadog_refuses_we_refuse(rust_log):
    """No line that Datadog's agent rejects is one that our listener takes."""
    refused = re.findall(
        r"Failed to parse metric (.*): parse failure|Unsupported metric type: (.*)\. unsupp",
        rust_log,
    )
    lines = {unparsed or unsupported for unparsed, unsupported in refused}

    assert {"bad|name:1|c", "bad:1|h"} <= lines <= set(HOSTILE)
    for line in lines:
        with pytest.raises(MalformedDatagram):
            parse(line.encode())
