"""Reads a request: which endpoint, which ids, and how it breaks the contract."""

import re
import urllib.parse
from typing import Any, Final, NamedTuple

import orjson

from lightkeeper.simulation.lighthouse import uploads
from lightkeeper.simulation.lighthouse.faults import Endpoint
from lightkeeper.simulation.lighthouse.wire import JSON, Request

OAUTH_PATH: Final = "/oauth2/benefits-documents/system/v1/token"
BASE_PATH: Final = "/services/benefits-documents/v1"

_ROUTES: Final[dict[tuple[str, str], Endpoint]] = {
    ("POST", OAUTH_PATH): "token",
    ("POST", f"{BASE_PATH}/uploads/status"): "status",
    ("POST", f"{BASE_PATH}/documents"): "documents",
}
_SINGLE = re.compile(re.escape(BASE_PATH) + r"/uploads/([^/]+)/status")
_INTERNAL = "includeInternalOnlyStepStatuses"


class StatusRequest(NamedTuple):
    """A request understood; `fault` says how it breaks the contract."""

    path: Endpoint
    ids: tuple[int, ...] = ()
    internal: bool = False
    fault: str | None = None


class _Malformed(Exception):
    """The message says what the contract has instead."""


def read(request: Request) -> StatusRequest:
    """Understand a request."""
    path = _ROUTES.get((request.method, request.path))
    single = _SINGLE.fullmatch(request.path) if path is None else None
    if single is not None and request.method == "GET":
        path = "single"
    if path is None:
        return StatusRequest("other")
    ids: tuple[int, ...] = ()
    try:
        if path == "status":
            ids = _bulk_ids(request)
        elif path == "single" and single is not None:
            ids = (_id(single[1]),)
        elif path == "documents":
            _check_upload(request)
        return StatusRequest(path, ids, _is_internal(request.query))
    except _Malformed as malformed:
        return StatusRequest(path, ids, fault=str(malformed))


def _bulk_ids(request: Request) -> tuple[int, ...]:
    if request.headers.get("content-type", "").partition(";")[0].strip() != JSON:
        raise _Malformed(f"Content-Type has to be {JSON}")
    try:
        ids = orjson.loads(request.body)["data"]["requestIds"]
    except (orjson.JSONDecodeError, TypeError, KeyError, IndexError) as exc:
        raise _Malformed('The body has to be {"data":{"requestIds":[...]}}') from exc
    if not isinstance(ids, list) or not ids:
        raise _Malformed("requestIds has to be a list that is not empty")
    return tuple([_id(value) for value in ids])


def _id(value: Any) -> int:
    if not uploads.is_int64(value):
        raise _Malformed("A requestId has to be a number")
    return int(value)


def _check_upload(request: Request) -> None:
    if refusal := uploads.refusal(request.headers.get("content-type", ""), request.body):
        raise _Malformed(refusal)


def _is_internal(query: str) -> bool:
    if not query:
        return False
    word = dict(urllib.parse.parse_qsl(query)).get(_INTERNAL, "false").lower()
    if word not in ("true", "false"):
        raise _Malformed(f"{_INTERNAL} has to be true or false")
    return word == "true"
