"""Reads documents to track from JSON Lines, CSV or options, and stores each of them once."""

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from typing import Any, Final, NamedTuple

import orjson

from lightkeeper.domain.document import DocumentType, NewDocument
from lightkeeper.domain.errors import ExitStatus, LightkeeperError
from lightkeeper.domain.time import MINUTE, SECOND, Instant
from lightkeeper.store.documents import Documents, Intake

BATCH: Final = 1_000
MAX_LINE_BYTES: Final = 65_536
CLOCK_SKEW_MS: Final = 5 * MINUTE
"""How far `tracked_at` may be ahead of our clock and still count as now."""
_SECONDS_BELOW: Final = 10**11
_LATEST: Final = 10**14
_INT64: Final = 2**63
_DOCUMENT_TYPES: Final = tuple(str(kind) for kind in DocumentType)
_REQUEST_ID: Final = re.compile(r"[0-9]{1,19}")
# Shorter ones are dates: 20261123.
_EPOCH_TIME: Final = re.compile(r"[0-9]{9,14}(?:\.[0-9]{1,9})?")
_IDENTIFIER: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}")
REQUIRED: Final = ("lighthouse_request_id", "form_526_submission_id", "document_type")


class WrongDocument(LightkeeperError):
    """The input describes no document that can be tracked."""

    exit_status = ExitStatus.BAD_DATA


class Rejection(NamedTuple):
    """A line that was not stored, and why."""

    line: int
    reason: str


@dataclass(slots=True)
class IntakeTally:
    """How many lines were new, known already, and rejected."""

    new: int = 0
    known: int = 0
    rejected: int = 0


def new_document(fields: Mapping[str, Any], now: Instant) -> NewDocument:
    """A document from named fields; raises `WrongDocument` naming the wrong field and why."""
    request_id = _request_id(fields.get("lighthouse_request_id"))
    submission_id = _identifier("form_526_submission_id", fields.get("form_526_submission_id"))
    if submission_id is None:
        raise WrongDocument("form_526_submission_id is missing")
    kind = fields.get("document_type")
    if kind not in _DOCUMENT_TYPES:
        raise WrongDocument(f"document_type must be one of {', '.join(_DOCUMENT_TYPES)}")
    attachment_id = _identifier("form_attachment_id", fields.get("form_attachment_id"))
    if kind == DocumentType.VETERAN_UPLOAD and attachment_id is None:
        raise WrongDocument("form_attachment_id is missing: a veteran_upload needs one")
    tracked_at = _tracked_at(fields.get("tracked_at"), now)
    return NewDocument(request_id, submission_id, kind, attachment_id, tracked_at)


def track_lines(
    documents: Documents,
    lines: Iterable[bytes],
    *,
    clock: Callable[[], Instant],
    reject: Callable[[Rejection], None],
    stored: Callable[[IntakeTally], None] = lambda _: None,
) -> IntakeTally:
    """Store every good line of `lines` (JSON Lines, or CSV with a header), a batch at a time.

    `reject` is called with each line that is not stored, `stored` with the tally after each
    batch. One batch is in memory at a time, for inputs of any size.
    """
    tally = IntakeTally()
    batch: list[tuple[int, NewDocument]] = []

    def store() -> None:
        fates = documents.add([document for _, document in batch], clock())
        for (line, document), fate in zip(batch, fates, strict=True):
            if fate is Intake.CONFLICT:
                tally.rejected += 1
                reject(Rejection(line, conflict(document)))
        tally.new += fates.count(Intake.NEW)
        tally.known += fates.count(Intake.KNOWN)
        batch.clear()
        stored(tally)

    for line, fields in _records(lines):
        try:
            if isinstance(fields, WrongDocument):
                raise fields
            batch.append((line, new_document(fields, clock())))
        except WrongDocument as exc:
            tally.rejected += 1
            reject(Rejection(line, str(exc)))
        if len(batch) >= BATCH:
            store()
    store()
    return tally


Record = tuple[int, Mapping[str, Any] | WrongDocument]


def _records(lines: Iterable[bytes]) -> Iterator[Record]:
    """Fields by line number, from JSON Lines or CSV, whichever the first line is."""
    numbered = enumerate(lines, start=1)
    for number, line in numbered:
        if not line.strip(b"\xef\xbb\xbf \t\r\n"):
            continue
        rest = chain([(number, line)], numbered)
        is_json = line.lstrip(b"\xef\xbb\xbf \t").startswith((b"{", b"["))
        yield from _json_records(rest) if is_json else _csv_records(rest)


def _json_records(lines: Iterator[tuple[int, bytes]]) -> Iterator[Record]:
    for number, line in lines:
        if not (text := line.strip(b"\xef\xbb\xbf \t\r\n")):
            continue
        if len(text) > MAX_LINE_BYTES:
            yield number, WrongDocument(f"the line is longer than {MAX_LINE_BYTES} bytes")
            continue
        try:
            fields = orjson.loads(text)
        except orjson.JSONDecodeError:
            yield number, WrongDocument("not JSON: write one JSON object per line")
            continue
        yield (
            number,
            fields
            if isinstance(fields, dict)
            else WrongDocument("not an object: write one JSON object per line"),
        )


def _csv_records(lines: Iterator[tuple[int, bytes]]) -> Iterator[Record]:
    current = 0

    def text() -> Iterator[str]:
        nonlocal current
        for number, line in lines:
            current = number
            yield line.decode("utf-8-sig" if number == 1 else "utf-8", "replace")

    rows = csv.reader(text(), strict=True)
    try:
        header = [name.strip() for name in next(rows)]
    except csv.Error as exc:
        raise WrongDocument(f"line {current}: neither a JSON object nor CSV: {exc}") from exc
    if missing := [name for name in REQUIRED if name not in header]:
        raise WrongDocument(
            f"line {current}: neither a JSON object nor a CSV header with {', '.join(missing)}"
        )
    if len(set(header)) < len(header):
        raise WrongDocument(f"line {current}: the CSV header names a column twice: rename one")
    while True:
        first = current + 1
        try:
            row = [field.strip() for field in next(rows)]
        except StopIteration:
            return
        except csv.Error as exc:
            # A quote that is not closed swallows the lines below it.
            yield first, WrongDocument(f"not CSV up to line {current}: {exc}")
            continue
        if len(row) > len(header):
            yield first, WrongDocument(f"{len(row)} fields for {len(header)} columns")
        elif any(row):
            yield first, dict(zip(header, row, strict=False))


def _request_id(value: Any) -> int:
    if isinstance(value, str) and _REQUEST_ID.fullmatch(value.strip()):
        value = int(value)
    if type(value) is not int or not 0 <= value < _INT64:
        raise WrongDocument(
            "lighthouse_request_id must be the whole number that Lighthouse returned as requestId"
        )
    return value


def _identifier(name: str, value: Any) -> str | None:
    """An id, never free text: file names and people's names stay out."""
    if value is None or value == "":
        return None
    if type(value) is int:
        value = str(value)
    if not isinstance(value, str) or not _IDENTIFIER.fullmatch(value.strip()):
        raise WrongDocument(f"{name} must be at most 64 letters, digits or . _ : -")
    return value.strip()


def _tracked_at(value: Any, now: Instant) -> Instant:
    if value is None or value == "":
        return now
    at = _instant(value)
    if at is None:
        raise WrongDocument(
            "tracked_at must be a time such as 2026-11-23T14:05:00Z, or seconds since 1970"
        )
    if at > now + CLOCK_SKEW_MS:
        raise WrongDocument("tracked_at is in the future: check the clock and the time zone")
    return min(at, now)


def _instant(value: Any) -> Instant | None:
    """ISO 8601 (UTC where no zone is named), or seconds or milliseconds since the epoch."""
    if isinstance(value, str):
        value = value.strip()
        # Checked before ISO 8601, which also accepts some of these as dates.
        if not _EPOCH_TIME.fullmatch(value):
            return _iso_instant(value)
        value = float(value)
    if type(value) not in {int, float} or not 0 <= value < _LATEST:
        return None
    return round(value * SECOND) if value < _SECONDS_BELOW else int(value)


def _iso_instant(value: str) -> Instant | None:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    at = round(zoned.timestamp() * SECOND)
    return at if at >= 0 else None


def conflict(document: NewDocument) -> str:
    """Why a document is rejected whose request id is tracked as another document."""
    return (
        f"request id {document.request_id} is tracked already for another submission or document "
        f"type: compare with `lightkeeper show {document.request_id}`"
    )
