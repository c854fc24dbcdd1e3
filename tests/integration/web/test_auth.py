"""Who may call: every refusal says why, takes a while, and repeats nothing of the token."""

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from store_rows import HOUR, ended, new
from web_rig import NOW, WebRig

from lightkeeper.casework.triage import Action, decide, note
from lightkeeper.config import api_tokens
from lightkeeper.config.api_tokens import Scope
from lightkeeper.domain.answer import CallProblem
from lightkeeper.domain.policy import USUAL
from lightkeeper.store.documents import Documents
from lightkeeper.store.expected import ExpectedDocuments
from lightkeeper.store.triage import TriageStore
from lightkeeper.web.limits import REFUSED_AFTER_SECONDS

PATH = "/v1/benefits-documents/5"
WORDS = "unknown_words"


@pytest.fixture
def web(tmp_path):
    """The API."""
    with WebRig(tmp_path) as rig:
        yield rig


def test_each_wrong_token_is_refused_after_a_while(web):
    """No token, wrong scope, an ended one, one of another environment, one never made."""
    _, never_made = api_tokens.made("other", frozenset(Scope), "tests", NOW, NOW + 1)
    wrong = {
        None: (401, "there is no token: send `Authorization"),
        "secret-word": (401, "the token is none of lightkeeper's"),
        "": (401, "there is no token"),
        "lightkeeper_tests_\u00e9": (401, "the token is none of lightkeeper's"),
        never_made[:-1]: (
            401,
            "the token is none of lightkeeper's, or was cut: check that it was copied whole, or "
            "ask those who run lightkeeper for one",
        ),
        never_made: (401, "the token is not known"),
        web.token("ended", Scope.READ, ends=NOW): (
            401,
            "the token has ended: ask those who run lightkeeper for one",
        ),
        web.token("staging", Scope.READ, environment="staging"): (
            401,
            "the token is of another environment",
        ),
        web.token("feed", Scope.TRACK, Scope.CHANGES): (
            403,
            "the token feed lacks the scope read: use one that has it, or ask those who run",
        ),
    }

    def refused(bearer):
        began = time.monotonic()
        answer = web.get(PATH, token=bearer)
        return answer, time.monotonic() - began

    with ThreadPoolExecutor(len(wrong)) as callers:
        for (bearer, (status, says)), (answer, took) in zip(
            wrong.items(), callers.map(refused, wrong), strict=True
        ):
            assert status == answer.status
            assert answer.data["detail"].startswith(says)
            assert took >= REFUSED_AFTER_SECONDS
            assert ("www-authenticate" in answer.headers) == (status == 401)
            assert not bearer or bearer not in str(answer)


def test_another_kind_of_authorization_is_no_token(web):
    """What is no bearer token is refused as one that is missing, or of a wrong type."""
    send = "send `Authorization: Bearer TOKEN`"
    missing = f"there is no token: {send}"
    other = f"the type of the header Authorization must be Bearer: {send}"
    headers = {
        **dict.fromkeys(["", "Bearer", "bearer", "Bearer  "], (401, missing)),
        **dict.fromkeys(["Basic dTpw", "Token x", "\xff", web.every], (401, other)),
    }

    def refusal(header):
        answer = web.get(PATH, token=None, headers={"Authorization": header})
        return answer.status, answer.data["detail"]

    with ThreadPoolExecutor(len(headers)) as callers:
        assert list(headers.values()) == list(callers.map(refusal, headers))


@pytest.mark.parametrize("path", ["/v1/documents", "/v1/submissions/query"])
@pytest.mark.parametrize("body", [b'{"submissions":[', b"[" * 100_000, b'{"x": 1}'])
def test_a_body_is_not_looked_at_without_a_token(web, path, body):
    """However wrong it is, the refusal is that of the token, and takes as long."""
    began = time.monotonic()
    answer = web.post(path, body, token=None, headers={"Content-Type": "application/json"})

    assert (401, "there is no token: send `Authorization: Bearer TOKEN`") == (
        answer.status,
        answer.data["detail"],
    )
    assert time.monotonic() - began >= REFUSED_AFTER_SECONDS


def test_a_token_after_the_body_is_none(web):
    """What follows the last piece of a body is no header of the request."""
    bearer = f"Authorization: Bearer {web.every}\r\n".encode()
    with web.connect() as caller:
        caller.sendall(
            b"POST /v1/documents HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
            b"Connection: close\r\n\r\n2\r\n[]\r\n0\r\n" + bearer + b"\r\n"
        )
        assert b" 401 " in caller.recv(65_536)


def test_a_token_counts_from_when_it_is_made_until_it_is_revoked(web):
    """The API is not restarted for a token."""
    bearer = web.token("new", Scope.READ)
    assert 404 == web.get(PATH, token=bearer).status

    api_tokens.remove(str(web.tokens_file), "new")

    assert 401 == web.get(PATH, token=bearer).status


def test_health_and_description_need_no_token(web):
    """A load balancer and a developer have none."""
    assert 200 == web.get("/healthz", token=None).status
    assert "lightkeeper" == web.get("/openapi.json", token=None).data["info"]["title"]


def test_who_of_staff_did_what_is_told_to_staff_alone(web):
    """Every answer of who may only read or track lacks names and reasons, and has all else."""
    Documents(web.database).add([new(5), new(6)], NOW)
    expected = ExpectedDocuments(web.database)
    expected.expect("s-1", {"veteran_upload": 1}, "vets-api", NOW)
    expected.settle("s-1", (), "jane", "by mail", NOW)
    closed = note(Action.CLOSE, "jane", "called them", NOW)
    TriageStore(web.database).carry_out([1, 2], decide(Action.CLOSE, USUAL, NOW), closed)

    def answers(*scopes):
        bearer = web.token("-".join(scopes), *scopes)
        item = {"document_type": "veteran_upload", "count": 1}
        found = [
            web.get(PATH, token=bearer),
            web.get("/v1/documents", token=bearer),
            web.get("/v1/submissions/s-1", token=bearer),
            web.post("/v1/submissions/query", {"submissions": ["s-1"]}, token=bearer),
            web.post("/v1/submissions/s-1/expected", {"expected": [item]}, token=bearer),
        ]
        assert [200] * len(found) == [each.status for each in found]
        return [json.dumps(each.data) for each in found]

    for_staff = answers(Scope.READ, Scope.TRACK, Scope.STAFF)
    assert all("jane" in each for each in for_staff)
    for told, whole in zip(answers(Scope.READ, Scope.TRACK), for_staff, strict=True):
        assert not any(each in told for each in ("jane", "called them", "by mail"))
        unnamed = re.sub('"(jane|called them|by mail)"', "null", whole)
        assert json.loads(unnamed) == json.loads(told)


def test_what_lighthouse_worded_is_told_to_staff_alone(web):
    """Its free text may be of a person: others read null, and `other` for an unknown step."""
    worded = "File Smith_John_DD214.pdf of veteran John Q. Smith (ssn 796-04-3735)"
    step = "JOHN Q SMITH 796043735"
    documents = Documents(web.database)
    documents.add([new(5)], NOW)
    steps = {"CLAIMS_EVIDENCE": "SUCCESS", step: "SMITH"}
    failed = {"current_step": step, "failed_step": step, "error_detail": worded}
    change = {"step_changes": (("CLAIMS_EVIDENCE", "SUCCESS"), (step, "FAILED"))}
    (before,) = documents.due(NOW, 9)
    state = failed | {"steps": json.dumps(steps), "reported_status": "JOHN SMITH"}
    documents.record([ended(before, "failed", change=change, **state)], NOW)

    def answers(*scopes):
        bearer = web.token("-".join(scopes), *scopes)
        found = [
            web.get(PATH, token=bearer),
            web.get("/v1/submissions/s-1", token=bearer),
            web.post("/v1/submissions/query", {"submissions": ["s-1"]}, token=bearer),
            web.get("/v1/documents", token=bearer),
            web.get("/v1/changes", token=bearer),
        ]
        assert [200] * len(found) == [each.status for each in found]
        return [each.data for each in found]

    read = answers(Scope.READ, Scope.CHANGES)
    assert not re.search("smith|796", json.dumps(read), re.IGNORECASE)
    told = {"current_step": "other", "failed_step": "other", "error_detail": None}
    assert told | {"unknown_words": None} == {name: read[0][name] for name in (*told, WORDS)}
    assert {"CLAIMS_EVIDENCE": "SUCCESS", "other": "other"} == read[0]["steps"]
    (changed,) = read[-1]["changes"]
    assert ("none", "other") == (changed["from_step"], changed["to_step"])
    assert {"CLAIMS_EVIDENCE": "SUCCESS", "other": "FAILED"} == changed["step_changes"]

    for_staff = answers(Scope.READ, Scope.CHANGES, Scope.STAFF)
    assert all(step in json.dumps(each) for each in for_staff)
    assert failed | {"steps": steps} == {name: for_staff[0][name] for name in (*failed, "steps")}
    wrong = web.get("/v1/documents?step=jon%20smith%20796043735")
    assert 422 == wrong.status
    assert "SMITH" not in wrong.data["detail"]


def test_what_lighthouse_called_a_failed_call_is_told_to_staff_alone(web):
    """Its id of a call is what Lighthouse writes there, which may be any text."""
    documents = Documents(web.database)
    documents.add([new(5)], NOW)
    (each,) = documents.due(NOW, 9)
    problem = CallProblem(500, "broken", instance="JonSmith796043735DeniedPTSD")
    documents.postpone([each.id], NOW, NOW + HOUR, problem)

    def failed(*scopes):
        answer = web.get("/v1/documents", token=web.token("-".join(scopes), *scopes))
        return answer.data["documents"][0]["last_call_failed"]

    assert None is failed(Scope.READ)
    assert "JonSmith" in failed(Scope.READ, Scope.STAFF)


@pytest.mark.parametrize("step", ["SMITH", "Claims Evidence", "complete "])
def test_whoever_is_no_staff_finds_an_unknown_step_as_other(web, step):
    """As the answers call it, however like a known one it is."""
    documents = Documents(web.database)
    documents.add([new(5), new(6)], NOW)
    before = min(documents.due(NOW, 9))
    documents.record([ended(before, "failed", current_step=step, failed_step=step)], NOW)
    bearer = web.token("read", Scope.READ)

    (found,) = web.get("/v1/documents?step=other", token=bearer).data["documents"]
    assert (5, "other") == (found["lighthouse_request_id"], found["current_step"])
    for word in ("claims-evidence", "complete"):
        assert [] == web.get(f"/v1/documents?step={word}", token=bearer).data["documents"]


def test_no_filter_tells_others_than_staff_what_lighthouse_worded(web):
    """A caller who guesses a word or a step learns nothing."""
    documents = Documents(web.database)
    documents.add([new(5)], NOW)
    (before,) = documents.due(NOW, 9)
    state = {"current_step": "SMITH", "failed_step": "SMITH", "reported_status": "SMITH"}
    documents.record([ended(before, "failed", **state)], NOW)
    bearer = web.token("read", Scope.READ)
    right, wrong = (
        [
            web.get(f"/v1/documents?{name}={word}", token=bearer)
            for name in ("step", "word", "step=bgs&word")
        ]
        for word in ("smith", "smyth")
    )

    assert [422, 403, 403] == [each.status for each in right]
    assert [(each.status, each.data) for each in right] == [
        (each.status, each.data) for each in wrong
    ]
    for query in ("step=smith", "word=smith", "step=smith&word=smith"):
        found = web.get(f"/v1/documents?{query}")
        assert [5] == [each["lighthouse_request_id"] for each in found.data["documents"]]
