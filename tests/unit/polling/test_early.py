"""When documents are polled early, how many, and which."""

import pytest
from store_rows import FRESH, NOW

from lightkeeper.domain.change import Decision, Recorded
from lightkeeper.domain.time import HOUR, MINUTE, SECOND
from lightkeeper.polling.early import AT_FIRST, FOR_EACH, LASTING_MS, ROUND_MS, Early

WELL = FRESH._replace(last_answered_at=NOW)


def _left_out(since):
    return FRESH._replace(trouble_count=5, unanswered_since=since)


def _not_found(since):
    return FRESH._replace(not_found_since=since)


def _one(before, after=WELL):
    return Recorded(before, Decision(after, None), None, None, None)


@pytest.fixture
def early():
    """A daemon that was given a status already."""
    running = Early()
    running.recorded([_one(FRESH)], NOW - ROUND_MS)
    running.fetched(0, running.room)
    return running


def test_the_first_status_after_a_start_may_end_a_fault():
    """A few are polled, whenever their trouble began; after the next status none is."""
    early = Early()
    early.recorded([_one(FRESH, _left_out(NOW)), _one(FRESH)], NOW)

    assert AT_FIRST == early.room
    assert 0 >= early.in_trouble_since

    early.recorded([_one(FRESH)], NOW + SECOND)
    assert AT_FIRST == early.room


@pytest.mark.parametrize("trouble", [_left_out, _not_found])
@pytest.mark.parametrize(("lasted", "room"), [(LASTING_MS, AT_FIRST), (LASTING_MS - 1, 0)])
def test_a_status_after_half_an_hour_without_one_ends_a_fault(early, trouble, lasted, room):
    """Those are polled that were given none since then, or since an hour earlier."""
    for at in (NOW, NOW + lasted - 1):
        early.recorded([_one(FRESH, trouble(at))], at)
    early.recorded([_one(FRESH)], NOW + lasted)

    assert room == early.room
    if room:
        assert (NOW - HOUR, NOW + lasted) == (early.in_trouble_since, early.polled_before)


@pytest.mark.parametrize("trouble", [_left_out, _not_found])
@pytest.mark.parametrize(("lasted", "room"), [(LASTING_MS, FOR_EACH), (LASTING_MS - 1, 0)])
def test_one_given_a_status_again_has_others_polled(early, trouble, lasted, room):
    """Also where others were given one all along."""
    early.recorded([_one(FRESH), _one(trouble(NOW - lasted))], NOW)

    assert room == early.room
    if room:
        assert (NOW - lasted - HOUR, NOW) == (early.in_trouble_since, early.polled_before)


@pytest.mark.parametrize("after", [_left_out(NOW - 5 * HOUR), _not_found(NOW)])
def test_one_that_is_given_none_has_no_other_polled(early, after):
    """To be found, or not to be, is no status."""
    early.recorded([_one(FRESH), _one(_left_out(NOW - 5 * HOUR), after)], NOW)

    assert 0 == early.room


def test_those_polled_early_lead_to_those_of_the_hour_before(early):
    """Step by step to the begin of the fault, and an hour beyond; none is polled twice."""
    for ago in (1, 2, 3):
        early.recorded([_one(_left_out(NOW - ago * HOUR))], NOW + ago * MINUTE)

    assert NOW - 4 * HOUR == early.in_trouble_since
    assert NOW + 1 * MINUTE == early.polled_before
    assert 3 * FOR_EACH == early.room


@pytest.mark.parametrize("later", [ROUND_MS, -1])
def test_another_fault_begins_anew(early, later):
    """Ten minutes later, or once the clock was set back, those polled early may be again."""
    early.recorded([_one(_left_out(NOW - 5 * HOUR))], NOW)
    early.recorded([_one(_left_out(NOW - 1 * HOUR))], NOW + later)

    assert (NOW - 2 * HOUR, NOW + later) == (early.in_trouble_since, early.polled_before)


def test_no_more_are_looked_for_once_there_are_none(early):
    """Room that is left over is for no document that falls into trouble later."""
    early.recorded([_one(_left_out(NOW - HOUR))] * 10, NOW)
    early.fetched(15, 15)
    assert 10 * FOR_EACH - 15 == early.room

    early.fetched(4, 5)
    assert 0 == early.room
