"""Documents tracked over the API: the rules and words of `track`, once each."""

import json

import pytest
from web_rig import NOW, WebRig

from lightkeeper.casework.intake import new_document
from lightkeeper.casework.values import WrongDocument
from lightkeeper.config.api_tokens import Scope
from lightkeeper.store.audit import entries
from lightkeeper.store.documents import Documents

ONE = {
    "lighthouse_request_id": 5,
    "form_526_submission_id": "s-1",
    "document_type": "veteran_upload",
    "form_attachment_id": "a-1",
    "tracked_at": "2027-01-14T08:00:00Z",
}
WRONG = [
    {"form_526_submission_id": None},
    {"lighthouse_request_id": 1.5},
    {"lighthouse_request_id": "3310073.0"},
    {"form_526_submission_id": "123-45-6789"},
    {"document_type": "form_9999"},
    {"tracked_at": "2027-01-16T08:00:00Z"},
    {"tracked_at": True},
    {"form_attachment_id": None},
]


@pytest.fixture
def web(tmp_path, database_url):
    """The API over an empty store."""
    with WebRig(tmp_path, database_url) as rig:
        yield rig


def test_a_document_is_tracked_once(web):
    """201 for a new one, 200 for the same again, and no more than one is stored."""
    bearer = web.token("vets-api", Scope.TRACK)
    for status, tracked, known in ((201, 1, 0), (200, 0, 1), (200, 0, 1)):
        answer = web.post("/v1/documents", ONE, token=bearer)
        assert (status, {"tracked": tracked, "known": known}) == (answer.status, answer.data)

    row = Documents(web.database).find(5)
    assert ("s-1", "a-1", NOW - 86_400_000, NOW, NOW) == (
        row.form_526_submission_id,
        row.form_attachment_id,
        row.tracked_at,
        row.created_at,
        row.next_poll_at,
    )
    assert [("vets-api", "tracked", "request id 5")] == [
        (each.who, each.action, each.what) for each in entries(web.database)
    ]


def test_the_names_of_vets_apis_columns_are_taken(web):
    """As `track` takes them."""
    row = {
        "id": 1,
        "lighthouse_document_request_id": "6",
        "form526_submission_id": 77,
        "document_type": "Form 0781",
        "created_at": "2027-01-14 08:00:00 UTC",
        "aasm_state": "pending",
    }

    assert 201 == web.post("/v1/documents", [row]).status
    assert "77" == Documents(web.database).find(6).form_526_submission_id


def test_wrong_items_are_named_one_by_one_and_the_good_ones_stored(web):
    """In the words of `track`, by their places."""
    wrong = [{**ONE, "lighthouse_request_id": 100 + at, **each} for at, each in enumerate(WRONG)]
    answer = web.post("/v1/documents", [{**ONE, "lighthouse_request_id": 8}, *wrong, 7, ONE])

    reasons = []
    for each in wrong:
        with pytest.raises(WrongDocument) as raised:
            new_document(each, NOW)
        reasons.append(str(raised.value))
    assert (422, 2, 0) == (answer.status, answer.data["tracked"], answer.data["known"])
    assert [
        *zip(range(1, len(WRONG) + 1), reasons, strict=True),
        (len(WRONG) + 1, "not an object: give the fields of one document"),
    ] == [(each["item"], each["reason"]) for each in answer.data["rejected"]]
    assert [None, None] == [each["lighthouse_request_id"] for each in answer.data["rejected"][1:3]]
    assert {False} == {each["is_conflict"] for each in answer.data["rejected"]}
    assert "123-45-6789" not in str(answer)
    assert None not in {Documents(web.database).find(5), Documents(web.database).find(8)}


def test_a_conflict_is_a_409_that_names_the_id(web):
    """What is tracked stays as it is; the good items beside it are stored."""
    web.post("/v1/documents", ONE)
    other = {**ONE, "form_526_submission_id": "s-2"}

    alone = web.post("/v1/documents", other)
    assert 409 == alone.status
    assert (
        "request id 5 is tracked already for another submission or document type: send it as it "
        "was before, or ask those who run lightkeeper to look at `lightkeeper show 5`, and "
        "run `lightkeeper correct 5` if it is wrong"
    ) == alone.data["detail"]

    among = web.post("/v1/documents", [{"a": 1}, {**ONE, "lighthouse_request_id": 9}, other, ONE])
    assert (409, 1, 1) == (among.status, among.data["tracked"], among.data["known"])
    assert [(0, None, False), (2, 5, True)] == [
        (each["item"], each["lighthouse_request_id"], each["is_conflict"])
        for each in among.data["rejected"]
    ]
    assert among.data["detail"].startswith("2 of 4 documents are rejected, the others are stored")
    assert "s-1" == Documents(web.database).find(5).form_526_submission_id


REFUSED = [
    (b"{", "application/json", 422, "the body is no JSON"),
    (b'{"a": NaN}', "application/json", 422, "the body is no JSON"),
    (b"[" * 100_000, "application/json", 422, "the body is no JSON"),
    (b"\xff", "application/json; charset=latin-1", 422, "the body is no JSON"),
    (b"[]", "application/json", 422, "the array is empty"),
    (b"", "application/json", 422, "the body is empty: send a JSON object, or an array"),
    (b'[{"a": ', "application/json", 422, "the body is no JSON from its character 7 on (was it"),
    (b"null", "application/json", 422, "not an object"),
    (b"a,b\n1,2\n", "text/csv", 415, "send JSON"),
    (json.dumps([{}] * 1_001).encode(), "application/json", 422, "the array has 1,001 items"),
]


def test_another_body_is_refused(web):
    """And nothing is stored."""
    for body, kind, status, says in REFUSED:
        answer = web.post("/v1/documents", body, headers={"Content-Type": kind})

        assert (status, says) == (answer.status, answer.data["detail"][: len(says)])
    assert [] == web.database.rows("SELECT id FROM form_526_document_submissions")


def test_a_thousand_at_once_are_tracked(web):
    """The most that one call takes."""
    many = [{**ONE, "lighthouse_request_id": at, "form_attachment_id": at} for at in range(1_000)]

    assert (201, {"tracked": 1_000, "known": 0}) == web.post("/v1/documents", many)[::2]
    assert (200, {"tracked": 0, "known": 1_000}) == web.post("/v1/documents", many)[::2]


def test_what_may_only_read_tracks_nothing(web):
    """Each scope is of its own."""
    reader = web.token("reader", Scope.READ, Scope.CHANGES, Scope.STAFF)

    answer = web.post("/v1/documents", ONE, token=reader)

    assert (403, "the token reader lacks the scope track") == (
        answer.status,
        answer.data["detail"].partition(":")[0],
    )
    assert None is Documents(web.database).find(5)
