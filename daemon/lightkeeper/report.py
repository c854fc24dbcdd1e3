"""Telling Datadog: the store's state as gauges, untold transitions as counts and events."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import product
from typing import Final

import orjson

from lightkeeper.emit import Emitter, tag_value
from lightkeeper.model import SECOND, Instant, Outcome, Remark
from lightkeeper.signals import DOCUMENT_TYPES, OPEN_WORDS, STEPS
from lightkeeper.store.levels import COUNTED_AS, Levels
from lightkeeper.store.outbox import MAX_IDS_IN_EVENT, Digest, EventKey, Outbox, Untold

TELL_AT_MOST: Final = 1_000
DOCUMENT_EVENT: Final = "lightkeeper.document"
STEP_EVENT: Final = "lightkeeper.step"

_ALERT_TYPES = {"failed": "error", "done": "success", "recovered": "success"}
_SILENCE = {
    Remark.VETERAN_MUST_ACT: "silent_failure",
    Remark.NOTICE_DELIVERED: "silent_failure_avoided",
    Remark.NOTICE_SENT: "silent_failure_avoided_no_confirmation",
}
_BY_STEP = ("pending", "failed", "unacknowledged", "slow", "stuck", "overdue")
_BY_TYPE = ("done", "in_efolder_not_bgs", "efolder_unknown", "contradictory", "not_found")
_UNKNOWN = (Remark.UNKNOWN_STATUS, Remark.UNKNOWN_STEP, Remark.UNKNOWN_STEP_STATUS)


class Words:
    """Keeps tag values bounded: known words, the first few unknown ones, then `other`."""

    def __init__(self, known: Iterable[str], limit: int = OPEN_WORDS) -> None:
        self._known = set(known)
        self._limit = len(self._known) + limit

    def tag(self, word: str) -> str:
        """The tag value that stands for `word`."""
        value = tag_value(word)
        if value not in self._known:
            if len(self._known) >= self._limit:
                value = "other"
            self._known.add(value)
        return value

    @property
    def seen(self) -> frozenset[str]:
        """Every value handed out so far, and those known from the start."""
        return frozenset(self._known)


@dataclass(slots=True)
class _Group:
    """Untold transitions that say the same about different documents."""

    count: int = 0
    request_ids: list[int] = field(default_factory=list)
    first_at: Instant = 0
    last_at: Instant = 0
    processing: list[float] = field(default_factory=list)
    detection: list[float] = field(default_factory=list)


class Reporter:
    """Tells what the store says; opens no transaction while the Agent is spoken to."""

    def __init__(
        self,
        outbox: Outbox,
        levels: Levels,
        emitter: Emitter,
        clock: Callable[[], Instant],
    ) -> None:
        self._outbox = outbox
        self._levels = levels
        self._emitter = emitter
        self._clock = clock
        self._steps = Words(STEPS)
        self._words = Words(())
        self._unmarked: tuple[list[int], list[Digest]] = ([], [])
        self._unmarked_event: Digest | None = None

    def tell(self) -> int:
        """Tell at most `TELL_AT_MOST` untold transitions; how many were told.

        1. Read the oldest untold ones. 2. Send their counts and distributions. 3. If the Agent
        took them, mark them told and gather their events in one transaction. 4. Send the events
        that are ripe, marking each. A crash between sending and marking tells them again; an
        Agent that is away leaves them untold. Raises what a store raises that cannot be written
        to; what was sent by then is marked, and not sent again, once it can be.
        """
        self._mark()  # what an earlier try sent and the store could not take
        untold = self._outbox.untold(TELL_AT_MOST)
        if untold:
            self._emitter.handed_over()  # what was lost before is no loss of these
            groups = _grouped(untold)
            digests: list[Digest] = []
            for shape, group in groups.items():
                digests += self._tell_group(shape, group)
            if not self._emitter.handed_over():
                return 0
            self._unmarked = ([row.id for row in untold], digests)
            self._mark()
        self._send_events()
        return len(untold)

    def _mark(self) -> None:
        # The event first: news gathered into it after it was sent would count as sent.
        if self._unmarked_event is not None:
            self._outbox.mark_sent(self._unmarked_event, self._clock())
            self._unmarked_event = None
        transition_ids, digests = self._unmarked
        if transition_ids:
            self._outbox.mark_told(transition_ids, digests, self._clock())
            self._unmarked = ([], [])

    def _tell_group(self, shape: Untold, group: _Group) -> list[Digest]:
        emitter, kind = self._emitter, shape.document_type
        digests = []
        if shape.outcome is not None:
            outcome, step = shape.outcome, self._steps.tag(shape.to_step)
            tags = {"document_type": kind, "outcome": outcome}
            emitter.count("lightkeeper.documents.outcomes", group.count, step=step, **tags)
            emitter.distribution("lightkeeper.documents.processing_time", group.processing, **tags)
            emitter.distribution("lightkeeper.documents.detection_delay", group.detection, **tags)
            digests.append(_digest(EventKey(DOCUMENT_EVENT, kind, step, outcome), group))
        for name, word in orjson.loads(shape.step_changes):
            step, outcome = self._steps.tag(name), word.lower()
            emitter.count(
                "lightkeeper.step.outcomes",
                group.count,
                document_type=kind,
                step=step,
                outcome=outcome,
            )
            digests.append(_digest(EventKey(STEP_EVENT, kind, step, outcome), group))
        self._tell_remarks(shape, group.count)
        return digests

    def _tell_remarks(self, shape: Untold, count: int) -> None:
        for remark in orjson.loads(shape.remarks):
            what, _, word = remark.partition(":")
            if what in _UNKNOWN:
                self._emitter.count(
                    "lightkeeper.answers.unknown_words",
                    count,
                    field=what,
                    word=self._words.tag(word),
                )
            elif name := _SILENCE.get(Remark(what)):
                self._emitter.count(
                    name, count, service="disability-application", function=shape.document_type
                )
            else:
                self._emitter.count(
                    "lightkeeper.answers.remarkable",
                    count,
                    document_type=shape.document_type,
                    remark=what,
                )

    def _send_events(self) -> None:
        for digest in self._outbox.ripe_events(self._clock()):
            kind, document_type, step, outcome = digest.key
            self._emitter.event(
                kind,
                _title(digest),
                _text(digest),
                alert_type=_ALERT_TYPES.get(outcome, "info"),
                # A step's name may be long, and what is cut off must not be what tells it apart.
                aggregation_key=":".join((kind, document_type, outcome, step)),
                document_type=document_type,
                step=step,
                outcome=outcome,
            )
            if not self._emitter.handed_over():
                return
            self._unmarked_event = digest
            self._mark()

    def gauges(self) -> None:
        """Send the store's state, zeros included, so that no monitor ever sees a hole."""
        now = self._clock()
        self._counts()
        self._oldest(now)
        backlog = self._outbox.backlog()
        since = {
            "documents.oldest_failure_age": self._levels.oldest_failure(),
            "intake.newest_age": self._levels.newest(),
            "poll.due_lag": self._levels.due_since(now),
            "outbox.age": backlog.oldest_at,
        }
        for name, at in since.items():
            self._emitter.gauge(f"lightkeeper.{name}", _seconds_since(at, now))
        self._emitter.gauge("lightkeeper.outbox.depth", backlog.depth)
        self._emitter.gauge("lightkeeper.documents.unobserved", self._levels.unobserved(now))
        self._emitter.handed_over()

    def _counts(self) -> None:
        counts: Counter[tuple[str, str, str]] = Counter()
        for level in self._levels.totals():
            step = self._steps.tag(level.step)
            for name in (level.lighthouse_status, *COUNTED_AS.get(level.condition, ())):
                at = step if name in _BY_STEP else ""
                counts[name, level.document_type, at] += level.document_count
        for kind in DOCUMENT_TYPES:
            for name in _BY_TYPE:
                value = counts[name, kind, ""]
                self._emitter.gauge(f"lightkeeper.documents.{name}", value, document_type=kind)
            for name, step in product(_BY_STEP, self._steps.seen):
                value = counts[name, kind, step]
                self._emitter.gauge(
                    f"lightkeeper.documents.{name}", value, document_type=kind, step=step
                )

    def _oldest(self, now: Instant) -> None:
        ages = dict.fromkeys(product(DOCUMENT_TYPES, self._steps.seen), 0.0)
        for oldest in self._levels.oldest_pending():
            key = (oldest.document_type, self._steps.tag(oldest.step))
            ages[key] = max(ages.get(key, 0.0), _seconds_since(oldest.tracked_at, now))
        for (kind, step), age in ages.items():
            self._emitter.gauge(
                "lightkeeper.documents.oldest_pending_age", age, document_type=kind, step=step
            )


def _seconds_since(at: Instant | None, now: Instant) -> float:
    return 0.0 if at is None else max(0, now - at) / SECOND


def _grouped(untold: list[Untold]) -> dict[Untold, _Group]:
    """Transitions by what they say; a group's key is one of them with the particulars blank."""
    shapes: dict[tuple[object, ...], tuple[Untold, _Group]] = {}
    for row in untold:
        key = (row.document_type, row.outcome, row.to_step, row.step_changes, row.remarks)
        found = shapes.get(key)
        if found is None:
            found = shapes[key] = (row, _Group(first_at=row.at))
        group = found[1]
        group.count += 1
        group.last_at = row.at
        if group.count <= MAX_IDS_IN_EVENT:
            group.request_ids.append(row.request_id)
        if row.processing_ms is not None:
            group.processing.append(row.processing_ms / SECOND)
        if row.detection_ms is not None:
            group.detection.append(row.detection_ms / SECOND)
    return dict(shapes.values())


def _digest(key: EventKey, group: _Group) -> Digest:
    return Digest(0, key, group.count, tuple(group.request_ids), group.first_at, group.last_at)


def _title(digest: Digest) -> str:
    kind, document_type, step, outcome = digest.key
    what = "document" if digest.document_count == 1 else "documents"
    at = "" if step in {"complete", "none"} else f" at {step.upper()}"
    if kind == STEP_EVENT:
        return f"{digest.document_count} {document_type} {what}: {step.upper()} is {outcome}"
    return f"{digest.document_count} {document_type} {what} {outcome}{at}"


def _text(digest: Digest) -> str:
    ids = ", ".join(str(request_id) for request_id in digest.request_ids)
    more = digest.document_count - len(digest.request_ids)
    tail = f" and {more} more" if more > 0 else ""
    lines = [
        f"lighthouse_request_id: {ids}{tail}",
        f"Seen between {_utc(digest.first_at)} and {_utc(digest.last_at)}.",
    ]
    if digest.key.outcome == Outcome.FAILED:
        lines.append("History of one: lightkeeper show REQUEST_ID")
    return "\n".join(lines)


def _utc(at: Instant) -> str:
    return datetime.fromtimestamp(at / SECOND, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
