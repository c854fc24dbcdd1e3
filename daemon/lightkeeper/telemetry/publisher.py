"""Publishes transitions: as counts and distributions at once, as events when they are due."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from lightkeeper.domain.change import Objective, Remark, RemarkKind
from lightkeeper.domain.time import SECOND, Instant
from lightkeeper.store import remarks, step_changes
from lightkeeper.store.outbox import MAX_IDS_IN_EVENT, Digest, EventKey, Outbox, Unpublished
from lightkeeper.telemetry.dogstatsd import Emitter
from lightkeeper.telemetry.events import DOCUMENT_EVENT, STEP_EVENT, Events
from lightkeeper.telemetry.tag_values import OpenTag
from lightkeeper.telemetry.tags import STEPS

PUBLISH_AT_MOST: Final = 1_000
TRACKED_AT_MOST: Final = 10_000
PORTION: Final = 50
"""Ended documents published in one datagram, or in few: it arrives whole or not at all."""

_SILENCE = {
    RemarkKind.VETERAN_MUST_ACT: "silent_failure",
    RemarkKind.NOTICE_DELIVERED: "silent_failure_avoided",
    RemarkKind.NOTICE_SENT: "silent_failure_avoided_no_confirmation",
}
_VERDICT = (RemarkKind.SLO_MET, RemarkKind.SLO_MISSED)
_UNKNOWN = (RemarkKind.UNKNOWN_STATUS, RemarkKind.UNKNOWN_STEP, RemarkKind.UNKNOWN_STEP_STATUS)


@dataclass(slots=True)
class _TransitionGroup:
    """Unpublished transitions that say the same about different documents."""

    document_type: str
    outcome: str | None
    to_step: str
    step_changes: tuple[tuple[str, str], ...]
    remarks: tuple[Remark, ...]
    count: int = 0
    transition_ids: list[int] = field(default_factory=list)
    request_ids: list[int] = field(default_factory=list)
    first_at: Instant = 0
    last_at: Instant = 0
    processing: list[float] = field(default_factory=list)
    detection: list[float] = field(default_factory=list)


class Publisher:
    """Publishes what the store says; no transaction is open while it sends.

    `steps` holds the step words that have a tag value of their own.
    """

    def __init__(self, outbox: Outbox, emitter: Emitter, clock: Callable[[], Instant]) -> None:
        self._outbox = outbox
        self._emitter = emitter
        self._clock = clock
        self.steps = OpenTag(STEPS, outbox.words("step"), partial(outbox.keep_word, "step"))
        self._words = OpenTag((), outbox.words("word"), partial(outbox.keep_word, "word"))
        self._events = Events(outbox, emitter, clock)
        self._unmarked: tuple[list[int], list[Digest]] = ([], [])
        self._unmarked_tracked: int | None = None

    def reconfigure(self, emitter: Emitter) -> None:
        """Send through this emitter from now on."""
        self._emitter = emitter
        self._events.reconfigure(emitter)

    def publish(self) -> int:
        """Publish the oldest `PUBLISH_AT_MOST` unpublished transitions; how many were published.

        1. Read them, and keep the words that are new. 2. Send their counts and distributions.
        3. Mark published what the Agent has, and gather its events, in one transaction. 4. Send
        the events that are due, marking each, and count what was newly tracked. A crash between
        sending and marking publishes it again; an unreachable Agent leaves it unpublished. Raises
        what a store raises that cannot be written to; what was sent by then is marked, and not
        sent again, once it can be.
        """
        self._mark()  # what an earlier call sent and the store could not take
        unpublished = self._outbox.unpublished(PUBLISH_AT_MOST)
        published: list[int] = []
        digests: list[Digest] = []
        self._emitter.flush()  # what was lost before is no loss of these
        groups = _grouped(unpublished)
        for group in groups:
            self._keep_words(group)
        for group in groups:
            portion = self._publish_group(group)
            # One group at a time: what a stalled Agent took before it stalled is not sent again.
            if not self._emitter.flush():
                break
            published += group.transition_ids
            digests += portion
        self._unmarked = (published, digests)
        self._mark()
        if len(published) == len(unpublished):
            self._events.send_due()
            self._publish_tracked()
        return len(published)

    def _publish_tracked(self) -> None:
        """Count the next `TRACKED_AT_MOST` tracked documents; mark them once the Agent has it."""
        found = self._outbox.newly_tracked(TRACKED_AT_MOST)
        if found is None:
            return
        for kind, count in found.by_type.items():
            self._emitter.count("lightkeeper.documents.tracked", count, document_type=kind)
        if self._emitter.flush():
            self._unmarked_tracked = found.up_to
            self._mark()

    def _mark(self) -> None:
        if self._unmarked_tracked is not None:
            self._outbox.mark_tracked(self._unmarked_tracked)
            self._unmarked_tracked = None
        self._events.mark()
        transition_ids, digests = self._unmarked
        if transition_ids:
            self._outbox.mark_published(transition_ids, digests, self._clock())
            self._unmarked = ([], [])

    def _keep_words(self, group: _TransitionGroup) -> None:
        """Keep the unknown words that it has: once a part was sent, the store may refuse none."""
        if group.outcome is not None:
            self.steps.tag(group.to_step)
        for name, _ in group.step_changes:
            self.steps.tag(name)
        for kind, detail in group.remarks:
            if kind in _UNKNOWN:
                self._words.tag(detail or "")

    def _publish_group(self, group: _TransitionGroup) -> list[Digest]:
        emitter, kind = self._emitter, group.document_type
        digests = []
        if group.outcome is not None:
            outcome, step = group.outcome, self.steps.tag(group.to_step)
            tags = {"document_type": kind, "outcome": outcome}
            emitter.count("lightkeeper.documents.outcomes", group.count, step=step, **tags)
            emitter.distribution("lightkeeper.documents.processing_time", group.processing, **tags)
            emitter.distribution("lightkeeper.documents.detection_delay", group.detection, **tags)
            digests.append(_digest(EventKey(DOCUMENT_EVENT, kind, step, outcome), group))
        for name, word in group.step_changes:
            step, outcome = self.steps.tag(name), word.lower()
            emitter.count(
                "lightkeeper.step.outcomes",
                group.count,
                document_type=kind,
                step=step,
                outcome=outcome,
            )
            digests.append(_digest(EventKey(STEP_EVENT, kind, step, outcome), group))
        self._publish_remarks(group)
        return digests

    def _publish_remarks(self, group: _TransitionGroup) -> None:
        self._publish_verdict(group)
        for kind, detail in group.remarks:
            if kind in _VERDICT:
                continue
            if kind in _UNKNOWN:
                self._emitter.count(
                    "lightkeeper.answers.unknown_words",
                    group.count,
                    field=kind,
                    word=self._words.tag(detail or ""),
                )
            elif name := _SILENCE.get(kind):
                self._emitter.count(
                    name,
                    group.count,
                    service="disability-application",
                    function=group.document_type,
                )
            else:
                self._emitter.count(
                    "lightkeeper.answers.remarkable",
                    group.count,
                    document_type=group.document_type,
                    remark=kind,
                )

    def _publish_verdict(self, group: _TransitionGroup) -> None:
        verdict = {remark.detail for remark in group.remarks if remark.kind in _VERDICT}
        for objective in Objective if verdict else ():
            self._emitter.count(
                f"lightkeeper.slo.{objective}",
                group.count,
                document_type=group.document_type,
                result="bad" if objective in verdict else "good",
            )


def _grouped(unpublished: list[Unpublished]) -> list[_TransitionGroup]:
    """Transitions by what they say."""
    groups: list[_TransitionGroup] = []
    latest: dict[tuple[object, ...], _TransitionGroup] = {}
    for row in unpublished:
        key = (row.document_type, row.outcome, row.to_step, row.step_changes, row.remarks)
        group = latest.get(key)
        if group is None or len(group.detection) >= PORTION or len(group.processing) >= PORTION:
            group = latest[key] = _TransitionGroup(
                document_type=row.document_type,
                outcome=row.outcome,
                to_step=row.to_step,
                step_changes=step_changes.decode(row.step_changes),
                remarks=remarks.decode(row.remarks),
                first_at=row.at,
            )
            groups.append(group)
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


def _digest(key: EventKey, group: _TransitionGroup) -> Digest:
    return Digest(key, group.count, tuple(group.request_ids), group.first_at, group.last_at)
