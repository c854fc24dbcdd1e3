"""What no caller can do: send too much, take too long, or learn of a mistake of ours."""

import json
import time

import command_line
import pytest
from web_rig import WebRig

from lightkeeper.web import connection, limits

DOCUMENT = "/v1/benefits-documents/5"


@pytest.fixture
def web(tmp_path):
    """The API; every call is answered as ever after what a test did."""
    with WebRig(tmp_path) as rig:
        yield rig
        assert 200 == rig.get("/healthz").status


HEALTH = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
LAST_HEALTH = b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


def said(open_socket) -> tuple[int, dict]:
    """The status and the problem of all that the server sends until it closes."""
    received = b""
    while some := open_socket.recv(65_536):
        received += some
    head, _, body = received.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


def answered(open_socket) -> bytes:
    """One answer of all that the server sends; the connection stays open."""
    received = b""
    while not received.endswith(b"}"):
        received += open_socket.recv(65_536)
    return received


def posted(web, *headers) -> bytes:
    """The head of a call that tracks documents, with a token."""
    bearer = b"Authorization: Bearer " + web.every.encode()
    lines = (b"POST /v1/documents HTTP/1.1", b"Host: a", bearer, *headers)
    return b"".join(line + b"\r\n" for line in lines) + b"\r\n"


@pytest.mark.parametrize(
    "head",
    [
        b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 1_000_000 + b"\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: a\r\n" + b"X: abcdefg\r\n" * 90_000 + b"\r\n",
        b"GET /" + b"a" * 1_000_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: a\r\n" + b"b" * 1_000_000,
        b"GET /healthz?" + b"a" * 17_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 17_000 + b"\r\n\r\n",
    ],
    ids=["a-header", "many-headers", "address", "a-name", "short-address", "short-header"],
)
def test_a_megabyte_of_headers_is_refused(web, head):
    """The caller is told so, even while it still sends."""
    with web.connect() as caller:
        caller.sendall(head)
        status, problem = said(caller)

    assert (431, 431) == (status, problem["status"])


@pytest.mark.parametrize("begin", [b"", b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: 1"])
def test_a_caller_that_sends_its_headers_slowly_is_cut_off(web, monkeypatch, begin):
    """However little it sends, and however steadily."""
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.3)
    began = time.monotonic()
    with web.connect() as caller:
        caller.sendall(begin)
        for _ in range(5):
            time.sleep(0.05)
            caller.sendall(b"1" if begin else b"")
        status, problem = said(caller)

    assert 408 == status
    assert "the headers did not arrive within 0.3 s" == problem["detail"]
    assert time.monotonic() - began >= 0.29  # the timers of uvloop may end a millisecond early


def test_a_caller_that_sends_its_body_slowly_is_cut_off(web, monkeypatch):
    """A body has seconds to arrive."""
    monkeypatch.setattr(limits, "BODY_SECONDS", 0.2)
    with web.connect() as caller:
        caller.sendall(posted(web, b"Content-Length: 9") + b"12")
        status, problem = said(caller)

    assert (408, "the body did not arrive within 0.2 s") == (status, problem["detail"])


def test_a_caller_that_does_not_read_is_cut_off(web, monkeypatch):
    """What it asked for is thrown away, and it can ask for nothing more."""
    monkeypatch.setattr(connection, "DRAIN_SECONDS", 0.2)
    with web.connect() as caller:
        caller.setblocking(False)

        def is_cut_off():
            try:
                while True:
                    caller.send(b"GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n")
            except BlockingIOError:
                return False
            except ConnectionError:
                return True

        command_line.until(is_cut_off)


@pytest.mark.parametrize("size", [limits.MAX_BODY_BYTES + 1, 3 * limits.MAX_BODY_BYTES])
def test_a_body_that_is_too_large_is_refused(web, size):
    """With a length or in pieces."""
    for headers in ({}, {"Transfer-Encoding": "chunked"}):
        pieces = b"%x\r\n" % size + b"1" * size + b"\r\n0\r\n\r\n"
        body = pieces if headers else b"1" * size
        with web.connect() as caller:
            length = b"Transfer-Encoding: chunked" if headers else b"Content-Length: %d" % size
            caller.sendall(posted(web, length) + body)
            status, problem = said(caller)

        assert 413 == status
        assert (
            "the body is longer than 1,048,576 bytes: send fewer items at once"
            == (problem["detail"])
        )


def test_bodies_have_so_many_bytes_together(web, monkeypatch):
    """One that is too much is refused, and may be sent again; without a token none counts."""
    monkeypatch.setattr(limits, "MAX_BYTES_OF_BODIES", 1_000)
    length = b"Content-Length: 700"
    body = b" " * 600
    unknown = posted(web, length).replace(web.every.encode(), b"x")
    with web.connect() as other, web.connect() as first, web.connect() as second:
        other.sendall(unknown + body)
        first.sendall(posted(web, length) + body)
        time.sleep(0.1)
        second.sendall(posted(web, length, b"Connection: close") + body + b" " * 100)
        status, problem = said(second)
        assert (503, "too much is sent at once: repeat this later") == (status, problem["detail"])
        first.sendall(b" " * 100)
        assert b" 415 " in first.recv(65_536)

    with web.connect() as again:
        again.sendall(posted(web, length, b"Connection: close") + b" " * 700)
        assert 415 == said(again)[0]


def test_a_body_without_a_token_is_read_past(web):
    """Its caller is told at the end, and may go on over the same connection."""
    size = 3 * limits.MAX_BODY_BYTES
    head = posted(web, b"Content-Length: %d" % size).replace(web.every.encode(), b"x")
    with web.connect() as caller:
        caller.sendall(head + b"1" * size)
        assert b" 401 " in answered(caller)
        caller.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert 200 == said(caller)[0]


def test_a_caller_without_a_token_that_waits_to_send_is_told_at_once(web):
    """It is not asked to go on."""
    head = posted(web, b"Content-Length: 9", b"Expect: 100-continue")
    with web.connect() as caller:
        caller.sendall(head.replace(web.every.encode(), b"x"))
        assert 401 == said(caller)[0]


@pytest.mark.parametrize("between", [b"5;" + b"x" * 1_000_000, b"0\r\nX: " + b"x" * 1_000_000])
def test_what_parts_the_pieces_of_a_body_is_bounded(web, between):
    """Extensions of a piece, and what follows the last."""
    with web.connect() as caller:
        caller.sendall(posted(web, b"Transfer-Encoding: chunked") + between)
        assert 431 == said(caller)[0]


@pytest.mark.parametrize(
    "words",
    [b"hello\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01", b"GET / HTTP/9.9\r\n\r\n", b"\0" * 99],
)
def test_what_is_not_http_is_refused(web, words):
    """A caller of TLS, for one, is told so."""
    with web.connect() as caller:
        caller.sendall(words)
        status, problem = said(caller)

    assert (400, "this is not HTTP/1.1") == (status, problem["detail"])


def test_too_many_callers_are_refused(web, monkeypatch):
    """Those that ask are answered still: one by one, and after another call."""
    monkeypatch.setattr(connection, "MAX_CONNECTIONS", 2)
    monkeypatch.setattr(connection, "SPARED_SECONDS", 0.0)
    with web.connect() as first, web.connect() as second:
        first.sendall(b"GET /he")
        second.sendall(HEALTH + b"G")
        assert b" 200 " in answered(second)
        with web.connect() as third:
            assert 503 == said(third)[0]
        first.sendall(LAST_HEALTH[len(b"GET /he") :])
        second.sendall(LAST_HEALTH[1:])
        for caller in (first, second):
            assert (200, {"status": "ok"}) == said(caller)


def test_idle_connections_give_way_to_new_ones(web, monkeypatch):
    """Those that have been idle for longest first, whether or not they were ever used."""
    monkeypatch.setattr(connection, "MAX_CONNECTIONS", 3)
    monkeypatch.setattr(connection, "SPARED_SECONDS", 0.2)
    with web.connect() as used, web.connect() as unused, web.connect() as last:
        used.sendall(HEALTH)
        assert b" 200 " in answered(used)
        time.sleep(0.25)
        last.sendall(HEALTH)
        assert b" 200 " in answered(last)
        with web.connect():
            assert b"" == unused.recv(65_536)
            with web.connect():
                assert b"" == used.recv(65_536)
            last.sendall(LAST_HEALTH)
            assert (200, {"status": "ok"}) == said(last)


def test_unknown_addresses_and_methods_are_problems(web):
    """Every refusal has the same form."""
    for method, path, status in (
        ("GET", "/", 404),
        ("GET", "/docs", 404),
        ("GET", "/v1/benefits-documents/", 404),
        ("DELETE", DOCUMENT, 405),
        ("PURGE", "/healthz", 405),
        ("PUT", "/v1/submissions/query", 405),
    ):
        answer = web.call(method, path)
        assert (status, status) == (answer.status, answer.data["status"])
        assert "application/problem+json" == answer.headers["content-type"]


def test_a_405_names_every_method_of_the_address(web):
    """Those that are described, and no others."""
    for path, methods in (("/v1/documents", "GET, POST"), ("/v1/submissions/query", "POST")):
        assert methods == web.call("DELETE", path).headers["allow"]


def test_what_has_no_body_is_answered_at_once(web):
    """Its headers wait for no body, whether the connection goes on or is closed."""
    asked = b"HEAD /healthz HTTP/1.1\r\nHost: a\r\n"
    with web.connect() as caller:
        for more in (b"", b"", b"Connection: close\r\n"):
            caller.sendall(asked + more + b"\r\n")
            answer = caller.recv(65_536)

            assert answer.startswith(b"HTTP/1.1 405 ")
            assert answer.endswith(b"\r\n\r\n")
        assert b"" == caller.recv(1)


def test_a_mistake_of_ours_shows_neither_data_nor_traceback(web, monkeypatch):
    """It says which mistake at which line, to report."""

    def broken(*_, **__):
        raise ValueError("Jane Doe")

    monkeypatch.setattr("lightkeeper.web.routes.benefits_documents.document_answer", broken)
    answer = web.get(DOCUMENT)

    assert 500 == answer.status
    assert answer.data["detail"].startswith("internal error: ValueError at test_limits.py:")
    assert "Jane" not in str(answer)


def test_each_answer_is_observed_by_operation_and_status(web):
    """The operation is the one of the description, with no id in it."""
    web.get(DOCUMENT)
    web.get("/nowhere/5")
    web.get("/healthz")

    assert [
        ("get_document", 404),
        ("other", 404),
        ("healthz", 200),
    ] == [seen[:2] for seen in web.observed]
    assert all(0 < seconds < 60 for *_, seconds in web.observed)
