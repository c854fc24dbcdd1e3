"""HTTP to Lighthouse: one deadline a call, bounded answers, kept connections, nothing leaked."""

import contextlib
import datetime
import gc
import gzip
import ipaddress
import itertools
import socket
import ssl
import threading
import time
import tracemalloc
import warnings

import pytest
import requests.adapters
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from harmful_answers import gzip_bomb
from patience import at_most
from scripted_server import CLOSE, ScriptedServer, answer, trickle

from lightkeeper.upstream.http import MAX_BODY_BYTES, HTTPTransport
from lightkeeper.upstream.transport_errors import (
    BodyTooLarge,
    CallTimeout,
    ConnectionBroken,
    TransportError,
)

DEADLINE = 0.4
SLACK = at_most(1.5)
HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(scope="session")
def tls_files(tmp_path_factory):
    """A certificate for 127.0.0.1 that no client trusts by default, and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "lightkeeper tests")])
    today = datetime.datetime.now(datetime.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - datetime.timedelta(days=1))
        .not_valid_after(today + datetime.timedelta(days=1))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def tls(tls_files):
    """What makes a server speak TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls_files)
    return context


@pytest.fixture(params=["http", "https"])
def scheme_tls(request, monkeypatch, tls_files):
    """None for plain HTTP; for HTTPS the server's context, with its certificate trusted."""
    if request.param == "http":
        return None
    monkeypatch.setattr(requests.adapters, "DEFAULT_CA_BUNDLE_PATH", str(tls_files))
    return request.getfixturevalue("tls")


@pytest.fixture
def transport():
    """A transport with a short deadline."""
    with contextlib.closing(HTTPTransport(deadline_seconds=DEADLINE)) as made:
        yield made


@pytest.fixture
def patient():
    """A transport with the deadline the daemon has."""
    with contextlib.closing(HTTPTransport()) as made:
        yield made


def _get(transport, server, path="/", **headers):
    transport.begin()
    return transport.send("GET", server.url + path, headers=headers)


@contextlib.contextmanager
def _ends_in_time():
    begun = time.monotonic()
    yield
    took = time.monotonic() - begun
    assert DEADLINE - 0.05 <= took <= DEADLINE + SLACK


@pytest.mark.speed
@pytest.mark.parametrize("slow_from", [0, 20, -500], ids=["status line", "headers", "body"])
def test_a_trickle_ends_at_the_deadline(transport, scheme_tls, slow_from):
    """A call to a server that sends a byte at a time ends at the deadline."""
    whole = answer(b"[%s]" % (b" " * 1_000), "X-Pad: " + "x" * 1_000)

    def slowly(sock, _):
        sock.sendall(whole[:slow_from])
        trickle(sock, whole[slow_from:])

    with (
        ScriptedServer(slowly, tls=scheme_tls) as server,
        _ends_in_time(),
        pytest.raises(CallTimeout, match=f"within {DEADLINE:g} s"),
    ):
        _get(transport, server)


@pytest.mark.speed
@pytest.mark.parametrize(
    ("start", "again"),
    [
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"),
        (CHUNKED, b"1\r\n \r\n"),
        (CHUNKED, b"1\r\n \r\n" * 10_000),
        (CHUNKED + b"0\r\n", b"X-Trailer: x\r\n"),
        (HEAD + b"Content-Encoding: gzip\r\n\r\n", gzip.compress(b"")),
        (HEAD + b"\r\n", b" "),
    ],
    ids=["100", "103", "chunks", "many chunks", "trailers", "empty gzip members", "no length"],
)
def test_an_answer_without_an_end_ends_at_the_deadline(transport, start, again):
    """A call ends though any part of its answer has no end."""

    def endless(sock, _):
        sock.sendall(start)
        while True:
            sock.sendall(again)
            time.sleep(0.01)

    with ScriptedServer(endless) as server:
        begun = time.monotonic()
        with contextlib.suppress(TransportError):
            assert b"" == _get(transport, server).body
        assert time.monotonic() - begun <= DEADLINE + SLACK


@pytest.mark.speed
def test_silence_ends_at_the_deadline(transport, scheme_tls):
    """A call to a server that never answers ends at the deadline."""
    with (
        ScriptedServer(lambda sock, _: sock.recv(1), tls=scheme_tls) as server,
        _ends_in_time(),
        pytest.raises(CallTimeout),
    ):
        _get(transport, server)


@pytest.mark.speed
@pytest.mark.parametrize("hello", [b"", b"\x16\x03\x03\x40\x00" + bytes(2_000)])
def test_a_tls_handshake_without_an_end_ends_at_the_deadline(transport, hello):
    """A call ends in time though the handshake, silent or trickling, never does."""

    def shake(listener):
        sock, _ = listener.accept()
        with sock, contextlib.suppress(OSError):
            trickle(sock, hello)
            while sock.recv(4_096):
                pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        shaking = threading.Thread(target=shake, args=(listener,))
        shaking.start()
        transport.begin()
        with _ends_in_time(), pytest.raises(CallTimeout):
            transport.send("GET", f"https://127.0.0.1:{listener.getsockname()[1]}/", headers={})
        shaking.join()


@pytest.mark.speed
def test_one_deadline_holds_for_all_that_a_call_sends(transport):
    """A token and a status request share the deadline that `begin` set."""

    def slow(sock, _):
        time.sleep(DEADLINE * 0.6)
        sock.sendall(answer())

    with ScriptedServer(slow) as server, _ends_in_time():
        assert 200 == _get(transport, server).status
        with pytest.raises(CallTimeout):
            transport.send("GET", server.url, headers={})


def test_nothing_is_sent_after_the_deadline():
    """Once the time of a call is over, not even a connection is made."""
    now = [0.0]
    with (
        ScriptedServer(answer()) as server,
        contextlib.closing(HTTPTransport(monotonic=lambda: now[0])) as transport,
    ):
        transport.begin()
        now[0] += 10.0
        with pytest.raises(CallTimeout):
            transport.send("GET", server.url, headers={})
        assert (0, []) == (server.connections, server.requests)


def test_an_untrusted_certificate_is_refused(patient, tls):
    """A server with an untrusted certificate gets no request, so no token either."""
    with ScriptedServer(answer(), tls=tls) as server:
        with pytest.raises(ConnectionBroken, match=r"SSLCertVerificationError.*self-signed"):
            _get(patient, server, Authorization="Bearer secret")
        assert [] == server.requests


BROKEN = {
    "nothing": b"",
    "TLS alert": b"\x15\x03\x01\x00\x02\x02\x46",
    "SSH": b"SSH-2.0-OpenSSH_9.2\r\n",
    "no status": b"HTTP/1.1 abc OK\r\n\r\n",
    "status too large": b"HTTP/1.1 2000 OK\r\n\r\n",
    "long status line": b"HTTP/1.1 200 " + b"x" * 70_000,
    "long header": HEAD + b"X-Long: " + b"x" * 70_000,
    "many headers": HEAD + b"X-Many: x\r\n" * 101 + b"\r\n",
    "short body": HEAD + b"Content-Length: 100\r\n\r\n" + bytes(99),
    "two lengths": HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "short chunk": CHUNKED + b"5\r\nab",
    "no last chunk": CHUNKED + b"2\r\n{}\r\n",
    "negative chunk": CHUNKED + b"-5\r\nabcde\r\n",
    "chunk in words": CHUNKED + b"five\r\nabcde\r\n0\r\n\r\n",
    "long chunk size": CHUNKED + b"F" * 70_000,
    "no gzip": answer(b"no gzip", "Content-Encoding: gzip"),
    "short gzip": answer(gzip.compress(b"{}"), "Content-Encoding: gzip")[:-9],
    "no deflate": answer(b"no deflate", "Content-Encoding: deflate"),
    "many encodings": answer(b"{}", "Content-Encoding: " + "gzip, " * 20 + "gzip"),
}


@pytest.mark.parametrize("raw", BROKEN.values(), ids=BROKEN)
def test_a_broken_answer_breaks_the_connection(patient, raw):
    """An incomplete answer is `ConnectionBroken`, and the next call has a new connection."""

    def reply(sock, _):
        sock.sendall(raw if len(server.requests) == 1 else answer(b"[]"))
        return CLOSE

    with ScriptedServer(reply) as server:
        with pytest.raises(ConnectionBroken):
            _get(patient, server)
        time.sleep(0.05)  # until the close has arrived
        assert b"[]" == _get(patient, server).body
        assert 2 == server.connections


def test_a_closed_port_is_a_broken_connection(patient):
    """A refused connection is reported in the system's own words."""
    with ScriptedServer() as server:
        pass

    with pytest.raises(ConnectionBroken, match=r"^ConnectionRefusedError: .*refused"):
        _get(patient, server)


@pytest.mark.parametrize(
    "raw",
    [
        answer(b"[1,2,3]"),
        CHUNKED + b"3\r\n[1,\r\n04;ext=x\r\n2,3]\r\n0\r\nX-Trailer: x\r\n\r\n",
        answer(gzip.compress(b"[1,2,3]"), "Content-Encoding: gzip"),
        b"HTTP/1.1 100 Continue\r\n\r\n" + answer(b"[1,2,3]"),
        HEAD + b"X-Folded: a\r\n b\r\nContent-Length: 7\r\n\r\n[1,2,3]",
    ],
    ids=["plain", "chunked", "gzip", "after a 100", "folded header"],
)
def test_every_valid_answer_is_read_whole(patient, scheme_tls, raw):
    """Length, chunks and compression make no difference, and the connection is kept."""
    with ScriptedServer(raw, tls=scheme_tls) as server:
        answers = [_get(patient, server) for _ in range(3)]

        assert [(200, b"[1,2,3]")] * 3 == [(read.status, read.body) for read in answers]
        assert 1 == server.connections


def test_headers_are_looked_up_without_regard_to_case(patient):
    """HTTP/2 gateways send header names in lower case."""
    with ScriptedServer(answer(b"", "ratelimit-remaining: 7")) as server:
        assert "7" == _get(patient, server).headers.get("RateLimit-Remaining")


def _repeated(head, piece):
    def send(sock, _):
        sock.sendall(head)
        while True:
            sock.sendall(piece)

    return send


MEGABYTE = bytes(1_000_000)
BOMB = gzip_bomb(200)


TOO_LARGE = {
    "50 MB": answer(MEGABYTE * 50),
    "chunks without end": _repeated(CHUNKED, b"f4240\r\n" + MEGABYTE + b"\r\n"),
    "chunk of -1 bytes": _repeated(CHUNKED + b"-1\r\n", MEGABYTE),
    "trailers": _repeated(CHUNKED + b"0\r\n", b"X-Trailer: x\r\n" * 10_000),
    "no length": _repeated(HEAD + b"\r\n", MEGABYTE),
    "gzip bomb": answer(BOMB, "Content-Encoding: gzip"),
    "bomb of bombs": answer(gzip.compress(BOMB), "Content-Encoding: gzip, gzip"),
    "redirect": answer(BOMB, "Content-Encoding: gzip", "Location: /elsewhere", status=302),
    "error": answer(BOMB, "Content-Encoding: gzip", status=500),
    "bombs without end": _repeated(HEAD + b"Content-Encoding: gzip\r\n\r\n", BOMB),
}


@pytest.mark.speed
@pytest.mark.parametrize("reply", TOO_LARGE.values(), ids=TOO_LARGE)
def test_an_answer_that_is_too_large_is_refused_at_once(patient, reply):
    """An enormous answer costs bounded memory and time, and the next call is fine."""

    def first_only(sock, request):
        if len(server.requests) > 1:
            sock.sendall(answer(b"[]"))
        elif isinstance(reply, bytes):
            sock.sendall(reply)
        else:
            reply(sock, request)

    with ScriptedServer(first_only) as server:
        begun = time.monotonic()
        tracemalloc.start()
        try:
            with pytest.raises(BodyTooLarge):
                _get(patient, server)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 3 * MAX_BODY_BYTES
        assert time.monotonic() - begun < at_most(5.0)
        assert b"[]" == _get(patient, server).body


def test_the_largest_valid_answer_is_read(patient):
    """An answer of exactly the limit passes, compressed or not."""
    body = bytes(MAX_BODY_BYTES)
    for raw in (answer(body), answer(gzip.compress(body), "Content-Encoding: gzip")):
        with ScriptedServer(raw) as server:
            assert MAX_BODY_BYTES == len(_get(patient, server).body)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("where", ["server", "/here", "http://[", "http://\xff\xfe", "x://"])
def test_no_redirect_is_followed(patient, status, where):
    """A redirect is an answer like any other: the token goes nowhere else."""
    with ScriptedServer(answer()) as elsewhere:
        location = elsewhere.url if where == "server" else where
        redirect = answer(b"moved", f"Location: {location}", status=status)
        with ScriptedServer(redirect) as server:
            got = _get(patient, server, Authorization="Bearer secret")

            assert (status, b"moved") == (got.status, got.body)
            assert (1, 0) == (len(server.requests), elsewhere.connections)


def test_one_connection_serves_many_calls(patient, scheme_tls):
    """GET and POST, answers and errors all use the connection made first."""
    answers = itertools.cycle(answer(b"{}", status=status) for status in (200, 404, 429, 500))
    with ScriptedServer(lambda sock, _: sock.sendall(next(answers)), tls=scheme_tls) as server:
        for _ in range(25):
            _get(patient, server)
            patient.begin()
            patient.send("POST", server.url, headers={}, body=b"{}")

        assert (1, 50) == (server.connections, len(server.requests))


@pytest.mark.parametrize("how", ["Connection: close", "idle"])
def test_a_connection_the_server_closed_is_replaced(patient, how):
    """A kept connection that the server has closed meanwhile costs no call."""

    def reply(sock, _):
        sock.sendall(answer(b"[]", *([how] if how != "idle" else [])))
        return CLOSE

    with ScriptedServer(reply) as server:
        for expected in (1, 2, 3):
            assert b"[]" == _get(patient, server).body
            assert expected == server.connections
            time.sleep(0.05)  # until the close has arrived


@pytest.mark.parametrize(
    ("url", "headers"),
    [
        ("{server}/?key=SECRET", {}),
        ("http://127.0.0.1:1/?key=SECRET", {}),
        ("https://{plain}/?key=SECRET", {}),
        ("http:///?key=SECRET", {}),
        ("ftp://127.0.0.1/?key=SECRET", {}),
        ("http://[/?key=SECRET", {}),
        ("http://127.0.0.1:99999/?key=SECRET", {}),
        ("{server}/", {"Authorization": "Bearer SECRET\n"}),
        ("{server}/", {"Authorization": " SECRET"}),
        ("{server}/", {"Authorization": "SECRET\N{SNOWMAN}"}),
    ],
)
def test_an_error_quotes_neither_query_nor_header(transport, url, headers):
    """No error message has a part of a URL's query or of a header."""
    with ScriptedServer(lambda _sock, _request: CLOSE) as server:
        address = url.format(server=server.url, plain=server.url.removeprefix("http://"))
        transport.begin()
        with pytest.raises(TransportError) as caught:
            transport.send("GET", address, headers={"Authorization": "Bearer SECRET", **headers})

    assert "SECRET" not in str(caught.value)
    assert "key=" not in str(caught.value)


def test_the_environment_is_ignored(patient, monkeypatch, tmp_path):
    """Proxies, netrc and certificate bundles of the environment are not used."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password secret\n")
    netrc.chmod(0o600)
    with ScriptedServer(answer()) as proxy, ScriptedServer(answer()) as server:
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
            monkeypatch.setenv(name.upper(), proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.setenv("NETRC", str(netrc))
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "absent"))
        _get(patient, server)
        _get(patient, server, Authorization="Bearer mine")

        assert 0 == proxy.connections
        sent = [request.headers.get("authorization") for request in server.requests]
        assert [None, "Bearer mine"] == sent


def test_no_cookie_is_kept(patient):
    """A later request does not send a cookie that an answer set."""
    with ScriptedServer(answer(b"{}", "Set-Cookie: session=1; Path=/")) as server:
        _get(patient, server)
        _get(patient, server)

        assert ["cookie" not in request.headers for request in server.requests] == [True, True]


def test_no_socket_is_left_open(tls):
    """A closed transport has closed every socket, however its calls ended."""
    replies = [
        answer(),
        HEAD + b"Content-Length: 9\r\n\r\n",
        answer(MEGABYTE * 9),
        b"garbage\r\n\r\n",
        answer(b"no gzip", "Content-Encoding: gzip"),
    ]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        gc.collect()
        caught.clear()
        transport = HTTPTransport(deadline_seconds=0.2)
        for reply in replies:
            with ScriptedServer(reply) as server, contextlib.suppress(TransportError):
                _get(transport, server)
        with ScriptedServer(answer(), tls=tls) as server, contextlib.suppress(TransportError):
            _get(transport, server)
        transport.close()
        del transport
        gc.collect()

    assert [] == [str(warning.message) for warning in caught]
