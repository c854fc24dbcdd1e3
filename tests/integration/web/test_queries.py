"""Query names that an operation does not have are refused, and the right one is named."""

import pytest
from web_rig import WebRig

FEED = "after, limit, wait"
DOCUMENT = "/v1/benefits-documents/5"


@pytest.fixture(scope="module")
def web(tmp_path_factory):
    """The API over an empty store, which no test changes."""
    with WebRig(tmp_path_factory.mktemp("web")) as rig:
        yield rig


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/v1/changes?cursor=C", f"did you mean after? The names are {FEED}"),
        ("/v1/changes?wiat=5&limit=1", f"did you mean wait? The names are {FEED}"),
        ("/v1/changes?x=", f"remove it; the names are {FEED}"),
        ("/v1/changes?After=C", f"did you mean after? The names are {FEED}"),
        (f"{DOCUMENT}?maxage=60s", "did you mean max_age? The names are max_age"),
        (f"{DOCUMENT}?max-age=x", "did you mean max_age? The names are max_age"),
        ("/v1/submissions/s?maxAge=1s", "did you mean max_age? The names are max_age"),
        ("/v1/documents?failed-since=7d", "did you mean failed_since? The names"),
        ("/v1/documents?state=failed", "did you mean status? The names are status, step"),
        ("/v1/documents?type=x", "did you mean document_type? The names are status"),
        ("/v1/documents?but_not=stuck", "remove it; the names are status, step, doc"),
        ("/v1/documents?Jane%20Doe=1", "remove it; the names are status, step, doc"),
    ],
)
def test_an_unknown_name_is_refused_with_the_right_one(web, path, says):
    """Whatever else is asked; it is not repeated, as its value is not."""
    answer = web.get(path)

    whole = f"query.0: there is no such name here: {says}"
    assert (422, whole) == (answer.status, answer.data["detail"][: len(whole)])
    assert ["query.0"] == [each["where"] for each in answer.data["errors"]]


@pytest.mark.parametrize(
    ("path", "body", "says"),
    [
        ("/v1/documents", [], "remove it, this address takes no query"),
        ("/v1/submissions/s/expected", {"expected": []}, "remove it, this address takes no query"),
        ("/v1/submissions/query", {"submissions": []}, "remove it; the names are max_age"),
    ],
)
def test_a_call_with_a_body_is_refused_as_well(web, path, body, says):
    """Before its body is looked at."""
    answer = web.post(f"{path}?dry_run=true&x=1", body)

    assert (422, f"query.0: there is no such name here: {says}") == (
        answer.status,
        answer.data["detail"],
    )
    assert ["query.0", "query.1"] == [each["where"] for each in answer.data["errors"]]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (f"{DOCUMENT}?max_age=60s&max_age=1s", "max_age"),
        ("/v1/submissions/s?max_age=1s&max_age=1s", "max_age"),
        ("/v1/changes?limit=1&wait=0&limit=2", "limit"),
        ("/v1/documents?status=done&unobserved=true&status=failed&unobserved=false", "unobserved"),
    ],
)
def test_a_name_of_one_value_is_refused_if_given_twice(web, path, name):
    """It is not known which of the two was meant."""
    answer = web.get(path)

    said = f"query.{name}: is given more than once: give one value"
    assert (422, said) == (answer.status, answer.data["detail"])
    assert [f"query.{name}"] == [each["where"] for each in answer.data["errors"]]


def test_who_has_no_token_is_told_that_alone(web):
    """What the names are is not said before."""
    assert 401 == web.get("/v1/changes?cursor=C", token=None).status
