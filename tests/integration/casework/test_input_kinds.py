"""What people export: each kind of input is taken, or named in one line with what to do."""

import bz2
import gzip
import io
import lzma
import zipfile
from contextlib import closing

import orjson
import pytest
from store_rows import NOW

from lightkeeper.casework.intake import WrongDocument, track_lines
from lightkeeper.casework.records import MOST_BEFORE
from lightkeeper.casework.triage import by_lines
from lightkeeper.store.database import open_database
from lightkeeper.store.documents import Documents
from lightkeeper.store.triage import TriageStore

NAMES = "lighthouse_request_id,form_526_submission_id,document_type,tracked_at"
ROWS = ("31,s-1,form_0781,2026-12-24T08:30:00Z", "32,s-1,form_0781a,2026-12-24T08:31:00Z")
CSV = "".join(f"{line}\n" for line in (NAMES, *ROWS))
OBJECTS = [dict(zip(NAMES.split(","), row.split(","), strict=True)) for row in ROWS]
JSON_LINES = b"".join(orjson.dumps(each) + b"\n" for each in OBJECTS)
VETS_API = (
    "id,form526_submission_id,form_attachment_id,lighthouse_document_request_id,aasm_state,"
    "lighthouse_processing_started_at,lighthouse_processing_ended_at,error_message,"
    "last_status_response,status_last_polled_at,document_type,created_at,updated_at\n"
)

DECIMALS = "a number with decimals, as pandas and spreadsheets write it"


@pytest.fixture
def database(tmp_path):
    """A new store."""
    with closing(open_database(f"sqlite:///{tmp_path / 'a.db'}", create=True)) as opened:
        yield opened


@pytest.fixture
def track(database):
    """A function that tracks an input: the tally in short, and each rejection."""

    def tracked(data):
        rejected = []
        lines = io.BytesIO(data.encode() if isinstance(data, str) else data)
        tally = track_lines(
            Documents(database),
            lines,
            clock=lambda: NOW,
            reject=rejected.append,
        )
        return (tally.new, tally.not_handed_over), rejected

    return tracked


def _ids(database):
    sql = "SELECT lighthouse_request_id FROM form_526_document_submissions ORDER BY 1"
    return [row[0] for row in database.rows(sql)]


TAKEN = {
    "semicolons": CSV.replace(",", ";"),
    "tabs": CSV.replace(",", "\t"),
    "tabs and empty columns": "".join(
        f"\t{each}\t\n" for each in CSV.replace(",", "\t").splitlines()
    ),
    "a BOM and Windows' line ends": "\ufeff" + CSV.replace("\n", "\r\n"),
    "Excel's line": "sep=;\r\n" + CSV.replace(",", ";"),
    "Excel's line, quoted": '\ufeff"sep=,"\r\n' + CSV,
    "all quoted": "".join(
        ",".join(f'"{cell}"' for cell in row.split(",")) + "\n" for row in CSV.split()
    ),
    "empty headings": "".join(f"{row},,\n" for row in CSV.split()),
    "more cells, all empty": f"{NAMES}\n{ROWS[0]},,\n{ROWS[1]},\n",
    "files put together": CSV + "\ufeff" + CSV,
    "Excel's line, not kept to": "sep=;\r\n" + CSV,
    "commas at line starts": JSON_LINES.replace(b"\n{", b"\n,{"),
    "commas at line ends": JSON_LINES.replace(b"}\n", b"},\n"),
    "blanks around": b"".join(b"  " + line + b" \r\n" for line in JSON_LINES.splitlines()),
}


@pytest.mark.parametrize("data", TAKEN.values(), ids=TAKEN)
def test_what_exporters_write_is_taken(database, track, data):
    """Every document of it is tracked, and no line is rejected."""
    assert ((2, 0), []) == track(data)
    assert [31, 32] == _ids(database)


def _zip():
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("xl/worksheets/sheet1.xml", "<worksheet/>")
    return packed.getvalue()


PSQL = (
    " lighthouse_request_id | form_526_submission_id | document_type \n"
    "-----------------------+------------------------+---------------\n"
    "                    31 | s-1                    | form_0781\n"
)
PRETTY = orjson.dumps(OBJECTS, option=orjson.OPT_INDENT_2)
OTHER_KINDS = {
    "xlsx": (_zip(), r"spreadsheet \(xlsx\).*: save it as `CSV UTF-8`"),
    "xls": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500), r"old spreadsheet .*: save it"),
    "gzip": (gzip.compress(CSV.encode()), "gzip: unpack it first: `gzip -dc FILE | lightkeeper"),
    "bzip2": (bz2.compress(CSV.encode()), "bzip2: unpack it first: `bzip2 -dc"),
    "xz": (lzma.compress(CSV.encode()), "xz: unpack it first: `xz -dc"),
    "UTF-16": (CSV.encode("utf-16"), "UTF-16: convert it: `iconv -f UTF-16 -t UTF-8 FILE`"),
    "UTF-16 without BOM": (CSV.encode("utf-16-le"), "UTF-16: convert it: `iconv -f UTF-16LE"),
    "UTF-16, JSON": (JSON_LINES.decode().encode("utf-16-be"), "convert it: `iconv -f UTF-16BE"),
    "UTF-32": (CSV.encode("utf-32"), "UTF-32: convert it: `iconv -f UTF-32"),
    "PDF": (b"%PDF-1.7\n%\xe2\xe3\n" + CSV.encode(), "a PDF: export"),
    "PNG": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256)), "a file that is no text"),
    "any bytes": (bytes(range(256)) * 20, "a file that is no text: save it as `CSV UTF-8`"),
    "zeros": (bytes(70_000), "UTF-16"),
    "an old Mac's": (CSV.replace("\n", "\r"), r"old Macs \(CR\): convert it: `tr '\\r' '\\n'"),
    "an old Mac's JSON": (JSON_LINES.replace(b"\n", b"\r"), r"old Macs \(CR\)"),
    "a long old Mac's": (CSV.replace("\n", "\r") * 1_000, r"old Macs \(CR\)"),
    "psql": (PSQL, r"a table drawn with \|.*: export it with `\\copy \(SELECT"),
    "psql, coloured": (f"\x1b[1m{PSQL}", r"a table drawn with \|"),
    "psql, framed": (f"+----+\n|{PSQL}".replace("|", "│"), r"line 2: .* a table drawn with \|"),
    "psql -A": (CSV.replace(",", "|"), r"a table drawn with \|"),
    "PostgreSQL's text": (
        "31\ts-1\tform_0781\t\\N\n" * 2,
        r"no header line, like Post.*\\copy",
    ),
    "no header": (f"{ROWS[0]}\n{ROWS[1]}\n" * 500, "no header line: write the names"),
    "no header, VA's types": ("31;s-1;Form 0781\n", "no header line: write the names"),
    "colons": (CSV.replace(",", ":"), r"by something else \(:\): use commas, semicolons or tabs"),
    "carets": (CSV.replace(",", " ^ "), r"by something else \( \^ \): use commas"),
    "blanks": (CSV.replace(",", "   "), "by something else: use commas"),
    "SQL": ("INSERT INTO documents VALUES (31, 's-1', 'x');\n", "export the documents as one of"),
    "XML": ('<?xml version="1.0"?>\n<documents/>\n', "export the documents as one of them"),
    "array": (orjson.dumps(OBJECTS), r"a JSON array: .*`jq -c '\.\[\]' FILE \| lightkeeper track"),
    "array, pretty": (PRETTY, "a JSON array: write one JSON object per line"),
    "array, long": (orjson.dumps(OBJECTS * 2_000), "a JSON array: write one JSON object per line"),
    "array, one each": (b"[\n" + JSON_LINES + b"]\n", "a JSON array: write one JSON object"),
    "array inside": (
        b'{"data": ' + orjson.dumps(OBJECTS * 2_000) + b"}\n",
        r"line 1: a JSON array inside an object: .*`jq -c '\.data\[\]' FILE \| lightkeeper",
    ),
    "objects, pretty": (PRETTY[1:-1].strip(), r"an object over many lines: .*`jq -c \. FILE"),
    "other columns": ("a,b\n1,2\n", "nor a CSV header with lighthouse_request_id, form_526"),
    "a column is missing": (
        "\n\nlighthouse_request_id,document_type\n",
        "line 3: .* with form_526_submission_id$",
    ),
    "a quote in the header": (f'"{CSV}' * 3, "line 2: neither a JSON object nor a CSV header"),
    "prose": ("word " * 40_000, "line 1: neither a JSON object nor a CSV header"),
    "junk": ("junk\n" * 5_000, "line 1: neither a JSON object nor a CSV header"),
    "a column twice": (f"{NAMES},tracked_at\n", r"a column twice \(tracked_at\): rename one"),
    "two names": (f"{NAMES},created_at\n", "tracked_at and created_at are two names of one"),
    "misspelt": (CSV.replace("tracked_at", "tracked-at"), "tracked-at: did you mean `tracked_at`"),
    "camel case": (
        CSV.replace("form_526_submission_id", "submissionId"),
        "did you mean `form_526",
    ),
    "all misspelt": ("request_id,submission_id,type\n", "request_id: did you mean `lighthouse_re"),
    "unknown": (f"{NAMES},veteran\n", "unknown field veteran: remove it; the fields are light"),
    "no name at all": (f"{NAMES},123-45-6789\n", "unknown field: remove it; the fields are"),
}


@pytest.mark.parametrize(("data", "says"), OTHER_KINDS.values(), ids=OTHER_KINDS)
def test_another_kind_of_input_is_named_in_one_line(database, track, data, says):
    """The line says what it is and what to do; nothing is stored, and no line named besides."""
    with pytest.raises(WrongDocument, match=says) as wrong:
        track(data)

    assert (65, False) == (wrong.value.exit_status, "\n" in str(wrong.value))
    assert str(wrong.value).startswith("line ")
    assert [] == _ids(database)


def test_each_of_several_files_is_read_by_its_own_header(database, track):
    """Put together with the columns in another order, no value is taken for another."""
    other = "document_type,form_526_submission_id,lighthouse_request_id\nform_0781,77,33\n"

    assert ((3, 0), []) == track(CSV + other)

    (submission_id,) = database.rows(
        "SELECT form_526_submission_id FROM form_526_document_submissions "
        "WHERE lighthouse_request_id = 33"
    )
    assert ("77",) == submission_id


def test_what_is_below_a_header_that_is_not_understood_is_not_read(database, track):
    """The lines above it are tracked, and those below would mean something else."""
    wrong = "form_526_submission_id,lighthouse_request_id,document_type,date\n77,33,form_0781,\n"

    counts, rejected = track(CSV + wrong)

    assert ((2, 0), [4]) == (counts, [each.line for each in rejected])
    assert rejected[0].reason.startswith("the CSV header: unknown field date: ")
    assert rejected[0].reason.endswith(": the lines below are not read")
    assert [31, 32] == _ids(database)


BEFORE = [
    "Loading production environment (Rails 7.2.2)\n",
    "[2026-12-24 08:30:00] INFO -- : connected\r\n",
    "\x1b[33mwarning:\x1b[0m deprecated\n\n",
    '"}\n',
    "x" * 70_000 + "\n",
]


@pytest.mark.parametrize("good", [CSV.encode(), JSON_LINES], ids=["csv", "json"])
@pytest.mark.parametrize("line", BEFORE, ids=lambda line: repr(line)[:20])
def test_wrong_lines_before_the_good_ones_cost_themselves(track, line, good):
    """A console's greeting is one rejected line each; the documents below are tracked."""
    counts, rejected = track((line * 3).encode() + good)

    assert ((2, 0), 3) == (counts, len(rejected))
    assert 1 == rejected[0].line


def test_no_more_than_so_many_lines_are_looked_through(track):
    """An input that does not begin within 50 lines is another kind of input."""
    assert (2, 0) == track("junk\n" * (MOST_BEFORE - 1) + CSV)[0]

    with pytest.raises(WrongDocument, match="line 1: neither"):
        track("junk\n" * MOST_BEFORE + CSV)


def test_a_value_under_an_empty_heading_is_rejected(track):
    """The line is named with its column; rows without such a value are tracked."""
    counts, rejected = track(f"{NAMES},,\n{ROWS[0]},,\n{ROWS[1]},,Doe\n")

    assert ((1, 0), [3]) == (counts, [each.line for each in rejected])
    assert (
        "a value under the empty heading of column 6: name it or remove it" == rejected[0].reason
    )


def test_a_json_field_with_an_unknown_name_is_rejected_by_line(track):
    """The other lines are tracked; what may be a value is not repeated."""
    more = b'{"lighthouse_request_id":33,"123-45-6789":1}\n{"RequestId":34,"documentType":""}\n'

    counts, rejected = track(JSON_LINES + more)

    assert ((2, 0), [3, 4]) == (counts, [each.line for each in rejected])
    assert "123" not in rejected[0].reason
    assert "unknown field RequestId: did you mean `lighthouse_request_id`?" == rejected[1].reason


def test_the_export_of_vets_api_is_taken_as_it_is(database, track):
    """Its columns and types are understood; a row without a request id is counted apart."""
    response = '"{""data"": {""status"": ""FAILED"",\n ""steps"": []}}"'
    rows = [
        f"1,4711,88,41,pending,,,,{response},,Veteran Upload,2026-12-24 08:30:00.118273,",
        "2,4711,,42,completed,,,,,,BDD Instructions,2026-12-24 08:30:01.5 UTC,",
        "3,4712,,,pending,,,,,,Form 0781,2026-12-24 08:30:02,",
        '4,4712,"",43,failed,,,"no, really",,,Form 0781a,2026-12-24 08:30:03.9,',
        "5,4713,,NULL,pending,,,,,,Form 0781,2026-12-24,",
    ]
    data = VETS_API + "\n".join(rows)

    counts, rejected = track(data)

    assert ((3, 1), [7]) == (counts, [each.line for each in rejected])
    at = 1_798_101_000_000
    assert [
        ("veteran_upload", "4711", "88", at + 118),
        ("bdd_instructions", "4711", None, at + 1_500),
        ("form_0781a", "4712", None, at + 3_900),
    ] == database.rows(
        "SELECT document_type, form_526_submission_id, form_attachment_id, tracked_at "
        "FROM form_526_document_submissions ORDER BY id"
    )


def test_the_json_of_vets_api_is_taken_as_it_is(track):
    """The same columns as JSON Lines; a row without a request id is counted apart."""
    row = {
        **dict.fromkeys(VETS_API.strip().split(",")),
        "form526_submission_id": 4711,
        "document_type": "Form 0781",
        "created_at": "2026-12-24T08:30:00.118Z",
    }
    rows = [row | {"lighthouse_document_request_id": number} for number in (51, None, "", 52)]

    assert ((2, 2), []) == track(b"\n".join(map(orjson.dumps, rows)))


@pytest.mark.parametrize("kind", ["xlsx", "gzip", "UTF-16", "UTF-16 without BOM", "any bytes"])
def test_another_kind_of_file_holds_no_request_ids(database, kind):
    """A file of request ids that is another kind of file is named in one line as well."""
    data, says = OTHER_KINDS[kind]

    with pytest.raises(WrongDocument, match=f"line 1: not a request id, but .*{says}"):
        by_lines(TriageStore(database), io.BytesIO(data), lambda _: None)


def test_what_an_exporter_made_of_a_request_id_in_a_file_is_named(database):
    """A BOM is no part of the first; decimals and the like are rejected with the cause."""
    lines = io.BytesIO(b"\xef\xbb\xbf31\r\n32.0\n7.0E+08\nNULL\n")

    rejected = by_lines(TriageStore(database), lines, lambda _: None).rejected

    assert [
        (1, "request id 31 is not tracked here"),
        *(
            (line, f"not a request id: give a whole number below 2^63; this is {cause}")
            for line, cause in (
                (2, f"{DECIMALS}: export ids as text"),
                (3, "a number that lost digits (scientific notation): export ids as text"),
                (4, "an exporter's word for nothing"),
            )
        ),
    ] == rejected
