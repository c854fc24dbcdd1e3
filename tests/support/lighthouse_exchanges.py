"""What the simulated Lighthouse can be brought to say: exchanges to hold against a contract."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import patience
import requests
from contract import Contract, Offence, Operation, received
from lighthouse_client import Client, claims

NOON = 1_700_000_000.0
MOMENTS = [0, 1, 5, 12, 25, 65, 140, 210, 280, 350]

BULK: Operation = ("post", "/uploads/status")
SINGLE: Operation = ("get", "/uploads/{requestId}/status")
UPLOAD: Operation = ("post", "/documents")
TOKEN: Operation = ("post", "/oauth2/benefits-documents/system/v1/token")

# Step names have grown before, so these stories use words that no contract has.
OUTSIDE_THE_CONTRACT = {"unknown_step": {"VIRUS_SCAN"}, "unknown_status": {"PAUSED"}}


class Exchange(NamedTuple):
    """One answer, to which operation it belongs, and the status it has to have."""

    status: int
    operation: Operation
    answer: requests.Response


def offences(contract: Contract, exchanges: list[Exchange]) -> list[Offence]:
    """How the answers break the contract."""
    return [
        offence
        for _, operation, answer in exchanges
        for offence in contract.answer_offences(operation, received(answer))
    ]


def statuses(exchanges: list[Exchange]) -> tuple[list[int], list[int]]:
    """The statuses that there have to be, and those that there are."""
    return (
        [expected for expected, *_ in exchanges],
        [answer.status_code for *_, answer in exchanges],
    )


def stages(client: Client, story: str, internal: str) -> list[Exchange]:
    """Poll a document among others and alone, all through its story."""
    lighthouse = client.lighthouse
    known = lighthouse.add(story="instantly_done")
    request_id = lighthouse.add(story=story)
    params = {"includeInternalOnlyStepStatuses": internal}
    exchanges = []
    for after in MOMENTS:
        lighthouse._clock.now = NOON + after
        alone = client.poll_one(request_id, params=params)
        lost = lighthouse.state(request_id) == "NOT_FOUND"
        exchanges += [
            Exchange(200, BULK, client.ask(known, request_id, params=params)),
            Exchange(404 if lost else 200, SINGLE, alone),
        ]
    return exchanges


def errors(client: Client, contract: Contract) -> list[Exchange]:
    """Every error that the contract has for what the API itself answers, asked for."""
    operations = [
        (BULK, "status", lambda: client.ask(1)),
        (SINGLE, "single", lambda: client.poll_one(1)),
        (UPLOAD, "documents", client.upload),
    ]
    exchanges = []
    for operation, kind, call in operations:
        for status in sorted(map(int, contract.declares(operation) - {"200"})):
            client.lighthouse.fail_next(1, status, path=kind)
            exchanges.append(Exchange(status, operation, call()))
    return exchanges


def own_answers(client: Client) -> list[Exchange]:
    """Refusals, uploads and poisoned ids."""
    poisoned = client.lighthouse.add()
    client.lighthouse.poison(poisoned, 502)
    return [
        Exchange(404, BULK, client.ask(1)),
        Exchange(400, BULK, client.post({})),
        Exchange(413, BULK, client.ask(*range(101))),
        Exchange(502, BULK, client.ask(1, poisoned)),
        Exchange(404, SINGLE, client.poll_one(1)),
        Exchange(400, SINGLE, client.poll_one("x")),
        Exchange(502, SINGLE, client.poll_one(poisoned)),
        Exchange(200, UPLOAD, client.upload()),
        Exchange(400, UPLOAD, client.upload(fileName="form.exe")),
    ]


def too_many(client: Client) -> list[Exchange]:
    """The call after the last one of a minute."""
    for _ in range(60):
        client.ask(1)
    return [Exchange(429, BULK, client.ask(1))]


def replay(client: Client, request: Mapping[str, Any], status: int = 200) -> requests.Response:
    """Send a request that was written down; the secrets removed from it are ours."""
    body = request.get("form") or request.get("body")
    if "/oauth2/" in request["path"]:
        form = dict(body)
        if status != 401:
            del form["client_assertion"]
        return client.grant(claims(NOON), **form)
    if request["method"] == "GET":
        return client.session.get(
            client.lighthouse.url + request["path"], timeout=patience.SECONDS
        )
    if "file" in body:
        return client.upload(body["file"].encode(), **body["parameters"]["data"])
    return client.post(body, path=request["path"])


def shape(value: Any) -> Any:
    """The keys and types of a body, without its values."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(item) for item in value]
    return type(value).__name__
