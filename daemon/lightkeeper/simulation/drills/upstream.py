"""The simulated Lighthouse in simulated time, called without a network in between."""

from collections.abc import Mapping
from http.client import OK
from typing import Final
from urllib.parse import urlencode, urlsplit

from lightkeeper.simulation.lighthouse.quota import Quota
from lightkeeper.simulation.lighthouse.server import SimulatedLighthouse
from lightkeeper.simulation.lighthouse.stories import (
    CLAIMS_EVIDENCE,
    GATEWAY,
    STORIES,
    SimulatedDocument,
    Story,
)
from lightkeeper.simulation.lighthouse.wire import Reply, Request
from lightkeeper.upstream.http import CALL_DEADLINE_SECONDS, Response, Transport
from lightkeeper.upstream.transport_errors import CallTimeout, ConnectionBroken

CALL_SECONDS: Final = 0.24
CALLS_A_MINUTE: Final = 60
_REACHES: Final = {CLAIMS_EVIDENCE: 1, GATEWAY: 2}  # the stage of success in which a step runs


class SimulatedClock:
    """Seconds since the epoch, also for those who want them monotonic; only the drill moves it."""

    def __init__(self, start: float) -> None:
        self.now = start

    def __call__(self) -> float:
        return self.now

    def instant(self) -> int:
        """The time as the store has it."""
        return round(self.now * 1_000)


class InProcessLighthouse(SimulatedLighthouse):
    """The simulated Lighthouse, never started: `serve` is called in process."""

    def __init__(self, clock: SimulatedClock, seed: int) -> None:
        super().__init__(rate_limit=CALLS_A_MINUTE, clock=clock, seed=seed, record_calls=False)
        self._leaves_out = False

    def serve(self, request: Request) -> Reply:
        """What the server would answer."""
        reply = self._serve(request)
        is_answer = reply.status == OK and request.path.endswith("/status")
        return reply._replace(body=b'{"data":{}}') if self._leaves_out and is_answer else reply

    def leave_out(self) -> None:
        """Leave every document out of the answers, until the faults are cleared."""
        self._leaves_out = True

    def clear_faults(self) -> None:
        """End every fault."""
        super().clear_faults()
        self._leaves_out = False

    def take_course(self, ids: range, course: Story, accepted_at: float) -> None:
        """Let these documents take a course of their own, at the pace it says."""
        for request_id in ids:
            self._documents[request_id] = SimulatedDocument(
                request_id, course, accepted_at, pace=1.0
            )

    def is_known_again(self, request_id: int) -> None:
        """Take back what `answer` had it say."""
        self._given.pop(request_id, None)

    def share_rate(self, calls_a_minute: int) -> None:
        """Leave us so many status calls a minute: other clients use up the rest."""
        quota = Quota(calls_a_minute, 60.0, self._clock)
        self._quotas["status"] = self._quotas["single"] = quota


def held_up(step: str, seconds: float) -> Story:
    """The course of a document that is delivered, and waits so long at that step."""
    reached = _REACHES[step]
    return tuple(
        stage._replace(after=stage.after + (seconds if index > reached else 0.0))
        for index, stage in enumerate(STORIES["success"])
    )


class InProcessTransport(Transport):
    """The way to it: a call takes as long as a real one, on the simulated clock."""

    def __init__(self, lighthouse: InProcessLighthouse, clock: SimulatedClock) -> None:
        self._lighthouse = lighthouse
        self._clock = clock

    def close(self) -> None:
        """Nothing is open."""

    def begin(self) -> None:
        """No call outlasts its deadline by itself."""

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | Mapping[str, str] | None = None,
    ) -> Response:
        """Call, and let the time of a real call pass. Raises as the real transport does."""
        lower = {name.lower(): value for name, value in headers.items()}
        if isinstance(body, Mapping):
            lower["content-type"] = "application/x-www-form-urlencoded"
            body = urlencode(body).encode()
        parts = urlsplit(url)
        reply = self._lighthouse.serve(
            Request(method, parts.path, parts.query, lower, body or b"")
        )
        hangs = reply.manner in ("hang", "trickle")
        self._clock.now += CALL_DEADLINE_SECONDS if hangs else CALL_SECONDS
        if hangs:
            raise CallTimeout(f"no complete answer within {CALL_DEADLINE_SECONDS:g} s")
        if reply.manner != "whole":
            raise ConnectionBroken("ConnectionResetError: reset by peer")
        return Response(reply.status, _AnyCase(reply.headers), reply.body)


class _AnyCase(dict[str, str]):
    """Headers, looked up without regard to case."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        super().__init__({name.lower(): value for name, value in headers.items()})

    def get(self, name: str, default: str | None = None) -> str | None:  # type: ignore[override]
        return super().get(name.lower(), default)
