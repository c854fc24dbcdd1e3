"""The project's own contract and the simulated Lighthouse beside what VA publishes.

The published contract and the recorded exchanges lie beside the checkout, not in it; without
them these tests have nothing to check.
"""

import json
from pathlib import Path

import contract as contracts
import pytest
import requests
from contract import Contract
from lighthouse_client import Client
from lighthouse_exchanges import (
    BULK,
    NOON,
    OUTSIDE_THE_CONTRACT,
    SINGLE,
    TOKEN,
    UPLOAD,
    errors,
    offences,
    own_answers,
    replay,
    shape,
    stages,
    statuses,
    too_many,
)
from manual_clock import ManualClock

from lightkeeper.simulation.lighthouse.server import SimulatedLighthouse
from lightkeeper.simulation.lighthouse.stories import STORIES

pytestmark = pytest.mark.beside_the_checkout
REFERENCE = Path(__file__).parents[4] / "shared" / "reference"
RECORDED = [
    "status_all_not_found_404",
    "status_complete_200",
    "status_failed_200",
    "status_partly_not_found_200",
    "token_200",
]

# The contract demands this list; recorded answers leave it out when every id was found.
DEMANDED_IN_VAIN = "requestIdsNotFound"
# The contract is silent on these; they are the gateway's.
UNDECLARED = {"401", "403"}
# Of the transport, or seen in some recordings of an endpoint only.
MAY_BE_MORE = {"content-length", "x-envoy-upstream-service-time"}

# Where our contract says more than the published one: what Lighthouse has been seen to do.
WE_ALSO_SAY = {
    # vets-api sends ids as text, and Lighthouse takes them.
    ("request.data.requestIds[]", "type", "string"),
    ("request.parameters.data.claimId", "type", "string"),
    ("request.parameters.data.participantId", "type", "string"),
    ("request.parameters.data.trackedItemIds[]", "type", "string"),
    # The published text asks for one of the two, its schema for neither.
    ("request.parameters.data", "required", "participantId"),
    ("request.parameters.data", "required", "fileNumber"),
    # The published text says null, its schema does not.
    ("200.data.statuses[].time.endTime", "type", "null"),
    ("200.data.time.endTime", "type", "null"),
    # The bare shape of an error, seen in production.
    ("500", "required", "error"),
    ("500.error", "type", "string"),
    ("500.status", "type", "integer"),
    ("500.status", "format", "int32"),
}
ONLY_PUBLISHED = {("200.data", "required", DEMANDED_IN_VAIN)}
# A run of so many words is no chance.
WORDS_IN_A_RUN = 5


def reference(name):
    """Read one file of the reference."""
    return json.loads((REFERENCE / name).read_text())


@pytest.fixture(scope="module", autouse=True)
def _beside_the_checkout():
    if not REFERENCE.is_dir():
        pytest.skip("what VA publishes is not beside the checkout: no ../shared/reference")


@pytest.fixture(scope="module")
def document():
    """The published contract as it is written."""
    return reference("benefits-documents-v1.openapi.json")


@pytest.fixture(scope="module")
def published(document):
    """The published contract."""
    return Contract(document, waived={DEMANDED_IN_VAIN})


@pytest.fixture
def client():
    """A client of a Lighthouse with the limits seen in the recordings."""
    with (
        SimulatedLighthouse(clock=ManualClock(NOON), rate_limit=60, max_ids=100) as lighthouse,
        requests.Session() as session,
    ):
        yield Client(lighthouse, session)


@pytest.mark.parametrize("operation", [BULK, SINGLE, UPLOAD], ids=" ".join)
def test_our_contract_says_what_is_published(document, operation):
    """Members, types, required members and words are the published ones, but for what we list."""
    own, theirs = (set(facts(one, operation)) for one in (contracts.own_document(), document))

    assert set() == own - theirs - WE_ALSO_SAY
    assert set() == theirs - own - ONLY_PUBLISHED


def test_our_contract_differs_as_listed(document):
    """Nothing is listed as a difference that is none (any more)."""
    own, theirs = (
        {fact for operation in (BULK, SINGLE, UPLOAD) for fact in facts(one, operation)}
        for one in (contracts.own_document(), document)
    )

    assert WE_ALSO_SAY == WE_ALSO_SAY & own - theirs
    assert ONLY_PUBLISHED == {fact for fact in ONLY_PUBLISHED if fact in facts(document, BULK)}


def test_our_contract_has_published_operations(published):
    """Every operation but the token's is published, with the same statuses and the gateway's."""
    own = contracts.own()

    assert {BULK, SINGLE, UPLOAD, TOKEN} == set(own.operations)
    assert set(own.operations) - {TOKEN} <= set(published.operations)
    for operation in (BULK, SINGLE, UPLOAD):
        assert own.declares(operation) == published.declares(operation) | UNDECLARED


def test_our_contract_uses_published_servers_and_scopes(document):
    """Hosts, base path and scopes are the published ones."""
    own = contracts.own_document()
    urls = [server["url"].format(version="v1") for server in document["servers"]]
    scopes = [
        one["components"]["securitySchemes"]["oauth2"]["flows"]["clientCredentials"]["scopes"]
        for one in (own, document)
    ]

    assert urls == [server["url"] for server in own["servers"]]
    assert scopes[0].keys() == scopes[1].keys()
    for method, path in (BULK, SINGLE, UPLOAD):
        ours, theirs = (one["paths"][path][method]["security"] for one in (own, document))
        assert theirs == ours


def test_our_contract_has_its_own_words(document):
    """No run of words is taken over from the published contract, nor from the recordings."""
    taken = set(runs(document))
    for name in RECORDED:
        taken |= set(runs(reference(f"recorded/{name}.json")))
    ours = set(runs(contracts.own_document()))
    for name in contracts.EXAMPLES:
        ours |= set(runs(contracts.example(name)))

    assert set() == ours & taken


@pytest.mark.parametrize("internal", ["false", "true"])
@pytest.mark.parametrize("story", STORIES)
def test_every_stage_of_every_story_keeps_the_contract(published, client, story, internal):
    """Whatever a story has Lighthouse say has the published shape and the published words."""
    exchanges = stages(client, story, internal)
    expected, given = statuses(exchanges)

    assert expected == given
    words = {offence.value for offence in offences(published, exchanges)}
    assert OUTSIDE_THE_CONTRACT.get(story, set()) == words


def test_every_declared_error_keeps_the_contract(published, client):
    """A failure asked for has the shape that the contract declares for its status."""
    for operation in (BULK, SINGLE, UPLOAD):
        declared = published.declares(operation) - {"200"}
        assert {"400", "404", "413", "429", "500", "502", "504"} == declared
    exchanges = errors(client, published)
    expected, given = statuses(exchanges)

    assert expected == given
    assert 3 * 7 == len(exchanges)
    assert [] == offences(published, exchanges)


def test_every_answer_of_its_own_keeps_the_contract(published, client):
    """Refusals, uploads and poisoned ids keep to the contract too."""
    exchanges = own_answers(client)
    expected, given = statuses(exchanges)

    assert expected == given
    assert [] == offences(published, exchanges)


def test_the_real_limits_keep_the_contract(published, client):
    """The 429 of a rate limit really passed has the published shape."""
    exchanges = too_many(client)
    expected, given = statuses(exchanges)

    assert expected == given
    assert [] == offences(published, exchanges)


def test_the_contract_is_silent_on_tokens(published):
    """The shape of 401 and 403 is this project's guess: a contract that has them ends that."""
    assert set() == UNDECLARED & published.declares(BULK)


@pytest.mark.parametrize("member", ["statuses", DEMANDED_IN_VAIN])
def test_what_the_contract_says_of_the_lists(document, member):
    """The deviation let in above is one: the published contract demands that list and only it."""
    schemas = document["components"]["schemas"]
    lists = schemas["UploadRequestAsyncProcessingStatusBulkResponseV1.UploadRequestStatuses"]

    assert (member == DEMANDED_IN_VAIN) == (member in lists["required"])


@pytest.mark.parametrize("name", RECORDED)
def test_recorded_exchanges_come_out_the_same(client, name):
    """A recorded request gets the recorded status, header names and shape of body."""
    recorded = reference(f"recorded/{name}.json")
    client.lighthouse.add(22, accepted_at=NOON - 3600)
    client.lighthouse.add(16819, "fails_claims_evidence", accepted_at=NOON - 3600)
    answer = replay(client, recorded["request"])
    expected = recorded["response"]
    names = {header.lower() for header in expected["headers"]}
    given = {header.lower() for header in answer.headers}

    assert expected["status"] == answer.status_code
    assert expected["headers"]["Content-Type"] == answer.headers["Content-Type"]
    assert set() == names - given
    assert set() == given - names - MAY_BE_MORE
    assert shape(expected["body"]) == shape(answer.json())


@pytest.mark.parametrize("name", RECORDED)
def test_our_contract_has_what_was_recorded(name):
    """A recorded answer keeps our contract: it says nothing that Lighthouse does not do."""
    recorded = reference(f"recorded/{name}.json")
    operation = TOKEN if "form" in recorded["request"] else BULK
    answer = contracts.example_response(recorded["response"])
    own = contracts.own()
    written = {"headers": {"Content-Type": "application/json"}} | recorded["request"]

    assert [] == own.answer_offences(operation, answer)
    if operation == BULK:
        assert [] == own.request_offences(contracts.example_request(written))


def test_every_recording_is_replayed():
    """No recording lies beside the contract unread."""
    assert RECORDED == sorted(path.stem for path in (REFERENCE / "recorded").iterdir())


def facts(document, operation):
    """What a contract says of an operation, a fact each: (place, keyword, value)."""
    method, path = operation
    declared = document["paths"][path][method]
    for one in declared.get("parameters", ()):
        parameter = resolved(document, one)
        place = f"{parameter['in']}.{parameter['name']}"
        yield place, "required", parameter["required"]
        yield from said(document, parameter["schema"], place)
    if body := declared.get("requestBody"):
        for kind, content in body["content"].items():
            yield "request", "content", kind
            yield from said(document, content["schema"], "request")
    for status, one in declared["responses"].items():
        if status in UNDECLARED:
            continue
        for kind, content in resolved(document, one)["content"].items():
            yield status, "content", kind
            yield from said(document, content["schema"], status)


def said(document, schema, place):
    """What a schema says, with all that it may be."""
    schema = resolved(document, schema)
    for one in schema.get("anyOf", ()):
        yield from said(document, one, place)
    kinds = schema.get("type", [])
    for kind in [kinds] if isinstance(kinds, str) else kinds:
        yield place, "type", kind
    for keyword in ("required", "enum"):
        for value in schema.get(keyword, ()):
            yield place, keyword, value
    for keyword in ("format", "maxLength", "minimum", "default"):
        if keyword in schema:
            yield place, keyword, schema[keyword]
    for name, inner in schema.get("properties", {}).items():
        yield from said(document, inner, f"{place}.{name}")
    if "items" in schema:
        yield from said(document, schema["items"], f"{place}[]")


def resolved(document, node):
    """The node, or what it refers to."""
    while "$ref" in node:
        _, *names = node["$ref"].split("/")
        node = document
        for name in names:
            node = node[name]
    return node


def runs(node):
    """Every run of words in the texts of a document."""
    if isinstance(node, str):
        words = [word.strip(".,:;()") for word in node.lower().split()]
        for at in range(len(words) - WORDS_IN_A_RUN + 1):
            yield tuple(words[at : at + WORDS_IN_A_RUN])
    elif isinstance(node, dict | list):
        for item in node.values() if isinstance(node, dict) else node:
            yield from runs(item)
