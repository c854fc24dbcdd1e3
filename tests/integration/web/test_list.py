"""`GET /v1/documents`: what `lightkeeper list` gives, a page at a time."""

import json
import re
from contextlib import contextmanager

import pytest
from store_rows import OPEN_STATES, new, stand
from web_rig import NOW, WebRig

from lightkeeper.casework import listing
from lightkeeper.casework.filters import Asked, filter_of
from lightkeeper.domain.policy import USUAL
from lightkeeper.store import session
from lightkeeper.store.documents import Documents
from lightkeeper.store.filters import Listing
from lightkeeper.web import access, cursors, schemas

STATES = (*OPEN_STATES, "delivered")


@contextmanager
def filled(folder, url=None):
    """The API over a store with documents in each condition, and some that wait."""
    with WebRig(folder, url) as rig:
        documents = Documents(rig.database)
        stand(documents, STATES)
        waiting = range(100, 130)
        more = [new(n, document_type="form_0781a", submission_id=f"s {n}") for n in waiting]
        documents.add(more, NOW)
        yield rig


@pytest.fixture(scope="module")
def web(tmp_path_factory):
    """Such an API, which no test changes."""
    with filled(tmp_path_factory.mktemp("web")) as rig:
        yield rig


def listed(database, **asked):
    """What `lightkeeper list --format jsonl` prints."""
    wanted = filter_of(Asked(**asked), Listing(database), USUAL, NOW)
    return list(map(json.loads, listing.lines(Listing(database), wanted, "jsonl", NOW)))


FILTERS = [
    ("", {}),
    ("status=failed", {"status": ["failed"]}),
    ("status=failed&status=done", {"status": ["failed", "done"]}),
    ("condition=stuck&except=overdue", {"condition": ["stuck"], "but_not": ["overdue"]}),
    ("document_type=form_0781a", {"document_type": ["form_0781a"]}),
    ("submission=s%20101&submission=s%20105", {"submission": ["s 101", "s 105"]}),
    ("step=claims-evidence", {"step": ["claims-evidence"]}),
    ("tracked_since=1d&tracked_until=2027-01-15", {"tracked_since": "1d"}),
    ("tracked_until=30d", {"tracked_until": "30d"}),
    ("failed_since=2027-01-01", {"failed_since": "2027-01-01"}),
    ("unobserved=true", {"unobserved": True}),
    ("unsettled=true", {"unsettled": True}),
    ("word=success", {"word": ["success"]}),
]


def test_each_filter_finds_what_list_finds(tmp_path, database_url):
    """By the same words, with the same fields, in the same order."""
    with filled(tmp_path, database_url) as web:
        for query, asked in FILTERS:
            answer = web.get(f"/v1/documents?limit=1000&{query}")

            assert 200 == answer.status, answer.data
            assert listed(web.database, **asked) == answer.data["documents"]
            assert (None, False) == (answer.data["cursor"], answer.data["has_more"])
            for each in answer.data["documents"]:
                assert schemas.DocumentInList.model_fields.keys() == each.keys()


@pytest.mark.parametrize("limit", [7, 30, 39, 40])
@pytest.mark.parametrize("query", ["", "&condition=waiting"])
def test_page_by_page_every_document_comes_once(web, limit, query):
    """The cursor of a page leads to the next one, of the same filter."""
    whole = listed(web.database, **({"condition": ["waiting"]} if query else {}))
    found, after, pages, has_more = [], "", 0, True
    while has_more:
        page = web.get(f"/v1/documents?limit={limit}{query}{after}").data
        assert len(page["documents"]) <= limit
        found, has_more = found + page["documents"], page["has_more"]
        after, pages = f"&after={page['cursor']}", pages + 1

    assert whole == found
    assert -(-len(whole) // limit) == pages


@pytest.mark.parametrize(
    ("query", "status", "says"),
    [
        ("statsu=failed", 422, "query.0: there is no such name here"),
        ("status=FAILD", 422, "query.status.0: must be 'pending', 'done' or 'failed'"),
        ("condition=stuk", 422, "query.condition.0: must be 'waiting'"),
        ("step=bgs", 422, "step: no document is or was at such a step: Did you mean"),
        ("failed_since=yesterday", 422, "failed_since: give a date such as"),
        ("tracked_since=1d&tracked_until=2d", 422, "tracked_since is later than tracked_until"),
        ("submission=", 422, "submission: one is no id"),
        ("limit=0", 422, "query.limit: must be at least 1"),
        ("limit=1001", 422, "query.limit: must be at most 1000"),
        ("limit=x", 422, "query.limit: must be a whole number"),
        ("unobserved=perhaps", 422, "query.unobserved: must be true or false"),
        ("after=x", 422, "query.after: this is not a cursor of this list"),
        (
            "after=" + cursors.written(5)[:-1],
            422,
            "query.after: this is not a cursor of this list",
        ),
        ("after=%00", 422, "query.after: this is not a cursor of this list"),
        ("after=" + cursors.written(5) + "%0A", 422, "query.after: this is not a cursor of this"),
    ],
)
def test_a_wrong_filter_is_refused_by_name(web, query, status, says):
    """Nothing is listed that was not asked for."""
    answer = web.get(f"/v1/documents?{query}")

    assert (status, says) == (answer.status, answer.data["detail"][: len(says)])


REPEATABLE = {
    "status": "failed",
    "step": "claims-evidence",
    "document_type": "form_0781",
    "condition": "stuck",
    "except": "stuck",
    "word": "success",
    "submission": "s",
}


@pytest.mark.parametrize("name", REPEATABLE)
def test_a_filter_takes_twenty_values(web, name):
    """Each may be looked for in every document: one more is refused, with the number."""
    value = f"{name}={REPEATABLE[name]}"
    assert 200 == web.get("/v1/documents?" + "&".join([value] * 20)).status

    for count in (21, 500):
        answer = web.get("/v1/documents?" + "&".join([value] * count))
        assert (
            422,
            f"query.{name}: must have at most 20 items: send the others in another call",
        ) == (
            answer.status,
            answer.data["detail"],
        )


def test_a_list_that_takes_too_long_is_given_up(web, monkeypatch):
    """The caller is told what to ask instead; the next list is found as ever.

    Asked so often, because SQLite counts the steps of all runs of a statement: the end of the
    transaction comes to its tenth, too.
    """
    said = "the documents were not found in time: ask for fewer"
    for _ in range(10):
        with monkeypatch.context() as patched:
            patched.setattr(access, "SCAN_SECONDS", 0)
            patched.setattr(session, "_LOOK_EVERY_STEPS", 10)
            answer = web.get("/v1/documents?word=success")

        assert (503, "5") == (answer.status, answer.headers["retry-after"])
        assert answer.data["detail"].startswith(said)
        assert 200 == web.get("/v1/documents?word=success").status


def test_a_store_that_is_silent_is_not_blamed_on_the_list(tmp_path, postgres_url, monkeypatch):
    """However few were asked for, there would be no answer."""
    monkeypatch.setattr(access, "ANSWER_SECONDS", 0.3)
    with WebRig(tmp_path, postgres_url) as web, web.database.writing():
        web.database.execute("LOCK TABLE form_526_document_submissions")
        answer = web.get("/v1/documents")

    said = "the store cannot be used now: repeat this later"
    assert (503, said) == (answer.status, answer.data["detail"])


def test_an_empty_cursor_is_none(web):
    """A script has one in an empty variable before its first page."""
    assert web.get("/v1/documents").data == web.get("/v1/documents?after=").data


@pytest.mark.parametrize("after_id", [0, 1, 255, 256, 10**9, 2**63 - 1])
def test_a_cursor_matches_its_published_pattern_and_is_read_back(after_id):
    """So that a generated client accepts it."""
    cursor = cursors.written(after_id)

    assert re.search(cursors.PATTERN, cursor)
    assert after_id == cursors.read(cursor)
