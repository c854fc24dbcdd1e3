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
