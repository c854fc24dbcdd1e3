"""Whatever is sent, the API answers as described or refuses; it neither falls nor repeats it."""

import json
import socket

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from web_rig import WebRig

JSON = {"Content-Type": "application/json"}
NAME = "Jane-Q-Doe"  # what may never be in an answer
WORDS = st.sampled_from(
    [NAME, f"{NAME}.pdf", "123-45-6789", "1012667145V762142", "5", "s-1", "veteran_upload", "\0"]
)
FIELDS = st.sampled_from(
    [
        *("lighthouse_request_id", "form_526_submission_id", "document_type", "tracked_at"),
        *("form_attachment_id", "submissions", "expected", "count", f"{NAME} {NAME}", "", "id"),
    ]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | WORDS | st.text(max_size=20)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(FIELDS, inner, max_size=5),
    max_leaves=12,
)
PATHS = ("/v1/documents", "/v1/submissions/query", "/v1/submissions/s-1/expected")
LINES = st.lists(
    st.sampled_from(
        [
            *(b"GET /healthz HTTP/1.1\r\n", b"GET /healthz HTTP/1.0\r\n", b"POST /healthz"),
            *(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"OPTIONS * HTTP/1.1\r\n", b"GET //a%00/..%2f"),
            *(b"Host: a\r\n", b"Host: a, b\r\n", b"Content-Length: 5\r\n", b"Content-Length: -1"),
            *(b"Content-Length: 99999999999999999999\r\n", b"Transfer-Encoding: chunked\r\n"),
            *(
                b"Transfer-Encoding: gzip, chunked\r\n",
                b"Expect: 100-continue\r\n",
                b"\r\n",
                b"\n",
            ),
            *(b"5\r\n12345\r\n", b"0\r\n\r\n", b"ffffffffffffffff\r\n", b": \r\n", b"\0", b"\xff"),
            *(b"Upgrade: websocket\r\nConnection: upgrade\r\n", b"Connection: close\r\n"),
            *(b"Authorization: Bearer " + NAME.encode() + b"\r\n", b" folded\r\n", b"X" * 3_000),
        ]
    )
    | st.binary(max_size=30),
    max_size=12,
)


@pytest.fixture(scope="module")
def web(tmp_path_factory):
    """The API, which has to stand all of it."""
    with WebRig(tmp_path_factory.mktemp("web")) as rig:
        yield rig
        assert 200 == rig.get("/healthz").status


@settings(max_examples=50)
@given(path=st.sampled_from(PATHS), value=VALUES)
def test_any_json_is_taken_or_refused(web, path, value):
    """A refusal is a problem, and repeats nothing that may name a person."""
    answer = web.post(path, json.dumps(value).encode(), headers=JSON)

    assert answer.status in {200, 201, 409, 422}
    if answer.status >= 400:
        assert answer.status == answer.data["status"]
        assert NAME not in str(answer)
        assert "123-45-6789" not in str(answer)


@given(path=st.sampled_from(PATHS), body=st.binary(max_size=200))
def test_any_bytes_are_refused(web, path, body):
    """As no JSON, or as none that is asked for."""
    answer = web.post(path, body, headers=JSON)

    assert (422, 422) == (answer.status, answer.data["status"])


@settings(max_examples=200)
@given(lines=LINES)
def test_any_request_is_answered_or_refused(web, lines):
    """Without a server error, and with the connection closed at the end."""
    with web.connect() as caller:
        try:
            caller.sendall(b"".join(lines))
            caller.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it was refused before all was sent
        received = b""
        try:
            while some := caller.recv(65_536):
                received += some
        except ConnectionError:
            pass
    statuses = [int(part[:3]) for part in received.split(b"HTTP/1.1 ")[1:]]
    assert all(100 <= status < 500 for status in statuses), received
    assert NAME.encode() not in received
