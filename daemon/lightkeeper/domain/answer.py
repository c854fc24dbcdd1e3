"""What Lighthouse answers: how a call ended, and what it says of each document."""

import re
from enum import StrEnum
from typing import Final, NamedTuple, TypeAlias

from lightkeeper.domain.time import Instant

_OPAQUE: Final = re.compile(
    r"[0-9a-f]{8}(?:-?[0-9a-f]{4}){3}-?[0-9a-f]{12}"
    r"|(?=[^0-9]*[0-9])(?=[^A-Z]*[A-Z])(?=[^a-z]*[a-z])[A-Za-z0-9+/_-]{20,}={0,2}",
    re.ASCII,
)
"""A UUID, or base64 that is long enough to be no name and no number."""


class Reported(StrEnum):
    """What Lighthouse says of a document, and of each of its steps, in its own words."""

    IN_PROGRESS = "IN_PROGRESS"
    SUCCESS = "SUCCESS"
    FAILED = "FAILED"


REPORTED_STATUSES: Final = frozenset(map(str, Reported))
STEP_STATUSES: Final = REPORTED_STATUSES | {"NOT_STARTED"}


class Absence(StrEnum):
    """What Lighthouse said of a document it gave no status for."""

    NOT_FOUND = "not_found"  # it does not know the id
    MISSING = "missing"  # it named the id in neither list
    MALFORMED = "malformed"  # it named the id, and the rest made no sense
    REFUSED = "refused"  # polled alone, and the call still failed


class StatusReport(NamedTuple):
    """One entry of `data.statuses[]`, cleaned: no NUL, no lone surrogate, bounded lengths."""

    request_id: int
    status: str
    steps: tuple[tuple[str, str], ...]
    started_at: Instant | None
    ended_at: Instant | None
    error_step: str | None
    error_detail: str | None
    raw: str
    """The entry as JSON text, kept in the store as the last answer."""


Observation: TypeAlias = StatusReport | Absence


class CallOutcome(StrEnum):
    """Every way in which a call to Lighthouse can end."""

    OK = "ok"
    NOT_FOUND = "not_found"  # 404 in Lighthouse's own words: it knows none of the ids
    TOO_LARGE = "too_large"  # 413
    RATE_LIMITED = "rate_limited"  # 429
    UNAUTHORIZED = "unauthorized"  # token or assertion refused, also with a new token
    TOKEN_UNAVAILABLE = "token_unavailable"  # noqa: S105  # the token endpoint is in trouble
    REJECTED = "rejected"  # any other 4xx
    SERVER_ERROR = "server_error"  # 5xx
    MALFORMED = "malformed"  # 200 with a body that is no answer
    TIMEOUT = "timeout"
    CONNECTION = "connection"
    UNEXPECTED = "unexpected"  # a redirect, or a 404 that is not Lighthouse's: a wrong address


ANSWERED: Final = frozenset({CallOutcome.OK, CallOutcome.NOT_FOUND})


class CallProblem(NamedTuple):
    """Why a call gave no answer, with the ids that Lighthouse's support needs."""

    http_status: int | None
    detail: str
    instance: str | None = None
    diagnostics: str | None = None

    def for_logs(self) -> dict[str, int | str | None]:
        """All but what an answer worded, which may name a person; the store has that."""
        is_ours = self.http_status in {None, 200}
        return {
            "http_status": self.http_status,
            "detail": self.detail
            if is_ours
            else "in Lighthouse's words: lightkeeper show REQUEST_ID",
            "instance": _opaque(self.instance),
            "diagnostics": _opaque(self.diagnostics),
        }


def _opaque(text: str | None) -> str | None:
    """What looks like Lighthouse's ids of a call; a name or a number may be a person's."""
    return text if text is not None and _OPAQUE.fullmatch(text) else None


class Answer(NamedTuple):
    """How one call ended, and what it said of each id it was polled for."""

    outcome: CallOutcome
    observations: dict[int, Observation]
    problem: CallProblem | None = None
    unrequested_count: int = 0
    """How many ids Lighthouse answered for that were not in the call."""

    @property
    def says_something(self) -> bool:
        """Whether it has a usable word on any of the ids."""
        seen = self.observations.values()
        return any(type(word) is StatusReport or word is Absence.NOT_FOUND for word in seen)
