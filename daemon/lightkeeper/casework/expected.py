"""Documents that a submission should have: what callers say of it, and what staff read."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from lightkeeper.casework.text import iso, printable
from lightkeeper.casework.triage import check_note
from lightkeeper.casework.values import WrongDocument, document_type_of
from lightkeeper.domain.expected import Expectation, ExpectedState
from lightkeeper.domain.time import Instant
from lightkeeper.store.expected import ExpectedDocuments

MOST: Final = 1_000
"""How many documents one item may say that there should be."""
_ROW: Final = "{:<24}{:<18}{:>8}{:>9}  {:<22}{:<9}{}".format
_NOTHING: Final = "no document is expected that is not tracked"


def counts_of(items: Iterable[tuple[Any, Any]]) -> tuple[dict[str, int], dict[int, str]]:
    """How many documents are expected, by type, and why an item is wrong, by its place.

    Each item is a document type, by any name that `track` takes, and a count. Items of one type
    add up.
    """
    counts: dict[str, int] = {}
    wrong: dict[int, str] = {}
    for at, (named, count) in enumerate(items):
        try:
            kind = document_type_of(named)
        except WrongDocument as exc:
            wrong[at] = str(exc)
            continue
        if type(count) is float and count.is_integer():
            count = int(count)  # noqa: PLW2901  # to JSON Schema 2.0 is a whole number, too
        if type(count) is not int or not 0 <= count <= MOST:
            wrong[at] = f"count must be a whole number from 0 to {MOST:,}"
        else:
            counts[kind] = counts.get(kind, 0) + count
    return counts, wrong


def settle(
    expected: ExpectedDocuments,
    submission_id: str,
    kinds: Sequence[str],
    by: str,
    reason: str,
    now: Instant,
    *,
    revoke: bool = False,
) -> list[str]:
    """Settle what is missing of a submission, and say what that was; empty: nothing was.

    Of these types, or of all without any; with `revoke` what was settled is missing again. Raises
    `IncompleteNote` as triage does.
    """
    check_note(by, reason, reason_option="--why")
    done = "no longer settled" if revoke else "settled"
    return [
        f"submission {one.submission_id}: {one.missing_count} {one.document_type} {done}"
        for one in expected.settle(submission_id, kinds, by, reason, now, revoke=revoke)
    ]


def data(one: Expectation, now: Instant, within_ms: int) -> dict[str, Any]:
    """What is expected of one type, as plain data for JSON."""
    return {
        "document_type": one.document_type,
        "count": one.document_count,
        "missing": one.missing_count,
        "state": one.state(now, within_ms),
        "expected_at": iso(one.expected_at),
        "expected_by": one.expected_by,
        "settled_at": iso(one.settled_at),
        "settled_by": one.settled_by,
        "settled_reason": one.settled_reason,
    }


def lines(some: Sequence[Expectation], now: Instant, within_ms: int) -> Iterator[str]:
    """What is expected of one submission, a line for each type."""
    for one in some:
        state = one.state(now, within_ms)
        said = {
            ExpectedState.TRACKED: "tracked",
            ExpectedState.AWAITED: f"{one.missing_count} not tracked yet",
            ExpectedState.MISSING: f"{one.missing_count} missing, expected since "
            f"{iso(one.expected_at)}: not handed to Lighthouse, or not tracked",
            ExpectedState.SETTLED: f"{one.missing_count} not tracked, settled at "
            f"{iso(one.settled_at)} by {one.settled_by}: {one.settled_reason}",
        }
        yield printable(f"{one.document_count} {one.document_type}: {said[state]}")


def table(some: Sequence[Expectation], now: Instant, within_ms: int) -> list[str]:
    """What is expected and not tracked, of any submissions, as lines for a person."""
    if not some:
        return [_NOTHING]
    shown = [_ROW("submission", "document type", "expected", "missing", "since", "state", "why")]
    for one in some:
        why = "" if one.settled_at is None else f"{one.settled_by}: {one.settled_reason}"
        cells = (f"{one.submission_id} ", f"{one.document_type} ")
        counts = (one.document_count, one.missing_count)
        rest = (f"{iso(one.expected_at)} ", f"{one.state(now, within_ms)} ", why)
        shown.append(printable(_ROW(*cells, *counts, *rest).rstrip()))
    return shown
