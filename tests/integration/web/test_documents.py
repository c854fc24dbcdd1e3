"""What the API says of documents."""

import pytest
from store_rows import OPEN_STATES, new, stand
from web_rig import NOW, WebRig

from lightkeeper.casework import lookup
from lightkeeper.domain.time import HOUR
from lightkeeper.store.documents import Documents
from lightkeeper.web import schemas

STATES = (*OPEN_STATES, "delivered")


@pytest.fixture
def web(tmp_path, database_url):
    """The API over a store with a document in each condition."""
    with WebRig(tmp_path, database_url) as rig:
        stand(Documents(rig.database), STATES)
        yield rig


def test_a_document_is_answered_as_show_has_it(web):
    """State, step, times, wording and the answer's age are those that `show --json` prints."""
    web.now = NOW + HOUR
    for request_id, state in enumerate(STATES, 1):
        answer = web.get(f"/v1/benefits-documents/{request_id}")
        shown = lookup.document(web.database, request_id, web.now).data

        assert (200, state) == (answer.status, answer.data["condition"])
        left_out = {"history", "last_answer", "last_problem"}
        shown = {n: v for n, v in shown.items() if n not in left_out}
        assert shown | {"answer_is_stale": None} == answer.data
        assert schemas.DocumentAnswer.model_fields.keys() == answer.data.keys()
        schemas.DocumentAnswer.model_validate(answer.data)


def test_a_document_that_is_not_tracked_is_not_found(web):
    """The refusal says what to do, and repeats no id: it may be another number."""
    answer = web.get("/v1/benefits-documents/99")

    assert (404, "application/problem+json") == (answer.status, answer.headers["content-type"])
    assert "this request id is not tracked here: check the id" == answer.data["detail"]


def test_what_is_no_request_id_is_refused(web):
    """No number that the store cannot hold reaches it, and nothing is repeated."""
    odd = ("-1", "1.5", "5x", str(2**63), "9" * 400, "%00", "%2e%2e", "%D9%A1", "5%0A")
    for wrong in (*odd, "1.0", "%2B1", "1_0", "%201"):
        answer = web.get(f"/v1/benefits-documents/{wrong}")

        assert 422 == answer.status
        assert answer.data["detail"].startswith("path.request_id: must be ")


def test_a_document_is_seen_as_soon_as_it_is_tracked(web):
    """Each answer is of the store as it is now, by any process that writes to it."""
    assert 404 == web.get("/v1/benefits-documents/50").status

    Documents(web.database).add([new(50, submission_id="s-50")], NOW)

    assert "s-50" == web.get("/v1/benefits-documents/50").data["form_526_submission_id"]
