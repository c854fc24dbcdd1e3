"""The stand-ins as programs of their own, as people start them in a shell."""

import signal
import socket

import command_line
import pytest


def test_what_they_print_is_how_to_find_them(tmp_path):
    """Both take their settings from there, a pass runs through, and both end when told to."""
    documents = ("--documents", 30, "--story", "instantly_done", "--first-id", 900)
    env = command_line.environment()
    lighthouse = command_line.start("simulate", "lighthouse", *documents, env=env)
    agent = command_line.start("simulate", "agent", "--socket", tmp_path / "dsd.socket", env=env)
    settings = ""
    while not (line := lighthouse.stdout.readline()).startswith("# a stand-in of Lighthouse"):
        settings += line
    settings += agent.stdout.readline()
    env = command_line.environment(tmp_path / "store.db")
    ids = "".join(f"{number},s,form_0781\n" for number in range(900, 930))
    header = "lighthouse_request_id,form_526_submission_id,document_type\n"
    command_line.run("track", "-", env=env, input=header + ids)

    polled = command_line.run("poll", env=env, within=f'{settings}\n"$@"')
    said = []
    for process in (lighthouse, agent):
        process.send_signal(signal.SIGTERM)
        said.append(process.communicate())

    assert (0, "polled 30 documents\n", "") == (
        polled.returncode,
        polled.stdout,
        polled.stderr,
    )
    assert [0, 0] == [lighthouse.returncode, agent.returncode]
    for portion in (20, 10):  # each in a datagram
        assert f"count lightkeeper.documents.outcomes {portion}" in said[1][0]
    assert "malformed" not in said[1][0]


def test_an_agent_whose_reader_has_gone_ends(tmp_path):
    """As `sandbox agent | head` leaves it: at the next signal, without a word."""
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
def test_one_that_cannot_start_says_why(arguments, reason):
    """Exit status 1 and the reason."""
    done = command_line.run("simulate", *arguments, env=command_line.environment())

    assert 1 == done.returncode
    assert done.stderr.startswith("Error: ")
    assert reason in done.stderr


def test_a_port_that_is_taken_is_said_plainly():
    """Two on one port: the second one ends."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = command_line.run(
            "simulate", "lighthouse", "--port", port, env=command_line.environment()
        )

    assert 1 == done.returncode
    assert "Address already in use" in done.stderr
