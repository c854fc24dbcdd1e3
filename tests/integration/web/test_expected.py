"""What callers say that a submission should have, over the API."""

import json

import pytest
from store_rows import NOW, new
from web_rig import WebRig

from lightkeeper.casework import lookup
from lightkeeper.domain.time import HOUR
from lightkeeper.store import audit
from lightkeeper.store.documents import Documents
from lightkeeper.store.expected import ExpectedDocuments
from lightkeeper.web import schemas

UPLOADS = {"document_type": "veteran_upload", "count": 2}
FORM = {"document_type": "Form 0781", "count": 1}
TYPES = "veteran_upload, form_0781, form_0781a, bdd_instructions"


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """The API over an empty store."""
    with WebRig(tmp_path_factory.mktemp("web")) as rig:
        yield rig


@pytest.fixture
def web(tmp_path, database_url):
    """The API over an empty store, on each engine in turn."""
    with WebRig(tmp_path, database_url) as rig:
        yield rig


def _say(web, submission_id, *items, **more):
    return web.post(f"/v1/submissions/{submission_id}/expected", {"expected": items}, **more)


def _missing(answer):
    return {each["document_type"]: each["missing"] for each in answer.data["expected"]}


def test_what_is_said_is_expected_from_then_on(web):
    """By the caller's name; tracked before or after it counts, and said again it replaces."""
    Documents(web.database).add([new(1, submission_id="4711")], NOW)
    first = _say(web, "4711", UPLOADS, FORM, token=web.token("vets-api", "track"))

    assert (200, {"veteran_upload": 2, "form_0781": 0}) == (first.status, _missing(first))
    schemas.ExpectedAnswer.model_validate(first.data)
    assert {"vets-api"} == {each["expected_by"] for each in first.data["expected"]}
    web.now = NOW + HOUR
    assert first.data["expected"][0] == _say(web, "4711", FORM).data["expected"][0]
    Documents(web.database).add([new(2, submission_id="4711")], NOW)
    more = _say(web, "4711", FORM, FORM, FORM)
    assert {"veteran_upload": 2, "form_0781": 1} == _missing(more)
    assert ["awaited", "missing"] == [each["state"] for each in more.data["expected"]]
    for _ in range(2):
        less = _say(web, "4711", UPLOADS | {"count": 0})
        assert (200, {"form_0781": 1}) == (less.status, _missing(less))
    shown = lookup.submission(web.database, "4711", web.now).data
    assert shown["expected"] == less.data["expected"]
    noted = [(each.who, each.action, each.what) for each in audit.entries(web.database)]
    assert ("vets-api", "expected", "submission 4711: 1 form_0781, 2 veteran_upload") == noted[0]
    assert 3 == len(noted)


def test_a_submission_that_is_only_expected_is_answered(web):
    """With what its veteran reads, in the hour that it has and after that; and no longer at 0."""
    assert 404 == web.get("/v1/submissions/4711").status
    _say(web, "4711", UPLOADS)
    Documents(web.database).add([new(1, submission_id="4711")], NOW)
    found = []
    for web.now in (NOW, NOW + HOUR):
        asked = web.get("/v1/submissions/4711").data
        schemas.SubmissionAnswer.model_validate(asked)
        queried = web.post("/v1/submissions/query", {"submissions": ["4711"]}).data
        assert [asked] == queried["submissions"]
        found.append([(each["state"], each["documents"]) for each in asked["veteran"]])

    assert [[("adding", 3)], [("staff_check", 2), ("adding", 1)]] == found
    assert "2 of your 3 documents" in asked["veteran_wording"]
    _say(web, "4712", FORM)
    assert [] == web.get("/v1/submissions/4712").data["documents"]
    _say(web, "4712", FORM | {"count": 0})
    assert 404 == web.get("/v1/submissions/4712").status


def test_wrong_items_are_named_one_by_one_and_nothing_is_stored(served):
    """In the words of `track`; nothing of what was sent is repeated."""
    wrong = [
        FORM,
        {"document_type": "scan.pdf", "count": 1},
        {"document_type": None, "count": 1},
        *(
            {"document_type": "form_0781a", "count": count}
            for count in (-1, 1_001, 1.5, "1", True)
        ),
        UPLOADS,
    ]
    answer = _say(served, "4712", *wrong)

    assert (422, "application/problem+json") == (answer.status, answer.headers["content-type"])
    kind = f"document_type must be one of {TYPES}"
    count = "count must be a whole number from 0 to 1,000"
    assert [
        {"where": f"body.expected.{at}", "reason": kind if at < 3 else count} for at in range(1, 8)
    ] == answer.data["errors"]
    assert f"body.expected.1: {kind}" == answer.data["detail"]
    assert "scan" not in json.dumps(answer.data)
    assert [] == ExpectedDocuments(served.database).of_submission("4712")


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        None,
        {"expected": []},
        {"expected": {"form_0781": 1}},
        {"expected": [FORM] * 101},
        {"expected": [{"document_type": "form_0781"}]},
        {"expected": [FORM | {"file_name": "x"}]},
        {"expected": [FORM], "name": "Jane Doe"},
        b'{"expected": [',
    ],
)
def test_another_body_is_refused(served, body):
    """By the name of what is wrong, and nothing is stored."""
    answer = served.post(
        "/v1/submissions/4713/expected", body, headers={"Content-Type": "application/json"}
    )

    assert 422 == answer.status, answer
    assert answer.data["detail"].startswith(("body.", "the body is ")), answer
    assert "Jane" not in json.dumps(answer.data)
    assert [] == ExpectedDocuments(served.database).of_submission("4713")


@pytest.mark.parametrize(
    "wrong", ["123-45-6789", "123456789", "scan.pdf", "null", "a%00", "x" * 65]
)
def test_what_is_no_submission_id_is_refused(served, wrong):
    """In the words of `track`, which never repeat what may be personal."""
    answer = _say(served, wrong, FORM)

    assert 422 == answer.status
    assert answer.data["detail"].startswith(
        "path.submission_id: form_526_submission_id must be at most 64 letters"
    )
    assert wrong not in json.dumps(answer.data)


def test_only_who_may_track_may_say_it(served):
    """Other scopes are refused, and nothing is stored."""
    reader = served.token("reader", "read", "changes", "staff")

    assert 403 == _say(served, "4714", FORM, token=reader).status
    assert 401 == _say(served, "4714", FORM, token=None).status
    assert [] == ExpectedDocuments(served.database).of_submission("4714")
