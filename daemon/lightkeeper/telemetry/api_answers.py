"""What the API publishes of its answers: how many, of which status, and how soon."""

from collections.abc import Mapping, Sequence
from typing import Final

from lightkeeper.telemetry.dogstatsd import Emitter

CAN_ANSWER: Final = "lightkeeper.web.can_answer"
_OK: Final = 0
_CRITICAL: Final = 2
MANY: Final = 5
"""From so many failures on they need not be all: fewer may be one caller's bad luck."""
_OF_HEALTH: Final = frozenset({"healthz", "readyz"})


def report_answers(
    emitter: Emitter,
    answers: Mapping[tuple[str, str], int],
    seconds: Mapping[str, Sequence[float]],
) -> None:
    """Send how many answers there were, how long each took, and whether the API can answer."""
    for (operation, status), count in answers.items():
        emitter.count("lightkeeper.web.requests", count, operation=operation, status=status)
    for operation, values in seconds.items():
        emitter.distribution("lightkeeper.web.request_time", values, operation=operation)
    failing = cannot_answer(answers)
    emitter.service_check(CAN_ANSWER, status=_CRITICAL if failing else _OK, message=failing or "")
    emitter.flush()


def cannot_answer(answers: Mapping[tuple[str, str], int]) -> str | None:
    """Why the API cannot answer, by its answers by operation and status; None where it can.

    It cannot where half of its answers to callers were a 5xx, and at least `MANY` or all. A 4xx
    counts on neither side: it says nothing of the store.
    """
    tried = failed = 0
    for (operation, status), count in answers.items():
        if operation not in _OF_HEALTH and status != "4xx":
            tried += count
            failed += count if status == "5xx" else 0
    if failed and (failed == tried or (failed >= MANY and 2 * failed >= tried)):
        return f"{failed:,} of {tried:,} answers were a 5xx"
    return None
