"""What staff do about documents: acknowledge, close, recheck; and what the commands print."""

from collections import Counter
from collections.abc import Iterable, Sequence
from enum import StrEnum
from functools import partial
from textwrap import wrap
from typing import Final, NamedTuple

from lightkeeper.casework import personal
from lightkeeper.casework.kinds import another_kind
from lightkeeper.casework.records import BLANKS
from lightkeeper.casework.text import printable
from lightkeeper.casework.values import WrongDocument, made_by_exporter
from lightkeeper.domain.change import RemarkKind
from lightkeeper.domain.document import Condition, Document, LighthouseStatus
from lightkeeper.domain.errors import ExitStatus, LightkeeperError
from lightkeeper.domain.interpret import condition_of
from lightkeeper.domain.policy import Policy
from lightkeeper.domain.time import Instant
from lightkeeper.store.filters import Filter
from lightkeeper.store.triage import Decide, Effect, Note, TriageStore

LINE_WIDTH: Final = 100
LONGEST_NAME, LONGEST_REASON = 100, 500
_DONE = LighthouseStatus.DONE
_NOTHING_TO_DO: Final = {Condition.WAITING, Condition.DELIVERED}
_TRIAGED: Final = {Condition.ACKNOWLEDGED, Condition.CLOSED}
_NOT_COUNTED: Final = {Condition.SUPERSEDED}
_SUPERSEDED: Final = (
    "superseded: another try of the same document decides; `lightkeeper show` names it"
)


class IncompleteNote(LightkeeperError):
    """Who does it, or why, is missing or cannot be stored."""

    exit_status = ExitStatus.WRONG_USE


class Action(StrEnum):
    """A triage action; its value completes the sentence "3 documents …"."""

    ACK = "acknowledged"
    UNACK = "no longer acknowledged"
    CLOSE = "closed"
    UNCLOSE = "no longer closed"
    RECHECK = "polled next"


_REMARKS: Final = {
    Action.ACK: RemarkKind.ACKNOWLEDGED,
    Action.UNACK: RemarkKind.UNACKNOWLEDGED,
    Action.CLOSE: RemarkKind.CLOSED,
    Action.UNCLOSE: RemarkKind.REOPENED_BY_STAFF,
    Action.RECHECK: RemarkKind.RECHECK,
}
CONDITIONS: Final = {
    Action.ACK: frozenset(set(Condition) - _NOTHING_TO_DO - _TRIAGED - _NOT_COUNTED),
    Action.UNACK: frozenset({Condition.ACKNOWLEDGED}),
    Action.CLOSE: frozenset(
        set(Condition) - {Condition.DELIVERED, Condition.CLOSED} - _NOT_COUNTED
    ),
    Action.UNCLOSE: frozenset({Condition.CLOSED}),
    Action.RECHECK: frozenset(
        set(Condition) - {Condition.DELIVERED, Condition.CONTRADICTORY} - _TRIAGED - _NOT_COUNTED
    )
    | {Condition.ACKNOWLEDGED},
}
"""The conditions in which a filter finds documents for the action."""


class RejectedLine(NamedTuple):
    """A line, counted from 1, that names no document the action applies to, and why."""

    line: int
    reason: str


class Chosen(NamedTuple):
    """Documents the action applies to, how many it would not change, and rejected lines."""

    documents: list[Document]
    unchanged_count: int
    rejected: list[RejectedLine]


def decide(action: Action, policy: Policy, now: Instant) -> Decide:
    """What `action` does to a document. Only Lighthouse's answers change its status.

    Acknowledged: it is polled as before, and leaves the paging gauges until its status changes.
    Closed: it keeps its status and is polled no more, so no further transition is published.
    Revoked: the condition follows from the last answer again; after a close it is due at once.
    Recheck: it is due now, even a failure past its re-check window.
    """
    effects: dict[Action, Decide] = {
        Action.ACK: _ack,
        Action.UNACK: partial(_unack, policy),
        Action.CLOSE: _close,
        Action.UNCLOSE: partial(_unclose, policy, now),
        Action.RECHECK: partial(_recheck, now),
    }
    return effects[action]


def _ack(document: Document) -> Effect | str | None:
    if document.condition == Condition.CLOSED:
        return f"closed: reopen it first, with {_reopening(document)}"
    if document.condition == Condition.SUPERSEDED:
        return _SUPERSEDED
    if document.condition in _NOTHING_TO_DO:
        return f"{document.condition}: there is nothing to acknowledge"
    acknowledged = document.condition == Condition.ACKNOWLEDGED
    return None if acknowledged else Effect(Condition.ACKNOWLEDGED)


def _unack(policy: Policy, document: Document) -> Effect | None:
    acknowledged = document.condition == Condition.ACKNOWLEDGED
    return Effect(condition_of(document, policy)) if acknowledged else None


def _close(document: Document) -> Effect | str | None:
    if document.condition == Condition.DELIVERED:
        return "delivered: there is nothing to close"
    if document.condition == Condition.SUPERSEDED:
        return _SUPERSEDED
    closed = document.condition == Condition.CLOSED
    return None if closed else Effect(Condition.CLOSED, keeps_next_poll=False)


def _unclose(policy: Policy, now: Instant, document: Document) -> Effect | None:
    if document.condition != Condition.CLOSED:
        return None
    done = document.lighthouse_status == _DONE
    return Effect(condition_of(document, policy), done, now)


def _recheck(now: Instant, document: Document) -> Effect | str:
    if document.condition == Condition.CLOSED:
        return f"closed: to poll it again, run {_reopening(document)}"
    if document.lighthouse_status == _DONE:
        return "done: Lighthouse's answer is final"
    return Effect(document.condition, keeps_next_poll=False, next_poll_at=now)


def _reopening(document: Document) -> str:
    return f"`lightkeeper close {document.request_id} --revoke --reason …`"


def note(action: Action, by: str, reason: str, now: Instant) -> Note:
    """Who did it and why, checked for storing; raises `IncompleteNote`."""
    check_note(by, reason, needs_reason=action is not Action.RECHECK)
    acknowledges = action in {Action.ACK, Action.CLOSE}
    return Note(_REMARKS[action], by, reason, now, acknowledges)


def check_note(
    by: str, reason: str, *, needs_reason: bool = True, reason_option: str = "--reason"
) -> None:
    """Raise `IncompleteNote` unless both are there, one printable line each, nothing personal."""
    named = (
        ("--by", by, LONGEST_NAME, personal.in_name),
        (reason_option, reason, LONGEST_REASON, personal.in_text),
    )
    for name, text, longest, personal_in in named:
        if not text.isprintable() or len(text) > longest:
            raise IncompleteNote(
                f"{name} must be one printable line of at most {longest} characters"
            )
        if problem := personal_in(text):
            raise IncompleteNote(
                f"{name}: a part of it is {problem}: leave it out; if it is a request id, "
                "write `request id` before it"
            )
    if not by.strip():
        raise IncompleteNote("--by is empty: give the name of who does this")
    if needs_reason and not reason.strip():
        raise IncompleteNote(
            f"{reason_option} is empty: give the reason, for those who read it later"
        )


def by_lines(store: TriageStore, lines: Iterable[str | bytes], may: Decide) -> Chosen:
    """The documents whose request ids these lines hold; blank lines are skipped.

    Raises `WrongDocument` where the lines are those of another kind of file.
    """
    ids: dict[int, int] = {}
    rejected = []
    for at, line in enumerate(lines, 1):
        if isinstance(line, bytes) and at == 1 and (what := another_kind(line)):
            raise WrongDocument(f"line 1: not a request id, but {what}")
        text = (
            line.strip()
            if isinstance(line, str)
            else line.strip(BLANKS).decode("utf-8", "replace")
        )
        if len(text) <= 19 and text.isdigit() and text.isascii() and int(text) < 2**63:
            ids.setdefault(int(text), at)
        elif text:
            cause = made_by_exporter(text)
            rejected.append(
                RejectedLine(
                    at,
                    "not a request id: give a whole number below 2^63"
                    + (f"; this is {cause}" if cause else ""),
                )
            )
    found = store.by_request_ids(list(ids))
    documents, unchanged_count = [], 0
    for request_id, at in ids.items():
        document = found.get(request_id)
        effect = may(document) if document else "not tracked here"
        if isinstance(effect, str):
            rejected.append(RejectedLine(at, f"request id {request_id} is {effect}"))
        elif document is None or effect is None:
            unchanged_count += 1
        else:
            documents.append(document)
    return Chosen(documents, unchanged_count, sorted(rejected))


def by_filter(store: TriageStore, wanted: Filter, action: Action, may: Decide) -> Chosen:
    """The documents that match and that the action applies to."""
    wanted = wanted._replace(conditions=wanted.conditions & CONDITIONS[action])
    found = store.matching(wanted)
    return Chosen([each for each in found if isinstance(may(each), Effect)], 0, [])


def preview(
    documents: Sequence[Document], action: Action, expected: int | None, reason: str | None
) -> str:
    """What a filter found, every request id included, and how to go ahead.

    `expected` is the number for which it was to go ahead; None where none was named.
    """
    if not documents:
        return f"nothing changed: no matching document would be {action}"
    counts = Counter(
        (each.document_type, each.lighthouse_status, each.current_step, each.condition)
        for each in documents
    )
    ids = ", ".join(str(each.request_id) for each in documents)
    row = "{:<18}{:<9}{:<26}{:<17}{:>9}".format
    count = len(documents)
    because = "" if expected is None else f", because {count} documents match now"
    needs_reason = reason is None and action is not Action.RECHECK
    return "\n".join(
        [
            row("document type", "status", "step", "condition", "documents"),
            *(printable(row(*where, f"{count:,}")) for where, count in sorted(counts.items())),
            *wrap(f"request ids: {ids}", LINE_WIDTH),
            f"{count:,} would be {action}",
            f"nothing changed{because}: to go ahead, repeat with --yes {count}"
            + (' --reason "…"' if needs_reason else ""),
        ]
    )


def outcome(action: Action, done_count: int, chosen: Chosen) -> str:
    """What the action changed, in one line."""
    parts = [f"{done_count:,} {action}"]
    if chosen.unchanged_count:
        parts.append(f"{chosen.unchanged_count:,} unchanged")
    if changed := len(chosen.documents) - done_count:
        parts.append(f"{changed:,} skipped (they changed meanwhile)")
    if chosen.rejected:
        parts.append(f"{len(chosen.rejected):,} rejected")
    return ", ".join(parts)
