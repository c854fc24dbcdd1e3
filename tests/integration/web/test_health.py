"""Whether the process answers, and whether its answers can be trusted."""

import pytest
from web_rig import NOW, WebRig

from lightkeeper.domain.time import SECOND


@pytest.fixture
def web(tmp_path, database_url):
    """The API over an empty store."""
    with WebRig(tmp_path, database_url) as rig:
        yield rig


def test_ready_follows_the_daemons_heartbeat(web):
    """Never watched, watched lately, in a minute by another clock, and a minute ago."""
    answer = web.get("/readyz", token=None)
    assert (503, "5") == (answer.status, answer.headers["retry-after"])
    assert "no daemon has ever watched the store: start `lightkeeper run`" == answer.data["detail"]

    web.database.try_write(NOW)
    web.now = NOW + 59 * SECOND
    answer = web.get("/readyz", token=None)
    assert (200, {"status": "ok", "heartbeat_age_s": 59}) == (answer.status, answer.data)

    web.now = NOW - 60 * SECOND
    answer = web.get("/readyz", token=None)
    assert (200, 0) == (answer.status, answer.data["heartbeat_age_s"])

    for ahead in (61, 86_400):
        web.now = NOW - ahead * SECOND
        answer = web.get("/readyz", token=None)
        assert 503 == answer.status
        assert answer.data["detail"].startswith(
            f"the daemon's last heartbeat is {ahead} s in the future"
        )

    web.now = NOW + 60 * SECOND
    answer = web.get("/readyz", token=None)
    assert 503 == answer.status
    assert answer.data["detail"].startswith("the daemon's last heartbeat is 60 s old")


def test_a_store_of_another_version_is_not_ready(web):
    """As one that a newer daemon brought up to date; the process answers all the same."""
    web.database.try_write(NOW)
    web.database.execute("UPDATE lightkeeper_schema SET version = 99")

    answer = web.get("/readyz", token=None)

    assert 503 == answer.status
    assert answer.data["detail"].startswith("the store has a schema that this process")
    assert 200 == web.get("/healthz", token=None).status


def test_a_store_of_another_version_is_not_written(web):
    """Neither older nor newer: the process writes again once the schema is its own."""
    body = {
        "lighthouse_request_id": 5,
        "form_526_submission_id": "s-1",
        "document_type": "form_0781",
    }
    expected = {"expected": [{"document_type": "form_0781", "count": 1}]}
    assert 201 == web.post("/v1/documents", body).status  # its connection is open

    for change in ("+ 1", "- 2"):
        web.database.execute(f"UPDATE lightkeeper_schema SET version = version {change}")
        body["lighthouse_request_id"] += 1
        tracked = web.post("/v1/documents", body)
        assert (503, "5") == (tracked.status, tracked.headers["retry-after"])
        assert 503 == web.post("/v1/submissions/s-1/expected", expected).status
    assert [] == web.database.rows("SELECT * FROM expected_documents")
    web.database.execute("UPDATE lightkeeper_schema SET version = version + 1")
    assert 201 == web.post("/v1/documents", body).status


def test_a_store_that_cannot_be_read_is_not_ready(web):
    """Its own words stay out of the answer."""
    web.database.execute("ALTER TABLE form_526_document_submissions RENAME TO elsewhere")
    web.database.execute("ALTER TABLE lightkeeper_schema RENAME COLUMN written_at TO elsewhere")

    for path in ("/readyz", "/v1/benefits-documents/5"):
        answer = web.get(path)
        assert (503, "the store cannot be used now: repeat this later") == (
            answer.status,
            answer.data["detail"],
        )
    assert 200 == web.get("/healthz", token=None).status
