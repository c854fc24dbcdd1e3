"""What the poller needs of the client and of the store without knowing them; what it reports."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import NamedTuple, Protocol

from lightkeeper.domain.answer import Answer, CallProblem
from lightkeeper.domain.change import Recorded
from lightkeeper.domain.document import Document
from lightkeeper.domain.time import Instant


class Budget(Protocol):
    """When the next call may go out."""

    limit: int | None

    @property
    def rate_limited(self) -> bool: ...
    @property
    def remaining(self) -> int | None: ...
    def wait_seconds(self) -> float: ...
    def wanted_calls(self, by: str) -> int: ...
    def wait_for_wanted(self, callers: Collection[str], *, backlog: bool) -> float: ...
    def spend_on_wanted(self, by: str) -> None: ...


class StatusClient(Protocol):
    """What the poller needs of the client."""

    @property
    def budget(self) -> Budget: ...
    def poll_batch(self, request_ids: Sequence[int]) -> Answer: ...
    def poll_one(self, request_id: int) -> Answer: ...


class Store(Protocol):
    """What the poller needs of the store."""

    def due(
        self, cutoff: Instant, limit: int, polled_before: Instant | None = None
    ) -> list[Document]: ...
    def in_trouble(
        self, after: Instant, since: Instant, polled_before: Instant, limit: int
    ) -> list[Document]: ...
    def refused(self, ids: Collection[int]) -> set[int]: ...
    def due_next(self, now: Instant, limit: int) -> list[Document]: ...
    def has_times_ahead(self, now: Instant) -> bool: ...
    def pull_in(self, now: Instant) -> None: ...
    def record(self, batch: Sequence[Recorded], polled_at: Instant) -> None: ...
    def postpone(
        self, ids: Collection[int], polled_at: Instant, next_poll_at: Instant, problem: CallProblem
    ) -> None: ...


class State(Enum):
    """What a step came to."""

    WORKED = auto()
    WAITING = auto()
    IDLE = auto()


class Progress(NamedTuple):
    """What a step came to, and for `WAITING` how many seconds until the next makes sense."""

    state: State
    wait_seconds: float = 0.0
    rate_limited: bool = False


@dataclass(frozen=True, slots=True)
class PollReport:
    """How the latest calls ended; durations are in seconds, up to now."""

    failures_in_row: int = 0
    failing_seconds: float = 0.0
    """Since the first of these failures."""
    waited_seconds: float = 0.0
    """How much of `failing_seconds` the daemon spent waiting for the rate limit."""
    rate_limited_in_row: int = 0
    """Calls that ended as 429 since the last answered one."""
    rate_limited_seconds: float = 0.0
    """Since the first of these."""
    last_call_ago: float | None = None
    """None before the first call."""
    last_failure: str = ""
    """Why a call failed last, however long ago."""
    batches_failing_seconds: float = 0.0
    """Since the first failed call about several documents began; 0.0 once one was answered."""
    only_alone_answered: bool = False
    """Whether calls about one document were answered since then."""
    call_seconds: float = 0.0
    """How long the last call took."""
    singly_seconds: float | None = None
    """Since when documents are polled singly, because calls about several fail; None while they
    are polled in batches."""


@dataclass(slots=True)
class Counts:
    """What happened since these were last taken."""

    calls: Counter[str] = field(default_factory=Counter)
    """Calls by outcome, without `trials`."""
    trials: Counter[str] = field(default_factory=Counter)
    """Failed trials while documents are polled singly, by outcome: they say that batches fail, and
    nothing of Lighthouse or of polling."""
    unusable: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Answers without a status, by (document_type, absence)."""
    refused: Counter[str] = field(default_factory=Counter)
    """Documents about which calls fail, by the outcome of the last."""
    polled: int = 0
    unrequested: int = 0
    """Ids in answers that the call did not name."""
    dropped: set[int] = field(default_factory=set)
    """Ids (of rows) of documents whose batch was dropped."""
