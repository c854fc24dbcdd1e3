"""When a maintenance window is in effect, and which ones there can be."""

import pytest

from lightkeeper.domain.maintenance import AHEAD_MS, LONGEST_MS, MaintenanceWindow, problem
from lightkeeper.domain.time import DAY, HOUR, MINUTE

NOW = 1_800_000_000_000


def window(starts_at, ends_at, ended_at=None):
    """A window of all of Lighthouse."""
    return MaintenanceWindow(1, starts_at, ends_at, (), "upgrade", "jane", NOW, ended_at)


@pytest.mark.parametrize(
    ("made", "in_effect", "over"),
    [
        (window(NOW, NOW + HOUR), True, False),
        (window(NOW - HOUR, NOW + 1), True, False),
        (window(NOW + 1, NOW + HOUR), False, False),
        (window(NOW - HOUR, NOW), False, True),
        (window(NOW - HOUR, NOW + HOUR, ended_at=NOW), False, True),
        (window(NOW - HOUR, NOW + HOUR, ended_at=NOW + 1), True, False),
        (window(NOW + HOUR, NOW + DAY, ended_at=NOW - MINUTE), False, True),
    ],
)
def test_a_window_is_in_effect_until_it_ends_or_is_ended(made, in_effect, over):
    """From its first millisecond, and up to its last; ended before it began, never."""
    assert (in_effect, over) == (made.is_in_effect(NOW), made.is_over(NOW))


def test_a_window_that_was_ended_after_its_end_was_over_then():
    """What is recorded later makes it no longer."""
    assert NOW == window(NOW - HOUR, NOW, ended_at=NOW + HOUR).over_at


@pytest.mark.parametrize(
    ("starts_at", "ends_at", "said"),
    [
        (NOW, NOW + 1, None),
        (NOW - 29 * DAY, NOW + DAY, None),
        (NOW + 5 * DAY, NOW + 5 * DAY + LONGEST_MS, None),
        (NOW + AHEAD_MS, NOW + AHEAD_MS + HOUR, None),
        (NOW, NOW, "the window has to end after it begins"),
        (NOW + HOUR, NOW - HOUR, "the window has to end after it begins"),
        (NOW - HOUR, NOW, "the window is over already, and would explain nothing"),
        (NOW, NOW + LONGEST_MS + 1, "the window would last longer than 30 days: announce a"),
        (NOW + AHEAD_MS + 1, NOW + AHEAD_MS + 2, "the window would begin in more than a year"),
    ],
)
def test_a_window_that_cannot_be_meant_has_a_problem(starts_at, ends_at, said):
    """Backwards, past, longer than 30 days, or of a mistyped year."""
    found = problem(starts_at, ends_at, NOW)

    assert said == (found and found[: len(said or found)])
