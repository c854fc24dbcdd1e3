"""Polls the status of documents; every possible answer ends in a `CallOutcome`."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

import orjson

from lightkeeper.domain.answer import Absence, Answer, CallOutcome, CallProblem, Observation
from lightkeeper.upstream import firewall
from lightkeeper.upstream.benefits_documents import parse
from lightkeeper.upstream.http import Response, Transport
from lightkeeper.upstream.oauth import TokenRefused, TokenSource
from lightkeeper.upstream.rate_limit import RateBudget
from lightkeeper.upstream.transport_errors import BodyTooLarge, CallTimeout, TransportError

STATUS_PATH: Final = "/services/benefits-documents/v1/uploads/status"
SINGLE_PATH: Final = "/services/benefits-documents/v1/uploads/{request_id}/status"


class LighthouseClient:
    """The status endpoints of the Benefits Documents API v1."""

    def __init__(
        self, transport: Transport, tokens: TokenSource, budget: RateBudget, *, url: str
    ) -> None:
        self._transport = transport
        self._tokens = tokens
        self._url = url.rstrip("/")
        self.budget = budget

    def poll_batch(self, request_ids: Sequence[int]) -> Answer:
        """Poll many documents in one call (`POST /uploads/status`). Never raises.

        Only `ok` and `not_found` carry observations: one for each request id.
        """
        body = orjson.dumps({"data": {"requestIds": list(request_ids)}})
        response = self._call("POST", self._url + STATUS_PATH, body)
        if isinstance(response, Answer):
            return response
        outcome, problem = _outcome(response)
        if outcome is CallOutcome.NOT_FOUND:
            return Answer(outcome, dict.fromkeys(request_ids, Absence.NOT_FOUND), problem)
        if outcome is not CallOutcome.OK:
            return Answer(outcome, {}, problem)
        try:
            read = parse.observations(_data(response), request_ids)
        except parse.Undecodable:
            read = None
        if read is None:
            return _unreadable(response)
        return Answer(CallOutcome.OK, read[0], None, read[1])

    def poll_one(self, request_id: int) -> Answer:
        """Poll one document alone (`GET /uploads/{requestId}/status`). Never raises."""
        path = SINGLE_PATH.format(request_id=request_id)
        response = self._call("GET", self._url + path, None)
        if isinstance(response, Answer):
            return response
        outcome, problem = _outcome(response)
        if outcome is CallOutcome.NOT_FOUND:
            return Answer(outcome, {request_id: Absence.NOT_FOUND}, problem)
        if outcome is not CallOutcome.OK:
            return Answer(outcome, {}, problem)
        try:
            seen: Observation | None = parse.single(_data(response), request_id)
        except parse.Undecodable:
            seen = None
        if seen is None:
            return _unreadable(response)
        return Answer(CallOutcome.OK, {request_id: seen})

    def _call(self, method: str, url: str, body: bytes | None) -> Response | Answer:
        """One call, with a new token and a second request when Lighthouse refuses the token."""
        self.budget.spend()
        self._transport.begin()
        try:
            response = self._authorized(method, url, body)
            if response.status == 401:
                self._tokens.drop()
                response = self._authorized(method, url, body)
        except TokenRefused as exc:
            return self._no_token(exc)
        except firewall.Blocked as exc:
            return _failed(CallOutcome.UNEXPECTED, exc)
        except CallTimeout as exc:
            return _failed(CallOutcome.TIMEOUT, exc)
        except BodyTooLarge as exc:
            return _failed(CallOutcome.MALFORMED, exc)
        except TransportError as exc:
            return _failed(CallOutcome.CONNECTION, exc)
        self.budget.update(response.status, response.headers)
        if response.status != 200 and (blocked := firewall.named(response)):
            return Answer(CallOutcome.UNEXPECTED, {}, CallProblem(None, blocked))
        if response.status in {401, 403}:
            return self._token_refused(response)
        return response

    def _token_refused(self, response: Response) -> Response | Answer:
        """The response itself, unless this host's clock explains it."""
        if not (clock := self._tokens.clock_problem(response.headers)):
            return response
        problem, _ = parse.problem(response.status, response.body)
        # Without the status, since the words are ours: they may stand in a log.
        named = f"the access token was refused ({response.status}): {clock}"
        return Answer(
            CallOutcome.UNAUTHORIZED, {}, problem._replace(http_status=None, detail=named)
        )

    def _authorized(self, method: str, url: str, body: bytes | None) -> Response:
        token = self._tokens.token()
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        response = self._transport.send(method, url, headers=headers, body=body)
        # Answers are stored and shown, and may quote what was sent.
        return response._replace(body=self._tokens.redacted(response.body))

    def _no_token(self, exc: TokenRefused) -> Answer:
        status = exc.response.status
        self.budget.token_refused(status, exc.response.headers)
        if status == 429:
            return _failed(CallOutcome.RATE_LIMITED, exc)
        refused = status in {400, 401, 403}
        outcome = CallOutcome.UNAUTHORIZED if refused else CallOutcome.TOKEN_UNAVAILABLE
        return _failed(outcome, exc)


_KIND: Final = re.compile(
    r"no content type|"
    r"(?:text/(?:html|plain|xml)|application/(?:(?:problem\+)?json|xml|octet-stream))"
    r"(?:; ?charset=(?:utf-8|utf-16|us-ascii|iso-8859-1|windows-1252))?",
    re.IGNORECASE,
)
_BY_STATUS: Mapping[int, CallOutcome] = {
    200: CallOutcome.OK,
    401: CallOutcome.UNAUTHORIZED,
    403: CallOutcome.UNAUTHORIZED,
    413: CallOutcome.TOO_LARGE,
    429: CallOutcome.RATE_LIMITED,
}


def _outcome(response: Response) -> tuple[CallOutcome, CallProblem | None]:
    status = response.status
    if status == 200:
        return CallOutcome.OK, None
    problem, own_shape = parse.problem(status, response.body)
    if status == 404:
        # A gateway's 404 means a wrong address; read as an answer it would say that Lighthouse
        # knows none of the documents.
        return (CallOutcome.NOT_FOUND if own_shape else CallOutcome.UNEXPECTED), problem
    if outcome := _BY_STATUS.get(status):
        return outcome, problem
    if status >= 500:
        return CallOutcome.SERVER_ERROR, problem
    if status >= 400:
        return CallOutcome.REJECTED, problem
    return CallOutcome.UNEXPECTED, problem


def _data(response: Response) -> object:
    body = parse.decode(response.body)
    return body.get("data") if isinstance(body, dict) else None


def _unreadable(response: Response) -> Answer:
    if blocked := firewall.named(response):
        return Answer(CallOutcome.UNEXPECTED, {}, CallProblem(None, blocked))
    kind = response.headers.get("Content-Type", "no content type")
    if not _KIND.fullmatch(kind):
        kind = "another content type"  # it may be anything: these are the server's own words
    reason = f"200, but the body ({len(response.body)} bytes, {kind}) is no answer"
    return Answer(CallOutcome.MALFORMED, {}, CallProblem(response.status, reason))


def _failed(outcome: CallOutcome, exc: Exception) -> Answer:
    return Answer(outcome, {}, CallProblem(None, str(exc)))
