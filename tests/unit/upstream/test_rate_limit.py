"""The rate budget: headers are obeyed, and without them no call waits."""

from email.utils import format_datetime

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from manual_clock import ManualClock

from lightkeeper.upstream.rate_limit import LONGEST_PAUSE_SECONDS, LOWEST_PAUSE_SECONDS, RateBudget

OTHERS = ("X-RateLimit-Remaining-Minute", "Retry-After", "Date", "RateLimit", "RateLimit-Policy")


@pytest.fixture
def clock():
    """The clock of the budget under test."""
    return ManualClock(5_000.0)


@pytest.fixture
def budget(clock):
    """A budget without a limit of its own, in January 2027."""
    return RateBudget(monotonic=clock, wall_clock=lambda: 1_800_000_000.0)


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
        ({"Retry-After": "Fri, 15 Jan 2027 08:00:25 GMT"}, 25.0),
        ({"Retry-After": "90, 60"}, 90.0),
        ({"RateLimit": '"default";r=0;t=30'}, 30.0),
        ({}, 1.0),
    ],
)
def test_429_always_pauses(budget, headers, expected):
    """The wait is the longer of `Retry-After` and the reset, and a second at least."""
    budget.update(429, headers)

    assert expected == budget.wait_seconds()


@pytest.mark.parametrize("headers", [{}, {"Retry-After": "0"}, {"Retry-After": "soon"}])
@pytest.mark.parametrize("refuse", [RateBudget.update, RateBudget.token_refused])
def test_without_a_usable_header_pauses_grow_to_a_minute(budget, clock, refuse, headers):
    """Each is twice as long as the one before, until Lighthouse answers otherwise."""
    waits = []
    for _ in range(9):
        refuse(budget, 429, headers)
        waits.append(budget.wait_seconds())
        clock.now += waits[-1]

    assert [1, 2, 4, 8, 16, 32, 60, 60, 60] == waits
    budget.update(200, {})
    refuse(budget, 429, headers)
    assert 1.0 == budget.wait_seconds()


def test_the_token_endpoints_limit_is_one_of_its_own(budget):
    """Its pauses are kept; its number of calls left is not taken for the API's."""
    budget.update(200, _headers(limit=60, remaining=58))
    budget.token_refused(500, _headers(limit=240, remaining=0))
    assert (0.0, 60, 58) == (budget.wait_seconds(), budget.limit, budget.remaining)

    budget.token_refused(503, {"Retry-After": "Fri, 15 Jan 2027 08:01:00 GMT"})
    assert (60.0, False) == (budget.wait_seconds(), budget.rate_limited)
    budget.token_refused(429, _headers(limit=240, remaining=0, reset=90))
    assert (90.0, True) == (budget.wait_seconds(), budget.rate_limited)
    assert (60, 58) == (budget.limit, budget.remaining)


def test_a_rate_limit_is_logged_once_and_then_rarely(budget, clock):
    """When it begins, every ten minutes while it lasts, and when it ends."""
    with structlog.testing.capture_logs() as said:
        for _ in range(40):
            budget.update(429, {})
            clock.now += budget.wait_seconds()
        budget.update(200, {})
        budget.update(200, {})

    limited, over = "lighthouse.rate_limited", "lighthouse.rate_limited.ended"
    assert [limited, limited, limited, limited, over] == [line["event"] for line in said]
    assert (1, 1.0) == (said[0]["calls"], said[0]["next_call_in_seconds"])
    assert (40, 2_103.0) == (said[-1]["calls"], said[-1]["after_seconds"])


@pytest.mark.parametrize("wait", ["30", "Fri, 15 Jan 2027 08:00:30 GMT"])
def test_503_pauses_only_with_retry_after(budget, wait):
    """A gateway in maintenance may name its time."""
    budget.update(503, {"Retry-After": wait})

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
    ["1e308", "99999999999999999999", "1800004000", "3601", "9" * 5_000],
)
def test_absurd_waits_are_cut_to_an_hour(budget, value):
    """A reset that is senseless, or far away, pauses for an hour at most."""
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
                st.sampled_from([*_headers(), *OTHERS]),
                st.one_of(
                    st.text(max_size=8),
                    st.text('"rt=;,01 -:Z', max_size=12),
                    st.integers().map(str),
                    st.floats().map(str),
                    st.datetimes().map(format_datetime),
                    st.datetimes().map(str),
                ),
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
        assert 0.0 <= budget.wait_for_wanted(backlog=True) <= LONGEST_PAUSE_SECONDS
        assert 0.0 <= budget.wait_seconds() <= LONGEST_PAUSE_SECONDS


def _answered(budget, remaining, reset=42):
    budget.spend()
    budget.update(200, _headers(remaining=remaining, reset=reset))


def test_a_tenth_of_the_calls_is_left_free_while_callers_wait_for_polls(budget, clock):
    """Other polling pauses at 6 of 60 until the reset, and uses them ten minutes after."""
    _answered(budget, 6, reset=3_600)
    assert 0.0 == budget.wait_seconds()

    assert 0.0 == budget.wait_for_wanted(backlog=True)

    assert (3_600.0, True) == (budget.wait_seconds(), budget.rate_limited)
    _answered(budget, 7, reset=3_600)
    assert 0.0 == budget.wait_seconds()
    _answered(budget, 6, reset=3_600)
    clock.now += 599
    assert 3_001.0 == budget.wait_seconds()
    clock.now += 1
    assert 0.0 == budget.wait_seconds()


def test_polls_that_callers_wait_for_take_a_tenth_and_no_more(budget, clock):
    """While other documents wait, the seventh call of 60 waits for the reset; then six more go."""
    _answered(budget, 59, reset=30)
    for _ in range(2):
        for call in range(6):
            assert 0.0 == budget.wait_for_wanted(backlog=True)
            budget.spend_on_wanted()
            _answered(budget, 58 - call, reset=30)
        assert 30.0 == budget.wait_for_wanted(backlog=True)
        assert 0.0 == budget.wait_seconds()
        clock.now += 30


def test_the_calls_they_took_are_not_kept_free_again(budget):
    """Where callers had four of their six, two are left for them, and others go on to there."""
    _answered(budget, 59)
    for _ in range(4):
        budget.wait_for_wanted(backlog=True)
        budget.spend_on_wanted()
        _answered(budget, 3)

    assert 0.0 == budget.wait_seconds()
    _answered(budget, 2)
    assert 42.0 == budget.wait_seconds()
    assert 0.0 == budget.wait_for_wanted(backlog=True)


def test_what_other_polling_does_not_need_is_free_for_callers(budget):
    """With nothing else to poll they take half of all calls, and then their tenth alone."""
    remaining = 60
    while budget.wait_for_wanted(backlog=False) == 0.0:
        budget.spend_on_wanted()
        remaining -= 1
        _answered(budget, remaining)

    assert 30 == remaining
    assert (42.0, 0.0) == (budget.wait_for_wanted(backlog=False), budget.wait_seconds())


def test_callers_share_the_tenth_evenly(budget, clock):
    """One that took all of it before another came leaves the other its share; alone it has all."""

    def spent(by):
        count = 0
        while budget.wait_for_wanted([by], backlog=True) == 0.0:
            budget.spend_on_wanted(by)
            count += 1
        return count

    assert (6, 3, 0) == (spent("first"), spent("second"), spent("first"))
    clock.now += 60.0
    assert (3, 3) == (spent("first"), spent("second"))
    clock.now += 600.0
    assert 6 == spent("first")


def test_they_wait_for_the_limit_as_all_calls_do(budget):
    """Nothing is kept free beyond what Lighthouse allows."""
    budget.wait_for_wanted(backlog=True)
    budget.update(429, {"Retry-After": "17"})

    assert 17.0 == budget.wait_for_wanted(backlog=False)


@pytest.mark.parametrize(
    ("max_calls", "headers", "calls"),
    [
        (None, {}, 6),
        (20, {}, 2),
        (20, _headers(remaining=50), 2),
        (5, {}, 1),
        (None, _headers(limit=600, remaining=500), 60),
        (None, _headers(limit=3, remaining=2), 1),
        (None, {"RateLimit-Remaining": "50"}, 6),
    ],
)
def test_the_tenth_is_of_the_lowest_limit_that_is_known(clock, max_calls, headers, calls):
    """Of the setting, of what Lighthouse names, or of what is usual; one call at least."""
    budget = RateBudget(max_calls, monotonic=clock)
    budget.update(200, headers)
    spent = 0
    while budget.wait_for_wanted(backlog=True) == 0.0:
        budget.spend_on_wanted()
        spent += 1

    assert calls == spent
    assert 0.0 == budget.wait_seconds()
