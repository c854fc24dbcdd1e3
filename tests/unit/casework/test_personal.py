"""What staff write is refused where it may name a veteran, by the rule for ids."""

import pytest

from lightkeeper.casework.personal import form_of, in_text

SSN, ICN, FILE = (
    "formed like a social security number",
    "formed like a veteran's ICN",
    "a file name",
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *((f"called about {form}, done", SSN) for form in ("123-45-6789", "123 45 6789")),
        *((form, SSN) for form in ("123.45.6789", "123 - 45 - 6789", "123\u201345\u20136789")),
        *(
            (text, SSN)
            for text in ("123456789", "SSN:123456789", "(ssn 123456789)", "#123456789.")
        ),
        ("request id 600000017 of 123456789", SSN),
        ("veteran 1012667145V762142 called", ICN),
        ("see DD214_Jane_Doe.pdf!", FILE),
        ("https://va.gov/123-45-6789/page.html", SSN),
    ],
)
def test_a_part_that_may_name_a_veteran_is_found(text, expected):
    """Wherever it stands, with any sign or blank between the parts of a number."""
    assert expected == in_text(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "jane.doe",
        "VA moved it to 2026-12-05T22:00Z, 8 h",
        "tracked again as request id 600000017",
        "request ids 600000017, 600000018 and 600000019",
        "see request 600000017: answered in 1,234 ms",
        "submission 3310073, ticket INC000123456789",
        "call 202-555-0143",
        "https://status.va.gov/notice.html",
        "BGS upgrade (v4.2.1), 99.9 % done",
    ],
)
def test_what_names_no_veteran_may_be_written(text):
    """Times, ids of requests and submissions, tickets, telephone numbers of help desks, links."""
    assert in_text(text) is None


@pytest.mark.parametrize("word", ["123456789", "123-45-6789", "1012667145V762142", "Doe.pdf"])
def test_what_is_no_id_is_in_no_text(word):
    """One rule: what `track` refuses as an id, no command takes in a sentence."""
    assert form_of(word) is not None
    assert form_of(word) == in_text(f"about {word}.")
