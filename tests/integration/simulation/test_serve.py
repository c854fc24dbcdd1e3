"""`lightkeeper simulate`: Lighthouse, Agent and Datadog, as people start them in a shell."""

import os
import re
import signal
import socket
import subprocess
from contextlib import suppress
from pathlib import Path

import command_line
import pytest

README = (Path(__file__).parents[3] / "README.md").read_text()
_, BLOCK, _, API_LINES, *_ = README.split("## Without access to Lighthouse")[1].split("```")
*FIRST, LAST = BLOCK.strip().splitlines()
BY_HAND = "\n".join([*FIRST, API_LINES, LAST])
"""The README's block, its lines for the API before the last: how to try lightkeeper by hand."""


def test_what_they_print_is_how_to_find_them(tmp_path):
    """The settings they print make a pass run through, and SIGTERM ends both.

    They bring a store of their own, and leave one that is named as it is.
    """
    documents = ("--documents", 70, "--story", "instantly_done", "--first-id", 900)
    env = command_line.environment()
    lighthouse = command_line.start("simulate", "lighthouse", *documents, env=env, cwd=tmp_path)
    agent = command_line.start("simulate", "agent", "--socket", tmp_path / "dsd.socket", env=env)
    settings = ""
    while not (line := lighthouse.stdout.readline()).startswith("# simulated Lighthouse"):
        settings += line
    settings += agent.stdout.readline()
    own = command_line.run(
        *("track", "--request-id", 900, "--submission-id", "s", "--document-type", "form_0781"),
        env=command_line.environment(),
        within=f'{settings}\n"$@"',
        cwd="/",
    )
    env = command_line.environment(tmp_path / "store.db")
    ids = "".join(f"{number},s,form_0781\n" for number in range(900, 970))
    header = "lighthouse_request_id,form_526_submission_id,document_type\n"
    command_line.run("track", "-", env=env, input=header + ids)

    polled = command_line.run("poll", env=env, within=f'{settings}\n"$@"')
    said = []
    for process in (lighthouse, agent):
        process.send_signal(signal.SIGTERM)
        said.append(process.communicate())

    assert (0, "request id 900: tracked\n", "") == (own.returncode, own.stdout, own.stderr)
    assert (tmp_path / "simulated.db").exists()
    assert (0, "polled 70 documents\n", "") == (
        polled.returncode,
        polled.stdout,
        polled.stderr,
    )
    assert [0, 0] == [lighthouse.returncode, agent.returncode]
    for portion in (50, 20):  # each in a datagram
        assert f"count lightkeeper.documents.outcomes {portion}" in said[1][0]
    assert "malformed" not in said[1][0]


def test_a_simulated_account_says_how_to_find_it():
    """What it prints makes `account check` find every permission; SIGTERM ends it."""
    env = command_line.environment()
    datadog = command_line.start("simulate", "datadog", env=env)
    settings = "".join(datadog.stdout.readline() for _ in range(3))
    checked = command_line.run("account", "check", env=env, within=f'{settings}\n"$@"')
    datadog.send_signal(signal.SIGTERM)
    datadog.communicate()

    assert (0, "", 0) == (checked.returncode, checked.stderr, datadog.returncode)
    assert "ok    monitors_write\n" in checked.stdout
    assert "FAIL" not in checked.stdout


def test_an_agent_whose_reader_has_gone_ends(tmp_path):
    """`simulate agent | head` ends at the next signal, without an error."""
    path = tmp_path / "dsd.socket"
    agent = command_line.start(
        "simulate", "agent", "--socket", path, env=command_line.environment()
    )
    assert "export DD_DOGSTATSD_URL=" in agent.stdout.readline()
    agent.stdout.close()

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"lightkeeper.heartbeat:1|g", str(path))

    assert (0, "") == (agent.wait(), agent.stderr.read())
    agent.stderr.close()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("lighthouse", "--documents", 1, "--story", "fails"), "no such story: 'fails'"),
        (("agent", "--socket", "/nowhere/dsd.socket"), "No such file or directory"),
    ],
)
def test_a_simulation_that_cannot_start_says_why(arguments, reason):
    """The command ends with exit status 1 and the reason."""
    done = command_line.run("simulate", *arguments, env=command_line.environment())

    assert 1 == done.returncode
    assert done.stderr.startswith("Error: ")
    assert reason in done.stderr


def test_a_port_that_is_taken_is_said_plainly():
    """A second one on a port ends, and says that the address is in use."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = command_line.run(
            "simulate", "lighthouse", "--port", port, env=command_line.environment()
        )

    assert 1 == done.returncode
    assert "Address already in use" in done.stderr


def test_trying_it_by_hand_ends_with_a_done_and_a_failed_document(tmp_path):
    """The README's block, in a shell, shows one document done, one failed, and both counted.

    The API, beside the daemon, answers the same.
    """
    command = tmp_path / "lightkeeper"
    command.write_text(f'#!/bin/sh\nexec {" ".join(command_line.COMMAND)} "$@"\n')
    command.chmod(0o755)
    env = command_line.environment()
    env["PATH"] = f"{tmp_path}:{env['PATH']}"
    env["DD_DOGSTATSD_URL"] = "unix:///nonexistent/dsd.socket"
    shell = subprocess.Popen(
        ["bash", "-c", BY_HAND],
        env=env,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        out, err = shell.communicate()
    finally:
        with suppress(ProcessLookupError):
            os.killpg(shell.pid, signal.SIGKILL)

    (notice,) = err.splitlines()
    assert (0, True) == (
        shell.returncode,
        "token me without an environment allows read for" in notice,
    )
    assert ["done", "failed"] == re.findall(r'"lighthouse_status": ?"(\w+)"', out)
    assert "request id 1  form_0781  done" in out
    assert "request id 2  form_0781a  failed at CLAIMS_EVIDENCE" in out
    for outcome, kind in (("done", "form_0781"), ("failed", "form_0781a")):
        found = rf"documents\.outcomes 1 document_type:{kind} .*outcome:{outcome}"
        assert re.search(found, out)
