"""Numbers with their units."""

import pytest

from lightkeeper.alerting.render.units import Unit, plain, unit_of


@pytest.mark.parametrize(
    ("unit", "value", "text"),
    [
        ("second", 0, "0 s"),
        ("second", 17.28, "17.3 s"),
        ("second", 300, "5 min"),
        ("second", 21_600, "6 h"),
        ("second", 363_600, "4.2 d"),
        ("second", -300, "-5 min"),
        ("document", 1, "1 document"),
        ("document", 1_234, "1,234 documents"),
        ("document", 0.001, "0 documents"),
        ("document", 500_000, "500k documents"),
        ("document", 12_500_000, "12.5M documents"),
        ("percent", 1, "1 %"),
        ("percent", 99.123, "99.12 %"),
        ("", 3.5, "3.5"),
    ],
)
def test_a_number_reads_as_people_write_it(unit, value, text):
    """Times in the unit that fits, words in the singular or plural, large numbers shortened."""
    assert text == Unit(unit).text(value)


@pytest.mark.parametrize(
    ("precision", "text"), [(0, "3"), (1, "3.1"), (None, "3.14"), (99, "3.14")]
)
def test_the_precision_is_the_digits_behind_the_point(precision, text):
    """Two where none is given, or one that no board can mean."""
    assert text == plain(3.14159, precision)


@pytest.mark.parametrize(
    ("given", "unit"),
    [
        (None, Unit("document")),
        ({}, Unit("document")),
        ({"unit": "x"}, Unit("document")),
        ({"unit": {"type": "canonical_unit", "unit_name": "second"}}, Unit("second")),
        ({"unit": {"unit_name": "byte", "per_unit_name": "second"}}, Unit("byte", "second")),
        ({"unit": {"type": "custom_unit_label", "label": "cat"}}, Unit("cat")),
    ],
)
def test_a_formula_names_its_unit_or_has_that_of_its_metric(given, unit):
    """As a board's number_format has it."""
    assert unit == unit_of(given, "document")
