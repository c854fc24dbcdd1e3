"""The one table of every signal that leaves the daemon.

The emitter refuses what is not in it; monitors, dashboards, docs and tests are checked
against it.
"""

from collections.abc import Iterator
from typing import Final, TypeAlias

from lightkeeper.telemetry.signals import (
    CALL_OUTCOMES,
    DOCUMENT_TYPES,
    ENDINGS,
    STEP_OUTCOMES,
    STEPS,
    Kind,
    Sender,
    Signal,
)

_Tags: TypeAlias = dict[str, tuple[str, ...]]
_TYPE: Final[_Tags] = {"document_type": DOCUMENT_TYPES}
_TYPE_STEP: Final[_Tags] = {**_TYPE, "step": STEPS}
_TYPE_ENDING: Final[_Tags] = {**_TYPE, "outcome": ENDINGS}
_TYPE_STEP_ENDING: Final[_Tags] = {**_TYPE_STEP, "outcome": ENDINGS}
_TYPE_STEP_OUTCOME: Final[_Tags] = {**_TYPE_STEP, "outcome": STEP_OUTCOMES}
_TYPE_RESULT: Final[_Tags] = {**_TYPE, "result": ("good", "bad")}
_TYPE_REMARK: Final[_Tags] = {
    **_TYPE,
    "remark": ("contradictory", "housekeeping", "not_found", "found", "reopened"),
}
_TYPE_REASON: Final[_Tags] = {**_TYPE, "reason": ("missing", "malformed", "refused")}
_WORD: Final[_Tags] = {
    "field": ("unknown_status", "unknown_step", "unknown_step_status"),
    "word": (),
}
# VA's own tags. BDD instructions are none of the veteran's papers: they are never among these.
_SILENCE: Final[_Tags] = {
    "service": ("disability-application",),
    "function": tuple(kind for kind in DOCUMENT_TYPES if kind != "bdd_instructions"),
}

_TABLE: Final[dict[tuple[Kind, Sender], dict[str, tuple[str, _Tags, str]]]] = {
    (Kind.COUNT, Sender.NEWS): {
        "lightkeeper.documents.outcomes": (
            "document",
            _TYPE_STEP_ENDING,
            "Documents that ended: delivered, failed at a step, or delivered after a failure.",
        ),
        "lightkeeper.step.outcomes": (
            "document",
            _TYPE_STEP_OUTCOME,
            "Changes of a step's status, as Lighthouse reports it.",
        ),
        "lightkeeper.answers.remarkable": (
            "document",
            _TYPE_REMARK,
            "Answers that were usable and odd, told when a document's answer became so.",
        ),
        "lightkeeper.answers.unknown_words": (
            "document",
            _WORD,
            "Words Lighthouse used that its contract does not know; told when they change.",
        ),
        "lightkeeper.slo.outcome": (
            "document",
            _TYPE_RESULT,
            "Documents judged, once each: good when final within 48 hours (a setting).",
        ),
        "lightkeeper.slo.efolder": (
            "document",
            _TYPE_RESULT,
            "The same documents: good when provably in the eFolder once final, or in that time.",
        ),
        "lightkeeper.slo.detection": (
            "document",
            _TYPE_RESULT,
            "The same documents: good when final in that time and learned of within 15 minutes.",
        ),
        "silent_failure": (
            "document",
            _SILENCE,
            "Documents the veteran must send again without having been told so; VA's own name.",
        ),
        "silent_failure_avoided": (
            "document",
            _SILENCE,
            "Such documents of which a notice reached the veteran; notices are still to come.",
        ),
        "silent_failure_avoided_no_confirmation": (
            "document",
            _SILENCE,
            "Such documents of which a notice was sent; notices are still to come.",
        ),
    },
    (Kind.COUNT, Sender.SLICE): {
        "lightkeeper.answers.unusable": (
            "document",
            _TYPE_REASON,
            "Documents asked about without a usable word in return.",
        ),
        "lightkeeper.answers.unrequested": (
            "document",
            {},
            "Ids Lighthouse answered for though nobody had asked.",
        ),
        "lightkeeper.poll.batches": (
            "request",
            {"outcome": CALL_OUTCOMES},
            "Calls to Lighthouse by how they ended.",
        ),
        "lightkeeper.poll.documents": ("document", {}, "Documents in calls that were answered."),
        "lightkeeper.cycle.success": (
            "operation",
            {},
            "Polling slices in which not every call failed; one with nothing due counts, one that "
            "waits after a 429 does not.",
        ),
    },
    (Kind.COUNT, Sender.LOSSES): {
        "lightkeeper.dogstatsd.lost": (
            "packet",
            {},
            "Packets that did not reach the Agent, as far as can be known; news is told again.",
        ),
        "lightkeeper.dogstatsd.refused": (
            "error",
            {},
            "Signals that are not in this table, and were not sent: a mistake in lightkeeper.",
        ),
    },
    (Kind.DISTRIBUTION, Sender.NEWS): {
        "lightkeeper.documents.processing_time": (
            "second",
            _TYPE_ENDING,
            "Lighthouse's own start to end of a document that ended.",
        ),
        "lightkeeper.documents.detection_delay": (
            "second",
            _TYPE_ENDING,
            "Lighthouse's end of a document to our learning of it.",
        ),
    },
    (Kind.GAUGE, Sender.LEVELS): {
        "lightkeeper.documents.pending": (
            "document",
            _TYPE_STEP,
            "Documents neither done nor failed, by the step they are at.",
        ),
        "lightkeeper.documents.done": (
            "document",
            _TYPE,
            "Documents delivered, of all ever tracked.",
        ),
        "lightkeeper.documents.failed": (
            "document",
            _TYPE_STEP,
            "Documents that failed and did not recover, of all ever tracked.",
        ),
        "lightkeeper.documents.unacknowledged": (
            "document",
            _TYPE_STEP,
            "Failed documents nobody has taken up.",
        ),
        "lightkeeper.documents.in_efolder_not_bgs": (
            "document",
            _TYPE,
            "Failed documents that are in the eFolder all the same, not taken up: staff act.",
        ),
        "lightkeeper.documents.efolder_unknown": (
            "document",
            _TYPE,
            "Failed documents perhaps in the eFolder, not taken up: staff look first.",
        ),
        "lightkeeper.documents.contradictory": (
            "document",
            _TYPE,
            "Documents done by their status and not by their steps, not taken up.",
        ),
        "lightkeeper.documents.slow": (
            "document",
            _TYPE_STEP,
            "Pending documents Lighthouse called unfinished after 24 h (a setting), not taken up.",
        ),
        "lightkeeper.documents.stuck": (
            "document",
            _TYPE_STEP,
            "The same after 48 hours (a setting); they are slow as well.",
        ),
        "lightkeeper.documents.overdue": (
            "document",
            _TYPE_STEP,
            "The same after 96 hours (a setting); they are stuck as well.",
        ),
        "lightkeeper.documents.not_found": (
            "document",
            _TYPE,
            "Pending documents Lighthouse does not know, not taken up.",
        ),
        "lightkeeper.documents.unobserved": (
            "document",
            {},
            "Pending documents over 2 hours without an answer they should have, not taken up.",
        ),
        "lightkeeper.documents.oldest_pending_age": (
            "second",
            _TYPE_STEP,
            "Age since hand-over to Lighthouse of the oldest pending document nobody took up.",
        ),
        "lightkeeper.documents.oldest_failure_age": (
            "second",
            {},
            "How long the failure has waited that waits longest to be taken up.",
        ),
        "lightkeeper.intake.newest_age": (
            "second",
            {},
            "How long ago a document was handed in last.",
        ),
        "lightkeeper.poll.due_lag": (
            "second",
            {},
            "How long the document that waits longest for its turn to be asked about has waited.",
        ),
        "lightkeeper.outbox.depth": (
            "event",
            {},
            "Changes not told yet, and events not sent yet.",
        ),
        "lightkeeper.outbox.age": (
            "second",
            {},
            "How long the oldest change has waited to be told.",
        ),
    },
    (Kind.GAUGE, Sender.PULSE): {
        "lightkeeper.poll.failing_for": (
            "second",
            {},
            "How long every call to Lighthouse has failed; 0 while it answers.",
        ),
        "lightkeeper.lighthouse.calls_left": (
            "request",
            {},
            "Calls left in this minute, as Lighthouse says; sent once it has said so.",
        ),
        "lightkeeper.heartbeat": ("", {}, "Always 1: the daemon's loop turns."),
    },
    (Kind.SERVICE_CHECK, Sender.PULSE): {
        "lightkeeper.lighthouse.can_connect": (
            "",
            {},
            "Whether Lighthouse answered the last calls, with whatever; unknown before the first.",
        ),
        "lightkeeper.lighthouse.can_authenticate": (
            "",
            {},
            "Whether Lighthouse took our token at the last calls; unknown before the first.",
        ),
        "lightkeeper.database.can_write": ("", {}, "Whether the store can be written to."),
        "lightkeeper.polling": (
            "",
            {},
            "Whether polling gets on: calls are answered, or nothing is due.",
        ),
    },
    (Kind.EVENT, Sender.NEWS): {
        "lightkeeper.document": (
            "event",
            _TYPE_STEP_ENDING,
            "Documents ended; at most one a minute for the same tags, with a count and first ids.",
        ),
        "lightkeeper.step": (
            "event",
            _TYPE_STEP_OUTCOME,
            "Steps changed; at most one a minute for the same tags, with a count and first ids.",
        ),
    },
}


def _signals() -> Iterator[Signal]:
    for (kind, sender), rows in _TABLE.items():
        for name, (unit, tags, meaning) in rows.items():
            yield Signal(name, kind, sender, unit, tags, meaning)


CATALOGUE: Final = {signal.name: signal for signal in _signals()}
