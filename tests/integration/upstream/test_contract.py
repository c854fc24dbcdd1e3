"""The client beside the project's own contract and examples, over real sockets."""

import contextlib
import json
import time

import contract as contracts
import orjson
import pytest
from contract import FORM, SentRequest, example
from scripted_server import ScriptedServer, answer

from lightkeeper.domain.answer import Absence, Answer, CallOutcome, CallProblem, StatusReport
from lightkeeper.simulation.lighthouse.server import SimulatedLighthouse
from lightkeeper.upstream.benefits_documents.client import LighthouseClient
from lightkeeper.upstream.http import HTTPTransport
from lightkeeper.upstream.oauth import TokenSource
from lightkeeper.upstream.rate_limit import RateBudget

TOKEN_PATH = "/oauth2/benefits-documents/system/v1/token"
START = 1_764_000_000_000
CLAIMS_EVIDENCE, GATEWAY = "CLAIMS_EVIDENCE", "BENEFITS_GATEWAY_SERVICE"
GAVE_UP = "Lighthouse tried this step for the last time"


def report(request_id, status, steps=(), times=(None, None), error=(None, None)):
    """What the client makes of one status, without the entry that it keeps as it came."""
    return StatusReport(request_id, status, steps, *times, *error, raw="")


def words(claims_evidence, gateway):
    """The two steps with their statuses."""
    return (CLAIMS_EVIDENCE, claims_evidence), (GATEWAY, gateway)


def stored(request_id):
    """The report of a document that is in the eFolder and known to BGS."""
    both = words("SUCCESS", "SUCCESS")
    return report(request_id, "SUCCESS", both, (START, START + 16_400))


def absent(why, *request_ids):
    """The same absence for each id."""
    return dict.fromkeys(request_ids, why)


# What the client makes of an example: the outcome, and what it says of each id.
READ = {
    "bad_gateway_502": (CallOutcome.SERVER_ERROR, {}),
    "forbidden_403": (CallOutcome.UNAUTHORIZED, {}),
    "internal_error_500": (CallOutcome.SERVER_ERROR, {}),
    "payload_unverified_500": (CallOutcome.SERVER_ERROR, {}),
    "rate_limited_429": (CallOutcome.RATE_LIMITED, {}),
    "refused_400": (CallOutcome.REJECTED, {}),
    "single_complete_200": (CallOutcome.OK, {710000101: stored(710000101)}),
    "single_not_found_404": (CallOutcome.NOT_FOUND, absent(Absence.NOT_FOUND, 710000999)),
    "status_all_not_found_404": (
        CallOutcome.NOT_FOUND,
        absent(Absence.NOT_FOUND, 710000998, 710000999),
    ),
    "status_complete_200": (CallOutcome.OK, {710000101: stored(710000101)}),
    "status_failed_bgs_200": (
        CallOutcome.OK,
        {
            710000105: report(
                *(710000105, "FAILED", words("SUCCESS", "FAILED")),
                times=(START, START + 172_800_000),
                error=(GATEWAY, GAVE_UP),
            )
        },
    ),
    "status_failed_claims_evidence_200": (
        CallOutcome.OK,
        {
            710000104: report(
                *(710000104, "FAILED", words("FAILED", "NOT_STARTED")),
                times=(START, START + 31_861_000),
                error=(CLAIMS_EVIDENCE, GAVE_UP),
            )
        },
    ),
    "status_in_progress_200": (
        CallOutcome.OK,
        {
            710000102: report(
                *(710000102, "IN_PROGRESS", words("SUCCESS", "IN_PROGRESS")),
                times=(START + 60_000, None),
            ),
            710000103: report(
                *(710000103, "IN_PROGRESS", words("NOT_STARTED", "NOT_STARTED")),
                times=(START + 61_000, None),
            ),
        },
    ),
    "status_in_progress_null_200": (
        CallOutcome.OK,
        {
            710000102: report(
                *(710000102, "IN_PROGRESS", words("IN_PROGRESS", "NOT_STARTED")),
                times=(START + 60_000, None),
            )
        },
    ),
    "status_partly_not_found_200": (
        CallOutcome.OK,
        {710000101: stored(710000101), 710000999: Absence.NOT_FOUND},
    ),
    "status_silent_200": (CallOutcome.OK, absent(Absence.MISSING, 710000108)),
    "status_sparse_200": (
        CallOutcome.OK,
        {
            710000106: report(710000106, "FAILED"),
            710000107: report(710000107, "IN_PROGRESS", times=(START, None)),
        },
    ),
    "timed_out_504": (CallOutcome.SERVER_ERROR, {}),
    "token_200": (CallOutcome.OK, absent(Absence.MISSING, 710000101)),
    "token_refused_401": (CallOutcome.UNAUTHORIZED, {}),
    "token_scope_refused_400": (CallOutcome.UNAUTHORIZED, {}),
    "too_large_413": (CallOutcome.TOO_LARGE, {}),
    "unauthorized_401": (CallOutcome.UNAUTHORIZED, {}),
}
NOT_READ = {"upload_200"}  # the client uploads nothing


@pytest.fixture(scope="module")
def contract():
    """The project's own contract."""
    return contracts.own()


@contextlib.contextmanager
def client_of(*names):
    """A client of a server that answers as the examples of these names; a token needs none."""
    grants, others = [wire("token_200")], [wire("status_silent_200")]
    for name in names:
        (grants if "/oauth2/" in example(name)["request"]["path"] else others)[:] = [wire(name)]

    def reply(sock, request):
        sock.sendall((grants if TOKEN_PATH in request.line else others)[0])

    with (
        ScriptedServer(reply) as server,
        contextlib.closing(HTTPTransport()) as transport,
    ):
        tokens = TokenSource(
            transport,
            token_url=server.url + TOKEN_PATH,
            audience=SimulatedLighthouse.audience,
            client_id=SimulatedLighthouse.client_id,
            private_key=SimulatedLighthouse().private_key_pem,
            wall_clock=time.time,
        )
        yield LighthouseClient(transport, tokens, RateBudget(), url=server.url), server


def wire(name):
    """The answer of an example, byte by byte."""
    response = example(name)["response"]
    headers = [f"{header}: {value}" for header, value in response["headers"].items()]
    return answer(json.dumps(response["body"]).encode(), *headers, status=response["status"])


def polled_like(client, name):
    """Poll as the example does; an example of another request polls one document."""
    request = example(name)["request"]
    if request["method"] == "GET":
        return client.poll_one(int(request["path"].split("/")[-2]))
    ids = request["body"].get("data", {}).get("requestIds", [])
    return client.poll_batch([int(one) for one in ids if str(one).isdigit()] or [710000101])


def requests_of(server):
    """What the client sent, as the contract's checks take it."""
    return [
        SentRequest(*request.line.split()[:2], request.headers, request.body)
        for request in server.requests
    ]


def without_raw(observations):
    """Observations without the entries that are kept as they came."""
    return {
        request_id: seen._replace(raw="") if isinstance(seen, StatusReport) else seen
        for request_id, seen in observations.items()
    }


def test_every_example_is_read():
    """The table has a row for each example of the contract."""
    assert sorted(READ.keys() | NOT_READ) == contracts.EXAMPLES


@pytest.mark.parametrize("name", READ)
def test_each_example_is_read_for_what_it_says(name):
    """The answer of an example gives its outcome and its observation of each document."""
    with client_of(name) as (client, _):
        seen = polled_like(client, name)
    outcome, observations = READ[name]

    assert outcome is seen.outcome
    assert observations == without_raw(seen.observations)
    assert 0 == seen.unrequested_count
    assert (outcome is CallOutcome.OK) == (seen.problem is None)


@pytest.mark.parametrize("name", READ)
def test_every_request_keeps_the_contract(contract, name):
    """After any answer the client sends only requests that the contract allows."""
    with client_of(name) as (client, server):
        polled_like(client, name)
        client.poll_one(710000101)
        client.poll_batch([1, 710000101, 2**63 - 1])
    sent = requests_of(server)

    assert 3 <= len(sent)
    assert [] == [fault for request in sent for fault in contract.request_offences(request)]


def test_the_client_makes_each_of_its_operations(contract):
    """It fetches a token with the least scope, and polls a batch and one document."""
    with client_of() as (client, server):
        client.poll_batch([1])
        client.poll_one(1)
    sent = requests_of(server)

    assert [
        ("post", TOKEN_PATH),
        ("post", "/uploads/status"),
        ("get", "/uploads/{requestId}/status"),
    ] == [contract.operation_of(request) for request in sent]
    assert FORM == sent[0].headers["content-type"]
    assert b"scope=documents.read" in sent[0].body.split(b"&")
    assert "Bearer made-up-token-of-an-example" == sent[1].headers["authorization"]


def test_an_entry_is_kept_as_it_came():
    """The observation has the whole entry, for `lightkeeper show`."""
    with client_of("status_failed_bgs_200") as (client, _):
        seen = polled_like(client, "status_failed_bgs_200")
    (entry,) = example("status_failed_bgs_200")["response"]["body"]["data"]["statuses"]

    assert entry == orjson.loads(seen.observations[710000105].raw)


@pytest.mark.parametrize(
    ("name", "detail"),
    [
        ("timed_out_504", "No answer in time"),
        ("rate_limited_429", "Come back later"),
        ("payload_unverified_500", "The payload was not verified"),
    ],
)
def test_a_short_error_gives_its_reason(name, detail):
    """The reason is read from the gateway's shape and from the bare one."""
    with client_of(name) as (client, _):
        seen = polled_like(client, name)
    status = example(name)["response"]["status"]

    assert Answer(READ[name][0], {}, CallProblem(status, detail)) == seen


@pytest.mark.parametrize(
    "name",
    ["bad_gateway_502", "internal_error_500", "refused_400", "status_all_not_found_404"],
)
def test_a_long_error_gives_what_support_needs(name):
    """Reason, instance and diagnostics are read from Lighthouse's own shape."""
    with client_of(name) as (client, _):
        seen = polled_like(client, name)
    (error,) = example(name)["response"]["body"]["errors"]

    assert (
        CallProblem(error["status"], error["detail"], error["instance"], error["diagnostics"])
        == seen.problem
    )


def test_the_limit_of_an_example_is_obeyed():
    """The client waits as long as the headers say, and knows how many calls are left."""
    with client_of("rate_limited_429") as (client, _):
        polled_like(client, "rate_limited_429")

        assert 0 == client.budget.remaining
        assert 0.0 < client.budget.wait_seconds() <= 5.0


@pytest.mark.parametrize(("name", "renewed"), [("unauthorized_401", 2), ("forbidden_403", 1)])
def test_a_refused_token_is_renewed_once(name, renewed):
    """After 401 the client gets one new token and tries once more; after 403 it does not."""
    with client_of(name) as (client, server):
        polled_like(client, name)
    granted = [request for request in server.requests if TOKEN_PATH in request.line]

    assert (renewed, 2 * renewed) == (len(granted), len(server.requests))
