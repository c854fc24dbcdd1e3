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
        (0, 0),
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
)
def test_anything_but_a_time_is_rejected(value):
    """Words, impossible dates, times before 1970 and numbers beyond reason."""
    with pytest.raises(WrongDocument, match="tracked_at must be a time such as"):
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
