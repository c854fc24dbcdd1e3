"""The rate budget: headers are obeyed, and without them no call waits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from manual_clock import ManualClock

from lightkeeper.upstream.rate_limit import LONGEST_PAUSE_SECONDS, LOWEST_PAUSE_SECONDS, RateBudget


@pytest.fixture
def clock():
    """The clock of the budget under test."""
    return ManualClock(5_000.0)


@pytest.fixture
def budget(clock):
    """A budget without a limit of its own."""
    return RateBudget(monotonic=clock)


def _headers(limit=60, remaining=59, reset=42):
    return {
        "RateLimit-Limit": str(limit),
        "RateLimit-Remaining": str(remaining),
        "RateLimit-Reset": str(reset),
    }


def test_without_headers_nothing_waits(budget):
    """No header, no wait, with any status but 429."""
    for status in (200, 404, 500, 502, 503):
        budget.spend()
        budget.update(status, {})

    assert (0.0, None, None) == (budget.wait_seconds(), budget.limit, budget.remaining)


def test_as_long_as_calls_remain_nothing_waits(budget):
    """Calls that are left are used without a pause, down to the last."""
    for remaining in (59, 30, 1):
        budget.update(200, _headers(remaining=remaining))

        assert (0.0, 60, remaining) == (budget.wait_seconds(), budget.limit, budget.remaining)


@pytest.mark.parametrize(
    "headers",
    [
        _headers(remaining=0, reset=42),
        {"RateLimit-Remaining": "0", "RateLimit-Reset": "42"},
        {**_headers(remaining=7, reset=42), "X-RateLimit-Remaining-Minute": "0"},
        {**_headers(remaining=0, reset=42), "X-RateLimit-Remaining-Minute": "7"},
        {"X-RateLimit-Remaining-Minute": "0", "RateLimit-Reset": "42"},
    ],
)
def test_no_calls_left_waits_for_the_reset(budget, clock, headers):
    """Either family of headers may say that no call is left; the wait is until the reset."""
    budget.update(200, headers)

    assert (42.0, 0) == (budget.wait_seconds(), budget.remaining)
    clock.now += 41.5
    assert 0.5 == budget.wait_seconds()
    clock.now += 0.5
    assert 0.0 == budget.wait_seconds()


def test_no_calls_left_and_no_reset_waits_a_little(budget):
    """Without a reset the wait is a second."""
    budget.update(200, {"X-RateLimit-Remaining-Minute": "0"})

    assert LOWEST_PAUSE_SECONDS == budget.wait_seconds()


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Retry-After": "17"}, 17.0),
        ({"Retry-After": "17", **_headers(remaining=0, reset=42)}, 42.0),
        ({"Retry-After": "42", **_headers(remaining=0, reset=17)}, 42.0),
        (_headers(remaining=0, reset=42), 42.0),
        (_headers(remaining=5, reset=42), 42.0),
        ({"Retry-After": "0"}, 1.0),
        ({"Retry-After": "-5"}, 1.0),
        ({"Retry-After": "soon"}, 1.0),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, 1.0),
        ({}, 1.0),
    ],
)
def test_429_always_pauses(budget, headers, expected):
    """The wait is the longer of `Retry-After` and the reset, and a second at least."""
    budget.update(429, headers)

    assert expected == budget.wait_seconds()


def test_503_pauses_only_with_retry_after(budget):
    """A gateway in maintenance may name its time."""
    budget.update(503, {"Retry-After": "30"})

    assert 30.0 == budget.wait_seconds()


def test_a_later_answer_does_not_shorten_a_pause(budget, clock):
    """A pause stays though a later answer says that calls are left, or names a shorter one."""
    budget.update(429, {"Retry-After": "30"})
    clock.now += 10
    budget.update(200, _headers(remaining=59))
    budget.update(429, {"Retry-After": "5"})

    assert 20.0 == budget.wait_seconds()


@pytest.mark.parametrize(("calls_per_minute", "gap"), [(60, 1.0), (30, 2.0), (1, 60.0)])
def test_a_setting_spaces_calls_further_apart(clock, calls_per_minute, gap):
    """`max_calls_per_minute` spreads calls evenly, from one call's start to the next."""
    budget = RateBudget(calls_per_minute, monotonic=clock)
    assert 0.0 == budget.wait_seconds()
    budget.spend()
    clock.now += gap / 4
    budget.update(200, _headers())

    assert 0.75 * gap == budget.wait_seconds()
    clock.now += 0.75 * gap
    assert 0.0 == budget.wait_seconds()


def test_a_setting_only_ever_lowers(clock):
    """A generous setting does not outbid what Lighthouse says."""
    budget = RateBudget(6_000, monotonic=clock)
    budget.spend()
    budget.update(200, _headers(remaining=0, reset=42))

    assert 42.0 == budget.wait_seconds()


@pytest.mark.parametrize(
    "value",
    ["1e308", "99999999999999999999", "1800000000", "3601", "9" * 5_000],
)
def test_absurd_waits_are_cut_to_an_hour(budget, value):
    """A reset that is a date in seconds, or senseless, pauses for an hour at most."""
    budget.update(200, {"RateLimit-Remaining": "0", "RateLimit-Reset": value})
    expected = LOWEST_PAUSE_SECONDS if len(value) > 400 else LONGEST_PAUSE_SECONDS

    assert expected == budget.wait_seconds()


@pytest.mark.parametrize("value", ["", " ", "nan", "inf", "-inf", "-1", "x", "1;w=60", "0x10"])
def test_what_is_no_number_is_as_if_absent(budget, value):
    """Headers that make no sense neither throttle nor break anything."""
    names = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "Retry-After")
    budget.update(200, dict.fromkeys(names, value))

    assert (0.0, None, None) == (budget.wait_seconds(), budget.limit, budget.remaining)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([200, 404, 429, 500, 503]),
            st.dictionaries(
                st.sampled_from([*_headers(), "X-RateLimit-Remaining-Minute", "Retry-After"]),
                st.one_of(st.text(max_size=8), st.integers().map(str), st.floats().map(str)),
            ),
        ),
        max_size=5,
    )
)
def test_no_header_can_break_it(answers):
    """With any headers the wait is a number of seconds up to an hour."""
    budget = RateBudget(monotonic=ManualClock(5_000.0))
    for status, headers in answers:
        budget.update(status, headers)

        assert 0.0 <= budget.wait_seconds() <= LONGEST_PAUSE_SECONDS
