"""Which values make a document to track, and what each wrong one is rejected with."""

import pytest
from store_rows import NOW

from lightkeeper.casework.intake import WrongDocument, new_document
from lightkeeper.domain.document import NewDocument
from lightkeeper.domain.time import DAY, MINUTE

GOOD = {
    "lighthouse_request_id": 21,
    "form_526_submission_id": "s-1",
    "document_type": "form_0781",
}


def each(*values):
    """One test for each value, named by how it is written: some are equal, some very long."""
    return pytest.mark.parametrize("value", values, ids=lambda value: repr(value)[:30])


@each(
    None,
    "",
    "x",
    "1.5",
    1.5,
    "1e3",
    -1,
    "-1",
    True,
    [1],
    {},
    2**63,
    str(2**63),
    "٣",
    "1 2",
    "9" * 5_000,
    "0" * 20 + "21",
    "0x15",
    10**400,
    "+1",
    "1_0",
)
def test_a_request_id_is_a_whole_number(value):
    """Anything but a 64-bit whole number is rejected, in every form."""
    with pytest.raises(WrongDocument, match="lighthouse_request_id must be the whole number"):
        new_document(GOOD | {"lighthouse_request_id": value}, NOW)


@each(0, "0", 21, " 21 ", "021", 2**63 - 1, str(2**63 - 1))
def test_a_request_id_may_be_text(value):
    """JSON numbers, and the same in digits."""
    assert int(value) == new_document(GOOD | {"lighthouse_request_id": value}, NOW).request_id


@pytest.mark.parametrize("name", ["form_526_submission_id", "form_attachment_id"])
@each(" ", "a" * 65, "John Smith", "a/b", "a\nb", "ä", "a\0", True, 1.0, ["a"], {"a": 1}, "\ufffd")
def test_an_identifier_is_no_free_text(name, value):
    """Anything but an id is rejected with the field's name, and not repeated in the reason."""
    with pytest.raises(WrongDocument, match=f"{name} must be at most 64 letters") as wrong:
        new_document(GOOD | {name: value}, NOW)

    assert "Smith" not in str(wrong.value)


BY_EXPORTERS = {
    "decimals": ("3310073.0", "77013.00", "5.", ".5", "3310073,0", 3310073.0),
    "an exporter's word for nothing": (
        *("NULL", "null", "nan", "NaN", "None", "NaT", "<NA>", "N/A", "#N/A", "n/a", "NA", "\\N"),
        *(
            "nil",
            "undefined",
            "-",
            "--",
            "(null)",
            "[NULL]",
            "#REF!",
            "#DIV/0!",
            "####",
            "?",
            "inf",
        ),
        *("nothing", "DBNull", "<nil>", "void", "unset", "TBD"),
    ),
    "lost digits": ("3.31007E+06", "3.31E6", "1e5", "7E+08", "6,00E+08", 1e16, 1e22),
    "thousands separators": (
        "3,310,073",
        "3.310.073",
        "3 310 073",
        "3\u202f310\u202f073",
        "3'310",
    ),
    "marked as text": ("'3310073", '="3310073"', '"3310073"', "\u20183310073"),
    "a date that a spreadsheet made": (
        *("2-Jan", "Mar-01", "10-Dec-26", "2026-12-10", "2026-12-10T00:00:00", "1-2-2026"),
    ),
    "a word for yes or no": ("TRUE", "false"),
    "a negative number": (-1, "-1"),
}


@pytest.mark.parametrize("name", ["form_526_submission_id", "form_attachment_id"])
@pytest.mark.parametrize(
    ("cause", "value"),
    [(cause, value) for cause, values in BY_EXPORTERS.items() for value in values],
    ids=lambda part: repr(part)[:30],
)
def test_what_an_exporter_made_of_an_id_is_no_id(name, cause, value):
    """Decimals, words for nothing and the like are rejected with the field and the cause."""
    with pytest.raises(WrongDocument, match=rf"^{name} must .*, and this is .*{cause}"):
        new_document(GOOD | {name: value}, NOW)


@each("3310073.0", 3310073.0, "7.0E+08", "700,000,101", "'700000101", "NULL", "\\N", "-")
def test_what_an_exporter_made_of_a_request_id_is_named(value):
    """The reason says what the value is."""
    with pytest.raises(WrongDocument, match="that Lighthouse returned as requestId, and this is"):
        new_document(GOOD | {"lighthouse_request_id": value}, NOW)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"lighthouse_request_id": "NULL"}, "returned as requestId, and this is {}$"),
        ({"form_526_submission_id": "nil"}, "^form_526_submission_id .*, and this is {}$"),
        ({"form_attachment_id": "N/A"}, "^form_attachment_id .*, and this is {}: leave the field"),
        (
            {"form_attachment_id": "none", "document_type": "veteran_upload"},
            "^form_attachment_id .*, and this is {}$",
        ),
        ({"tracked_at": "NaT"}, "^tracked_at .*, and this is {}: leave the field empty$"),
    ],
)
def test_a_word_for_nothing_is_left_out_only_where_a_field_may_be_empty(fields, says):
    """Each is rejected: that there is nothing is not known for certain, and a time is not now."""
    with pytest.raises(WrongDocument, match=says.format("an exporter's word for nothing")):
        new_document(GOOD | fields, NOW)


@each("a.0", "1.2.3", "10.0.0.1", "v1.2", "s-1", "null-7", "nan1", "12e", "e5", "a1e5", "12345e67")
def test_an_id_that_resembles_such_a_value_is_an_id(value):
    """What no exporter makes of a number stays an id, in both fields."""
    found = new_document(
        GOOD | {"form_526_submission_id": value, "form_attachment_id": value}, NOW
    )

    assert (value, value) == (found.submission_id, found.attachment_id)


@each(
    *("DD214_Jane_Doe.pdf", "statement.PDF", "scan.jpeg", "photo.1.HEIC", "a.docx", "Doe.pdf:1"),
    *("123-45-6789", "123.45.6789", "123_45_6789", "12345-6789", "123-456789", "000-00-0000"),
    *("123456789", " 123456789 ", 123456789, "1012667145V762142"),
    *("900000001", "000123456", "666-12-3456", "claim-123-45-6789", "123-45-6789:2"),
    *("icn-1012667145v762142", "letter.jfif", "forms.tgz"),
)
@pytest.mark.parametrize("name", ["form_526_submission_id", "form_attachment_id"])
def test_what_may_name_a_person_is_no_id(name, value):
    """A file name, a social security number or an ICN is refused, and not repeated."""
    says = f"{name} .* which is not stored: give the id .* a letter before one of nine digits"
    with pytest.raises(WrongDocument, match=says) as no:
        new_document(GOOD | {name: value}, NOW)

    assert str(value).strip() not in str(no.value)


@each("123-45-6789", "DD214_Jane_Doe.pdf", "1012667145V762142")
def test_what_may_name_a_person_is_no_request_id(value):
    """It is refused there as well, and not repeated."""
    with pytest.raises(WrongDocument, match="lighthouse_request_id must be") as wrong:
        new_document(GOOD | {"lighthouse_request_id": value}, NOW)

    assert value not in str(wrong.value)


@each(
    *("12345678", "1234567890", "n123456789", "form.pdfs", "2026-11-20-0001", "12-345-6789"),
    *("1234-56-7890", "550e8400-e29b-41d4-a716-446655440000"),
)
def test_an_id_that_is_no_social_security_number_or_file_name_is_an_id(value):
    """Other lengths are ids, and so are nine digits with a letter before them."""
    assert value == new_document(GOOD | {"form_526_submission_id": value}, NOW).submission_id


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Veteran Upload", "veteran_upload"),
        ("Form 0781", "form_0781"),
        ("Form 0781a", "form_0781a"),
        ("BDD Instructions", "bdd_instructions"),
    ],
)
def test_a_document_type_may_have_its_name_in_vets_api(name, expected):
    """vets-api's four names are understood."""
    fields = GOOD | {"document_type": name, "form_attachment_id": "77012"}

    assert expected == new_document(fields, NOW).document_type


@each(None, "")
def test_a_submission_id_has_to_be_there(value):
    """No document without a submission."""
    with pytest.raises(WrongDocument, match="form_526_submission_id is missing"):
        new_document(GOOD | {"form_526_submission_id": value}, NOW)


@each(None, "", "form_4142", "FORM_0781", 781, True, [], {}, ["form_0781"])
def test_a_document_type_is_one_of_four(value):
    """Any other value is rejected, with the four that may stand there."""
    expected = "veteran_upload, form_0781, form_0781a, bdd_instructions"
    with pytest.raises(WrongDocument, match=f"document_type must be one of {expected}"):
        new_document(GOOD | {"document_type": value}, NOW)


@each(None, "")
def test_a_veteran_upload_needs_its_attachment(value):
    """Only this type does."""
    fields = GOOD | {"form_attachment_id": value}
    with pytest.raises(WrongDocument, match="form_attachment_id is missing: a veteran_upload"):
        new_document(fields | {"document_type": "veteran_upload"}, NOW)

    assert new_document(fields, NOW).attachment_id is None


AT = 1_798_812_303_000  # 2027-01-01T14:05:03Z


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2027-01-01T14:05:03Z", AT),
        ("2027-01-01T14:05:03", AT),
        ("2027-01-01 14:05:03+00:00", AT),
        ("2027-01-01T09:05:03-05:00", AT),
        ("20270101T140503Z", AT),
        (" 2027-01-01T14:05:03Z ", AT),
        ("2027-01-01T14:05:03.123Z", AT + 123),
        ("2027-01-01T14:05:03.999999Z", AT + 1_000),
        ("2027-01-01", 1_798_761_600_000),
        ("20270101", 1_798_761_600_000),
        (1_798_812_303, AT),
        ("1798812303", AT),
        (1_798_812_303.123, AT + 123),
        ("1798812303.123", AT + 123),
        (1_798_812_303_123, AT + 123),
        ("1798812303123", AT + 123),
        ("1798812303123.9", AT + 123),
        # As ISO 8601 this one is a day in the year 1710, and one hour has 23:45.
        ("1710123112345", 1_710_123_112_345),
        ("2027-01-01 14:05:03 UTC", AT),
        ("2027-01-01 14:05:03.123 GMT", AT + 123),
        ("2027-01-01 14:05:03 +0000", AT),
        ("2027-01-01 09:05:03.123456 -0500", AT + 123),
        ("Fri, 01 Jan 2027 14:05:03 GMT", AT),
        ("Fri, 1 Jan 2027 09:05:03 -0500", AT),
        ("1 Jan 2027 14:05:03 +0000", AT),
        ("Fri, 01 Jan 2027 14:05:03.123456789 UTC +00:00", AT + 123),
        ("Fri, 01 Jan 2027 09:05:03 EST -05:00", AT),
        ("Fri, 1 Jan 2027 14:05:03 +0000 (UTC)", AT),
        ("1 Jan 2027 14:05:03 UT", AT),
        ("2027-01-01 14:05:03 Z", AT),
        (None, NOW),
        ("", NOW),
    ],
    ids=repr,
)
def test_a_time_may_be_iso_8601_seconds_or_milliseconds(value, expected):
    """The same moment is read in every form; without a time it is now."""
    assert expected == new_document(GOOD | {"tracked_at": value}, NOW).tracked_at


@each(
    "yesterday",
    "2027-13-01",
    "2027-01-01T25:00",
    "01/01/2027",
    "NaN",
    "Infinity",
    "-1",
    -1,
    "1e9",
    True,
    [1],
    {},
    10**14,
    10**400,
    "9" * 20,
    "9" * 5_000,
    float("1e30"),
    "1969-12-31T23:59:59Z",
    "0001-01-01T00:00:00+14:00",
    0,
    "1970-01-01T00:00:00Z",
    "1900-01-01",
    46_346.58,
    "46346.5855208333",
    "46346,58",
    46_346,
    "46346",
    20_270_101,
    202_701_011_405,
    999_999_999,
    20_454,
    1_798_812_303_123_456,
    "1.7988123E+12",
    "20270101140503",
    20_270_101_140_503,
    "0000-00-00 00:00:00",
    "2027-01-01 02:05:03 PM",
    "2027-01-01 09:05:03 EST",
    "2027-01-01 09:05:03 PDT",
    "Fri, 01 Jan 2027 09:05:03 CET",
    "Fri, 32 Jan 2027 14:05:03 GMT",
    "01/02/2027 14:05",
    "1.2.2027",
    "Jan 1, 2027",
    "NaT",
    "NULL",
    "-",
    "2027-01-01 14:05:03 UTC UTC",
)
def test_anything_but_a_time_is_rejected(value):
    """Words, impossible dates, times before 1970 and numbers beyond reason."""
    with pytest.raises(WrongDocument, match="tracked_at must be a time such as"):
        new_document(GOOD | {"tracked_at": value}, NOW)


@pytest.mark.parametrize(
    ("value", "cause"),
    [
        ("46346.58", "a spreadsheet's serial date: format the column"),
        (46_346, "a spreadsheet's serial date: format the column"),
        (0, "before 2018, when Lighthouse began"),
        ("1.7636474E+12", "this number lost digits"),
        ("NaT", "an exporter's word for nothing: leave the field empty"),
        ("31/12/2026 09:05", ": write the year first"),
        ("2026-12-31 09:05:03 EST", ": write the zone as UTC, Z or an offset"),
    ],
)
def test_what_an_exporter_made_of_a_time_is_named(value, cause):
    """The reason says what the value is, and what to write instead."""
    with pytest.raises(WrongDocument, match=cause):
        new_document(GOOD | {"tracked_at": value}, NOW)


@each("9999-12-31T23:59:59-14:00", NOW + 5 * MINUTE + 1, NOW + DAY)
def test_a_time_in_the_future_is_rejected(value):
    """A time more than five minutes ahead of the clock is rejected."""
    with pytest.raises(WrongDocument, match="tracked_at is in the future"):
        new_document(GOOD | {"tracked_at": value}, NOW)


def test_a_clock_may_be_a_little_ahead():
    """A time up to five minutes ahead of the clock counts as now."""
    for ahead in (0, 1, 5 * MINUTE):
        assert new_document(GOOD | {"tracked_at": NOW + ahead}, NOW) == NewDocument(
            21, "s-1", "form_0781", None, NOW
        )
