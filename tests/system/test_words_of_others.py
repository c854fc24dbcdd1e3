"""What servers say reaches terminal, log and store of the real process only in harmless form."""

import contextlib
import json
import re

import command_line
import pytest
from listener import Listener
from running_daemon import RunningDaemon
from scripted_server import CLOSE, ScriptedServer, answer

TOKEN = "aT0k3n/0fOthers-0123456789_abcdefghijklmnopqrstuvwxyz"
PERSON = ("Zebediah", "Quartermaine", "796-04-3735", "796043735", "1012667145V762142")
STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufffe]")
WORDS = (
    "\x1b[2J\x1b]0;x\x07\x9b31m\u202e Zebediah Quartermaine, SSN 796-04-3735, file 796043735, "
    f"ICN 1012667145V762142\r\nok    lighthouse  answers {TOKEN} {TOKEN[:24]}"
)
ERROR = json.dumps(
    {
        "errors": [
            {"detail": WORDS, "title": WORDS, "instance": "Zebediah", "diagnostics": "796043735"}
        ]
    }
).encode()
GRANT = answer(json.dumps({"access_token": TOKEN, "expires_in": 600}).encode())
_LINE = b"Zebediah \x1b[31m 796-04-3735 " + TOKEN.encode()
_HEAD = b"HTTP/1.1 %d " + _LINE + b"\r\nX-Odd: " + _LINE + b"\r\n" + _LINE + b"\r\n"
HOSTILE = {
    "an error": answer(ERROR, status=500),
    "an escaped token": answer(
        ERROR.replace(b"/", b"\\/").replace(b"aT0", b"\\u0061T0"), status=400
    ),
    "a header without a colon": _HEAD % 500 + b"\r\n" + ERROR,
    "a content type": answer(b"<p>", "Content-Type: " + _LINE.decode("latin-1")),
    "a status line": b"HTTP/1.1 200 " + _LINE * 3 + b"\r\nContent-Length: 5\r\n\r\n" + _LINE[:5],
    "no HTTP": _LINE + b"\r\n\r\n",
    "a redirect": answer(ERROR, "Location: https://x/" + TOKEN, status=302),
    "a refusal": answer(ERROR, "Date: " + _LINE.decode("latin-1"), status=403),
}


@pytest.fixture
def daemon(tmp_path):
    """A daemon that is not started, with three documents."""
    with RunningDaemon(tmp_path) as made:
        made.track(3)
        yield made


def _serve(daemon, reply):
    def always(sock, request):
        sock.sendall(GRANT if "/token" in request.line else reply)
        return None if "/token" in request.line else CLOSE

    server = daemon.keep(ScriptedServer(always if isinstance(reply, bytes) else reply))
    daemon.env["LIGHTKEEPER_LIGHTHOUSE_URL"] = server.url
    daemon.env["LIGHTKEEPER_LIGHTHOUSE_TOKEN_URL"] = f"{server.url}/token"


def _assert_harmless(text, *, may_name=False):
    assert [] == STEERING.findall(text)
    for mark in (TOKEN[:24], TOKEN[-16:], *(() if may_name else PERSON)):
        assert mark not in text, text


def test_check_and_poll_say_nothing_of_others(daemon):
    """No escape sequence, name, number or token of the server's, and no line that it made up."""
    _serve(daemon, HOSTILE["an error"])
    for command, status in (("check", 1), ("poll", 75)):
        said = command_line.run(command, env=daemon.env)
        _assert_harmless(said.stdout + said.stderr)
        assert (status, False) == (said.returncode, "ok    lighthouse" in said.stdout)


def test_the_log_and_the_store_keep_no_token(daemon):
    """Of eight ways to be hostile, one after the other; `show` is harmless for a terminal."""
    hostile, heard = list(HOSTILE.values()), []

    def reply(sock, request):
        """Each way in turn, and a good answer after each, so that no backoff grows."""
        if "/token" in request.line:
            sock.sendall(GRANT)
            return None
        heard.append(request)
        raw = hostile.pop(0) if hostile and len(heard) % 2 else answer(b'{"data":{}}')
        sock.sendall(raw)
        return CLOSE

    _serve(daemon, reply)
    daemon.start()
    while hostile:
        daemon.track(1)
        left = len(hostile)
        daemon.until(lambda left=left: len(hostile) < left)
    daemon.until(lambda: len(daemon.logged("poll.call.failed")) >= 4)
    daemon.stop()

    _assert_harmless(daemon.log.read_text())
    assert daemon.logged("poll.call.failed")
    said = {line["message"] for line in daemon.logged("library.said")}
    assert {"Failed to parse headers (url=%s): %s"} == said
    for file in daemon.store.parent.iterdir():
        assert TOKEN[:16].encode() not in file.read_bytes()
    ((one,),) = daemon.rows(
        "SELECT lighthouse_request_id FROM form_526_document_submissions "
        "WHERE last_problem LIKE '%Quartermaine%' LIMIT 1"
    )
    shown = command_line.run("show", one, "--json", env=daemon.env)
    assert (0, True) == (shown.returncode, "Quartermaine" in shown.stdout)
    _assert_harmless(shown.stdout, may_name=True)


def test_a_terminal_that_lacks_a_character_shows_another(daemon):
    """With any encoding of the output the command ends well, in stdout and in stderr."""
    ((one,),) = daemon.rows(
        "SELECT lighthouse_request_id FROM form_526_document_submissions LIMIT 1"
    )
    about = {"requestId": one, "status": "FAILED", "error": {"detail": "größer als 日本"}}
    _serve(daemon, answer(json.dumps({"data": {"statuses": [about]}}).encode()))
    assert 0 == command_line.run("poll", env=daemon.env).returncode

    ascii_, latin = ({"PYTHONIOENCODING": name, "LC_ALL": "C"} for name in ("ascii", "latin-1"))
    shown = command_line.run("show", one, env=daemon.env | ascii_, encoding="ascii")
    assert (0, True) == (shown.returncode, "gr??er als ??" in shown.stdout)
    missing = command_line.run(
        "track", "größe-日本.csv", env=daemon.env | latin, encoding="latin-1"
    )
    assert "größe-??.csv" in missing.stderr
    assert (66, 1) == (missing.returncode, missing.stderr.count("\n"))


class _Refusing(Listener):
    """A PostgreSQL server that refuses every login, and words it as it likes."""

    def _serve(self, client):
        with contextlib.suppress(OSError), client:
            client.recv(4_096)
            fields = b"SFATAL\0VFATAL\0C28000\0M" + WORDS.partition("\r")[0].encode() + b"\0\0"
            client.sendall(b"E" + (len(fields) + 4).to_bytes(4) + fields)


def test_what_a_database_says_is_harmless_on_a_terminal_and_in_the_journal(daemon):
    """The journal is a log: numbers and addresses of persons are redacted there as well."""
    with _Refusing() as server:
        url = f"postgresql://keeper@127.0.0.1:{server.port}/lightkeeper?sslmode=disable"
        env = daemon.env | {"LIGHTKEEPER_DATABASE_URL": url}
        shown = command_line.run("status", env=env)
        is_journal = 'JOURNAL_STREAM=$(stat -Lc %d:%i /proc/self/fd/2) exec "$@"'
        kept = command_line.run("status", env=env, within=is_journal)

    _assert_harmless(shown.stderr, may_name=True)
    assert (74, True) == (shown.returncode, "Quartermaine" in shown.stderr)
    _assert_harmless(kept.stderr, may_name=True)
    assert (74, 2) == (kept.returncode, kept.stderr.count("[redacted]")), kept.stderr
    assert kept.stderr.startswith("<3>lightkeeper: PostgreSQL database lightkeeper: ")
