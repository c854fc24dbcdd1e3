"""TLS with a network's own root, and a forward proxy that sees nothing of what goes through it."""

import contextlib
import os
import re
from base64 import b64encode
from pathlib import Path

import pytest
from connect_proxy import ConnectProxy
from scripted_server import CLOSE, ScriptedServer, answer
from tls_front import Authority

from lightkeeper.upstream.http import HTTPTransport as Transport
from lightkeeper.upstream.transport_errors import (
    CallTimeout,
    CertificateRefused,
    ConnectionBroken,
)

TOKEN = {"Authorization": "Bearer SECRET-TOKEN"}


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """A network's own certificate authority."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def server(authority):
    """A server with a certificate of that authority."""
    with ScriptedServer(answer(b"[]"), tls=authority.context("127.0.0.1")) as running:
        yield running


@pytest.fixture
def get():
    """A function that sends one request by a new transport, and gives the answer."""
    with contextlib.ExitStack() as closing:

        def sent(url, *, deadline_seconds=5.0, headers=TOKEN, **more):
            transport = Transport(deadline_seconds=deadline_seconds, **more)
            closing.callback(transport.close)
            transport.begin()
            return transport.send("GET", url, headers=headers)

        yield sent


def test_a_root_of_ones_own_is_trusted_beside_the_public_ones(
    authority, server, get, monkeypatch, tmp_path
):
    """With it the server is known, without it the message names the setting to use."""
    with pytest.raises(CertificateRefused, match=r"local issuer.*LIGHTKEEPER_LIGHTHOUSE_CA_FILE"):
        get(server.url)
    assert [] == server.requests
    pem = authority.root_file().read_text()

    assert b"[]" == get(server.url, ca=pem).body
    monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", str(authority.root_file()))
    other = Authority(tmp_path, "another").root_file().read_text()
    assert b"[]" == get(server.url, ca=other).body


def test_a_certificate_that_is_wrong_otherwise_calls_for_no_root(authority, get):
    """One that is over or not valid yet calls for a look at the clock."""
    pem = authority.root_file().read_text()
    right = ": see that this host's clock is right (NTP)"
    for context, reason in (
        (authority.context("127.0.0.1", days=-1), f"certificate has expired{right}"),
        (authority.context("127.0.0.1", since=1, days=2), f"certificate is not yet valid{right}"),
        (authority.context("elsewhere.example"), "IP address mismatch"),
    ):
        with ScriptedServer(tls=context) as wrong, pytest.raises(CertificateRefused) as caught:
            get(wrong.url, ca=pem)
        assert reason in str(caught.value)
        assert "LIGHTKEEPER" not in str(caught.value)


def test_the_keys_of_the_traffic_are_written_nowhere(
    authority, server, get, monkeypatch, tmp_path
):
    """`SSLKEYLOGFILE` is not obeyed."""
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    get(server.url, ca=authority.root_file().read_text())

    assert not (tmp_path / "keys").exists()


def test_a_proxy_carries_what_it_cannot_read(authority, server, get):
    """It learns host and port, and is given its own credentials; the token stays inside TLS."""
    pem = authority.root_file().read_text()
    with ConnectProxy(before=b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n") as proxy:
        got = get(server.url, ca=pem, proxy=f"http://kee%70er:p%40ss@{proxy.address}")
        (head,) = proxy.requests

    assert b"[]" == got.body
    assert f"CONNECT 127.0.0.1:{server.port} HTTP/1." in head
    assert "Proxy-Authorization: Basic a2VlcGVyOnBAc3M=\r\n" in head
    assert "SECRET" not in head
    assert b"SECRET" not in proxy.carried
    assert 300 < len(proxy.carried)
    (request,) = server.requests
    assert "Bearer SECRET-TOKEN" == request.headers["authorization"]
    assert "proxy-authorization" not in request.headers


@pytest.mark.parametrize(
    ("login", "sent"),
    [
        ("keeper", b"keeper:"),
        ("keeper:", b"keeper:"),
        (":word", b":word"),
        ("k:p%3A%40%2F%25", b"k:p:@/%"),
        ("k%C3%A9:%E2%82%AC", "ké:€".encode()),
        ("k:%E9", b"k:\xe9"),
    ],
)
def test_a_login_may_have_any_bytes(server, get, login, sent):
    """They are sent as they are percent-encoded, also without a password."""
    refusal = b"HTTP/1.1 403 No\r\n\r\n"
    with ConnectProxy(refusal) as proxy, pytest.raises(ConnectionBroken, match="CONNECT with 403"):
        get(server.url, proxy=f"http://{login}@{proxy.address}")

    (head,) = proxy.requests
    assert f"Proxy-Authorization: Basic {b64encode(sent).decode()}\r\n" in head


def test_plain_http_never_goes_through_a_proxy(get):
    """A proxy could read it: the simulated Lighthouse on this host is called directly."""
    with ConnectProxy() as proxy, ScriptedServer(answer(b"[]")) as plain:
        assert b"[]" == get(plain.url, proxy=f"http://{proxy.address}").body

        assert [] == proxy.requests


REFUSALS = {
    b"HTTP/1.1 407 John \x1b[31mSmith 796-04-3735\r\n\r\n": "CONNECT with 407: set its user",
    b"HTTP/1.1 502 https://u:SECRET@proxy\r\nX: 1\r\n\r\n": "it answers CONNECT with 502",
    b"SSH-2.0-OpenSSH_9.2\r\n": "",
    b"": "RemoteDisconnected",
}


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_proxy_that_refuses_is_named_without_its_words(server, get, refusal):
    """Neither its reason phrase nor the credentials of the setting are in the message."""
    refused = ScriptedServer(lambda sock, _: (sock.sendall(refusal), CLOSE)[1])
    with refused as proxy, pytest.raises(ConnectionBroken) as caught:
        get(server.url, proxy=f"http://keeper:SECRET@127.0.0.1:{proxy.port}")

    assert [] == server.requests
    message = str(caught.value)
    assert re.match("(the|through the) proxy: ", message)
    assert REFUSALS[refusal] in message
    for words in ("John", "Smith", "796", "\x1b", "SECRET", "OpenSSH"):
        assert words not in message


def test_a_proxy_that_is_down_or_silent_ends_the_call(server, get):
    """A refused connection is named as the proxy's; silence ends at the call's deadline."""
    with ScriptedServer() as closed:
        pass
    with pytest.raises(ConnectionBroken, match="the proxy: ConnectionRefusedError"):
        get(server.url, proxy=f"http://127.0.0.1:{closed.port}")
    with ScriptedServer(lambda _sock, _request: None) as silent, pytest.raises(CallTimeout):
        get(server.url, proxy=f"http://127.0.0.1:{silent.port}", deadline_seconds=0.3)


@pytest.mark.parametrize("interim", [(102,), (103,), (100, 103, 103), (102, 100)])
def test_interim_answers_are_skipped(get, interim):
    """102 and 103 come before the answer, as 100 does, with headers of their own."""
    before = b"".join(
        b"HTTP/1.1 %d Interim\r\nLink: </style.css>\r\nX-Two: 2\r\n\r\n" % status
        for status in interim
    )
    with ScriptedServer(before + answer(b"[1]", "X-Is: it")) as plain:
        got = get(plain.url)

        assert (200, b"[1]", "it") == (got.status, got.body, got.headers["X-Is"])
        assert "Link" not in got.headers


def test_no_other_variable_of_the_environment_adds_a_root(authority, server, get, monkeypatch):
    """Neither those of requests and curl nor OpenSSL's own are read."""
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setitem(os.environ, name, str(Path(authority.root_file())))

    with pytest.raises(CertificateRefused):
        get(server.url)
