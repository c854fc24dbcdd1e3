"""What staff do about documents: take them up, close them, ask again; in words for a person."""

from collections import Counter
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from lightkeeper.domain.change import Remark
from lightkeeper.domain.document import Condition, Document, LighthouseStatus
from lightkeeper.domain.errors import ExitStatus, LightkeeperError
from lightkeeper.domain.interpret import condition_of
from lightkeeper.domain.policy import Policy
from lightkeeper.domain.time import Instant
from lightkeeper.store.triage import Casework, Decide, Filter, Note, Turn

FIRST_SHOWN: Final = 10
LONGEST_NAME, LONGEST_REASON = 100, 500
_DONE = LighthouseStatus.DONE
_SOUND: Final = {Condition.WAITING, Condition.DELIVERED}
_TAKEN: Final = {Condition.ACKNOWLEDGED, Condition.CLOSED}


class Unsaid(LightkeeperError):
    """Who does it, or why, is not said in a way that can be kept."""

    exit_status = ExitStatus.INCOMPLETE_NOTE


class Action(StrEnum):
    """What staff can do; the words of a person's sentence about it."""

    ACK = "acknowledged"
    UNACK = "no longer acknowledged"
    CLOSE = "closed"
    UNCLOSE = "no longer closed"
    RECHECK = "asked about next"


_REMARKS: Final = {
    Action.ACK: Remark.ACKNOWLEDGED,
    Action.UNACK: Remark.UNACKNOWLEDGED,
    Action.CLOSE: Remark.CLOSED,
    Action.UNCLOSE: Remark.REOPENED_BY_STAFF,
    Action.RECHECK: Remark.RECHECK,
}
CONDITIONS: Final = {
    Action.ACK: frozenset(set(Condition) - _SOUND - _TAKEN),
    Action.UNACK: frozenset({Condition.ACKNOWLEDGED}),
    Action.CLOSE: frozenset(set(Condition) - {Condition.DELIVERED, Condition.CLOSED}),
    Action.UNCLOSE: frozenset({Condition.CLOSED}),
    Action.RECHECK: frozenset(
        set(Condition) - {Condition.DELIVERED, Condition.CONTRADICTORY} - _TAKEN
    )
    | {Condition.ACKNOWLEDGED},
}
"""The conditions in which a document can be meant by a filter for it."""


class Refused(NamedTuple):
    """A line, counted from 1, that names no document this can be done to, and why."""

    line: int
    reason: str


class Chosen(NamedTuple):
    """Documents it can be done to, those that are so already, and lines that were refused."""

    documents: list[Document]
    already_count: int
    refused: list[Refused]


def decide(action: Action, policy: Policy, now: Instant) -> Decide:
    """What `deed` makes of a document. Only the daemon's answers ever change its status.

    Acknowledged, it is polled as before, and out of the paging gauges until its status changes.
    Closed, it keeps its status and is asked about no more, so nothing is told of it any more.
    Revoking either computes the condition back from the last answer; what was closed is due at
    once. A recheck makes it due now, were it a failure past its window.
    """

    def ack(document: Document) -> Turn | str | None:
        if document.condition == Condition.CLOSED:
            return "it is closed: `close --revoke` comes first"
        if document.condition in _SOUND:
            return f"it is {document.condition}: there is nothing to take up"
        taken = document.condition == Condition.ACKNOWLEDGED
        return None if taken else Turn(Condition.ACKNOWLEDGED)

    def unack(document: Document) -> Turn | None:
        taken = document.condition == Condition.ACKNOWLEDGED
        return Turn(condition_of(document, policy)) if taken else None

    def close(document: Document) -> Turn | str | None:
        if document.condition == Condition.DELIVERED:
            return "it is delivered: there is nothing to close"
        closed = document.condition == Condition.CLOSED
        return None if closed else Turn(Condition.CLOSED, keeps_due=False)

    def unclose(document: Document) -> Turn | None:
        if document.condition != Condition.CLOSED:
            return None
        done = document.lighthouse_status == _DONE
        return Turn(condition_of(document, policy), done, now)

    def recheck(document: Document) -> Turn | str:
        if document.condition == Condition.CLOSED:
            return "it is closed: `close --revoke` asks about it again"
        if document.lighthouse_status == _DONE:
            return "it is done, and done is final"
        return Turn(document.condition, keeps_due=False, next_poll_at=now)

    deeds: dict[Action, Decide] = {
        Action.ACK: ack,
        Action.UNACK: unack,
        Action.CLOSE: close,
        Action.UNCLOSE: unclose,
        Action.RECHECK: recheck,
    }
    return deeds[action]


def note(action: Action, by: str, reason: str, now: Instant) -> Note:
    """Who did it and why, fit to be kept; raises `Unsaid`."""
    for name, text, longest in (("--by", by, LONGEST_NAME), ("--reason", reason, LONGEST_REASON)):
        if not text.isprintable() or len(text) > longest:
            raise Unsaid(f"{name} must be one printable line of at most {longest} characters")
    if not by.strip():
        raise Unsaid("--by is empty: say who does it")
    if not reason.strip() and action is not Action.RECHECK:
        raise Unsaid("--reason is empty: say why, for those who come after")
    return Note(_REMARKS[action], by, reason, now, takes_up=action in {Action.ACK, Action.CLOSE})


def by_lines(casework: Casework, lines: Iterable[str | bytes], may: Decide) -> Chosen:
    """The documents whose request ids these lines are; empty lines say nothing."""
    numbered = [(at, line.strip()) for at, line in enumerate(lines, 1) if line.strip()]
    ids: dict[int, int] = {}
    refused = []
    for at, line in numbered:
        if len(line) <= 19 and line.isdigit() and line.isascii() and int(line) < 2**63:
            ids.setdefault(int(line), at)
        else:
            refused.append(Refused(at, "not a request id: a whole number below 2^63"))
    found = casework.by_request_ids(list(ids))
    documents, already_count = [], 0
    for request_id, at in ids.items():
        document = found.get(request_id)
        turn = may(document) if document else f"request id {request_id} is not tracked here"
        if isinstance(turn, str):
            refused.append(Refused(at, turn if document is None else f"{request_id}: {turn}"))
        elif document is None or turn is None:
            already_count += 1
        else:
            documents.append(document)
    return Chosen(documents, already_count, sorted(refused))


def by_filter(casework: Casework, wanted: Filter, action: Action, may: Decide) -> Chosen:
    """The documents that match and that it can be done to."""
    wanted = wanted._replace(conditions=wanted.conditions & CONDITIONS[action])
    found = casework.matching(wanted)
    return Chosen([each for each in found if isinstance(may(each), Turn)], 0, [])


def preview(documents: Sequence[Document], action: Action) -> str:
    """What a filter found: counts by type, status, step and condition, and the first ids."""
    if not documents:
        return "no such documents"
    counts = Counter(
        (each.document_type, each.lighthouse_status, each.current_step, each.condition)
        for each in documents
    )
    first = ", ".join(str(each.request_id) for each in documents[:FIRST_SHOWN])
    more = len(documents) - FIRST_SHOWN
    row = "{:<18}{:<9}{:<26}{:<17}{:>9}".format
    return "\n".join(
        [
            row("document type", "status", "step", "condition", "documents"),
            *(row(*where, f"{count:,}") for where, count in sorted(counts.items())),
            f"request ids: {first}" + (f" and {more:,} more" if more > 0 else ""),
            f"{len(documents):,} to be {action}",
        ]
    )


def outcome(action: Action, done_count: int, chosen: Chosen) -> str:
    """What came of it, in a sentence."""
    parts = [f"{done_count:,} {action}"]
    if chosen.already_count:
        parts.append(f"{chosen.already_count:,} were so already")
    if changed := len(chosen.documents) - done_count:
        parts.append(f"{changed:,} changed meanwhile and left as they are")
    if chosen.refused:
        parts.append(f"{len(chosen.refused):,} refused")
    return ", ".join(parts)
