"""A body that is not said to be JSON is refused alike at every address that takes one."""

import pytest
from web_rig import WebRig

PATHS = ("/v1/documents", "/v1/submissions/query", "/v1/submissions/s/expected")


@pytest.fixture(scope="module")
def web(tmp_path_factory):
    """The API over an empty store, which no test changes."""
    with WebRig(tmp_path_factory.mktemp("web")) as rig:
        yield rig


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("kind", [None, "application/x-www-form-urlencoded", "text/json", ""])
def test_only_what_is_said_to_be_json_is_read(web, path, kind):
    """Without a type, and with that which curl gives by itself."""
    headers = {} if kind is None else {"Content-Type": kind}
    for body in (b'{"submissions": ["s"]}', b"submissions=s"):
        answer = web.post(path, body, headers=headers)

        assert (415, "send JSON, as application/json (in the header Content-Type)") == (
            answer.status,
            answer.data["detail"],
        )


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("kind", ["APPLICATION/JSON; charset=utf-8", "application/vnd.x+json"])
def test_each_name_of_json_is_taken(web, path, kind):
    """What is in it is then looked at."""
    assert 422 == web.post(path, b'{"a": 1}', headers={"Content-Type": kind}).status


@pytest.mark.parametrize("path", PATHS)
def test_an_empty_body_is_said_to_be_empty(web, path):
    """With what to send, whether its type is given or not."""
    for body in (None, b""):
        answer = web.post(path, body)

        assert 422 == answer.status
        assert answer.data["detail"].startswith("the body is empty: send a JSON object")
