"""The thresholds that are settings."""

from dataclasses import dataclass
from typing import Final

from lightkeeper.domain.time import DAY, HOUR


@dataclass(frozen=True, slots=True)
class Policy:
    """The thresholds that are settings. All durations in milliseconds."""

    slow_after_ms: int = 24 * HOUR
    stuck_after_ms: int = 48 * HOUR
    overdue_after_ms: int = 96 * HOUR
    not_found_fails_after_ms: int = 7 * DAY
    recheck_window_ms: int = 7 * DAY
    unsettled_after_ms: int = 7 * DAY
    expected_within_ms: int = HOUR


USUAL: Final = Policy()
"""The thresholds where no setting says otherwise."""
