"""Sends published transitions as events: failures within a minute, progress once an hour."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from lightkeeper.domain.change import Outcome
from lightkeeper.domain.document import Step
from lightkeeper.domain.time import HOUR, MINUTE, SECOND, Instant
from lightkeeper.store.outbox import Digest, EventKey, Outbox
from lightkeeper.telemetry.dogstatsd import Emitter

DOCUMENT_EVENT: Final = "lightkeeper.document"
STEP_EVENT: Final = "lightkeeper.step"
_ALERT_TYPES: Final[dict[str, str]] = {
    Outcome.FAILED: "error",
    Outcome.DONE: "success",
    Outcome.RECOVERED: "success",
    Outcome.SUPERSEDED: "info",
}
_URGENT: Final = frozenset({Outcome.FAILED, Outcome.RECOVERED, Outcome.SUPERSEDED})


class Events:
    """Sends what the store has gathered, and marks it sent once the Agent has it.

    Of one key, at most one event a minute is sent of what failed, recovered or was superseded,
    and at most one an hour of all else. What is gathered and not due outlives a restart.
    """

    def __init__(self, outbox: Outbox, emitter: Emitter, clock: Callable[[], Instant]) -> None:
        self._outbox = outbox
        self._emitter = emitter
        self._clock = clock
        self._unmarked: EventKey | None = None

    def reconfigure(self, emitter: Emitter) -> None:
        """Send through this emitter from now on."""
        self._emitter = emitter

    def send_due(self) -> None:
        """Send each event that is due, until the Agent is unreachable.

        Raises what a store raises that cannot be written to.
        """
        self.mark()
        now = self._clock()
        for digest in self._outbox.unsent_events():
            if not _is_due(digest, now):
                continue
            self._send(digest)
            if not self._emitter.flush():
                return
            self._unmarked = digest.key
            self.mark()

    def mark(self) -> None:
        """Mark the event that was sent last, where the store could not be written to then.

        Call this before anything is gathered: what is gathered later was not sent.
        """
        if self._unmarked is not None:
            self._outbox.mark_sent(self._unmarked, self._clock())
            self._unmarked = None

    def _send(self, digest: Digest) -> None:
        name, document_type, step, outcome = digest.key
        self._emitter.event(
            name,
            _title(digest),
            _text(digest),
            alert_type=_ALERT_TYPES.get(outcome, "info"),
            # The step comes last: it may be long, and the end of a long key is cut off.
            aggregation_key=":".join((name, document_type, outcome, step)),
            document_type=document_type,
            step=step,
            outcome=outcome,
        )


def _is_due(digest: Digest, now: Instant) -> bool:
    interval = MINUTE if digest.key.outcome in _URGENT else HOUR
    # One sent in the future, before the clock was set back, delays nothing.
    return digest.sent_at is None or not now - interval < digest.sent_at <= now


def _title(digest: Digest) -> str:
    name, document_type, step, outcome = digest.key
    what = "document" if digest.document_count == 1 else "documents"
    at = "" if step in {Step.COMPLETE, Step.NONE} else f" at {step.upper()}"
    if name == STEP_EVENT:
        return f"{digest.document_count} {document_type} {what}: {step.upper()} is {outcome}"
    return f"{digest.document_count} {document_type} {what} {outcome}{at}"


def _text(digest: Digest) -> str:
    ids = ", ".join(str(request_id) for request_id in digest.request_ids)
    more = digest.document_count - len(digest.request_ids)
    tail = f" and {more} more" if more > 0 else ""
    lines = [
        f"lighthouse_request_id: {ids}{tail}",
        f"Recorded between {_utc(digest.first_at)} and {_utc(digest.last_at)}.",
    ]
    if digest.key.outcome == Outcome.FAILED:
        lines.append(f"What to do first: lightkeeper show {digest.request_ids[0]}")
    return "\n".join(lines)


def _utc(at: Instant) -> str:
    return datetime.fromtimestamp(at / SECOND, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
