"""`lightkeeper web` as a process: where it listens, what keeps it from that, how it ends."""

import json
import signal
import socket
import stat
import time
import urllib.request
from contextlib import closing

import command_line
import pytest
import web_rig
from notify_socket import Notified
from store_rows import NOW, new

from lightkeeper.simulation.agent.server import SimulatedAgent
from lightkeeper.store.database import open_database
from lightkeeper.store.documents import Documents
from lightkeeper.telemetry.api_answers import CAN_ANSWER


@pytest.fixture
def env(tmp_path):
    """The environment of the command, with a store that has one document, and no token yet."""
    store = tmp_path / "store.db"
    with closing(open_database(f"sqlite:///{store}", create=True)) as database:
        Documents(database).add([new(5)], NOW)
    tokens = tmp_path / "tokens"
    tokens.touch()
    return command_line.environment(
        store, LIGHTKEEPER_API_TOKENS_FILE=str(tokens), DD_ENV="staging"
    )


def test_it_answers_on_loopback_until_it_is_stopped(env, tmp_path):
    """A token that is made meanwhile counts; SIGTERM ends it with 0. Datadog learns of it."""
    with SimulatedAgent(port=None, socket_path=tmp_path / "dsd.socket") as agent:
        answers_until_stopped(env | {"DD_DOGSTATSD_URL": agent.url})

        command_line.until(lambda: values(agent, "requests", operation="get_document"))
        assert [1] == values(agent, "requests", operation="get_document", status="2xx")
        assert 1 == len(values(agent, "request_time", operation="get_document"))
        assert {0} == {each.status for each in agent.checks if each.name == CAN_ANSWER}


def values(agent, name, **tags):
    """What an Agent received of the API under this name with these tags."""
    return [
        each.value
        for each in agent.metrics
        if each.name == f"lightkeeper.web.{name}" and tags.items() <= each.tags.items()
    ]


def answers_until_stopped(env):
    """Ask it, and stop it."""
    listen = ("--listen", "127.0.0.1:0")
    with command_line.running("web", *listen, env=env, prepared=False) as process:
        url = process.stdout.readline().removeprefix("listening at ").strip()
        bearer = command_line.run("token", "new", "a", "--scope", "read", env=env).stdout.strip()
        request = urllib.request.Request(
            f"{url}/v1/benefits-documents/5", headers={"Authorization": f"Bearer {bearer}"}
        )
        with urllib.request.urlopen(request) as answer:
            assert 5 == json.load(answer)["lighthouse_request_id"]

        process.send_signal(signal.SIGTERM)
        assert 0 == process.wait()
        assert "" == process.stderr.read()


def test_a_wrong_file_of_tokens_is_logged_once(env, tmp_path):
    """With what is wrong, while it lasts, and once it is right again."""
    tokens, socket_path = tmp_path / "tokens", tmp_path / "dsd.socket"
    with SimulatedAgent(port=None, socket_path=socket_path) as agent:
        env |= {"DD_DOGSTATSD_URL": agent.url}
        with command_line.running("web", "--listen", "127.0.0.1:0", env=env) as process:
            process.stdout.readline()
            tokens.write_text("wrong\nwrong\n")
            wrong = json.loads(process.stderr.readline())
            time.sleep(2.2)  # two looks
            tokens.write_text("")
            right = json.loads(process.stderr.readline())

            process.send_signal(signal.SIGTERM)
            assert 0 == process.wait()
            assert "" == process.stderr.read()
    assert ("web.tokens.wrong", 2) == (wrong["event"], wrong["problems"])
    assert f"{tokens}: line 1: is no JSON object: repair or remove the line" == wrong["reason"]
    assert "web.tokens.read" == right["event"]


def test_a_unix_socket_is_there_while_it_runs_and_a_stale_one_is_replaced(env, tmp_path):
    """Everyone on the host may connect; the service manager is told when."""
    path = tmp_path / "web.sock"
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))
    with Notified(tmp_path / "notify") as manager:
        env |= {"LIGHTKEEPER_WEB_LISTEN": f"unix:{path}", "NOTIFY_SOCKET": str(manager.path)}
        with command_line.running("web", env=env) as process:
            manager.wait_for("READY=1")
            assert 0o666 == stat.S_IMODE(path.stat().st_mode)
            caller = socket.socket(socket.AF_UNIX)
            caller.connect(str(path))
            assert {"status": "ok"} == web_rig.call(caller, "GET", "/healthz", None, {}).data

            second = command_line.run("web", env=env)
            assert "another process listens at unix:" in command_line.complaint(second, 73)

            process.send_signal(signal.SIGTERM)
            assert 0 == process.wait()
    assert not path.exists()


def test_what_keeps_it_from_listening_is_one_line(env, tmp_path):
    """Each with its exit status; nothing is removed that is no socket."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = command_line.run("web", "--listen", f"127.0.0.1:{port}", env=env)
        assert (
            f"cannot listen at http://127.0.0.1:{port}: Address already in use: "
            "stop what listens there, or give another --listen"
        ) == command_line.complaint(done, 73)
    done = command_line.run("web", "--listen", f"unix:{tmp_path}/none/web.sock", env=env)
    assert (
        f"cannot listen at unix:{tmp_path}/none/web.sock: No such file or directory: "
        f"make the folder {tmp_path}/none, writable for this user, or give another --listen"
    ) == command_line.complaint(done, 73)
    (tmp_path / "file").write_text("kept")
    done = command_line.run("web", "--listen", f"unix:{tmp_path / 'file'}", env=env)
    assert "there is another file: move it" in command_line.complaint(done, 73)
    assert "kept" == (tmp_path / "file").read_text()

    done = command_line.run("web", "--listen", "0.0.0.0:80", env=env)
    assert (2, True) == (done.returncode, "put a TLS proxy before it" in done.stderr)
    done = command_line.run("web", env=env | {"LIGHTKEEPER_WEB_LISTEN": "10.1.2.3:80"})
    assert (78, True) == (done.returncode, "LIGHTKEEPER_WEB_LISTEN: must be unix:" in done.stderr)
    done = command_line.run("web", env=env | {"LIGHTKEEPER_API_TOKENS_FILE": ""})
    assert (78, True) == (done.returncode, "LIGHTKEEPER_API_TOKENS_FILE: missing" in done.stderr)
    done = command_line.run(
        "web", env=env | {"LIGHTKEEPER_DATABASE_URL": f"sqlite:///{tmp_path}/none.db"}
    )
    assert "no store here" in command_line.complaint(done, 66)
