"""The simulated Lighthouse: strict about requests, and faulty in every way on request."""

import concurrent.futures
import socket
import time

import patience
import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from lighthouse_client import BASE, DOCUMENTS, STATUS, UPLOAD, Client, claims
from manual_clock import ManualClock

from lightkeeper.simulation.lighthouse.server import SimulatedLighthouse
from lightkeeper.simulation.lighthouse.stories import STORIES

NOON = 1_700_000_000.0
WORDS = {"W": "NOT_STARTED", "R": "IN_PROGRESS", "S": "SUCCESS", "F": "FAILED"}


@pytest.fixture
def clock():
    """A clock of the test's own."""
    return ManualClock(NOON)


@pytest.fixture
def lighthouse(clock):
    """A Lighthouse without limits."""
    with SimulatedLighthouse(clock=clock) as running:
        yield running


@pytest.fixture
def client(lighthouse):
    """A client of `lighthouse`."""
    with requests.Session() as session:
        yield Client(lighthouse, session)


@pytest.fixture
def limited(clock):
    """A client of a Lighthouse that takes three calls a minute and two ids a call."""
    with (
        SimulatedLighthouse(clock=clock, rate_limit=3, max_ids=2) as running,
        requests.Session() as session,
    ):
        yield Client(running, session)


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "https://elsewhere.invalid/token"},
        {"aud": None},
        {"iss": "another client"},
        {"sub": "another client"},
        {"iat": NOON - 400, "exp": NOON - 100},
        {"exp": NOON + 301},
        {"exp": None},
        {"iat": NOON + 60},
    ],
    ids=str,
)
def test_a_wrong_claim_gets_no_token(client, changes):
    """Each claim of the assertion is checked, its times by the clock of this Lighthouse."""
    answer = client.grant(claims(NOON, **changes))

    assert (401, "invalid_client") == (answer.status_code, answer.json()["error"])


def test_a_wrong_signature_gets_no_token(client):
    """Only the client's own RSA key signs; a shared secret and another key do not."""
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    answers = [
        client.grant(claims(NOON), key=other),
        client.grant(claims(NOON), key="s" * 32, algorithm="HS256"),
        client.grant(claims(NOON), client_assertion="nonsense"),
    ]

    assert [401, 401, 401] == [answer.status_code for answer in answers]


@pytest.mark.parametrize(
    ("field", "error"),
    [
        ("grant_type", "unsupported_grant_type"),
        ("client_assertion_type", "invalid_request"),
        ("scope", "invalid_scope"),
    ],
)
def test_each_form_field_is_checked(client, field, error):
    """A wrong field is refused in OAuth's own words."""
    answer = client.grant(claims(NOON), **{field: "other"})

    assert (400, error) == (answer.status_code, answer.json()["error"])


def test_a_token_opens_what_its_scope_says(client):
    """Reading needs documents.read, uploading documents.write."""
    client.renew("documents.read")
    reading = client.ask(1), client.poll_one(1), client.upload()
    client.renew("documents.write")
    writing = client.ask(1), client.poll_one(1), client.upload()

    assert [404, 404, 403] == [answer.status_code for answer in reading]
    assert [403, 403, 200] == [answer.status_code for answer in writing]


def test_a_token_ends(client, lighthouse, clock):
    """Unknown, rejected, forgotten and expired tokens get 401."""

    def status():
        return client.ask(1).status_code

    lighthouse.reject_tokens()
    rejected = status()
    lighthouse.accept_tokens()
    accepted = status()
    lighthouse.expire_tokens()
    forgotten = status()
    client.renew()
    clock.now += 599.9
    young = status()
    clock.now += 0.2

    assert (401, 404, 401, 404, 401) == (rejected, accepted, forgotten, young, status())


COURSES = {
    "success": [(1, "R", "WW"), (5, "R", "RW"), (12, "R", "SR"), (20, "S", "SS")],
    "instantly_done": [(0, "S", "SS")],
    "fails_claims_evidence": [(5, "R", "RW"), (14, "F", "FW CLAIMS_EVIDENCE")],
    "fails_bgs": [(12, "R", "SR"), (25, "F", "SF BENEFITS_GATEWAY_SERVICE")],
    "fails_unknown": [(5, "R", "WW"), (11, "F", "WW")],
    "fails_cleanup": [(12, "R", "SR"), (22, "F", "SSF REMOVE_FILE_BINARY")],
    "stuck_claims_evidence": [(5, "R", "RW"), (10**7, "R", "RW")],
    "stuck_bgs": [(12, "R", "SR"), (10**7, "R", "SR")],
    "recovers": [(14, "F", "FW CLAIMS_EVIDENCE"), (350, "S", "SS")],
    "reworks": [
        (14, "F", "FW CLAIMS_EVIDENCE"),
        (140, "R", "RW"),
        (210, "R", "SR"),
        (280, "S", "SS"),
    ],
    "unknown_step": [(5, "R", "RWW"), (12, "R", "SRW"), (18, "R", "SSR"), (25, "S", "SSS")],
    "internal_step": [(12, "R", "SR"), (20, "R", "SSR"), (35, "S", "SSS")],
    "unknown_status": [(5, "R", "RW"), (12, "PAUSED", "SW"), (70, "S", "SS")],
    "contradictory": [(12, "R", "SR"), (20, "S", "SF")],
    "lost": [(0, "NOT_FOUND", ""), (10**7, "NOT_FOUND", "")],
    "purged": [(12, "R", "SR"), (70, "NOT_FOUND", "")],
}


def course(shown):
    """One status object in the words of COURSES."""
    letters = {word: letter for letter, word in WORDS.items()}
    steps = "".join(letters[step["status"]] for step in shown["steps"])
    blamed = shown.get("error", {}).get("step")
    return letters.get(shown["status"], shown["status"]), f"{steps} {blamed}" if blamed else steps


@pytest.mark.parametrize("story", STORIES)
def test_a_story_takes_its_course(client, lighthouse, clock, story):
    """Each story shows its states at their times, the same in bulk, alone and in state()."""
    request_id = lighthouse.add(story=story)
    seen = []
    for after, *_ in COURSES[story]:
        clock.now = NOON + after
        client.renew()
        bulk, alone = client.ask(request_id), client.poll_one(request_id)
        assert bulk.status_code == alone.status_code
        if bulk.status_code == 404:
            seen.append((after, "NOT_FOUND", ""))
            assert lighthouse.state(request_id) == "NOT_FOUND"
            continue
        shown = alone.json()["data"]
        assert [shown] == bulk.json()["data"]["statuses"]
        assert lighthouse.state(request_id) == shown["status"]
        assert NOON * 1000 == shown["time"]["startTime"]
        assert (shown["status"] in {"SUCCESS", "FAILED"}) == ("endTime" in shown["time"])
        seen.append((after, *course(shown)))

    assert COURSES[story] == seen


def test_documents_end_at_scattered_times(client, lighthouse, clock):
    """A document ends 15 to 20 seconds after its acceptance, and not all of them together."""
    ids = lighthouse.add_many(100)
    clock.now += 30
    ends = {shown["time"]["endTime"] for shown in client.ask(*ids).json()["data"]["statuses"]}

    assert 50 < len(ends)
    assert NOON + 15 <= min(ends) / 1000
    assert NOON + 20 >= max(ends) / 1000


def test_speed_hurries_and_seed_scatters(clock):
    """Ten times the speed takes a tenth of the time; the same seed gives the same course."""
    worlds = [SimulatedLighthouse(clock=clock, speed=10, seed=seed) for seed in (1, 1, 2)]
    ids = [world.add_many(200) for world in worlds]
    clock.now += 1.7
    first, same, other = ([world.state(i) for i in ids[0]] for world in worlds)

    assert ids[0] == ids[1] == ids[2]
    assert {"IN_PROGRESS", "SUCCESS"} == set(first)
    assert first == same
    assert first != other


def test_documents_may_have_a_clock_of_their_own(clock):
    """With a clock for the documents alone, tokens and calls stay with the other."""
    ahead = ManualClock(NOON)
    with (
        SimulatedLighthouse(clock=clock, documents_clock=ahead) as lighthouse,
        requests.Session() as session,
    ):
        client = Client(lighthouse, session)
        request_id = lighthouse.add()
        ahead.now += 100_000

        assert "SUCCESS" == client.poll_one(request_id).json()["data"]["status"]
        assert "SUCCESS" == lighthouse.state(request_id)
        assert NOON == lighthouse.calls[-1].at


def test_the_internal_step_is_shown_on_request(client, lighthouse, clock):
    """REMOVE_FILE_BINARY shows only where the query asks for it."""
    request_id = lighthouse.add(story="instantly_done")
    params = {"includeInternalOnlyStepStatuses": "true"}
    bulk = client.ask(request_id, params=params).json()["data"]["statuses"][0]
    alone = client.poll_one(request_id, params=params).json()["data"]
    plain = client.poll_one(request_id, params={"includeInternalOnlyStepStatuses": "false"})
    wrong = client.poll_one(request_id, params={"includeInternalOnlyStepStatuses": "maybe"})

    assert bulk == alone
    assert ("S", "SSS") == course(alone)
    assert "REMOVE_FILE_BINARY" == alone["steps"][1]["nextStepName"]
    assert ("S", "SS") == course(plain.json()["data"])
    assert 400 == wrong.status_code


def test_unknown_ids_are_named(client, lighthouse):
    """Some unknown: a list beside the statuses; all unknown: 404; none: no list at all."""
    known = lighthouse.add()
    partly, none, every = client.ask(str(known), 21, "22"), client.ask(known), client.ask("21", 22)

    assert [21, 22] == partly.json()["data"]["requestIdsNotFound"]
    assert [known] == [shown["requestId"] for shown in partly.json()["data"]["statuses"]]
    assert {"statuses"} == none.json()["data"].keys()
    assert 404 == every.status_code
    assert "Upload Request Async Status Not Found" == every.json()["errors"][0]["detail"]


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        {"data": []},
        {"data": {"requestIds": []}},
        {"data": {"requestIds": "1"}},
        {"data": {"requestIds": [1, "x"]}},
        {"data": {"requestIds": [1.0]}},
        {"data": {"requestIds": [True]}},
        {"data": {"requestIds": [None]}},
        {"data": {"requestIds": [2**63]}},
        {"data": {"requestIds": [str(2**63)]}},
        {"data": {"requestIds": ["-1"]}},
    ],
    ids=str,
)
def test_a_malformed_question_is_refused(client, body):
    """Only a list of 64-bit integers, or of digits that make one, is a question."""
    answer = client.post(body)

    assert 400 == answer.status_code
    assert {"detail", "status", "title", "instance", "diagnostics"} == set(
        answer.json()["errors"][0]
    )


def test_a_question_has_to_be_json(client):
    """The right body under the wrong Content-Type is refused."""
    answer = client.post(None, data=b'{"data":{"requestIds":[1]}}')

    assert 400 == answer.status_code


def test_other_paths_are_the_gateways_404(client, lighthouse):
    """A wrong path and a wrong method get the gateway's own 404, not Lighthouse's."""
    answers = [
        client.post({}, path=f"{BASE}/upload/status"),
        client.session.get(lighthouse.url + STATUS, timeout=patience.SECONDS),
        client.session.delete(lighthouse.url + DOCUMENTS, timeout=patience.SECONDS),
    ]

    assert [(404, {"message": "no Route matched with those values"})] * 3 == [
        (answer.status_code, answer.json()) for answer in answers
    ]


def test_an_upload_becomes_a_document(client, lighthouse, clock):
    """An upload's request id can be polled, and its document takes its course."""
    answer = client.upload().json()["data"]
    clock.now += 20

    assert answer["success"] is True
    assert "SUCCESS" == client.poll_one(answer["requestId"]).json()["data"]["status"]


@pytest.mark.parametrize(
    "parameters",
    [
        {"fileName": "form.exe"},
        {"fileName": "form"},
        {"fileName": "x" * 253 + ".pdf"},
        {"claimId": 0},
        {"claimId": "many"},
        {"claimId": None},
        {"docType": None},
        {"systemName": ""},
        {"participantId": None},
        {"trackedItemIds": ["x"]},
        {"content": b""},
    ],
    ids=str,
)
def test_a_wrong_upload_is_refused(client, lighthouse, parameters):
    """Each parameter is checked, and nothing is accepted."""
    assert 400 == client.upload(**parameters).status_code
    assert {} == lighthouse.truth()


@pytest.mark.parametrize("name", ["a.PDF", "a.b.jpeg", "a.tif", "a.txt"])
def test_uploads_of_all_kinds(client, name):
    """The type is read from the end of the name, in any case; a file number will do as well."""
    answer = client.upload(fileName=name, participantId=None, fileNumber="796104437")

    assert 200 == answer.status_code


def test_an_upload_has_to_be_multipart(client):
    """JSON is no upload."""
    assert 400 == client.post({"data": UPLOAD}, path=DOCUMENTS).status_code


def test_the_rate_limit_is_announced_and_enforced(limited, clock):
    """Both status endpoints draw on one window, each answer counts down, and 429 ends it."""
    clock.now = NOON // 60 * 60 + 18
    first, second, third = limited.ask(1), limited.poll_one(1), limited.ask(1, 2, 3)
    refused = limited.ask(1)
    clock.now += 42
    later = limited.ask(1)

    assert [404, 404, 413, 429, 404] == [
        answer.status_code for answer in (first, second, third, refused, later)
    ]
    assert ["2", "1", "0", "0", "2"] == [
        answer.headers["RateLimit-Remaining"] for answer in (first, second, third, refused, later)
    ]
    assert ("3", "42") == (first.headers["RateLimit-Limit"], first.headers["RateLimit-Reset"])
    assert ("3", "2") == (
        first.headers["X-RateLimit-Limit-Minute"],
        first.headers["X-RateLimit-Remaining-Minute"],
    )
    assert {"message": "API rate limit exceeded"} == refused.json()
    assert "42" == refused.headers["Retry-After"]


def test_without_a_limit_no_answer_announces_one(client):
    """Simulated Lighthouse without a limit sends no RateLimit header."""
    assert not [name for name in client.ask(1).headers if "ratelimit" in name.lower()]


def test_the_next_calls_fail_as_requested(client, lighthouse):
    """Failures come in the order they were asked for, each on its own path."""
    lighthouse.fail_next(2)
    lighthouse.fail_next(1, 429, headers={"Retry-After": "7"})
    lighthouse.fail_next(1, 500, {"status": 500, "error": "Failed to verify payload."})
    lighthouse.fail_next(1, 502, b"<html>", path="single")
    alone = client.poll_one(1)
    answers = [client.ask(1) for _ in range(5)]

    assert (502, "<html>") == (alone.status_code, alone.text)
    assert [500, 500, 429, 500, 404] == [answer.status_code for answer in answers]
    assert 500 == answers[0].json()["errors"][0]["status"]
    assert "7" == answers[2].headers["Retry-After"]
    assert "Failed to verify payload." == answers[3].json()["error"]


def test_a_share_of_the_calls_fails(client, lighthouse, clock):
    """About the share asked for fails, the same calls for the same seed."""
    lighthouse.fail_share(0.3, 504)
    first = [client.ask(1).status_code for _ in range(60)]
    with SimulatedLighthouse(clock=clock) as same, requests.Session() as session:
        same.fail_share(0.3, 504)
        twin = Client(same, session)
        again = [twin.ask(1).status_code for _ in range(60)]

    assert {404, 504} == set(first)
    assert 9 <= first.count(504) <= 27
    assert first == again


def test_a_poisoned_id_spoils_its_calls(client, lighthouse):
    """Every call with a poisoned id fails, alone too unless it is said otherwise."""
    good, bad, half_bad = lighthouse.add(), lighthouse.add(), lighthouse.add()
    lighthouse.poison(bad, 502)
    lighthouse.poison(half_bad, single_ok=True)
    calls = [client.ask(good), client.ask(good, bad), client.ask(half_bad, good)]
    alone = [client.poll_one(request_id) for request_id in (good, bad, half_bad)]
    lighthouse.clear_faults()

    assert [200, 502, 500] == [answer.status_code for answer in calls]
    assert [200, 502, 200] == [answer.status_code for answer in alone]
    assert 200 == client.ask(good, bad, half_bad).status_code


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("garbage", (200, "text/html")),
        ("empty", (200, "application/json")),
        ("redirect", (302, "text/html")),
    ],
)
def test_down_with_an_answer(client, lighthouse, kind, expected):
    """What comes instead of an answer comes until up()."""
    lighthouse.down(kind)
    answer = client.ask(1, allow_redirects=False)
    lighthouse.up()

    assert expected == (answer.status_code, answer.headers["Content-Type"])
    assert 404 == client.ask(1).status_code


def test_a_redirect_leads_to_another_host(client, lighthouse):
    """The address redirected to is not this server's."""
    lighthouse.down("redirect")
    address = client.ask(1, allow_redirects=False).headers["Location"]

    assert address.startswith("http://")
    assert f"http://{lighthouse.host}" not in address


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("refuse", requests.ConnectionError),
        ("hang", requests.ReadTimeout),
        ("close_mid_body", requests.exceptions.ChunkedEncodingError),
    ],
)
def test_down_without_an_answer(client, lighthouse, kind, error):
    """A call that gets no whole answer fails, on the path asked for, until up()."""
    lighthouse.down(kind, path="status")
    with pytest.raises(error):
        client.ask(1, timeout=0.3)
    alone = client.poll_one(1)
    lighthouse.up()

    assert 404 == alone.status_code
    assert 404 == client.ask(1).status_code


def test_trickling_bytes(lighthouse):
    """A trickled answer comes byte by byte, from its headers on."""
    lighthouse.down("trickle")
    with socket.create_connection((lighthouse.host, lighthouse.port)) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
        received = [connection.recv(100) for _ in range(3)]

        assert b"HTTP/1.1".startswith(b"".join(received))


@pytest.mark.speed
@pytest.mark.parametrize("kind", ["hang", "trickle"])
def test_stop_ends_what_hangs(clock, kind):
    """stop() returns at once though calls hang, and the callers learn of it."""
    lighthouse = SimulatedLighthouse(clock=clock)
    lighthouse.start()
    lighthouse.down(kind)

    def call(url):
        with requests.Session() as session:
            session.trust_env = False
            return session.get(url, timeout=patience.SECONDS)

    with concurrent.futures.ThreadPoolExecutor() as pool:
        hanging = pool.submit(call, lighthouse.url)
        while not lighthouse.calls:
            time.sleep(0.01)
        before = time.monotonic()
        lighthouse.stop()

        assert time.monotonic() - before < patience.at_most(5)
        assert isinstance(hanging.exception(patience.SECONDS), requests.ConnectionError)


def test_a_start_after_a_stop(client, lighthouse):
    """The port is closed after stop(); a new start has the same port, documents and tokens."""
    request_id = lighthouse.add(story="instantly_done")
    url = lighthouse.url
    lighthouse.stop()
    with pytest.raises(requests.ConnectionError):
        client.ask(request_id)
    lighthouse.start()

    assert url == lighthouse.url
    assert 200 == client.ask(request_id).status_code
    with pytest.raises(RuntimeError):
        lighthouse.start()


def test_exact_answers(client, lighthouse):
    """An answer given by hand goes out as it is, be it JSON or not, bulk and alone."""
    known, foreign = lighthouse.add(), 7
    lighthouse.answer(known, rb'{"requestId":1,"status":"FAILED","x":"\u0000\ud800","y":NaN}')
    lighthouse.answer(foreign, {"requestId": 7, "status": "SUCCESS"})

    bulk, alone = client.ask(known, foreign), client.poll_one(known)

    assert rb'"x":"\u0000\ud800","y":NaN}' in bulk.content
    assert b',{"requestId":7,"status":"SUCCESS"}]' in bulk.content
    assert rb'{"data":{"requestId":1,"status":"FAILED","x":"\u0000\ud800","y":NaN}}' == (
        alone.content
    )
    assert {known: "FAILED", foreign: "SUCCESS"} == lighthouse.truth()


def test_ids_left_out_and_put_in(client, lighthouse):
    """An omitted id is in neither list and answered alone; an id never asked for comes along."""
    omitted, known = lighthouse.add_many(2, "instantly_done")
    lighthouse.omit(omitted)
    lighthouse.also_answer({"requestId": 99, "status": "SUCCESS"})
    both, nothing = client.ask(omitted, known, 5).json(), client.ask(omitted)

    assert [known, 99] == [shown["requestId"] for shown in both["data"]["statuses"]]
    assert [5] == both["data"]["requestIdsNotFound"]
    assert [99] == [shown["requestId"] for shown in nothing.json()["data"]["statuses"]]
    assert omitted == client.poll_one(omitted).json()["data"]["requestId"]


def test_ids_as_strings(client, lighthouse):
    """With `as_strings` every id in an answer is a string."""
    known = lighthouse.add()
    lighthouse.as_strings = True
    bulk = client.ask(known, 5).json()["data"]

    assert str(known) == bulk["statuses"][0]["requestId"]
    assert ["5"] == bulk["requestIdsNotFound"]
    assert str(known) == client.poll_one(known).json()["data"]["requestId"]


def test_truth_is_what_an_answer_would_say(lighthouse, clock):
    """truth() has the present word for every document: a lost one is not an unfinished one."""
    done, stuck, lost = (
        lighthouse.add(story=story) for story in ("instantly_done", "stuck_bgs", "lost")
    )
    old = lighthouse.add(77, accepted_at=NOON - 60)
    lighthouse.answer(78, b"[not json")

    assert {
        done: "SUCCESS",
        stuck: "IN_PROGRESS",
        lost: "NOT_FOUND",
        old: "SUCCESS",
        78: "MALFORMED",
    } == lighthouse.truth()
    assert "NOT_FOUND" == lighthouse.state(1)


def test_many_documents(client, lighthouse):
    """Ids of many documents follow each other, none is given twice, and each is answered once."""
    first = lighthouse.add()
    lighthouse.add(first + 50)
    ids = lighthouse.add_many(10_000, "instantly_done")
    batch = ids[2_000:2_100]
    answer = client.ask(*batch, *batch).json()["data"]

    assert 10_002 == len(lighthouse.truth())
    assert list(batch) == [shown["requestId"] for shown in answer["statuses"]]


def test_a_wrong_word_is_refused(lighthouse):
    """An unknown story and an unknown way to be down are errors of the test's author."""
    with pytest.raises(ValueError, match="success"):
        lighthouse.add(story="happy")
    with pytest.raises(ValueError, match="hang"):
        lighthouse.down("tired")


def test_calls_are_recorded(client, lighthouse, clock):
    """Each call is kept with its path, ids and status; nothing is kept where that is off."""
    lighthouse.down("hang", path="single")
    client.ask(3, "4")
    with pytest.raises(requests.ReadTimeout):
        client.session.get(f"{lighthouse.url}{BASE}/uploads/5/status", timeout=0.2)
    with (
        SimulatedLighthouse(clock=clock, record_calls=False) as silent,
        requests.Session() as session,
    ):
        Client(silent, session).ask(1)

        assert [] == silent.calls
    assert [
        ("token", "POST", (), 200, NOON),
        ("status", "POST", (3, 4), 404, NOON),
        ("single", "GET", (5,), 0, NOON),
    ] == lighthouse.calls


def test_latency_comes_before_the_answer(client, lighthouse):
    """The latency asked for passes, and the header about it says so."""
    lighthouse.latency = 0.05
    answer = client.ask(1)

    assert answer.elapsed.total_seconds() >= 0.05
    assert "50" == answer.headers["X-Envoy-Upstream-Service-Time"]


def test_a_broken_request_is_refused(lighthouse):
    """What is not HTTP, or has a body without a length, gets an answer and no more calls."""
    for sent, expected in [
        (b"hello\r\n\r\n", b"HTTP/1.1 400 "),
        (b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", b"HTTP/1.1 400 "),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", b"HTTP/1.1 411 "),
        (b"GET / HTTP/1.0\r\n\r\n", b"HTTP/1.1 404 "),
    ]:
        with socket.create_connection((lighthouse.host, lighthouse.port)) as connection:
            connection.sendall(sent)
            answer = b"".join(iter(lambda: connection.recv(1000), b""))

            assert answer.startswith(expected)
            assert b"Connection: close" in answer


def test_a_connection_is_kept(lighthouse):
    """Requests follow each other on one connection until one asks for its end."""
    request = b"GET / HTTP/1.1\r\nConnection: %b\r\nContent-Length: 2\r\n%b\r\n{}"
    with socket.create_connection((lighthouse.host, lighthouse.port)) as connection:
        connection.sendall(request % (b"keep-alive", b"Expect: 100-continue\r\n"))
        connection.sendall(request % (b"close", b""))
        answers = b"".join(iter(lambda: connection.recv(1000), b""))

    assert 1 == answers.count(b"HTTP/1.1 100 Continue")
    assert 2 == answers.count(b"HTTP/1.1 404 ")
    assert 1 == answers.count(b"Connection: close")


def test_the_settings_of_a_daemon(lighthouse):
    """The environment names the server, and its key is the one that signs."""
    environment = lighthouse.environment()

    assert lighthouse.url == environment["LIGHTKEEPER_LIGHTHOUSE_URL"]
    assert lighthouse.token_url.startswith(lighthouse.url + "/oauth2/")
    assert lighthouse.audience == environment["LIGHTKEEPER_LIGHTHOUSE_AUDIENCE"]
    assert lighthouse.client_id == environment["LIGHTKEEPER_LIGHTHOUSE_CLIENT_ID"]
    assert environment["LIGHTKEEPER_LIGHTHOUSE_PRIVATE_KEY"].startswith("-----BEGIN PRIVATE KEY")
