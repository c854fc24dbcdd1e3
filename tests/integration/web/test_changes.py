"""The feed over a socket: pages, waits, and what is refused."""

import http.client
import shutil
import threading
import time
from contextlib import closing

import jsonschema
import orjson
import pytest
from patience import at_most
from store_rows import NOW, moved, stand
from web_rig import WebRig, call

from lightkeeper.casework.changes import Feed
from lightkeeper.config.api_tokens import Scope
from lightkeeper.domain.time import DAY
from lightkeeper.store.changes import Position
from lightkeeper.store.database import open_database
from lightkeeper.store.documents import Documents
from lightkeeper.web import schemas
from lightkeeper.web.problems import SCHEMA

ELSEWHERE = Feed("elsewhere").cursor(Position(1, NOW, 1))
CHANGES = 50_000


@pytest.fixture
def web(tmp_path, database_url):
    """The API over a store with five documents that have changed once."""
    with WebRig(tmp_path, database_url) as rig:
        stand(Documents(rig.database), ["waiting"] * 5)
        yield rig


@pytest.fixture
def sqlite(tmp_path):
    """The same on SQLite alone."""
    with WebRig(tmp_path) as rig:
        stand(Documents(rig.database), ["waiting"] * 5)
        yield rig


def _step(database, request_id, step):
    documents = Documents(database)
    due = [each for each in documents.due(NOW + DAY, 100) if each.request_id == request_id]
    documents.record([moved(each, current_step=step, next_poll_at=NOW) for each in due], NOW)


def _ids(answer):
    return [each["lighthouse_request_id"] for each in answer.data["changes"]]


def test_pages_follow_one_another(web):
    """Each cursor goes on where its page ended, and `has_more` says whether to ask at once."""
    first = web.get("/v1/changes?limit=3")
    second = web.get(f"/v1/changes?limit=3&after={first.data['cursor']}")
    third = web.get(f"/v1/changes?after={second.data['cursor']}")

    assert ([1, 2, 3], True) == (_ids(first), first.data["has_more"])
    assert ([4, 5], False) == (_ids(second), second.data["has_more"])
    assert ([], second.data["cursor"]) == (_ids(third), third.data["cursor"])
    for page in (first, second, third):
        schemas.ChangesAnswer.model_validate(page.data)
        for each in page.data["changes"]:
            assert schemas.DocumentChange.model_fields.keys() == each.keys()


@pytest.mark.speed
def test_who_waits_is_answered_once_something_changed(web):
    """Within a second or so, and not before; without a change, with none once the time is over."""
    cursor = web.get("/v1/changes").data["cursor"]
    began = time.monotonic()
    nothing = web.get(f"/v1/changes?wait=1&after={cursor}")
    assert time.monotonic() - began >= 1.0
    assert ([], cursor) == (_ids(nothing), nothing.data["cursor"])

    answers = []

    def wait():
        answers.append(web.get(f"/v1/changes?wait=30&after={cursor}"))

    waiting = [threading.Thread(target=wait) for _ in range(5)]
    for each in waiting:
        each.start()
    time.sleep(0.2)
    assert [] == answers
    began = time.monotonic()
    _step(web.database, 4, "CLAIMS_EVIDENCE")
    for each in waiting:
        each.join()

    assert time.monotonic() - began < at_most(2.5)
    assert [[4]] * 5 == [_ids(each) for each in answers]


@pytest.mark.speed
def test_a_stop_ends_every_wait(tmp_path):
    """A page without changes comes at once, and the server ends."""
    answers = []
    with WebRig(tmp_path) as web:
        headers = {"Authorization": f"Bearer {web.every}"}
        connection = web.connect()

        def wait():
            answers.append(call(connection, "GET", "/v1/changes?wait=30", None, headers))

        waiting = threading.Thread(target=wait)
        waiting.start()
        time.sleep(0.3)
        began = time.monotonic()
    waiting.join()

    assert time.monotonic() - began < at_most(1.5)
    assert (200, []) == (answers[0].status, answers[0].data["changes"])


def test_the_scope_is_that_of_the_feed(sqlite):
    """Each other scope is refused, all of them together too."""
    others = [scope for scope in Scope if scope is not Scope.CHANGES]
    token = sqlite.token("others", *others)

    assert 403 == sqlite.get("/v1/changes", token=token).status
    assert 200 == sqlite.get("/v1/changes", token=sqlite.token("own", Scope.CHANGES)).status


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ("limit=0", 422, "query.limit: must be at least 1"),
        ("limit=1001", 422, "query.limit: must be at most 1000"),
        ("limit=all", 422, "query.limit: must be a whole number"),
        ("wait=31", 422, "query.wait: must be at most 30"),
        ("wait=-1", 422, "query.wait: must be at least 0"),
        ("after=%20", 400, "this is not a cursor of this feed"),
        ("after=17", 400, "this is not a cursor of this feed"),
        ("after=%00%ff", 400, "this is not a cursor of this feed"),
        (f"after={ELSEWHERE}", 400, "this is not a cursor of this feed"),
    ],
)
def test_what_cannot_be_asked_is_refused(sqlite, query, status, said):
    """By what is wrong, without what was given."""
    answer = sqlite.get(f"/v1/changes?{query}")

    assert (status, "application/problem+json") == (answer.status, answer.headers["content-type"])
    assert said in answer.data["detail"]


def test_an_empty_cursor_is_none(sqlite):
    """A script has one in an empty variable before its first page."""
    assert sqlite.get("/v1/changes").data == sqlite.get("/v1/changes?after=").data


@pytest.mark.parametrize("wait", [0, 30])
def test_a_cursor_that_a_restored_copy_lacks_is_gone(tmp_path, wait):
    """The refusal names the cursor to go on after, with which what is new is read."""
    copy, store = tmp_path / "copy.db", tmp_path / "store.db"
    web = WebRig(tmp_path)
    with web:
        stand(Documents(web.database), ["waiting"] * 5)
    shutil.copy(store, copy)
    with web:
        _step(web.database, 1, "LOST")
        cursor = web.get("/v1/changes").data["cursor"]
    shutil.copy(copy, store)
    with closing(open_database(f"sqlite:///{store}", create=False)) as database:
        _step(database, 2, "FOUND")

    with web:
        gone = web.get(f"/v1/changes?wait={wait}&after={cursor}")
        after = gone.data["go_on_after"]

        jsonschema.validate(gone.data, SCHEMA | {"additionalProperties": False})
        assert (410, 2) == (gone.status, _ids(web.get(f"/v1/changes?after={after}"))[-1])


@pytest.mark.speed
def test_a_long_feed_is_read_through_in_seconds(tmp_path, postgres_url):
    """Fifty thousand changes, a thousand a page, over one connection."""
    with WebRig(tmp_path, postgres_url) as web:
        stand(Documents(web.database), ["waiting"] * 50)
        with web.database.writing():
            web.database.execute(
                "INSERT INTO transitions (document_id, at, from_status, to_status, from_step, "
                "to_step, step_changes, remarks) SELECT a.id, a.id, 'pending', 'pending', "
                "'CLAIMS_EVIDENCE', 'BENEFITS_GATEWAY_SERVICE', "
                """'[["CLAIMS_EVIDENCE","SUCCESS"]]', '[["slo_met","outcome"]]' """
                "FROM form_526_document_submissions AS a, form_526_document_submissions AS b, "
                "form_526_document_submissions AS c LIMIT ?",
                (CHANGES - 50,),
            )
        numbers, cursor, more = [], "", True
        connection = http.client.HTTPConnection("lightkeeper")
        connection.sock = web.connect()
        began = time.monotonic()
        with closing(connection):
            while more:
                path = f"/v1/changes?limit=1000{cursor and f'&after={cursor}'}"
                connection.request("GET", path, headers={"Authorization": f"Bearer {web.every}"})
                page = orjson.loads(connection.getresponse().read())
                numbers += [each["lighthouse_request_id"] for each in page["changes"]]
                cursor, more = page["cursor"], page["has_more"]
        took = time.monotonic() - began

    assert CHANGES == len(numbers)
    assert took < at_most(10.0)
