"""The client: every possible answer ends in an outcome, and none raises."""

import contextlib
import json
import time
from collections.abc import Callable
from typing import NamedTuple

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scripted_server import CLOSE, ScriptedServer, answer

from lightkeeper.domain.answer import (
    ANSWERED,
    Absence,
    Answer,
    CallOutcome,
    CallProblem,
    StatusReport,
)
from lightkeeper.simulation.lighthouse.server import SimulatedLighthouse
from lightkeeper.upstream.benefits_documents.client import LighthouseClient
from lightkeeper.upstream.http import HTTPTransport
from lightkeeper.upstream.oauth import TokenSource
from lightkeeper.upstream.rate_limit import RateBudget

DEADLINE = 0.6
UNKNOWN_ID = 404_404
GRANT = answer(b'{"access_token":"abc","expires_in":600}')
CLOSED = "Connection: close"  # else the next call may come before the close is seen
NOT_FOUND = {
    "detail": "Upload Request Async Status Not Found",
    "status": 404,
    "title": "Not Found",
    "instance": "0d5ba5e6-19a5-4d5b-a6c5-1f6ec4b1a5c1",
    "diagnostics": "dGhpcyBpcyBub3RoaW5n",
}


@pytest.fixture
def lighthouse():
    """A simulated Lighthouse with the finished documents 1, 2 and 3."""
    with SimulatedLighthouse() as running:
        for request_id in (1, 2, 3):
            running.add(request_id, "instantly_done")
        yield running


@contextlib.contextmanager
def _client(
    url, lighthouse=SimulatedLighthouse, token_url=None, private_key=None, deadline=DEADLINE
):
    """A client of the server at `url`, made of the parts the daemon has."""
    with contextlib.closing(HTTPTransport(deadline_seconds=deadline)) as transport:
        tokens = TokenSource(
            transport,
            token_url=token_url or f"{url}/token",
            audience=lighthouse.audience,
            client_id=lighthouse.client_id,
            private_key=private_key or SimulatedLighthouse().private_key_pem,
            wall_clock=time.time,
        )
        yield LighthouseClient(transport, tokens, RateBudget(), url=url)


@pytest.fixture
def client(lighthouse):
    """A client of that Lighthouse."""
    with _client(lighthouse.url, lighthouse, lighthouse.token_url) as made:
        yield made


@contextlib.contextmanager
def _answering(raw):
    """A client whose every call is answered with these bytes, once it has its token."""

    def reply(sock, request):
        sock.sendall(GRANT if "/token" in request.line else raw)

    with ScriptedServer(reply) as server, _client(server.url) as client:
        yield client, server


class Way(NamedTuple):
    """How a server is made to answer, and the outcome of that answer."""

    outcome: CallOutcome
    prepare: Callable[[SimulatedLighthouse, str], object]
    polled: int = 1


def _fails(status, body=None, path=None):
    return lambda lighthouse, polled: lighthouse.fail_next(9, status, body, path=path or polled)


def _down(kind, path=None):
    return lambda lighthouse, polled: lighthouse.down(kind, path or polled)


WAYS = {
    "an answer": Way(CallOutcome.OK, lambda *_: None),
    "a token that ended": Way(
        CallOutcome.OK, lambda lh, polled: lh.fail_next(1, 401, path=polled)
    ),
    "an unknown id": Way(CallOutcome.NOT_FOUND, lambda *_: None, UNKNOWN_ID),
    "413": Way(CallOutcome.TOO_LARGE, _fails(413)),
    "429": Way(CallOutcome.RATE_LIMITED, _fails(429)),
    "429 for the token": Way(CallOutcome.RATE_LIMITED, _fails(429, path="token")),
    "token refused": Way(CallOutcome.UNAUTHORIZED, lambda lh, _: lh.reject_tokens()),
    "401": Way(CallOutcome.UNAUTHORIZED, _fails(401)),
    "403": Way(CallOutcome.UNAUTHORIZED, _fails(403)),
    "assertion refused, 400": Way(CallOutcome.UNAUTHORIZED, _fails(400, path="token")),
    "assertion refused, 401": Way(CallOutcome.UNAUTHORIZED, _fails(401, path="token")),
    "assertion refused, 403": Way(CallOutcome.UNAUTHORIZED, _fails(403, path="token")),
    "500 for the token": Way(CallOutcome.TOKEN_UNAVAILABLE, _fails(500, path="token")),
    "404 for the token": Way(CallOutcome.TOKEN_UNAVAILABLE, _fails(404, path="token")),
    "HTML for the token": Way(CallOutcome.TOKEN_UNAVAILABLE, _down("garbage", "token")),
    "redirect for the token": Way(CallOutcome.TOKEN_UNAVAILABLE, _down("redirect", "token")),
    "400": Way(CallOutcome.REJECTED, _fails(400)),
    "405": Way(CallOutcome.REJECTED, _fails(405)),
    "422": Way(CallOutcome.REJECTED, _fails(422)),
    "499": Way(CallOutcome.REJECTED, _fails(499)),
    "500": Way(CallOutcome.SERVER_ERROR, _fails(500)),
    "502": Way(CallOutcome.SERVER_ERROR, _fails(502)),
    "503": Way(CallOutcome.SERVER_ERROR, _fails(503, b"<html>maintenance</html>")),
    "504": Way(CallOutcome.SERVER_ERROR, _fails(504)),
    "599": Way(CallOutcome.SERVER_ERROR, _fails(599, b"")),
    "HTML": Way(CallOutcome.MALFORMED, _down("garbage")),
    "no bytes": Way(CallOutcome.MALFORMED, _fails(200, b"")),
    "half of an answer": Way(CallOutcome.MALFORMED, _fails(200, b'{"data":{"statuses":[')),
    "a list": Way(CallOutcome.MALFORMED, _fails(200, b"[]")),
    "no data": Way(CallOutcome.MALFORMED, _fails(200, {"message": "hello"})),
    "data of a wrong kind": Way(CallOutcome.MALFORMED, _fails(200, {"data": "hello"})),
    "too much": Way(CallOutcome.MALFORMED, _fails(200, b"[" + bytes(9_000_000))),
    "nested too deep": Way(CallOutcome.MALFORMED, _fails(200, b"[" * 200_000)),
    "silence": Way(CallOutcome.TIMEOUT, _down("hang")),
    "a trickle": Way(CallOutcome.TIMEOUT, _down("trickle")),
    "silence for the token": Way(CallOutcome.TIMEOUT, _down("hang", "token")),
    "a closed connection": Way(CallOutcome.CONNECTION, _down("refuse")),
    "half of the body": Way(CallOutcome.CONNECTION, _down("close_mid_body")),
    "a closed connection for the token": Way(CallOutcome.CONNECTION, _down("refuse", "token")),
    "a closed port": Way(CallOutcome.CONNECTION, lambda lh, _: lh.stop()),
    "a redirect": Way(CallOutcome.UNEXPECTED, _down("redirect")),
    "a gateway's 404": Way(CallOutcome.UNEXPECTED, _fails(404, {"message": "no Route matched"})),
    "404 in HTML": Way(CallOutcome.UNEXPECTED, _fails(404, b"<html>not here</html>")),
    "404 in the short shape": Way(CallOutcome.UNEXPECTED, _fails(404, {"error": "Not Found"})),
    "404 without a reason": Way(CallOutcome.UNEXPECTED, _fails(404, {"errors": []})),
    "201": Way(CallOutcome.UNEXPECTED, _fails(201, {"data": {}})),
    "204": Way(CallOutcome.UNEXPECTED, _fails(204, b"")),
    "304": Way(CallOutcome.UNEXPECTED, _fails(304, b"")),
}


@pytest.mark.parametrize("alone", [False, True], ids=["many", "alone"])
@pytest.mark.parametrize("name", WAYS)
def test_every_answer_has_its_outcome(client, lighthouse, name, alone):
    """Each way to answer gives the outcome of its row, with a reason unless it is ok."""
    way = WAYS[name]
    way.prepare(lighthouse, "single" if alone else "status")
    polled = client.poll_one(way.polled) if alone else client.poll_batch([way.polled])

    assert way.outcome is polled.outcome
    answered = way.outcome in ANSWERED
    assert ([way.polled] if answered else []) == list(polled.observations)
    assert (way.outcome is CallOutcome.OK) == (polled.problem is None)
    assert polled.problem is None or polled.problem.detail


def test_the_table_covers_every_outcome():
    """Each outcome has a row."""
    assert set(CallOutcome) == {way.outcome for way in WAYS.values()}


def test_a_batch_is_polled_as_the_contract_says():
    """One POST with all ids as numbers, JSON both ways, and the token as bearer."""
    with _answering(answer(b'{"data":{}}')) as (client, server):
        client.poll_batch([600_000_001, 7])
        client.poll_one(7)
    _, many, alone = server.requests

    assert "POST /services/benefits-documents/v1/uploads/status HTTP/1.1" == many.line
    assert {"data": {"requestIds": [600_000_001, 7]}} == orjson.loads(many.body)
    assert "GET /services/benefits-documents/v1/uploads/7/status HTTP/1.1" == alone.line
    assert b"" == alone.body
    for request in (many, alone):
        assert "Bearer abc" == request.headers["authorization"]
        assert "application/json" == request.headers["accept"]
    assert "application/json" == many.headers["content-type"]


def test_a_slash_after_the_address_makes_no_difference(lighthouse):
    """The address may be written with or without one."""
    with _client(lighthouse.url + "/", lighthouse, lighthouse.token_url) as client:
        assert CallOutcome.OK is client.poll_batch([1]).outcome


def test_each_document_gets_its_own_report(client, lighthouse):
    """Reports and absences are under their own ids, in any mixture."""
    lighthouse.omit(2)
    lighthouse.answer(3, {"requestId": 3, "status": None})
    polled = client.poll_batch([1, 2, 3, UNKNOWN_ID])

    assert (CallOutcome.OK, None, 0) == (polled.outcome, polled.problem, polled.unrequested_count)
    report = polled.observations.pop(1)
    assert isinstance(report, StatusReport)
    assert (1, "SUCCESS") == (report.request_id, report.status)
    assert {
        2: Absence.MISSING,
        3: Absence.MALFORMED,
        UNKNOWN_ID: Absence.NOT_FOUND,
    } == polled.observations


def test_ids_as_strings_are_understood(client, lighthouse):
    """Ids may come back in quotes, in either list."""
    lighthouse.as_strings = True
    polled = client.poll_batch([1, UNKNOWN_ID])

    assert "SUCCESS" == polled.observations[1].status
    assert Absence.NOT_FOUND is polled.observations[UNKNOWN_ID]
    assert "SUCCESS" == client.poll_one(1).observations[1].status


def test_ids_that_were_not_polled_are_counted_and_left_out(client, lighthouse):
    """Entries of other ids disturb nothing; the answer says how many there were."""
    lighthouse.also_answer({"requestId": 999, "status": "FAILED"})
    lighthouse.also_answer({"requestId": "one", "status": "FAILED"})
    lighthouse.also_answer(b"null")
    polled = client.poll_batch([1])

    assert (CallOutcome.OK, [1], 3) == (
        polled.outcome,
        list(polled.observations),
        polled.unrequested_count,
    )
    assert "SUCCESS" == polled.observations[1].status


@pytest.mark.parametrize("data", [b"{}", b'{"statuses":[]}', b'{"statuses":null}'])
def test_an_id_in_neither_list_is_missing(data):
    """Lists may be empty, null or absent: then every document is missing."""
    with _answering(answer(b'{"data":%s}' % data)) as (client, _):
        polled = client.poll_batch([1, 2])

    assert CallOutcome.OK is polled.outcome
    assert {1: Absence.MISSING, 2: Absence.MISSING} == polled.observations


def test_404_in_lighthouses_words_is_an_answer():
    """When it knows none of the ids, Lighthouse says 404: each of them is not found."""
    raw = answer(orjson.dumps({"errors": [NOT_FOUND]}), status=404)
    with _answering(raw) as (client, _):
        polled, alone = client.poll_batch([1, 2]), client.poll_one(3)

    problem = CallProblem(
        404, NOT_FOUND["detail"], NOT_FOUND["instance"], NOT_FOUND["diagnostics"]
    )
    absent = dict.fromkeys([1, 2], Absence.NOT_FOUND)
    assert Answer(CallOutcome.NOT_FOUND, absent, problem) == polled
    assert Answer(CallOutcome.NOT_FOUND, {3: Absence.NOT_FOUND}, problem) == alone


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (
            400,
            b'{"errors":[{"detail":"bad","instance":"i-1","diagnostics":"d-1"},{"detail":"x"}]}',
            CallProblem(400, "bad", "i-1", "d-1"),
        ),
        (502, b'{"errors":[{"title":"Bad Gateway"}]}', CallProblem(502, "Bad Gateway")),
        (
            504,
            b'{"message":"The server took too long"}',
            CallProblem(504, "The server took too long"),
        ),
        (
            500,
            b'{"status":500,"error":"Failed to verify payload."}',
            CallProblem(500, "Failed to verify payload."),
        ),
        (500, b"{}", CallProblem(500, "no reason given")),
        (500, b'{"errors":[7],"message":["x"],"error":{}}', CallProblem(500, "no reason given")),
        (500, b"<html>", CallProblem(500, "no JSON in the answer")),
        (500, b"", CallProblem(500, "no JSON in the answer")),
        (500, b"[]", CallProblem(500, "no JSON object in the answer")),
        (302, b"", CallProblem(302, "no JSON in the answer")),
    ],
)
def test_what_support_needs_is_kept(status, body, expected):
    """Reason, instance and diagnostics are read from each of the three shapes an error has."""
    with _answering(answer(body, status=status)) as (client, _):
        assert expected == client.poll_batch([1]).problem
        assert expected == client.poll_one(1).problem


def test_a_body_that_is_no_answer_is_described_not_quoted():
    """The problem has size and kind alone of a senseless 200: it may hold anything."""
    raw = answer(b"<p>Jane Doe</p>", "Content-Type: text/html; charset=utf-8")
    with _answering(raw) as (client, _):
        problem = client.poll_batch([1]).problem

    reason = "200, but the body (15 bytes, text/html; charset=utf-8) is no answer"
    assert CallProblem(200, reason) == problem


def test_polled_alone_an_answer_for_another_is_malformed():
    """The answer has to have the id that was polled."""
    with _answering(answer(b'{"data":{"requestId":2,"status":"SUCCESS"}}')) as (client, _):
        assert CallOutcome.MALFORMED is client.poll_one(1).outcome


def test_a_document_that_spoils_its_batch_can_be_polled_alone(client, lighthouse):
    """A document that makes its batch fail may be answered alone."""
    lighthouse.poison(2, 500, single_ok=True)

    assert CallOutcome.SERVER_ERROR is client.poll_batch([1, 2, 3]).outcome
    assert "SUCCESS" == client.poll_one(2).observations[2].status
    assert CallOutcome.OK is client.poll_batch([1, 3]).outcome


def test_too_many_ids_are_refused_and_fewer_are_not():
    """More ids than Lighthouse takes end as 413."""
    with (
        SimulatedLighthouse(max_ids=2) as lighthouse,
        _client(lighthouse.url, lighthouse, lighthouse.token_url) as client,
    ):
        lighthouse.add_many(3)
        assert CallOutcome.TOO_LARGE is client.poll_batch([1, 2, 3]).outcome
        assert CallOutcome.NOT_FOUND is client.poll_batch([1, 2]).outcome


@pytest.mark.parametrize("path", ["status", "token"])
def test_a_429_pauses_the_budget_from_either_endpoint(client, lighthouse, path):
    """429 with `Retry-After` pauses the budget, for the token endpoint as for the status."""
    lighthouse.fail_next(1, 429, headers={"Retry-After": "30"}, path=path)
    client.poll_batch([1])

    assert 1.0 < client.budget.wait_seconds() <= 30.0


def test_the_whole_call_has_one_deadline(client, lighthouse):
    """Token, refusal, new token and second request share one deadline."""
    lighthouse.latency = 0.8 * DEADLINE
    lighthouse.reject_tokens()

    assert CallOutcome.TIMEOUT is client.poll_batch([1]).outcome
    assert len(lighthouse.calls) <= 2


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from([1, "1", 2, "SUCCESS", "FAILED", "IN_PROGRESS", "CLAIMS_EVIDENCE", "\ud800"])
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    *("data", "statuses", "requestIdsNotFound", "requestId", "status", "steps"),
                    *("time", "startTime", "endTime", "error", "errors", "detail", "step", "name"),
                    *("message", "instance", "diagnostics", "access_token", "expires_in"),
                ]
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=12,
)
WRAPPED = st.fixed_dictionaries(
    {"data": st.fixed_dictionaries({"statuses": JSON, "requestIdsNotFound": JSON}) | JSON}
)
BODIES = st.binary(max_size=64) | (JSON | WRAPPED).map(
    lambda value: json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")
)
HEADER_TEXT = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=20)
HEADERS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                *("Content-Type", "Content-Encoding", "Transfer-Encoding", "Location"),
                *("Set-Cookie", "Retry-After", "RateLimit-Remaining", "Connection", "X"),
            ]
        ),
        HEADER_TEXT | st.sampled_from(["gzip", "chunked", "text/html", "application/json", "7"]),
    ),
    max_size=3,
)
STATUSES = st.just(200) | st.sampled_from([200, 404]) | st.integers(101, 999)


@pytest.fixture(scope="module")
def fuzzed():
    """A client, and the server whose answers the examples decide on."""

    def reply(sock, request):
        is_token = "/token" in request.line
        sock.sendall(server.fuzz if is_token == server.fuzzes_token else granted)
        return CLOSE

    granted = answer(b'{"access_token":"abc"}', CLOSED)

    with ScriptedServer(reply) as server, _client(server.url) as client:
        yield client, server


@settings(max_examples=200)
@given(STATUSES, BODIES, HEADERS, st.sampled_from([False, False, False, True]))
@example(200, b'{"data":' + b"[" * 100_000, [], False)
@example(302, b"", [("Location", "http://[\xff")], False)
@example(200, b"-5\r\nabc", [("Transfer-Encoding", "chunked")], False)
@example(200, b'{"access_token":"a\\nb"}', [], True)
def test_no_answer_raises(fuzzed, status, body, headers, fuzzes_token):
    """Any status with any headers and body has an outcome; only answers have observations."""
    client, server = fuzzed
    server.fuzzes_token = fuzzes_token
    lines = [f"{name}: {value}" for name, value in headers]
    server.fuzz = answer(body, *lines, CLOSED, status=status)
    for ids in ([1, 2], [1]):
        client._tokens.drop()
        polled = client.poll_batch(ids) if len(ids) > 1 else client.poll_one(*ids)

        assert isinstance(polled.outcome, CallOutcome)
        assert (ids if polled.outcome in ANSWERED else []) == list(polled.observations)
        assert (polled.outcome is CallOutcome.OK) == (polled.problem is None)
