"""When a maintenance window is in effect, and which ones there can be."""

import pytest

from lightkeeper.domain.maintenance_windows import (
    AHEAD_MS,
    LONGEST_MS,
    Listed,
    MaintenanceWindow,
    followed,
    problem,
)
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


def listed(va_id="139", starts_at=NOW, ends_at=NOW + HOUR, reason="bgs: upgrade"):
    """A window as VA lists it."""
    return Listed(va_id, starts_at, ends_at, ("BENEFITS_GATEWAY_SERVICE",), reason)


def followed_once(*windows, known=(), now=NOW, whole=True):
    """What changes, with the ids that a store gives."""
    changed = followed(known, windows, now, whole=whole)
    return [
        each._replace(id=each.id or number) for number, each in enumerate(changed, 1 + len(known))
    ]


def test_a_window_of_vas_is_new_once():
    """It is stored as VA lists it; listed again as it was, nothing changes."""
    (new,) = followed_once(listed())

    assert (139, NOW, NOW + HOUR, "VA") == (
        int(new.va_id),
        new.starts_at,
        new.ends_at,
        new.announced_by,
    )
    assert [] == followed_once(listed(), known=[new], now=NOW + MINUTE)


def test_a_window_that_va_moves_is_moved():
    """Also where VA changes its words alone; it keeps its id, and when it was announced."""
    known = followed_once(listed())
    (moved,) = followed_once(
        listed(ends_at=NOW + 2 * HOUR, reason="bgs: slower"), known=known, now=NOW + MINUTE
    )

    assert [moved] == [known[0]._replace(ends_at=NOW + 2 * HOUR, reason="bgs: slower")]


def test_a_window_that_va_withdraws_is_ended():
    """At once, and once; where every entry could be read. Listed again, it goes on."""
    known = followed_once(listed())

    assert [] == followed_once(known=known, now=NOW + MINUTE, whole=False)
    (ended,) = followed_once(known=known, now=NOW + MINUTE)
    assert (NOW + MINUTE, "VA") == (ended.ended_at, ended.ended_by)
    assert [] == followed_once(known=[ended], now=NOW + 2 * MINUTE)
    assert known == followed_once(listed(), known=[ended], now=NOW + 2 * MINUTE)


def test_a_window_of_vas_that_is_over_is_left_as_it_is():
    """VA's list has no longer what is over: it was not ended before its time."""
    known = followed_once(listed())

    assert [] == followed_once(known=known, now=NOW + HOUR)


def test_what_staff_ended_stays_ended():
    """Whatever VA lists, changed times included."""
    (new,) = followed_once(listed())
    ended = new._replace(ended_at=NOW + MINUTE, ended_by="jane")

    changed = listed(ends_at=NOW + 2 * HOUR)
    assert [] == followed_once(changed, known=[ended], now=NOW + 2 * MINUTE)
    assert [] == followed_once(known=[ended], now=NOW + 2 * MINUTE)


@pytest.mark.parametrize(
    ("starts_at", "ends_at"),
    [(NOW - 40 * DAY, NOW + 40 * DAY), (NOW + 400 * DAY, NOW + 401 * DAY), (NOW - DAY, NOW - 1)],
)
def test_a_window_of_vas_that_explains_nothing_is_not_taken(starts_at, ends_at):
    """One that lasts for months is over after 30 days; one far ahead is taken when it is near."""
    assert [] == followed_once(listed(starts_at=starts_at, ends_at=ends_at))


def test_of_a_window_of_months_the_first_days_count():
    """What is announced as out for long pages after 30 days."""
    (new,) = followed_once(listed(ends_at=NOW + 90 * DAY))

    assert NOW + 30 * DAY == new.ends_at
    assert [] == followed_once(listed(ends_at=NOW + 90 * DAY), known=[new], now=NOW + DAY)
    assert [] == followed_once(listed(ends_at=NOW + 90 * DAY), known=[new], now=NOW + 31 * DAY)
