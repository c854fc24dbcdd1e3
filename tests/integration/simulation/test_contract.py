"""The simulated Lighthouse beside the project's own contract and examples."""

import json

import contract as contracts
import jsonschema
import patience
import pytest
import requests
from contract import Offence, example, received, sent
from lighthouse_client import BASE, DOCUMENTS, STATUS, UPLOAD, Client, claims
from lighthouse_exchanges import (
    BULK,
    NOON,
    OUTSIDE_THE_CONTRACT,
    SINGLE,
    TOKEN,
    Exchange,
    errors,
    offences,
    own_answers,
    replay,
    shape,
    stages,
    statuses,
    too_many,
)
from lighthouse_exchanges import UPLOAD as TO_UPLOAD
from manual_clock import ManualClock

from lightkeeper.simulation.lighthouse.server import SimulatedLighthouse
from lightkeeper.simulation.lighthouse.stories import STORIES

BARE = {"status": 500, "error": "The payload was not verified"}
# Of the transport, or given in some answers of an endpoint only.
MAY_BE_MORE = {"content-length", "x-envoy-upstream-service-time"}


@pytest.fixture(scope="module")
def contract():
    """The project's own contract."""
    return contracts.own()


@pytest.fixture
def lighthouse():
    """A Lighthouse with the limits that are known, and a clock that stands still."""
    with SimulatedLighthouse(clock=ManualClock(NOON), rate_limit=60, max_ids=100) as running:
        yield running


@pytest.fixture
def client(lighthouse):
    """A client of that Lighthouse."""
    with requests.Session() as session:
        yield Client(lighthouse, session)


def test_the_contract_is_sound():
    """Every schema is one, and every part of the contract is referred to, and by its name."""
    document = contracts.own_document()
    components = document["components"]
    for schema in components["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    parts = {
        f"#/components/{kind}/{name}"
        for kind, named in components.items()
        for name in named
        if kind != "securitySchemes"
    }

    assert parts == set(references(document))


@pytest.mark.parametrize("name", contracts.EXAMPLES)
def test_every_example_keeps_the_contract(contract, name):
    """An example's answer is one that the contract has; its request breaks it only for a 400."""
    shown = example(name)
    request = contracts.example_request(shown["request"])
    answer = contracts.example_response(shown["response"])
    operation = contract.operation_of(request)
    malformed = contract.request_offences(request)

    assert [] == contract.answer_offences(operation, answer)
    assert (400 == answer.status) == bool(malformed)
    assert name.endswith(f"_{answer.status}")
    assert shown["about"].endswith(".")


def test_the_examples_show_every_status(contract):
    """Each status that the contract has is shown by an example, and each operation too."""
    examples = [example(name) for name in contracts.EXAMPLES]
    shown = {str(one["response"]["status"]) for one in examples}
    used = {contract.operation_of(contracts.example_request(one["request"])) for one in examples}

    assert set().union(*map(contract.declares, contract.operations)) == shown
    assert set(contract.operations) == used


@pytest.mark.parametrize("internal", ["false", "true"])
@pytest.mark.parametrize("story", STORIES)
def test_every_stage_of_every_story_keeps_the_contract(contract, client, story, internal):
    """Whatever a story has Lighthouse say has the contract's shape and the contract's words."""
    exchanges = stages(client, story, internal)
    expected, given = statuses(exchanges)

    assert expected == given
    words = {offence.value for offence in offences(contract, exchanges)}
    assert OUTSIDE_THE_CONTRACT.get(story, set()) == words


def test_every_declared_error_keeps_the_contract(contract, client):
    """A failure asked for has the shape that the contract declares for its status."""
    exchanges = errors(client, contract)
    expected, given = statuses(exchanges)

    assert expected == given
    assert 3 * 9 == len(exchanges)
    assert [] == offences(contract, exchanges)


def test_every_answer_of_its_own_keeps_the_contract(contract, client):
    """Refusals, uploads and poisoned ids keep to the contract too."""
    exchanges = own_answers(client)
    expected, given = statuses(exchanges)

    assert expected == given
    assert [] == offences(contract, exchanges)


def test_the_real_limits_keep_the_contract(contract, client):
    """The 429 of a limit really passed has the contract's shape and says when to call again."""
    exchanges = too_many(client)
    for _ in range(240):
        answer = client.grant(claims(NOON), client_assertion="a.b.c")
    exchanges.append(Exchange(429, TOKEN, answer))
    expected, given = statuses(exchanges)

    assert expected == given
    assert [] == offences(contract, exchanges)
    assert ["40", "40"] == [answer.headers["Retry-After"] for *_, answer in exchanges]


def test_tokens_keep_the_contract(contract, client, lighthouse):
    """Tokens given, tokens denied and tokens that do not help have the contract's shape."""
    client.renew("documents.write")
    exchanges = [
        Exchange(200, TOKEN, client.grant(claims(NOON))),
        Exchange(200, TOKEN, client.grant(claims(NOON), scope="documents.write documents.read")),
        Exchange(401, TOKEN, client.grant(claims(NOON, aud="https://elsewhere.invalid"))),
        Exchange(401, TOKEN, client.grant(claims(NOON - 600))),
        Exchange(400, TOKEN, client.grant(claims(NOON), grant_type="password")),
        Exchange(400, TOKEN, client.grant(claims(NOON), scope="everything")),
        Exchange(403, BULK, client.ask(1)),
        Exchange(403, SINGLE, client.poll_one(1)),
    ]
    lighthouse.reject_tokens()
    exchanges += [
        Exchange(401, BULK, client.ask(1)),
        Exchange(401, SINGLE, client.poll_one(1)),
        Exchange(401, TO_UPLOAD, client.upload()),
    ]
    expected, given = statuses(exchanges)

    assert expected == given
    assert [] == offences(contract, exchanges)


@pytest.mark.parametrize("status", [400, 401, 403, 429, 500, 502, 504])
def test_a_fault_at_the_token_endpoint_keeps_the_contract(contract, client, lighthouse, status):
    """A failure of the token endpoint, or of all, has the contract's shape for its status."""
    lighthouse.fail_next(1, status, path="token")
    exchanges = [Exchange(status, TOKEN, client.grant(claims(NOON)))]
    lighthouse.fail_share(1.0, status, path=None)
    exchanges.append(Exchange(status, TOKEN, client.grant(claims(NOON))))

    assert [status] * 2 == [exchange.answer.status_code for exchange in exchanges]
    assert [] == offences(contract, exchanges)


@pytest.mark.parametrize(
    "bring_about",
    [
        lambda lighthouse: lighthouse.fail_next(4, 500, BARE, path=None),
        lambda lighthouse: lighthouse.fail_share(1.0, 500, BARE, path=None),
        lambda lighthouse: lighthouse.fail_share(1.0, path=None),
    ],
    ids=["next, bare", "share, bare", "share"],
)
def test_a_500_keeps_the_contract_in_either_shape(contract, client, lighthouse, bring_about):
    """Also the bare shape of a 500 is one that the contract has, at every endpoint."""
    bring_about(lighthouse)
    exchanges = [
        Exchange(500, BULK, client.ask(1)),
        Exchange(500, SINGLE, client.poll_one(1)),
        Exchange(500, TO_UPLOAD, client.upload()),
        Exchange(500, TOKEN, client.grant(claims(NOON))),
    ]
    expected, given = statuses(exchanges)

    assert expected == given
    assert [] == offences(contract, exchanges)


@pytest.mark.parametrize("status", [400, 404, 413, 429, 500, 502, 504])
def test_a_poisoned_id_keeps_the_contract(contract, client, lighthouse, status):
    """An id that spoils its calls does so with an error that the contract has."""
    lighthouse.poison(1, status)
    exchanges = [
        Exchange(status, BULK, client.ask(1, 2)),
        Exchange(status, SINGLE, client.poll_one(1)),
    ]
    expected, given = statuses(exchanges)

    assert expected == given
    assert [] == offences(contract, exchanges)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("empty", []),
        ("garbage", [Offence("no such content type", "text/html")]),
        ("redirect", [Offence("no such status", 302)]),
    ],
)
def test_down_with_an_answer_breaks_the_contract_as_known(
    contract, client, lighthouse, kind, expected
):
    """An empty answer keeps the contract; HTML and a redirect are no answers of this API."""
    lighthouse.down(kind)
    answer = client.ask(1, allow_redirects=False)

    assert expected == contract.answer_offences(BULK, received(answer))


def test_an_id_left_out_or_put_in_keeps_the_contract(contract, client, lighthouse):
    """An answer without an id, or with one that was not polled, has the contract's shape."""
    silent, known = lighthouse.add(), lighthouse.add(story="instantly_done")
    lighthouse.omit(silent)
    exchanges = [Exchange(200, BULK, client.ask(silent))]
    lighthouse.also_answer(client.poll_one(known).json()["data"])
    exchanges += [Exchange(200, BULK, client.ask(silent)), Exchange(200, BULK, client.ask(known))]
    expected, given = statuses(exchanges)

    assert expected == given
    assert [0, 1, 2] == [
        len(answer.json()["data"].get("statuses", [])) for *_, answer in exchanges
    ]
    assert [] == offences(contract, exchanges)


def test_ids_as_text_are_all_that_breaks_the_contract(contract, client, lighthouse):
    """Lighthouse set to answer ids as text breaks the contract in the ids and nowhere else."""
    known = lighthouse.add()
    lighthouse.as_strings = True
    answer = client.ask(known, 21)
    found = contract.answer_offences(BULK, received(answer))

    assert {str(known), "21"} == {offence.value for offence in found}


def upload(**parameters):
    """Upload with these parameters instead of the good ones."""
    return lambda client: client.upload(**parameters)


def ask(body):
    """Poll many documents with this body."""
    return lambda client: client.post(body)


def alone(request_id, **params):
    """Poll one document."""
    return lambda client: client.poll_one(request_id, params=params)


def grant(**form):
    """Ask for a token with this in the form; None leaves a field out."""
    return lambda client: client.grant(claims(NOON), **form)


def as_text(body):
    """Poll many documents with a body that does not say that it is JSON."""
    return lambda client: client.post(None, data=body, headers={"Content-Type": "text/plain"})


def as_json(body):
    """Poll many documents with a body that says that it is JSON."""
    return lambda client: client.post(
        None, data=body, headers={"Content-Type": "application/json"}
    )


def token_as_json(client):
    """Ask for a token with JSON instead of a form."""
    return client.session.post(client.lighthouse.token_url, json={}, timeout=patience.SECONDS)


def upload_part(name):
    """Upload one part alone."""
    parts = {
        "parameters": (None, '{"data":{}}', "application/json"),
        "file": ("form.pdf", b"%PDF-1.7", "application/pdf"),
    }
    return lambda client: client.session.post(
        client.lighthouse.url + DOCUMENTS, files={name: parts[name]}, timeout=patience.SECONDS
    )


def upload_nulls(name):
    """Upload with null for this parameter."""
    parameters = json.dumps({"data": UPLOAD | {name: None}})
    return lambda client: client.session.post(
        client.lighthouse.url + DOCUMENTS,
        files={
            "parameters": (None, parameters, "application/json"),
            "file": ("form.pdf", b"%PDF-1.7", "application/pdf"),
        },
        timeout=patience.SECONDS,
    )


def no_token(call):
    """Call without a token."""

    def called(client):
        del client.session.headers["Authorization"]
        return call(client)

    return called


REFUSED = {
    "a list": (400, ask([])),
    "no data": (400, ask({})),
    "data in a list": (400, ask({"data": []})),
    "no ids": (400, ask({"data": {}})),
    "ids in a text": (400, ask({"data": {"requestIds": "1"}})),
    "an id of letters": (400, ask({"data": {"requestIds": [1, "x"]}})),
    "an id with a fraction": (400, ask({"data": {"requestIds": [1.5]}})),
    "an id that is true": (400, ask({"data": {"requestIds": [True]}})),
    "an id that is null": (400, ask({"data": {"requestIds": [None]}})),
    "an id too large": (400, ask({"data": {"requestIds": [2**63]}})),
    "an id too large, as text": (400, ask({"data": {"requestIds": [str(2**63)]}})),
    "an id with a sign, as text": (400, ask({"data": {"requestIds": ["-1"]}})),
    "no JSON": (400, as_json(b'{"data":')),
    "text": (400, as_text(b'{"data":{"requestIds":[1]}}')),
    "many, no token": (401, no_token(ask({"data": {"requestIds": [1]}}))),
    "one of letters": (400, alone("x")),
    "one with a fraction": (400, alone("1.5")),
    "one too large": (400, alone(2**63)),
    "internal, or not": (400, alone(1, includeInternalOnlyStepStatuses="maybe")),
    "one, no token": (401, no_token(alone(1))),
    **{f"no {name}": (400, upload(**{name: None})) for name in UPLOAD},
    "a system that is a number": (400, upload(systemName=1)),
    "a claim of letters": (400, upload(claimId="x")),
    "a claim below one": (400, upload(claimId=0)),
    "a claim too large": (400, upload(claimId=2**63)),
    "a file of another type": (400, upload(fileName="form.exe")),
    "a file of no type": (400, upload(fileName="form")),
    "a file name too long": (400, upload(fileName="x" * 253 + ".pdf")),
    "a participant of letters": (400, upload(participantId="x")),
    "a participant of letters beside a file number": (
        400,
        upload(participantId="x", fileNumber="made up"),
    ),
    "a file number that is a number, beside a participant": (400, upload(fileNumber=1)),
    **{f"tracked items: {value!r}": (400, upload(trackedItemIds=value)) for value in (0, "", {})},
    "tracked items: null": (400, upload_nulls("trackedItemIds")),
    "one tracked item": (400, upload(trackedItemIds=1)),
    "a tracked item of letters": (400, upload(trackedItemIds=["x"])),
    "a validation token that is a number": (400, upload(validationToken=1)),
    "a validation token that is null": (400, upload_nulls("validationToken")),
    "a validation token too long": (400, upload(validationToken="x" * 65)),
    "no file": (400, upload_part("parameters")),
    "no parameters": (400, upload_part("file")),
    "an upload in JSON": (400, lambda client: client.post({"data": UPLOAD}, path=DOCUMENTS)),
    "an upload, no token": (401, no_token(upload())),
    "another grant": (400, grant(grant_type="password")),
    "no grant": (400, grant(grant_type=None)),
    "another assertion type": (400, grant(client_assertion_type="x")),
    "no assertion type": (400, grant(client_assertion_type=None)),
    "no assertion": (401, grant(client_assertion=None)),
    "an assertion that is none": (401, grant(client_assertion="nonsense")),
    "another scope": (400, grant(scope="documents.delete")),
    "no scope": (400, grant(scope=None)),
    "a token in JSON": (400, token_as_json),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_contract_refuses_is_refused(contract, client, lighthouse, name):
    """A request that the contract does not allow gets an error that the contract has."""
    status, call = REFUSED[name]
    answer = call(client)
    request = sent(answer.request)

    assert [] != contract.request_offences(request)
    assert status == answer.status_code
    assert [] == contract.answer_offences(contract.operation_of(request), received(answer))
    assert {} == lighthouse.truth()


ALLOWED = {
    "ids": ask({"data": {"requestIds": [1, 2**63 - 1]}}),
    "ids as text": ask({"data": {"requestIds": ["1", str(2**63 - 1)]}}),
    "the internal step": alone(1, includeInternalOnlyStepStatuses="true"),
    "one": alone(1),
    "an upload": upload(),
    "an upload by file number": upload(participantId=None, fileNumber="made up"),
    "an upload with tracked items": upload(trackedItemIds=[1, "2"], claimId=5),
    "an upload with no tracked items": upload(trackedItemIds=[]),
    "an upload with a validation token": upload(validationToken="x" * 64),
    "an upload by both": upload(fileNumber="made up"),
    "an upload of an image": upload(fileName="scan.JPeG"),
    "a token": grant(),
    "a token for all": grant(scope="documents.read documents.write"),
}


@pytest.mark.parametrize("name", ALLOWED)
def test_what_the_contract_allows_is_taken(contract, client, name):
    """A request that the contract allows is not refused; 404 is an answer to it."""
    answer = ALLOWED[name](client)

    assert [] == contract.request_offences(sent(answer.request))
    assert answer.status_code in {200, 404}


@pytest.mark.parametrize("path", [f"{BASE}/upload/status", STATUS + "/", "/uploads/status"])
def test_what_the_contract_has_no_path_for_is_not_there(contract, client, path):
    """A path that the contract does not have leads nowhere."""
    answer = client.post({}, path=path)

    assert "no such operation" == contract.request_offences(sent(answer.request))[0].reason
    assert 404 == answer.status_code


def knows(request_id, story="instantly_done", age=3600):
    """Let Lighthouse know a document."""
    return lambda client: client.lighthouse.add(request_id, story, accepted_at=NOON - age)


def fails(status, body=None, **headers):
    """Let the next call about many fail."""
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda client: client.lighthouse.fail_next(1, status, body, headers)


def both(*prepare):
    """Do one after the other."""
    return lambda client: [step(client) for step in prepare]


def poisoned(status):
    """Let the id of the examples spoil its calls."""
    return lambda client: client.lighthouse.poison(710000101, status)


PREPARED = {
    "bad_gateway_502": poisoned(502),
    "forbidden_403": lambda client: client.renew("documents.write"),
    "internal_error_500": poisoned(500),
    "payload_unverified_500": fails(500, BARE),
    "rate_limited_429": too_many,
    "refused_400": None,
    "single_complete_200": knows(710000101),
    "single_not_found_404": None,
    "status_all_not_found_404": None,
    "status_complete_200": knows(710000101),
    "status_failed_bgs_200": knows(710000105, "fails_bgs"),
    "status_failed_claims_evidence_200": knows(710000104, "fails_claims_evidence"),
    "status_in_progress_200": both(
        knows(710000102, "stuck_bgs"), knows(710000103, "stuck_claims_evidence", age=0)
    ),
    "status_partly_not_found_200": knows(710000101),
    "status_silent_200": lambda client: client.lighthouse.omit(710000108),
    "timed_out_504": fails(504),
    "token_200": None,
    "token_refused_401": None,
    "token_scope_refused_400": None,
    "too_large_413": fails(413),
    "unauthorized_401": lambda client: client.lighthouse.reject_tokens(),
    "upload_200": None,
}
# What Lighthouse may send and the simulated one does not: it leaves out less, and sends no null.
ONLY_SHOWN = {"status_in_progress_null_200", "status_sparse_200"}


def test_every_example_is_played_or_only_shown():
    """No example lies there unread."""
    assert sorted(PREPARED.keys() | ONLY_SHOWN) == contracts.EXAMPLES


@pytest.mark.parametrize("name", PREPARED)
def test_examples_come_out_the_same(client, name):
    """An example's request gets the example's status, header names and shape of body."""
    shown = example(name)
    if prepare := PREPARED[name]:
        prepare(client)
    answer = replay(client, shown["request"], shown["response"]["status"])
    expected = shown["response"]
    names = {header.lower() for header in expected["headers"]}
    given = {header.lower() for header in answer.headers}

    assert expected["status"] == answer.status_code
    assert expected["headers"]["Content-Type"] == answer.headers["Content-Type"]
    assert set() == names - given
    assert set() == given - names - MAY_BE_MORE
    assert shape(expected["body"]) == shape(answer.json())


def references(node):
    """Every reference within."""
    if isinstance(node, dict):
        yield from [node["$ref"]] if "$ref" in node else ()
    for item in node.values() if isinstance(node, dict) else node:
        if isinstance(item, dict | list):
            yield from references(item)
