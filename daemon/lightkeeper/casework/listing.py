"""Documents as a table, CSV, JSON or JSON Lines, written as they are read."""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from functools import partial
from typing import Any, Final, NamedTuple

import orjson

from lightkeeper.casework import facts
from lightkeeper.casework.text import printable
from lightkeeper.domain.answer import CallProblem
from lightkeeper.domain.document import PENDING, Step
from lightkeeper.domain.policy import USUAL, Policy
from lightkeeper.domain.time import Instant
from lightkeeper.store.filters import Filter, Listing
from lightkeeper.store.schema import MOVED_AT

_COLUMNS: Final = f"{', '.join(facts.COLUMNS)}, {MOVED_AT} AS moved_at"
FIELDS: Final = (*facts.NAMES, "last_call_failed")
"""What is listed of a document, under the names that `show --json` and `track` use."""
# What a spreadsheet takes for a formula, full-width signs and blanks before it included.
_FORMULA: Final = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_BLANKS: Final = ("\t", "\r", "\n")
_ROW: Final = "{:<14}{:<14}{:<18}{:<9}{:<26}{:<17}{:<22}{}".format


class Form(StrEnum):
    """How a listing is written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    JSONL = "jsonl"


def lines(
    listing: Listing, wanted: Filter, form: str, now: Instant, policy: Policy = USUAL
) -> Iterator[str]:
    """The documents that match, in the order they were tracked, as lines that end in a newline.

    Memory stays the same however many there are, and a reader may take its time.
    """
    documents = (_fields(row, now, policy) for row in listing.rows(wanted, _COLUMNS))
    return written(documents, form, FIELDS, _table)


class ListedPage(NamedTuple):
    """Documents that match, and the id after which the next page begins; None at the end."""

    documents: list[dict[str, Any]]
    next_after_id: int | None


def page(
    listing: Listing, wanted: Filter, limit: int, now: Instant, policy: Policy = USUAL
) -> ListedPage:
    """The first `limit` of the documents that match, as `lines` has them."""
    rows = listing.page(wanted, _COLUMNS, limit + 1)
    last = rows[limit - 1][0] if len(rows) > limit else None
    return ListedPage([_fields(row, now, policy) for row in rows[:limit]], last)


def written(
    rows: Iterator[dict[str, Any]],
    form: str,
    fields: Sequence[str],
    table: Callable[[Iterator[dict[str, Any]]], Iterator[str]],
) -> Iterator[str]:
    """Rows as lines that end in a newline; `table` writes them for a person."""
    write: dict[str, Callable[[Iterator[dict[str, Any]]], Iterator[str]]] = {
        Form.TABLE: table,
        Form.CSV: partial(_csv, fields),
        Form.JSON: _json,
        Form.JSONL: _jsonl,
    }
    return write[form](rows)


def _fields(row: tuple[Any, ...], now: Instant, policy: Policy) -> dict[str, Any]:
    _, *read, moved_at = row
    columns = dict(zip(facts.COLUMNS, read, strict=True))
    document = facts.of_document(columns, moved_at, now, policy)
    document["last_call_failed"] = _call_failed(columns["last_problem"])
    return document


def _table(documents: Iterator[dict[str, Any]]) -> Iterator[str]:
    count = 0
    for count, document in enumerate(documents, 1):
        if count == 1:
            names = ("request id", "submission", "document type", "status", "step", "condition")
            yield _ROW(*names, "since", "reason").rstrip() + "\n"
        cells = (
            str(document["lighthouse_request_id"]),
            document["form_526_submission_id"],
            document["document_type"],
            document["lighthouse_status"],
            document["current_step"],
            document["condition"],
            document["condition_since"] or "",
        )
        # A value as wide as its column would run into the next one.
        parted = [f"{cell} " for cell in cells]
        yield printable(_ROW(*parted, _reason(document)).rstrip()) + "\n"
    yield "no document matches\n" if not count else f"{count:,} document{'s' * (count > 1)}\n"


def _reason(document: dict[str, Any]) -> str:
    """Lighthouse's own words, what keeps it from being known, and who acknowledged it."""
    parts = [document["error_detail"] or ""]
    is_pending = document["lighthouse_status"] == PENDING
    if document["unknown_words"]:
        parts.append(f"unknown words: {document['unknown_words']}")
    if is_pending and document["current_step"] != Step.NONE:
        parts.append(f"at this step since {document['step_since']}")
    if document["not_found_since"] is not None:
        parts.append(f"not found by Lighthouse since {document['not_found_since']}")
    if is_pending and document["unanswered_since"] is not None:
        parts.append(f"no usable answer since {document['unanswered_since']}")
    if is_pending and document["last_call_failed"]:
        parts.append(f"last call failed: {document['last_call_failed']}")
    if document["acknowledged_by"]:
        parts.append(f"by {document['acknowledged_by']}: {document['acknowledged_reason']}")
    return "; ".join(filter(None, parts))


def _csv(fields: Sequence[str], documents: Iterator[dict[str, Any]]) -> Iterator[str]:
    line = io.StringIO()
    writer = csv.writer(line)  # its own line end makes it quote both characters of it

    def line_of(cells: list[Any]) -> str:
        line.seek(0)
        line.truncate()
        writer.writerow(cells)
        return line.getvalue().removesuffix("\r\n") + "\n"

    yield line_of(list(fields))
    for document in documents:
        yield line_of([_cell(value) for value in document.values()])


def _cell(value: Any) -> Any:
    """The value, with a ' before what a spreadsheet would run as a formula."""
    if not isinstance(value, str):
        return value
    guarded = value.lstrip().startswith(_FORMULA) or value.startswith(_BLANKS)
    return ("'" if guarded else "") + printable(value, keep="\t\r\n")


def _json(documents: Iterator[dict[str, Any]]) -> Iterator[str]:
    before = "["
    for document in documents:
        yield f"{before}\n{orjson.dumps(document).decode()}"
        before = ","
    yield "[]\n" if before == "[" else "\n]\n"


def _jsonl(documents: Iterator[dict[str, Any]]) -> Iterator[str]:
    for document in documents:
        yield f"{orjson.dumps(document).decode()}\n"


def _call_failed(problem: str | None) -> str | None:
    """How the last call failed, without what an answer worded: a list is made to be passed on."""
    if problem is None:
        return None
    return facts.call_failed(CallProblem(**orjson.loads(problem)).for_logs())
