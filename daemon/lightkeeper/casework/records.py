"""Finds the records in an input: JSON Lines, or CSV with a header line."""

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any, Final

import orjson

from lightkeeper.casework.csv_rows import (
    MAX_LINE_BYTES,
    TOO_LONG,
    CsvRows,
    Fields,
    NotHandedOver,
    NumberedLine,
    Record,
    header_in,
)
from lightkeeper.casework.fields import FIELDS, HANDED_OVER_AS, KNOWN, REQUIRED, our_names
from lightkeeper.casework.kinds import another_delimiter, another_kind, another_text, headerless
from lightkeeper.casework.values import TYPE_NAMES, WrongDocument

PAUSE: Final = b""
"""Among lines: nothing more is there to read for now."""
MOST_BEFORE: Final = 50
"""So many wrong lines may stand before the first good one, such as a console's greeting."""
BLANKS: Final = b"\xef\xbb\xbf \t\r\n"
_NAMES: Final = frozenset(FIELDS)
_ARRAY: Final = re.compile(rb"\[\s*($|[\[{\]])")
_ARRAY_INSIDE: Final = re.compile(rb'\{\s*"([A-Za-z_]\w{0,39})"\s*:\s*\[\s*($|[\[{\]])')
_SEPARATOR: Final = re.compile(rb'"?sep=([,;\t])"?')
_NEITHER: Final = f"neither a JSON object nor a CSV header with {', '.join(REQUIRED)}"
_ONE_EACH: Final = "write one JSON object per line: `jq -c {} FILE | lightkeeper track -`"


def records(lines: Iterable[bytes], is_good: Callable[[Fields], bool]) -> Iterator[Record]:
    """The fields of each record by line number, or why the line is rejected.

    Raises `WrongDocument` for an input of another kind, with how to export it instead.
    """
    numbered = _numbered(lines)
    before: list[Record] = []
    delimiter = ""
    for number, line in numbered:
        text = line.strip(BLANKS)
        if not text:
            if line == PAUSE:
                yield 0, None
            continue
        _refuse_another_kind(number, line)
        if found := _SEPARATOR.fullmatch(text):
            delimiter = found[1].decode()
        elif text.startswith(b"{"):
            yield from before
            yield from _json_records(chain([(number, line)], numbered))
            return
        elif header := header_in(line, number, delimiter):
            yield from before
            yield from CsvRows(numbered, header, is_good)
            return
        else:
            if lack := headerless(line, TYPE_NAMES) or another_delimiter(line, KNOWN):
                raise WrongDocument(f"line {number}: {_NEITHER}: the input {lack}")
            too_long = len(text) > MAX_LINE_BYTES
            reason = TOO_LONG if too_long else "neither a JSON object nor a CSV header"
            before.append((number, WrongDocument(reason)))
            if len(before) == MOST_BEFORE:
                break
    if before:
        raise WrongDocument(
            f"line {before[0][0]}: {_NEITHER}: export the documents as one of them"
        )


def _numbered(lines: Iterable[bytes]) -> Iterator[NumberedLine]:
    number = 0
    for line in lines:
        number += line != PAUSE
        yield number, line


def _refuse_another_kind(number: int, line: bytes) -> None:
    if what := another_kind(line) or another_text(line, KNOWN):
        raise WrongDocument(f"line {number}: neither a JSON object nor CSV, but {what}")
    if _ARRAY.match(line.strip(BLANKS)):
        raise WrongDocument(f"line {number}: a JSON array: {_ONE_EACH.format(repr('.[]'))}")
    if found := _ARRAY_INSIDE.match(line.strip(BLANKS)):
        inside = _ONE_EACH.format(f"'.{found[1].decode()}[]'")
        raise WrongDocument(f"line {number}: a JSON array inside an object: {inside}")
    if line.strip(BLANKS) == b"{":
        raise WrongDocument(f"line {number}: an object over many lines: {_ONE_EACH.format('.')}")


def _json_records(lines: Iterator[NumberedLine]) -> Iterator[Record]:
    for number, line in lines:
        if not (text := line.strip(BLANKS)):
            if not line:
                yield 0, None
        elif len(text) > MAX_LINE_BYTES:
            yield number, WrongDocument(TOO_LONG)
        else:
            yield number, _json_fields(text)


def _json_fields(text: bytes) -> Fields | WrongDocument:
    try:
        fields = orjson.loads(text.strip(b","))  # a line that was cut out of an array has one
    except orjson.JSONDecodeError:
        return WrongDocument("not JSON: write one JSON object per line")
    if not isinstance(fields, dict):
        return WrongDocument("not an object: write one JSON object per line")
    return named(fields)


def named(fields: dict[str, Any]) -> Fields | WrongDocument:
    """These fields of a JSON object under our names; or why they are none."""
    return fields if fields.keys() <= _NAMES else _named(fields)


def _named(fields: dict[str, Any]) -> Fields | WrongDocument:
    """These fields under our names."""
    try:
        ours = our_names(fields)
    except WrongDocument as exc:
        return exc
    if HANDED_OVER_AS in fields and fields[HANDED_OVER_AS] in (None, ""):
        return NotHandedOver()
    return dict(zip(ours, fields.values(), strict=True))
