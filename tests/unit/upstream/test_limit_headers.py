"""Rate limit headers: every way in which gateways write a pause, a limit and what is left."""

import pytest

from lightkeeper.upstream.limit_headers import LimitHeaders, date, read

NOW = 1_800_000_000.0  # Fri, 15 Jan 2027 08:00:00 GMT


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("17", 17.0),
        ("1.5", 1.5),
        (" 60 ", 60.0),
        ("60, 60", 60.0),
        ("5,60", 60.0),
        ("Fri, 15 Jan 2027 08:02:00 GMT", 120.0),
        ("Fri, 15 Jan 2027 08:02:00 GMT, Fri, 15 Jan 2027 08:02:00 GMT", 120.0),
        ("Friday, 15-Jan-27 08:02:00 GMT", 120.0),
        ("Fri Jan 15 08:02:00 2027", 120.0),
        ("Fri, 15 Jan 2027 03:02:00 -0500", 120.0),
        ("2027-01-15T08:02:00Z", 120.0),
        ("2027-01-15 08:02:00", 120.0),
        ("2027-01-15T09:02:00.000+01:00", 120.0),
        ("1800000120", 120.0),
        ("1800000120.0", 120.0),
        ("1800000120000", 120.0),
        ("1800000120, 1800000120", 120.0),
        ("Fri, 15 Jan 2027 07:00:00 GMT", 0.0),
        ("1700000000", 0.0),
        ("", None),
        ("-5", None),
        ("soon", None),
        ("nan", None),
        ("Fri, 99 Jan 2027 08:02:00 GMT", None),
        ("0000-01-15", None),
    ],
)
@pytest.mark.parametrize("name", ["Retry-After", "RateLimit-Reset", "X-RateLimit-Reset"])
def test_a_wait_is_seconds_or_a_time(name, value, seconds):
    """HTTP's three formats, ISO 8601, and seconds or milliseconds since 1970; also twice."""
    said = read({name: value}, NOW)

    assert seconds == (said.retry_after if name == "Retry-After" else said.reset)


def test_a_time_is_measured_by_the_servers_clock():
    """A `Date` beside it counts, not this host's clock, which may be wrong."""
    headers = {
        "Date": "Mon, 01 Feb 2027 12:00:00 GMT",
        "Retry-After": "Mon, 01 Feb 2027 12:00:30 GMT",
        "RateLimit-Reset": "1801483245",
    }

    assert (30.0, 45.0) == (read(headers, NOW).retry_after, read(headers, NOW).reset)
    assert (1_801_483_200.0, None) == (date(headers), date({"Date": "yesterday"}))


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"RateLimit": '"default";r=0;t=30'}, (None, 0, 30.0)),
        ({"RateLimit": '"default"; r=7 ; t=30'}, (None, 7, 30.0)),
        ({"RateLimit": '"a, b;r=9";r=1;t=3'}, (None, 1, 3.0)),
        ({"RateLimit": "default;r=4;t=8"}, (None, 4, 8.0)),
        ({"RateLimit": '"burst";r=0;t=2, "daily";r=500;t=3600'}, (None, 0, 2.0)),
        ({"RateLimit": '"burst";r=9;t=2, "daily";r=0;t=3600'}, (None, 0, 3_600.0)),
        ({"RateLimit": '"a";r=0;t=2, "b";r=0;t=50'}, (None, 0, 50.0)),
        ({"RateLimit": '"a";r=0;t=9, "a";r=0;t=9'}, (None, 0, 9.0)),
        ({"RateLimit": "limit=60, remaining=0, reset=12"}, (60, 0, 12.0)),
        (
            {"RateLimit": '"m";r=3;t=20', "RateLimit-Policy": '"m";q=60;w=60, "d";q=9;w=86400'},
            (60, 3, 20.0),
        ),
        ({"RateLimit": '"m";r=0', "RateLimit-Policy": '"m";q=60;w=60'}, (60, 0, 60.0)),
        ({"RateLimit-Policy": '"m";q=60;w=60'}, (None, None, None)),
        (
            {"RateLimit-Limit": "60, 60;w=60", "RateLimit-Remaining": "5, 5"},
            (60, 5, None),
        ),
        ({"RateLimit-Remaining": "8", "RateLimit": '"x";r=0;t=4'}, (None, 0, 4.0)),
        ({"RateLimit": '"default'}, (None, None, None)),
        ({"RateLimit": '"default";r=no;t=30'}, (None, None, None)),
        ({"RateLimit": ";;;=,=;r=,"}, (None, None, None)),
        ({"RateLimit": '"' * 90_000}, (None, None, None)),
    ],
)
def test_the_newer_header_is_read(headers, expected):
    """Of several quotas the one that is used up first, and longest, sets the pause."""
    limit, remaining, reset = expected

    assert LimitHeaders(limit, remaining, reset, None) == read(headers, NOW)
