"""A firewall in Lighthouse's place, and a wrong clock: named, and no document's fault."""

import contextlib
from email.utils import formatdate

import pytest
from scripted_server import ScriptedServer, answer

from lightkeeper.domain.answer import CallOutcome
from lightkeeper.simulation.lighthouse.server import SimulatedLighthouse
from lightkeeper.upstream.benefits_documents.client import LighthouseClient
from lightkeeper.upstream.http import HTTPTransport
from lightkeeper.upstream.oauth import TokenSource
from lightkeeper.upstream.rate_limit import RateBudget

PAGE = b"<html><title>Request Rejected</title>Your support ID is: 1852631410397829843</html>"
JSON = b'{"errors":[{"title":"Request Rejected","detail":"Your support ID is: 18526314103978"}]}'
NOW = 1_800_000_000
GRANT = answer(b'{"access_token":"abc","expires_in":600}')


@pytest.fixture(scope="module")
def key():
    """A private key, made once."""
    return SimulatedLighthouse().private_key_pem


@pytest.fixture
def client(key):
    """A function that makes a client whose token and status calls are answered with these."""
    with contextlib.ExitStack() as open_:

        def made(status, token=GRANT):
            server = ScriptedServer(
                lambda sock, request: sock.sendall(token if "/token" in request.line else status)
            )
            open_.enter_context(server)
            transport = open_.enter_context(contextlib.closing(HTTPTransport()))
            tokens = TokenSource(
                transport,
                token_url=f"{server.url}/token",
                audience="aud",
                client_id="keeper",
                private_key=key,
                wall_clock=lambda: NOW,
            )
            return LighthouseClient(transport, tokens, RateBudget(), url=server.url)

        yield made


@pytest.mark.parametrize("body", [PAGE, JSON], ids=["page", "JSON"])
@pytest.mark.parametrize("status", [200, 400, 403, 404, 407, 503])
def test_a_firewalls_answer_is_about_no_document(client, body, status):
    """Whatever its status, also 404: it is named in words that a log may have."""
    blocked = client(answer(body, status=status))

    for polled in (blocked.poll_batch([1, 2]), blocked.poll_one(3)):
        assert (CallOutcome.UNEXPECTED, {}) == (polled.outcome, polled.observations)
        said = polled.problem.for_logs()["detail"]
        assert f"a firewall or proxy answered {status} in Lighthouse's place" in said
        assert "support id 18526314103978" in said


@pytest.mark.parametrize("body", [PAGE, JSON], ids=["page", "JSON"])
@pytest.mark.parametrize("status", [200, 401, 403])
def test_a_firewall_at_the_token_endpoint_refuses_no_key(client, body, status):
    """It is named as well, and the client id and key are not blamed."""
    polled = client(answer(), token=answer(body, status=status)).poll_batch([1])

    assert CallOutcome.UNEXPECTED is polled.outcome
    assert "in the OAuth token endpoint's place (support id 18526" in polled.problem.detail


REFUSED = b'{"error":"invalid_client"}'
REFUSALS = {REFUSED: "invalid_client", b"": "no JSON object", b"<p>no": "no JSON object"}
FORBIDDEN = b'{"errors":[{"detail":"no John Smith","diagnostics":"7YODuWbVvC0k+iFgaQC0SrlA"}]}'


@pytest.mark.parametrize(
    ("off", "said"),
    [
        (61, "this host's clock is 61 s behind the server's: set it (NTP)"),
        (-7_200, "this host's clock is 7200 s ahead of the server's: set it (NTP)"),
    ],
)
def test_a_wrong_clock_is_named_where_something_is_refused(client, off, said):
    """By the server's `Date`, beyond a minute, for an assertion and for a token."""
    date = f"Date: {formatdate(NOW + off, usegmt=True)}"
    for body, reason in REFUSALS.items():
        assertion = client(answer(), token=answer(body, date, status=401)).poll_batch([1])
        assert CallOutcome.UNAUTHORIZED is assertion.outcome
        assert assertion.problem.for_logs()["detail"].endswith(f"401: {reason}: {said}")
    token = client(answer(FORBIDDEN, date, status=403)).poll_batch([1])

    assert CallOutcome.UNAUTHORIZED is token.outcome
    logged = token.problem.for_logs()
    assert f"the access token was refused (403): {said}" == logged["detail"]
    assert "7YODuWbVvC0k+iFgaQC0SrlA" == logged["diagnostics"]


@pytest.mark.parametrize("off", [60, 0, -60])
def test_a_clock_that_is_nearly_right_is_not_named(client, off):
    """Up to a minute no assertion is refused for it; nor is it named without a `Date`."""
    for date in (f"Date: {formatdate(NOW + off, usegmt=True)}", "Date: soon", "X: 1"):
        refused = client(answer(FORBIDDEN, date, status=403)).poll_batch([1])

        assert (403, "no John Smith") == refused.problem[:2]


def test_an_answer_at_another_time_is_an_answer(client):
    """A wrong clock is of no interest while nothing is refused."""
    date = f"Date: {formatdate(0, usegmt=True)}"

    assert CallOutcome.OK is client(answer(b'{"data":{}}', date)).poll_batch([1]).outcome
