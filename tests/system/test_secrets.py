"""Keys, assertions and tokens stay where they belong; and a test that lets one out fails."""

import itertools
import os
import re
import resource
import subprocess
import sys
import textwrap
import urllib.parse
from pathlib import Path

import orjson
import secret_leaks
from running_daemon import RunningDaemon

from lightkeeper.simulation.lighthouse.wire import Reply

TESTS = Path(__file__).parents[1]
KINDS = {"a token", "an assertion", "the private key"}
LEAKING = """
    import logging
    import socket
    import sys

    import pytest
    import requests

    from lighthouse_client import Client
    from lightkeeper.simulation.agent.server import SimulatedAgent
    from lightkeeper.simulation.lighthouse.server import SimulatedLighthouse


    @pytest.fixture
    def client():
        with SimulatedLighthouse() as lighthouse, requests.Session() as session:
            yield Client(lighthouse, session)


    def test_token_printed(client):
        print("got", client.session.headers["Authorization"])


    def test_part_of_a_token_on_stderr(client):
        print("...", client.session.headers["Authorization"][-36:], file=sys.stderr)


    def test_key_logged(client):
        logging.getLogger().warning("%r", client.lighthouse.private_key_pem)


    def test_assertion_in_a_packet(client, tmp_path):
        sent = []
        real = client.session.post
        client.session.post = lambda url, **more: sent.append(more) or real(url, **more)
        client.renew()
        assertion = sent[0]["data"]["client_assertion"].encode()
        with SimulatedAgent(port=None, socket_path=tmp_path / "dsd") as agent:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
                sock.sendto(b"m:1|c|#a:" + assertion.split(b".")[1], str(tmp_path / "dsd"))
            assert agent.wait_for(lambda agent: agent.received or agent.malformed)


    def test_token_in_a_store(client, tmp_path):
        (tmp_path / "store.db").write_text(client.session.headers["Authorization"])


    def test_honest(client):
        print("a" * 500, "lightkeeper.documents.outcomes", client.lighthouse.url)
"""


def test_a_test_that_lets_a_secret_out_fails(tmp_path):
    """Output, log, packets, stores: each leak fails its test and is not repeated in the reason."""
    (tmp_path / "test_leaking.py").write_text(textwrap.dedent(LEAKING))
    imported = (TESTS, TESTS / "support", TESTS.parent / "daemon")
    command = ("-m", "pytest", "-p", "conftest", "-p", "no:cacheprovider", "--tb=line", "-rfp")
    done = subprocess.run(
        [sys.executable, *command, f"--rootdir={tmp_path}", tmp_path],
        env={"PYTHONPATH": os.pathsep.join(map(str, imported)), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )

    leaked = ("Captured stdout call: a token", "Captured stderr call: a token")
    leaked += ("Captured log call: the private key", "packet to the Agent: an assertion")
    leaked += ("store.db: a token",)
    for each in leaked:
        assert f"leaked into {each}" in done.stdout.replace("into a packet", "into packet")
    assert "5 failed, 1 passed" in done.stdout.splitlines()[-1]
    for repeated in ("Bearer", "BEGIN PRIVATE KEY", "..."):
        assert repeated not in done.stdout


def test_the_real_process_lets_no_secret_out(tmp_path):
    """Its log, its packets and its store, also while all goes wrong; and it leaves no core."""
    key = tmp_path / "key.pem"
    with RunningDaemon(tmp_path) as daemon:
        daemon.prepared = False  # else /proc tells of the process that it was forked from
        key.write_text(daemon.env.pop("LIGHTKEEPER_LIGHTHOUSE_PRIVATE_KEY"))
        daemon.env["LIGHTKEEPER_LIGHTHOUSE_PRIVATE_KEY_FILE"] = str(key)
        lighthouse, seen = daemon.lighthouse, []
        _echo(lighthouse, seen)
        daemon.track()
        daemon.start()
        for _ in range(3):
            before = len(seen)
            daemon.until(lambda before=before: len(seen) > before + 1)
            daemon.track()
        process = Path(f"/proc/{daemon.process.pid}")
        assert KINDS == secret_leaks.found_in(key.read_text() + " ".join(seen))
        for place in (*daemon.store.parent.iterdir(), daemon.log, process / "cmdline"):
            secret_leaks.refuse(place.read_bytes(), str(place))
        assert f"{daemon.store.name}-wal" in {path.name for path in daemon.store.parent.iterdir()}
        assert daemon.logged("poll.call.failed")
        assert (0, 0) == resource.prlimit(daemon.process.pid, resource.RLIMIT_CORE)
        assert set() == secret_leaks.found_in((process / "environ").read_bytes())
        daemon.stop()


def _echo(lighthouse, seen):
    """Have Lighthouse repeat, in each answer, the secret that a call was made with."""
    replies = itertools.cycle((500, 200, 400, 401, 404))

    def echoing(request):
        form = urllib.parse.parse_qs(request.body.decode())
        (secret,) = form.get("client_assertion") or request.headers["authorization"].split()[1:]
        seen.append(secret)
        if "token" in request.path and len(seen) > 1:
            return lighthouse._serve(request)
        words = dict.fromkeys(("detail", "title", "diagnostics", "instance"), f"no {secret} here")
        body = {"errors": [words], "error": secret, "message": secret, "error_description": secret}
        about = {
            "status": f"S {secret}",
            "error": words,
            "steps": [{"name": secret, "status": secret}],
        }
        ids = re.findall(rb"\d{9}", request.body)
        body["data"] = {"statuses": [about | {"requestId": int(each)} for each in ids]}
        return Reply(next(replies), orjson.dumps(body))

    lighthouse._server.application = echoing
