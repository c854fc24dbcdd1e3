"""The published description of the API."""

import generated_docs
import jsonschema
import pytest
from web_rig import WebRig

from lightkeeper.telemetry.tags import OPERATIONS
from lightkeeper.web.app import described
from lightkeeper.web.problems import SCHEMA


def test_the_published_description_is_that_of_the_routes():
    """`make reference` writes daemon/openapi.json."""
    assert generated_docs.openapi() == generated_docs.OPENAPI.read_text()


def test_each_operation_is_counted_by_its_name():
    """An operation that the catalogue does not know would be counted as another."""
    paths = described().openapi()["paths"]
    names = {one["operationId"] for each in paths.values() for one in each.values()}

    assert set(OPERATIONS) - {"other"} == names


def test_each_address_declares_the_refusals_that_can_come():
    """Those of its own, and those of every request; a health check reads no parameter."""
    always = {"200", "405", "408", "413", "431", "500", "503"}
    call = {*always, "401", "403", "422"}
    own = {
        "/healthz": always,
        "/readyz": always,
        "/v1/benefits-documents/{request_id}": {*call, "404"},
        "/v1/submissions/{submission_id}": {*call, "404"},
        "/v1/submissions/query": {*call, "415"},
        "/v1/submissions/{submission_id}/expected": {*call, "404", "415"},
        "/v1/documents": call,
        "/v1/changes": {*call, "400", "410"},
    }
    paths = described().openapi()["paths"]

    assert {*call, "201", "409", "415"} == paths["/v1/documents"].pop("post")["responses"].keys()
    assert own == {
        path: set(operation["responses"])
        for path, operations in paths.items()
        for operation in operations.values()
    }


def test_a_title_is_what_the_description_says_of_the_status():
    """Of the feed, what each of its two refusals of a cursor means."""
    answers = described().openapi()["paths"]["/v1/changes"]["get"]["responses"]

    assert [
        "This is not a cursor of this feed",
        "The store does not hold the change that the cursor names any more",
    ] == [answers["400"]["description"], answers["410"]["description"]]


GOOD = {
    "lighthouse_request_id": 5,
    "form_526_submission_id": "s-1",
    "document_type": "form_0781",
}
CLASH = GOOD | {"form_526_submission_id": "s-2"}


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "title"),
    [
        ("GET", "/v1/nothing", None, 404, "There is no such address"),
        ("GET", "/v1/benefits-documents/7", None, 404, "This document is not tracked"),
        ("GET", "/v1/submissions/s", None, 404, "This submission is not known"),
        ("GET", "/v1/changes?after=x", None, 400, "This is not a cursor of this feed"),
        ("GET", "/v1/changes?limit=x", None, 422, "The request is not understood"),
        ("GET", "/readyz", None, 503, "The API cannot answer now"),
        ("POST", "/v1/documents", [GOOD, {}], 422, "Some documents are not tracked"),
        ("POST", "/v1/documents", {}, 422, "The document is not tracked"),
        (
            *("POST", "/v1/documents", [GOOD, CLASH, 7], 409),
            "A request id is tracked already for another document",
        ),
        ("POST", "/v1/submissions/a%00/expected", {}, 422, "The request is not understood"),
    ],
)
def test_each_refusal_is_a_problem_as_it_is_described(web, method, path, body, status, title):
    """With a title that fits, and no member that the description lacks."""
    answer = web.call(method, path, body)

    assert (status, title) == (answer.status, answer.data["title"])
    jsonschema.validate(answer.data, SCHEMA | {"additionalProperties": False})


@pytest.fixture(scope="module")
def web(tmp_path_factory):
    """The API over a store that no daemon watches."""
    with WebRig(tmp_path_factory.mktemp("web")) as rig:
        yield rig
