"""What the API tells Datadog of its answers: how many, of which status, and how soon."""

from collections.abc import Mapping, Sequence
from typing import Final

from lightkeeper.telemetry.dogstatsd import Emitter

CAN_ANSWER: Final = "lightkeeper.web.can_answer"
_OK: Final = 0
_CRITICAL: Final = 2
_OF_HEALTH: Final = frozenset({"healthz", "readyz"})


def report_answers(
    emitter: Emitter,
    answers: Mapping[tuple[str, str], int],
    seconds: Mapping[str, Sequence[float]],
) -> None:
    """Send how many answers there were by operation and status, and how long each took.

    The API can answer, unless every answer to a caller since the last report was a 5xx.
    """
    for (operation, status), count in answers.items():
        emitter.count("lightkeeper.web.requests", count, operation=operation, status=status)
    for operation, values in seconds.items():
        emitter.distribution("lightkeeper.web.request_time", values, operation=operation)
    statuses = {status for operation, status in answers if operation not in _OF_HEALTH}
    failing = statuses == {"5xx"}
    emitter.service_check(
        CAN_ANSWER,
        status=_CRITICAL if failing else _OK,
        message="every answer was a 5xx" if failing else "",
    )
    emitter.flush()
