"""Recognises inputs that are neither JSON Lines nor CSV, and says how to export them instead."""

import re
from collections.abc import Container
from typing import Final

CSV_BY_PSQL: Final = r"export it with `\copy (SELECT …) TO 'documents.csv' CSV HEADER`"
_AS_CSV: Final = "save it as `CSV UTF-8`"
_UNPACK: Final = "unpack it first: `{} -dc FILE | lightkeeper …`"
_UTF_8: Final = "convert it: `iconv -f UTF-{} -t UTF-8 FILE`, or save it as `CSV UTF-8`"
_MAGIC: Final = (
    (b"PK\x03\x04", "a spreadsheet (xlsx) or another zip archive", _AS_CSV),
    (b"\xd0\xcf\x11\xe0", "an old spreadsheet (xls)", _AS_CSV),
    (b"\x1f\x8b", "compressed with gzip", _UNPACK.format("gzip")),
    (b"BZh", "compressed with bzip2", _UNPACK.format("bzip2")),
    (b"\xfd7zXZ", "compressed with xz", _UNPACK.format("xz")),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd", _UNPACK.format("zstd")),
    (b"\xff\xfe\0\0", "UTF-32", _UTF_8.format(32)),
    (b"\0\0\xfe\xff", "UTF-32", _UTF_8.format(32)),
    (b"\xff\xfe", "UTF-16", _UTF_8.format(16)),
    (b"\xfe\xff", "UTF-16", _UTF_8.format(16)),
    (b"%PDF", "a PDF", "export the table itself, as CSV"),
    (
        b"SQLite format 3",
        "an SQLite database",
        "export it: `sqlite3 -csv -header FILE 'SELECT …'`",
    ),
    (b"PGDMP", "a dump of PostgreSQL", CSV_BY_PSQL),
)
_NAMES_OF_A_HEADER: Final = 3
_NOT_TEXT: Final = re.compile(rb"[\0-\x08\x0e-\x1a\x1c-\x1f]")
_COLOURS: Final = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")
_CR_ALONE: Final = re.compile(rb"\r(?!\n|$)")


def another_kind(line: bytes) -> str | None:
    """What an input is that begins with this line, and how to export it; None for text."""
    for magic, what, remedy in _MAGIC:
        if line.startswith(magic):
            return f"{what}: {remedy}"
    head = line[:512]
    if len(head) > 8 and b"\0" in head:
        for zeros, order in ((head[1:8:2], "LE"), (head[0:8:2], "BE")):
            if not zeros.strip(b"\0"):
                return f"UTF-16: {_UTF_8.format(f'16{order}')}"
    if _NOT_TEXT.search(head):
        return f"a file that is no text: {_AS_CSV}"
    return None


def another_text(line: bytes, known_names: frozenset[str]) -> str | None:
    """What text is of which this is the line that names the fields, or None."""
    if _CR_ALONE.search(line) and any(name.encode() in line for name in known_names):
        return "text with the line ends of old Macs (CR): convert it: `tr '\\r' '\\n' <FILE`"
    plain = _COLOURS.sub(b"", line).decode("utf-8", "replace")
    if known_names & {cell.strip() for cell in re.split(r"[|│┃║]", plain)[1:]}:
        return f"a table drawn with | (as psql and mysql do), not commas: {CSV_BY_PSQL}"
    return None


def another_delimiter(line: bytes, known_names: frozenset[str]) -> str | None:
    """What parts the names of fields in this line, and what is to part them; else None."""
    words = re.split(r"([^A-Za-z0-9_]+)", line.decode("utf-8", "replace"))
    found = [at for at, word in enumerate(words) if word in known_names]
    if len(found) < _NAMES_OF_A_HEADER or words[found[0] + 1] == ",":
        return None
    mark = words[found[0] + 1][:3]
    shown = f" ({mark})" if mark.isascii() and mark.isprintable() and not mark.isspace() else ""
    return f"parts its fields by something else{shown}: use commas, semicolons or tabs"


def headerless(line: bytes, type_names: Container[str]) -> str | None:
    """What an input lacks that begins with this line of values, and what to do; else None."""
    cells = re.split(r"[,;\t]", line.decode("utf-8", "replace"))
    if not any(cell.strip(' "\r\n') in type_names for cell in cells):
        return None
    if b"\t" in line:
        return f"has no header line, like PostgreSQL's text format: {CSV_BY_PSQL}"
    return "has no header line: write the names of the fields above the values"
