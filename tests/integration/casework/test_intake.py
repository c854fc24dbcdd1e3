"""Intake: good lines are tracked once, each wrong line is rejected with its reason."""

import time
from contextlib import closing

import orjson
import pytest
from patience import at_most
from store_rows import NOW

from lightkeeper.casework.intake import (
    BATCH,
    MAX_LINE_BYTES,
    PAUSE,
    IntakeTally,
    Rejection,
    track_lines,
)
from lightkeeper.domain.time import DAY
from lightkeeper.store.database import open_database
from lightkeeper.store.documents import Documents

GOOD = {
    "lighthouse_request_id": 21,
    "form_526_submission_id": "s-1",
    "document_type": "form_0781",
}
HEADER = b"lighthouse_request_id,form_526_submission_id,document_type\n"


@pytest.fixture
def documents(tmp_path):
    """The documents of a new store."""
    with closing(open_database(f"sqlite:///{tmp_path / 'a.db'}", create=True)) as database:
        yield Documents(database)


def _track(documents, data, now=NOW):
    """Track bytes or lines: the tally as a tuple, and the rejections."""
    lines = data.splitlines(keepends=True) if isinstance(data, bytes) else data
    rejected = []
    tally = track_lines(documents, lines, clock=lambda: now, reject=rejected.append)
    assert tally.rejected == len(rejected)
    return (tally.new, tally.known, tally.rejected), rejected


def _line(request_id, **fields):
    return orjson.dumps(GOOD | {"lighthouse_request_id": request_id} | fields) + b"\n"


def _stored(documents, *request_ids):
    return [documents.find(request_id) is not None for request_id in request_ids]


def test_json_lines(documents):
    """One object a line: every field is stored."""
    data = _line(
        1,
        document_type="veteran_upload",
        form_attachment_id="a-1",
        tracked_at="2027-01-01T00:00:00Z",
    ) + _line("22", form_526_submission_id=77)

    assert ((2, 0, 0), []) == _track(documents, data)

    row = documents.find(1)
    assert ("s-1", "veteran_upload", "a-1", 1_798_761_600_000, NOW) == (
        row.form_526_submission_id,
        row.document_type,
        row.form_attachment_id,
        row.tracked_at,
        row.created_at,
    )
    row = documents.find(22)
    assert ("77", "form_0781", None, NOW) == (
        row.form_526_submission_id,
        row.document_type,
        row.form_attachment_id,
        row.tracked_at,
    )


def test_csv(documents):
    """CSV may have columns in any order, some not read, blanks around values, short rows."""
    data = (
        b"error_message, document_type ,lighthouse_request_id,form_526_submission_id,tracked_at,"
        b"form_attachment_id\n"
        b'"said ""yes"", then no",veteran_upload,1,s-1,2027-01-01T00:00:00Z,a-1\n'
        b", form_0781a , 2 , s-2 ,\n"
        b",bdd_instructions,3,s-3\n"
    )

    assert ((3, 0, 0), []) == _track(documents, data)

    found = [documents.find(number) for number in (1, 2, 3)]
    assert [
        ("s-1", "veteran_upload", "a-1", 1_798_761_600_000),
        ("s-2", "form_0781a", None, NOW),
        ("s-3", "bdd_instructions", None, NOW),
    ] == [
        (row.form_526_submission_id, row.document_type, row.form_attachment_id, row.tracked_at)
        for row in found
    ]


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
@pytest.mark.parametrize("is_last_ended", [True, False])
@pytest.mark.parametrize("lead", [[], [b""]])
def test_line_ends_boms_and_blank_lines(documents, bom, newline, is_last_ended, lead):
    """Windows or Unix, a BOM or none, blank lines anywhere, with or without a last line end."""
    json_lines = [*lead, _line(1).strip(), b"", b"  \t", _line(2).strip()]
    csv_lines = [*lead, HEADER.strip(), b"3,s-3,form_0781", b"", b"   ", b",,", b"4,s-4,form_0781"]
    for lines in (json_lines, csv_lines):
        data = bom + newline.join(lines) + (newline if is_last_ended else b"")

        assert ((2, 0, 0), []) == _track(documents, data.splitlines(keepends=True))

    assert [True] * 4 == _stored(documents, 1, 2, 3, 4)


def test_quoted_newlines(documents):
    """A quoted field may span lines; rejections behind it still name the line they are in."""
    header = HEADER.strip() + b",error_message\n"
    data = (
        header + b'1,s-1,form_0781,"one\ntwo\n\nthree"\n2,s-2,nonsense,"a\nb"\n3,s-3,form_0781,\n'
    )

    counts, rejected = _track(documents, data)

    assert (2, 0, 1) == counts
    assert [6] == [rejection.line for rejection in rejected]
    assert [True, False, True] == _stored(documents, 1, 2, 3)


OPEN_QUOTES = {
    "an id": (b'2,"s-2,form_0781,\n', b"3,s-3,form_0781,\n", b'4,s-4,"form_0781",\n'),
    "the last field": (b'2,s-2,form_0781,"so\n', b"3,s-3,form_0781,x\n", b'4,s-4,form_0781,"y"\n'),
    "closed by the next": (b'2,s-2,form_0781,"\n', b'3,s-3,form_0781,""\n', b"4,s-4,form_0781\n"),
    "at the end": (b"3,s-3,form_0781,\n", b"4,s-4,form_0781,\n", b'2,s-2,form_0781,"'),
    "a quote inside": (b'2,"s"-2,form_0781,\n', b"3,s-3,form_0781,\n", b"4,s-4,form_0781,\n"),
    "below junk": (b'2,"s-2\n', b"\n", b"3,s-3,form_0781\n", b"4,s-4,form_0781,\n"),
}


@pytest.mark.parametrize("rows", OPEN_QUOTES.values(), ids=OPEN_QUOTES)
def test_a_quote_that_is_not_closed_costs_its_own_line(documents, rows):
    """The line is named, and the good lines below it are stored."""
    header = HEADER.strip() + b",error_message\n"
    first, *_ = [at for at, row in enumerate(rows, 2) if row.startswith(b"2")]

    counts, rejected = _track(documents, [header, *rows, b"\n", b"5,s-5,form_0781,\n"])

    assert ((3, 0, 1), [first]) == (counts, [each.line for each in rejected])
    assert "a quote is not closed in this line" in rejected[0].reason
    assert [False, True, True, True] == _stored(documents, 2, 3, 4, 5)


@pytest.mark.speed
def test_an_open_quote_above_many_lines_is_read_past_in_no_time(documents):
    """Each line below it is looked at twice at most, whatever quotes it has."""
    rows = [b'"x\n', *[b'"",""\n'] * 10_000]
    began = time.process_time()

    counts, rejected = _track(documents, [HEADER, *rows, b"1,s-1,form_0781\n"])

    assert ((1, 0, 1), 2) == (counts, rejected[0].line)
    assert time.process_time() - began < at_most(0.3)


def test_wrong_lines_are_named_and_good_ones_stored(documents):
    """Each rejection has its line number and a reason; the other lines are stored."""
    wrong = {
        b"{": "not JSON: write one JSON object per line",
        b'{"lighthouse_request_id":1,"trackd_at":2}': "unknown field trackd_at: did you mean "
        "`tracked_at`?",
        b"[1]": "not an object: write one JSON object per line",
        b'"text"': "not an object: write one JSON object per line",
        b"lighthouse_request_id,x": "not JSON: write one JSON object per line",
        b'{"a": NaN}': "not JSON: write one JSON object per line",
        b'{"a": "\xff"}': "not JSON: write one JSON object per line",
        b'{"a": "\\ud800"}': "not JSON: write one JSON object per line",
        b"[" * 3_000: "not JSON: write one JSON object per line",
        b"{}": "lighthouse_request_id must be the whole number that Lighthouse returned as "
        "requestId",
    }
    data = [_line(1)]
    for number, each in enumerate(wrong, start=2):
        data += [each + b"\n", _line(number)]

    counts, rejected = _track(documents, data)

    assert (len(wrong) + 1, 0, len(wrong)) == counts
    expected = [Rejection(2 * at, reason) for at, reason in enumerate(wrong.values(), start=1)]
    assert expected == rejected


def test_a_conflict_is_rejected_with_its_line(documents):
    """The same request id for another submission, type or attachment, here or in the store."""
    _track(documents, _line(1) + _line(2))
    data = [
        _line(3),
        _line(1, form_526_submission_id="s-2"),
        _line(2, document_type="form_0781a"),
        _line(3, form_526_submission_id="s-2"),
        _line(1),
        _line(4, form_attachment_id="a-1"),
        _line(4, form_attachment_id="a-2"),
        _line(1, form_attachment_id="a-1"),
        _line(4),
    ]

    counts, rejected = _track(documents, data)

    assert (2, 2, 5) == counts
    assert [2, 3, 4, 7, 8] == [rejection.line for rejection in rejected]
    assert [
        f"request id {number} is tracked already for another {what}: "
        f"look at `lightkeeper show {number}`, and run `lightkeeper correct {number}` if it is "
        "wrong"
        for number, what in (
            *((number, "submission or document type") for number in (1, 2, 3)),
            *((number, "attachment") for number in (4, 1)),
        )
    ] == [rejection.reason for rejection in rejected]
    assert "a-1" == documents.find(4).form_attachment_id


@pytest.mark.parametrize("form", ["json", "csv"])
def test_the_same_input_again_stores_nothing_twice(documents, form):
    """An input that broke off can be tracked again whole: known lines stay as they are."""
    rows = [HEADER.strip()] if form == "csv" else []
    for number in range(2 * BATCH + 5):
        row = b"%d,s-%d,form_0781" % (number, number)
        rows.append(row if form == "csv" else _line(number, form_526_submission_id=f"s-{number}"))
    data = b"\n".join(row.strip() for row in rows)
    half = b"\n".join(data.split(b"\n")[: BATCH + 7])

    new = _track(documents, half)[0][0]
    assert (2 * BATCH + 5 - new, new, 0) == _track(documents, data, NOW + DAY)[0]
    assert (0, 2 * BATCH + 5, 0) == _track(documents, data, NOW + DAY)[0]
    assert NOW == documents.find(1).tracked_at


def test_binary_junk_between_good_lines(documents):
    """Junk costs its own lines only, in both forms."""
    junk = [b"\xff\xfe\0\0\n", b"\x00\n", bytes(byte for byte in range(256) if byte != 10) + b"\n"]

    counts, rejected = _track(documents, [_line(1), *junk, _line(2)])
    assert ((2, 0, 3), [2, 3, 4]) == (counts, [rejection.line for rejection in rejected])

    counts, rejected = _track(documents, [HEADER, b"3,s,form_0781\n", *junk, b"4,s,form_0781\n"])
    assert ((2, 0, 3), [3, 4, 5]) == (counts, [rejection.line for rejection in rejected])
    assert [True] * 4 == _stored(documents, 1, 2, 3, 4)


def test_rows_that_do_not_fit_the_header(documents):
    """A row with too many fields is rejected, and one with too few is missing some."""
    data = HEADER + b"1,s-1,form_0781,more\n2\n3,s-3\n4,s-4,form_0781\n"

    counts, rejected = _track(documents, data)

    assert (1, 0, 3) == counts
    assert [
        Rejection(2, "4 fields for 3 columns"),
        Rejection(3, "form_526_submission_id is missing"),
    ] == rejected[:2]
    assert (4, "document_type must be one of") == (rejected[2].line, rejected[2].reason[:28])


def test_over_long_lines(documents):
    """An over-long line is rejected alone, and the reason does not repeat it."""
    long = _line(1, comment="x" * MAX_LINE_BYTES)
    counts, rejected = _track(documents, [_line(2), long, _line(3)])
    assert ((2, 0, 1), [Rejection(2, "the line is longer than 65536 bytes")]) == (counts, rejected)

    rows = [b"4,s,form_0781\n", b"5,s," + b"x" * 10**6 + b"\n", b"6,s,form_0781\n"]
    counts, (rejected,) = _track(documents, [HEADER, *rows])
    assert ((2, 0, 1), 3) == (counts, rejected.line)
    assert len(rejected.reason) < 100
    assert [False, True, True, True, False, True] == _stored(documents, 1, 2, 3, 4, 5, 6)


def test_an_empty_input_is_no_mistake(documents):
    """An empty input, or a header alone, tracks nothing and is no error."""
    for data in (b"", b"\n\r\n  \n", b"\xef\xbb\xbf", HEADER, b"\xef\xbb\xbf" + HEADER):
        assert ((0, 0, 0), []) == _track(documents, data)


def test_progress_is_reported_after_each_batch(documents):
    """`stored` is called with the tally after each batch; the last one is the result."""
    reported = []
    lines = [_line(number) for number in range(2 * BATCH + 1)]
    tally = track_lines(
        documents,
        lines,
        clock=lambda: NOW,
        reject=reported.append,
        stored=lambda tally: reported.append(
            (tally.new, documents.find(tally.new - 1) is not None)
        ),
    )

    assert [(BATCH, True), (2 * BATCH, True), (2 * BATCH + 1, True)] == reported
    assert IntakeTally(new=2 * BATCH + 1) == tally


def test_lines_are_read_as_they_are_needed(documents):
    """From a pipe that stays open, each full batch is stored at once."""
    seen = []

    def lines():
        for number in range(BATCH + 1):
            seen.append(documents.find(0) is not None)
            yield _line(number)

    _track(documents, lines())

    assert [False] * BATCH + [True] == seen


def test_what_was_read_is_stored_where_the_input_pauses(documents):
    """An open quote above a good line holds nothing back, nor does a pause within it."""
    seen = []

    def lines():
        for line in (
            HEADER,
            b"1,s-1,form_0781\n",
            b'2,"s-2\n',
            PAUSE,
            b"3,s-3,form_0781\n",
            PAUSE,
        ):
            yield line
            if line is PAUSE:
                seen.append(_stored(documents, 1, 2, 3))

    counts, rejected = _track(documents, lines())

    assert [[True, False, False], [True, False, True]] == seen
    assert ((2, 0, 1), [3]) == (counts, [each.line for each in rejected])
