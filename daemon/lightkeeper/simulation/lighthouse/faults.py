"""Faults of the simulated Lighthouse, each on request, and the bodies of its errors."""

import base64
import http
import random
import secrets
import threading
import uuid
from collections import deque
from collections.abc import Callable, Collection, Mapping
from typing import Final, Literal, NamedTuple, get_args

import orjson

from lightkeeper.simulation.lighthouse.wire import Reply, phrase

Endpoint = Literal["token", "status", "single", "documents", "other"]
Down = Literal["refuse", "hang", "trickle", "close_mid_body", "garbage", "empty", "redirect"]
Body = bytes | dict[str, object]

_GATEWAY_MESSAGES = {
    401: "Unauthorized",
    403: "Forbidden",
    413: "Request size limit exceeded",
    429: "API rate limit exceeded",
    504: "The server took too long to respond",
}
# Another host, and still this machine: a client that follows it finds no server.
_ELSEWHERE = "http://127.0.0.2:9/services/benefits-documents/v1/uploads/status"
_INSTEAD: Final[dict[str, Reply]] = {
    "refuse": Reply(0, b"", manner="refuse"),
    "hang": Reply(0, b"", manner="hang"),
    "garbage": Reply(200, b"<!doctype html><title>Sorry</title>", content_type="text/html"),
    "empty": Reply(200, b'{"data":{}}'),
    "redirect": Reply(302, b"", {"Location": _ELSEWHERE}, "text/html"),
}
_HALF: Final = Reply(200, b'{"data":{"statuses":[]}}')


def error(status: int, detail: str | None = None, path: Endpoint = "other") -> Reply:
    """An error in the shape that Lighthouse, or the gateway before it, gives that status."""
    if status in _GATEWAY_MESSAGES:
        return Reply(status, orjson.dumps({"message": detail or _GATEWAY_MESSAGES[status]}))
    if path == "token" and status == http.HTTPStatus.BAD_REQUEST:
        return Reply(status, orjson.dumps({"error": "invalid_request"}))
    shown = {
        "detail": detail or phrase(status),
        "status": status,
        "title": phrase(status),
        "instance": str(uuid.uuid4()),
        "diagnostics": base64.b64encode(secrets.token_bytes(24)).decode(),
    }
    return Reply(status, orjson.dumps({"errors": [shown]}))


def _instead(kind: Down, whole: Reply) -> Reply:
    """What comes in that manner where the answer would have been `whole`."""
    if kind in ("trickle", "close_mid_body"):
        return whole._replace(manner=kind)
    return _INSTEAD[kind]


class _FailedAnswer(NamedTuple):
    path: Endpoint | None
    status: int
    body: Body | None
    headers: Mapping[str, str]

    def reply(self, path: Endpoint) -> Reply:
        """What a call of that endpoint is answered with."""
        if self.body is None:
            reply = error(self.status, path=path)
        else:
            body = self.body if isinstance(self.body, bytes) else orjson.dumps(self.body)
            reply = Reply(self.status, body)
        return reply._replace(headers=self.headers)


class Faults:
    """
    Faults in any mixture, begun and ended from any thread.

    `path` says whose calls fail: "token", "status" (many ids), "single" (one id), "documents"
    (uploads), or None for all. A `body` left out has the shape usual for the status.
    """

    def __init__(self, *, seed: int) -> None:
        self._random = random.Random(seed)
        self._fault_lock = threading.Lock()
        self._failures: deque[_FailedAnswer] = deque()
        self._share = 0.0
        self._share_failure: _FailedAnswer | None = None
        self._poisons: dict[int, tuple[int | Down, bool]] = {}
        self._down: tuple[Down, Endpoint | None] | None = None

    def fail_next(
        self,
        count: int,
        status: int = 500,
        body: Body | None = None,
        headers: Mapping[str, str] | None = None,
        path: Endpoint | None = "status",
    ) -> None:
        """Fail the next calls; failures begun earlier go first."""
        failure = _FailedAnswer(path, status, body, dict(headers or {}))
        with self._fault_lock:
            self._failures.extend([failure] * count)

    def fail_share(
        self,
        share: float,
        status: int = 500,
        body: Body | None = None,
        path: Endpoint | None = "status",
    ) -> None:
        """Fail that share of the calls, 0 to 1; the same ones for the same seed."""
        with self._fault_lock:
            self._share, self._share_failure = share, _FailedAnswer(path, status, body, {})

    def poison(self, request_id: int, how: int | Down = 500, *, single_ok: bool = False) -> None:
        """Fail every call with this id, by a status or in a manner of `down`.

        With `single_ok`, only calls with other ids too.
        """
        with self._fault_lock:
            self._poisons[request_id] = (how, single_ok)

    def down(self, kind: Down, path: Endpoint | None = None) -> None:
        """
        Answer in this manner only, until `up()`.

        "refuse" closes the connection without an answer (a port without a server is what
        `stop()` leaves), "hang" never answers, "trickle" sends a byte a second, "close_mid_body"
        half of the body; "garbage" is HTML under a 200, "empty" a 200 with no statuses in it,
        "redirect" a 302 to another host.
        """
        if kind not in get_args(Down):
            raise ValueError(f"no such way to be down: {kind!r}; there are {get_args(Down)}")
        with self._fault_lock:
            self._down = (kind, path)

    def up(self) -> None:
        """End what `down()` began."""
        with self._fault_lock:
            self._down = None

    @property
    def is_up(self) -> bool:
        """Whether it answers in its own manner."""
        return self._down is None

    def clear_faults(self) -> None:
        """End every fault."""
        with self._fault_lock:
            self._failures.clear()
            self._poisons.clear()
            self._share_failure = None
            self._down = None

    def _distorted(self, path: Endpoint, answer: Callable[[], Reply]) -> Reply:
        """The answer, or what comes instead of it while the server is down."""
        with self._fault_lock:
            kind, downed = self._down or (None, None)
        if kind is None or downed not in (None, path):
            return answer()
        return _instead(kind, answer())

    def _failure(self, path: Endpoint) -> Reply | None:
        """The failure that `fail_next` or `fail_share` has for this call."""
        with self._fault_lock:
            for index, failure in enumerate(self._failures):
                if failure.path in (None, path):
                    del self._failures[index]
                    return failure.reply(path)
            failing = self._share_failure
            if failing is None or failing.path not in (None, path):
                return None
            return failing.reply(path) if self._random.random() < self._share else None

    def _poisoned(self, path: Endpoint, ids: Collection[int]) -> Reply | None:
        """The failure that one of the ids brings about."""
        if not self._poisons:
            return None
        with self._fault_lock:
            found = [
                self._poisons[request_id] for request_id in ids if request_id in self._poisons
            ]
        fatal = [how for how, single_ok in found if path != "single" or not single_ok]
        if not fatal:
            return None
        return error(how) if isinstance(how := fatal[0], int) else _instead(how, _HALF)
