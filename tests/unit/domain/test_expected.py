"""What a submission should have: when it is missing, and what becomes of what was said before."""

import itertools

import pytest

from lightkeeper.domain.expected import Expectation, counted, said_again
from lightkeeper.domain.time import HOUR

NOW = 1_800_000_000_000
LATER = NOW + 5 * HOUR
ONE = Expectation("s-1", "form_0781", 3, 3, NOW, "vets-api")
SETTLED = ONE._replace(missing_count=1, settled_at=NOW, settled_by="jane", settled_reason="mail")


@pytest.mark.parametrize(
    ("one", "after", "state"),
    [
        (ONE, 0, "awaited"),
        (ONE, HOUR - 1, "awaited"),
        (ONE, HOUR, "missing"),
        (ONE._replace(missing_count=0), 5 * HOUR, "tracked"),
        (SETTLED, 0, "settled"),
        (SETTLED, 5 * HOUR, "settled"),
        (SETTLED._replace(missing_count=0), 5 * HOUR, "tracked"),
        (ONE, -HOUR, "awaited"),
    ],
)
def test_it_is_missing_an_hour_after_it_was_expected(one, after, state):
    """Not a millisecond earlier; what is tracked or settled never is."""
    assert state == one.state(NOW + after, HOUR)


def test_said_again_it_stays_as_it_is():
    """By any caller, however often: the hour does not begin anew, and settled stays settled."""
    for one in (ONE, SETTLED, ONE._replace(missing_count=0)):
        assert one == said_again(one, 3, "another", LATER)


def test_more_than_before_is_expected_from_now_on():
    """Unless some of it is missing already: that is not hidden for another hour."""
    tracked = ONE._replace(missing_count=0)

    assert (LATER, 2) == said_again(tracked, 5, "x", LATER)[4:2:-1]
    assert (NOW, 5) == said_again(ONE, 5, "x", LATER)[4:2:-1]


def test_more_than_before_is_open_where_staff_settled_the_rest():
    """What staff settled was the smaller number."""
    more = said_again(SETTLED, 4, "x", LATER)

    assert (
        ONE._replace(document_count=4, missing_count=2, expected_at=LATER, expected_by="x") == more
    )
    assert more.is_open


def test_fewer_than_before_are_missing_fewer():
    """Never below none; and what staff settled stays settled."""
    for count, missing in ((2, 2), (1, 1)):
        now_is = said_again(ONE, count, "x", LATER)
        assert ONE._replace(document_count=count, missing_count=missing, expected_by="x") == now_is
    assert 0 == said_again(SETTLED, 1, "x", LATER).missing_count
    assert not said_again(SETTLED._replace(missing_count=2), 2, "x", LATER).is_open


def test_what_is_tracked_is_never_missing():
    """However many were before, and however many more than expected there are."""
    for before, tracked in itertools.product(range(4), range(9)):
        one = counted(ONE._replace(missing_count=before), tracked)
        assert ONE._replace(missing_count=max(0, 3 - tracked)) == one


def test_a_document_that_is_gone_again_opens_what_was_settled():
    """Staff settled fewer than are missing now."""
    assert SETTLED == counted(SETTLED, 2)
    assert SETTLED._replace(missing_count=0) == counted(SETTLED, 3)
    assert ONE._replace(missing_count=2) == counted(SETTLED, 1)
