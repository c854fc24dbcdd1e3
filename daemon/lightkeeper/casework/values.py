"""Which values make a document to track, and what a wrong one is.

What an exporter made of a value (`3310073.0`, `NULL`, 46346.58) is never taken for the value, and
what may name a person is neither taken nor repeated in the reason.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from lightkeeper.casework import personal
from lightkeeper.domain.document import DocumentType, NewDocument
from lightkeeper.domain.errors import ExitStatus, LightkeeperError
from lightkeeper.domain.time import MINUTE, SECOND, Instant

CLOCK_SKEW_MS: Final = 5 * MINUTE
"""How far `tracked_at` may be ahead of our clock and still count as now."""
EARLIEST: Final = 1_514_764_800_000
"""2018-01-01, before Lighthouse was: a time below it is some other number, or none."""
_SECONDS_BELOW: Final = 10**11
_LATEST: Final = 10**13
_INT64: Final = 2**63
_DOCUMENT_TYPES: Final = tuple(str(kind) for kind in DocumentType)
TYPE_NAMES: Final = {kind: kind for kind in _DOCUMENT_TYPES} | {
    "Veteran Upload": _DOCUMENT_TYPES[0],
    "Form 0781": _DOCUMENT_TYPES[1],
    "Form 0781a": _DOCUMENT_TYPES[2],
    "BDD Instructions": _DOCUMENT_TYPES[3],
}
"""Our types by the names that they may have: ours, and those in vets-api's table."""
_REQUEST_ID: Final = re.compile(r"[0-9]{1,19}")
# Shorter ones are dates: 20261123.
_EPOCH_TIME: Final = re.compile(r"[0-9]{9,13}(?:\.[0-9]{1,9})?")
_IDENTIFIER: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_PLAIN_ID_DIGITS: Final = 8
"""Fewer digits than a social security number has are an id, and need no closer look."""
_SERIAL_DATE: Final = re.compile(r"[1-9][0-9]{4}(?:[.,][0-9]+)?")

_MONTHS: Final = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
_NOTHING: Final = re.compile(
    r"[(<\[]?(?:#?n/?a|n\.a\.?|(?:db)?null|nil|none|nothing|[+-]?nan|nat|undef(?:ined)?|missing"
    r"|empty|blank|void|unset|unknown|tbd|[+-]?inf(?:inity)?)[)>\]]?|\\N|#.*|[^\w]+|_+",
    re.IGNORECASE,
)
_NO_VALUE: Final = "an exporter's word for nothing"
_MAY_BE_EMPTY: Final = ": leave the field empty"
_MADE_BY_EXPORTER: Final = tuple(
    (re.compile(pattern, re.IGNORECASE), words)
    for pattern, words in (
        (
            r"[+-]?\d{1,3}(?:(?:,\d{3})+|(?:[.,]\d{3}){2,}|(?:['\u2019 \u00a0\u202f]\d{3})+)"
            r"(?:[.,]\d*)?",
            "a number with thousands separators",
        ),
        (
            r"[+-]?(?:\d+[.,]\d*|[.,]\d+)",
            "a number with decimals, as pandas and spreadsheets write it",
        ),
        (
            r"[+-]?\d(?:[.,]\d+)?e[+-]?\d{1,3}",
            "a number that lost digits (scientific notation)",
        ),
        (r"-\d+", "a negative number"),
        (r"[='\"\u2018\u2019`].*", "marked as text by a spreadsheet, or quoted twice"),
        (
            rf"\d{{1,2}}-(?:{_MONTHS})(?:-\d\d(?:\d\d)?)?|(?:{_MONTHS})-\d\d"
            r"|\d{4}-\d\d-\d\d(?:[T ]\d\d:.*)?|\d{1,2}-\d{1,2}-\d{4}",
            "a date that a spreadsheet made of it",
        ),
        (r"true|false", "a word for yes or no"),
    )
)
_NO_TIMES: Final = (
    (re.compile(r"\d{1,2}[/.-]\d{1,2}[/.-]\d"), ": write the year first"),
    (re.compile(r"\d[\d.,]*[eE]\+"), ", and this number lost digits (scientific notation)"),
    (re.compile(r".*\d ?[A-Z]{3,5}$"), ": write the zone as UTC, Z or an offset such as -05:00"),
)

_DAY_FIRST: Final = re.compile(rf"(?:\w{{3}}, ?)?(\d{{1,2}}) ({_MONTHS}) (\d{{4}}) (\S+) (.+)")
_ZONED: Final = re.compile(
    r"(.+?) ?(?:UTC?|GMT|Z|(?:(?:[A-Z]{3,5} )?([+-]\d\d:?\d\d)))(?: \+00:?00| \([A-Z]{3,5}\))?"
)


class WrongDocument(LightkeeperError):
    """The input describes no document that can be tracked."""

    exit_status = ExitStatus.BAD_DATA


def new_document(fields: Mapping[str, Any], now: Instant) -> NewDocument:
    """A document from named fields; raises `WrongDocument` naming the wrong field and why."""
    request_id = request_id_of(fields.get("lighthouse_request_id"))
    submission_id = submission_id_of(fields.get("form_526_submission_id"))
    kind = document_type_of(fields.get("document_type"))
    needs_attachment = kind == DocumentType.VETERAN_UPLOAD
    attachment_id = _identifier(
        "form_attachment_id", fields.get("form_attachment_id"), needed=needs_attachment
    )
    if needs_attachment and attachment_id is None:
        raise WrongDocument("form_attachment_id is missing: a veteran_upload needs one")
    tracked_at = _tracked_at(fields.get("tracked_at"), now)
    return NewDocument(request_id, submission_id, kind, attachment_id, tracked_at)


def made_by_exporter(value: Any) -> str | None:
    """What an exporter made of an id, and what to do; None where none did."""
    text = repr(value) if isinstance(value, float) else value
    if not isinstance(text, str) or not (text := text.strip()):
        return None
    if _NOTHING.fullmatch(text):
        return _NO_VALUE
    found = (words for pattern, words in _MADE_BY_EXPORTER if pattern.fullmatch(text))
    return next((f"{words}: export ids as text" for words in found), None)


def request_id_of(value: Any) -> int:
    """The number of a request id. Raises WrongDocument for what no Lighthouse gives."""
    found = value
    if isinstance(value, str) and _REQUEST_ID.fullmatch(value.strip()):
        found = int(value)
    if type(found) is not int or not 0 <= found < _INT64:
        cause = made_by_exporter(value)
        raise WrongDocument(
            "lighthouse_request_id must be the whole number that Lighthouse returned as requestId"
            + (f", and this is {cause}" if cause else "")
        )
    return found


def submission_id_of(value: Any) -> str:
    """The id of a submission. Raises `WrongDocument` for what is none, or is missing."""
    submission_id = _identifier("form_526_submission_id", value)
    if submission_id is None:
        raise WrongDocument("form_526_submission_id is missing")
    return submission_id


def document_type_of(value: Any) -> str:
    """Our name of a document type. Raises `WrongDocument` for what is none."""
    kind = TYPE_NAMES.get(value) if isinstance(value, str) else None
    if kind is None:
        raise WrongDocument(f"document_type must be one of {', '.join(_DOCUMENT_TYPES)}")
    return kind


def _identifier(name: str, value: Any, *, needed: bool = True) -> str | None:
    """An id, never free text: file names and people's names stay out."""
    if value is None or value == "":
        return None
    text = str(value) if type(value) is int else value
    if isinstance(text, str):
        text = text.strip()
        if len(text) <= _PLAIN_ID_DIGITS and text.isdigit() and text.isascii():
            return text
        problem = made_by_exporter(text) or _personal(text)
        if problem is None and _IDENTIFIER.fullmatch(text):
            return text
    else:
        problem = made_by_exporter(value)
    if problem == _NO_VALUE and not needed:
        problem = f"{problem}{_MAY_BE_EMPTY}"
    raise WrongDocument(
        f"{name} must be at most 64 letters, digits or . _ : -"
        + (f", and this is {problem}" if problem else "")
    )


def _personal(text: str) -> str | None:
    words = personal.form_of(text)
    return words and (
        f"{words}, which is not stored: give the id that your system has for it, "
        "and write a letter before one of nine digits"
    )


def _tracked_at(value: Any, now: Instant) -> Instant:
    if value is None or value == "":
        return now
    at = _instant(value)
    if at is None or at < EARLIEST:
        raise WrongDocument(
            "tracked_at must be a time such as 2026-11-23T14:05:00Z, or seconds since 1970"
            + _no_time(value, at)
        )
    if at > now + CLOCK_SKEW_MS:
        raise WrongDocument("tracked_at is in the future: check the clock and the time zone")
    return min(at, now)


def _no_time(value: Any, at: Instant | None) -> str:
    """What a value is that is no time, as the end of the sentence that says so."""
    text = repr(value) if type(value) in {int, float} else value
    if not isinstance(text, str):
        return ""
    text = text.strip()
    if _SERIAL_DATE.fullmatch(text):
        return ", and this is a spreadsheet's serial date: format the column as a date with a time"
    if at is not None:
        return ", and this is before 2018, when Lighthouse began"
    if _NOTHING.fullmatch(text):
        return f", and this is {_NO_VALUE}{_MAY_BE_EMPTY}"
    return next((words for pattern, words in _NO_TIMES if pattern.match(text)), "")


def _instant(value: Any) -> Instant | None:
    """ISO 8601, as Rails writes it, or RFC 2822; or seconds or milliseconds since the epoch."""
    if isinstance(value, str):
        value = value.strip()
        # Checked before ISO 8601, which also accepts some of these as dates.
        if not _EPOCH_TIME.fullmatch(value):
            return _written_instant(value)
        value = float(value)
    if type(value) not in {int, float} or not 0 <= value < _LATEST:
        return None
    return round(value * SECOND) if value < _SECONDS_BELOW else int(value)


def _written_instant(value: str) -> Instant | None:
    """UTC where no zone is named; None where it is no time, or its zone has a name of its own."""
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        if (plain := _iso(value)) is None:
            return None
        try:
            moment = datetime.fromisoformat(plain)
        except ValueError:
            return None
    zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    at = round(zoned.timestamp() * SECOND)
    return at if at >= 0 else None


def _iso(value: str) -> str | None:
    """A time that names UTC or GMT, or has blanks before its offset, in ISO 8601.

    `2026-11-20 14:03:09 UTC`, `2026-11-20 09:03:09 -0500`, and RFC 2822's `Fri, 20 Nov 2026
    14:03:09 GMT`, which Rails also writes with `UTC +00:00` at the end.
    """
    if found := _DAY_FIRST.fullmatch(value):
        day, month, year, time, zone = found.groups()
        number = _MONTHS.split("|").index(month) + 1
        value = f"{year}-{number:02}-{int(day):02}T{time} {zone}"
    zoned = _ZONED.fullmatch(value)
    return zoned and f"{zoned[1]}{zoned[2] or '+00:00'}"
