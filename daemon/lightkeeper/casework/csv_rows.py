"""Reads CSV a line at a time: a quote that is not closed costs its own line alone."""

import csv
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from lightkeeper.casework.fields import HANDED_OVER_AS, KNOWN, REQUIRED, nearest, our_names
from lightkeeper.casework.values import WrongDocument

MAX_LINE_BYTES: Final = 65_536
TOO_LONG: Final = f"the line is longer than {MAX_LINE_BYTES} bytes"
_DELIMITERS: Final = ",;\t"
_MOST_COLUMNS: Final = 100
_QUOTE: Final = (
    "not CSV: a quote is not closed in this line, or stands inside a field: "
    "put quotes around the whole field, and double those inside"
)

NumberedLine = tuple[int, bytes]
Fields = Mapping[Any, Any]
Record = tuple[int, Fields | WrongDocument | None]
"""A line's number, and its fields or what is wrong with it; None where the input pauses."""


class NotHandedOver(WrongDocument):
    """The document has no request id yet: it was not handed to Lighthouse."""


class Header(NamedTuple):
    """The line that names the columns: as they are written, and as we name them."""

    names: list[str]
    ours: list[str | None]
    delimiter: str


def header_in(line: bytes, number: int, delimiter: str) -> Header | None:
    """The header that this line is, by `delimiter` or one that is common; None where it is none.

    Raises `WrongDocument` where a column is unknown or missing.
    """
    text = _text(line)
    for mark in delimiter + _DELIMITERS:
        names = _quoted_row(text, mark) or []
        if not KNOWN.isdisjoint(names) or _is_misspelt(names):
            try:
                return _header(names, mark)
            except WrongDocument as exc:
                raise WrongDocument(f"line {number}: {exc}") from exc
    return None


def _is_misspelt(names: list[str]) -> bool:
    """Whether most of these are names of fields, misspelt."""
    return 1 < len(names) < _MOST_COLUMNS and sum(map(bool, map(nearest, names))) > len(names) / 2


def _header(names: list[str], delimiter: str) -> Header:
    try:
        ours = our_names(names)
    except WrongDocument as exc:
        raise WrongDocument(f"the CSV header: {exc}") from exc
    if missing := [name for name in REQUIRED if name not in ours]:
        raise WrongDocument(f"neither a JSON object nor a CSV header with {', '.join(missing)}")
    return Header(names, ours, delimiter)


class CsvRows:
    """The records below a header."""

    def __init__(
        self, lines: Iterator[NumberedLine], header: Header, is_good: Callable[[Fields], bool]
    ) -> None:
        """`is_good` tells whether fields make a document."""
        self._lines, self._is_good = lines, is_good
        self._again: list[NumberedLine] = []
        self._begin(header)

    def _begin(self, header: Header) -> None:
        self._header = header
        self._unnamed = [at for at, name in enumerate(header.names) if not name]
        self._request_id_at = (
            header.names.index(HANDED_OVER_AS) if HANDED_OVER_AS in header.names else None
        )

    def __iter__(self) -> Iterator[Record]:
        """Each record, with the number of its first line.

        Where files were put together, each is read by its own header.
        """
        while (found := self._next()) is not None:
            number, line = found
            if not line:
                yield 0, None
            elif len(line.rstrip(b"\r\n")) > MAX_LINE_BYTES:
                yield number, WrongDocument(TOO_LONG)
            else:
                yield from self._records(number, _text(line))

    def _records(self, number: int, text: str) -> Iterator[Record]:
        delimiter = self._header.delimiter
        if '"' in text:
            row = _quoted_row(text, delimiter)
        else:
            row = [cell.strip() for cell in text.split(delimiter)]
        if row is None:
            yield from self._open_quote(number, text)
        elif len(KNOWN.intersection(row)) > 1:
            try:
                self._begin(_header(row, delimiter))
            except WrongDocument as exc:
                self._lines, self._again = iter(()), []
                yield number, WrongDocument(f"{exc}: the lines below are not read")
        elif (fields := self._fields(row)) is not None:
            yield number, fields

    def _next(self) -> NumberedLine | None:
        return self._again.pop() if self._again else next(self._lines, None)

    def _open_quote(self, number: int, text: str) -> Iterator[Record]:
        """The record that begins in this line, and ends in one below.

        Where a line below is a good record by itself, this line's quote was not closed: this line
        is rejected, and those below are read anew.
        """
        below: list[NumberedLine] = []
        parts, size = [text], len(text)
        is_open = text.count('"') % 2 == 1
        while is_open and (found := self._next()) is not None:
            more = found[1]
            if not more:
                yield 0, None
                continue
            below.append(found)
            parts.append(_text(more))
            size += len(more)
            if size > MAX_LINE_BYTES or self._is_record(more):
                break
            is_open = more.count(b'"') % 2 == 0
        row = None if is_open else _quoted_row("\n".join(parts), self._header.delimiter)
        if row is None:
            self._again += reversed(below)
            yield number, WrongDocument(_QUOTE)
        elif (fields := self._fields(row)) is not None:
            yield number, fields

    def _is_record(self, line: bytes) -> bool:
        try:
            row = next(csv.reader([_text(line)], delimiter=self._header.delimiter))
        except (csv.Error, StopIteration):
            return False
        fields = self._fields([cell.strip() for cell in row])
        return isinstance(fields, Mapping) and self._is_good(fields)

    def _fields(self, row: list[str]) -> Fields | WrongDocument | None:
        """The fields of a row, or what is wrong with it; None for an empty one."""
        width = len(self._header.names)
        if not any(row):
            return None
        if len(row) > width and any(row[width:]):
            return WrongDocument(f"{len(row)} fields for {width} columns")
        for at in self._unnamed:
            if any(row[at : at + 1]):
                return WrongDocument(
                    f"a value under the empty heading of column {at + 1}: name it or remove it"
                )
        if self._request_id_at is not None and not any(row[self._request_id_at :][:1]):
            return NotHandedOver()
        return dict(zip(self._header.ours, row, strict=False))


def _text(line: bytes) -> str:
    return line.decode("utf-8", "replace").lstrip("\ufeff").rstrip("\r\n")


def _quoted_row(text: str, delimiter: str) -> list[str] | None:
    """The fields of a row; None where its quotes are wrong, or one is open at its end."""
    try:
        row = next(csv.reader((text,), delimiter=delimiter, strict=True), [])
    except csv.Error:
        return None
    return [cell.strip() for cell in row]
