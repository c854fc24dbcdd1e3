"""What staff write is refused where it may name a veteran, by the rule for ids."""

import pytest

from lightkeeper.casework.personal import form_of, in_name, in_text

SSN, ICN, FILE, MAIL, PHONE = (
    "formed like a social security number",
    "formed like a veteran's ICN",
    "a file name",
    "an e-mail address",
    "formed like a telephone number",
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
        *(
            (text, MAIL)
            for text in (
                "mail a@b.example, phone 555-123-4567",
                "<Jane.Doe+va@mail.example.gov>",
                "https://va.gov/?to=jane%40b.example",
            )
        ),
        *(
            (f"veteran: {number}, asked", PHONE)
            for number in (
                *("555-123-4567", "(555) 123-4567", "(555)123-4567", "555.123.4567"),
                *("555 123 4567", "1-555-123-4567", "+1 (555) 123-4567", "+15551234567"),
                *("+44 20 7946 0958", "phone 5551234567", "cell: 123-4567", "Tel. no. 1234567"),
                "555\u2013123\u20134567",
            )
        ),
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
        "request id 6000000170, ids 600000017 and 6000000171",
        "request ids 600000017 600000018",
        "tickets INC0012345678, CHG-555-123-4567 and VFS-1234",
        "trace 123e4567-e89b-12d3-a456-426614174000",
        "2026-12-05 1234 documents, 100-200 of 3000, 1,234,567,890 ms",
        "by telephone on 2026-12-05, request id 600000017",
        "told by phone: submission 3310073, request 6000000170",
        "release lightkeeper@1.2.3, ask @pagerduty-lightkeeper",
        "https://status.va.gov/notice.html",
        "BGS upgrade (v4.2.1), 99.9 % done",
    ],
)
def test_what_names_no_veteran_may_be_written(text):
    """Times, ids of requests and submissions, tickets, links."""
    assert in_text(text) is None


def test_who_acts_may_give_an_address():
    """Staff's own, and nothing of a veteran."""
    assert in_name("jane.doe@va.gov") is None
    assert in_name("jane 123-45-6789") == SSN


@pytest.mark.parametrize("word", ["123456789", "123-45-6789", "1012667145V762142", "Doe.pdf"])
def test_what_is_no_id_is_in_no_text(word):
    """One rule: what `track` refuses as an id, no command takes in a sentence."""
    assert form_of(word) is not None
    assert form_of(word) == in_text(f"about {word}.")
