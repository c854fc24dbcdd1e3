"""What the API says of submissions."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from store_rows import new
from web_rig import NOW, WebRig

from lightkeeper.casework import lookup
from lightkeeper.store.documents import Documents
from lightkeeper.store.expected import ExpectedDocuments
from lightkeeper.web import schemas


@pytest.fixture
def web(tmp_path, database_url):
    """The API over a store with three submissions; one has tries, of one a document is missing."""
    with WebRig(tmp_path, database_url) as rig:
        Documents(rig.database).add(
            [
                new(1, submission_id="s-1"),
                new(2, submission_id="s-2", document_type="veteran_upload", attachment_id="a"),
                new(3, submission_id="s-2", document_type="veteran_upload", attachment_id="a"),
                new(4, submission_id="s-2"),
            ],
            NOW,
        )
        ExpectedDocuments(rig.database).expect("s-3", {"form_0781": 1}, "a", NOW)
        yield rig


def shown(web, submission_id):
    """What `show --submission --json` prints, without what Lighthouse and failed calls worded."""
    data = lookup.submission(web.database, submission_id, web.now).data
    for each in data["documents"]:
        for one in (each, *each["other_tries"]):
            del one["last_answer"], one["last_problem"]
            one["answer_is_stale"] = None  # without `max_age`
    return data


def test_a_submission_is_answered_as_show_has_it(web):
    """Its documents with their tries, what is expected, and the veteran's wording."""
    for submission_id in ("s-1", "s-2", "s-3"):
        answer = web.get(f"/v1/submissions/{submission_id}")

        assert (200, shown(web, submission_id)) == (answer.status, answer.data)
        assert schemas.SubmissionAnswer.model_fields.keys() == answer.data.keys()
        schemas.SubmissionAnswer.model_validate(answer.data)
    assert 1 == len(web.get("/v1/submissions/s-2").data["documents"][0]["other_tries"])


def test_an_unknown_submission_is_not_found(web):
    """The refusal does not repeat what may be a name."""
    for unknown in ("s-9", "S-1", "%00", "%F0%9F%92%A9", "%ED%A0%80", "query"):
        answer = web.get(f"/v1/submissions/{unknown}")
        assert (404, "nothing of this submission is tracked or expected: check the id") == (
            answer.status,
            answer.data["detail"],
        )


def test_many_are_answered_in_the_order_asked(web):
    """Null for one of which nothing is known; the same twice is answered twice."""
    asked = ["s-2", "unknown", "s-1", "s-2", "\0"]

    answer = web.post("/v1/submissions/query", {"submissions": asked})

    expected = [shown(web, "s-2"), None, shown(web, "s-1"), shown(web, "s-2"), None]
    assert (200, {"submissions": expected}) == (answer.status, answer.data)


def test_an_answer_that_is_too_large_is_refused(web):
    """Before all of it is read, however often the same is asked for; one by one it is given."""
    many = [new(each, submission_id="big") for each in range(100, 1_100)]
    Documents(web.database).add(many, NOW)

    answer = web.post("/v1/submissions/query", {"submissions": ["big"] * 100})

    said = "the answer would have more than 8 MiB: ask for fewer submissions at once"
    assert (422, said) == (answer.status, answer.data["detail"])
    answer = web.post("/v1/submissions/query", {"submissions": ["big", "s-1"]})
    assert [1_000, 1] == [len(each["documents"]) for each in answer.data["submissions"]]


WRONG = [
    ({"submissions": []}, "body.submissions: must have at least 1: the list of ids is empty"),
    ({"submissions": ["s"] * 101}, "body.submissions: must have at most 100 ids: send the"),
    ({"submissions": [5]}, "body.submissions.0: must be text"),
    ({"submissions": "s-1"}, "body.submissions: must be a list"),
    ({}, "body.submissions: is missing"),
    ({"submissions": ["s"], "Jane Doe": 1}, "body.1: there is no such name here"),
    (
        b'{"submissions": ',
        "the body is no JSON from its character 16 on (was it cut?): send a JSON",
    ),
    (b"\xff", "the body is no JSON: send a JSON object"),
    (b"[]", "the body is no object: send a JSON object"),
    (b"", "the body is empty: send a JSON object, as /openapi.json describes it"),
]


def test_a_wrong_question_is_refused(web):
    """By name, with the rule."""
    headers = {"Content-Type": "application/json"}
    for body, says in WRONG:
        answer = web.post("/v1/submissions/query", body, headers=headers)
        assert (422, says) == (answer.status, answer.data["detail"][: len(says)])
        assert "Jane" not in str(answer)


def test_a_submission_of_many_tries_holds_up_no_other_caller(tmp_path):
    """While it is read again and again, others are answered many times each time."""
    with WebRig(tmp_path) as web, ThreadPoolExecutor(1) as pool:
        tries = [
            new(each, submission_id="s-1", document_type="veteran_upload", attachment_id="a")
            for each in range(1, 1_001)
        ]
        Documents(web.database).add(tries, NOW)
        asked = pool.submit(web.post, "/v1/submissions/query", {"submissions": ["s-1"] * 5})
        answered = 0
        while not asked.done():
            assert 404 == web.get("/v1/submissions/s-2").status
            answered += 1

    (first, *others) = asked.result().data["submissions"]
    assert [first] * 4 == others
    assert 999 == len(first["documents"][0]["other_tries"])
    assert answered > 5 * 5
