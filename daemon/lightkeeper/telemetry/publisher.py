"""Telling Datadog: the store's state as gauges, untold transitions as counts and events."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import product
from typing import Final

import orjson

from lightkeeper.domain.change import Objective, Outcome, Remark
from lightkeeper.domain.time import SECOND, Instant
from lightkeeper.store.levels import COUNTED_AS, Levels
from lightkeeper.store.outbox import MAX_IDS_IN_EVENT, Digest, EventKey, Outbox, Unpublished
from lightkeeper.telemetry.dogstatsd import Emitter
from lightkeeper.telemetry.signals import DOCUMENT_TYPES, STEPS
from lightkeeper.telemetry.tag_values import OpenTag

PUBLISH_AT_MOST: Final = 1_000
PORTION: Final = 20
"""Ended documents told in one datagram, or in few: it arrives whole or not at all."""
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
_JUDGED = (Remark.SLO_MET, Remark.SLO_MISSED)
_UNKNOWN = (Remark.UNKNOWN_STATUS, Remark.UNKNOWN_STEP, Remark.UNKNOWN_STEP_STATUS)


@dataclass(slots=True)
class _Group:
    """Untold transitions that say the same about different documents."""

    count: int = 0
    transition_ids: list[int] = field(default_factory=list)
    request_ids: list[int] = field(default_factory=list)
    first_at: Instant = 0
    last_at: Instant = 0
    processing: list[float] = field(default_factory=list)
    detection: list[float] = field(default_factory=list)


class Publisher:
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
        self._began = clock()
        self._steps = OpenTag(STEPS, outbox.words("step"), partial(outbox.keep_word, "step"))
        self._words = OpenTag((), outbox.words("word"), partial(outbox.keep_word, "word"))
        self._unmarked: tuple[list[int], list[Digest]] = ([], [])
        self._unmarked_event: Digest | None = None

    def reconfigure(self, emitter: Emitter) -> None:
        """Tell by this one from now on."""
        self._emitter = emitter

    def publish(self) -> int:
        """Tell at most `TELL_AT_MOST` untold transitions; how many were told.

        1. Read the oldest untold ones. 2. Send their counts and distributions. 3. Mark told what
        the Agent took, and gather its events, in one transaction. 4. Send the events
        that are ripe, marking each. A crash between sending and marking tells them again; an
        Agent that is away leaves them untold. Raises what a store raises that cannot be written
        to; what was sent by then is marked, and not sent again, once it can be.
        """
        self._mark()  # what an earlier try sent and the store could not take
        unpublished = self._outbox.unpublished(PUBLISH_AT_MOST)
        told: list[int] = []
        digests: list[Digest] = []
        self._emitter.handed_over()  # what was lost before is no loss of these
        for shape, group in _grouped(unpublished):
            portion = self._publish_group(shape, group)
            # Each by itself: an Agent that stalls in the middle has had what it took, once.
            if not self._emitter.handed_over():
                break
            told += group.transition_ids
            digests += portion
        self._unmarked = (told, digests)
        self._mark()
        if len(told) == len(unpublished):
            self._send_events()
        return len(told)

    def _mark(self) -> None:
        # The event first: news gathered into it after it was sent would count as sent.
        if self._unmarked_event is not None:
            self._outbox.mark_sent(self._unmarked_event, self._clock())
            self._unmarked_event = None
        transition_ids, digests = self._unmarked
        if transition_ids:
            self._outbox.mark_published(transition_ids, digests, self._clock())
            self._unmarked = ([], [])

    def _publish_group(self, shape: Unpublished, group: _Group) -> list[Digest]:
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
        self._publish_remarks(shape, group.count)
        return digests

    def _publish_remarks(self, shape: Unpublished, count: int) -> None:
        for remark in orjson.loads(shape.remarks):
            what, _, word = remark.partition(":")
            if what in _UNKNOWN:
                self._emitter.count(
                    "lightkeeper.answers.unknown_words",
                    count,
                    field=what,
                    word=self._words.tag(word),
                )
            elif what in _JUDGED:
                for objective in Objective:
                    self._emitter.count(
                        f"lightkeeper.slo.{objective}",
                        count,
                        document_type=shape.document_type,
                        result="bad" if objective in word.split(",") else "good",
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
            "intake.newest_age": self._levels.newest() or self._began,
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


def _grouped(unpublished: list[Unpublished]) -> list[tuple[Unpublished, _Group]]:
    """Transitions by what they say, each group beside the first of them."""
    groups: list[tuple[Unpublished, _Group]] = []
    latest: dict[tuple[object, ...], _Group] = {}
    for row in unpublished:
        key = (row.document_type, row.outcome, row.to_step, row.step_changes, row.remarks)
        group = latest.get(key)
        if group is None or len(group.detection) >= PORTION or len(group.processing) >= PORTION:
            group = latest[key] = _Group(first_at=row.at)
            groups.append((row, group))
        group.count += 1
        group.transition_ids.append(row.id)
        group.last_at = row.at
        if group.count <= MAX_IDS_IN_EVENT:
            group.request_ids.append(row.request_id)
        if row.processing_ms is not None:
            group.processing.append(row.processing_ms / SECOND)
        if row.detection_ms is not None:
            group.detection.append(row.detection_ms / SECOND)
    return groups


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
