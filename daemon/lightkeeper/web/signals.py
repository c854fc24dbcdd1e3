"""What the API publishes of itself: how much is asked, how it answers, and how soon."""

import time
from collections import Counter, defaultdict
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Final

from lightkeeper.telemetry.api_answers import report_answers
from lightkeeper.telemetry.dogstatsd import Emitter
from lightkeeper.telemetry.tags import OPERATIONS

EVERY_SECONDS: Final = 10
OTHER: Final = "other"


class WebSignals:
    """Counts answers, and sends the counts from a thread: an Agent that stalls holds up none.

    `executor` sends them in the place of that thread.
    """

    def __init__(
        self,
        emitter: Emitter,
        monotonic: Callable[[], float] = time.monotonic,
        executor: Executor | None = None,
    ) -> None:
        self._emitter, self._monotonic = emitter, monotonic
        self._send_at = monotonic()
        self._executor = executor or ThreadPoolExecutor(1, thread_name_prefix="signals")
        self._sending: Future[None] | None = None
        self._forget()

    def _forget(self) -> None:
        self._answers: Counter[tuple[str, str]] = Counter()
        self._seconds: defaultdict[str, list[float]] = defaultdict(list)

    def observe(self, operation: str, status: int, seconds: float) -> None:
        """Count an answer to this operation of the description."""
        known = operation if operation in OPERATIONS else OTHER
        self._answers[known, f"{status // 100}xx"] += 1
        self._seconds[known].append(seconds)

    def send_if_due(self) -> None:
        """Send what was counted since, every ten seconds; later where the Agent stalls."""
        if self._monotonic() >= self._send_at and (self._sending is None or self._sending.done()):
            self._send_at = self._monotonic() + EVERY_SECONDS
            answers, seconds = self._answers, self._seconds
            self._forget()
            self._sending = self._executor.submit(report_answers, self._emitter, answers, seconds)

    def close(self) -> None:
        """Send the rest, and close."""
        self._executor.shutdown()
        report_answers(self._emitter, self._answers, self._seconds)
        self._emitter.close()
