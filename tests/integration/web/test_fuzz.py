"""Whatever is sent, the API answers as described or refuses; it neither falls nor repeats it."""

import json
import socket
from urllib.parse import quote, urlencode

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs
from web_rig import WebRig

JSON = {"Content-Type": "application/json"}
NAME = "Jane-Q-Doe"
NUMBER = 987_654_321
MARKERS = (NAME, "Jane_Q_Doe", "Jane Q Doe", "123-45-6789", "1012667145V762142", str(NUMBER))
"""What no refusal and no log line may have, as a value or as a name."""
WORDS = st.sampled_from([*MARKERS, f"{NAME}.pdf", "5", "s-1", "veteran_upload", "\0"])
FIELDS = st.sampled_from(
    [
        *("lighthouse_request_id", "form_526_submission_id", "document_type", "tracked_at"),
        *("form_attachment_id", "submissions", "expected", "count", "document_typ", "", "id"),
        *MARKERS,
    ]
)
SCALARS = (
    st.none()
    | st.just(NUMBER)
    | st.booleans()
    | st.integers()
    | st.floats()
    | WORDS
    | st.text(max_size=20)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(FIELDS, inner, max_size=5),
    max_leaves=12,
)
DOCUMENTS = st.fixed_dictionaries(
    {
        "lighthouse_request_id": st.sampled_from([5, NUMBER, str(NUMBER), NAME]),
        "form_526_submission_id": st.sampled_from(["s-1", NUMBER, NAME, "Jane Q Doe"]),
        "document_type": st.sampled_from(["form_0781", NAME]),
    },
    optional=dict.fromkeys((*MARKERS, "tracked_at", "form_attachment_id"), WORDS),
)
QUERIES = st.lists(
    st.tuples(
        st.sampled_from(
            [
                *("status", "step", "word", "submission", "failed_since", "limit", "after"),
                *("max_age", "wait", "condition", "document_type", "unobserved", *MARKERS),
            ]
        ),
        WORDS,
    ),
    min_size=1,
    max_size=3,
)
ADDRESSES = (
    *("documents", "changes", "benefits-documents/5", "submissions/s-1", NAME),
    *(f"benefits-documents/{NUMBER}", f"submissions/{NAME}", f"submissions/{NUMBER}"),
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
    """The API, which has to stand all of it, and to log nothing of it."""
    with capture_logs() as logged, WebRig(tmp_path_factory.mktemp("web")) as rig:
        yield rig
        assert 200 == rig.get("/healthz").status
    assert [] == repeated(logged)


def repeated(said):
    """The markers that are in what was said."""
    return [marker for marker in MARKERS if marker in str(said)]


@settings(max_examples=70)
@given(path=st.sampled_from(PATHS), value=VALUES | DOCUMENTS | st.lists(DOCUMENTS, max_size=3))
@example("/v1/documents", {NAME: 1})
@example("/v1/documents", [{"lighthouse_request_id": NUMBER, "document_type": "a"}])
@example("/v1/submissions/query", {"submissions": ["s"], NAME: 1})
@example("/v1/submissions/s-1/expected", {"expected": [{"Jane_Q_Doe": 1}], "Jane Q Doe": 1})
def test_any_json_is_taken_or_refused(web, path, value):
    """A refusal is a problem, and repeats nothing of the caller's own invention."""
    answer = web.post(path, json.dumps(value).encode(), headers=JSON)

    assert answer.status in {200, 201, 409, 422}
    if answer.status in {400, 422}:
        assert answer.status == answer.data["status"]
        assert [] == repeated(answer)


@settings(max_examples=70)
@given(address=st.sampled_from(ADDRESSES), query=QUERIES)
@example("documents", [("step", "Jane_Q_Doe")])
@example("documents", [("Jane_Q_Doe", "1")])
@example(f"benefits-documents/{10 * NUMBER}", [])
def test_any_query_is_taken_or_refused(web, address, query):
    """The same of names and values in an address."""
    answer = web.get(f"/v1/{quote(address)}?{urlencode(query)}")

    assert answer.status in {200, 400, 404, 422}
    if answer.status >= 400:
        assert [] == repeated(answer)


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
