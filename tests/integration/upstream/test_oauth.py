"""The access token: how it is fetched, cached, renewed and refused; and no secret leaves."""

import contextlib
import time
import traceback
import urllib.parse

import jwt
import orjson
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from scripted_server import ScriptedServer, answer

from lightkeeper.domain.answer import CallOutcome
from lightkeeper.simulation.lighthouse.server import SimulatedLighthouse
from lightkeeper.upstream.benefits_documents.client import LighthouseClient
from lightkeeper.upstream.http import HTTPTransport
from lightkeeper.upstream.oauth import TokenRefused, TokenSource
from lightkeeper.upstream.rate_limit import RateBudget
from lightkeeper.upstream.transport_errors import TransportError

AUDIENCE = "https://deptva-eval.okta.invalid/oauth2/default/v1/token"
CLIENT_ID = "0oa1c01m77heEXUZt2p7"
NOW = 1_800_000_000.0


def _pem(key):
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


@pytest.fixture(scope="module")
def key():
    """A private key."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def transport():
    """A transport with a short deadline."""
    with contextlib.closing(HTTPTransport(deadline_seconds=3.0)) as made:
        yield made


@pytest.fixture
def lighthouse():
    """A simulated Lighthouse with one finished document, 1."""
    with SimulatedLighthouse() as running:
        running.add(1, "instantly_done")
        yield running


class TwoClocks:
    """Two clocks that the test moves."""

    def __init__(self):
        self.monotonic = 100.0
        self.wall = NOW


def _source(transport, server, key, clock=None):
    clock = clock or TwoClocks()
    transport.begin()
    return TokenSource(
        transport,
        token_url=server.url + "/token",
        audience=AUDIENCE,
        client_id=CLIENT_ID,
        private_key=_pem(key),
        wall_clock=lambda: clock.wall,
        monotonic=lambda: clock.monotonic,
    )


def _source_of(transport, lighthouse, private_key=None):
    transport.begin()
    return TokenSource(
        transport,
        token_url=lighthouse.token_url,
        audience=lighthouse.audience,
        client_id=lighthouse.client_id,
        private_key=private_key or lighthouse.private_key_pem,
        wall_clock=time.time,
    )


def _client(transport, tokens, url):
    return LighthouseClient(transport, tokens, RateBudget(), url=url)


def _granted(token="abc", **more):
    body = {"access_token": token, "token_type": "Bearer", "expires_in": 600, **more}
    return answer(orjson.dumps(body), "Content-Type: application/json")


def _paths(lighthouse):
    return [call.path for call in lighthouse.calls]


def test_the_assertion_has_what_va_requires(transport, key):
    """Five claims, signed with RS256, good for five minutes; audience and address differ."""
    clock = TwoClocks()
    clock.wall = NOW + 0.9
    with ScriptedServer(_granted()) as server:
        _source(transport, server, key, clock).token()
        (request,) = server.requests
    form = dict(urllib.parse.parse_qsl(request.body.decode(), strict_parsing=True))
    assertion = form.pop("client_assertion")

    assert "POST /token HTTP/1.1" == request.line
    assert "application/x-www-form-urlencoded" == request.headers["content-type"]
    assert "authorization" not in request.headers
    assert {
        "grant_type": "client_credentials",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "scope": "documents.read",
    } == form
    assert {"alg": "RS256", "typ": "JWT"} == jwt.get_unverified_header(assertion)
    assert {
        "iss": CLIENT_ID,
        "sub": CLIENT_ID,
        "aud": AUDIENCE,
        "iat": NOW,
        "exp": NOW + 300,
    } == jwt.decode(
        assertion,
        key.public_key(),
        algorithms=["RS256"],
        audience=AUDIENCE,
        options={"verify_exp": False, "verify_iat": False},
    )


def test_a_verifying_server_grants_the_token(transport, lighthouse):
    """A server that verifies signature, claims and scope gives a token that opens the API."""
    tokens = _source_of(transport, lighthouse)

    assert CallOutcome.OK is _client(transport, tokens, lighthouse.url).poll_batch([1]).outcome
    assert ["token", "status"] == _paths(lighthouse)


def test_a_token_is_fetched_once(transport, lighthouse):
    """A token serves every call as long as it is valid."""
    tokens = _source_of(transport, lighthouse)
    client = _client(transport, tokens, lighthouse.url)
    for _ in range(5):
        client.poll_batch([1])
        client.poll_one(1)

    assert 1 == _paths(lighthouse).count("token")
    assert 10 == len(_paths(lighthouse)) - 1


@pytest.mark.parametrize(
    ("expires_in", "renewed_after"),
    [
        (600, 540),
        (3600, 3540),
        (120, 60),
        (119, 59.5),
        (30, 15),
        (0.5, 0.25),
        (0, 240),
        (-1, 240),
        (None, 240),
        ("600", 240),
        ([600], 240),
    ],
)
def test_a_token_is_renewed_before_it_ends(transport, key, expires_in, renewed_after):
    """A minute before its end a token is replaced, a short one halfway, one without in four."""
    clock = TwoClocks()
    begun = clock.monotonic
    grants = iter(["first", "second"])

    def grant(sock, _):
        sock.sendall(_granted(next(grants), expires_in=expires_in))

    with ScriptedServer(grant) as server:
        tokens = _source(transport, server, key, clock)
        got = [tokens.token()]
        for later in (renewed_after * 0.99, renewed_after):
            clock.monotonic = begun + later
            clock.wall = NOW - 10_000 * later  # the wall clock does not count
            got.append(tokens.token())

    assert ["first", "first", "second"] == got


def test_a_token_that_ended_early_is_renewed_within_the_call(transport, lighthouse):
    """After a 401 the client fetches one new token and repeats the request in the same call."""
    tokens = _source_of(transport, lighthouse)
    client = _client(transport, tokens, lighthouse.url)
    assert CallOutcome.OK is client.poll_batch([1]).outcome
    lighthouse.expire_tokens()

    assert CallOutcome.OK is client.poll_batch([1]).outcome
    assert CallOutcome.OK is client.poll_one(1).outcome
    assert ["token", "status", "status", "token", "status", "single"] == _paths(lighthouse)


def test_a_second_401_is_final(transport, lighthouse):
    """A new token that is refused too is a fault of authentication, after exactly one renewal."""
    client = _client(transport, _source_of(transport, lighthouse), lighthouse.url)
    lighthouse.reject_tokens()

    refused = client.poll_batch([1])
    assert (CallOutcome.UNAUTHORIZED, {}) == (refused.outcome, refused.observations)
    assert ["token", "status", "token", "status"] == _paths(lighthouse)
    lighthouse.accept_tokens()
    assert CallOutcome.OK is client.poll_batch([1]).outcome


def test_a_refused_assertion_is_unauthorized(transport, lighthouse, key):
    """A key that VA does not know is reported in OAuth's word, and no document is polled."""
    tokens = _source_of(transport, lighthouse, _pem(key))

    with pytest.raises(
        TokenRefused, match=r"^the OAuth token endpoint answered 401: invalid_client$"
    ):
        tokens.token()
    assert (
        CallOutcome.UNAUTHORIZED
        is _client(transport, tokens, lighthouse.url).poll_batch([1]).outcome
    )
    assert {"token"} == set(_paths(lighthouse))


BAD_ANSWERS = {
    "429": answer(b'{"message":"API rate limit exceeded"}', "Retry-After: 7", status=429),
    "500": answer(b"{}", status=500),
    "504 in HTML": answer(b"<html>", "Content-Type: text/html", status=504),
    "garbage": answer(b"\x00\xff{"),
    "HTML": answer(b"<!doctype html><title>Sorry</title>", "Content-Type: text/html"),
    "empty": answer(b""),
    "list": answer(b"[]"),
    "deep": answer(b"[" * 100_000),
    "no token": answer(b'{"token_type":"Bearer"}'),
    "302": answer(_granted().partition(b"\r\n\r\n")[2], "Location: /", status=302),
    "201": answer(_granted().partition(b"\r\n\r\n")[2], status=201),
}


@pytest.mark.parametrize("name", BAD_ANSWERS)
def test_an_answer_without_a_token_is_refused(transport, key, name):
    """It raises `TokenRefused` with the answer, and the next call fetches again."""
    with ScriptedServer(BAD_ANSWERS[name]) as server:
        tokens = _source(transport, server, key)
        with pytest.raises(TokenRefused) as caught:
            tokens.token()
        server.reply = _granted("late")

        assert "late" == tokens.token()
    status = int(BAD_ANSWERS[name][9:12])
    assert status == caught.value.response.status
    assert str(caught.value).startswith(f"the OAuth token endpoint answered {status}: no ")


@pytest.mark.parametrize("kind", ["refuse", "hang", "trickle", "close_mid_body"])
def test_a_token_endpoint_that_is_down_is_a_transport_error(transport, lighthouse, kind):
    """No answer at all differs from an answer without a token."""
    lighthouse.down(kind, "token")

    with pytest.raises(TransportError):
        _source_of(transport, lighthouse).token()


@pytest.mark.parametrize(
    "token",
    [
        *("a\nX-Evil: 1", "a\r\nX-Evil: 1", "a\n b", "a\x00b", "a b", "a\tb", "a\x7fb"),
        *("tökn", "t\u2028n", "", 7, True, None, ["a"], {"a": "b"}),
    ],
)
def test_a_hostile_token_never_becomes_a_header(transport, key, token):
    """A token that could end the header, or start another, is no token."""
    with ScriptedServer(_granted(token)) as server:
        polled = _client(transport, _source(transport, server, key), server.url).poll_batch([1])

        assert CallOutcome.TOKEN_UNAVAILABLE is polled.outcome
        assert ["POST /token HTTP/1.1"] == [request.line for request in server.requests]


def _echo(sock, request):
    """Answer with everything that was sent, wherever an error may stand."""
    form = dict(urllib.parse.parse_qsl(request.body.decode()))
    assertion = form["client_assertion"]
    echoed = {"error": assertion, "error_description": assertion, "message": assertion}
    sock.sendall(answer(orjson.dumps(echoed), f"X-Echo: {assertion}", status=400))


@pytest.mark.parametrize(
    "reply",
    [_echo, *BAD_ANSWERS.values(), answer(b"{")[:-1], b"HTTP/1.1 x\r\n\r\n"],
    ids=["echo", *BAD_ANSWERS, "hanging", "no HTTP"],
)
def test_no_secret_is_in_an_exception(transport, key, reply):
    """The exception and its causes have neither key nor assertion in their text."""
    with ScriptedServer(reply) as server:
        with pytest.raises((TokenRefused, TransportError)) as caught:
            _source(transport, server, key).token()
        polled = _client(transport, _source(transport, server, key), server.url).poll_batch([1])
        assertions = [
            dict(urllib.parse.parse_qsl(request.body.decode()))["client_assertion"]
            for request in server.requests
        ]
    said = "".join(traceback.format_exception(caught.value)) + repr(polled)

    for assertion in assertions:
        for part in assertion.split("."):
            assert part[:30] not in said
    for line in _pem(key).splitlines()[1:-1]:
        assert line not in said


def test_a_key_has_to_be_an_rsa_key(transport):
    """Another kind of key is refused when the source is made, not at the first call."""
    with pytest.raises(TypeError, match="RSA"), ScriptedServer() as server:
        _source(transport, server, ec.generate_private_key(ec.SECP256R1()))
