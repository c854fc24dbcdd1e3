"""What can go wrong between a client and Datadog's API, on demand."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from lightkeeper.simulation.lighthouse.wire import Reply, Request

_WORDS: Final = {
    403: "Forbidden",
    409: "Conflict",
    429: "Too many requests",
    502: "Bad gateway",
}


@dataclass(slots=True)
class AccountFault:
    """What a call meets instead of its answer, so many times; `method` and `path` choose calls.

    With `status` None the connection breaks: before the server does what it is asked to, or
    `after` it. `reset` is what the header X-RateLimit-Reset says, in seconds, and `location`
    what Location says.
    """

    status: int | None
    times: int = 1
    method: str = ""
    path: str = ""
    after: bool = False
    reset: int | None = None
    words: str = ""
    location: str = ""

    def meets(self, request: Request) -> bool:
        """Tell whether it is the turn of this call."""
        wanted = not self.method or self.method == request.method
        return bool(self.times) and wanted and request.path.startswith(self.path)


@dataclass(slots=True)
class AccountFaults:
    """The faults of one account, and what its keys may not do.

    `lists_nothing`: every list is empty, whatever there is. `late_lists`: so many lists lack what
    was made last. `lacks`: permissions, such as
    `monitors_write`, that the keys do not have.
    """

    pending: list[AccountFault] = field(default_factory=list)
    lists_nothing: bool = False
    late_lists: int = 0
    lacks: set[str] = field(default_factory=set)

    def distorted(self, request: Request, answer: Callable[[Request], Reply]) -> Reply:
        """The answer, or what a fault makes of it."""
        fault = next((one for one in self.pending if one.meets(request)), None)
        if fault is None:
            return answer(request)
        fault.times -= 1
        if fault.after:
            reply = answer(request)
            if fault.status is None:
                return reply._replace(manner="refuse")
        if fault.status is None:
            return Reply(200, b"", manner="refuse")
        headers = {"X-RateLimit-Reset": str(fault.reset)} if fault.reset is not None else {}
        if fault.location:
            headers["Location"] = fault.location
        return error(fault.status, fault.words or _WORDS.get(fault.status, "Error"), headers)


def error(status: int, words: str, headers: dict[str, str] | None = None) -> Reply:
    """An answer in the form of Datadog's errors."""
    return Reply(status, json.dumps({"errors": [words]}).encode(), headers or {})
