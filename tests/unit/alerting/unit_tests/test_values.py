"""promtool's language for series, the words of checks, and spans of time."""

import pytest

from lightkeeper.alerting.unit_tests.values import BadValues, numbers, seconds, span, statuses


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-2+4x3", [-2, 2, 6, 10]),
        ("1-2x4", [1, -1, -3, -5, -7]),
        ("1x4", [1] * 5),
        ("1 _x3 2.5", [1, None, None, None, 2.5]),
        ("_ 1e3", [None, 1000]),
        ("0x10 3", [0] * 11 + [3]),
    ],
)
def test_the_language_of_values_is_promtools(text, expected):
    """The examples of Prometheus' documentation: n stands for n more, but n times nothing."""
    assert expected == numbers(text)


@pytest.mark.parametrize("text", ["", "stale", "1+1", "x3", "1 x3", "nan", "1,2", "0x100000"])
def test_other_values_are_refused(text):
    """What promtool would not take, or means nothing to Datadog, is refused."""
    with pytest.raises(BadValues):
        numbers(text)


def test_statuses_are_words():
    """Service checks send ok, warning, critical and unknown."""
    assert [0, 0, None, 2, 1, 3] == statuses("okx1 _ critical warning unknown")
    with pytest.raises(BadValues, match="'fine' is no status of a check: write ok"):
        statuses("fine")


def test_spans_are_written_as_they_are_read():
    """A span in a report can be copied into a test."""
    for given in (0, 59, 60, 3600, 90_061):
        assert given == seconds(span(given))
    assert 5400 == seconds("1h30m") == seconds("90m")
