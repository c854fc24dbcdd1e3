"""The simulated Lighthouse: VA's Benefits Documents API v1 on loopback."""

import time
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

import orjson

from lightkeeper.simulation.lighthouse import tokens
from lightkeeper.simulation.lighthouse.documents import SimulatedDocuments
from lightkeeper.simulation.lighthouse.faults import Endpoint, Faults, error
from lightkeeper.simulation.lighthouse.quota import Quota
from lightkeeper.simulation.lighthouse.request import OAUTH_PATH, StatusRequest, read
from lightkeeper.simulation.lighthouse.wire import Listening, Reply, Request

_SCOPES: Final[dict[Endpoint, str]] = {
    "status": "documents.read",
    "single": "documents.read",
    "documents": "documents.write",
}
_TOKEN_CALLS_A_WINDOW = 240
_CALLS_KEPT = 10_000
_NO_ROUTE = Reply(404, b'{"message":"no Route matched with those values"}')
_NOT_FOUND = "Upload Request Async Status Not Found"


class RecordedCall(NamedTuple):
    """One call received: `ids` as they came, `status` 0 when no answer was sent."""

    path: Endpoint
    method: str
    ids: tuple[int, ...]
    status: int
    at: float


class SimulatedLighthouse(SimulatedDocuments, Faults, Listening):
    """
    Lighthouse's token endpoint, upload, and both status endpoints.

    It serves from `start()` to `stop()`, or within `with`. After `stop()` it can be started again
    on the same port with all it knew. Documents begin and end at times of the clock, also when
    `speed` has them hurry.

    Args:
        port: 0 takes a free one and stays with it.
        rate_limit: status calls a window, for many ids and for one together; None means no limit
            and no headers about one.
        rate_window: the window's length in seconds.
        token_lifetime: seconds.
        latency: seconds before each answer.
        speed: seconds of a document's story that pass in one second of the clock.
        clock: seconds since the epoch; rules tokens, the rate limit and the documents.
        documents_clock: seconds since the epoch; rules the documents instead.
        max_ids: most ids in a call; 413 above.
        seed: decides the documents' paces and what `fail_share` hits.
        record_calls: whether `calls` keeps the last 10,000 calls.

    Attributes:
        latency: may be changed at any time.
    """

    audience = tokens.AUDIENCE
    client_id = tokens.CLIENT_ID

    def __init__(  # noqa: PLR0913  # each is one trait of the server
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        rate_limit: int | None = None,
        rate_window: float = 60.0,
        token_lifetime: float = 600,
        latency: float = 0.0,
        speed: float = 1.0,
        clock: Callable[[], float] = time.time,
        documents_clock: Callable[[], float] | None = None,
        max_ids: int | None = None,
        seed: int = 0,
        record_calls: bool = True,
    ) -> None:
        SimulatedDocuments.__init__(self, seed=seed, speed=speed, clock=documents_clock or clock)
        Faults.__init__(self, seed=seed)
        self.host = host
        self.port = port
        self.latency = latency
        self._clock = clock
        self._max_ids = max_ids
        self._tokens = tokens.TokenIssuer(token_lifetime, clock)
        self._quotas: dict[Endpoint, Quota] = {}
        if rate_limit is not None:
            self._quotas["status"] = Quota(rate_limit, rate_window, clock)
            self._quotas["single"] = self._quotas["status"]
            self._quotas["token"] = Quota(_TOKEN_CALLS_A_WINDOW, rate_window, clock)
        self._calls: deque[RecordedCall] = deque(maxlen=_CALLS_KEPT if record_calls else 0)

    @property
    def token_url(self) -> str:
        """The address of the token endpoint, once started."""
        return self.url + OAUTH_PATH

    @property
    def private_key_pem(self) -> str:
        """The client's key, the same for every Lighthouse of one process."""
        return tokens.private_key_pem()

    @property
    def calls(self) -> list[RecordedCall]:
        """The last calls, oldest first."""
        return list(self._calls)

    def environment(self) -> dict[str, str]:
        """The settings with which a daemon finds this Lighthouse."""
        return {
            "LIGHTKEEPER_LIGHTHOUSE_URL": self.url,
            "LIGHTKEEPER_LIGHTHOUSE_AUDIENCE": self.audience,
            "LIGHTKEEPER_LIGHTHOUSE_CLIENT_ID": self.client_id,
            "LIGHTKEEPER_LIGHTHOUSE_PRIVATE_KEY": self.private_key_pem,
        }

    def reject_tokens(self) -> None:
        """Answer 401 to every token until `accept_tokens()`; they are still given out."""
        self._tokens.rejecting = True

    def accept_tokens(self) -> None:
        """End `reject_tokens()`."""
        self._tokens.rejecting = False

    def expire_tokens(self) -> None:
        """Let every token given out so far have ended."""
        self._tokens.expire()

    def _serve(self, request: Request) -> Reply:
        request_read = read(request)
        reply = self._distorted(request_read.path, lambda: self._metered(request_read, request))
        self._calls.append(
            RecordedCall(
                request_read.path, request.method, request_read.ids, reply.status, self._clock()
            )
        )
        if self.latency:
            time.sleep(self.latency)
        return reply

    def _metered(self, request_read: StatusRequest, request: Request) -> Reply:
        quota = self._quotas.get(request_read.path)
        if quota is None:
            return self._admitted(request_read, request)
        passes, headers = quota.take()
        if passes:
            reply = self._admitted(request_read, request)
        else:
            reply = error(429)._replace(headers={"Retry-After": headers["RateLimit-Reset"]})
        sent = {**headers, **reply.headers}
        if request_read.path == "token":
            del sent["X-RateLimit-Remaining-Minute"]  # that endpoint alone does not send it
        return reply._replace(headers=sent)

    def _admitted(self, request_read: StatusRequest, request: Request) -> Reply:
        """What the gateway does before it passes a call on."""
        if failure := self._failure(request_read.path):
            return failure
        if request_read.path == "token":
            return self._tokens.answer(request)
        if request_read.path == "other":
            return _NO_ROUTE
        scopes = self._tokens.scopes(request.headers.get("authorization", ""))
        if scopes is None:
            return error(401)
        if _SCOPES[request_read.path] not in scopes:
            return error(403)
        if self._max_ids is not None and len(request_read.ids) > self._max_ids:
            return error(413)
        reply = self._passed_on(request_read)
        return reply._replace(
            headers={"X-Envoy-Upstream-Service-Time": str(int(self.latency * 1000))}
        )

    def _passed_on(self, request_read: StatusRequest) -> Reply:
        if request_read.fault:
            return error(400, request_read.fault)
        if failure := self._poisoned(request_read.path, request_read.ids):
            return failure
        if request_read.path == "documents":
            uploaded = {"success": True, "requestId": self.add()}
            return Reply(200, orjson.dumps({"data": uploaded}))
        if request_read.path == "single":
            return self._single(request_read)
        return self._bulk(request_read)

    def _single(self, request_read: StatusRequest) -> Reply:
        found = self._pieces(
            request_read.ids[0], self._documents_clock(), internal=request_read.internal
        )
        if found is None:
            return error(404, _NOT_FOUND)
        return Reply(200, b'{"data":%b}' % b"".join(found)[1:])

    def _bulk(self, request_read: StatusRequest) -> Reply:
        ids = dict.fromkeys(request_read.ids)
        pieces, not_found = self._statuses(ids, internal=request_read.internal)
        if len(not_found) == len(ids):
            return error(404, _NOT_FOUND)
        for unrequested in self._unasked:
            pieces += (b",", unrequested)
        members = []
        if pieces:
            pieces[0] = pieces[0][1:]
            members.append(b'"statuses":[%b]' % b"".join(pieces))
        if not_found:
            shown = [str(request_id) for request_id in not_found] if self.as_strings else not_found
            members.append(b'"requestIdsNotFound":' + orjson.dumps(shown))
        return Reply(200, b'{"data":{%b}}' % b",".join(members))
